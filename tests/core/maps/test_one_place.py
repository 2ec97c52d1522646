"""Copies on a map: twenty equal vectors beside 200 others lie nearer together than different ones do."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.maps.compute_map import MapParams, compute_map
from image_curation.core.maps.one_place import beside, leaders
from image_curation.core.maps.placement import place_on_map
from image_curation.core.neighbors.graph import build_graph


def twenty(noise: float) -> np.ndarray:
    """Twenty rows that are equal up to noise, and after them 200 others."""
    rng = np.random.default_rng(0)
    x = np.concatenate([np.repeat(rng.normal(size=(1, 32)), 20, axis=0), rng.normal(size=(200, 32))])
    x[:20] += noise * rng.normal(size=(20, 32))
    return x.astype(np.float32)


def nearest(points: np.ndarray) -> np.ndarray:
    """(n,) distance of each point to its nearest other."""
    return build_graph(points, k=1, metric="euclidean").distances[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["umap", "tsne"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("landmarks", [100_000, 100])
def test_compute_map__copies_lie_together(method: str, noise: float, landmarks: int) -> None:
    x = twenty(noise)
    params = MapParams(embeddings="e", method=method, landmarks=landmarks)
    points = compute_map(Inputs(len(x), embeddings=x), params, silent).values[""]
    usual = np.median(nearest(points[20:]))
    across = np.linalg.norm(points[:20, None] - points[None, :20], axis=2)
    assert across.max() < 0.5 * usual
    assert len(np.unique(points[:20], axis=0)) == 20, "each can be seen"
    new = place_on_map(points, x, x[:1] + np.float32(0.001))
    assert np.linalg.norm(new - points[:20], axis=1).max() < 0.5 * usual


def test_leaders__none_follows_one_that_follows() -> None:
    # A film that changes little by little: each picture equals the next to the eye, the first not the last.
    x = np.concatenate(
        [np.linspace(0, 10, 1001)[:, None] * [1.0, 0.0], 5 + np.random.default_rng(0).normal(size=(99, 2))]
    )
    x = x.astype(np.float32)
    leader = leaders(x, build_graph(x, k=15, metric="euclidean"))
    assert (leader[leader] == leader).all()
    assert 10 < len(np.unique(leader[:1001])) < 1001
    assert np.linalg.norm(x - x[leader], axis=1).max() < 0.05


def test_leaders__different_rows_follow_none() -> None:
    x = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    assert (leaders(x, build_graph(x, k=15)) == np.arange(300)).all()
    assert leaders(x[:1], build_graph(x[:1], k=1)).tolist() == [0]


def test_beside__by_hand() -> None:
    # Two places at distance 4: a follower lies within a tenth of that.
    points = beside(np.array([[0.0, 0], [4, 0]]), np.array([0, 0, 2, 0]), seed=1)
    assert points[[0, 2]].tolist() == [[0, 0], [4, 0]]
    assert (np.linalg.norm(points[[1, 3]], axis=1) <= 0.4).all()
    assert len(np.unique(points, axis=0)) == 4
