"""The search behind the graph: joins, the certificate of recall; blocks, threads and row order are no matter."""

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
from image_curation.core.distances import comparable
from image_curation.core.method import silent
from image_curation.core.neighbor_cells import CELL, meet, sketch
from image_curation.core.neighbor_search import (
    approximate,
    best,
    certified_recall,
    exact,
    in_places,
    in_rows,
    nearest,
    raised,
    ranked,
)
from image_curation.core.neighbors import build_graph

ROOT = Path(__file__).resolve().parents[2]


def clustered(n, d=24, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(60, d))[rng.integers(60, size=n)] + 0.4 * rng.normal(size=(n, d))).astype(np.float32)


def isotropic(n, d=200):
    """Rows about equally far apart, on which descent gets stuck."""
    return np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)


def true_recall(indices, x, metric="cosine"):
    """Share of the true neighbors of all rows that are listed."""
    truth = exact(comparable(x, metric), indices.shape[1], metric)[0]
    return np.mean([len(np.intersect1d(a, b)) for a, b in zip(indices, truth, strict=True)]) / indices.shape[1]


def random_lists(n, w, seed=2, spread=None):
    """A graph that knows nothing: w of the rows that follow each row, at random."""
    steps = np.argsort(np.random.default_rng(seed).random((n, min(spread or n - 1, n - 1))), axis=1)[:, :w]
    return ((np.arange(n)[:, None] + 1 + steps) % n).astype(np.int32)


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


def test_best__equals_sorting_by_hand():
    x = comparable(clustered(300), "cosine")
    given = sketch(x, seed=1)
    candidates = np.random.default_rng(0).integers(-1, 300, size=(300, 40)).astype(np.int32)
    found = best(x, given, candidates, 6)
    for place in range(300):
        others = np.setdiff1d(candidates[place], [-1, place])
        far = np.square(x[given.order[others]] - x[given.order[place]]).sum(axis=1)
        np.testing.assert_array_equal(found[place], others[np.argsort(far)][:6])
    few = best(x, given, candidates[:, :3], 6)
    assert (few[:, 3:] == -1).all()


def test_in_places__there_and_back():
    x, lists = comparable(clustered(900), "cosine"), random_lists(900, 12)
    given = sketch(x, seed=1)
    np.testing.assert_array_equal(in_rows(given, in_places(given, lists)), lists)
    lists[:, 0] = np.arange(900)  # descent lists the row itself first
    assert (in_rows(given, in_places(given, lists))[:, 0] == -1).all()


def test_ranked__rows_without_candidates_are_searched():
    x = comparable(clustered(80), "cosine")
    candidates = random_lists(80, 79)
    candidates[5, 2:] = -1
    indices, distances = ranked(x, candidates, 6, "cosine")
    truth, lengths = exact(x, 6, "cosine")
    np.testing.assert_array_equal(indices, truth)
    np.testing.assert_array_equal(distances, lengths)


def test_raised__by_ever_more_cells():
    x = comparable(clustered(9_000), "cosine")
    given = sketch(x, seed=2)
    candidates, facts = raised(x, given, random_lists(9_000, 20, spread=40), 15, "cosine", silent, seed=3)
    assert candidates is not None
    assert facts["recall_of_descent"] < 0.1
    assert facts["cells"] >= 16
    found = true_recall(ranked(x, candidates, 15, "cosine")[0], x)
    assert facts["recall"] >= 0.99
    assert facts["recall"] == pytest.approx(found, abs=0.01)


def test_raised__nothing_to_do_and_nothing_to_be_done():
    x = comparable(clustered(2_000), "cosine")
    truth = exact(x, 12, "cosine")[0]
    candidates, facts = raised(x, sketch(x, seed=2), truth, 10, "cosine", silent, seed=3)
    assert facts["cells"] == 0
    assert facts["recall"] == 1
    hard = comparable(isotropic(6_000), "cosine")
    few = random_lists(6_000, 10, spread=40)
    candidates, facts = raised(hard, sketch(hard, seed=2), few, 10, "cosine", silent, seed=3)
    assert (candidates is None) == (facts.get("stuck_at", 1) < 0.99)


