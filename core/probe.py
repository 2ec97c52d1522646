"""A linear probe: class probabilities of every sample from a classifier on the embeddings that did not see it.

Multinomial logistic regression in the eigenbasis of the embeddings, each direction scaled by the inverse root of
its curvature bound. That makes the penalised loss nearly round, so L-BFGS ends in 10-25 passes
where it takes hundreds on raw coordinates. The penalty is chosen on held-out log-loss. Bound: the Hessian of the
multinomial log-loss is at most 1/2 (I - 11'/C) (x) X'X, Böhning 1992, doi:10.1007/BF00048682.

Letters: n rows, d dimensions, C classes, r <= d directions kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .folds import crossing_share, groups_of_many, near_duplicate_groups, stratified_folds
from .method import Array, GivenLabels, Inputs, Progress, silent
from .params import ParamError
from .ridge import blocks
from .threads import in_threads

# Penalties relative to the total variance of the embeddings, strong to weak: the path that is walked.
PENALTIES = tuple(float(value) for value in 10.0 ** np.arange(-2.0, -6.51, -0.5))
NEIGHBORS = 24  # of the shared graph, from which near-duplicates are told
WORK = 2.0e10  # n * d * C that one pass over the training rows may cost; beyond it rows are sampled


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of models that did not see the row, nor a near-duplicate of it.

    Attributes:
        classes: names of the C classes, in the order of the columns.
        probabilities: (n, C) float32, rows sum to one. Rows without a label get the mean of all folds' models.
        fold: (n,) int64, -1 for rows without a label.
        facts: penalty, log-loss, accuracy on the given labels, folds, near-duplicates.
    """

    classes: tuple[str, ...]
    probabilities: Array
    fold: Array
    facts: dict[str, Any] = field(default_factory=dict)

    def for_classes(self, names: tuple[str, ...]) -> Array:
        """(n, len(names)) probabilities in the order of `names`; classes the probe does not know get 0."""
        position = {name: column for column, name in enumerate(self.classes)}
        out = np.zeros((len(self.probabilities), len(names)), dtype=np.float32)
        for column, name in enumerate(names):
            if name in position:
                out[:, column] = self.probabilities[:, position[name]]
        return out


def out_of_fold(
    inputs: Inputs, folds: int = 5, seed: int = 51, progress: Progress = silent, groups: Array | None = None
) -> OutOfFold:
    """Out-of-fold class probabilities of a logistic probe on the embeddings.

    Folds are stratified by class and keep near-duplicates together (`core/folds.py`).

    Args:
        inputs: embeddings (n, d) and labels; only the rows' directions matter.
        folds: wanted; fewer are used where there are fewer labelled groups.
        seed: of the folds and of the rows sampled when there are too many to train on.
        progress: told about each fold.
        groups: (n,) rows that must share a fold; near-duplicates by default.

    Raises:
        ParamError: fewer than two classes, or fewer than two groups of labelled rows.
    """
    labels = two_classes(inputs)
    if groups is None:
        groups = near_duplicate_groups(inputs.neighbors(NEIGHBORS, "cosine", progress))
    used = min(folds, len(np.unique(groups[labels.codes >= 0])))
    if used < 2:
        raise ParamError(
            f"cross-validation needs at least 2 labelled samples that are not near-duplicates of each other; got {used}"
        )
    fold = stratified_folds(labels.codes, groups, used, seed)
    design = Design.of(unit_rows(inputs.vectors))
    fitter = _Fitter(design, labels.codes, len(labels.names), fold, used, seed)
    probabilities, penalty, path = fitter.walk(progress)
    labelled = np.flatnonzero(fold >= 0)
    facts = {
        "probe": "logistic regression",
        "folds": used,
        "penalty": penalty,
        "penalty_path": path,
        "log_loss": log_loss(probabilities[labelled], labels.codes[labelled]),
        "agreement": float((probabilities[labelled].argmax(1) == labels.codes[labelled]).mean()),
        "near_duplicates": int(sum(len(part) for part in groups_of_many(groups))),
        "near_duplicates_across_folds": crossing_share(groups, fold),
        "near_duplicates_across_plain_folds": crossing_share(
            groups, stratified_folds(labels.codes, np.arange(inputs.n), used, seed)
        ),
        "training_rows": fitter.most_rows,
    }
    return OutOfFold(labels.names, probabilities, fold, facts)


