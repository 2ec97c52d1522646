"""The penalty of the probe and its out-of-fold probabilities: all folds side by side along a path of penalties.

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from .logistic import PENALTIES, TINY, Design, Fit, FoldFits, best_temperature, softmax
from .ridge import blocks

WORK = 2.0e10  # n * d * C that one pass over the training rows may cost; beyond it rows are sampled
CELLS = 2.5e8  # n * d that one fold's training rows may hold, 1 GB
NEARLY = 1e-3  # share of the loss that a fit's last step along the path still gains: ranks penalties as 1e-5 does


@dataclass(frozen=True)
class _Best:
    """What was measured at the best penalty so far, that penalty, and the fits there."""

    measured: tuple[float, float] = (np.inf, np.inf)
    penalty: float = PENALTIES[0]
    fits: list[Fit] = field(default_factory=list)


class PenaltyPath:
    """Fits of all folds of one design, side by side, along a path of penalties."""

    def __init__(self, design: Design, codes: Array, n_classes: int, fold: Array, folds: int, seed: int) -> None:
        self.design, self.codes, self.n_classes = design, codes, n_classes
        self.fold, self.folds, self.seed = fold, folds, seed
        self.labelled = int((fold >= 0).sum())
        width = max(design.z.shape[1], 1) * n_classes
        self.most_rows = int(min(self.labelled, max(min(WORK / width, CELLS * n_classes / width), 20 * n_classes)))
        self.path_rows = int(min(self.labelled, max(WORK / 10 / width, 10 * n_classes)))

    def fit(self, progress: Progress) -> tuple[Array, dict[str, Any]]:
        """Out-of-fold probabilities at the best penalty, and facts: that penalty, the temperature, all that was tried.

        Best is the penalty whose held-out predictions agree with most given labels; ties go to the least log-loss at
        the best temperature. Under label noise the log-loss itself prefers fits too weakly penalised, since they are
        less sure: on planted noise choosing by agreement gave 0.855 accuracy on the true labels, by log-loss 0.826.
        Strong penalties make predictions too even; the temperature, one number for all rows, mends that.

        The penalty is sought in the strongest directions only, which takes half the time, and with fits that are
        nearly done. From strong to weak in steps of root 10, each fit starting where the last one ended, until both
        measures have been worse twice; then half a step to both sides of the best.
        """
        coarse = self.design.coarse()
        together = self._fold_fits(coarse, self.path_rows)
        tried: dict[float, tuple[float, float]] = {}
        fits: Sequence[Fit | None] = [None] * self.folds
        pending, waited = list(PENALTIES), 0
        best, least = _Best(), np.inf
        while pending:
            penalty = pending.pop(0)
            progress(len(tried), len(tried) + len(pending) + 1, "training the probe")
            fits = together.fit(penalty, fits, NEARLY)
            tried[penalty] = measured = self._measure(self._out_of_fold(coarse, fits))
            waited = 0 if measured[0] < best.measured[0] or measured[1] < least else waited + 1
            least = min(least, measured[1])
            if measured < best.measured:
                best = _Best(measured, penalty, fits)
            if waited == 2 and penalty in PENALTIES:
                pending, fits = [best.penalty / 10**0.25, best.penalty * 10**0.25], best.fits
        # the penalty of the mean loss falls as rows are added
        penalty = best.penalty * self.path_rows / self.most_rows
        if coarse is not self.design or self.path_rows < self.most_rows:
            together = self._fold_fits(self.design, self.most_rows)
        fits = together.fit(penalty, [self.design.refined(fit) for fit in best.fits])
        probabilities = self._out_of_fold(self.design, fits)
        temperature = self._temper(probabilities)
        path = [{"penalty": at, "disagreement": one, "log_loss": two} for at, (one, two) in tried.items()]
        return probabilities, {"penalty": penalty, "temperature": temperature, "path": path}

    def _measure(self, probabilities: Array) -> tuple[float, float]:
        """Share of given labels that differ from the prediction, and log-loss at the best temperature."""
        rows = np.flatnonzero(self.fold >= 0)
        p, codes = probabilities[rows], self.codes[rows]
        return float((p.argmax(axis=1) != codes).mean()), best_temperature(np.log(p + TINY), codes)[1]

    def _temper(self, probabilities: Array) -> float:
        """Bring probabilities to the best temperature, in place, and return it."""
        rows = np.flatnonzero(self.fold >= 0)
        temperature = best_temperature(np.log(probabilities[rows] + TINY), self.codes[rows])[0]
        for block in blocks(len(probabilities)):
            probabilities[block] = softmax(np.float32(temperature) * np.log(probabilities[block] + TINY))
        return temperature

    def _fold_fits(self, design: Design, most: int) -> FoldFits:
        """All folds on the same rows, so many that each fold's model is trained on `most` of them."""
        rows, wanted = np.flatnonzero(self.fold >= 0), most * self.folds // (self.folds - 1)
        if len(rows) > wanted:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, wanted, replace=False))
        z = design.z if len(rows) == len(design.z) else design.z[rows]
        teaches = self.fold[rows][:, None] != np.arange(self.folds)
        return FoldFits(design, z, self.codes[rows], self.n_classes, teaches.astype(np.float32))

    def _out_of_fold(self, design: Design, fits: Sequence[Fit]) -> Array:
        out = np.zeros((len(self.fold), self.n_classes), dtype=np.float32)
        unlabelled = np.flatnonzero(self.fold < 0)
        for held_out, fit in enumerate(fits):
            rows = np.flatnonzero(self.fold == held_out)
            out[rows] = design.probabilities(rows, fit)
            out[unlabelled] += design.probabilities(unlabelled, fit) / np.float32(self.folds)
        return out
