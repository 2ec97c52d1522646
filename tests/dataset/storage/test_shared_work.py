"""What methods share is found under its key, a few of each kind, and gives the same columns as each method alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import curate, list_runs
from image_curation.dataset.storage import arrays
from image_curation.dataset.storage.shared_work import KEPT, SharedWork
from PIL import Image


def test_shared_work__keeps_the_newest_of_each_kind(tmp_path: Path) -> None:
    shared = SharedWork(tmp_path)
    shared.keep("copies", "0", {"x": np.array([7])})
    for number in range(KEPT):
        shared.keep("glances", str(number), {"x": np.array([number])})
    assert shared.find("glances", "0") is not None  # the oldest is used again
    shared.keep("glances", "new", {"x": np.array([9])})
    found = {int(one["x"][0]) for one in shared.every("glances")}
    assert found == {0, 2, 3, 9}
    assert shared.find("glances", "1") is None
    (tmp_path / "shared_copies_0.npz").write_bytes(b"damaged")
    assert shared.find("copies", "0") is None


METHODS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("find_label_issues", {"embeddings": "vectors"}),
    ("find_confusions", {"embeddings": "vectors"}),
    ("find_quality_issues", {}),
    ("find_spurious_cues", {}),
    ("find_duplicates", {"embeddings": "vectors", "label_field": "ground_truth"}),
    ("find_leaks", {"embeddings": "vectors"}),
)


@pytest.fixture
def pictures(tmp_path: Path) -> Any:
    """24 pictures of two classes in two splits, each with a copy of lesser quality, and one that cannot be read."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(24):
        path = tmp_path / f"{number}.jpg"
        if number < 12:
            coarse = Image.fromarray(rng.integers(0, 255, (9, 12, 3)).astype(np.uint8))
            coarse.resize((160, 120), Image.Resampling.BICUBIC).save(path, quality=95)
        else:
            with Image.open(tmp_path / f"{number - 12}.jpg") as image:
                image.save(path, quality=70)
        seed = np.random.default_rng(number % 12)
        vector = seed.normal(size=8) + 3 * np.eye(8)[number % 2] + 0.001 * number
        label = fo.Classification(label="ab"[number % 2])
        split = "train" if number < 12 else "test"
        samples.append(fo.Sample(filepath=str(path), vectors=vector, ground_truth=label, tags=[split]))
    (tmp_path / "5.jpg").write_text("no image")
    dataset = fo.Dataset()
    dataset.add_samples(samples, progress=False)
    yield dataset
    dataset.delete()


def _columns(dataset: Any) -> dict[str, Any]:
    paths = [path for run in list_runs(dataset) for path in run.writes.values()]
    return {path: dataset.values(path) for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("backwards", [False, True])
def test_methods__together_as_alone(pictures: Any, backwards: bool) -> None:
    """Whatever comes first, the columns are those of every method by itself."""
    for name, given in METHODS:
        curate(pictures, name, overwrite=True, **given)
        shutil.rmtree(arrays.folder(pictures), ignore_errors=True)
    alone = _columns(pictures)
    for name, given in METHODS[::-1] if backwards else METHODS:
        curate(pictures, name, overwrite=True, **given)
    together = _columns(pictures)
    assert sum(value is not None for value in alone["leaks_is_leak"]) == 24
    np.testing.assert_equal(together, alone)


def test_copies__other_files_are_looked_for_anew(pictures: Any) -> None:
    assert curate(pictures, "find_leaks", embeddings="vectors").facts["pairs"] == 12  # one by vectors alone
    with Image.open(pictures.first().filepath) as image:
        other = Image.effect_noise(image.size, 90).convert("RGB")
    other.save(pictures.first().filepath)
    assert curate(pictures, "find_leaks", overwrite=True, embeddings="vectors").facts["pairs"] == 11
