"""The command as a user types it: what it prints, what it writes, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_curation.cli.main import main

NOBODY = 65534


def check(folder: Path, *options: str) -> int:
    return main(["check", str(folder), "--model", "descriptor", *options])


def said_once(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


@pytest.mark.slow
def test_check__prints_and_judges(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(planted) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{planted}: 35 images, 2 classes, splits test 13, train 22\nLeft out: 1 .txt\n")
    assert "serious: Copies in two splits (leaks), 2. A model is tested on" in out
    assert "  test/red/leak.png  leak of: train/red/0.png\n" in out
    assert err == ""
    assert check(planted, "--fail-on", "leaks>0") == 1
    assert check(planted, "--fail-on", "leaks>2") == 0
    assert check(planted, "--fail-on", "detection_issues>0") == 3, "a gate that cannot judge does not pass"


@pytest.mark.slow
def test_check__only_what_is_new_fails(planted: Path, tmp_path: Path) -> None:
    known = str(tmp_path / "known.json")
    assert check(planted, "--fail-on", "serious>0", "--write-baseline", known) == 1
    assert check(planted, "--fail-on", "serious>0", "--baseline", known) == 0
    said = json.loads(Path(known).read_text())
    said["findings"] = [one for one in said["findings"] if one[:2] != ["leaks", "test/red/leak.png"]]
    Path(known).write_text(json.dumps(said))
    assert check(planted, "--fail-on", "leaks>0", "--baseline", known) == 1
    assert check(planted, "--fail-on", "leaks>1", "--baseline", known) == 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["{}/none"], 2, "There is no folder"),
        (["{}/empty"], 3, "No images in"),
        (["{}/notes"], 3, "it holds 1 .txt. Known endings:"),
        (["{}/empty", "--fail-on", "leaks"], 2, "--fail-on must list conditions"),
        (["{}/empty", "--out", "{}/none/report.txt"], 2, "--out must name a file in a folder that exists"),
        (["{}/empty", "--out", "{}/empty"], 2, "--out must name a file; "),
        (["{}/empty", "--format", "json", "--format", "html"], 2, "each --format must have its --out"),
        (["{}/empty", "--out", "-", "--out", "-"], 2, "got 0 and 2"),
        (["{}/empty", "--table", "{}/table.xlsx"], 2, "--table must end in .parquet, .csv or .json; got"),
        (["{}/empty", "--baseline", "{}/none.json"], 2, "There is no baseline"),
    ],
)
def test_check__refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, said: str
) -> None:
    for name in ("empty", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes" / "read.txt").write_text("me")
    assert main(["check", *(one.format(tmp_path) for one in options)]) == code
    assert said in said_once(capsys)


def test_check__without_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert said_once(capsys) == "image-curation: check needs a folder or --dataset NAME, and not both\n"


@pytest.fixture
def no_root() -> Iterator[Path]:
    """A folder of a user who is not root, who may read and write everywhere."""
    own = Path(tempfile.mkdtemp())
    user = os.geteuid()
    if user == 0:
        os.chown(own, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield own
    os.seteuid(user)
    shutil.rmtree(own)


def test_check__one_form_to_a_file_and_one_printed(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A last form without a file is printed, as one of `-` is; no file gets that name."""
    page = tmp_path / "report.html"
    for last in ((), ("--out", "-")):
        assert check(planted, "--format", "html", "--out", str(page), "--format", "json", *last) == 0
        assert json.loads(capsys.readouterr().out)["headline"]
        assert page.read_text().startswith("<!doctype html>")
        page.unlink()
    assert not Path("-").exists()


def test_check__without_permission(no_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = no_root / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    for option in ("--out", "--write-baseline"):
        assert check(no_root, option, str(closed / "report.txt")) == 3
        assert f"{option} names" in said_once(capsys)
    closed.chmod(0)
    assert check(no_root) == 3
    assert f"The folder {str(closed)!r} may not be read" in said_once(capsys)
    assert check(closed) == 3
    assert f"The folder {str(closed)!r} may not be read" in said_once(capsys)


def test_check__out_and_table_appear_whole_or_not_at_all(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.json"
    assert check(planted, "--out", str(tmp_path / "report.txt"), "--table", str(table)) == 0
    rows = json.loads(table.read_text())
    assert len(rows) == 35
    capsys.readouterr()
    before, (soft, hard) = table.read_text(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))  # as on a disk that gets full
    try:
        assert check(planted, "--table", str(table)) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in said_once(capsys)
    assert table.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.txt", "table.json"]


def test_check__stopped(planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As by Ctrl-C, a moment after the beginning."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        assert check(planted, "--table", str(tmp_path / "table.csv")) == 130
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert said_once(capsys) == "image-curation: stopped; nothing was written\n"
    assert list(tmp_path.iterdir()) == []
