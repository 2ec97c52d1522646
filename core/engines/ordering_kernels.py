"""Inner loops of the similarity order: joining rows into a path by short edges, and shortening the path."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..method import Array
from .compiled import compiled

LEAST = 1e-7  # gain below which a move is rounding
DEPTH = 6  # edges that one chain exchanges at most
FIRST = 5  # neighbors that a chain may begin with
SLOTS = 2**20  # lengths remembered: moves ask for the same ones again and again
GOLDEN = 11400714819323198485  # 2^64 / golden ratio: spreads keys over the slots


class Ring(NamedTuple):
    """A closed path through all rows, and what is known about them. All arrays are changed.

    Attributes:
        x: (n, d) float32 rows.
        near: (n, k) int32 neighbors of each row, the one with the shortest edge first.
        lengths: (n, k) float64 of the edges to them; NaN where not asked for yet.
        penalty: (n,) float64, taken off the length of every edge at a row.
        keys, values: (SLOTS,) int64 pair of rows, and float64 length of the edge between them.
        order: (n + 1,) int32; row n is the gap that closes the path to a ring.
        place: (n + 1,) int64 where each row stands in the order.
        queue: (n + 1,) int32 rows to be looked at; waiting: (n + 1,) bool those in it; head: (2,) its first and length.
        turned: (DEPTH, 2) int64 runs that the present chain has turned round.
        ends: (2 * DEPTH + 2,) int32 ends of the edges that it has exchanged.
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
    turned: Array
    ends: Array


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


def shorten(x: Array, near: Array, penalty: Array, order: Array, most: int) -> float:
    """Shorten a ring by chains of exchanges and by shifting short runs, until neither finds a gain.

    A chain takes an edge away, adds one to a listed neighbor, takes away the one that is too many then, and so on,
    each time what gains most, as long as the sum of the gains is positive; what follows the best closing of the ring
    is undone (Lin & Kernighan 1973, https://doi.org/10.1287/opre.21.2.498, breadth at the first step only). Or-opt:
    one to three rows move between two neighbors elsewhere, either way round. At first all rows are looked at, then
    those at whose edges something changed. Penalties change no comparison of rings, since all rows have two edges.

    Args:
        x: (n, d) float32 rows.
        near: (n, k) int32 neighbors of each row, by length less penalties.
        penalty: (n,) float64.
        order: (n + 1,) int32 changed; row n is the gap that closes the path to a ring.
        most: rows that one exchange may turn round.

    Returns:
        by how much the ring got shorter.
    """
    m = len(order)
    place = np.empty(m, np.int64)
    place[order] = np.arange(m)
    return float(
        _shorten(
            Ring(
                x,
                near,
                np.full(near.shape, np.nan),
                penalty,
                np.full(SLOTS, -1, np.int64),
                np.empty(SLOTS),
                order,
                place,
                order.copy(),
                np.ones(m, np.bool_),
                np.array([0, m]),
                np.empty((DEPTH, 2), np.int64),
                np.empty(2 * DEPTH + 2, np.int32),
            ),
            most,
        )
    )


@compiled
def _shorten(ring: Ring, most: int) -> float:
    n, total = len(ring.x), 0.0
    while ring.head[1] > 0:
        row = ring.queue[ring.head[0]]
        ring.head[0] = (ring.head[0] + 1) % len(ring.queue)
        ring.head[1] -= 1
        ring.waiting[row] = False
        while row < n:
            gain = _exchange(ring, row, True, most)
            if gain == 0.0:
                gain = _exchange(ring, row, False, most)
            if gain == 0.0:
                gain = _shift(ring, row, most)
            if gain == 0.0:
                break
            total += gain
    return total


@compiled
def _length(x: Array, penalty: Array, keys: Array, values: Array, a: int, b: int) -> float:
    """Euclidean distance of two rows, 0 to the gap, less penalties. The same in every call: sums of gains are exact."""
    n = len(x)
    one, other = min(a, b), max(a, b)
    if other >= n:
        return -penalty[one] if one < n else 0.0
    key = np.int64(one) * n + other
    slot = np.int64((np.uint64(key) * np.uint64(GOLDEN)) >> np.uint64(44))
    if keys[slot] != key:
        total = np.float32(0)
        for t in range(x.shape[1]):
            difference = x[one, t] - x[other, t]
            total += difference * difference
        keys[slot] = key
        values[slot] = np.sqrt(np.float64(total)) - penalty[one] - penalty[other]
    return float(values[slot])


@compiled
def _listed(
    x: Array, penalty: Array, keys: Array, values: Array, near: Array, lengths: Array, row: int, c: int
) -> float:
    """Length of the edge to one of a row's listed neighbors."""
    if np.isnan(lengths[row, c]):
        lengths[row, c] = _length(x, penalty, keys, values, row, near[row, c])
    return float(lengths[row, c])


@compiled
def _wait(ring: Ring, row: int) -> None:
    """Put a row into the queue, once."""
    if not ring.waiting[row]:
        ring.waiting[row] = True
        ring.queue[(ring.head[0] + ring.head[1]) % len(ring.queue)] = row
        ring.head[1] += 1


