"""Greedy selection against brute force, its order, its parts and its constraints."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.selection import greedy
from image_curation.core.selection.greedy import Pool, extreme_turns, halves, nearest_of, pick


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def cloud(n, d=6, centres=12, seed=0):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(centres, d))[rng.integers(centres, size=n)] + 0.3 * rng.normal(size=(n, d)))


def pool(x, **given):
    n = len(x)
    own = {
        "free": np.ones(n, bool),
        "taken": np.zeros(n, bool),
        "bonus": np.ones(n),
        "inlier": np.ones(n, bool),
        "duplicate_group": np.arange(n),
        "group": np.full(n, -1),
    }
    return Pool(x, **{**own, **given})


def brute(x, count, taken=()):
    """Greedy by definition: every candidate's gain, computed from nothing in every turn."""
    distances = np.maximum(1 - x.astype(np.float64) @ x.T.astype(np.float64), 0)
    np.fill_diagonal(distances, 0)
    nearest = np.full(len(x), distances.max())
    for row in taken:
        nearest = np.minimum(nearest, distances[row])
    chosen = []
    for _ in range(count):
        gains = np.maximum(nearest - distances, 0).sum(axis=1)
        gains[[*chosen, *taken]] = -1
        chosen.append(int(gains.argmax()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    return chosen


@pytest.mark.parametrize("taken", [(), (3, 17)])
def test_pick__coverage_equals_greedy_by_definition(taken):
    x = cloud(80)
    before = np.zeros(80, bool)
    before[list(taken)] = True
    found = pick(pool(x, taken=before), 20, 0.0)
    assert found.rows.tolist() == brute(x, 20, taken)
    assert np.all(np.diff(found.value) <= 1e-4), "gains fall"


def test_pick__extremes_are_the_farthest():
    x = cloud(60)
    found = pick(pool(x), 10, 1.0)
    for at in range(1, 10):
        nearest = nearest_of(x, x[found.rows[:at]])
        assert nearest[found.rows[at]] == pytest.approx(nearest.max(), abs=1e-6)
        assert found.extreme[at]
        assert found.apart[at] == pytest.approx(nearest.max(), abs=1e-6)


def test_pick__a_prefix_is_the_smaller_selection():
    x = cloud(300)
    long = pick(pool(x), 60, 0.4).rows
    for count in (1, 7, 30):
        assert pick(pool(x), count, 0.4).rows.tolist() == long[:count].tolist()


def test_pick__in_parts_comes_near_to_all_at_once(monkeypatch):
    x = cloud(1500, d=8, centres=60)
    together = nearest_of(x, x[pick(pool(x), 200, 0.4).rows]).mean()
    few = nearest_of(x, x[pick(pool(x), 20, 0.4).rows]).mean()
    monkeypatch.setattr(greedy, "PART", 400)
    monkeypatch.setattr(greedy, "CELL", 150)
    apart = pick(pool(x), 200, 0.4).rows
    assert len(set(apart.tolist())) == 200
    assert nearest_of(x, x[apart]).mean() < 1.08 * together  # two parts of 750, thinned
    assert nearest_of(x, x[pick(pool(x), 20, 0.4).rows]).mean() < 1.08 * few  # one part, thinned to 400
    assert apart.tolist() == pick(pool(x), 200, 0.4).rows.tolist()


@pytest.mark.parametrize("part", [6000, 60])
def test_pick__constraints_hold(monkeypatch, part):
    monkeypatch.setattr(greedy, "PART", part)
    monkeypatch.setattr(greedy, "CELL", 40)
    monkeypatch.setattr(greedy, "PICKS_PER_PART", 10)
    x, rng = cloud(240), np.random.default_rng(1)
    duplicate_group, group = rng.integers(120, size=240), rng.integers(10, size=240)
    time = rng.uniform(0, 100, size=240)
    taken = np.zeros(240, bool)
    taken[[0, 51]] = True
    free = np.ones(240, bool)
    free[100:120] = False
    asked = pool(x, free=free, taken=taken, duplicate_group=duplicate_group, group=group, most=4, time=time, gap=5.0)
    rows = pick(asked, 60, 0.3).rows
    everyone = np.concatenate([rows, [0, 51]])
    assert not set(rows.tolist()) & {0, 51, *range(100, 120)}
    assert len(set(duplicate_group[everyone].tolist())) == len(everyone)
    assert np.bincount(group[everyone]).max() <= 4
    for one in range(10):
        times = np.sort(time[everyone[group[everyone] == one]])
        assert np.all(np.diff(times) >= 5 - 1e-9)
    assert 20 < len(rows) <= 40  # ten groups of four at most, minus what the gap forbids


def test_pick__everything_when_that_is_wanted():
    x = cloud(50)
    assert sorted(pick(pool(x), 50, 0.5).rows.tolist()) == list(range(50))
    assert sorted(pick(pool(x), 80, 0.5).rows.tolist()) == list(range(50))


def test_pick__copies_and_one_row():
    same = unit(np.ones((20, 3)))
    assert len(set(pick(pool(same), 5, 0.5).rows.tolist())) == 5
    assert pick(pool(same[:1]), 1, 0.5).rows.tolist() == [0]
    assert pick(pool(same, free=np.zeros(20, bool)), 5, 0.5).rows.tolist() == []


def test_extreme_turns__spread_evenly():
    assert extreme_turns(6, 0.5).tolist() == [False, True, False, True, False, True]
    assert extreme_turns(5, 0.4).sum() == 2
    assert extreme_turns(4, 1.0).tolist() == [False, True, True, True]
    assert not extreme_turns(9, 0.0).any()


def test_halves__every_row_once_in_equal_parts():
    x = cloud(103)
    parts = halves(x, np.arange(103), 5)
    assert sorted(np.concatenate(parts).tolist()) == list(range(103))
    assert {len(part) for part in parts} <= {20, 21}