def two_classes(inputs: Inputs) -> GivenLabels:
    """The labels, once it is sure that at least two classes have a sample.

    Raises:
        ParamError: no labels, or one class only.
    """
    labels = inputs.labels
    if labels is None or not (labels.codes >= 0).any():
        raise ParamError("label_field must hold at least two classes; it has no labels on these samples")
    present = np.unique(labels.codes[labels.codes >= 0])
    if len(present) < 2:
        raise ParamError(
            f"label_field must hold at least two classes; got one, {labels.names[present[0]]!r}, on all labelled samples"
        )
    return labels


def unit_rows(x: Array) -> Array:
    """(n, d) float32 rows scaled to unit length; zero rows stay zero."""
    largest = np.abs(x).max(axis=1, keepdims=True).astype(np.float64)
    scale = np.where(largest > 0, largest, 1.0)
    out = np.empty(x.shape, dtype=np.float32)
    for block in blocks(len(x)):
        scaled = x[block] / scale[block]  # first by the largest entry, so that squares cannot overflow
        norm = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))[:, None]
        out[block] = scaled / np.where(norm > 0, norm, 1.0)
    return out


@dataclass(frozen=True)
class Design:
    """The rows in their own eigenbasis.

    Attributes:
        z: (n, r) float32 centred coordinates.
        variance: (r,) float64 variance along each direction.
    """

    z: Array
    variance: Array

    @classmethod
    def of(cls, x: Array) -> Design:
        """Rotate rows; directions without spread are dropped. Labels have no part in it."""
        mean = x.mean(axis=0, dtype=np.float64)
        gram = np.zeros((x.shape[1], x.shape[1]))
        for block in blocks(len(x)):
            centred = x[block] - mean
            gram += centred.T @ centred
        variance, basis = np.linalg.eigh(gram / len(x))
        keep = variance > 1e-7 * max(float(variance.sum()), 1e-30)
        z = np.empty((len(x), int(keep.sum())), dtype=np.float32)
        for block in blocks(len(x)):
            z[block] = (x[block] - mean) @ basis[:, keep]
        return cls(z, variance[keep])

    def scale(self, penalty: float) -> Array:
        """(r,) float32 inverse root of the curvature bound along each direction."""
        # 0.1: between the bound's 1/2 and the typical p(1-p) of fits that are mostly right
        return np.asarray(1.0 / np.sqrt(0.1 * self.variance + self.ridge(penalty)), dtype=np.float32)

    def ridge(self, penalty: float) -> float:
        """The penalty in units of the embeddings."""
        return penalty * float(self.variance.sum())

    def probabilities(self, rows: Array, fit: Fit) -> Array:
        """(len(rows), C) float32 probabilities."""
        out = np.empty((len(rows), len(fit.intercept)), dtype=np.float32)
        for block in blocks(len(rows)):
            out[block] = softmax(self.z[rows[block]] @ fit.weights + fit.intercept)
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


