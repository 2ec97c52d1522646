"""Greedy selection: rows that between them cover all rows, each prefix of the order as good as it can be.

Coverage is the facility-location objective, the sum of distances to the nearest chosen row; greedy is within 1 - 1/e of
the best (Nemhauser, Wolsey & Fisher 1978, https://doi.org/10.1007/BF01588971), lazily evaluated (Minoux 1978). Extremes
are farthest-first picks, the 2-approximation of k-centre (Gonzalez 1985,
https://doi.org/10.1016/0304-3975(85)90224-5), which reach small groups. Turns of both alternate.

Memory is bounded: greedy runs on all distances of at most 6,000 rows. Larger sets are cut into parts by
halving along their widest direction. Where few rows are wanted of many, a part is first thinned to 6,000 rows that
stand for the others, by the same greedy in still smaller cells; where many are wanted, each part runs by itself and the
orders are merged by gain, which is greedy on all of them up to what happens at the borders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.blocks import blocks
from ..base.threads import in_threads
from ..neighbors.distances import distance_block

PART = 6_000  # rows whose distances are held at once: 144 MB
CELL = 2_000  # rows of the cells in which large parts are thinned
PICKS_PER_PART = 100  # so that what happens at the borders of a part matters little
SAMPLED = 4_096  # rows from which a part's widest direction is told
COMPARED, COMPARISONS = 2_000, 2e9  # rows chosen before that every row is compared with: all up to that many pairs
SPARE = 16  # picks of a part beyond four times its share


@dataclass(frozen=True)
class Pool:
    """What is chosen from.

    Attributes:
        x: (n, d) unit rows, as `comparable` makes them; all of them are to be covered.
        free: (n,) bool, may be picked.
        taken: (n,) bool, chosen before: they cover, and are not picked.
        bonus: (n,) float64 factor on a row's gain, positive.
        inlier: (n,) bool, no outlier: may be picked for being far away.
        duplicate_group: (n,) int64, near-duplicates share a number, and one of them at most is chosen.
        group: (n,) int64 group that is limited, -1 for none.
        most: rows of one group, 0 for no limit.
        time: (n,) float64, NaN for none.
        gap: least difference in time between rows of one group.
    """

    x: Array
    free: Array
    taken: Array
    bonus: Array
    inlier: Array
    duplicate_group: Array
    group: Array
    most: int = 0
    time: Array | None = None
    gap: float = 0.0

    def part(self, rows: Array) -> Pool:
        """The same, of some of the rows."""
        time = None if self.time is None else self.time[rows]
        return Pool(
            self.x[rows],
            self.free[rows],
            self.taken[rows],
            self.bonus[rows],
            self.inlier[rows],
            self.duplicate_group[rows],
            self.group[rows],
            self.most,
            time,
            self.gap,
        )


@dataclass(frozen=True)
class Picks:
    """Rows in the order of their choice.

    Attributes:
        rows: (q,) int64.
        extreme: (q,) bool, taken for lying far from all chosen before; the others for what they cover.
        value: (q,) float64 gain in coverage, or distance, times the bonus.
        stands_for: (q,) float64 samples that it was nearest to when picked, itself included.
        apart: (q,) float64 distance to the nearest chosen before; infinite for the first.
    """

    rows: Array
    extreme: Array
    value: Array
    stands_for: Array
    apart: Array

    def of(self, rows: Array) -> Picks:
        """The same picks where row i is called rows[i]."""
        return Picks(rows[self.rows], self.extreme, self.value, self.stands_for, self.apart)

    def take(self, at: Array) -> Picks:
        """Some of the picks."""
        return Picks(self.rows[at], self.extreme[at], self.value[at], self.stands_for[at], self.apart[at])


def pick(pool: Pool, count: int, extremes: float, progress: Progress = silent) -> Picks:
    """Choose rows greedily.

    Args:
        count: rows wanted; fewer come when the constraints leave fewer.
        extremes: share of the turns that take the farthest row, in [0, 1].
    """
    pool = _room_left(pool)
    found = _round(pool, count, extremes, progress)
    while len(found.rows) < count:  # constraints across parts turned some away; the next round knows of them
        taken = pool.taken.copy()
        taken[found.rows] = True
        more = _round(_room_left(_with(pool, pool.free & ~taken, taken)), count - len(found.rows), extremes, progress)
        if len(more.rows) == 0:
            break
        found = joined([found, more])
    return found


def pick_in_turns(
    pool: Pool,
    codes: Array,
    turns: Callable[[Array, Array, int], Array],
    count: int,
    extremes: float,
    progress: Progress = silent,
) -> Picks:
    """Choose rows class by class: each class greedily among its own rows, which are what it has to cover.

    Args:
        codes: (n,) classes; rows with -1 are not picked.
        turns: (C,) rows available, (C,) rows chosen so far, rows wanted → (q,) class of each turn.
        count, extremes: as for `pick`.
    """
    classes = int(codes.max()) + 1
    found: list[Picks] = []
    taken, chosen = pool.taken.copy(), np.zeros(classes, dtype=np.int64)
    while (wanted := count - int(chosen.sum())) > 0:
        open_pool = _room_left(_with(pool, pool.free & (codes >= 0), taken))
        plan = turns(np.bincount(codes[open_pool.free], minlength=classes), chosen, wanted)
        queues: dict[int, list[int]] = {}
        parts, before = [], 0
        for done, code in enumerate(np.unique(plan).tolist()):
            progress(done, classes, "choosing samples class by class")
            rows = np.flatnonzero((codes == code) | (taken & (codes < 0)))
            part = pick(open_pool.part(rows), int((plan == code).sum()), extremes).of(rows)
            queues[code] = list(range(before + len(part.rows) - 1, before - 1, -1))
            before += len(part.rows)
            parts.append(part)
        everything, allowed = joined(parts) if parts else None, _Allowed(_with(pool, pool.free, taken))
        order = []
        for code in plan.tolist():
            while queues[code]:
                at = queues[code].pop()
                assert everything is not None
                if allowed.admit(int(everything.rows[at])):
                    order.append(at)
                    break
        if everything is None or not order:
            break
        found.append(everything.take(np.array(order, dtype=np.int64)))
        taken[found[-1].rows] = True
        chosen += np.bincount(codes[found[-1].rows], minlength=classes)
    return joined(found) if found else _nothing()


def _nothing() -> Picks:
    empty = np.empty(0)
    return Picks(np.empty(0, np.int64), np.empty(0, np.bool_), empty, empty, empty)


def joined(parts: Sequence[Picks]) -> Picks:
    """Picks one after another."""
    names = ("rows", "extreme", "value", "stands_for", "apart")
    return Picks(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def extreme_turns(count: int, share: float) -> Array:
    """(count,) bool, spread evenly, coverage first: the prefix of any length has its share of either."""
    turns = np.diff(np.floor(np.arange(count + 1) * share + 1e-9)) > 0
    turns[:1] = False  # before the first pick there is nothing to be far from
    return np.asarray(turns)


def halves(x: Array, rows: Array, parts: int) -> list[Array]:
    """Cut rows into parts of equal size, to one row, again and again along the widest direction."""
    done, waiting = [], [(rows, parts)]
    while waiting:
        some, into = waiting.pop()
        if into <= 1 or len(some) < 2:
            done.append(some)
            continue
        direction = _widest(x[some[np.linspace(0, len(some) - 1, min(len(some), SAMPLED)).astype(np.int64)]])
        along = np.concatenate([x[some[part]] @ direction for part in blocks(len(some))])
        order = np.argsort(along, kind="stable")
        left = into // 2
        cut = len(some) * left // into
        waiting += [(np.sort(some[order[cut:]]), into - left), (np.sort(some[order[:cut]]), left)]
    return done


def nearest_of(x: Array, chosen: Array) -> Array:
    """(n,) float32 cosine distance of each row to the nearest of some vectors; 2, the most, where there are none.

    Args:
        x: (n, d), chosen: (m, d): unit rows.
    """
    nearest = np.full(len(x), 2.0, np.float32)

    def compare(part: slice) -> None:
        for some in blocks(len(chosen), 2_048):
            near = distance_block(x[part], chosen[some], "cosine").min(axis=1)
            nearest[part] = np.minimum(nearest[part], near)

    if len(chosen):
        in_threads(compare, blocks(len(x), 1_024))
    return nearest


def _round(pool: Pool, count: int, extremes: float, progress: Progress) -> Picks:
    n = len(pool.x)
    taken = np.flatnonzero(pool.taken)
    most = max(COMPARED, int(COMPARISONS // max(n, 1)))
    some = taken[np.linspace(0, len(taken) - 1, min(len(taken), most)).astype(np.int64)]
    nearest = nearest_of(pool.x, pool.x[some])
    parts = halves(pool.x, np.arange(n), max(1, min(-(-n // PART), count // PICKS_PER_PART)))
    found: list[Picks] = []
    for done, rows in enumerate(parts):
        progress(done, len(parts), "choosing samples")
        share = count if len(parts) == 1 else min(len(rows), 4 * -(-count * len(rows) // n) + SPARE)
        part = pool if len(parts) == 1 else pool.part(rows)
        found.append(_in_part(part, nearest[rows], share, extremes, progress).of(rows))
    return _merged(pool, found, count, extremes)


def _in_part(pool: Pool, nearest: Array, count: int, extremes: float, progress: Progress) -> Picks:
    if len(pool.x) <= PART:
        return _on_all(pool, np.ones(len(pool.x)), nearest, count, extreme_turns(count, extremes))
    rows, weights = _thinned(pool, nearest, progress)
    near = nearest[rows]
    found = _on_all(pool.part(rows), weights, near, count, extreme_turns(count, extremes))
    return found.of(rows)


def _on_all(pool: Pool, weights: Array, nearest: Array, count: int, turns: Array) -> Picks:
    """Greedy on all distances."""
    from .greedy_kernels import greedy

    s = len(pool.x)
    distances = distance_block(pool.x, pool.x, "cosine")
    np.fill_diagonal(distances, 0)
    near = np.minimum(nearest, distances.max(initial=np.float32(0)))
    for part in blocks(int(pool.taken.sum()), 512):
        near = np.minimum(near, distances[np.flatnonzero(pool.taken)[part]].min(axis=0))
    q = min(count, s)
    picks, values = np.empty(q, np.int64), np.empty(q)
    stands_for, apart = np.empty(q), np.empty(q)
    limited = pool.group if pool.most or pool.gap else np.full(s, -1)
    names, group = np.unique(limited, return_inverse=True)
    group = np.where(limited < 0, -1, group)
    room = np.full(len(names), pool.most if pool.most else s)
    counted = np.bincount(group[pool.taken & (group >= 0)], minlength=len(names))
    found = greedy(
        distances,
        weights,
        near,
        pool.bonus,
        pool.free.copy(),
        pool.inlier,
        group,
        room - counted,
        pool.duplicate_group,
        np.full(s, np.nan) if pool.time is None else pool.time,
        pool.gap,
        turns[:q],
        picks,
        values,
        stands_for,
        apart,
    )
    return Picks(picks[:found], turns[:found], values[:found], stands_for[:found], apart[:found])


def _thinned(pool: Pool, nearest: Array, progress: Progress) -> tuple[Array, Array]:
    """Rows that stand for a large part, and how many samples each stands for.

    In small cells rows are picked by turns of coverage and extremes, so that small groups are not lost. A row
    that may not be picked is counted with the row nearest to it.
    """
    n = len(pool.x)
    cells = halves(pool.x, np.arange(n), -(-n // CELL))
    kept: list[Array] = [np.empty(0, np.int64)] * len(cells)
    counts: list[Array] = [np.empty(0)] * len(cells)

    def thin(at: int) -> None:
        rows = cells[at]
        quota = max(1, PART * len(rows) // n)
        cell = pool.part(rows)
        open_cell = Pool(
            cell.x, cell.free, cell.taken, np.ones(len(rows)), cell.inlier, np.arange(len(rows)), np.full(len(rows), -1)
        )
        picks = _on_all(open_cell, np.ones(len(rows)), nearest[rows], quota, extreme_turns(quota, 0.5)).rows
        if len(picks) == 0:
            return
        owner = distance_block(cell.x, cell.x[picks], "cosine").argmin(axis=1)
        owner[picks] = np.arange(len(picks))
        kept[at], counts[at] = rows[picks], np.bincount(owner, minlength=len(picks)).astype(np.float64)

    in_threads(thin, range(len(cells)), progress, "thinning the candidates")
    rows, weights = np.concatenate(kept), np.concatenate(counts)
    order = np.argsort(rows, kind="stable")
    return rows[order], weights[order]


def _merged(pool: Pool, parts: Sequence[Picks], count: int, extremes: float) -> Picks:
    """One order out of those of the parts: in each turn the part with the largest next value of that turn's kind."""
    if len(parts) == 1:
        return parts[0]
    everything = joined(parts)
    part = np.repeat(np.arange(len(parts)), [len(one.rows) for one in parts])
    place = np.arange(len(part))
    queues = []
    for kind in (False, True):
        mine = place[everything.extreme == kind]
        value = everything.value[mine].copy()
        for one in range(len(parts)):  # values of one part fall, but for rounding: keep each part's order
            own = part[mine] == one
            value[own] = np.minimum.accumulate(value[own])
        queues.append(mine[np.lexsort((mine, -value))].tolist()[::-1])
    allowed = _Allowed(pool)
    chosen: list[int] = []
    for extreme in extreme_turns(count, extremes):
        while queues[0] or queues[1]:
            queue = queues[int(extreme)] or queues[1 - int(extreme)]
            at = queue.pop()
            if allowed.admit(int(everything.rows[at])):
                chosen.append(at)
                break
    return everything.take(np.array(chosen, dtype=np.int64))


