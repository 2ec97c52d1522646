"""LocalPAM: raises any set of medoids to the quality of swaps on all distances, without the n x n matrix.

For each cluster in turn the search takes the medoids of the nearest clusters, the points that have one of them as their
nearest or second nearest, and some members of the cluster as candidates; on these it swaps as FasterPAM does. A
point's other medoid, where it lies elsewhere, is one that cannot move. Points elsewhere could only gain by a swap, so
each swap lowers the loss of all points by at least what it lowers the local one. Memory: O(n + local points).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Progress
from ..base.blocks import blocks
from ..base.threads import blas_threads, cores, in_threads
from ..neighbors.distances import distance_block

FETCHED = 256  # points whose vectors are held side by side
TOGETHER = 4  # clusters that are searched side by side; fixed, so that the result does not depend on the cores


@dataclass(frozen=True)
class Effort:
    """How hard the search tries.

    Attributes:
        sweeps: times that every cluster is visited at most.
        around: nearest other clusters whose points weigh a swap.
        tried: candidates per cluster: half nearest its mean, half at random.
        enough: the search ends after a sweep that gains less than this share of the loss.
    """

    sweeps: int
    around: int
    tried: int
    enough: float


@dataclass
class _State:
    """Row j of x has medoid n1[j] at distance d1[j] and another, n2[j], at d2[j] >= d1[j].

    They are its two nearest when a sweep begins, and bounds on them later.
    """

    x: Array
    squares: Array  # (n,) |x|^2
    metric: str
    medoids: Array
    movable: Array
    n1: Array
    n2: Array
    d1: Array
    d2: Array
    is_medoid: Array  # (n,) bool
    around: Array  # (k, t) slots of the medoids nearest to each, itself among them, when the sweep began
    changed: Array  # (k,) number of the visit at which a slot got its medoid
    visited: Array  # (k,) number of the last visit to a slot, -1 before the first


@dataclass(frozen=True)
class _Found:
    """What the search around one cluster found: the points and slots it looked at, and their state afterwards."""

    near: Array
    medoids: Array
    points: Array
    n1: Array
    n2: Array
    d1: Array
    d2: Array


def local_swaps(
    x: Array,
    metric: str,
    medoids: Array,
    fixed: int,
    rng: np.random.Generator,
    progress: Progress,
    effort: Effort,
) -> Array:
    """Improve medoids by local swaps.

    Args:
        x: (n, d) from `comparable`.
        medoids: (k,) rows, 2 <= k < n; the first `fixed` of them stay.

    Returns:
        The medoids, (k,) rows in the order of the slots.
    """
    k = len(medoids)
    state = _State(
        x,
        np.einsum("ij,ij->i", x, x),
        metric,
        medoids.astype(np.int64),
        np.arange(k) >= fixed,
        *two_nearest_of(x, x[medoids], metric),
        is_medoid=np.isin(np.arange(len(x)), medoids),
        around=np.zeros((k, 0), np.int64),
        changed=np.zeros(k, np.int64),
        visited=np.full(k, -1),
    )
    for sweep in range(effort.sweeps):
        progress(sweep, effort.sweeps, "improving the representatives")
        if sweep:
            state.n1, state.n2, state.d1, state.d2 = two_nearest_of(x, x[state.medoids], metric)
        before = float(state.d1.sum(dtype=np.float64))
        state.around = _around(x[state.medoids], metric, min(effort.around + 1, k))
        slots = rng.permutation(np.flatnonzero(state.movable))
        # the products are small, and side by side already
        with blas_threads(1), ThreadPoolExecutor(min(cores(), TOGETHER)) as pool:
            for group in blocks(len(slots), TOGETHER):
                _visit(state, slots[group], rng, effort, pool)
        if before - float(state.d1.sum(dtype=np.float64)) < effort.enough * before:
            break
    return state.medoids


def two_nearest_of(x: Array, medoids: Array, metric: str) -> tuple[Array, Array, Array, Array]:
    """Two nearest of k medoids for every row: slots n1, n2 (int32) and distances d1, d2 (float32), all (n,).

    With k = 1, n2 is -1 and d2 infinite.
    """
    from .kernels import two_nearest

    n = len(x)
    n1, n2 = np.empty(n, np.int32), np.empty(n, np.int32)
    d1, d2 = np.empty(n, np.float32), np.empty(n, np.float32)

    def assign(rows: slice) -> None:
        two_nearest(distance_block(x[rows], medoids, metric), n1[rows], n2[rows], d1[rows], d2[rows])

    in_threads(assign, blocks(n, 1024))
    return n1, n2, d1, d2


def _visit(state: _State, slots: Array, rng: np.random.Generator, effort: Effort, pool: ThreadPoolExecutor) -> None:
    """Search around some clusters side by side, then apply what was found; clashes are searched again, alone."""
    seeds = rng.integers(2**63, size=len(slots))
    now = int(state.visited.max()) + 1

    def search(at: int) -> _Found | None:
        return _search(state, int(slots[at]), np.random.default_rng(seeds[at]), effort)

    touched = np.zeros(len(state.x), dtype=np.bool_)
    for at, result in enumerate(list(pool.map(search, range(len(slots))))):
        if result is not None and touched[result.points].any():
            result = search(at)
        if result is not None:
            touched[result.points] = True
            state.changed[result.near[state.medoids[result.near] != result.medoids]] = now
            _apply(state, result)
    state.visited[slots] = now


def _search(state: _State, slot: int, rng: np.random.Generator, effort: Effort) -> _Found | None:
    """Swaps around one cluster on a copy of its surroundings; None if there is none."""
    from .kernels import eager_swaps, surroundings, two_nearest

    x, metric, medoids = state.x, state.metric, state.medoids
    near = state.around[slot]
    if state.changed[near].max() < state.visited[slot]:
        return None  # nothing new since the last visit
    t = len(near)
    local = np.full(len(medoids), -1, dtype=np.int32)
    local[near] = np.arange(t, dtype=np.int32)
    points, members = np.empty(len(x), np.int64), np.empty(len(x), np.int64)
    found, own = surroundings(state.n1, state.n2, state.is_medoid, slot, local, points, members)
    if own == 0:
        return None
    points, candidates = points[:found].copy(), _candidates(state, members[:own], effort.tried, rng)
    n1, n2 = state.n1[points], state.n2[points]
    first_is_far, second_is_far = local[n1] < 0, local[n2] < 0
    far = np.where(first_is_far, n1, n2)
    to_far = np.where(first_is_far, state.d1[points], np.where(second_is_far, state.d2[points], np.inf))
    # Rows: the medoids nearby, the medoid elsewhere that is known of each point, the candidates.
    rows = np.concatenate([medoids[near], candidates])
    distances = np.empty((len(rows) + 1, len(points)), np.float32)
    _fill(distances, x, rows, points, t, metric)
    distances[t] = to_far
    m = len(points)
    n1, n2 = np.empty(m, np.int32), np.empty(m, np.int32)
    d1, d2 = np.empty(m, np.float32), np.empty(m, np.float32)
    two_nearest(np.ascontiguousarray(distances[: t + 1].T), n1, n2, d1, d2)
    chosen = np.arange(t + 1)
    swaps = eager_swaps(
        distances,
        np.ones(m, np.float32),
        chosen,
        np.append(state.movable[near], False),
        np.arange(t + 1, len(distances)),
        10,
        n1,
        n2,
        d1,
        d2,
    )
    if swaps == 0:
        return None
    names = np.append(near, -1).astype(np.int32)
    n1, n2 = np.where(n1 == t, far, names[n1]), np.where(n2 == t, far, names[n2])
    return _Found(near, rows[np.where(chosen[:t] > t, chosen[:t] - 1, chosen[:t])], points, n1, n2, d1, d2)


def _fill(distances: Array, x: Array, rows: Array, points: Array, skipped: int, metric: str) -> None:
    """Write the distances of rows to points into (rows + 1, points), past the line `skipped`.

    Points are fetched a few at a time, so that they stay in the cache.
    """
    ends = x[rows]
    fetched = np.empty((min(len(points), FETCHED), x.shape[1]), np.float32)
    for part in blocks(len(points), FETCHED):
        some = points[part]
        np.take(x, some, axis=0, out=fetched[: len(some)], mode="clip")  # with "raise" NumPy would copy once more
        products = distance_block(ends, fetched[: len(some)], metric)
        distances[:skipped, part], distances[skipped + 1 :, part] = products[:skipped], products[skipped:]


def _around(x: Array, metric: str, t: int) -> Array:
    """The t rows nearest to each row, itself among them, sorted by number. (k, t)"""
    found = np.empty((len(x), t), dtype=np.int64)
    for part in blocks(len(x), 1024):
        between = distance_block(x[part], x, metric)
        at = np.arange(part.start, part.stop)
        between[np.arange(len(at)), at] = -1
        found[part] = np.argpartition(between, t - 1, axis=1)[:, :t]
    found.sort(axis=1)
    return found


def _candidates(state: _State, members: Array, tried: int, rng: np.random.Generator) -> Array:
    """Half nearest the mean of the members, half at random; in random order."""
    if len(members) > tried:
        own = state.x[members]
        from_mean = state.squares[members] - 2 * (own @ own.mean(axis=0))
        order = np.argpartition(from_mean, tried // 2)
        some = rng.choice(order[tried // 2 :], tried - tried // 2, replace=False)
        members = members[np.concatenate([order[: tried // 2], some])]
    return rng.permutation(members)


def _apply(state: _State, found: _Found) -> None:
    """Put what was found into the state. The other points have neither n1 nor n2 among the medoids that moved."""
    state.is_medoid[state.medoids[found.near]] = False
    state.is_medoid[found.medoids] = True
    state.medoids[found.near] = found.medoids
    points = found.points
    state.n1[points], state.n2[points], state.d1[points], state.d2[points] = found.n1, found.n2, found.d1, found.d2
