"""How good predictions are, with how sure one can be of it.

Shares have Wilson's 95 % intervals (Wilson 1927, doi:10.1080/01621459.1927.10502953); what is no share of rows has
bootstrap intervals (Efron & Tibshirani 1993), drawing whole groups of near-duplicates, since copies are no further
evidence. Calibration after Guo et al. 2017, arXiv:1706.04599.

Letters: n rows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.arrays import Array
from .logistic import log_loss

BINS = 10
DRAWS, FEWEST_DRAWS = 200, 20
CELLS = 4e8  # n * C that all draws together may sort

Table = list[dict[str, Any]]


def single_label_report(
    probabilities: Array, codes: Array, names: Sequence[str], groups: Array, seed: int
) -> dict[str, Any]:
    """Accuracy, balanced accuracy, macro F1, calibration, and a table of classes.

    Args:
        probabilities: (n, C), rows sum to one, of models that did not see the row; n > 0.
        codes: (n,) given classes.
        groups: (n,) near-duplicate group of each row.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == codes
    confidence = probabilities.max(axis=1)
    draws = _draws(groups, seed, len(names))
    brier = ((probabilities - np.eye(len(names), dtype=np.float32)[codes]) ** 2).sum(axis=1)
    return {
        "measured_on": len(codes),
        "accuracy": float(right.mean()),
        "accuracy_interval": wilson(int(right.sum()), len(codes)),
        **_with_interval("balanced_accuracy", lambda rows: _balanced(predicted[rows], codes[rows], len(names)), draws),
        **_with_interval("macro_f1", lambda rows: _macro_f1(predicted[rows], codes[rows], len(names)), draws),
        "log_loss": log_loss(probabilities, codes),
        "brier": float(brier.mean()),
        "calibration_error": expected_calibration_error(confidence, right, BINS),
        "reliability": reliability(confidence, right),
        "per_class": [_class_row(name, predicted == code, codes == code) for code, name in enumerate(names)],
    }


def multi_label_report(
    probabilities: Array, present: Array, names: Sequence[str], groups: Array, seed: int
) -> dict[str, Any]:
    """F1 and mean average precision over classes, calibration of each yes or no, and a table of classes.

    Args:
        probabilities: (n, C) in [0, 1]; a class is predicted from 0.5 on.
        present: (n, C) bool, the given classes.
    """
    predicted = probabilities >= 0.5
    draws = _draws(groups, seed, len(names))
    confidence, right = np.maximum(probabilities, 1 - probabilities).ravel(), (predicted == present).ravel()
    rows = [_class_row(name, predicted[:, code], present[:, code]) for code, name in enumerate(names)]
    for code, row in enumerate(rows):
        row["average_precision"] = average_precision(probabilities[:, code], present[:, code])
    every = (predicted == present).all(axis=1)
    return {
        "measured_on": len(present),
        **_with_interval("mean_average_precision", lambda some: _map(probabilities[some], present[some]), draws),
        **_with_interval("micro_f1", lambda some: _f1(predicted[some], present[some]), draws),
        "macro_f1": float(np.mean([row["f1"] for row in rows])),
        "all_classes_right": float(every.mean()),
        "all_classes_right_interval": wilson(int(every.sum()), len(every)),
        "calibration_error": expected_calibration_error(confidence, right, BINS),
        "reliability": reliability(confidence, right),
        "per_class": rows,
    }


def wilson(hits: int, n: int) -> list[float] | None:
    """Wilson's 95 % interval of a share; None where n is 0."""
    if n == 0:
        return None
    return [float(wilson_low(np.array(hits), np.array(n))), 1.0 - float(wilson_low(np.array(n - hits), np.array(n)))]