class _Allowed:
    """The constraints between rows of different parts."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.duplicate_groups: set[int] = set(pool.duplicate_group[pool.taken].tolist())
        self.times: dict[int, list[float]] = {}
        for row in np.flatnonzero(pool.taken & (pool.group >= 0)).tolist():
            self._count(row)

    def admit(self, row: int) -> bool:
        """Whether the row may be chosen beside those admitted before; if so it is one of them."""
        pool, own = self.pool, int(self.pool.group[row])
        if int(pool.duplicate_group[row]) in self.duplicate_groups:
            return False
        times = self.times.get(own, [])
        if own >= 0 and pool.most and len(times) >= pool.most:
            return False
        if own >= 0 and pool.time is not None and any(abs(pool.time[row] - time) < pool.gap for time in times):
            return False
        self.duplicate_groups.add(int(pool.duplicate_group[row]))
        if own >= 0:
            self._count(row)
        return True

    def _count(self, row: int) -> None:
        time = float("nan") if self.pool.time is None else float(self.pool.time[row])
        self.times.setdefault(int(self.pool.group[row]), []).append(time)


def _room_left(pool: Pool) -> Pool:
    """The pool without rows that what was chosen before rules out."""
    free = pool.free & ~pool.taken
    if pool.taken.any():
        free &= ~np.isin(pool.duplicate_group, pool.duplicate_group[pool.taken])
        grouped = np.flatnonzero(pool.taken & (pool.group >= 0))
        if len(grouped) and pool.most:
            counted = np.bincount(pool.group[grouped], minlength=int(pool.group.max()) + 1)
            free &= (pool.group < 0) | (counted[pool.group] < pool.most)
        if len(grouped) and pool.time is not None and pool.gap:
            free &= ~_near_in_time(pool, grouped)
    return _with(pool, free, pool.taken)


def _near_in_time(pool: Pool, chosen: Array) -> Array:
    """(n,) bool, within the gap of one of the chosen rows of the same group."""
    assert pool.time is not None
    is_chosen = np.zeros(len(pool.x), dtype=np.bool_)
    is_chosen[chosen] = True
    order = np.lexsort((pool.time, pool.group))
    group, time, marked = pool.group[order], pool.time[order], is_chosen[order]
    places = np.arange(len(order))
    before = np.maximum.accumulate(np.where(marked, places, -1))
    after = np.minimum.accumulate(np.where(marked, places, len(order))[::-1])[::-1]
    near = np.zeros(len(order), dtype=np.bool_)
    for there in (before, after):
        inside = np.flatnonzero((there >= 0) & (there < len(order)))
        other = there[inside]
        near[inside] |= (group[other] == group[inside]) & (np.abs(time[inside] - time[other]) < pool.gap)
    out = np.empty_like(near)
    out[order] = near & (group >= 0)
    return out


def _with(pool: Pool, free: Array, taken: Array) -> Pool:
    return Pool(
        pool.x, free, taken, pool.bonus, pool.inlier, pool.duplicate_group, pool.group, pool.most, pool.time, pool.gap
    )


def _widest(x: Array) -> Array:
    """(d,) float32 direction of most variance, by power iteration."""
    z = x - x.mean(axis=0)
    along = z[int(np.argmax(np.einsum("ij,ij->i", z, z)))]
    for _ in range(6):
        along = z.T @ (z @ along)
        along = along / max(float(np.sqrt(along @ along)), 1e-30)
    return np.asarray(along, dtype=np.float32)
