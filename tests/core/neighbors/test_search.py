"""The search behind the graph: cells, the certificate of recall; blocks, threads and row order are no matter."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_curation.core.base.arrays import silent
from image_curation.core.neighbors.cells import CELL, as_they_come, heads, in_cells, meet, principal_axes
from image_curation.core.neighbors.distances import comparable
from image_curation.core.neighbors.graph import build_graph
from image_curation.core.neighbors.search import approximate, certified_recall, chosen, exact, nearest, ranked

ROOT = Path(__file__).resolve().parents[3]


def clustered(n, d=24, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(60, d))[rng.integers(60, size=n)] + 0.4 * rng.normal(size=(n, d))).astype(np.float32)


def isotropic(n, d=200):
    """Rows about equally far apart, which no cells put in order."""
    return np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)


def true_recall(indices, x, metric="cosine"):
    """Share of the true neighbors of all rows that are listed."""
    return shared(indices, exact(comparable(x, metric), indices.shape[1], metric)[0]) / indices.shape[1]


def cells_of(x, m, seed=1):
    """Rows in cells along m axes."""
    return in_cells(heads(x, principal_axes(x, seed), m), seed)


def shared(found, truth):
    """Mean number of rows that two lists have in common."""
    return np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_exact__blocks_are_no_matter(metric):
    x = comparable(clustered(700), metric)
    whole = exact(x, 9, metric, block=1024)
    for block in (64, 333, 699, 700):
        for one, other in zip(exact(x, 9, metric, block=block), whole, strict=True):
            np.testing.assert_array_equal(one, other)


def test_exact_and_nearest__one_thread_or_two(monkeypatch):
    x = comparable(clustered(900), "cosine")
    results = []
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append([*exact(x, 5, "cosine", block=128), *nearest(x[:300], x, 5, "cosine", own=np.arange(300))])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_nearest__queries_are_independent():
    x = comparable(clustered(500), "euclidean")
    together = nearest(x[:90], x, 6, "euclidean")[0]
    apart = [nearest(x[rows], x, 6, "euclidean")[0] for rows in (slice(0, 1), slice(1, 60), slice(60, 90))]
    np.testing.assert_array_equal(together, np.concatenate(apart))


@pytest.mark.parametrize(("shift", "scale"), [(4096, 1), (0, 1e30), (0, 1e-30)])
def test_nearest__far_and_extreme_rows(shift, scale):
    # At 4096 products are near 4e8 where float32 steps by 32; at 1e30 they overflow, at 1e-30 they vanish.
    x = (clustered(400) + np.float32(shift)) * np.float32(scale)
    rows = np.arange(0, 400, 7)
    truth = exact(x, 5, "euclidean")[0][rows]
    np.testing.assert_array_equal(nearest(x[rows], x, 5, "euclidean", own=rows)[0], truth)
    squares = np.square(x[rows, None].astype(np.float64) - x[None]).sum(axis=2)
    squares[np.arange(len(rows)), rows] = np.inf
    np.testing.assert_array_equal(np.argsort(squares, axis=1, kind="stable")[:, :5], truth)


def test_certified_recall__counted_by_hand():
    # Of the true distances .1 .2 .3 the first row found all, the second row two, a third farther away.
    truth = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    assert certified_recall(np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.4]]), truth) == pytest.approx(5 / 6)
    # A different neighbor at the same distance is as good.
    assert certified_recall(np.array([[0.1, 0.3, 0.3], [0.1, 0.2, np.inf]]), truth) == pytest.approx(5 / 6)


def test_ranked__candidates_of_some_rows():
    x = comparable(clustered(300), "cosine")
    own = np.array([250, 3, 77])
    candidates = np.random.default_rng(0).integers(-1, 300, size=(3, 40)).astype(np.int32)
    candidates[:, 0] = own
    indices, distances = ranked(x, candidates, 6, "cosine", own=own)
    for line, row in enumerate(own):
        others = np.setdiff1d(candidates[line], [-1, row])
        far = np.square(x[others] - x[row]).sum(axis=1) / 2
        np.testing.assert_array_equal(np.unique(indices[line]), np.sort(others[np.argsort(far)][:6]))
        np.testing.assert_allclose(distances[line], np.sort(far)[:6], atol=1e-6)


def test_ranked__rows_without_candidates_are_searched():
    x = comparable(clustered(80), "cosine")
    candidates = np.array([np.delete(np.arange(80), row) for row in range(80)], dtype=np.int32)
    candidates[5, 2:] = -1
    indices, distances = ranked(x, candidates, 6, "cosine")
    truth, lengths = exact(x, 6, "cosine")
    np.testing.assert_array_equal(indices, truth)
    np.testing.assert_array_equal(distances, lengths)


def test_heads__all_axes_are_the_distances_themselves():
    x = comparable(clustered(400, d=12), "euclidean")
    along = heads(x, principal_axes(x, 1), 12)
    np.testing.assert_allclose(along.head[:, 12], 0, atol=1e-2)
    keys = along.half[None] - along.head @ along.head.T + along.half[:, None]
    squares = np.square(x[:, None] - x[None]).sum(axis=2)
    np.testing.assert_allclose(keys, squares / 2, atol=1e-3)


def test_heads__what_few_axes_leave_out_by_hand():
    # Rows vary along the first axis most. (3, 1) and (-3, 1), from their mean (0, .5) and cut to that axis, leave out
    # lengths of .5; taken to have the cosine .5 they are 6^2 + 2 (1 - .5) .25 apart, squared.
    x = np.array([[3, 1], [-3, 1], [3, 0], [-3, 0]], np.float32)
    along = heads(x, principal_axes(x, 1), 1)
    key = along.half[0] + along.half[1] - along.head[0] @ along.head[1]
    assert 2 * key == pytest.approx(36.25)


def test_in_cells__alike_rows_in_small_cells():
    x = comparable(clustered(3000, d=40), "cosine")
    given = cells_of(x, 32, seed=5)
    assert sorted(given.order) == list(range(3000))
    sizes = np.diff(given.starts)
    assert sizes.sum() == 3000
    assert 0 < sizes.min() <= sizes.max() <= CELL
    head = given.heads.head
    within = np.repeat(given.centres, sizes, axis=0)
    assert np.square(head - within).sum() < 0.7 * np.square(head - head.mean(axis=0)).sum()


def test_meet__all_cells_asked_is_the_exact_search():
    x = comparable(clustered(1500, d=8), "euclidean")
    truth = exact(x, 6, "euclidean")[0]
    given = cells_of(x, 8)
    assert shared(meet(given, 6), truth[given.order]) > 5.99
    assert shared(meet(given, 6, cells=10**6), truth[given.order]) > 5.99
    plain = as_they_come(heads(x, principal_axes(x, 1), 8))
    np.testing.assert_array_equal(plain.order, np.arange(1500))
    assert shared(meet(plain, 6), truth) > 5.99


def test_meet__some_rows_ask_a_cell():
    x = comparable(clustered(1500, d=8), "euclidean")
    given = cells_of(x, 8)
    places = np.array([700, 3, 1499])
    some = meet(given, 6, cells=2, places=places)
    np.testing.assert_array_equal(np.sort(some), np.sort(meet(given, 6, cells=2)[places]))
    few = meet(given, 400, cells=1, places=places)
    cell = np.searchsorted(given.starts, places, side="right") - 1
    for line, own, at in zip(few, places, cell, strict=True):
        met = line[line >= 0]
        assert given.order[own] not in met
        assert np.isin(given.order[given.starts[at] : given.starts[at + 1]], [*met, given.order[own]]).mean() in (0, 1)


def test_in_cells__all_alike_and_one_far_away():
    x = np.ones((900, 5), np.float32)
    x[7] = 100
    given = cells_of(x - x.mean(axis=0), 3)
    assert np.diff(given.starts).max() <= CELL
    assert np.isfinite(given.heads.head).all()
    assert meet(given, 3, cells=2).shape == (900, 3)


@pytest.mark.slow
def test_chosen__no_more_than_it_takes():
    x = comparable(clustered(9_000, d=100), "cosine")
    given, cells, recall = chosen(x, 15, 64, "cosine", seed=3)
    assert recall >= 0.992
    assert cells < len(given.centres) / 2
    found = np.empty((len(x), 15), np.int32)
    found[given.order] = ranked(x, meet(given, 64, cells), 15, "cosine", own=given.order)[0]
    assert true_recall(found, x) == pytest.approx(recall, abs=0.005)
    hard = comparable(isotropic(6_000), "cosine")
    given, cells, recall = chosen(hard, 10, 64, "cosine", seed=3)
    assert recall < 0.992 or 2 * cells > len(given.centres)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from(["cosine", "euclidean"]))
def test_build_graph__row_order_is_no_matter(n, k, seed, metric):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)  # no two distances are alike
    x[rng.integers(n, size=n // 4)] = x[0]  # but some rows are copies
    order = rng.permutation(n)
    plain, shuffled = build_graph(x, k=k, metric=metric), build_graph(x[order], k=k, metric=metric)
    np.testing.assert_array_equal(shuffled.distances, plain.distances[order])
    # The same vectors are listed; which of several copies, the order of rows decides.
    np.testing.assert_array_equal(x[order][shuffled.indices], x[plain.indices[order]])


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "shift", "dtype"), [("cosine", 0, np.float16), ("euclidean", 4096, np.float32)])
def test_approximate__certified_recall_is_honest(metric, shift, dtype):
    x = (clustered(9000) + np.float32(shift)).astype(dtype)
    x[100:120] = x[7]  # copies are one row to the search, and a ring to the reader
    graph = build_graph(x, k=15, metric=metric, exact_up_to=1000)
    assert graph.facts["engine"] == "cells"
    assert graph.facts["recall"] >= 0.99
    assert graph.facts["copies"] >= 20
    ordinary = np.setdiff1d(np.arange(len(x)), [7, *range(100, 120)])
    truth = build_graph(x, k=15, metric=metric)
    found = shared(graph.indices[ordinary], truth.indices[ordinary]) / 15
    assert graph.facts["recall"] == pytest.approx(found, abs=0.01)
    order = np.random.default_rng(4).permutation(len(x))
    shuffled = build_graph(x[order], k=15, metric=metric, exact_up_to=1000)
    assert np.mean(np.isclose(shuffled.distances, graph.distances[order])) > 0.95
    again = build_graph(x, k=15, metric=metric, exact_up_to=1000)
    np.testing.assert_array_equal(again.indices, graph.indices)


@pytest.mark.slow
def test_approximate__falls_back_to_the_exact_search():
    x = comparable(isotropic(6000), "cosine")
    indices, distances, facts = approximate(x, 15, "cosine", silent, seed=51)
    assert facts["engine"] == "exact"
    assert facts["recall"] == 1.0
    for one, other in zip(exact(x, 15, "cosine"), (indices, distances), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_approximate__same_seed_same_graph_in_two_processes():
    code = f"""
        import sys, zlib
        import numpy as np
        sys.path.insert(0, {str(ROOT / "scripts")!r})
        from checkout import load_package
        load_package()
        from image_curation.core.neighbors.graph import build_graph
        x = np.random.default_rng(0).normal(size=(9000, 6)).astype(np.float32)
        print(zlib.crc32(build_graph(x, k=15, exact_up_to=1000).indices.tobytes()))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    x = np.random.default_rng(0).normal(size=(9000, 6)).astype(np.float32)
    graph = build_graph(x, k=15, exact_up_to=1000)
    assert graph.facts["engine"] == "cells"
    assert int(done.stdout) == zlib.crc32(graph.indices.tobytes())
