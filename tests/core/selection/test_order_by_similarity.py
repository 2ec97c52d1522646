"""The similarity order: every row once, short on a line and on clusters, sections where it jumps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.neighbors.distances import comparable
from image_curation.core.selection import order_by_similarity as ordering
from image_curation.core.selection.order_by_similarity import (
    OrderParams,
    _kicks,
    order_by_similarity,
    sections,
    similarity_order,
    step_lengths,
)
from image_curation.core.selection.ordering_kernels import degrees, shorten


def arc(n, seed=0):
    """Unit rows along an arc, shuffled, and the place of each on it."""
    place = np.random.default_rng(seed).permutation(n)
    angle = place / n * 2.5
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32), place


def clusters(n=300, d=12, centres=15, seed=0):
    rng = np.random.default_rng(seed)
    member = rng.integers(centres, size=n)
    return comparable(rng.normal(size=(centres, d))[member] + 0.2 * rng.normal(size=(n, d)), "cosine"), member


def greedy(x):
    """MLfix's chain: always the nearest row not seen yet."""
    chain, left = [0], np.ones(len(x), bool)
    left[0] = False
    while left.any():
        near = x @ x[chain[-1]]
        near[~left] = -2
        chain.append(int(near.argmax()))
        left[chain[-1]] = False
    return np.array(chain)


def run(x, labels=None, **params):
    given = None if labels is None else GivenLabels.of(labels)
    within = "ground_truth" if labels is not None else None
    inputs = Inputs(n=len(x), embeddings=np.asarray(x, np.float32), labels=given)
    return order_by_similarity(inputs, OrderParams(embeddings="e", within=within, **params), silent)


def test_similarity_order__an_arc_is_walked_from_end_to_end():
    x, place = arc(200)
    walked = place[similarity_order(x, None)]
    assert np.all(np.abs(np.diff(walked)) == 1)


def shortest(x):
    """Length of the best of all orders, by dynamic programming over sets of rows (Held & Karp 1962)."""
    n = len(x)
    distances = np.linalg.norm(x[:, None].astype(np.float64) - x[None], axis=2)
    best = np.full((1 << n, n), np.inf)
    best[1 << np.arange(n), np.arange(n)] = 0
    for seen in range(1, 1 << n):
        for last in range(n):
            if np.isfinite(best[seen, last]):
                for row in range(n):
                    if not seen >> row & 1:
                        there = best[seen, last] + distances[last, row]
                        best[seen | 1 << row, row] = min(best[seen | 1 << row, row], there)
    return best[-1].min()


@pytest.mark.parametrize("n", range(2, 11))
def test_similarity_order__few_rows_come_near_to_the_best_of_all_orders(n):
    x = comparable(np.random.default_rng(n).normal(size=(n, 3)), "cosine")
    order = similarity_order(x, None)
    assert sorted(order.tolist()) == list(range(n))
    assert step_lengths(x, order).sum() <= 1.05 * shortest(x) + 1e-6


@pytest.mark.parametrize("at_once", [600, 4])
def test_similarity_order__every_row_once_and_shorter_than_greedy(monkeypatch, at_once):
    monkeypatch.setattr(ordering, "AT_ONCE", at_once)  # with 4, fragments are joined level by level
    x, _ = clusters(900, centres=30)
    order = similarity_order(x, None)
    assert sorted(order.tolist()) == list(range(900))
    assert step_lengths(x, order).sum() < 0.985 * step_lengths(x, greedy(x)).sum()
    np.testing.assert_array_equal(order, similarity_order(x, None))


