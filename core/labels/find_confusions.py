"""Which classes a model takes for each other: the cells of the normalised confusion matrix, largest first.

The model is the linear probe (`core/probes/linear_probe.py`), which saw neither the sample nor its near-duplicates; or
one of the user's own, by its predictions, which may name classes that nobody was given. A cell is a direction: "cat →
dog" holds the samples labelled cat that look like dogs. Its rate is the share of the cats, so that rare classes count
as much as frequent ones. Cells are ordered by the lower bound of that rate (Wilson 1927,
doi:10.1080/01621459.1927.10502953), so that one of two samples does not come before forty of a hundred. Where the model
finds several classes equally likely, each gets its part of the sample.

Two classes are merge candidates when, between the two alone, a sample's own class is missed so often that the model
can hardly tell them apart: never is 0, always guessing is 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from ..probes.linear_probe import out_of_fold, two_classes
from ..probes.metrics import wilson_low
from ..probes.ridge import blocks
from .find_label_issues import heat_map
from .outside_predictions import classes_with, judges_of

TIE = 1e-6  # probabilities this near to the largest are as large
FEWEST_MIXED = 5  # samples: fewer prove nothing among the many pairs of many classes
MOST_CANDIDATES = 50


@dataclass(frozen=True, kw_only=True)
class ConfusionsParams(Params):
    """Find classes that are mixed up: in which direction, how often, and which could be merged."""

    embeddings: str | None = param(
        "embeddings", "Embeddings to predict classes by; not needed with predictions", reads="embeddings"
    )
    label_field: str = param("ground_truth", "Labels to compare predictions with", reads="labels")
    predictions: str | None = param(
        None, "Predictions of a model that has seen none of the samples; empty: those of a probe", reads="predictions"
    )
    group_field: str | None = param(
        None, "Samples that share a value (patient, video, camera) are never used to judge one another", reads="values"
    )
    top: int = param(20, "How many pairs of classes to list, the worst first", at_least=1)
    fewest: int = param(2, "List only pairs with at least this many samples", at_least=1, advanced=True)
    merge_above: float = param(
        0.25,
        "Suggest merging two classes that are mixed up this often; 0.5 is guessing",
        at_least=0,
        at_most=0.5,
        advanced=True,
    )
    folds: int = param(5, "Folds of the cross-validation", at_least=2, at_most=50, advanced=True)
    seed: int = param(51, "Seed of the folds", at_least=0, advanced=True)

    def check(self) -> None:
        """There must be something to predict by."""
        if self.embeddings is None and self.predictions is None:
            raise ParamError("ConfusionsParams.embeddings must be named where predictions is nothing; got nothing")


@dataclass(frozen=True)
class Confusion:
    """Given against predicted classes of m rows.

    Attributes:
        counts: (C, C) float64, rows given, columns predicted; a row with t equally likely classes adds 1/t to each.
        predicted: (m,) the likeliest class, -1 where several are equally likely.
        confused: (m,) bool, the given class is not among the likeliest.
    """

    counts: Array
    predicted: Array
    confused: Array

    @property
    def rates(self) -> Array:
        """(C, C) counts over the number of samples of the given class; 0 for classes without samples."""
        return np.asarray(self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1.0))

    @property
    def rates_at_least(self) -> Array:
        """(C, C) lower ends of the rates' 95 % intervals."""
        return wilson_low(self.counts, self.counts.sum(axis=1, keepdims=True))


def find_confusions(inputs: Inputs, params: ConfusionsParams, progress: Progress) -> Columns:
    """Confusion of every labelled sample whose class has samples in other folds. Columns as declared in `METHOD`."""
    names, probabilities, judged, said = predictions_of(inputs, params.predictions, params.folds, params.seed, progress)
    assert inputs.labels is not None
    codes = inputs.labels.codes
    rows = np.flatnonzero(judged)
    found = confusion(probabilities[rows], codes[rows])
    cells = largest_cells(found, names, params.top, params.fewest)
    confused = np.zeros(inputs.n, dtype=bool)
    confused[rows] = found.confused
    taken_for: list[str | None] = [None] * inputs.n
    pair: list[str | None] = [None] * inputs.n
    listed = {cell: _arrow(names, *cell) for cell in cells}
    for row, predicted in zip(rows, found.predicted, strict=True):
        taken_for[row] = names[predicted] if predicted >= 0 else None
        pair[row] = listed.get((int(codes[row]), int(predicted)))
    facts = _facts(found, names, cells, params.merge_above) | {
        **said,
        "samples": len(rows),
        "confused": int(confused.sum()),
        "unlabelled": int((codes < 0).sum()),
        "classes_of_one": sorted({names[code] for code in codes[(codes >= 0) & ~judged]}),
        "matrix": heat_map(found.counts, names, np.bincount(codes[rows], minlength=len(names))),
    }
    return Columns({"is_confused": confused, "predicted": taken_for, "pair": pair}, facts, judged)


