"""Nested cross-validation: predictions by models that saw neither the row nor its part in choosing their settings.

For every pair of folds one model is trained on the other folds. It judges a penalty for both: on fold j for the model
that will predict fold k, and on fold k for the one that will predict fold j. So K(K-1)/2 fits a penalty do for all K
choices, where inner folds drawn anew would take K times as many, and near-duplicates stay together inside as outside.
Varma & Simon 2006, Bias in error estimation when using cross-validation for model selection,
doi:10.1186/1471-2105-7-91.

Letters: n rows, C classes, K folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..base.arrays import Array, Progress
from ..base.threads import in_threads
from .logistic import best_temperature, sigmoid

TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(-2.0, 3.01, 0.25))

# rows, penalty, which fit (one start and one seed each) → what gives (m, C) logits of other rows
Scores = Callable[[Array], Array]
Fit = Callable[[Array, float, int], Scores]


@dataclass(frozen=True)
class Nested:
    """What nested cross-validation found.

    Attributes:
        logits: (n, C) float32, out of fold and at the inner folds' temperature; rows without a label get those of the
            final model.
        penalties: (K,) chosen for each fold.
        temperatures: (K,) factor on the logits.
        final: the model of all labelled rows.
        final_penalty, final_temperature: geometric means of the folds'.
        tried: penalties tried, with their mean inner disagreement and log-loss.
    """

    logits: Array
    penalties: Array
    temperatures: Array
    final: Scores
    final_penalty: float
    final_temperature: float
    tried: list[dict[str, float]]


def cross_validate(
    fit: Fit, penalties: Sequence[float], codes: Array, fold: Array, folds: int, n_classes: int, progress: Progress
) -> Nested:
    """Out-of-fold logits with the penalty chosen inside.

    Best is the penalty whose held-out predictions agree with most given labels; ties go to the least log-loss at the
    best temperature. The path goes from strong to weak until every fold's choice has been worse twice.

    Args:
        fit: trains one model; called from several threads at once.
        penalties: strong to weak.
        codes: (n,) classes; or (n, C) bool, which classes hold.
        fold: (n,) 0 ... K-1, or -1 for rows without a label.
        folds: K; with fewer than three nothing can be chosen inside, and the middle penalty is taken.
    """
    chosen, warm, tried = _choose(fit, penalties, codes, fold, folds, progress)
    logits = np.zeros((len(fold), n_classes), dtype=np.float32)
    labelled = np.flatnonzero(fold >= 0)
    final_penalty, final_temperature = (float(np.exp(np.log(part).mean())) for part in (chosen, warm))
    kept: dict[int, Scores] = {}

    def train(held_out: int) -> None:
        last = held_out == folds
        rows = labelled if last else np.flatnonzero((fold >= 0) & (fold != held_out))
        scores = kept[held_out] = fit(rows, final_penalty if last else chosen[held_out], -1 - held_out)
        mine = np.flatnonzero(fold == (-1 if last else held_out))
        if len(mine):
            logits[mine] = scores(mine) * np.float32(final_temperature if last else warm[held_out])

    in_threads(train, range(folds + 1), progress, "training on all folds but one")
    return Nested(logits, chosen, warm, kept[folds], final_penalty, final_temperature, tried)


def _choose(
    fit: Fit, penalties: Sequence[float], codes: Array, fold: Array, folds: int, progress: Progress
) -> tuple[Array, Array, list[dict[str, float]]]:
    """Penalty and temperature for each fold, and what was tried."""
    if folds < 3:
        return np.full(folds, penalties[len(penalties) // 2]), np.ones(folds), []
    pairs = list(combinations(range(folds), 2))
    best: list[tuple[tuple[float, float], float, float]] = [((np.inf, np.inf), penalties[0], 1.0)] * folds
    waited = np.zeros(folds, dtype=int)
    least = np.full(folds, np.inf)
    tried: list[dict[str, float]] = []
    members = [np.flatnonzero(fold == k) for k in range(folds)]
    for number, penalty in enumerate(penalties):
        progress(number, len(penalties), "choosing the regularisation on inner folds")
        held: dict[tuple[int, int], Array] = {}

        def judge(place: int, penalty: float = penalty, held: dict[tuple[int, int], Array] = held) -> None:
            one, two = pairs[place]
            rows = np.flatnonzero((fold >= 0) & (fold != one) & (fold != two))
            if len(rows) == 0:
                return
            scores = fit(rows, penalty, place)
            held[one, two], held[two, one] = scores(members[two]), scores(members[one])

        in_threads(judge, range(len(pairs)))
        figures = []
        for k in range(folds):
            others = [j for j in range(folds) if (k, j) in held and len(members[j])]
            if not others:
                continue
            rows = np.concatenate([members[j] for j in others])
            disagreement, loss, temperature = measured(np.concatenate([held[k, j] for j in others]), codes[rows])
            figures.append((disagreement, loss))
            waited[k] = 0 if disagreement < best[k][0][0] or loss < least[k] else waited[k] + 1
            least[k] = min(least[k], loss)
            if (disagreement, loss) < best[k][0]:
                best[k] = (disagreement, loss), penalty, temperature
        if figures:
            disagreement, loss = (float(value) for value in np.mean(figures, axis=0))
            tried.append({"penalty": penalty, "disagreement": disagreement, "log_loss": loss})
        if (waited >= 2).all():
            break
    return np.array([one[1] for one in best]), np.array([one[2] for one in best]), tried


def measured(scores: Array, codes: Array) -> tuple[float, float, float]:
    """Share of wrong answers, log-loss at the best temperature, and that temperature."""
    if codes.ndim == 1:
        temperature, loss = best_temperature(scores, codes, TEMPERATURES)
        return float((scores.argmax(axis=1) != codes).mean()), loss, temperature
    losses = [binary_loss(np.float32(factor) * scores, codes) for factor in TEMPERATURES]
    least = int(np.argmin(losses))
    return float(((scores > 0) != codes).mean()), losses[least], float(TEMPERATURES[least])


def binary_loss(logits: Array, present: Array) -> float:
    """Mean over rows and classes of the log-loss of yes or no, natural logarithm."""
    p = np.clip(sigmoid(logits.astype(np.float64)), 1e-9, 1 - 1e-9)
    return float(-np.where(present, np.log(p), np.log1p(-p)).mean())
