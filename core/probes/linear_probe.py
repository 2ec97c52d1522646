"""A linear probe: class probabilities of every sample from a classifier on the embeddings that did not see it.

The model is `core/probes/logistic.py`, its folds `core/probes/folds.py`; its penalty is chosen by held-out agreement
with the labels (`core/probes/penalty_path.py`).

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.inputs import GivenLabels, Inputs
from ..base.params import ParamError
from ..base.shared import key_of
from ..neighbors.graph import shared_graph
from .folds import crossing_share, groups_of_many, leaving_together, stratified_folds
from .logistic import Design, log_loss
from .penalty_path import PenaltyPath
from .ridge import blocks

NEIGHBORS = 24  # of the shared graph, from which near-duplicates are told
KIND = "probe"  # as what its probabilities are shared
VERSION = 1  # grows when they come out differently
MOST_SHARED = 50_000_000  # probabilities that are: 200 MB


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


def out_of_fold(
    inputs: Inputs, folds: int = 5, seed: int = 51, progress: Progress = silent, groups: Array | None = None
) -> OutOfFold:
    """Out-of-fold class probabilities of a logistic probe on the embeddings, trained once for all who ask for the same.

    Folds are stratified by class and keep near-duplicates together (`core/probes/folds.py`).

    Args:
        inputs: embeddings (n, d) and labels; only the rows' directions matter.
        folds: wanted; fewer are used where there are fewer labelled groups.
        seed: of the folds and of the rows sampled when there are too many to train on.
        progress: told about each fold.
        groups: (n,) rows that must share a fold; near-duplicates and the user's groups by default.

    Raises:
        ParamError: fewer than two classes, or fewer than two groups of labelled rows.
    """
    labels = two_classes(inputs)
    if groups is None:
        groups = leaving_together(inputs, shared_graph(inputs, NEIGHBORS, "cosine", progress))
    used = min(folds, len(np.unique(groups[labels.codes >= 0])))
    if used < 2:
        raise ParamError(
            "cross-validation needs at least 2 labelled samples of different groups that are not near-duplicates of "
            f"each other; got {used}: label more, or name a group_field with more values"
        )
    key = key_of(VERSION, inputs.vectors, labels.codes, len(labels.names), groups, used, seed)
    known = inputs.shared.find(KIND, key) if inputs.shared is not None else None
    if known is not None:
        facts = json.loads(str(known["facts"]))
        return OutOfFold(labels.names, known["probabilities"], known["fold"], facts)
    found = _trained(inputs, labels, groups, used, seed, progress)
    if inputs.shared is not None and found.probabilities.size <= MOST_SHARED:
        arrays = {"probabilities": found.probabilities, "fold": found.fold, "facts": np.array(json.dumps(found.facts))}
        inputs.shared.keep(KIND, key, arrays)
    return found


def _trained(inputs: Inputs, labels: GivenLabels, groups: Array, used: int, seed: int, progress: Progress) -> OutOfFold:
    fold = stratified_folds(labels.codes, groups, used, seed)
    design = Design.of(unit_rows(inputs.vectors))
    path = PenaltyPath(design, labels.codes, len(labels.names), fold, used, seed)
    probabilities, chosen = path.fit(progress)
    labelled = np.flatnonzero(fold >= 0)
    facts = {
        "probe": "logistic regression",
        "folds": used,
        **chosen,
        "log_loss": log_loss(probabilities[labelled], labels.codes[labelled]),
        "agreement": float((probabilities[labelled].argmax(1) == labels.codes[labelled]).mean()),
        "near_duplicates": int(sum(len(part) for part in groups_of_many(groups))),
        "near_duplicates_across_folds": crossing_share(groups, fold),
        "near_duplicates_across_plain_folds": crossing_share(
            groups, stratified_folds(labels.codes, np.arange(inputs.n), used, seed)
        ),
        "training_rows": path.most_rows,
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
            f"label_field must hold at least two classes; got one, {labels.names[present[0]]!r}, on all labelled "
            "samples"
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
