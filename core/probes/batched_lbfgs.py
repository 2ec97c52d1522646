"""L-BFGS on several smooth functions side by side: each takes its own steps, all are evaluated in one call.

Nocedal 1980, "Updating quasi-Newton matrices with limited storage", https://doi.org/10.1090/S0025-5718-1980-0572855-7.
Functions that share their data, as the folds of a cross-validation do, then read it once for all of them.

Letters: F functions, p unknowns of each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from ..base.arrays import Array

REMEMBERED = 10  # steps from which the curvature is learnt
SUFFICIENT = 1e-4  # of the fall that the slope promises, that a step must keep
Steps = deque[tuple[Array, Array]]  # (F, p) moves, and (F, p) by how much they turned the slopes


def descend(
    losses_and_slopes: Callable[[Array], tuple[Array, Array]],
    start: Array,
    flat: Array,
    steps: Steps,
    tolerance: float,
    most: int,
) -> Array:
    """The least point of each of several convex functions.

    A function whose step does not lower it enough tries a shorter one in the next call, while the others go on.

    Args:
        losses_and_slopes: takes (F, p) points, gives (F,) float64 values and (F, p) slopes.
        start: (F, p) float32.
        flat: (p,) float32, a guess at the inverse curvature along each unknown.
        steps: what is known of the curvature; what is learnt is added.
        tolerance: a function is done once a step lowers it by less than this share of its value; the search ends
            when all are.
        most: calls at most.

    Returns:
        (F, p) float32, each function's best point.
    """
    at, length, done = start, np.ones(len(start)), np.zeros(len(start), dtype=np.bool_)
    losses, slopes = losses_and_slopes(at)
    for _ in range(most - 1):
        direction = _direction(slopes, flat, steps)
        promised = -length * _products(direction, slopes)
        tried = at + (length[:, None] * direction).astype(np.float32)
        tried_losses, tried_slopes = losses_and_slopes(tried)
        fall = losses - tried_losses
        lower = fall >= SUFFICIENT * promised
        done |= np.maximum(np.where(lower, fall, promised), 0) <= tolerance * np.abs(losses)
        moved = np.where(lower[:, None], tried - at, np.float32(0))
        turned = np.where(lower[:, None], tried_slopes - slopes, np.float32(0))
        steps.append((moved, turned))
        at = at + moved
        slopes = slopes + turned
        losses = np.where(lower, tried_losses, losses)
        # the parabola through both values and the slope has its least point there
        shorter = promised / (2 * np.maximum(promised - fall, 1e-30))
        length = np.where(lower, 1.0, length * np.clip(shorter, 0.1, 0.5))
        if done.all():
            break
    return at


def _direction(slopes: Array, flat: Array, steps: Steps) -> Array:
    """(F, p) minus the slopes times the inverse curvature that the steps tell; steps not taken tell nothing."""
    direction = -slopes
    known, gain = [], np.ones(len(slopes))
    for moved, turned in reversed(steps):
        bend = _products(moved, turned)
        inverse = np.divide(1, bend, out=np.zeros_like(bend), where=bend > 0)
        share = inverse * _products(moved, direction)
        direction -= share.astype(np.float32)[:, None] * turned
        known.append((moved, turned, inverse, share))
    for _, turned, inverse, _ in known:
        if (inverse > 0).all():  # the last step that all took says how far off the guess is
            gain = 1 / (inverse * _products(turned, flat * turned))
            break
    direction *= gain.astype(np.float32)[:, None] * flat
    for moved, turned, inverse, share in reversed(known):
        rest = share - inverse * _products(turned, direction)
        direction += rest.astype(np.float32)[:, None] * moved
    return direction


def _products(a: Array, b: Array) -> Array:
    """(F,) float64 inner products of the rows."""
    return np.array([float(one @ other) for one, other in zip(a, b, strict=True)])
