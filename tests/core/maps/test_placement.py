"""New samples on an existing map: by hand on a line, and with the loss of trustworthiness measured."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.graph import Graph
from image_curation.core.base.inputs import Inputs
from image_curation.core.maps.compute_map import MapParams, compute_map, principal_components
from image_curation.core.maps.placement import place_on_map, spread
from image_curation.core.maps.trust import quality
from image_curation.core.neighbors.distances import comparable
from image_curation.core.neighbors.graph import build_graph


def groups(n, d=32, seed=0):
    """Rows of ten groups, each of which varies mostly along three directions of its own."""
    rng = np.random.default_rng(seed)
    member = np.arange(n) % 10
    centres, directions = rng.normal(size=(10, d)), rng.normal(size=(10, 3, d))
    inner = np.einsum("ni,nid->nd", rng.normal(size=(n, 3)), directions[member])
    return (2 * centres[member] + 0.4 * inner + 0.05 * rng.normal(size=(n, d))).astype(np.float32)


def test_place_on_map__a_copy_lies_on_its_original():
    x = np.array([[0.0], [1], [2], [10]], np.float32)
    points = np.array([[5.0, 5], [6, 5], [7, 5], [0, 0]], np.float32)
    placed = place_on_map(points, x, np.array([[1.0], [10]], np.float32), metric="euclidean")
    np.testing.assert_allclose(placed, [[6, 5], [0, 0]], atol=1e-3)
    assert placed.dtype == np.float32


def test_place_on_map__between_two_groups_it_joins_the_nearer_majority():
    # Three neighbors lie around (0, 0) and two, farther away, around (100, 0): the mean would be in the void.
    x = np.array([[1.0], [1.1], [1.2], [-2], [-2.1]], np.float32)
    points = np.array([[0.0, 0], [1, 0], [0, 1], [100, 0], [101, 0]], np.float32)
    (place,) = place_on_map(points, x, np.array([[0.0]], np.float32), metric="euclidean")
    assert np.linalg.norm(place) < 1.5


def test_place_on_map__each_by_itself():
    x, new = groups(100), groups(20, seed=1)
    points = principal_components(x, 2)[0]
    together = place_on_map(points, x, new)
    alone = np.vstack([place_on_map(points, x, new[row : row + 1]) for row in range(20)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_place_on_map__few_and_none():
    points, x = np.array([[3.0, 4]]), np.ones((1, 2), np.float32)
    assert place_on_map(points, x, np.eye(2, dtype=np.float32)).tolist() == [[3, 4], [3, 4]]
    assert place_on_map(points, x, np.empty((0, 2), np.float32)).shape == (0, 2)
    zeros = place_on_map(np.zeros((2, 3)), np.eye(2, dtype=np.float32), np.zeros((1, 2), np.float32))
    assert zeros.tolist() == [[0, 0, 0]]


def test_spread__along_a_chain():
    # Each row of the line lists the two beside it; only row 0 is on the map, so all end where it is.
    x = np.arange(6, dtype=np.float32)[:, None]
    points = np.full((6, 2), np.nan, np.float32)
    points[0] = [2, 3]
    placed = spread(points, x, build_graph(x, k=2, metric="euclidean"))
    np.testing.assert_allclose(placed, np.tile([2, 3], (6, 1)), atol=1e-6)
    assert np.isnan(points[1:]).all()  # what was given is not changed


def test_spread__rows_that_the_graph_does_not_reach():
    # Rows 2 and 3 list each other only; an exact search finds that row 1 is the nearest on the map.
    x = np.array([[0.0], [1], [5], [6]], np.float32)
    graph = Graph(np.array([[1], [0], [3], [2]], np.int32), np.ones((4, 1), np.float32), "euclidean")
    points = np.array([[0.0, 0], [9, 9], [np.nan, np.nan], [np.nan, np.nan]], np.float32)
    placed = spread(points, x, graph)
    np.testing.assert_array_equal(placed[:2], points[:2])
    assert np.isfinite(placed).all()
    assert (np.linalg.norm(placed[2:] - [9, 9], axis=1) < np.linalg.norm(placed[2:], axis=1)).all()


def test_spread__row_order_is_no_matter():
    x = groups(300)
    points = np.full((300, 2), np.nan, np.float32)
    points[::7] = principal_components(x, 2)[0][::7]
    order = np.random.default_rng(0).permutation(300)
    plain = spread(points, comparable(x, "cosine"), build_graph(x, k=8))
    shuffled = spread(points[order], comparable(x[order], "cosine"), build_graph(x[order], k=8))
    np.testing.assert_allclose(shuffled, plain[order], atol=1e-5)


def test_place_on_map__loss_of_trustworthiness():
    # A map that is faithful by construction: the groups' own plane. Half of the rows are placed among the others.
    rng = np.random.default_rng(3)
    flat = rng.normal(size=(1200, 2)).astype(np.float32)
    x = flat @ rng.normal(size=(2, 16)).astype(np.float32)
    placed = np.vstack([flat[:600], place_on_map(flat[:600], x[:600], x[600:], metric="euclidean")])
    graph = build_graph(x, k=15, metric="euclidean")
    whole, grown = (quality(x, points, graph, seed=0)["trustworthiness"] for points in (flat, placed))
    assert whole > 0.99
    assert grown > whole - 0.01


@pytest.mark.slow
def test_compute_map__landmarks_lose_little():
    x = groups(1500)
    inputs = Inputs(len(x), embeddings=x)
    whole = compute_map(inputs, MapParams(embeddings="e"), silent)
    some = compute_map(inputs, MapParams(embeddings="e", landmarks=500), silent)
    assert "landmarks" not in whole.facts
    assert (some.facts["landmarks"], some.facts["placed"]) == (500, 1000)
    assert "500 laid out and 1,000 placed among them" in some.facts["headline"]
    assert np.isfinite(some.values[""]).all()
    assert some.facts["trustworthiness"] > whole.facts["trustworthiness"] - 0.02
    again = compute_map(inputs, MapParams(embeddings="e", landmarks=500), silent)
    np.testing.assert_array_equal(again.values[""], some.values[""])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_place_on_map__loss_of_trustworthiness_on_a_umap():
    x = groups(1500)
    half = np.sort(np.random.default_rng(4).choice(1500, 750, replace=False))
    rest = np.setdiff1d(np.arange(1500), half)
    whole = compute_map(Inputs(1500, embeddings=x), MapParams(embeddings="e"), silent)
    old = compute_map(Inputs(750, embeddings=x[half]), MapParams(embeddings="e"), silent).values[""]
    grown = np.empty((1500, 2), np.float32)
    grown[half], grown[rest] = old, place_on_map(old, x[half], x[rest])
    facts = quality(comparable(x, "cosine"), grown, build_graph(x, k=15), seed=51)
    assert facts["trustworthiness"] > whole.facts["trustworthiness"] - 0.02
