"""Is a subset better than chance? Its coverage, balance and what can be learned from it, beside random subsets.

Every figure stands beside the mean and the spread of random subsets of the same size, drawn from the same samples
(`coverage.py`). Where the order of choice is known, the figures are drawn over the size too, to choose a size by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..neighbors.graph import shared_graph
from ..probes.folds import near_duplicate_groups
from .coverage import MEASURES, SEEDS, Ground, against_random, curve, ground, nearest, random_subsets, touched_by_size

K = 24
STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # sizes along the curve, as shares of the subset
FEWEST = 5  # samples of the smallest subset on the curve
LISTED = 8  # clusters of each kind that are shown
EXAMPLES = 4
CLASSES = 50
CLEAR = 2.0  # spreads of the random subsets beyond which a difference is told


@dataclass(frozen=True, kw_only=True)
class ReportParams(Params):
    """Compare a subset with random subsets of the same size: coverage, balance, duplicates and what it teaches."""

    subset: str = param("subset_selected", "The subset: a true-or-false field, a tag or a slice", reads="members")
    embeddings: str = param("embeddings", "Embeddings to measure distances by", reads="embeddings")
    rank_field: str | None = param(
        None, "Order of choice, such as subset_rank: also draws the figures over the size", reads="values"
    )
    label_field: str | None = param(
        None, "Labels, to measure class balance and the accuracy of a probe", reads="labels"
    )
    importance_field: str | None = param(
        None, "Importance of each sample (0 or more), to measure how much of it the subset keeps", reads="values"
    )
    already_selected: tuple[str, ...] = param(
        (), "Fields, tags or slices of samples you already have; they count for every subset", reads="members"
    )
    where: tuple[str, ...] = param(
        (), "Measure only on samples in all of these fields, tags or slices", reads="members", advanced=True
    )
    seeds: int = param(SEEDS, "How many random subsets to compare with", at_least=5, at_most=100, advanced=True)
    seed: int = param(51, "Random seed of the clusters and the held-out samples", at_least=0, advanced=True)


def report(inputs: Inputs, params: ReportParams, progress: Progress) -> Columns:
    """Measure the subset. Columns as declared in `METHOD`, for the samples that it is measured on."""
    rows = np.flatnonzero(_all_of(inputs, "where"))
    member = inputs.named["subset"]
    beside = _any_of(inputs, "already_selected")[rows]
    subset = np.flatnonzero(member[rows] & ~beside)
    candidates = np.flatnonzero(~beside)
    if len(subset) == 0:
        raise ParamError(
            f"ReportParams.subset must name at least one of the {len(candidates):,} samples it is measured on; "
            f"{params.subset!r} holds {int(member.sum()):,} samples, none of them among these: "
            "run select_subset, or name another field, tag or slice"
        )
    labels = inputs.labels
    codes = labels.codes[rows] if labels is not None else None
    duplicate_group = near_duplicate_groups(shared_graph(inputs, K, "cosine", progress))[rows]
    on = ground(
        inputs.vectors[rows],
        codes=codes,
        duplicate_group=duplicate_group,
        importance=_importance(inputs, params, rows),
        beside=np.flatnonzero(beside),
        seed=params.seed,
        progress=progress,
    )
    compared = against_random(on, subset, candidates, params.seeds, progress)
    distance = nearest(on.x, np.arange(len(on.x)), np.union1d(subset, on.beside)).astype(np.float64)
    facts: Facts = {
        "headline": _headline(len(subset), len(rows), compared),
        "size": len(subset),
        "measured_on": len(rows),
        "beside": int(beside.sum()),
        "seeds": params.seeds,
        "measures": _measures(compared),
        "by_cluster_size": _by_size(on, subset, candidates, params.seeds),
        "clusters": _clusters(on, subset, candidates, distance, [inputs.ids[int(row)] for row in rows]),
    }
    if labels is not None:
        facts["classes"] = _classes(labels, rows, subset, random_subsets(candidates, len(subset), params.seeds))
    ranked = _ranked(inputs, params, rows, subset)
    if ranked is not None:
        sizes = sorted({max(min(FEWEST, len(ranked)), round(share * len(ranked))) for share in STEPS})
        facts["curve"] = curve(on, ranked, candidates, sizes, params.seeds, progress)
    values = {"cluster": np.full(inputs.n, -1), "distance": np.full(inputs.n, np.nan)}
    values["cluster"][rows] = on.cluster
    values["distance"][rows] = distance
    among = np.zeros(inputs.n, dtype=np.bool_)
    among[rows] = True
    return Columns(values, facts, among)


def verdict(name: str, value: float, mean: float, spread: float) -> str:
    """ "better", "worse" or "alike": beside random subsets, told only where it is clear of their spread."""
    gain = (value - mean) * (1 if MEASURES[name][1] == "high" else -1)
    if abs(gain) <= max(CLEAR * spread, 1e-9):
        return "alike"
    return "better" if gain > 0 else "worse"


def _measures(compared: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "said": MEASURES[name][0],
            "best": MEASURES[name][1],
            "verdict": verdict(name, found["value"], found["random_mean"], found["random_spread"]),
            **found,
        }
        for name, found in compared.items()
    ]


def _headline(size: int, n: int, compared: dict[str, Any]) -> str:
    told = [verdict(name, one["value"], one["random_mean"], one["random_spread"]) for name, one in compared.items()]
    words = [f"better than random in {told.count('better')} of {len(told)} measures"]
    if "worse" in told:
        words.append(f"worse in {told.count('worse')}")
    return f"{size:,} of {n:,} samples: " + ", ".join(words)


def _by_size(on: Ground, subset: Array, candidates: Array, seeds: int) -> list[dict[str, Any]]:
    """Share of the clusters touched by thirds of their size, with mean and spread of that of random subsets."""
    thirds = touched_by_size(on, subset)
    others = [touched_by_size(on, other) for other in random_subsets(candidates, len(subset), seeds)]
    random = np.array([[third["touched"] for third in other] for other in others])
    return [
        {**third, "random_touched": float(mean), "random_spread": float(spread)}
        for third, mean, spread in zip(thirds, random.mean(axis=0), random.std(axis=0), strict=True)
    ]


def _clusters(
    on: Ground, subset: Array, candidates: Array, distance: Array, ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The widest and the tightest clusters, and the largest that the subset misses; each with central samples."""
    sizes = on.sizes
    present = np.flatnonzero(sizes)
    chosen = np.bincount(on.cluster[np.union1d(subset, on.beside)], minlength=len(sizes))
    free = np.bincount(on.cluster[candidates], minlength=len(sizes))
    order = np.argsort(on.cluster, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    share = len(subset) / len(candidates)
    central: dict[int, Array] = {}
    spread = np.zeros(len(sizes))
    for cluster in present:
        members = order[starts[cluster] : starts[cluster + 1]]
        mean = on.x[members].mean(axis=0)
        near = on.x[members] @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
        spread[cluster] = 1 - float(near.mean(dtype=np.float64))
        central[int(cluster)] = members[np.argsort(-near, kind="stable")[:EXAMPLES]]

    def told(cluster: int) -> dict[str, Any]:
        members = order[starts[cluster] : starts[cluster + 1]]
        return {
            "cluster": int(cluster),
            "size": int(sizes[cluster]),
            "chosen": int(chosen[cluster]),
            "expected": round(float(free[cluster] * share), 2),
            "spread": round(float(spread[cluster]), 4),
            "distance": round(float(distance[members].mean()), 4),
            "examples": [ids[row] for row in central[int(cluster)]],
        }

    several = present[sizes[present] > 1]
    widest = several[np.argsort(-spread[several], kind="stable")]
    missed = present[chosen[present] == 0]
    missed = missed[np.argsort(-sizes[missed], kind="stable")]
    return {
        "sparse": [told(cluster) for cluster in widest[:LISTED]],
        "dense": [told(cluster) for cluster in widest[::-1][:LISTED]],
        "missed": [told(cluster) for cluster in missed[:LISTED]],
    }


def _classes(labels: GivenLabels, rows: Array, subset: Array, random: Sequence[Array]) -> list[dict[str, Any]]:
    """Samples of each class in the set, in the subset and in random subsets, mean and spread; the largest first."""
    codes = labels.codes[rows]

    def counts(some: Array) -> Array:
        return np.bincount(some[some >= 0], minlength=len(labels.names))

    whole, own = counts(codes), counts(codes[subset])
    others = np.array([counts(codes[other]) for other in random])
    mean, spread = others.mean(axis=0), others.std(axis=0)
    return [
        {
            "name": labels.names[code],
            "set": int(whole[code]),
            "subset": int(own[code]),
            "random": round(float(mean[code]), 2),
            "random_spread": round(float(spread[code]), 2),
        }
        for code in np.argsort(-whole, kind="stable")[:CLASSES]
        if whole[code]
    ]


def _ranked(inputs: Inputs, params: ReportParams, rows: Array, subset: Array) -> Array | None:
    """The subset in the order of its choice; None where no order is known for all of it."""
    values = inputs.named.get("rank_field")
    if values is None:
        return None
    rank = [values[rows[row]] for row in subset]
    if any(not isinstance(value, (int, float)) for value in rank):
        raise ParamError(
            f"ReportParams.rank_field must hold a number for each of the {len(subset):,} samples of the subset; "
            f"{params.rank_field!r} does not: name the rank of the same run, or leave it empty"
        )
    return np.asarray(subset[np.argsort(np.array(rank, dtype=np.float64), kind="stable")])


def _importance(inputs: Inputs, params: ReportParams, rows: Array) -> Array | None:
    values = inputs.named.get("importance_field")
    if values is None:
        return None
    told = [value if isinstance(value, (int, float)) else np.nan for value in values]
    importance = np.array(told, dtype=np.float64)[rows]
    if not np.isfinite(importance).any() or np.nanmin(importance) < 0:
        raise ParamError(
            f"ReportParams.importance_field must hold numbers of at least 0; {params.importance_field!r} "
            + ("holds none" if not np.isfinite(importance).any() else f"has {np.nanmin(importance):g}")
        )
    return importance


def _any_of(inputs: Inputs, name: str) -> Array:
    return np.asarray(np.logical_or.reduce([np.zeros(inputs.n, dtype=np.bool_), *inputs.named.get(name, ())]))


def _all_of(inputs: Inputs, name: str) -> Array:
    return np.asarray(np.logical_and.reduce([np.ones(inputs.n, dtype=np.bool_), *inputs.named.get(name, ())]))


METHOD = Method(
    name="report",
    version=1,
    label="Report on a subset",
    stage="select",
    key="report",
    params=ReportParams,
    run=report,
    reads=("embeddings", "members"),
    writes=(
        Column("distance", float, "Cosine distance to the nearest sample of the subset", best="low"),
        Column("cluster", int, "Cluster of similar samples, as the report counts them", group=True),
    ),
)
