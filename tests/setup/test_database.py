"""The database of our own: apart from every other, in use by one, and gone when its process is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

START = """
import sys, pathlib
sys.path.insert(0, {scripts!r})
import database
try:
    print(database.start_database(pathlib.Path({folder!r})), flush=True)
except database.DatabaseError as error:
    sys.exit(str(error))
if {wait}:
    sys.stdin.read()
"""


def start(folder: Path, wait: bool = False) -> list[str]:
    return [sys.executable, "-c", START.format(scripts=str(ROOT / "scripts"), folder=str(folder), wait=wait)]


def server_of(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "mongod.lock").read_text()))


def test_start_database__ends_with_its_process(tmp_path: Path) -> None:
    done = subprocess.run(start(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mongodb://127.0.0.1:")
    assert (tmp_path / "mongod.lock").read_text() == ""  # MongoDB empties it when it has shut down in order


def test_start_database__in_use(tmp_path: Path) -> None:
    with subprocess.Popen(start(tmp_path, wait=True), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        second = subprocess.run(start(tmp_path), capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert f"is in use by process {first.pid}, a `make demo` or `make app`" in second.stderr
        first.communicate()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_start_database__after_a_kill(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(start(tmp_path, wait=True), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        server = server_of(tmp_path)
        first.send_signal(how)
    # The next start waits for the server that was left behind, which ends by itself.
    subprocess.run(start(tmp_path), capture_output=True, check=True)
    assert not server.is_running()


def test_start_database__cannot_start(tmp_path: Path) -> None:
    (tmp_path / "mongod.lock").mkdir()  # where MongoDB wants to write a file
    done = subprocess.run(start(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The database did not start: ")
    assert "mongod.log)." in done.stderr


@pytest.mark.slow
def test_start_database__apart_from_another_fiftyone(outside: Any, tmp_path: Path) -> None:
    # FiftyOne alone would join the database of any other FiftyOne of this user: here is another one, with a dataset.
    other = "import fiftyone as fo, sys; fo.Dataset('theirs'); print('ready', flush=True); sys.stdin.read()"
    environment = outside.environment | {"FIFTYONE_DATABASE_DIR": str(tmp_path / "theirs")}
    with subprocess.Popen(
        [sys.executable, "-c", other], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=outside.home
    ) as theirs:
        assert theirs.stdout is not None
        while (line := theirs.stdout.readline()) not in (b"ready\n", b""):
            pass
        assert line == b"ready\n"
        ours = "import home; home.move_in(); import fiftyone as fo; print('datasets', fo.list_datasets())"
        said = outside.python(ours, PYTHONPATH=str(ROOT / "scripts"), DEMO_HOME=str(tmp_path / "ours"))
        assert said.splitlines()[-1] == "datasets []"
        theirs.communicate()