def test_similarity_order__copies_stand_side_by_side():
    x = np.repeat(clusters(40)[0], 5, axis=0)
    order = similarity_order(x, None)
    assert sorted(order.tolist()) == list(range(200))
    assert (np.diff(order // 5) == 0).sum() == 160
    same = np.ones((50, 3), np.float32)
    assert sorted(similarity_order(comparable(same, "cosine"), None).tolist()) == list(range(50))


def test_order_by_similarity__columns_and_sections():
    x, member = clusters(300)
    found = run(x)
    assert sorted(found.values["position"].tolist()) == list(range(1, 301))
    order = np.argsort(found.values["position"])
    section = found.values["section"][order]
    assert np.all(np.diff(section) >= 0)
    assert set(section.tolist()) == set(range(found.facts["sections"]))
    assert (np.diff(member[order]) != 0).sum() < 20, "clusters hang together"
    assert np.isnan(found.values["step_similarity"][order[0]])
    np.testing.assert_allclose(
        found.values["step_similarity"][order[1:]], np.einsum("ij,ij->i", x[order[1:]], x[order[:-1]]), atol=1e-5
    )


def test_order_by_similarity__within_classes():
    x, member = clusters(200)
    labels = [None if i % 40 == 0 else f"c{code % 3}" for i, code in enumerate(member)]
    found = run(x, labels)
    order = np.argsort(found.values["position"])
    along = [labels[row] for row in order]
    assert len([1 for one, other in itertools.pairwise(along) if one != other]) == 3, "each class is one stretch"
    assert along[-1] is None
    section = found.values["section"][order]
    assert all(section[at] != section[at + 1] for at in range(199) if along[at] != along[at + 1])


def test_sections__begin_at_the_longest_steps_that_leave_three():
    # Thirteen places in sections of four: two may begin. The jump of 9 after place 1 would leave a section of two.
    steps = np.array([1, 9, 1, 1, 8, 1, 1, 1, 1, 7, 1, 1.0])
    assert sections(steps, np.zeros(13), 4).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert sections(steps, np.repeat([0, 1], [6, 7]), 6).tolist() == [0] * 6 + [1] * 7  # the border counts as one
    assert sections(np.ones(11), np.zeros(12), 3).tolist() == [0] * 12, "no step is a jump"
    assert sections(np.empty(0), np.zeros(1), 2).tolist() == [0]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_order_by_similarity__hardly_any_samples(n):
    found = run(np.eye(3)[:n])
    assert sorted(found.values["position"].tolist()) == list(range(1, n + 1))


def test_order_by_similarity__classes_of_one_sample():
    x, _ = clusters(12)
    found = run(x, [f"c{row}" for row in range(12)])
    assert sorted(found.values["position"].tolist()) == list(range(1, 13))
    assert found.facts["sections"] == 12


def test_degrees__of_the_minimum_spanning_tree():
    # A star of four rows around row 0, all of length 1, and a longer edge from row 1 to row 2.
    one, other = np.array([0, 0, 0, 1], np.int32), np.array([1, 2, 3, 2], np.int32)
    lengths = np.array([1.0, 1.0, 1.0, 1.5])
    assert degrees(one, other, np.argsort(lengths, kind="stable"), 4).tolist() == [3, 1, 1, 1]
    penalty = np.array([-0.6, 0, 0, 0])  # row 0 is dear now: 1.6 for each edge at it, and 1.5 for the other
    assert degrees(one, other, np.argsort(lengths - penalty[one] - penalty[other], kind="stable"), 4).tolist() == [
        2,
        2,
        1,
        1,
    ]


NO_KICKS = np.empty((0, 3), np.int64)


def test_shorten__a_ring_that_crosses_itself():
    # Four corners of a square, walked crosswise: 2 sides and 2 diagonals with the gap in a side. Three sides are best.
    x = np.array([[0, 0], [1, 1], [1, 0], [0, 1]], np.float32)
    near = np.array([[2, 3, 1], [2, 3, 0], [0, 1, 3], [0, 1, 2]], np.int32)
    ring = np.array([0, 1, 2, 3, 4], np.int32)
    gain = shorten(x, near, np.zeros(4), ring, 100, NO_KICKS)
    assert gain == pytest.approx(2 * np.sqrt(2) + 1 - 3)
    assert sorted(ring.tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_shorten__tells_what_it_gains_and_kicks_never_lose(seed):
    rng = np.random.default_rng(seed)
    n, d = 200, 4
    x, penalty = rng.normal(size=(n, d)).astype(np.float32), 0.05 * rng.normal(size=n)
    apart = np.linalg.norm(x[:, None].astype(np.float64) - x[None], axis=2) - penalty[:, None] - penalty
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :6].astype(np.int32)
    kicks = np.column_stack([rng.integers(0, n, 600), rng.integers(1, 4, (600, 2))])
    start = rng.permutation(n + 1).astype(np.int32)

    def length(ring):
        along = np.roll(ring, -1 - int(np.flatnonzero(ring == n)[0]))[:-1]
        return step_lengths(x, along).sum()

    plain, kicked = start.copy(), start.copy()
    gain = shorten(x, near, penalty, plain, n, NO_KICKS)
    assert gain == pytest.approx(length(start) - length(plain), abs=1e-3)
    assert shorten(x, near, penalty, kicked, n, kicks) == pytest.approx(length(start) - length(kicked), abs=1e-3)
    assert sorted(kicked.tolist()) == list(range(n + 1))
    assert length(kicked) < length(plain) < 0.5 * length(start)


def test_kicks__one_for_each_row_or_more():
    found = _kicks(5_000, 1024)  # two for each row
    assert np.bincount(found[:, 0]).tolist() == [2] * 5_000
    assert set(found[:, 1].tolist()) == set(found[:, 2].tolist()) == {1, 2, 3}
    assert len(_kicks(5_000, 64)) == 5_000
    assert len(_kicks(2_000, 64)) == 4_000
    assert _kicks(3, 64)[:, 1:].max() == 1, "both runs, the row before and the gap are all there is"
    np.testing.assert_array_equal(found, _kicks(5_000, 1024))
