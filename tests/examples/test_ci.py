"""The hook and the workflow to copy do what they say: their own command lines are run, in a repository with images."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from image_curation.cli.main import main
from PIL import Image

CI = Path(__file__).resolve().parents[2] / "examples" / "ci"
HOOK, WORKFLOW = CI / "pre-commit-config.yaml", CI / "github-actions.yml"
pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    """Images in train and test, as the working directory; one of them is bad from the beginning."""
    rng = np.random.default_rng(3)
    for split in ("train", "test"):
        for name, color in (("red", (200, 60, 60)), ("blue", (60, 60, 200))):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for number in range(6):
                pixels = np.clip(np.array(color) + rng.normal(0, 40, (40, 40, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "images" / "train" / "red" / "old.png").write_bytes(b"no picture")
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def run(line: str) -> int:
    command, *arguments = shlex.split(line)
    assert command == "image-curation"
    return main(arguments)


def accepted_first(path: Path) -> str:
    """The command that the comment at the top tells to run once."""
    (line,) = re.findall(r"^#   (image-curation .*)$", path.read_text(), flags=re.M)
    return str(line)


def leak(repository: Path) -> None:
    images = repository / "images"
    shutil.copy(images / "train" / "red" / "0.png", images / "test" / "red" / "copy.png")


def judged(repository: Path, once: str, line: str) -> None:
    assert run(line) == 2, "there is no baseline yet"
    assert run(once) == 0
    assert run(line) == 0, "what was there is accepted"
    leak(repository)
    assert run(line) == 1, "what is new fails"


def test_pre_commit(repository: Path) -> None:
    ((hook,),) = [one["hooks"] for one in yaml.safe_load(HOOK.read_text())["repos"]]
    assert hook["pass_filenames"] is False
    assert re.match(hook["files"], "images/train/red/0.png")
    judged(repository, accepted_first(HOOK), hook["entry"])


def test_github_actions(repository: Path) -> None:
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    every = job["steps"]
    (line,) = [step["run"] for step in every if step.get("run", "").startswith("image-curation ")]
    judged(repository, accepted_first(WORKFLOW), line)
    (upload,) = [step["with"] for step in every if "upload-sarif" in step.get("uses", "")]
    results = json.loads((repository / upload["sarif_file"]).read_text())["runs"][0]["results"]
    new = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in results
        if result["baselineState"] == "new" and result["ruleId"] == "leaks"
    }
    assert new == {"images/test/red/copy.png", "images/train/red/0.png"}
    (kept,) = [step["with"] for step in every if "upload-artifact" in step.get("uses", "")]
    assert all((repository / name).is_file() for name in kept["path"].split())
