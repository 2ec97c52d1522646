"""The inner loop of UMAP's layout: stochastic gradient descent on pulls along edges and pushes of random points."""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.compiled import compiled

FARTHEST = np.float32(4.0)  # a point moves at most this far along an axis, times the step


@compiled
def descend(
    points: Array, head: Array, tail: Array, every: Array, a: float, b: float, epochs: int, pushes: int, state: int
) -> None:
    """Move the points, in place.

    An edge pulls both its ends in every `every`-th epoch. Each time `pushes` random points push its head, as far as
    they lie near. The step falls from 1 to 0.

    Args:
        points: (n, dims) float32, written.
        head, tail: (e,) int32.
        every: (e,) float64, at least 1.
        a, b: of the membership 1 / (1 + a d^2b) on the map.
        state: of the random numbers, not 0 (xorshift*: Vigna 2016, doi:10.1145/2845077).
    """
    n, dims = points.shape
    a32, b32, one = np.float32(a), np.float32(b), np.float32(1)
    after = every.copy()
    random = np.uint64(state)
    for epoch in range(epochs):
        step = np.float32(1 - epoch / epochs)
        for e in range(len(head)):
            if after[e] > epoch + 1:
                continue
            after[e] += every[e]
            i, j = head[e], tail[e]
            squared = np.float32(0)
            for axis in range(dims):
                squared += (points[i, axis] - points[j, axis]) ** 2
            if squared > 0:
                power = squared**b32
                pull = np.float32(-2) * a32 * b32 * power / (squared * (one + a32 * power))
                for axis in range(dims):
                    move = pull * (points[i, axis] - points[j, axis])
                    move = step * min(max(move, -FARTHEST), FARTHEST)
                    points[i, axis] += move
                    points[j, axis] -= move
            for _ in range(pushes):
                random ^= random >> np.uint64(12)
                random ^= random << np.uint64(25)
                random ^= random >> np.uint64(27)
                drawn = (random * np.uint64(2685821657736338717)) >> np.uint64(33)
                j = np.int64(drawn) % n
                squared = np.float32(0)
                for axis in range(dims):
                    squared += (points[i, axis] - points[j, axis]) ** 2
                if squared > 0:
                    push = np.float32(2) * b32 / ((np.float32(0.001) + squared) * (one + a32 * squared**b32))
                    for axis in range(dims):
                        move = push * (points[i, axis] - points[j, axis])
                        points[i, axis] += step * min(max(move, -FARTHEST), FARTHEST)
