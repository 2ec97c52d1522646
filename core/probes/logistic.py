"""Multinomial logistic regression in the eigenbasis of the data, several fits to the same rows side by side.

There the curvature along each direction is known up to a factor. Told so, L-BFGS ends in 5-25 passes where it takes
hundreds on raw coordinates. Bound: the Hessian of the multinomial log-loss is at most 1/2 (I - 11'/C) (x) X'X,
Böhning 1992, doi:10.1007/BF00048682.

Letters: n rows, d dimensions, C classes, r <= d directions kept, m rows and F fits of one search.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from ..base.threads import in_threads
from .batched_lbfgs import REMEMBERED, Steps, descend
from .ridge import blocks

# Penalties relative to the total variance of the embeddings, strong to weak: the path that is walked.
PENALTIES = tuple(float(value) for value in 10.0 ** np.arange(-2.0, -6.51, -0.5))
TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(-0.5, 2.6, 0.25))
FEW_DIRECTIONS = 256
BEND = 0.1  # curvature along a direction, of its variance: between the bound's 1/2 and the p(1-p) of fits mostly right
ROWS = 512  # at a time in a pass, so that they stay in the cache between prediction and slope
STEP_CELLS = 5e7  # unknowns of all fits together, times steps remembered: 400 MB with their slopes
PARTS = 4  # of the rows, whose slopes are summed side by side; fixed, so that the sum does not depend on the cores
TINY = np.float32(1e-9)


@dataclass(frozen=True)
class Design:
    """The rows in their own eigenbasis.

    Attributes:
        z: (n, r) float32 centred coordinates.
        variance: (r,) float64 variance along each direction, ascending.
        total: sum of all variances, also of directions left out.
        mean: (d,) float64 of the rows.
        basis: (d, r) float64, the directions.
    """

    z: Array
    variance: Array
    total: float
    mean: Array
    basis: Array

    @classmethod
    def of(cls, x: Array) -> Design:
        """Rotate rows; directions without spread are dropped. Labels have no part in it."""
        mean = x.mean(axis=0, dtype=np.float64)
        middle = mean.astype(np.float32)
        gram = np.zeros((x.shape[1], x.shape[1]))
        for block in blocks(len(x), ROWS):
            centred = x[block] - middle
            gram += centred.T @ centred
        variance, basis = np.linalg.eigh(gram / len(x))
        keep = variance > 1e-7 * max(float(variance.sum()), 1e-30)
        z = np.empty((len(x), int(keep.sum())), dtype=np.float32)
        axes = basis[:, keep].astype(np.float32)
        for block in blocks(len(x), ROWS):
            np.matmul(x[block] - middle, axes, out=z[block])
        return cls(z, variance[keep], float(variance.sum()), mean, basis[:, keep])

    def coarse(self) -> Design:
        """The strongest directions that hold 0.9 of the variance; all of them when they are few."""
        if len(self.variance) <= FEW_DIRECTIONS:
            return self
        weakest = int(np.searchsorted(np.cumsum(self.variance), 0.1 * self.variance.sum()))
        z, basis = np.ascontiguousarray(self.z[:, weakest:]), self.basis[:, weakest:]
        return Design(z, self.variance[weakest:], self.total, self.mean, basis)

    def refined(self, fit: Fit) -> Fit:
        """A fit in the coordinates of `coarse`, in those of this design."""
        return Fit(np.pad(fit.weights, ((len(self.variance) - len(fit.weights), 0), (0, 0))), fit.intercept)

    def scale(self, penalty: float) -> Array:
        """(r,) float32 inverse root of the curvature bound along each direction."""
        return np.asarray(1.0 / np.sqrt(BEND * self.variance + self.ridge(penalty)), dtype=np.float32)

    def ridge(self, penalty: float) -> float:
        """The penalty in units of the embeddings."""
        return penalty * self.total

    def probabilities(self, rows: Array, fit: Fit) -> Array:
        """(len(rows), C) float32 probabilities."""
        out = self.scores(rows, fit)
        for block in blocks(len(rows)):
            out[block] = softmax(out[block])
        return out

    def scores(self, rows: Array, fit: Fit) -> Array:
        """(len(rows), C) float32 logits."""
        out = np.empty((len(rows), len(fit.intercept)), dtype=np.float32)
        for block in blocks(len(rows)):
            out[block] = self.z[rows[block]] @ fit.weights + fit.intercept
        return out


@dataclass(frozen=True)
class Fit:
    """A multinomial logistic model in the coordinates of a design.

    Attributes:
        weights: (r, C) float32.
        intercept: (C,) float32.
    """

    weights: Array
    intercept: Array


class FoldFits:
    """F fits to the same rows that count differently in each, so that one pass over the rows serves all of them.

    They may be fitted again at other penalties: what was learnt of the curvature is kept, since a penalty adds a
    known share to it.
    """

    def __init__(self, design: Design, z: Array, codes: Array, n_classes: int, counts: Array | None) -> None:
        """Nothing is fitted yet.

        Args:
            design: where the rows are.
            z: (m, r) their coordinates in it.
            codes: (m,) their classes; or (m, C) bool, which classes hold, each judged by itself.
            n_classes: C.
            counts: (m, F) how much each row counts in each fit, its mean loss taken over the sum; for one fit also
                (m, C), each answer by itself, or None.
        """
        self.design, self.z, self.codes, self.n_classes, self.counts = design, z, codes, n_classes, counts
        self.steps: Steps = deque()
        self.penalty = 0.0

    def fit(self, penalty: float, starts: Sequence[Fit | None], tolerance: float = 1e-5) -> list[Fit]:
        """The fits at a penalty.

        Args:
            penalty: relative to the total variance of the embeddings.
            starts: F fits near the solutions, or None.
            tolerance: of the search, see `descend`.
        """
        fits, shape = len(starts), (self.n_classes, self.z.shape[1] + 1)
        first = np.zeros((fits, *shape), dtype=np.float32)
        for at, start in enumerate(starts):
            if start is not None:
                first[at, :, :-1], first[at, :, -1] = start.weights.T, start.intercept
        more = np.tile(self._pull(penalty) - self._pull(self.penalty), self.n_classes)
        kept = max(3, min(REMEMBERED, int(STEP_CELLS / first.size)))
        self.steps = deque([(moved, turned + more * moved) for moved, turned in self.steps], maxlen=kept)
        self.penalty = penalty
        # the bound on the curvature of the intercept is that of a direction with variance one
        flat = np.tile(np.append(self.design.scale(penalty) ** 2, np.float32(1 / BEND)), self.n_classes)
        found = descend(self._losses_and_slopes, first.reshape(fits, -1), flat, self.steps, tolerance, 100)
        return [Fit(np.ascontiguousarray(one[:, :-1].T), one[:, -1].copy()) for one in found.reshape(-1, *shape)]

    def _pull(self, penalty: float) -> Array:
        """(r + 1,) float32 what the penalty adds to the curvature; it spares the intercept."""
        return np.append(np.full(self.z.shape[1], np.float32(self.design.ridge(penalty))), np.float32(0))

    def _losses_and_slopes(self, at: Array) -> tuple[Array, Array]:
        (m, r), fits = self.z.shape, len(at)
        points = at.reshape(fits * self.n_classes, r + 1)
        weights, intercept = np.ascontiguousarray(points[:, :-1].T), points[:, -1]
        losses, slopes = np.zeros((PARTS, fits)), np.zeros((PARTS, *points.shape), dtype=np.float32)

        def add(part: int) -> None:
            begin, end = m * part // PARTS, m * (part + 1) // PARTS
            for start in range(begin, end, ROWS):
                block = slice(start, min(start + ROWS, end))
                scores = (self.z[block] @ weights + intercept).reshape(-1, self.n_classes)
                counts = None if self.counts is None else self.counts[block].reshape(len(scores), -1)
                found, error = losses_and_error(scores, np.repeat(self.codes[block], fits, axis=0), counts)
                losses[part] += found.reshape(-1, fits).sum(axis=0, dtype=np.float64)
                error = error.reshape(-1, len(points))
                slopes[part, :, :-1] += error.T @ self.z[block]
                slopes[part, :, -1] += error.sum(axis=0)

        in_threads(add, range(PARTS), products=m * r * len(points))
        sizes = m if self.counts is None or fits == 1 else self.counts.sum(axis=0, dtype=np.float64)[:, None]
        pulled = self._pull(self.penalty) * points
        penalties = 0.5 * (pulled * points).reshape(fits, -1).sum(axis=1, dtype=np.float64)
        slope = (slopes.sum(axis=0).reshape(fits, -1) / sizes).astype(np.float32) + pulled.reshape(fits, -1)
        return losses.sum(axis=0) / np.ravel(sizes) + penalties, slope


def solve(
    design: Design,
    rows: Array,
    codes: Array,
    n_classes: int,
    penalty: float,
    start: Fit | None = None,
    importance: Array | None = None,
) -> Fit:
    """The fit to these rows: least mean log-loss + penalty / 2 * squared length of the weights.

    Args:
        design: where the rows are.
        rows: (m,) row numbers of the design.
        codes: (m,) their classes; or (m, C) bool, which classes hold, each judged by itself.
        n_classes: C.
        penalty: relative to the total variance of the embeddings.
        start: a fit near the solution, or None.
        importance: (m,), or (m, C) with several classes, how much each answer counts, 1 on average.
    """
    counts = importance if importance is None or importance.ndim == 2 else importance[:, None]
    return FoldFits(design, design.z[rows], codes, n_classes, counts).fit(penalty, [start])[0]


def losses_and_error(scores: Array, codes: Array, counts: Array | None = None) -> tuple[Array, Array]:
    """Log-loss of each row's logits, (m,), and its slope in each of them, (m, C).

    Args:
        scores: (m, C) float32 logits.
        codes: (m,) classes, under the softmax of a row; or (m, C) bool, under the sigmoid of each.
        counts: (m, 1), or (m, C) under the sigmoid, how much each answer counts.
    """
    if codes.ndim == 2:
        losses = np.logaddexp(0.0, scores) - codes * scores
        error = sigmoid(scores) - codes
        if counts is not None:
            losses, error = losses * counts, error * counts
        return losses.sum(axis=1), error.astype(np.float32, copy=False)
    p = softmax(scores)
    at_given = np.arange(len(codes)), codes
    losses = -np.log(np.maximum(p[at_given], 1e-30))
    p[at_given] -= 1.0
    if counts is not None:
        losses = losses * counts[:, 0]
        p *= counts.astype(np.float32, copy=False)
    return losses, p


def best_temperature(scores: Array, codes: Array, grid: Sequence[float] = TEMPERATURES) -> tuple[float, float]:
    """The factor on the scores whose softmax has the least log-loss, and that loss.

    Args:
        scores: (n, C) of models that did not see the row.
        codes: (n,) classes, all at least 0.
        grid: factors to try; 20,000 rows at most, evenly spread, are looked at.
    """
    some = np.linspace(0, len(codes) - 1, min(len(codes), 20_000)).astype(np.int64)
    losses = [log_loss(softmax(np.float32(factor) * scores[some]), codes[some]) for factor in grid]
    least = int(np.argmin(losses))
    return float(grid[least]), losses[least]


def log_loss(probabilities: Array, codes: Array) -> float:
    """Mean -log of the probability of the given class, natural logarithm; probabilities below 1e-9 count as that."""
    given = probabilities[np.arange(len(codes)), codes].astype(np.float64)
    return float(-np.log(np.maximum(given, 1e-9)).mean())


def softmax(logits: Array) -> Array:
    """Softmax of each row."""
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=1, keepdims=True))


def sigmoid(logits: Array) -> Array:
    """1 / (1 + exp(-x)) of each number, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=logits.dtype)