def predictions_of(
    inputs: Inputs, predictions: str | None, folds: int, seed: int, progress: Progress
) -> tuple[tuple[str, ...], Array, Array, Facts]:
    """Names of the classes, (n, C) probabilities, (n,) rows that can be judged, and facts of the model.

    Args:
        predictions: name of those in `inputs`; None for those of a probe on the vectors, by folds of that seed.

    Raises:
        ParamError: fewer than two classes can be judged.
    """
    found = _predicted(inputs, predictions, folds, seed, progress)
    assert inputs.labels is not None
    known = len(np.unique(inputs.labels.codes[found[2]]))
    if known < 2:
        raise ParamError(
            "label_field must hold at least two classes of two or more different samples"
            + (", which predictions knows by name" if predictions else "")
            + f"; got {known}: label more samples or merge rare classes"
        )
    return found


def _predicted(
    inputs: Inputs, predictions: str | None, folds: int, seed: int, progress: Progress
) -> tuple[tuple[str, ...], Array, Array, Facts]:
    labels = two_classes(inputs)
    if predictions is not None:
        given = inputs.named["predictions"]
        (judge,) = judges_of([predictions], [given], labels)
        facts = {"predictions": predictions, "agreement": round(judge.agreement, 4)}
        probabilities = judge.probabilities(np.arange(inputs.n))
        return classes_with(labels, [given]), probabilities, judge.speaks & (labels.codes >= 0), facts
    with blas_threads(1):
        model = out_of_fold(inputs, folds, seed, progress)
    return labels.names, model.probabilities, known_elsewhere(labels.codes, model.fold), {"probe": model.facts}


def known_elsewhere(codes: Array, fold: Array) -> Array:
    """(n,) bool: the row is labelled and another fold has its class, so that its model could know it."""
    labelled = np.flatnonzero(codes >= 0)
    counts = np.zeros((int(codes.max()) + 1, int(fold.max()) + 1), dtype=np.int64)
    np.add.at(counts, (codes[labelled], fold[labelled]), 1)
    known = np.zeros(len(codes), dtype=bool)
    known[labelled] = counts[codes[labelled]].sum(axis=1) > counts[codes[labelled], fold[labelled]]
    return known


def confusion(probabilities: Array, codes: Array) -> Confusion:
    """Count predictions against given classes.

    Args:
        probabilities: (m, C) of models that did not see the row.
        codes: (m,) given classes, all at least 0.
    """
    n_classes = probabilities.shape[1]
    counts = np.zeros((n_classes, n_classes))
    predicted = np.empty(len(codes), dtype=np.int64)
    confused = np.empty(len(codes), dtype=bool)
    for block in blocks(len(codes)):
        part, given = probabilities[block], codes[block]
        likeliest = part >= part.max(axis=1, keepdims=True) * (1.0 - TIE)
        many = likeliest.sum(axis=1)
        row, column = np.nonzero(likeliest)
        np.add.at(counts, (given[row], column), 1.0 / many[row])
        predicted[block] = np.where(many == 1, likeliest.argmax(axis=1), -1)
        confused[block] = ~likeliest[np.arange(len(given)), given]
    return Confusion(counts, predicted, confused)


def largest_cells(found: Confusion, names: tuple[str, ...], top: int, fewest: int) -> list[tuple[int, int]]:
    """Off-diagonal cells (given, predicted), by lower bound; ties by number of samples, then by the classes' order."""
    low = np.round(found.rates_at_least, 9)
    given, predicted = np.nonzero((found.counts >= fewest) & ~np.eye(len(names), dtype=bool))
    order = np.lexsort((predicted, given, -found.counts[given, predicted], -low[given, predicted]))[:top]
    return [(int(given[place]), int(predicted[place])) for place in order]


