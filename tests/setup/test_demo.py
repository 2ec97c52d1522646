"""The embedded data set, and the demo as `make demo` runs it: planted, found, reused, rebuilt."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from image_curation.core.base.arrays import Interrupted
from image_curation.core.images.reading import UnreadableImage, read_image
from image_curation.dataset.demo import (
    COPY,
    DAMAGED,
    FLIPPED,
    NEAR_COPY,
    PHOTOGRAPHS,
    PLANTED,
    PLANTED_PIECES,
    Truth,
    count_planted,
    ensure_demo,
    ensure_photographs,
)

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = [sys.executable, str(ROOT / "scripts" / "demo.py")]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Truth]]:
    folder = tmp_path_factory.mktemp("demo") / "digits"
    return folder, ensure_demo(folder)


def test_ensure_demo__plants_what_it_announces(digits: tuple[Path, list[Truth]]) -> None:
    folder, truth = digits
    assert count_planted(truth) == PLANTED
    assert len(truth) == 1797 + PLANTED[COPY] + PLANTED[NEAR_COPY] + PLANTED[DAMAGED]
    for one in truth:
        assert (folder / "images" / one.path).is_file()
        assert (one.path.split("/")[0] != one.true_label) == (one.planted == FLIPPED)
    # Nothing is planted twice in the same picture: the copies are of files that are as they should be.
    clean = {one.path for one in truth if not one.planted}
    assert {one.copy_of for one in truth if one.copy_of} <= clean


@pytest.mark.slow
def test_ensure_photographs__pieces_of_what_packages_ship(tmp_path: Path) -> None:
    """Nine pieces of each photograph, in train and test folders by class; what is announced is there."""
    truth = ensure_photographs(tmp_path / "photographs")
    assert count_planted(truth) == PLANTED_PIECES
    assert len(truth) == 9 * len(PHOTOGRAPHS) + sum(PLANTED_PIECES.values()) - PLANTED_PIECES[FLIPPED]
    assert {one.path.split("/")[0] for one in truth} == {"train", "test"}
    for one in truth:
        assert (tmp_path / "photographs" / "images" / one.path).is_file()
        assert (one.path.split("/")[1] != one.true_label) == (one.planted == FLIPPED)
        if one.planted == COPY:
            folder = tmp_path / "photographs" / "images"
            assert (folder / one.path).read_bytes() == (folder / one.copy_of).read_bytes()


def test_ensure_demo__copies_and_damage_are_real(digits: tuple[Path, list[Truth]]) -> None:
    folder, truth = digits
    for one in truth:
        file, original = folder / "images" / one.path, folder / "images" / one.copy_of
        if one.planted == COPY:
            assert file.read_bytes() == original.read_bytes()
        if one.planted == NEAR_COPY:
            assert file.read_bytes() != original.read_bytes()
            read_image(str(file))
        if one.planted == DAMAGED:
            with pytest.raises(UnreadableImage):
                read_image(str(file))


def test_ensure_demo__a_second_time_writes_nothing(digits: tuple[Path, list[Truth]]) -> None:
    folder, truth = digits
    before = (folder / "truth.csv").stat().st_mtime_ns
    assert ensure_demo(folder) == truth
    assert (folder / "truth.csv").stat().st_mtime_ns == before


def test_ensure_demo__an_interrupted_writing_is_begun_again(tmp_path: Path) -> None:
    def stop(done: int, total: int, doing: str = "") -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        ensure_demo(tmp_path / "digits", progress=stop)
    assert not (tmp_path / "digits").exists()
    assert len(ensure_demo(tmp_path / "digits")) > 1797


@pytest.mark.slow
def test_demo__finds_what_was_planted(outside: Any) -> None:
    home = {"DEMO_HOME": str(outside.home / "demo"), "HEADLESS": "1"}
    said = outside.run(*DEMO, **home).stdout
    assert "40 x flipped label, 12 x exact copy, 8 x near copy, 5 x damaged file" in said
    assert "damaged files    5 of 5 named on import" in said
    flipped = re.search(r"flipped labels +(\d+) of 40 .* recall ([\d.]+), precision ([\d.]+)", said)
    assert flipped is not None
    assert float(flipped[2]) >= 0.85
    assert float(flipped[3]) >= 0.5
    assert "exact copies     12 of 12 have their original as nearest neighbor, at similarity 1.000 to 1.000" in said
    grouped = re.search(r"12 of 12 exact copies and (\d) of 8 near copies grouped by find_duplicates, (\d+) prop", said)
    assert grouped is not None
    assert int(grouped[1]) >= 7
    assert int(grouped[2]) <= 70  # twenty were planted; some of the digits are as good as equal
    tags = re.search(r"zero-shot tags +([\d.]+)% right on the 497 pictures", said)
    assert tags is not None
    assert float(tags[1]) >= 90

    # A second time nothing is computed.
    again = outside.run(*DEMO, **home).stdout
    assert "The dataset 'curator-demo' is used as it stands" in again
    assert again.split("Planted, and found:")[1] == said.split("Planted, and found:")[1]


@pytest.mark.slow
def test_demo__a_folder_without_labels(outside: Any, digits: tuple[Path, list[Truth]]) -> None:
    folder = outside.home / "My Photos"
    folder.mkdir()
    for one in digits[1][:12]:
        shutil.copy(digits[0] / "images" / one.path, folder)
    home = {"DEMO_HOME": str(outside.home / "demo"), "HEADLESS": "1", "IMAGES": str(folder)}
    said = outside.run(*DEMO, **home).stdout
    # Twelve images without labels: the steps that do not fit say why, the others run.
    assert "Left out find_representatives: " in said
    assert "Left out find_label_issues: " in said
    assert "Runs on 'curator-my-photos' (12 samples)" in said
    assert re.search(r"^  embeddings +[\d.]+ s  ", said, re.MULTILINE)
    assert "Deleted the dataset 'curator-my-photos'" in outside.run(*DEMO, **home, RESET="1").stdout


def test_demo__no_such_folder(outside: Any) -> None:
    done = outside.run(*DEMO, check=False, IMAGES="/no/such/folder", DEMO_HOME=str(outside.home / "demo"))
    assert done.returncode == 1
    assert done.stderr == "IMAGES must be a folder that exists; got '/no/such/folder'.\n"
    assert not (outside.home / "demo").exists()


@pytest.mark.slow
def test_app__serves_the_dataset(outside: Any) -> None:
    home = {"DEMO_HOME": str(outside.home / "demo")}
    app = [sys.executable, str(ROOT / "scripts" / "app.py")]
    empty = outside.run(*app, check=False, **home)
    assert empty.returncode == 1
    assert empty.stderr.endswith("There is no dataset yet; `make demo` makes one.\n")

    make = "import home; home.move_in(); import fiftyone as fo; fo.Dataset('mine', persistent=True)"
    outside.python(make, PYTHONPATH=str(ROOT / "scripts"), **home)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        app, cwd=outside.home, env=outside.environment | home | {"PORT": str(port)}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        address = f"http://127.0.0.1:{port}/datasets/mine"
        assert any(line == f"The App shows 'mine' at {address}\n" for line in said)  # FiftyOne may say something first
        assert _answer(f"http://127.0.0.1:{port}/fiftyone")["version"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def _answer(url: str) -> dict[str, Any]:
    """The App's answer, which takes a moment after it was started."""
    for _ in range(50):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")
