"""The neighbor graph against brute force, and its promises about copies, ties and new rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.neighbors.find_neighbors import METHOD, NeighborsParams, find_neighbors
from image_curation.core.neighbors.graph import build_graph, extend_graph, nearest, symmetric_edges


def brute_force(x, k, metric):
    """Indices and distances of the k nearest other rows, in float64, ties by row."""
    x = np.asarray(x, dtype=np.float64)
    if metric == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    squares = np.square(x[:, None] - x[None]).sum(axis=-1)
    distances = squares / 2 if metric == "cosine" else np.sqrt(squares)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances.astype(np.float32), axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(("n", "d"), [(2, 3), (9, 2), (300, 16), (1500, 7)])
def test_build_graph__equals_brute_force(n, d, metric):
    x = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    graph = build_graph(x, k=6, metric=metric)
    indices, distances = brute_force(x, min(6, n - 1), metric)
    np.testing.assert_array_equal(graph.indices, indices)
    np.testing.assert_allclose(graph.distances, distances, atol=1e-6)
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float32


def test_build_graph__ties_go_to_the_lower_row():
    # Points 0, 1, 2, 3, 4 on a line: the middle one has 1 and 3 at distance 1, 0 and 4 at distance 2.
    graph = build_graph(np.arange(5.0)[:, None], k=4, metric="euclidean")
    assert graph.indices[2].tolist() == [1, 3, 0, 4]
    assert graph.distances[2].tolist() == [1, 1, 2, 2]


def test_build_graph__fewer_rows_than_k():
    assert build_graph(np.eye(3), k=10).indices.shape == (3, 2)
    assert build_graph(np.eye(1), k=10).indices.shape == (1, 0)
    assert build_graph(np.empty((0, 4)), k=10).indices.shape == (0, 0)


def test_build_graph__copies_crowd_nothing_out():
    # Thirty copies of one picture, three others. Each copy lists the next copy once, then what differs.
    x = np.vstack([np.tile([1.0, 0.0], (30, 1)), [[1.0, 0.1], [1.0, 0.2], [0.0, 1.0]]])
    graph = build_graph(x, k=3)
    assert graph.indices[0].tolist() == [1, 30, 31]
    assert graph.indices[29].tolist() == [0, 30, 31]  # the last copy closes the ring
    # Angles to the copies .0997, to 31 .0977, to 32 1.47; of the copies of another row the first stands for all.
    assert graph.indices[30].tolist() == [31, 0, 32]
    assert graph.distances[0, 0] == 0
    assert graph.facts["copies"] == 29


def test_build_graph__all_identical():
    graph = build_graph(np.ones((6, 3)), k=3)
    assert np.all(graph.distances == 0)
    for row, neighbors in enumerate(graph.indices):
        assert row not in neighbors
        assert len(set(neighbors.tolist())) == 3


def test_build_graph__zero_vectors_under_cosine():
    # Two zero vectors are copies of each other and at distance 1 from everything else.
    graph = build_graph(np.array([[0, 0], [2, 0], [0, 3], [0, 0]]), k=3)
    assert graph.indices.tolist() == [[3, 1, 2], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    assert graph.distances.tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 1], [0, 1, 1]]


def test_build_graph__float16_does_not_overflow():
    # 60,000 squared is beyond float16.
    x = np.array([[60000, 0], [60000, 6000], [0, 60000]], dtype=np.float16)
    assert build_graph(x, k=1).indices.ravel().tolist() == [1, 0, 1]
    assert build_graph(x, k=1, metric="euclidean").indices.ravel().tolist() == [1, 0, 1]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_build_graph__extreme_values(scale):
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    for metric in ("cosine", "euclidean"):
        scaled = build_graph((x * np.float32(scale)), k=3, metric=metric)
        np.testing.assert_array_equal(scaled.indices, build_graph(x, k=3, metric=metric).indices)


def test_build_graph__far_from_the_origin():
    # The products of these rows are near 2e8; float32 has 7 digits, the differences are near 1.
    x = np.random.default_rng(1).normal(size=(400, 5)).astype(np.float32) + np.float32(4096)
    np.testing.assert_array_equal(build_graph(x, k=5, metric="euclidean").indices, brute_force(x, 5, "euclidean")[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 2**32), st.sampled_from(["cosine", "euclidean"]))
def test_build_graph__promises(n, k, seed, metric):
    # Few values in few dimensions: many copies, ties and zero vectors.
    x = np.random.default_rng(seed).integers(-1, 2, size=(n, 2)).astype(np.float32)
    graph = build_graph(x, k=k, metric=metric)
    assert graph.indices.shape == (n, min(k, n - 1))
    assert np.all(np.diff(graph.distances, axis=1) >= 0)
    for row, neighbors in enumerate(graph.indices.tolist()):
        assert row not in neighbors
        assert len(set(neighbors)) == len(neighbors)
        assert min(neighbors) >= 0
    wide = build_graph(x, k=n, metric=metric)
    np.testing.assert_array_equal(np.sort(wide.indices, axis=1), [[j for j in range(n) if j != i] for i in range(n)])


def test_build_graph__does_not_depend_on_row_order():
    x = np.random.default_rng(3).normal(size=(1200, 12)).astype(np.float32)
    order = np.random.default_rng(4).permutation(len(x))
    plain, shuffled = build_graph(x, k=5), build_graph(x[order], k=5)
    np.testing.assert_array_equal(order[shuffled.indices], plain.indices[order])


def test_build_graph__scaling_vectors_leaves_cosine_alone():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 8)).astype(np.float32)
    scaled = x * rng.uniform(0.1, 9, size=(200, 1)).astype(np.float32)
    np.testing.assert_array_equal(build_graph(x, k=4).indices, build_graph(scaled, k=4).indices)


def test_build_graph__input_is_not_changed():
    x = np.random.default_rng(6).normal(size=(50, 3)).astype(np.float32)
    before = x.copy()
    build_graph(x, k=3)
    build_graph(x, k=3, metric="euclidean")
    np.testing.assert_array_equal(x, before)


def test_build_graph__says_what_is_wrong():
    with pytest.raises(ParamError, match="k must be at least 1; got 0"):
        build_graph(np.eye(3), k=0)
    with pytest.raises(ParamError, match="metric must be one of cosine, euclidean; got 'l1'"):
        build_graph(np.eye(3), k=1, metric="l1")


def test_build_graph__progress_may_interrupt():
    def stop(done, total, doing=""):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_graph(np.eye(3), k=1, progress=stop)


@pytest.mark.slow
def test_build_graph__approximate_is_certified():
    rng = np.random.default_rng(7)
    x = (rng.normal(size=(60, 24))[rng.integers(60, size=6000)] + 0.4 * rng.normal(size=(6000, 24))).astype(np.float32)
    x[100:140] = x[7]
    exact = build_graph(x, k=15)
    for _ in range(2):
        graph = build_graph(x, k=15, exact_up_to=1000)
        assert graph.facts["recall"] >= 0.99
        found = [len(np.intersect1d(a, b)) for a, b in zip(graph.indices, exact.indices, strict=True)]
        assert np.mean(found) / 15 >= 0.985
        assert graph.indices[100, 0] == 101  # copies hang together as in the exact graph
        assert not np.any(graph.indices == np.arange(6000)[:, None])


def test_nearest__equals_brute_force_and_leaves_the_row_itself_out():
    x = np.random.default_rng(8).normal(size=(500, 6)).astype(np.float32)
    rows = np.array([3, 77, 499])
    indices, _ = nearest(x[rows], x, 4, "euclidean", own=rows)
    np.testing.assert_array_equal(indices, brute_force(x, 4, "euclidean")[0][rows])


def test_first__is_the_smaller_graph():
    x = np.random.default_rng(9).integers(0, 3, size=(60, 3)).astype(np.float32)
    wide = build_graph(x, k=12, metric="euclidean")
    for k in (1, 5, 12, 20):
        np.testing.assert_array_equal(wide.first(k).indices, build_graph(x, k=min(k, 12), metric="euclidean").indices)


def test_symmetric_edges__each_pair_once():
    # On a line at 0, 1, 3, 7 each point lists its nearest: 0-1 list each other, 3 lists 1, 7 lists 3.
    graph = build_graph(np.array([[0.0], [1.0], [3.0], [7.0]]), k=1, metric="euclidean")
    rows, columns, distances = symmetric_edges(graph)
    assert list(zip(rows.tolist(), columns.tolist(), distances.tolist(), strict=True)) == [
        (0, 1, 1.0),
        (1, 2, 2.0),
        (2, 3, 4.0),
    ]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_extend_graph__equals_building_anew(metric):
    rng = np.random.default_rng(10)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    new = np.vstack([rng.normal(size=(60, 8)), x[[5, 5, 9]]]).astype(np.float32)  # three are copies of old rows
    extended = extend_graph(build_graph(x, k=7, metric=metric), x, new)
    anew = build_graph(np.vstack([x, new]), k=7, metric=metric)
    np.testing.assert_array_equal(extended.indices, anew.indices)
    np.testing.assert_allclose(extended.distances, anew.distances, atol=1e-7)
    assert extended.facts["copies"] == 3


def test_extend_graph__nothing_new_and_few_old():
    x = np.eye(4, dtype=np.float32)
    graph = build_graph(x, k=2)
    assert extend_graph(graph, x, x[:0]) is graph
    grown = extend_graph(build_graph(x[:2], k=3), x[:2], x[2:], k=3)
    np.testing.assert_array_equal(grown.indices, build_graph(x, k=3).indices)


def test_find_neighbors__columns():
    x = np.array([[1, 0], [1, 0.1], [0, 1]], dtype=np.float32)
    columns = find_neighbors(Inputs(3, embeddings=x), NeighborsParams(embeddings="e", k=5), silent)
    assert set(columns.values) == {column.name for column in METHOD.writes}
    assert columns.values["ids"].tolist() == [[1, 2], [0, 2], [1, 0]]
    cosines = [1 / np.sqrt(1.01), 0]
    np.testing.assert_allclose(columns.values["similarities"][0], cosines, atol=1e-6)
    np.testing.assert_allclose(columns.values["distance"][0], 1 - np.mean(cosines), atol=1e-6)
    assert columns.facts["headline"] == "2 neighbors of each of 3 samples, at a mean cosine distance of 0.502"


def test_find_neighbors__one_sample():
    columns = find_neighbors(Inputs(1, embeddings=np.ones((1, 4), np.float32)), NeighborsParams(embeddings="e"), silent)
    assert columns.values["similarities"] == [[]]
    assert np.isnan(columns.values["distance"]).all()
    assert columns.facts["headline"] == "0 neighbors of each of 1 samples"


def test_find_neighbors__uses_the_shared_graph():
    x = np.eye(4, dtype=np.float32)
    asked = []

    def shared(k, metric, progress):
        asked.append((k, metric))
        return build_graph(x, k=3, metric=metric)

    columns = find_neighbors(Inputs(4, embeddings=x, graph_of=shared), NeighborsParams(embeddings="e", k=2), silent)
    assert asked == [(2, "cosine")]
    assert columns.values["ids"].shape == (4, 2)
