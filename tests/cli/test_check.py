"""A check of a folder finds what was planted, and says so for each file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from image_curation.cli.check import Checked, check_folder, kinds
from image_curation.cli.conditions import is_main
from image_curation.cli.folder import ImageFolder
from image_curation.core.base.arrays import silent
from image_curation.core.base.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]


def places(checked: Checked, kind: str) -> list[str]:
    return [spot.place for spot in checked.spots if spot.kind.name == kind]


def test_check__finds_what_was_planted(checked: Checked, planted: Path) -> None:
    assert places(checked, "leaks") == ["test/red/leak.png", "train/red/0.png"]
    assert places(checked, "unreadable") == ["train/red/broken.png"]
    assert "train/red/wrong.png" in places(checked, "duplicates")
    assert places(checked, "annotations") == ["train/blue/1.png", "train/red/wrong.png"]  # one file, two classes
    leak = next(spot for spot in checked.spots if spot.place == "test/red/leak.png" and spot.kind.name == "leaks")
    assert leak.more == {"leak of": "train/red/0.png"}
    assert leak.content == hashlib.sha256((planted / leak.place).read_bytes()).hexdigest()
    assert leak.said.startswith("Copies in two splits. A model is tested on images it was trained on")
    severities = [("serious", "moderate", "minor").index(spot.kind.finding.severity) for spot in checked.spots]
    assert severities == sorted(severities)


def test_check__says_what_it_did_not_look_at(checked: Checked) -> None:
    here = {gap["title"]: gap["why"] for gap in checked.summary["not_here"]}
    assert here["Boxes that look wrong"] == "no given boxes found"
    partly = {gap["title"]: gap["why"] for gap in checked.summary["not_checked"]}
    assert partly["Outliers"] == "1 of 35 images: 1 no vector"
    assert not [why for why in partly.values() if why.startswith("failed")]
    assert "Bad files" not in partly, "a file that cannot be read was looked at"
    assert checked.looked["leaks"] == 34
    assert checked.looked["quality"] == checked.looked["unreadable"] == 35
    assert "detection_issues" not in checked.looked


def test_kinds__have_names_of_their_own() -> None:
    names = [kind.name for kind in kinds()]
    assert len(set(names)) == len(names)
    assert {"leaks", "wrong_labels", "duplicates", "unreadable", "blurry"} <= set(names)
    assert len({kind.method.name for kind in kinds()}) == sum(map(is_main, kinds()))


def test_check__a_few_images_without_labels(planted: Path, tmp_path: Path) -> None:
    for number in range(3):
        os.link(planted / f"train/red/{number}.png", tmp_path / f"{number}.png")
    checked = check_folder(ImageFolder.read(tmp_path), silent, "descriptor")
    assert checked.summary["headline"].endswith("3 samples")
    assert "no given labels found" in {gap["why"] for gap in checked.summary["not_here"]}
    assert "wrong_labels" not in checked.looked
    assert checked.looked["duplicates"] == 3


def test_check__nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    checked = check_folder(ImageFolder.read(tmp_path), silent, "descriptor")
    assert places(checked, "unreadable") == ["a.png"]
    refused = {gap["title"]: gap["why"] for gap in checked.summary["not_checked"]}
    assert refused["Outliers"] == "No image has a vector to compare it by; each must be one that can be read"


def test_check__labels_of_unreadable_images_only(planted: Path, tmp_path: Path) -> None:
    """What labels only help with runs without them."""
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "broken.png").write_bytes(b"no picture")
    for number in range(4):
        os.link(planted / f"train/red/{number}.png", tmp_path / f"{number}.png")
    shutil.copy(planted / "train/red/0.png", tmp_path / "copy.png")  # a link is no copy
    checked = check_folder(ImageFolder.read(tmp_path), silent, "descriptor")
    assert len(places(checked, "duplicates")) == 1
    assert checked.looked["duplicates"] == 5
    refused = {gap["title"]: gap["why"] for gap in checked.summary["not_checked"]}
    assert refused["Labels that look wrong"] == "No image that can be read has a label"


def test_check__a_model_that_cannot_be_had(planted: Path) -> None:
    with pytest.raises(ModelError, match="EmbeddingsParams.model must be"):
        check_folder(ImageFolder.read(planted), silent, "no such model")


@pytest.mark.slow
def test_command__needs_no_fiftyone(planted: Path, tmp_path: Path) -> None:
    """In a process of its own, as a user starts it; the exit code is the process's."""
    code = (
        "import sys; sys.path.insert(0, 'scripts')\n"
        "from checkout import load_package; load_package()\n"
        "from image_curation.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "assert not {'fiftyone', 'pymongo', 'mongoengine'} & set(sys.modules)\n"
        "raise SystemExit(code)"
    )
    options = ["--model", "descriptor", "--format", "json", "--out", str(tmp_path / "report.json")]
    command = [sys.executable, "-c", code, "check", str(planted), "--fail-on", "leaks>0", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Condition leaks>0: failed, found 2 of 34 (5.9%)" in done.stdout
    assert done.stderr == "", "no bar where there is no terminal"
    assert json.loads((tmp_path / "report.json").read_text())["exit_code"] == 1
