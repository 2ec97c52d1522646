"""UMAP's steps: memberships and their curve by their definitions, and a layout that keeps groups and its seed."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.graph import Graph
from image_curation.core.maps.umap_layout import curve, edges, memberships, umap_layout
from image_curation.core.neighbors.graph import build_graph


def test_memberships__sum_to_the_logarithm() -> None:
    distances = np.sort(np.random.default_rng(0).gamma(2, size=(50, 14)), axis=1)
    found = memberships(distances)
    np.testing.assert_allclose(found.sum(axis=1), np.log2(15), rtol=1e-6)
    np.testing.assert_array_equal(found[:, 0], 1)  # the nearest
    assert (np.diff(found, axis=1) < 0).all()
    np.testing.assert_allclose(memberships(1000 * distances), found, rtol=1e-6)


def test_memberships__copies_and_far_rows() -> None:
    found = memberships(np.array([[0, 0, 1, 3], [0, 0, 0, 0], [1, 1, 1, 1.0]]))
    assert found[0, :3].tolist() == [1, 1, 1]  # the nearest that is no copy counts as much as copies
    assert found[1:].tolist() == [[1] * 4] * 2
    assert np.isfinite(found).all()


def test_edges__union_of_both_directions() -> None:
    """Rows 0 and 1 are each other's nearest: 1 + 1 - 1. Row 2 lists 0 with p, and 0 does not list it: p + 0 - 0."""
    graph = Graph(np.array([[1], [0], [0]]), np.array([[0.5], [0.5], [2.0]]), "euclidean", {})
    head, tail, weight = edges(graph, 500)
    assert sorted(zip(head.tolist(), tail.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 0), (2, 0)]
    np.testing.assert_allclose(weight, 1)


@pytest.mark.parametrize(("min_dist", "a", "b"), [(0.1, 1.5769, 0.8951), (0.5, 0.5830, 1.3342)])
def test_curve__as_published(min_dist: float, a: float, b: float) -> None:
    """The values that umap-learn 0.5.12 finds by `find_ab_params(1.0, min_dist)`."""
    np.testing.assert_allclose(curve(min_dist), (a, b), atol=2e-3)


@pytest.mark.parametrize("dims", [2, 3])
def test_umap_layout__keeps_groups_apart_and_its_seed(dims: int) -> None:
    rng = np.random.default_rng(0)
    group = np.arange(90) % 3
    x = (6 * np.eye(8)[group] + rng.normal(size=(90, 8))).astype(np.float32)
    graph = build_graph(x, k=14, metric="euclidean")
    start = rng.normal(size=(90, dims))
    points = umap_layout(graph, start, 0.1, seed=51)
    assert points.shape == (90, dims)
    assert points.dtype == np.float32
    nearest = build_graph(points, k=5, metric="euclidean").indices
    assert (group[nearest] == group[:, None]).mean() > 0.95
    np.testing.assert_array_equal(umap_layout(graph, start, 0.1, seed=51), points)
    assert not np.array_equal(umap_layout(graph, start, 0.1, seed=52), points)
