"""How well vectors tell classes: one number with its interval, beside what they reach when the labels are shuffled.

For each class, the chance that a sample of it scores higher for it than a sample of another class (the area under the
receiver's curve), by ridge regression that saw neither; the mean over classes. One half is no better than guessing, 1
is every sample told. The interval is that of a mean of the rows' shares in it (DeLong, DeLong & Clarke-Pearson 1988,
https://doi.org/10.2307/2531595), near-duplicates together, brought into [0, 1] as Wilson does.

The labels are taken as they are. A share w of wrong ones, drawn at random, brings the value nearer to one half by the
factor 1 - w C / (C - 1) (Menon et al. 2015, http://proceedings.mlr.press/v37/menon15.html), for both classes and
others then hold rows of each other.

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.inputs import Inputs
from ..base.params import ParamError
from ..base.threads import blas_threads
from ..neighbors.graph import shared_graph
from .folds import leaving_together, stratified_folds
from .linear_probe import NEIGHBORS, unit_rows
from .metrics import Z95

MOST = 2_000  # rows that are looked at
FOLDS = 5
SHUFFLES = 5
PENALTIES = (0.03, 0.3, 3.0)  # relative to the mean eigenvalue; more did not change which vectors come first
FEWEST = 2  # rows of a class, and of the others


@dataclass(frozen=True)
class Evidence:
    """How well vectors tell classes.

    Attributes:
        value: in [0, 1], high is good: the mean area under the curve.
        low, high: its 95 % interval.
        chance: the same with shuffled labels, about one half.
        samples: rows that were looked at.
    """

    value: float
    low: float
    high: float
    chance: float
    samples: int

    @property
    def tells(self) -> bool:
        """Whether the vectors tell the classes at all: the whole interval lies above chance."""
        return self.low > max(self.chance, 0.5)

    def facts(self) -> dict[str, float | int | bool]:
        """As a run's record keeps it."""
        numbers = {name: round(getattr(self, name), 4) for name in ("value", "low", "high", "chance")}
        return {**numbers, "samples": self.samples, "tells": self.tells}


def in_words(told: Mapping[str, Any]) -> str:
    """What was measured, in a sentence without its beginning and end: how often, the interval, and what chance gives.

    Args:
        told: as `Evidence.facts` has it.
    """
    low, high, chance = (f"{told[name]:.0%}" for name in ("low", "high", "chance"))
    return (
        f"tell one class from the others in {told['value']:.0%} ({low} to {high}) of comparisons; "
        f"shuffled labels: {chance}"
    )