def mix_ups(counts: Array) -> Array:
    """(C, C) symmetric: how badly two classes are told apart, 0 to 0.5 for guessing; a cautious estimate.

    Of a sample of a, taken for a or b, how often b? The lower bounds of both directions, and their mean: each class
    counts the same, so that a rare class which is swallowed by a frequent one is seen.
    """
    right = np.diag(counts)[:, None]
    low = wilson_low(counts, counts + right)
    both = (low + low.T) / 2.0
    np.fill_diagonal(both, 0.0)
    return np.asarray(both)


def _facts(found: Confusion, names: tuple[str, ...], cells: list[tuple[int, int]], merge_above: float) -> Facts:
    rates, low = found.rates, found.rates_at_least
    mixed = mix_ups(found.counts)
    enough = found.counts + found.counts.T >= FEWEST_MIXED
    first, second = np.nonzero(np.triu(enough & (mixed >= merge_above), k=1))
    order = np.lexsort((second, first, -mixed[first, second]))
    candidates = [(int(first[place]), int(second[place])) for place in order]
    pairs = [
        {
            "given": names[a],
            "predicted": names[b],
            "samples": round(float(found.counts[a, b]), 2),
            "rate": round(float(rates[a, b]), 4),
            "rate_at_least": round(float(low[a, b]), 4),
            "back": round(float(rates[b, a]), 4),
            "back_at_least": round(float(low[b, a]), 4),
        }
        for a, b in cells
    ]
    merge = [
        {
            "classes": [names[a], names[b]],
            "mix_up": round(float(mixed[a, b]), 4),
            "rates": [round(float(rates[a, b]), 4), round(float(rates[b, a]), 4)],
        }
        for a, b in candidates[:MOST_CANDIDATES]
    ]
    return {
        "headline": _headline(pairs, candidates, names, found),
        "largest": [f"{_arrow(names, a, b)} {rates[a, b]:.0%}" for a, b in cells[:5]],
        "merge_candidates": [f"{names[a]} + {names[b]}" for a, b in candidates[:MOST_CANDIDATES]],
        "pairs": pairs,
        "merge": merge,
        "undecided": int((found.predicted < 0).sum()),
    }


def _headline(
    pairs: list[dict[str, Any]], candidates: list[tuple[int, int]], names: tuple[str, ...], found: Confusion
) -> str:
    total = len(found.confused)
    if not pairs:
        return f"No two classes are mixed up more than now and then, among {total:,} samples"
    worst = pairs[0]
    text = (
        f"{int(found.confused.sum()):,} of {total:,} samples look like another class; most often {worst['given']} "
        f"→ {worst['predicted']}: {worst['rate']:.0%} of {worst['given']}, at least {worst['rate_at_least']:.0%}"
    )
    if candidates:
        more = f" and {len(candidates) - 1:,} more pairs" if len(candidates) > 1 else ""
        text += f"; merge candidates: {names[candidates[0][0]]} + {names[candidates[0][1]]}{more}"
    return text


def _arrow(names: tuple[str, ...], given: int, predicted: int) -> str:
    return f"{names[given]} → {names[predicted]}"


METHOD = Method(
    name="find_confusions",
    version=2,
    holds_from=lambda params: 2 if params.get("predictions") else 1,
    label="Find confusions",
    stage="clean",
    key="confusions",
    params=ConfusionsParams,
    run=find_confusions,
    reads=("embeddings", "labels"),
    writes=(
        Column("is_confused", bool, "A model that has not seen the sample predicts another class", role="mark"),
        Column(
            "predicted",
            str,
            "Predicted class; none if several are equally likely",
            role="suggestion",
        ),
        Column(
            "pair",
            str,
            "Given class → predicted class, if that pair is listed",
            group=True,
            role="pair",
        ),
    ),
    finding=Finding(
        "Samples that look like another class",
        "minor",
        "A model that has not seen them predicts another class: hard samples, or classes to merge.",
        one="Sample that looks like another class",
    ),
    cite="Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953",
)
