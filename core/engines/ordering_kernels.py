"""Inner loops of the similarity order: joining rows into a path by short edges, and shortening the path."""

from __future__ import annotations

import numpy as np

from ..method import Array
from .compiled import compiled

LOG = 4_096  # moves after one kick that can be undone
LEAST = 1e-7  # gain below which a move is rounding


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
def length(x: Array, a: int, b: int) -> float:
    """Euclidean distance of two rows; 0 to the row beyond the last, which closes the path to a ring."""
    if a >= len(x) or b >= len(x):
        return 0.0
    total = np.float32(0)
    for t in range(x.shape[1]):
        difference = x[a, t] - x[b, t]
        total += difference * difference
    return float(np.sqrt(np.float64(total)))


@compiled
def shorten(x: Array, near: Array, order: Array, most: int, kicks: int, reach: int, seed: int) -> float:
    """Shorten a ring by 2-opt and Or-opt moves among near rows, and again after small random kicks.

    2-opt: two edges are exchanged, and what lies between is turned round. Or-opt: one to three rows move between two
    neighbors elsewhere, either way round. Only moves with a new edge to a listed neighbor are tried, at first for all
    rows, then for those at whose edges something changed. A kick exchanges two short runs that follow each other
    (double bridge, Martin, Otto & Felten 1991); if the moves after it do not make up for it, all of it is undone.

    Args:
        x: (n, d) float32 rows.
        near: (n, k) int32 neighbors of each row, nearest first.
        order: (n + 1,) int32 changed; row n is the gap that closes the path to a ring.
        most: rows that one move may turn round.
        kicks: how many.
        reach: rows that a kick, and one move after it, may span.
        seed: of the kicks.

    Returns:
        by how much the ring got shorter.
    """
    m = len(order)
    place = np.empty(m, np.int64)
    for at in range(m):
        place[order[at]] = at
    waiting = np.zeros(m, np.bool_)
    queue = np.empty(m, np.int32)
    log = np.empty((LOG, 2), np.int64)
    info = np.zeros(4, np.int64)  # head and length of the queue; length of the log, -1 for none kept
    info[2] = -1
    for row in range(m):
        _wait(row, queue, waiting, info)
    total = _settle(x, near, order, place, queue, waiting, log, info, most)
    state = np.uint64(seed * 2 + 1)
    if m < 8:
        return total
    span = min(reach, m - 2)
    for _ in range(kicks):
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        first = np.int64((state >> np.uint64(33)) % np.uint64(m - span))
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        one = np.int64((state >> np.uint64(33)) % np.uint64(span - 2)) + 1
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        two = np.int64((state >> np.uint64(33)) % np.uint64(span - 2)) + 1
        if one == two:
            continue
        if one > two:
            one, two = two, one
        a, b, c, e = order[first], order[first + one], order[first + two], order[first + two + 1]
        b_next, a_next = order[first + one + 1], order[first + 1]
        gain = length(x, a, a_next) + length(x, b, b_next) + length(x, c, e)
        gain -= length(x, a, b_next) + length(x, c, a_next) + length(x, b, e)
        info[2] = 0
        _turn(order, place, first + 1, first + one, log, info)
        _turn(order, place, first + one + 1, first + two, log, info)
        _turn(order, place, first + 1, first + two, log, info)
        for row in (a, a_next, b, b_next, c, e):
            _wait(row, queue, waiting, info)
        gain += _settle(x, near, order, place, queue, waiting, log, info, reach * 20)
        if gain < 0:
            for at in range(info[2] - 1, -1, -1):
                _reverse(order, place, log[at, 0], log[at, 1])
        else:
            total += gain
    return total


@compiled
def _settle(
    x: Array,
    near: Array,
    order: Array,
    place: Array,
    queue: Array,
    waiting: Array,
    log: Array,
    info: Array,
    most: int,
) -> float:
    """Try moves around the rows in the queue until it is empty; returns by how much the ring got shorter."""
    n, total = len(x), 0.0
    while info[1] > 0:
        row = queue[info[0]]
        info[0] = (info[0] + 1) % len(queue)
        info[1] -= 1
        waiting[row] = False
        while row < n and info[2] < LOG - 8:
            gain = _exchange(x, near, order, place, queue, waiting, log, info, row, most)
            if gain == 0.0:
                gain = _shift(x, near, order, place, queue, waiting, log, info, row, most)
            if gain == 0.0:
                break
            total += gain
    return total