@compiled
def _reverse(order: Array, place: Array, low: int, count: int) -> None:
    """Turn `count` rows round, from place `low` on along the ring."""
    m = len(order)
    high = (low + count - 1) % m
    for _ in range(count // 2):
        one, other = order[low], order[high]
        order[low], order[high] = other, one
        place[other], place[one] = low, high
        low = low + 1 if low + 1 < m else 0
        high = high - 1 if high > 0 else m - 1


@compiled
def _turn(order: Array, place: Array, low: int, high: int) -> None:
    """Turn the run between two places round; or the rest of the ring, if that is shorter: the same ring either way."""
    m = len(order)
    count = (high - low) % m + 1
    if 2 * count <= m:
        _reverse(order, place, low, count)
    else:
        _reverse(order, place, (high + 1) % m, m - count)


@compiled
def _exchange(ring: Ring, base: int, forward: bool, most: int) -> float:
    """The first chain from the edge after (or before) this row that shortens the ring; returns by how much, or 0."""
    x, near, lengths, penalty, keys, values, order, place = ring[:8]
    turned, ends = ring.turned, ring.ends
    m, n = len(order), len(x)
    following = order[(place[base] + (1 if forward else -1)) % m]
    if following >= n:
        return 0.0
    old = _length(x, penalty, keys, values, base, following)
    for first in range(min(near.shape[1], FIRST)):
        if old - _listed(x, penalty, keys, values, near, lengths, following, first) <= LEAST:
            break
        best, kept, done, open_sum = 0.0, 0, 0, old
        end, ahead = following, forward
        ends[0], ends[1] = base, following
        while done < DEPTH and end < n:
            # the edge to `other` comes, that from `other` to `beyond` goes: the run from `end` to `beyond` is turned
            chosen, chosen_beyond, top = -1, -1, -np.inf
            for c in range(first if done == 0 else 0, first + 1 if done == 0 else near.shape[1]):
                other = near[end, c]
                left = open_sum - _listed(x, penalty, keys, values, near, lengths, end, c)
                if left <= LEAST:
                    break
                beyond = order[(place[other] + (-1 if ahead else 1)) % m]
                apart = (place[other] - place[end]) % m
                if other == base or beyond == end or beyond == base or min(apart, m - apart) > most:  # noqa: SIM109
                    continue
                gain = left + _length(x, penalty, keys, values, other, beyond)
                if gain > top:
                    top, chosen, chosen_beyond = gain, other, beyond
            if chosen < 0:
                break
            low, high = (end, chosen_beyond) if ahead else (chosen_beyond, end)
            turned[done] = place[low], place[high]
            _turn(order, place, turned[done, 0], turned[done, 1])
            done += 1
            ends[2 * done], ends[2 * done + 1] = chosen, chosen_beyond
            ahead = order[(place[base] + 1) % m] == chosen_beyond
            open_sum, end = top, chosen_beyond
            gain = open_sum - _length(x, penalty, keys, values, base, end)
            if gain > best + LEAST:
                best, kept = gain, done
        for at in range(done - 1, kept - 1, -1):
            _turn(order, place, turned[at, 0], turned[at, 1])
        if kept:
            for at in range(2 * kept + 2):
                _wait(ring, ends[at])
            return best
    return 0.0


@compiled
def _shift(ring: Ring, row: int, most: int) -> float:
    """The first Or-opt move of one to three rows that begin with this one; returns by how much, 0 for none."""
    x, near, lengths, penalty, keys, values, order, place = ring[:8]
    m = len(order)
    for size in range(1, 4):
        for forward in range(2):
            step = 1 if forward == 0 else -1
            first = place[row]
            last = first + step * (size - 1)  # the rows run away from the neighbor that this one will get
            if min(first, last) < 1 or max(first, last) > m - 2:
                continue
            tail = order[last]
            left, right = order[first - step], order[last + step]
            saved = (
                _length(x, penalty, keys, values, left, row)
                + _length(x, penalty, keys, values, tail, right)
                - _length(x, penalty, keys, values, left, right)
            )
            low, high = min(first, last), max(first, last)
            for c in range(near.shape[1]):
                new = _listed(x, penalty, keys, values, near, lengths, row, c)
                if new >= saved - LEAST:
                    break
                other = near[row, c]
                at = place[other]
                if low <= at <= high or abs(at - first) >= most:
                    continue
                for side in range(2):
                    beyond_at = at + (1 if side == 0 else -1)
                    if beyond_at < 0 or beyond_at >= m or low <= beyond_at <= high:
                        continue
                    beyond = order[beyond_at]
                    gain = (
                        saved
                        + _length(x, penalty, keys, values, other, beyond)
                        - new
                        - _length(x, penalty, keys, values, tail, beyond)
                    )
                    if gain <= LEAST:
                        continue
                    _move(order, place, low, high, at, beyond_at, row)
                    for changed in (row, tail, left, right, other, beyond):
                        _wait(ring, changed)
                    return gain
    return 0.0


@compiled
def _move(order: Array, place: Array, low: int, high: int, at: int, beyond_at: int, row: int) -> None:
    """Shift order[low..high] between the rows at `at` and `beyond_at`, so that `row` stands next to that at `at`.

    By turning runs round: those of the rows and of what they pass, then both together.
    """
    size = high - low + 1
    after = min(at, beyond_at)  # the rows will stand after the one that is now here
    turned = order[low] == row if at > beyond_at else order[high] == row
    if after > high:
        begin = after - size + 1
        _reverse(order, place, low, after - low + 1)
        _reverse(order, place, low, begin - low)
    else:
        begin = after + 1
        _reverse(order, place, begin, high - begin + 1)
        _reverse(order, place, begin + size, high - begin - size + 1)
    if not turned:
        _reverse(order, place, begin, size)
