"""The set-up's own decisions: when there is nothing to do, and the sentence for each thing that goes wrong."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up script, pointed to a checkout and an environment in a temporary folder."""
    module = load("bootstrap")
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "LOG": venv / "setup.log",
        "STAMP": venv / "setup.stamp",
    }.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 11, 7), (3, 12, 1)])
def test_wrong_python__fits(bootstrap: ModuleType, version: tuple[int, ...]) -> None:
    assert bootstrap.wrong_python(version) == ""


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18), (3, 13, 0)])
def test_wrong_python__does_not_fit(bootstrap: ModuleType, version: tuple[int, ...]) -> None:
    said = bootstrap.wrong_python(version)
    assert "3.10 to 3.12" in said
    assert ".".join(map(str, version)) in said
    assert "PYTHON=" in said


def test_set_up__a_second_time_costs_nothing(bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.STAMP.write_text(bootstrap.fingerprint())
    started = time.monotonic()
    assert bootstrap.main([]) == 0
    assert time.monotonic() - started < 1
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "pyproject.toml", "setup.py"])
def test_up_to_date__a_changed_file_sets_up_again(bootstrap: ModuleType, name: str) -> None:
    bootstrap.STAMP.write_text(bootstrap.fingerprint())
    with (bootstrap.ROOT / name).open("a") as file:
        file.write("# changed\n")
    assert not bootstrap.up_to_date()


def test_check_space__too_little(bootstrap: ModuleType, tmp_path: Path) -> None:
    bootstrap.check_space(tmp_path, 0.0)
    with pytest.raises(bootstrap.SetupError, match=r"has \d.* GB free and the installation needs 1e\+09 GB; make room"):
        bootstrap.check_space(tmp_path, 1e9)


def test_pip__no_network(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens on the loopback's port 9, so this is what pip meets on a machine without a network.
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(
        bootstrap.SetupError, match=r"index cannot be reached; check the network .* \(details in .*setup\.log\)"
    ):
        bootstrap.pip("Installing", "surely-not-installed-here")
    assert "surely-not-installed-here" in bootstrap.LOG.read_text()
    assert not (bootstrap.VENV / "tmp").exists()


def test_run__shows_progress_and_keeps_the_output_away(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap.run("Saying much", [sys.executable, "-c", "print('WARNING: noise')"])
    printed = capsys.readouterr().out
    assert printed.startswith("Saying much ...")
    assert "noise" not in printed
    assert "WARNING: noise" in bootstrap.LOG.read_text()


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("building 'x' extension\nerror: command 'gcc' failed: No such file or directory", "no working C compiler"),
        ("error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1", "no working C compiler"),
        ("WARNING: Retrying after 'NewConnectionError(...)'\nERROR: No matching distribution", "cannot be reached"),
        ("Temporary failure resolving 'deb.debian.org'", "cannot be reached"),
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]", "certificate is not trusted"),
        ("Collecting x\nERROR: Package 'x' needs another Python\n", "ERROR: Package 'x' needs another Python"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_explain(bootstrap: ModuleType, printed: str, sentence: str) -> None:
    said = bootstrap.explain(printed)
    assert sentence in said
    assert said.endswith("setup.log).")


def test_mongod_sentence__missing_library(bootstrap: ModuleType) -> None:
    said = bootstrap.mongod_sentence(
        "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    )
    assert "libcurl.so.4" in said
    assert "apt-get install" in said


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")  # as for a script that is run
    return load("home")


def test_choose_port__taken(home: ModuleType) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not home.is_free(port)
        with pytest.raises(SystemExit, match=f"Port {port} is taken by another program; choose another, such as PORT="):
            home.choose_port(str(port))
    assert home.choose_port(str(port)) == port


@pytest.mark.parametrize("wanted", ["nonsense", "80", "70000"])
def test_choose_port__no_port(home: ModuleType, wanted: str) -> None:
    with pytest.raises(SystemExit, match="PORT must be a number from 1024 to 65535"):
        home.choose_port(wanted)


def test_make__help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = makefile.split(".PHONY:")[1].split("\n")[0].split()
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    assert named == [target for target in targets if target != "python"]


def test_make__no_python() -> None:
    done = subprocess.run(
        ["make", "setup", "PYTHON=no-such-python"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "There is no no-such-python here: install Python 3.10 to 3.12" in done.stderr