def test_sketch__bounds_distances_and_puts_alike_rows_into_cells():
    x = comparable(clustered(3000, d=40), "cosine")
    given = sketch(x, seed=5)
    assert sorted(given.order) == list(range(3000))
    sizes = np.diff(given.starts)
    assert sizes.sum() == 3000
    assert 0 < sizes.min() <= sizes.max() <= CELL
    a, b = np.random.default_rng(0).integers(3000, size=(2, 500))
    heads = np.square(given.head[a] - given.head[b]).sum(axis=1) + np.square(given.rest[a] - given.rest[b])
    full = np.square(x[given.order[a]] - x[given.order[b]]).sum(axis=1)
    assert (heads <= full + 1e-5).all()
    assert heads.sum() > 0.9 * full.sum(), "the leading axes hold most of the differences"
    within = np.concatenate(
        [np.repeat(centre[None], size, axis=0) for centre, size in zip(given.centres, sizes, strict=True)]
    )
    assert np.square(given.head - within).sum() < 0.7 * np.square(given.head - given.head.mean(axis=0)).sum()


def test_meet__all_cells_asked_is_the_exact_search():
    x = comparable(clustered(1500, d=8), "euclidean")  # so few axes that none is left out
    given = sketch(x - x.mean(axis=0), seed=1)
    met = meet(given, 6, cells=10**6)
    truth = exact(x, 6, "euclidean")[0]
    agree = [len(np.intersect1d(given.order[met[place]], truth[row])) for place, row in enumerate(given.order)]
    assert np.mean(agree) > 5.99
    rest = meet(given, 6, cells=10**6, skip=3)
    near = meet(given, 6, cells=3)
    both = best(x - x.mean(axis=0), given, np.hstack([near, rest]), 6)
    agree = [len(np.intersect1d(given.order[both[place]], truth[row])) for place, row in enumerate(given.order)]
    assert np.mean(agree) > 5.99, "the cells asked first and the others are all cells"
    few = meet(given, 6, cells=1)
    assert not np.any(few == np.arange(1500)[:, None])
    assert (few >= 0).sum() > 0


def test_sketch__all_alike_and_one_far_away():
    x = np.ones((900, 5), np.float32)
    x[7] = 100
    given = sketch(x - x.mean(axis=0), seed=1)
    assert np.diff(given.starts).max() <= CELL
    assert np.isfinite(given.head).all()
    assert meet(given, 3, cells=4).shape == (900, 3)


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
@pytest.mark.timeout(600)  # pynndescent compiles for half a minute on an idle core
@pytest.mark.parametrize(("metric", "shift", "dtype"), [("cosine", 0, np.float16), ("euclidean", 4096, np.float32)])
def test_approximate__certified_recall_is_honest(metric, shift, dtype):
    x = (clustered(3000) + np.float32(shift)).astype(dtype)
    graph = build_graph(x, k=15, metric=metric, exact_up_to=1000)
    assert graph.facts["engine"] == "descent and cells"
    assert graph.facts["recall"] >= 0.99
    assert graph.facts["recall"] == pytest.approx(true_recall(graph.indices, x, metric), abs=0.01)
    order = np.random.default_rng(4).permutation(len(x))
    shuffled = build_graph(x[order], k=15, metric=metric, exact_up_to=1000)
    same = [len(np.intersect1d(order[a], b)) for a, b in zip(shuffled.indices, graph.indices[order], strict=True)]
    assert np.mean(same) / 15 > 0.98  # the search is random; two orders agree to twice what either may miss
    again = build_graph(x, k=15, metric=metric, exact_up_to=1000)
    np.testing.assert_array_equal(again.indices, graph.indices)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_approximate__falls_back_to_the_exact_search():
    x = comparable(isotropic(6000), "cosine")
    indices, distances, facts = approximate(x, 15, "cosine", silent, seed=51)
    assert facts["engine"] == "exact"
    assert facts["recall"] == 1.0
    assert 0.3 < facts["stuck_at"] < 0.99
    for one, other in zip(exact(x, 15, "cosine"), (indices, distances), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_approximate__same_seed_same_graph_in_two_processes():
    code = f"""
        import sys, zlib
        import numpy as np
        sys.path.insert(0, {str(ROOT / "scripts")!r})
        from checkout import load_package
        load_package()
        from image_curation.core.neighbors import build_graph
        x = np.random.default_rng(0).normal(size=(2500, 16)).astype(np.float32)
        print(zlib.crc32(build_graph(x, k=15, exact_up_to=1000).indices.tobytes()))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    x = np.random.default_rng(0).normal(size=(2500, 16)).astype(np.float32)
    graph = build_graph(x, k=15, exact_up_to=1000)
    assert graph.facts["engine"] == "descent and cells"
    assert int(done.stdout) == zlib.crc32(graph.indices.tobytes())
