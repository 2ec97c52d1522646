"""Groups of pictures that a model fails on, and what they have in common.

The model is the user's, by its predictions; without any it is a linear probe that saw neither the picture nor its
near-duplicates. How groups are found and proved is said in `slices.py`; that a group's vectors lie close is what its
pictures have in common, and its most frequent mistake names it. Groups of this kind are called slices (Eyuboglu et al.
2022, "Domino", arXiv:2203.14960).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, LabelValues
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import Params, param
from ..base.threads import blas_threads
from ..labels.find_confusions import confusion, predictions_of
from ..neighbors.graph import shared_graph
from ..probes.folds import leaving_together
from ..probes.linear_probe import NEIGHBORS, unit_rows
from ..probes.metrics import wilson
from .slices import FEWEST, Slice, failure_slices

LISTED = 3  # classes and mistakes that are told of a slice


@dataclass(frozen=True, kw_only=True)
class FailureSlicesParams(Params):
    """Find groups of similar images on which a model is wrong more often than their classes explain."""

    embeddings: str = param("embeddings", "Embeddings that tell which images are alike", reads="embeddings")
    label_field: str = param("ground_truth", "Labels to compare predictions with", reads="labels")
    predictions: str | None = param(
        None, "Predictions of a model that has seen none of the samples; empty: those of a probe", reads="predictions"
    )
    group_field: str | None = param(
        None, "Samples that share a value (patient, video, camera) count as one proof of a slice", reads="values"
    )
    false_slices: float = param(
        0.05, "Share of the slices named that may be accidents, on average", above=0, at_most=0.5
    )
    top: int = param(10, "How many slices to name, at most", at_least=1)
    folds: int = param(5, "Folds of the probe's cross-validation", at_least=2, at_most=50, advanced=True)
    seed: int = param(51, "Seed of the halves and the folds", at_least=0, advanced=True)


def find_failure_slices(inputs: Inputs, params: FailureSlicesParams, progress: Progress) -> Columns:
    """Slices among the samples with a label and a prediction. Columns as declared in `METHOD`."""
    names, probabilities, judged, said = predictions_of(inputs, params.predictions, params.folds, params.seed, progress)
    assert inputs.labels is not None
    rows, n = np.flatnonzero(judged), inputs.n
    given = inputs.labels.codes[rows]
    predicted, wrong = _outcome(inputs, params, names, probabilities, rows)
    groups = leaving_together(inputs, shared_graph(inputs, NEIGHBORS, "cosine", progress))[rows]
    _, groups = np.unique(groups, return_inverse=True)
    x = unit_rows(inputs.vectors)[rows]
    slices: list[Slice] = []
    if FEWEST <= wrong.sum() < len(rows):
        with blas_threads(1):
            rate, top, seed = params.false_slices, params.top, params.seed
            slices = failure_slices(x, given, wrong, groups, rate, top, seed, progress)
    told = _names(slices, given, predicted, wrong, names)
    slice_of: list[str | None] = [None] * n
    depth, is_error = np.full(n, np.nan), np.zeros(n, dtype=bool)
    is_error[rows] = wrong
    for name, one in zip(told[::-1], slices[::-1], strict=True):  # a row of several counts for the first
        for row, margin in zip(rows[one.rows].tolist(), one.margins.tolist(), strict=True):
            slice_of[row], depth[row] = name, margin
    facts = _facts(told, slices, given, predicted, wrong, names)
    return Columns({"is_error": is_error, "slice": slice_of, "depth": depth}, {**facts, **said}, judged)


def _outcome(
    inputs: Inputs, params: FailureSlicesParams, names: tuple[str, ...], probabilities: Array, rows: Array
) -> tuple[Array, Array]:
    """(m,) predicted class of the judged rows, -1 if several are equally likely; (m,) bool, whether it is a wrong one.

    A class that a model names is its prediction, however unsure it is; probabilities only tell where it names none.
    """
    assert inputs.labels is not None
    given = inputs.labels.codes[rows]
    likeliest = confusion(probabilities[rows], given)
    if params.predictions is None:
        return likeliest.predicted, likeliest.confused
    said: LabelValues = inputs.named["predictions"]
    place = {name: code for code, name in enumerate(names)}
    named = np.array([*(place[name] for name in said.classes), -1], dtype=np.int64)[said.codes[rows]]
    predicted = np.where(named >= 0, named, likeliest.predicted)
    return predicted, np.where(named >= 0, named != given, likeliest.confused)


def _names(slices: list[Slice], given: Array, predicted: Array, wrong: Array, names: tuple[str, ...]) -> list[str]:
    """A name for each: what its errors are most often, numbered where another slice has the same."""
    plain = []
    for one in slices:
        rows = one.rows[wrong[one.rows]]
        mistakes = Counter(zip(given[rows].tolist(), predicted[rows].tolist(), strict=True))
        (a, b), _ = mistakes.most_common(1)[0]
        plain.append(f"{names[a]} → {names[b]}" if b >= 0 else f"{names[a]} → undecided")
    many, seen, told = Counter(plain), Counter[str](), []
    for name in plain:
        seen[name] += 1
        told.append(f"{name} ({seen[name]})" if many[name] > 1 else name)
    return told


def _facts(
    told: list[str], slices: list[Slice], given: Array, predicted: Array, wrong: Array, names: tuple[str, ...]
) -> Facts:
    errors = int(wrong.sum())
    held = np.zeros(len(wrong), dtype=bool)
    for one in slices:
        held[one.rows] = True
    inside = int((held & wrong).sum())
    return {
        "headline": _headline(len(slices), inside, errors, len(wrong)),
        "samples": len(wrong),
        "errors": errors,
        "errors_in_slices": inside,
        "samples_in_slices": int(held.sum()),
        "named": [f"{name}: {one.errors / one.proved_on:.0%} wrong" for name, one in zip(told, slices, strict=True)],
        "slices": [_slice(name, one, given, predicted, wrong, names) for name, one in zip(told, slices, strict=True)],
    }


def _slice(
    name: str, one: Slice, given: Array, predicted: Array, wrong: Array, names: tuple[str, ...]
) -> dict[str, Any]:
    """What is told of a slice; its rate is that of rows which had no say in finding it."""
    rows = one.rows
    failed = rows[wrong[rows]]
    classes = Counter(names[code] for code in given[rows].tolist())
    mistakes = Counter(
        f"{names[a]} → {names[b] if b >= 0 else 'undecided'}"
        for a, b in zip(given[failed].tolist(), predicted[failed].tolist(), strict=True)
    )
    interval = wilson(one.errors, one.proved_on) or [0.0, 1.0]
    return {
        "slice": name,
        "samples": len(rows),
        "errors": len(failed),
        "rate": round(one.errors / one.proved_on, 4),
        "interval": [round(end, 4) for end in interval],
        "rate_expected": round(one.expected / one.proved_on, 4),
        "proved_on": one.proved_on,
        "p_corrected": float(f"{one.p:.3g}"),
        "classes": dict(classes.most_common(LISTED)),
        "mistakes": dict(mistakes.most_common(LISTED)),
    }


def _headline(slices: int, inside: int, errors: int, n: int) -> str:
    of = f"{errors:,} error{'' if errors == 1 else 's'} among {n:,} samples"
    if not slices:
        return f"No group of similar images has more errors than its classes explain; {of}"
    what = "1 slice holds" if slices == 1 else f"{slices:,} slices hold"
    return f"{what} {inside:,} of {of}"


METHOD = Method(
    name="find_failure_slices",
    version=1,
    label="Find failure slices",
    stage="clean",
    key="failure_slices",
    params=FailureSlicesParams,
    run=find_failure_slices,
    reads=("embeddings", "labels"),
    writes=(
        Column("is_error", bool, "The model is wrong here", role="interest"),
        Column("slice", str, "Group on which the model fails, named by its most frequent mistake", group=True),
        Column("depth", float, "How deep the sample lies in its slice, in cosines"),
    ),
    cite="Benjamini & Hochberg 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x; "
    "Eyuboglu et al. 2022, https://arxiv.org/abs/2203.14960",
)