class _Fitter:
    """Fits of all folds of one design, side by side, along a path of penalties."""

    def __init__(self, design: Design, codes: Array, n_classes: int, fold: Array, folds: int, seed: int) -> None:
        self.design, self.codes, self.n_classes = design, codes, n_classes
        self.fold, self.folds, self.seed = fold, folds, seed
        self.labelled = int((fold >= 0).sum())
        width = max(design.z.shape[1], 1) * n_classes
        self.most_rows = int(min(self.labelled, max(WORK / width, 20 * n_classes)))
        self.path_rows = int(min(self.labelled, max(WORK / 10 / width, 10 * n_classes)))

    def walk(self, progress: Progress) -> tuple[Array, float, dict[str, float]]:
        """Out-of-fold probabilities at the penalty with the least held-out log-loss, that penalty, and all losses.

        From strong to weak in steps of root 10, each fit starting where the last one ended, until the loss has risen
        twice; then half a step to both sides of the best.
        """
        losses: dict[float, float] = {}
        best = np.inf, PENALTIES[0], np.empty(0)
        fits: list[Fit | None] = [None] * self.folds
        pending = list(PENALTIES)
        while pending:
            penalty = pending.pop(0)
            progress(len(losses), len(losses) + len(pending) + 1, "training the probe")
            fits = list(self._fit_all(penalty, fits, self.path_rows))
            probabilities = self._out_of_fold(fits)
            loss = log_loss(probabilities[self.fold >= 0], self.codes[self.fold >= 0])
            losses[penalty] = loss
            if loss < best[0]:
                best = loss, penalty, probabilities
            elif penalty in PENALTIES and penalty < best[1] / 9:
                pending = [best[1] / 10**0.25, best[1] * 10**0.25]
        _, penalty, probabilities = best
        if self.path_rows < self.most_rows:
            penalty *= self.path_rows / self.most_rows  # the penalty of the mean loss falls as rows are added
            probabilities = self._out_of_fold(self._fit_all(penalty, [None] * self.folds, self.most_rows))
        return probabilities, penalty, {f"{tried:.2e}": loss for tried, loss in losses.items()}

    def _fit_all(self, penalty: float, starts: Sequence[Fit | None], most_rows: int) -> list[Fit]:
        fits: dict[int, Fit] = {}

        def fit(held_out: int) -> None:
            fits[held_out] = self._solve(self._rows(held_out, most_rows), penalty, starts[held_out])

        in_threads(fit, range(self.folds))
        return [fits[held_out] for held_out in range(self.folds)]

    def _out_of_fold(self, fits: Sequence[Fit | None]) -> Array:
        out = np.zeros((len(self.fold), self.n_classes), dtype=np.float32)
        unlabelled = np.flatnonzero(self.fold < 0)
        for held_out, fit in enumerate(fits):
            assert fit is not None
            rows = np.flatnonzero(self.fold == held_out)
            out[rows] = self.design.probabilities(rows, fit)
            out[unlabelled] += self.design.probabilities(unlabelled, fit) / np.float32(self.folds)
        return out

    def _rows(self, held_out: int, most: int) -> Array:
        rows = np.flatnonzero((self.fold >= 0) & (self.fold != held_out))
        if len(rows) > most:
            rng = np.random.default_rng([self.seed, held_out])
            rows = np.sort(rng.choice(rows, most, replace=False))
        return rows

    def _solve(self, rows: Array, penalty: float, start: Fit | None) -> Fit:
        from scipy.optimize import minimize

        scale = self.design.scale(penalty)
        z, codes = self.design.z[rows] * scale, self.codes[rows]
        shrink = (np.float32(self.design.ridge(penalty)) * scale**2)[:, None]
        shape = (z.shape[1] + 1, self.n_classes)
        first = np.zeros(shape)
        if start is not None:
            first[:-1], first[-1] = start.weights / scale[:, None], start.intercept

        def loss_and_slope(flat: Array) -> tuple[float, Array]:
            weights = flat.reshape(shape).astype(np.float32)
            slope = np.zeros(shape, dtype=np.float32)
            loss = 0.0
            for block in blocks(len(z)):
                code = codes[block]
                p = softmax(z[block] @ weights[:-1] + weights[-1])
                at_given = np.arange(len(code)), code
                loss -= float(np.log(np.maximum(p[at_given], 1e-30)).sum(dtype=np.float64))
                p[at_given] -= 1.0
                slope[:-1] += z[block].T @ p
                slope[-1] += p.sum(axis=0)
            slope /= np.float32(len(z))
            slope[:-1] += shrink * weights[:-1]
            loss = loss / len(z) + 0.5 * float((shrink * weights[:-1] ** 2).sum(dtype=np.float64))
            return loss, slope.ravel().astype(np.float64)

        fit = minimize(
            loss_and_slope, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 100, "ftol": 1e-5, "gtol": 1e-6}
        )
        found = fit.x.reshape(shape).astype(np.float32)
        return Fit(found[:-1] * scale[:, None], found[-1])


def log_loss(probabilities: Array, codes: Array) -> float:
    """Mean -log of the probability of the given class, natural logarithm; probabilities below 1e-9 count as that."""
    given = probabilities[np.arange(len(codes)), codes].astype(np.float64)
    return float(-np.log(np.maximum(given, 1e-9)).mean())


def softmax(logits: Array) -> Array:
    """Softmax of each row."""
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=1, keepdims=True))