def evidence(vectors: Array, codes: Array, groups: Array | None = None, seed: int = 51) -> Evidence:
    """Measure how well vectors tell classes; a second or two for any number of rows.

    Args:
        vectors: (n, d), finite; only their directions matter.
        codes: (n,) classes, -1 for none; or (n, C) bool, where a row may be of several classes.
        groups: (n,) rows that must not judge each other; near-duplicates by default.
        seed: of the rows that are looked at, the folds and the shuffles.

    Raises:
        ParamError: fewer than two classes with two rows of different groups.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(codes >= 0) if codes.ndim == 1 else np.arange(len(codes))
    if len(rows) > MOST:
        rows = np.sort(rng.choice(rows, MOST, replace=False))
    x, codes = unit_rows(np.asarray(vectors)[rows]), codes[rows]
    if groups is None:
        inputs = Inputs(n=len(x), embeddings=x)
        groups = leaving_together(inputs, shared_graph(inputs, NEIGHBORS) if len(x) > 1 else None)
    else:
        groups = np.unique(groups[rows], return_inverse=True)[1]
    present = codes[:, None] == np.unique(codes)[None, :] if codes.ndim == 1 else codes.astype(bool)
    present = present[:, _told_by(present, groups)]
    if present.shape[1] < (2 if codes.ndim == 1 else 1) or int(groups.max()) < 1:
        raise ParamError(
            "evidence needs at least 2 classes of two or more different samples; "
            f"got {present.shape[1]}: label more samples or merge rare classes"
        )
    member = present.any(axis=1) if codes.ndim == 1 else np.ones(len(x), dtype=bool)
    x, present, groups = x[member], present[member], np.unique(groups[member], return_inverse=True)[1]
    stratum = present.argmax(axis=1) if codes.ndim == 1 else np.zeros(len(x), dtype=np.int64)
    fold = stratified_folds(stratum, groups, min(FOLDS, int(groups.max()) + 1), seed)
    shuffled = [present[_within(fold, rng)] for _ in range(SHUFFLES)]
    with blas_threads(1):
        scores = _out_of_fold(x, [present, *shuffled], fold)
    value, spread = _area(scores[0], present, groups)
    chance = [_area(score, other, groups)[0] for score, other in zip(scores[1:], shuffled, strict=True)]
    low, high = _interval(value, spread, int(groups.max()) + 1)
    return Evidence(value, low, high, float(np.mean(chance)), len(x))


def _told_by(present: Array, groups: Array) -> Array:
    """(C,) bool, the class has rows of two groups, and so have the others."""
    enough = []
    for member in present.T:
        sides = (np.unique(groups[member]), np.unique(groups[~member]))
        enough.append(min(len(side) for side in sides) >= FEWEST)
    return np.array(enough, dtype=bool)


def _out_of_fold(x: Array, targets: list[Array], fold: Array) -> list[Array]:
    """Of each (n, C) targets, (n, C) predictions by ridge regression on the other folds, at the best penalty."""
    y = np.concatenate(targets, axis=1).astype(np.float64)
    wide = x.shape[0] < x.shape[1]
    x = x.astype(np.float64)
    x -= x.mean(axis=0)
    gram = x @ x.T if wide else x.T @ x
    found = np.empty((len(PENALTIES), *y.shape), np.float32)
    for number in np.unique(fold):
        inside, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        prior = y[rest].mean(axis=0)
        fit = _wide if wide else _tall
        for which, scores in enumerate(fit(x, gram, inside, rest, y[rest] - prior)):
            found[which, inside] = scores + prior
    ends = np.cumsum([target.shape[1] for target in targets])[:-1]
    several = [np.split(scores, ends, axis=1) for scores in found]
    best = []
    for place, target in enumerate(targets):
        tried = [scores[place] for scores in several]
        best.append(min(tried, key=lambda scores: float(((scores - target) ** 2).sum())))
    return best


def _tall(x: Array, gram: Array, inside: Array, rest: Array, y: Array) -> Iterator[Array]:
    """Predictions at each penalty, by a system of d equations; the Gram matrix of the rest is the whole less a fold."""
    mean = x[rest].mean(axis=0)
    centred = gram - x[inside].T @ x[inside] - len(rest) * np.outer(mean, mean)
    right = (x[rest] - mean).T @ y
    for penalty in PENALTIES:
        yield (x[inside] - mean) @ _solved(centred, penalty * float(np.trace(centred)) / len(centred), right)


def _wide(x: Array, gram: Array, inside: Array, rest: Array, y: Array) -> Iterator[Array]:
    """The same by a system of as many equations as there are rows, where these are fewer."""
    kernel = gram[np.ix_(rest, rest)]
    of_row = kernel.mean(axis=0)
    kernel = kernel - of_row - of_row[:, None] + of_row.mean()
    across = gram[np.ix_(inside, rest)]
    across = across - across.mean(axis=1, keepdims=True) - of_row + of_row.mean()
    for penalty in PENALTIES:
        yield across @ _solved(kernel, penalty * float(np.trace(kernel)) / x.shape[1], y)


def _solved(system: Array, pull: float, right: Array) -> Array:
    """Solution of (system + pull I) w = right."""
    from scipy.linalg import cho_factor, cho_solve

    raised = system.copy()
    raised[np.diag_indices_from(raised)] += max(pull, 1e-12)
    return np.asarray(cho_solve(cho_factor(raised, overwrite_a=True, check_finite=False), right, check_finite=False))


def _within(fold: Array, rng: np.random.Generator) -> Array:
    """(n,) rows in an order that is shuffled within each fold, so that the folds stay as even as they were."""
    order = np.arange(len(fold))
    for number in range(int(fold.max()) + 1):
        inside = np.flatnonzero(fold == number)
        order[inside] = rng.permutation(inside)
    return order


def _area(scores: Array, present: Array, groups: Array) -> tuple[float, float]:
    """The mean area over classes and its standard error, rows of a group drawn together."""
    from scipy.stats import rankdata

    n, n_classes = present.shape
    share, areas = np.zeros(n), np.empty(n_classes)
    for c in range(n_classes):
        own = present[:, c]
        inside, outside = int(own.sum()), int((~own).sum())
        rank = rankdata(scores[:, c])
        below = (rank[own] - rankdata(scores[own, c])) / outside  # share of the others that each of the class exceeds
        above = (inside - (rank[~own] - rankdata(scores[~own, c]))) / inside
        areas[c] = below.mean()
        share[own] += (below - areas[c]) / inside
        share[~own] += (above - areas[c]) / outside
    of_group = np.bincount(groups, weights=share / n_classes)
    return float(areas.mean()), float(np.sqrt((of_group**2).sum()))


def _interval(value: float, spread: float, most: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share that is known as well as from so many draws as have that spread."""
    draws = value * (1 - value) / spread**2 if spread > 0 else float(most)
    draws = float(np.clip(draws, 1, most))
    middle = (value + Z95**2 / (2 * draws)) / (1 + Z95**2 / draws)
    half = Z95 / (1 + Z95**2 / draws) * np.sqrt(value * (1 - value) / draws + Z95**2 / (4 * draws**2))
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)
