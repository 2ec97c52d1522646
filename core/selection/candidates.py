"""A selection made ready: who may be chosen, what was chosen before, and which samples are preferred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from ..base.graph import Graph
from ..base.inputs import GivenLabels, Inputs
from ..base.params import ParamError
from ..base.threads import blas_threads
from ..neighbors.distances import comparable
from ..neighbors.graph import shared_graph
from ..probes.folds import near_duplicate_groups
from ..probes.ridge import GramSums, Ridge, choose_penalty, leave_out, margins
from .greedy import Pool, nearest_of
from .purposes import bonus, percentiles
from .subset_params import SubsetParams

K = 24
TYPICAL = 20  # neighbors whose mean distance says how typical a sample is (TypiClust, arXiv:2202.02794)
OUTLIERS = 0.995  # samples lonelier than this share of all are mostly errors: never picked for lying far away
LIKENESS = 2.0


@dataclass(frozen=True)
class Candidates:
    """A selection made ready: all arrays are about the population, the samples that are to be covered.

    Attributes:
        rows: (p,) int64 row of each in the inputs.
        pool: what is chosen from.
        codes: (p,) classes, -1 for none.
        scores: name → (p,) score behind a preference.
        edge: (p,) float64 how much of an edge case each is, in [0, 1].
        count: samples wanted.
    """

    rows: Array
    pool: Pool
    codes: Array
    scores: dict[str, Array]
    edge: Array
    count: int


def candidates_of(inputs: Inputs, params: SubsetParams, progress: Progress) -> Candidates:
    """Read the constraints: who may be chosen, who was, and what is preferred.

    Raises:
        ParamError: nothing is left to choose from, or n is more than that.
    """
    weights, labels = params.weights, inputs.labels
    everyone = np.ones(inputs.n, dtype=np.bool_)
    taken = members(inputs, "already_selected", ~everyone, np.logical_or)
    inside = members(inputs, "where", everyone, np.logical_and) & ~members(inputs, "exclude", ~everyone, np.logical_or)
    codes = labels.codes if labels is not None else np.full(inputs.n, -1)
    free = inside & ~taken & ((codes >= 0) | (weights.balance == "none"))
    count = _count(params, inputs, int(free.sum()), int(inside.sum()))
    graph = shared_graph(inputs, K, "cosine", progress)
    vectors = comparable(inputs.vectors, "cosine")
    rows = np.flatnonzero(inside | taken)
    if len(rows) < inputs.n:
        vectors = vectors[rows]
    scores = _scores(inputs, params, vectors, graph, rows)
    lonely = -scores["typicality"]
    pool = Pool(
        vectors,
        free[rows],
        taken[rows],
        bonus({name: (_weight(params, name), score) for name, score in scores.items()}, len(rows)),
        lonely <= np.quantile(lonely, OUTLIERS),
        near_duplicate_groups(graph)[rows] if params.unique else np.arange(len(rows)),
        _groups(inputs, params)[rows],
        params.most_per_group or 0,
        _times(inputs, params, rows),
        params.time_gap,
    )
    edge = percentiles(lonely)
    if "importance" in scores:
        edge = (edge + percentiles(scores["importance"])) / 2
    return Candidates(rows, pool, codes[rows], scores, edge, count)


def class_target(candidates: Candidates, params: SubsetParams, labels: GivenLabels) -> Array:
    """(C,) share of the turns that each class should have."""
    inside = np.bincount(candidates.codes[candidates.codes >= 0], minlength=len(labels.names)).astype(np.float64)
    if params.weights.balance == "input":
        return inside
    if params.weights.balance == "uniform":
        return (inside > 0).astype(np.float64)
    target = np.zeros(len(labels.names))
    for name, share in params.mapping("class_shares").items():
        if name not in labels.names:
            raise ParamError(
                f"SubsetParams.class_shares names the class {name!r}; the classes are {', '.join(labels.names[:20])}"
            )
        target[labels.names.index(name)] = share
    return target


def members(inputs: Inputs, name: str, default: Array, combine: Any) -> Array:
    """(n,) bool: the rows in all (`np.logical_and`) or one (`np.logical_or`) of what a parameter names."""
    given: Sequence[Array] = inputs.named.get(name) or ()
    return np.asarray(combine.reduce(given)) if len(given) else default


def seconds(value: Any) -> float:
    """A number as it is; a date or a point in time as seconds."""
    if hasattr(value, "timestamp"):
        return float(value.timestamp())
    return float(value.toordinal() * 86_400) if hasattr(value, "toordinal") else float(value)


def undecided(x: Array, codes: Array) -> Array:
    """(n,) how near each row is to the border of two classes: minus the margin's size, by leave-one-out ridge.

    NaN for rows without a label, and everywhere with fewer than two classes.
    """
    present = np.unique(codes[codes >= 0])
    if len(present) < 2:
        return np.full(len(x), np.nan)
    compact = np.where(codes >= 0, np.searchsorted(present, codes), -1)
    with blas_threads(1):
        ridge = Ridge.of(GramSums.of(x, compact, len(present)))
        penalty = choose_penalty(ridge, x, compact)[0]
        return np.asarray(-np.abs(margins(leave_out(ridge, x, compact, penalty).values, compact)))


def _count(params: SubsetParams, inputs: Inputs, free: int, inside: int) -> int:
    if free == 0:
        raise ParamError(
            f"SubsetParams.where, exclude and already_selected leave none of the {inputs.n:,} samples to choose from"
            + (", or none with a label" if params.weights.balance != "none" and inside else "")
            + "; widen them"
        )
    if params.n is None:
        return max(1, min(round(params.fraction * free), free))
    if params.n > free:
        raise ParamError(
            f"SubsetParams.n must be at most the number of samples that may be chosen ({free}); got {params.n}"
        )
    return params.n


def _scores(inputs: Inputs, params: SubsetParams, vectors: Array, graph: Graph, rows: Array) -> dict[str, Array]:
    near = graph.distances[:, : min(TYPICAL, max(graph.n // 10, 1))]
    scores = {"typicality": -near.mean(axis=1, dtype=np.float64)[rows] if graph.k else np.zeros(len(rows))}
    if params.importance_field is not None:
        given = inputs.named.get("importance_field") or ()
        if any(isinstance(value, (str, bool, list)) for value in given):
            raise ParamError(f"SubsetParams.importance_field must hold numbers; {params.importance_field!r} does not")
        scores["importance"] = np.array([np.nan if value is None else value for value in given], dtype=np.float64)[rows]
    elif params.weights.importance and inputs.labels is not None:
        scores["importance"] = undecided(vectors, inputs.labels.codes[rows])
    elif params.importance:
        raise ParamError("SubsetParams.importance needs importance_field or label_field; got neither")
    whole = comparable(inputs.vectors, "cosine")
    nearness = np.zeros(len(rows))
    for name, sign in (("like", 1.0), ("unlike", -1.0)):
        marked = np.flatnonzero(members(inputs, name, np.zeros(inputs.n, dtype=np.bool_), np.logical_or))
        if getattr(params, name) and not len(marked):
            raise ParamError(
                f"SubsetParams.{name} must hold at least one sample; {list(getattr(params, name))} has none"
            )
        if len(marked):
            nearness -= sign * percentiles(nearest_of(vectors, whole[marked]))
            scores["likeness"] = nearness
    return scores


def _weight(params: SubsetParams, name: str) -> float:
    return {"typicality": params.weights.typicality, "importance": params.weights.importance}.get(name, LIKENESS)


def _groups(inputs: Inputs, params: SubsetParams) -> Array:
    """(n,) int64 number of each row's group, -1 for none."""
    if params.group_field is None:
        return np.full(inputs.n, -1, dtype=np.int64)
    given = inputs.named["group_field"]
    return GivenLabels.of([None if value is None else str(value) for value in given]).codes


def _times(inputs: Inputs, params: SubsetParams, rows: Array) -> Array | None:
    """(p,) float64 seconds or numbers, NaN for none."""
    if params.time_field is None:
        return None
    given = inputs.named["time_field"]
    if any(isinstance(value, (str, bool, list)) for value in given):
        raise ParamError(f"SubsetParams.time_field must hold numbers or dates; {params.time_field!r} does not")
    return np.array([np.nan if given[row] is None else seconds(given[row]) for row in rows], dtype=np.float64)