@compiled
def _wait(row: int, queue: Array, waiting: Array, info: Array) -> None:
    """Put a row into the queue, once."""
    if not waiting[row]:
        waiting[row] = True
        queue[(info[0] + info[1]) % len(queue)] = row
        info[1] += 1


@compiled
def _reverse(order: Array, place: Array, low: int, high: int) -> None:
    """Turn order[low..high] round."""
    while low < high:
        order[low], order[high] = order[high], order[low]
        place[order[low]] = low
        place[order[high]] = high
        low += 1
        high -= 1


@compiled
def _turn(order: Array, place: Array, low: int, high: int, log: Array, info: Array) -> None:
    """Turn order[low..high] round and remember it, where a log is kept."""
    _reverse(order, place, low, high)
    if info[2] >= 0:
        log[info[2], 0] = low
        log[info[2], 1] = high
        info[2] += 1


@compiled
def _exchange(
    x: Array,
    near: Array,
    order: Array,
    place: Array,
    queue: Array,
    waiting: Array,
    log: Array,
    info: Array,
    row: int,
    most: int,
) -> float:
    """The first 2-opt move that shortens the ring by a new edge from this row; returns by how much, 0 for none."""
    m = len(order)
    for forward in range(2):
        step = 1 if forward == 0 else -1
        following = order[(place[row] + step) % m]
        old = length(x, row, following)
        for c in range(near.shape[1]):
            other = near[row, c]
            if other < 0:
                continue
            new = length(x, row, other)
            if new >= old:
                break
            beyond = order[(place[other] + step) % m]
            if other == following or beyond == row:
                continue
            gain = old + length(x, other, beyond) - new - length(x, following, beyond)
            if gain <= LEAST:
                continue
            # forward: row following ... other beyond becomes row other ... following beyond; backward mirrors it
            low, high = (place[following], place[other]) if step == 1 else (place[other], place[following])
            if high < low or high - low >= most:
                low, high = (high + 1) % m, (low - 1) % m  # the rest of the ring turned round is the same ring
                if high < low or high - low >= most:
                    continue
            _turn(order, place, low, high, log, info)
            for changed in (row, other, following, beyond):
                _wait(changed, queue, waiting, info)
            return gain
    return 0.0


@compiled
def _shift(
    x: Array,
    near: Array,
    order: Array,
    place: Array,
    queue: Array,
    waiting: Array,
    log: Array,
    info: Array,
    row: int,
    most: int,
) -> float:
    """The first Or-opt move of one to three rows that begin with this one; returns by how much, 0 for none."""
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
            saved = length(x, left, row) + length(x, tail, right) - length(x, left, right)
            if saved <= LEAST:
                continue
            low, high = min(first, last), max(first, last)
            for c in range(near.shape[1]):
                other = near[row, c]
                if other < 0:
                    continue
                new = length(x, row, other)
                if new >= saved:
                    break
                at = place[other]
                if low <= at <= high or abs(at - first) >= most:
                    continue
                for side in range(2):
                    beyond_at = at + (1 if side == 0 else -1)
                    if beyond_at < 0 or beyond_at >= m or low <= beyond_at <= high:
                        continue
                    beyond = order[beyond_at]
                    gain = saved + length(x, other, beyond) - new - length(x, tail, beyond)
                    if gain <= LEAST:
                        continue
                    _move(order, place, low, high, at, beyond_at, row, log, info)
                    for changed in (row, tail, left, right, other, beyond):
                        _wait(changed, queue, waiting, info)
                    return gain
    return 0.0


@compiled
def _move(
    order: Array, place: Array, low: int, high: int, at: int, beyond_at: int, row: int, log: Array, info: Array
) -> None:
    """Shift order[low..high] between the rows at `at` and `beyond_at`, so that `row` stands next to that at `at`.

    By turning runs round: those of the rows and of what they pass, then both together.
    """
    size = high - low + 1
    after = min(at, beyond_at)  # the rows will stand after the one that is now here
    turned = order[low] == row if at > beyond_at else order[high] == row
    if after > high:
        begin = after - size + 1
        _turn(order, place, low, after, log, info)
        _turn(order, place, low, begin - 1, log, info)
    else:
        begin = after + 1
        _turn(order, place, begin, high, log, info)
        _turn(order, place, begin + size, high, log, info)
    if not turned:
        _turn(order, place, begin, begin + size - 1, log, info)
