"""Leaks on a real dataset, beside FiftyOne Brain's own search for them at the same threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from image_curation import curate
from image_curation.core.images.digits import load_digits, picture


@pytest.fixture
def fan(tmp_path: Path) -> Any:
    """Unit vectors at angles of 0, 10 and 20 degrees, and two far away; the first two are for training."""
    angles = np.radians([0, 10, 20, 90, 180])
    made = fo.Dataset()
    for row, angle in enumerate(angles):
        vector = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        split = "test" if row in (2, 3) else "train"
        made.add_sample(fo.Sample(filepath=str(tmp_path / f"{row}.png"), vectors=vector, tags=[split]))
    yield made
    made.delete()


def test_find_leaks__a_pair_that_brain_misses(fan: Any) -> None:
    """Within 11 degrees 0-10 and 10-20 are pairs, and 10-20 crosses the splits.

    FiftyOne Brain keeps the first, drops the second as its copy, and then compares with what it has kept only.
    """
    similar = float(np.cos(np.radians(11)))
    curate(fan, "find_leaks", embeddings="vectors", threshold=similar, confirm=False)
    ids = fan.values("id")
    assert fan.match(fo.ViewField("leaks_is_leak")).values("id") == ids[1:3]
    assert fan.values("leaks_leak_of")[1] == [ids[2]]
    peer = fob.compute_similarity(fan, embeddings="vectors", backend="sklearn", metric="cosine", brain_key="peer")
    found = fob.compute_leaky_splits(fan, ["train", "test"], threshold=1 - similar, similarity_index=peer)
    assert found.leak_ids == []


@pytest.fixture
def copied(tmp_path: Path) -> Any:
    """Three hundred handwritten digits, and thirty of them again: smaller, darker, compressed."""
    digits = [picture(grid) for grid in load_digits().grids[:300]]
    files = [tmp_path / f"{row:03d}.png" for row in range(300)] + [tmp_path / f"{row:03d}.jpg" for row in range(30)]
    for file, image in zip(files, digits + digits[:30], strict=True):
        if file.suffix == ".jpg":
            image = image.resize((50, 50)).point([round(level * 0.92) for level in range(256)] * 3)
        image.save(file, quality=60)
    made = fo.Dataset()
    made.add_samples([fo.Sample(filepath=str(file)) for file in files], progress=False)
    curate(made, "compute_embeddings", model="descriptor")
    yield made
    made.delete()


def test_find_leaks__none_in_our_own_split(copied: Any) -> None:
    """Where copies are dealt out by chance, or nothing is kept together, it finds some."""
    run = curate(copied, "split_dataset", fractions=["train=0.6", "val=0.2", "test=0.2"])
    own = curate(copied, "find_leaks", split_field="split")
    assert own.facts["pairs"] == 0
    assert run.facts["near_duplicates_across"] == 0
    assert run.facts["near_duplicates_threshold"] == own.facts["threshold"]
    assert run.facts["near_duplicates_by"] == "files, vectors and pixels"
    copied.set_values("by_chance", [copied.values("split")[row - 30] for row in range(330)])
    chance = curate(copied, "find_leaks", key="chance", split_field="by_chance")
    assert chance.facts["pairs"] > 5
    vectors = curate(copied, "split_dataset", key="vectors", near_duplicates=False)
    assert vectors.facts["near_duplicates_across"] > 0
