"""Inner loops of the similarity order: joining rows into a path by short edges, and shortening the path."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..base.arrays import Array
from ..base.compiled import compiled

LEAST = 1e-7  # gain below which a move is rounding
FIRST, SECOND = 5, 3  # neighbors that the first and the second new edge of an exchange may lead to
SLOT_BITS = 18
SLOTS = 2**SLOT_BITS  # lengths remembered: moves ask for the same ones again and again
JOURNAL = 1_024  # runs turned round that can be turned back: a kick and what follows it take a dozen
GOLDEN = 11400714819323198485  # 2^64 / golden ratio: spreads keys over the slots


class Ring(NamedTuple):
    """A closed path through all rows, and what is known about them. All arrays are changed.

    Attributes:
        x: (n, d) float32 rows.
        near: (n, k) int32 neighbors of each row, the one with the shortest edge first.
        lengths: (n, k) float64 of the edges to them, less penalties.
        penalty: (n,) float64, taken off the length of every edge at a row.
        keys, values: (SLOTS,) int64 pair of rows, and float64 length of the edge between them.
        order: (n + 1,) int32; row n is the gap that closes the path to a ring.
        place: (n + 1,) int32 where each row stands in the order.
        queue: (n + 1,) int32 rows to be looked at; waiting: (n + 1,) bool those in it; head: (2,) its first and length.
        journal: (JOURNAL, 2) int64 first place and size of each run turned round since the last kick that was kept;
            how many there are stands in the first entry.
    """

    x: Array
    near: Array
    lengths: Array
    penalty: Array
    keys: Array
    values: Array
    order: Array
    place: Array
    queue: Array
    waiting: Array
    head: Array
    journal: Array


@compiled
def join_edges(a: Array, b: Array, ends: Array, links: Array) -> int:
    """Take edges, shortest first, wherever both rows have a free end and the edge closes no ring.

    Args:
        a, b: (e,) int32 rows of each edge, shortest first.
        ends: (n,) int32 changed; of a row at the end of a fragment, the row at its other end (its own for a row alone).
        links: (n, 2) int32 changed; neighbors on the path, -1 for none.

    Returns:
        edges taken.
    """
    taken = 0
    for e in range(len(a)):
        one, other = a[e], b[e]
        if links[one, 1] >= 0 or links[other, 1] >= 0 or ends[one] == other:
            continue
        links[one, 0 if links[one, 0] < 0 else 1] = other
        links[other, 0 if links[other, 0] < 0 else 1] = one
        far_one, far_other = ends[one], ends[other]
        ends[far_one] = far_other
        ends[far_other] = far_one
        taken += 1
    return taken


@compiled
def walk(links: Array, start: int, order: Array, at: int) -> int:
    """Write a fragment from one of its ends into order[at:]; returns the place after it."""
    row, before = start, -1
    while row >= 0:
        order[at] = row
        at += 1
        following = links[row, 0]
        if following == before or following < 0:
            following = links[row, 1] if links[row, 0] == before else links[row, 0]
        if following == before:
            following = -1
        before, row = row, following
    return at


@compiled
def degrees(one: Array, other: Array, by_length: Array, n: int) -> Array:
    """(n,) int64 degrees of the rows in the minimum spanning tree (Kruskal).

    Args:
        one, other: (e,) int32 rows of each edge; they join all rows.
        by_length: (e,) the edges, shortest first.
    """
    parent, degree = np.arange(n), np.zeros(n, np.int64)
    left = n - 1
    for e in by_length:
        a, b = one[e], other[e]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b:
            parent[a] = b
            degree[one[e]] += 1
            degree[other[e]] += 1
            left -= 1
            if left == 0:
                break
    return degree


def shorten(x: Array, near: Array, penalty: Array, order: Array, most: int, kicks: Array) -> float:
    """Shorten a ring by exchanges of two or three edges, then by kicks that are undone unless they shorten it.

    An exchange takes an edge away, adds one to a listed neighbor, and so on; the sum of the gains stays positive all
    along (Lin & Kernighan 1973, https://doi.org/10.1287/opre.21.2.498). Nothing is turned round until one is found
    that shortens the ring: in many dimensions near rows stand anywhere along it, and turning is what takes time. A
    kick lets two short runs change places; exchanges follow at the rows that it touched (Martin, Otto & Felten 1991,
    https://doi.org/10.25088/ComplexSystems.5.3.299). Penalties change no comparison of rings, since all rows have two
    edges.

    Args:
        x: (n, d) float32 rows.
        near: (n, k) int32 neighbors of each row, by length less penalties.
        penalty: (n,) float64.
        order: (n + 1,) int32 changed; row n is the gap that closes the path to a ring.
        most: places along the ring that rows of one exchange may be apart.
        kicks: (q, 3) int64: a row, and the sizes of the two runs after it that change places; n + 1 at least two more
            than both sizes.

    Returns:
        by how much the ring got shorter, at least 0.
    """
    m = len(order)
    place = np.empty(m, np.int32)
    place[order] = np.arange(m)
    ring = Ring(
        x,
        near,
        np.empty(near.shape),
        penalty,
        np.full(SLOTS, -1, np.int64),
        np.empty(SLOTS),
        order,
        place,
        order.copy(),
        np.ones(m, np.bool_),
        np.array([0, m]),
        np.zeros((JOURNAL, 2), np.int64),
    )
    with np.errstate(over="ignore"):  # of the hash, when run without compilation
        return float(_shorten(ring, most, kicks))


@compiled
def _shorten(ring: Ring, most: int, kicks: Array) -> float:
    order, place, journal = ring.order, ring.place, ring.journal
    for row in range(len(ring.near)):
        for c in range(ring.near.shape[1]):
            ring.lengths[row, c] = _length(ring, row, ring.near[row, c])
    total = _descend(ring, most, False)
    for kick in range(len(kicks)):
        journal[0, 0] = 0
        gain = _kick(ring, place[kicks[kick, 0]], kicks[kick, 1], kicks[kick, 2])
        gain += _descend(ring, most, True)
        if gain > LEAST:
            total += gain
        else:
            for at in range(journal[0, 0], 0, -1):
                _swap(order, place, journal[at, 0], journal[at, 1])
    return total


@compiled
def _kick(ring: Ring, at: int, size: int, other_size: int) -> float:
    """Let the run after a place and the one after that change places; returns by how much the ring got shorter."""
    order, place, journal = ring.order, ring.place, ring.journal
    m = len(order)
    first, second = (at + 1) % m, (at + 1 + size) % m
    before, after = order[at], order[(second + other_size) % m]
    a, b = order[first], order[(first + size - 1) % m]
    c, d = order[second], order[(second + other_size - 1) % m]
    gain = _length(ring, before, a) + _length(ring, b, c) + _length(ring, d, after)
    gain -= _length(ring, before, c) + _length(ring, d, a) + _length(ring, b, after)
    _reverse(order, place, journal, first, size)
    _reverse(order, place, journal, second, other_size)
    _reverse(order, place, journal, first, size + other_size)
    for row in (before, a, b, c, d, after):
        _wait(ring, row)
    return gain


@compiled
def _descend(ring: Ring, most: int, noted: bool) -> float:
    """Exchanges at the rows that wait, until none finds a gain; returns by how much the ring got shorter.

    Args:
        noted: whether the journal must be able to undo all of it; when that is full, the rows left are passed over.
    """
    n, total = len(ring.x), 0.0
    while ring.head[1] > 0:
        row = ring.queue[ring.head[0]]
        ring.head[0] = (ring.head[0] + 1) % len(ring.queue)
        ring.head[1] -= 1
        ring.waiting[row] = False
        while row < n and ring.journal[0, 0] < JOURNAL - 4:
            gain = _exchange(ring, row, 1, most)
            if gain == 0.0:
                gain = _exchange(ring, row, -1, most)
            if gain == 0.0:
                break
            if not noted:
                ring.journal[0, 0] = 0
            total += gain
    return total


@compiled
def _length(ring: Ring, a: int, b: int) -> float:
    """Euclidean distance of two rows, 0 to the gap, less penalties. The same in every call: sums of gains are exact."""
    x, penalty, keys, values = ring.x, ring.penalty, ring.keys, ring.values
    n = len(x)
    one, other = min(a, b), max(a, b)
    if other >= n:
        return -penalty[one] if one < n else 0.0
    key = np.int64(one) * n + other
    slot = np.int64((np.uint64(key) * np.uint64(GOLDEN)) >> np.uint64(64 - SLOT_BITS))
    if keys[slot] != key:
        total = np.float32(0)
        for t in range(x.shape[1]):
            difference = x[one, t] - x[other, t]
            total += difference * difference
        keys[slot] = key
        values[slot] = np.sqrt(np.float64(total)) - penalty[one] - penalty[other]
    return float(values[slot])


@compiled
def _closing(ring: Ring, a: int, b: int, below: float) -> float:
    """Length of an edge, or infinity where it is not below a bound.

    A row that is not listed is taken to be no nearer than those that are, which spares most of the distances.
    """
    n, near, lengths = len(ring.x), ring.near, ring.lengths
    if a < n and b < n and max(lengths[a, -1], lengths[b, -1]) >= below:
        for c in range(near.shape[1]):
            if near[a, c] == b:
                return float(lengths[a, c])
            if near[b, c] == a:
                return float(lengths[b, c])
        return np.inf
    return _length(ring, a, b)


@compiled
def _wait(ring: Ring, row: int) -> None:
    """Put a row into the queue, once."""
    if not ring.waiting[row]:
        ring.waiting[row] = True
        ring.queue[(ring.head[0] + ring.head[1]) % len(ring.queue)] = row
        ring.head[1] += 1


@compiled
def _swap(order: Array, place: Array, low: int, count: int) -> None:
    """Turn `count` rows round, from place `low` on along the ring."""
    m = len(order)
    high = low + count - 1
    if high < m:  # the usual case, without a look at the end of the ring in every step
        for step in range(count // 2):
            one, other = order[low + step], order[high - step]
            order[low + step], order[high - step] = other, one
            place[other], place[one] = low + step, high - step
        return
    high -= m
    for _ in range(count // 2):
        one, other = order[low], order[high]
        order[low], order[high] = other, one
        place[other], place[one] = low, high
        low = low + 1 if low + 1 < m else 0
        high = high - 1 if high > 0 else m - 1


@compiled
def _reverse(order: Array, place: Array, journal: Array, low: int, count: int) -> None:
    """The same, noted in the journal."""
    at = journal[0, 0] + 1
    journal[0, 0], journal[at, 0], journal[at, 1] = at, low, count
    _swap(order, place, low, count)


@compiled
def _two(ring: Ring, a: int, b: int, c: int, d: int) -> None:
    """The edges a-b and c-d, met in this order along the ring, make room for a-c and b-d.

    The run from b to c is turned round; or the rest of the ring, if that is shorter: the same ring either way.
    """
    order, place = ring.order, ring.place
    m = len(order)
    low, high = (b, c) if order[(place[a] + 1) % m] == b else (c, b)
    first = place[low]
    count = (place[high] - first) % m + 1
    if 2 * count <= m:
        _reverse(order, place, ring.journal, first, count)
    else:
        _reverse(order, place, ring.journal, (first + count) % m, m - count)


@compiled
def _exchange(ring: Ring, t1: int, way: int, most: int) -> float:
    """The best exchange of the edge after (way 1) or before (-1) a row and of one or two more; returns its gain, or 0.

    Rows are numbered along that way from t2, the row next to t1, which is the last. The edges t1-t2 and t3-t4 go, and
    t2-t3 comes. With t4 before t3, t4-t1 closes the ring, or a third edge is exchanged: t4-t5 comes, t5-t6 goes, t6-t1
    comes, t6 on the side that leaves one ring. With t4 after t3, the run from t2 to t3 is a ring of its own, which t5
    and t6, either way round, must open. The first t3 that has a gain is taken.
    """
    near, lengths, order, place = ring.near, ring.lengths, ring.order, ring.place
    m, n = len(order), len(ring.x)
    start = (place[t1] + way) % m
    t2 = order[start]
    if t2 >= n:
        return 0.0
    old = _length(ring, t1, t2)
    best, kind = LEAST, 0
    best3, best4, best5, best6 = t1, t1, t1, t1
    for c in range(min(near.shape[1], FIRST)):
        first = old - lengths[t2, c]
        if first <= LEAST or kind:
            break
        t3 = near[t2, c]
        p3 = (place[t3] - start) * way % m
        if p3 == 1 or p3 == m - 1 or min(p3, m - p3) > most:
            continue
        for after in range(2):
            p4 = p3 + 1 if after else p3 - 1
            t4 = order[(start + way * p4) % m]
            second = first + _length(ring, t3, t4)
            if not after:
                gain = second - _closing(ring, t4, t1, second - best)
                if gain > best:
                    best, kind, best3, best4 = gain, 1, t3, t4
            if t4 >= n:
                continue
            for e in range(min(near.shape[1], SECOND)):
                third = second - lengths[t4, e]
                if third <= best:
                    break
                t5 = near[t4, e]
                p5 = (place[t5] - start) * way % m
                if t5 in (t3, t1) or min(p5, m - p5) > most or (after and p5 > p3):
                    continue
                for side in range(2 if after else 1):
                    p6 = p5 + 1 if side == 0 and (after or p5 < p4) else p5 - 1
                    if p6 < 0 or (not after and p6 == p4):
                        continue
                    t6 = order[(start + way * p6) % m]
                    gain = third + _length(ring, t5, t6)
                    gain -= _closing(ring, t6, t1, gain - best)
                    if gain > best:
                        best, kind = gain, 3 + side if after else 2
                        best3, best4, best5, best6 = t3, t4, t5, t6
    if kind == 0:
        return 0.0
    _carry_out(ring, kind, t1, t2, best3, best4, best5, best6)
    return best


@compiled
def _carry_out(ring: Ring, kind: int, t1: int, t2: int, t3: int, t4: int, t5: int, t6: int) -> None:
    """Turn runs round so that the exchange is made, and let its rows wait."""
    if kind <= 2:
        _two(ring, t1, t2, t4, t3)
        if kind == 2:
            _two(ring, t1, t4, t6, t5)
    elif kind == 3:  # the runs t2..t5 and t6..t3 change places
        _two(ring, t1, t2, t3, t4)
        _two(ring, t1, t3, t6, t5)
        _two(ring, t3, t5, t2, t4)
    else:  # the runs t2..t6 and t5..t3 are both turned round where they are
        _two(ring, t1, t2, t6, t5)
        _two(ring, t2, t5, t3, t4)
    for row in (t1, t2, t3, t4):
        _wait(ring, row)
    if kind > 1:
        _wait(ring, t5)
        _wait(ring, t6)
