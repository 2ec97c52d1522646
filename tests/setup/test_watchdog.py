"""A run of the tests ends, whatever a test, a finaliser or a forgotten thread does; and nothing it started is left."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import watchdog
from watchdog import pytest_runtest_protocol, pytest_sessionfinish
watchdog.GRACE, watchdog.END = 1, 1
"""
STUCK = """
import subprocess, sys, threading, time
import pytest

def stay():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

def left_behind():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("child", child.pid, file=sys.__stderr__, flush=True)

@pytest.fixture
def stubborn():
    yield
    stay()
"""
IN_A_FINALISER = (
    STUCK
    + """
def test_it(stubborn):
    left_behind()
"""
)
AT_EXIT = (
    STUCK
    + """
def test_it():
    left_behind()
    threading.Thread(target=stay).start()
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "what"),
    [(IN_A_FINALISER, "test_stuck.py::test_it did not end"), (AT_EXIT, "after its last test, did not end in time")],
)
def test_watchdog__ends_what_no_alarm_ends(tmp_path: Path, code: str, what: str) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_stuck.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-o", "timeout=1", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 70, done.stdout + done.stderr
    assert what in done.stderr
    assert "in stay" in done.stderr, "it says where the process was"
    assert _has_ended(int(done.stderr.split("child ")[1].split()[0]))


def _has_ended(pid: int) -> bool:
    """A process that was just killed may take a moment to go; where nobody asks for its end it stays as a zombie."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not psutil.pid_exists(pid):
            return True
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        time.sleep(0.1)
    return False
