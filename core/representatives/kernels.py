"""Inner loops of k-medoids: eager swaps over a matrix of distances, and the best swap among a few candidates.

Schubert & Rousseeuw 2021, "Fast and eager k-medoids clustering", https://doi.org/10.1016/j.is.2021.101804:
the change of the loss when candidate i takes the place of medoid s is, for all s at once,
    sum over j of min(d_ij - d1_j, 0)                          what i wins whoever leaves
  + sum over j of s, of min(d_ij, d2_j) - d1_j - min(d_ij - d1_j, 0)    what leaves with s
where d1, d2 are the distances of point j to its nearest and second nearest medoid.
"""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.compiled import compiled


@compiled
def two_nearest(to_medoids: Array, n1: Array, n2: Array, d1: Array, d2: Array) -> None:
    """The two nearest medoids of each point, ties to the lower slot. Written into the (m,) arrays.

    Args:
        to_medoids: (m, k) distances of m points to k medoids. With k = 1, n2 is -1 and d2 infinite.
    """
    for j in range(to_medoids.shape[0]):
        first, second = np.inf, np.inf
        at_first, at_second = -1, -1
        for s in range(to_medoids.shape[1]):
            d = to_medoids[j, s]
            if d < first:
                second, at_second = first, at_first
                first, at_first = d, s
            elif d < second:
                second, at_second = d, s
        n1[j], n2[j], d1[j], d2[j] = at_first, at_second, first, second


@compiled
def surroundings(
    n1: Array, n2: Array, is_medoid: Array, slot: int, place: Array, points: Array, members: Array
) -> tuple[int, int]:
    """List the points that have a medoid nearby as nearest or second nearest, and what belongs to one slot.

    Args:
        n1, n2: (n,) slots of each point's medoids. is_medoid: (n,) bool.
        place: (k,) 0 or more for the slots nearby.
        points, members: (n,) int64, written from the front; a medoid is no member.

    Returns:
        How many points and members there are.
    """
    p, m = 0, 0
    for j in range(n1.shape[0]):
        if place[n1[j]] >= 0 or place[n2[j]] >= 0:
            points[p] = j
            p += 1
            if n1[j] == slot and not is_medoid[j]:
                members[m] = j
                m += 1
    return p, m


@compiled
def losses_of_swaps(
    distances: Array, weights: Array, n1: Array, d1: Array, d2: Array, leaving: Array, delta: Array
) -> float:
    """Fill `delta` with the loss change of every medoid leaving for one candidate, less what the function returns.

    Args:
        distances: (m,) of the candidate to the points. weights: (m,).
        leaving: (k,) what each medoid's points lose if nobody takes its place: sum of w (d2 - d1).
        delta: (k,) written.
    """
    delta[:] = leaving
    shared = 0.0
    for j in range(distances.shape[0]):
        d = distances[j]
        if d < d2[j]:
            if d < d1[j]:
                shared += weights[j] * (d - d1[j])
                delta[n1[j]] += weights[j] * (d1[j] - d2[j])
            else:
                delta[n1[j]] += weights[j] * (d - d2[j])
    return shared


@compiled
def put(
    distances: Array, medoids: Array, slot: int, candidate: int, n1: Array, n2: Array, d1: Array, d2: Array
) -> None:
    """Let a candidate take a medoid's slot, and keep the two nearest medoids of every point true. In place.

    Args:
        distances: (c, m) of candidates to points; `medoids` and `candidate` number its rows.
    """
    medoids[slot] = candidate
    for j in range(distances.shape[1]):
        d = distances[candidate, j]
        if n1[j] == slot:
            if d <= d2[j]:
                d1[j] = d
                continue
            n1[j], d1[j] = n2[j], d2[j]
        elif n2[j] != slot:
            if d < d1[j]:
                n2[j], d2[j] = n1[j], d1[j]
                n1[j], d1[j] = slot, d
            elif d < d2[j]:
                n2[j], d2[j] = slot, d
            continue
        elif d < d1[j]:
            n2[j], d2[j] = n1[j], d1[j]
            n1[j], d1[j] = slot, d
            continue
        elif d <= d2[j]:
            d2[j] = d
            continue
        # The old second place is gone: look for the new one.
        n2[j], d2[j] = -1, np.inf
        for s in range(medoids.shape[0]):
            if s != n1[j] and distances[medoids[s], j] < d2[j]:
                n2[j], d2[j] = s, distances[medoids[s], j]


@compiled
def eager_swaps(
    distances: Array,
    weights: Array,
    medoids: Array,
    movable: Array,
    order: Array,
    sweeps: int,
    n1: Array,
    n2: Array,
    d1: Array,
    d2: Array,
) -> int:
    """FasterPAM: take every swap that lowers the loss as soon as it is seen, until none is left.

    Args:
        distances: (c, m) of candidates to points; weights: (m,) of the points.
        medoids: (k,) rows of `distances`, k >= 2, changed in place; movable: (k,) bool, False for fixed ones.
        order: rows of `distances` in the order in which they are tried as candidates. sweeps: how often at most.
        n1, n2, d1, d2: (m,) two nearest medoids (slots) and distances, kept true.

    Returns:
        Number of swaps made.
    """
    c, m = distances.shape
    k = medoids.shape[0]
    taken = np.zeros(c, dtype=np.bool_)
    for s in range(k):
        taken[medoids[s]] = True
    leaving, delta = np.zeros(k), np.zeros(k)
    total = 0.0
    for j in range(m):
        leaving[n1[j]] += weights[j] * (d2[j] - d1[j])
        total += weights[j] * d1[j]
    swaps, idle = 0, 0
    tried = order.shape[0]
    for step in range(sweeps * tried):
        i = order[step % tried]
        if idle >= tried:
            break
        idle += 1
        if taken[i]:
            continue
        shared = losses_of_swaps(distances[i], weights, n1, d1, d2, leaving, delta)
        best = -1
        for s in range(k):
            if movable[s] and (best < 0 or delta[s] < delta[best]):
                best = s
        if best < 0 or shared + delta[best] >= -1e-7 * total:
            continue
        taken[medoids[best]] = False
        taken[i] = True
        put(distances, medoids, best, i, n1, n2, d1, d2)
        total += shared + delta[best]
        leaving[:] = 0
        for j in range(m):
            leaving[n1[j]] += weights[j] * (d2[j] - d1[j])
        swaps += 1
        idle = 0
    return swaps
