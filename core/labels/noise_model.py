"""A model of how labels went wrong: which classes were written for which, and so how likely each label is right.

With p(c | x) the classes that a sample looks like and T[c, y] the chance that a sample of class c was labelled y,
the true class of a sample labelled y has

    q(c | x, y) ~ p(c | x) T[c, y]

T is fitted by expectation maximisation (Dawid & Skene 1979, doi:10.2307/2346806, with one annotator and p as the
prior); a temperature on p, fitted along with it, tells soft predictions from noisy labels. Where one class is regularly
taken for another, q knows it and p alone does not; where labels are wrong near class borders, p alone does better.

Letters: n rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from ..probes.ridge import blocks

SHARPNESS = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # powers of p that are tried
ROUNDS = 30
CELLS = 2e7  # n * C that the fit looks at; more rows are sampled evenly
BLOCK = 4096


@dataclass(frozen=True)
class NoiseModel:
    """Fitted chances of labels given true classes.

    Attributes:
        chances: (C, C) float64, row c: how samples of class c were labelled; rows sum to one.
        sharpness: power applied to the probabilities before use.
    """

    chances: Array
    sharpness: float

    @classmethod
    def fit(cls, probabilities: Array, codes: Array) -> NoiseModel:
        """Fit to labelled rows.

        Args:
            probabilities: (n, C) of models that did not see the row.
            codes: (n,) given classes, all at least 0.
        """
        n, n_classes = probabilities.shape
        rows = np.linspace(0, n - 1, int(min(n, max(CELLS / n_classes, 1000)))).astype(np.int64)
        best = -np.inf, np.eye(n_classes), 1.0
        for power in SHARPNESS:
            p = _sharpened(probabilities[rows], power)
            chances, likelihood = _expectation_maximisation(p, codes[rows])
            if likelihood > best[0]:
                best = likelihood, chances, power
        return cls(best[1], best[2])

    def true_classes(self, probabilities: Array, codes: Array) -> Array:
        """(n, C) float32 probabilities of the true class, given what a row looks like and how it was labelled."""
        out = np.empty(probabilities.shape, dtype=np.float32)
        labelled = np.ascontiguousarray(self.chances.T, dtype=np.float32)
        for block in blocks(len(codes), BLOCK):
            joint = _sharpened(probabilities[block], self.sharpness)
            joint *= labelled[codes[block]]
            np.divide(joint, joint.sum(axis=1, keepdims=True), out=out[block])
        return out

    def each_label_right(self, probabilities: Array) -> Array:
        """(n, C) float32: had a row been labelled y, how probably it were of class y."""
        p = _sharpened(probabilities, self.sharpness)
        chances = self.chances.astype(np.float32)
        return np.asarray(p * np.diag(chances) / np.maximum(p @ chances, np.float32(1e-30)))


def _sharpened(probabilities: Array, power: float) -> Array:
    logs = np.log(probabilities.astype(np.float32) + np.float32(1e-6))
    logs -= logs.max(axis=1, keepdims=True)
    exponent = np.exp(np.float32(power) * logs)
    exponent /= exponent.sum(axis=1, keepdims=True)
    return np.asarray(exponent)


def _expectation_maximisation(p: Array, codes: Array) -> tuple[Array, float]:
    """(C, C) chances of labels given classes, and the mean log-likelihood of the labels under them.

    With P the rows labelled y and t = T[:, y], their likelihoods are P t, and what they add to the counts of y is
    t * P' (1 / P t): two products with a vector for each label, and no matrix of all rows and classes.
    """
    n_classes = p.shape[1]
    chances = np.full((n_classes, n_classes), 0.2 / max(n_classes - 1, 1))
    np.fill_diagonal(chances, 0.8)
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    of_label = list(zip(present.tolist(), np.split(p[order], starts[1:]), strict=True))
    likelihood = -np.inf
    for _ in range(ROUNDS):
        counts = np.full((n_classes, n_classes), 1.0 / n_classes)  # one imagined sample of each class
        after = 0.0
        for label, rows in of_label:
            chance = chances[:, label].astype(rows.dtype)
            total = rows @ chance
            counts[:, label] += chance * (rows.T @ (1 / total))
            after += float(np.log(total, dtype=np.float64).sum())
        after /= len(codes)
        likelihood, gained = after, after - likelihood
        if gained < 1e-6:
            break
        chances = counts / counts.sum(axis=1, keepdims=True)
    return chances, likelihood
