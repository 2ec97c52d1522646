"""Leaks on a real dataset, beside FiftyOne Brain's own search for them at the same threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from image_curation import curate


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
