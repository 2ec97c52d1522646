"""Inner loop of greedy selection: on all distances of one part, pick after pick."""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.compiled import compiled

NONE = -1


@compiled
def greedy(
    distances: Array,
    weights: Array,
    nearest: Array,
    bonus: Array,
    free: Array,
    inlier: Array,
    group: Array,
    room: Array,
    duplicate_group: Array,
    time: Array,
    gap: float,
    turns: Array,
    picks: Array,
    values: Array,
    stands_for: Array,
    apart: Array,
) -> int:
    """Pick rows one after another; returns how many were found before nothing was free.

    A coverage turn takes the row whose choice lowers the sum of w * distance to the nearest chosen row most; since
    gains only fall, a row whose bound is not the largest need not be looked at (lazy greedy). An extremes turn takes
    the row farthest from all chosen. Both are multiplied by the row's bonus. Ties go to the first row.

    Args:
        distances: (s, s) float32, symmetric.
        weights: (s,) float64 how many samples each row stands for.
        nearest: (s,) float32 distance to the nearest row chosen before; changed.
        bonus: (s,) float64, positive.
        free: (s,) bool, may be picked; changed.
        inlier: (s,) bool, may be picked in an extremes turn.
        group: (s,) int64 group that is limited, -1 for none; room: (groups,) int64 how many may still come; changed.
        duplicate_group: (s,) int64 near-duplicates share a number; only one of them is picked.
        time: (s,) float64, NaN for none; gap: rows of one group must lie at least this far apart.
        turns: (q,) bool, True for an extremes turn.
        picks: (q,) int64 rows; values: (q,) float64 gain, or distance; stands_for: (q,) float64 weight of the rows
            that it is nearest to when picked; apart: (q,) float64 distance to the nearest chosen before. Written.
    """
    s = distances.shape[0]
    bound = np.full(s, np.inf)
    fresh = np.full(s, NONE)
    for t in range(turns.shape[0]):
        best = NONE
        if turns[t]:
            top = -1.0
            for row in range(s):
                if free[row] and inlier[row] and nearest[row] * bonus[row] > top:
                    top = nearest[row] * bonus[row]
                    best = row
        if best == NONE:
            while True:
                top = -1.0
                best = NONE
                for row in range(s):
                    if free[row] and bound[row] > top:
                        top = bound[row]
                        best = row
                if best == NONE or fresh[best] == t:
                    break
                gain = 0.0
                for other in range(s):
                    closer = nearest[other] - distances[best, other]
                    if closer > 0:
                        gain += weights[other] * closer
                bound[best] = gain * bonus[best]
                fresh[best] = t
        if best == NONE:
            return t
        picks[t] = best
        values[t] = top
        apart[t] = nearest[best]
        stands_for[t] = 0.0
        for other in range(s):
            if distances[best, other] < nearest[other]:
                nearest[other] = distances[best, other]
                stands_for[t] += weights[other]
        own = group[best]
        free[best] = False
        if own != NONE:
            room[own] -= 1
        for other in range(s):
            if duplicate_group[other] == duplicate_group[best]:
                free[other] = False
            if own != NONE and group[other] == own and (room[own] <= 0 or abs(time[other] - time[best]) < gap):
                free[other] = False
    return len(turns)
