"""Leaks: every pair across splits is found, also where the search for duplicates keeps neither of the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.copies.find_leaks import LeaksParams, find_leaks


def unit(x: Any) -> Any:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def run(x: Any, splits: list[str | None], **params: Any) -> Columns:
    """Without files the vectors decide alone."""
    inputs = Inputs(n=len(x), paths=["gone.png"] * len(x), embeddings=x, labels=GivenLabels.of(splits))
    return find_leaks(inputs, LeaksParams(**params), silent)


def test_find_leaks__every_pair_though_one_copy_would_be_kept() -> None:
    """Angles of 0, 10, 20 degrees; within 11 degrees 0-10 and 10-20 are pairs.

    FiftyOne Brain compares each sample only with those it has kept: after keeping the first it drops the second, and
    the pair of the second and third, which crosses the splits, is never seen.
    """
    angles = np.radians([0, 10, 20, 90, 180])
    x = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    columns = run(x, ["train", "train", "test", "test", "train"], threshold=float(np.cos(np.radians(11))))
    assert columns.values["is_leak"].tolist() == [False, True, True, False, False]
    assert columns.values["leak_of"][:, 0].tolist() == [-1, 2, 1, -1, -1]
    assert columns.values["similarity"][1] == pytest.approx(np.cos(np.radians(10)))
    assert columns.facts["pairs_between"] == {"test and train": 1}
    assert columns.facts["leaks_in"] == {"test": 1, "train": 1}
    assert columns.facts["headline"] == "2 samples have a copy in another split, in 1 pairs"


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.floats(0.6, 0.999), st.integers(0, 1000))
def test_find_leaks__against_brute_force(n: int, threshold: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(4, 3))[rng.integers(4, size=n)] + 0.1 * rng.normal(size=(n, 3)))
    x[rng.integers(n, size=n // 3)] = x[0]
    splits = [["train", "val", "test", None][code] for code in rng.integers(4, size=n)]
    splits[:2] = ["train", "test"]
    columns = run(x, splits, threshold=threshold)
    similar = x.astype(np.float64) @ x.T.astype(np.float64)
    if np.any(np.abs(similar - threshold) < 1e-5):
        return
    crossing = np.array([[a is not None and b is not None and a != b for b in splits] for a in splits])
    pairs = (similar > threshold) & crossing
    assert columns.values["is_leak"].tolist() == pairs.any(axis=1).tolist()
    assert columns.facts["pairs"] == pairs.sum() // 2
    for row, partners in enumerate(columns.values["leak_of"]):
        shown = [partner for partner in partners if partner >= 0]
        assert len(set(shown)) == len(shown) == min(10, pairs[row].sum())
        assert all(pairs[row, partner] for partner in shown)
        if shown:
            assert columns.values["similarity"][row] == pytest.approx(similar[row][crossing[row]].max(), abs=1e-5)
    assert columns.rows is not None
    assert columns.rows.tolist() == [split is not None for split in splits]


def test_find_leaks__equal_files_though_their_vectors_differ(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"same")
    (tmp_path / "b.png").write_bytes(b"same")
    x = np.eye(2, dtype=np.float32)
    inputs = Inputs(
        n=2,
        paths=[str(tmp_path / "a.png"), str(tmp_path / "b.png")],
        embeddings=x,
        labels=GivenLabels.of(["train", "test"]),
    )
    columns = find_leaks(inputs, LeaksParams(), silent)
    assert columns.values["leak_of"][:, 0].tolist() == [1, 0]
    assert columns.values["similarity"].tolist() == [1.0, 1.0]


def test_find_leaks__one_split() -> None:
    with pytest.raises(ParamError, match="split_field must hold at least two splits; got train only"):
        run(np.eye(3, dtype=np.float32), ["train", "train", None])
