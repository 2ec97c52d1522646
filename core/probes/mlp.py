"""A classifier with one hidden layer on the eigenbasis of the data, for classes that no plane parts.

tanh units; trained on all rows at once by L-BFGS, which needs no learning rate and ends at the same place every time.

Letters: n rows, r directions, h hidden units, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from .logistic import ROWS, Design, losses_and_error
from .ridge import blocks

STEPS = 80


@dataclass(frozen=True)
class Mlp:
    """logits = tanh(z first + first_bias) second + second_bias.

    Attributes:
        first, first_bias: (r, h) and (h,) float32, in the coordinates of a design.
        second, second_bias: (h, C) and (C,) float32.
    """

    first: Array
    first_bias: Array
    second: Array
    second_bias: Array

    def scores(self, z: Array) -> Array:
        """(m, C) float32 logits of (m, r) coordinates."""
        return np.asarray(np.tanh(z @ self.first + self.first_bias) @ self.second + self.second_bias)


def solve_mlp(
    design: Design,
    rows: Array,
    codes: Array,
    n_classes: int,
    penalty: float,
    hidden: int,
    seed: int,
    importance: Array | None = None,
) -> Mlp:
    """Least mean log-loss + penalty / 2 * squared length of all weights but the biases.

    Args:
        design: where the rows are; their coordinates are scaled to a mean square of one.
        rows, codes, n_classes, importance: as in `logistic.solve`.
        penalty: of weights on the scaled coordinates.
        hidden: h.
        seed: of the weights at the start.
    """
    from scipy.optimize import minimize

    r = design.z.shape[1]
    scale = np.float32(np.sqrt(max(r, 1) / max(design.total, 1e-30)))
    z = design.z[rows] * scale
    rng = np.random.default_rng(seed)
    shapes = ((r, hidden), (hidden,), (hidden, n_classes), (n_classes,))
    sizes = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    start = [rng.normal(size=shape) / np.sqrt(max(shape[0], 1)) * (len(shape) == 2) for shape in shapes]

    def unpack(flat: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, sizes), shapes, strict=True)]

    def loss_and_slope(flat: Array) -> tuple[float, Array]:
        first, first_bias, second, second_bias = unpack(flat.astype(np.float32))
        slopes = [np.zeros(shape, dtype=np.float32) for shape in shapes]
        loss = 0.0
        for block in blocks(len(z), ROWS):
            active = np.tanh(z[block] @ first + first_bias)
            counts = None if importance is None else importance[block].reshape(len(active), -1)
            losses, error = losses_and_error(active @ second + second_bias, codes[block], counts)
            loss += float(losses.sum(dtype=np.float64))
            slopes[2] += active.T @ error
            slopes[3] += error.sum(axis=0)
            back = (error @ second.T) * (1.0 - active**2)
            slopes[0] += z[block].T @ back
            slopes[1] += back.sum(axis=0)
        loss /= len(z)
        for slope, weights in zip(slopes, (first, None, second, None), strict=True):
            slope /= np.float32(len(z))
            if weights is not None:
                slope += np.float32(penalty) * weights
                loss += 0.5 * penalty * float((weights.astype(np.float64) ** 2).sum())
        return loss, np.concatenate([slope.ravel() for slope in slopes]).astype(np.float64)

    fit = minimize(
        loss_and_slope,
        np.concatenate([part.ravel() for part in start]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "ftol": 1e-6},
    )
    first, first_bias, second, second_bias = unpack(fit.x.astype(np.float32))
    return Mlp(first * scale, first_bias, second, second_bias)