def reliability(confidence: Array, right: Array, bins: int = BINS) -> Table:
    """The reliability diagram: for each bin of confidence how many rows, their mean confidence, how many were right."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            found.append(
                {
                    "from": number / bins,
                    "n": int(inside.sum()),
                    "confidence": float(confidence[inside].mean()),
                    "accuracy": float(right[inside].mean()),
                }
            )
    return found


def average_precision(scores: Array, present: Array) -> float | None:
    """Mean over the given rows of the precision at their rank; equal scores share the precision of the last of them.

    None where no row has the class.
    """
    if not present.any():
        return None
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(present[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # last row of each run of equal scores
    precision = hits[ends] / (ends + 1)
    return float((np.diff(hits[ends], prepend=0) * precision).sum() / hits[-1])


def _class_row(name: str, predicted: Array, given: Array) -> dict[str, Any]:
    """Precision, recall and F1 of one class."""
    both, said, there = int((predicted & given).sum()), int(predicted.sum()), int(given.sum())
    return {
        "class": name,
        "samples": there,
        "recall": both / there if there else None,
        "recall_interval": wilson(both, there),
        "precision": both / said if said else None,
        "precision_interval": wilson(both, said),
        "f1": 2 * both / (said + there) if said + there else 0.0,
    }


def _with_interval(name: str, of: Callable[[Array], float], draws: Sequence[Array]) -> dict[str, Any]:
    """A figure, and the 2.5 and 97.5 % points of it over the draws but the first, which holds every row once."""
    values = [of(rows) for rows in draws[1:]]
    return {name: of(draws[0]), f"{name}_interval": [float(value) for value in np.quantile(values, (0.025, 0.975))]}


def _draws(groups: Array, seed: int, n_classes: int) -> list[Array]:
    """All rows; then up to DRAWS times the rows of groups drawn with replacement."""
    rng = np.random.default_rng([seed, 0xB007])
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    singles = all(len(part) == 1 for part in parts)
    found = [np.arange(len(groups))]
    for _ in range(max(FEWEST_DRAWS, min(DRAWS, int(CELLS / (len(groups) * n_classes))))):
        drawn = rng.integers(len(parts), size=len(parts))
        found.append(order[drawn] if singles else np.concatenate([parts[one] for one in drawn]))
    return found


def _balanced(predicted: Array, codes: Array, n_classes: int) -> float:
    there = np.bincount(codes, minlength=n_classes)
    right = np.bincount(codes[predicted == codes], minlength=n_classes)
    return float((right[there > 0] / there[there > 0]).mean())


def _macro_f1(predicted: Array, codes: Array, n_classes: int) -> float:
    there = np.bincount(codes, minlength=n_classes)
    right = np.bincount(codes[predicted == codes], minlength=n_classes)
    said = np.bincount(predicted, minlength=n_classes)
    return float((2 * right[there > 0] / (there + said)[there > 0]).mean())


def _f1(predicted: Array, present: Array) -> float:
    return float(2 * (predicted & present).sum() / max(int(predicted.sum() + present.sum()), 1))


def _map(probabilities: Array, present: Array) -> float:
    found = [average_precision(probabilities[:, code], present[:, code]) for code in range(present.shape[1])]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else 0.0


def wilson_low(hits: Array, n: Array) -> Array:
    """Lower end of Wilson's 95 % interval of a rate; 0 where n is 0.

    (p + z²/2n - z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), with p = hits / n
    """
    n = np.maximum(np.asarray(n, dtype=np.float64), 1e-12)
    p = hits / n
    spread = Z95 * np.sqrt(np.maximum(p * (1.0 - p), 0.0) / n + Z95**2 / (4.0 * n**2))
    return np.asarray(np.maximum((p + Z95**2 / (2.0 * n) - spread) / (1.0 + Z95**2 / n), 0.0))


CALIBRATION_BINS = 15


def expected_calibration_error(confidence: Array, right: Array, bins: int = CALIBRATION_BINS) -> float:
    """How far confidence lies from accuracy, averaged over equally wide bins of confidence.

    ECE = sum_b |B_b| / n · |accuracy(B_b) - confidence(B_b)|; Guo et al. 2017, eq. 3.

    Args:
        confidence: (n,) in [0, 1].
        right: (n,) bool.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / max(len(confidence), 1))


Z95 = 1.959964  # standard deviations: 95 % two-sided
