"""The shipped tiny CLIP, through the real path: picture files → embeddings → zero-shot tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings
from image_curation.core.embeddings.models.clip import TINY
from image_curation.core.images.digits import NAMES, TRAINING, captions, load_digits, picture
from image_curation.core.zero_shot.tag_zero_shot import ZeroShotParams, tag_zero_shot

pytestmark = pytest.mark.slow  # loading torch takes seconds


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Columns]:
    """The 497 held-out digits as JPEG files, embedded by the tiny CLIP."""
    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    paths, names = [], []
    for row in np.flatnonzero(digits.held_out):
        paths.append(str(folder / f"{row}.jpg"))
        picture(digits.grids[row]).save(paths[-1], quality=90)
        names.append(NAMES[digits.labels[row]])
    inputs = Inputs(n=len(paths), paths=paths, labels=GivenLabels.of(names))
    return inputs, compute_embeddings(inputs, EmbeddingsParams(model="tiny_clip"), silent)


def tagged(held_out: tuple[Inputs, Columns], **params: object) -> Columns:
    inputs, embeddings = held_out
    both = Inputs(
        n=inputs.n, embeddings=embeddings.values[""], labels=inputs.labels, sources={"embeddings": embeddings.facts}
    )
    return tag_zero_shot(both, ZeroShotParams(embeddings="clip", **params), silent)  # type: ignore[arg-type]


def test_tiny_clip__zero_shot_accuracy_on_held_out_digits(held_out: tuple[Inputs, Columns]) -> None:
    facts = tagged(held_out, classes=NAMES).facts
    assert facts["labelled"] == 497
    assert facts["accuracy"] >= 0.97  # 0.986 measured; the project promises 0.90
    assert min(facts["accuracy_per_class"].values()) >= 0.90
    assert facts["calibration_error"] < 0.1


def test_tiny_clip__reads_numerals_too(held_out: tuple[Inputs, Columns]) -> None:
    """'7' and 'seven' mean the same to it; classes come in another order than labels."""
    numerals = tuple("7301982645")
    tag = tagged(held_out, classes=numerals, templates=("the number {}",)).values["tag"]
    labels = load_digits().labels[load_digits().held_out]
    assert (np.array([int(name) for name in tag.classes])[tag.codes] == labels).mean() >= 0.95


def test_tiny_clip__any_number_of_tags(held_out: tuple[Inputs, Columns]) -> None:
    """Judged one by one, nearly every digit gets its own tag, and hardly one of the nine others."""
    inputs, _ = held_out
    assert inputs.labels is not None
    columns = tagged(held_out, classes=NAMES, multi_label=True)
    tags = columns.values["tags"]
    given = np.array([NAMES.index(name) for name in inputs.labels.names])[inputs.labels.codes]
    assert tags.codes[np.arange(inputs.n), given].mean() > 0.95
    assert tags.codes.sum(axis=1).mean() < 1.1


def test_tiny_clip__is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in TINY.iterdir()}
    assert set(files) == {"README.md", "bpe.txt.gz", "open_clip_config.json", "open_clip_model.safetensors"}
    assert sum(files.values()) < 3_000_000


def test_digits__split_and_captions() -> None:
    digits = load_digits()
    assert digits.grids.shape == (1797, 8, 8)
    assert digits.held_out.sum() == 1797 - TRAINING
    assert digits.names[:3] == ["zero", "one", "two"]
    assert {"a photo of the digit seven", "a photo of the digit 7", "seven", "7"} <= set(captions("seven"))
    image = picture(digits.grids[0])
    assert (image.mode, image.size) == ("RGB", (64, 64))
    assert digits.images(32).shape == (1797, 32, 32, 3)


@pytest.mark.slow
def test_train_tiny_clip__script_writes_a_model_that_loads(tmp_path: Path) -> None:
    """Three batches, twice: the script runs, is seeded, and what it writes can be opened."""
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[4]
    script = [
        sys.executable,
        str(root / "scripts" / "train_tiny_clip.py"),
        "--steps",
        "2",
        "--placed",
        "1",
        "--batch",
        "16",
    ]
    for name in ("one", "two"):
        done = subprocess.run([*script, "--out", str(tmp_path / name)], capture_output=True, text=True, check=True)
        assert "1,111,873 parameters" in done.stdout
    one, two = (tmp_path / name / "open_clip_model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
