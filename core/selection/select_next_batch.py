"""What to label next: active learning in rounds, typical samples first and uncertain ones later.

A round chooses by coverage, as a subset is chosen: what is labelled covers already, and each pick covers others, so the
batch is diverse and lies where samples are dense. How much the uncertainty of a probe on the labelled samples counts
grows with the labels: with few of them uncertain samples are the wrong ones to ask for (Hacohen et al. 2022,
arXiv:2202.02794). Uncertainty is the margin between the two likeliest classes (Scheffer, Decomain & Wrobel 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from ..neighbors.distances import comparable
from ..neighbors.graph import shared_graph
from ..probes.folds import near_duplicate_groups
from ..probes.logistic import Design, solve
from .candidates import members
from .coverage import PENALTY
from .greedy import Picks, Pool, nearest_of, pick, pick_in_turns
from .purposes import bonus, turns_of_classes

K = 24
TYPICAL = 20  # neighbors that tell how typical a sample is
STAGES = ("auto", "typical", "mixed", "uncertain")
FEW, MANY = 5, 50  # labels per class between which uncertainty comes in
TYPICALITY, UNCERTAINTY = 0.5, 3.0  # weights at the first and at the last stage


@dataclass(frozen=True, kw_only=True)
class NextBatchParams(Params):
    """Pick the samples to label next: first what no label covers, later what a probe is unsure of."""

    n: int = param(50, "How many samples to label in this round", at_least=1)
    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    label_field: str | None = param(None, "Labels given so far; empty: none yet", reads="labels")
    labelled: tuple[str, ...] = param(
        (), "Fields, tags or slices of samples whose labels count; empty: every labelled sample", reads="members"
    )
    earlier_rounds: str | None = param(
        None,
        "Field with earlier rounds, such as batch_round; this round gets the next number",
        reads="values",
    )
    where: tuple[str, ...] = param((), "Pick only samples in all of these fields, tags or slices", reads="members")
    exclude: tuple[str, ...] = param((), "Never pick samples in any of these", reads="members")
    balanced: bool = param(False, "Pick evenly from the classes that the probe predicts, rare ones first")
    stage: str = param(
        "auto",
        "typical: for few labels; uncertain: for many; auto: from one to the other as labels come in",
        among=STAGES,
        advanced=True,
    )


@dataclass(frozen=True)
class Belief:
    """What a probe on the labelled samples says about each row.

    Attributes:
        uncertainty: (n,) 1 minus the difference of the two largest probabilities, in [0, 1]; NaN without a probe.
        first, second: (n,) int64 the two likeliest classes, -1 without a probe.
        chance: (n,) probability of the first.
    """

    uncertainty: Array
    first: Array
    second: Array
    chance: Array


def select_next_batch(inputs: Inputs, params: NextBatchParams, progress: Progress) -> Columns:
    """Choose a batch. Columns as declared in `METHOD`.

    Raises:
        ParamError: fewer samples than n are left, or balance is asked for before two classes have a label.
    """
    nobody = np.zeros(inputs.n, dtype=np.bool_)
    rounds = _rounds(inputs, params)
    codes = inputs.labels.codes if inputs.labels is not None else np.full(inputs.n, -1, dtype=np.int64)
    codes = np.where(members(inputs, "labelled", ~nobody, np.logical_or), codes, -1)
    labelled, asked = codes >= 0, np.isfinite(rounds)
    inside = members(inputs, "where", ~nobody, np.logical_and) & ~members(inputs, "exclude", nobody, np.logical_or)
    free = inside & ~labelled & ~asked
    if free.sum() < params.n:
        raise ParamError(
            f"NextBatchParams.n must be at most the number of samples without a label that may be chosen "
            f"({int(free.sum())}); got {params.n}"
        )
    x = comparable(inputs.vectors, "cosine")
    graph = shared_graph(inputs, K, "cosine", progress)
    progress(0, 2, "training the probe")
    belief = believe(x, codes)
    if params.balanced and not np.isfinite(belief.uncertainty).any():
        raise ParamError(
            "NextBatchParams.balanced needs labels of at least two classes, from which classes are predicted; "
            "label a first batch without it"
        )
    late = lateness(params.stage, codes)
    typical = graph.distances[:, : min(TYPICAL, max(graph.n // 10, 1))].mean(axis=1, dtype=np.float64) if graph.k else 0
    scores = {
        "uncertainty": (UNCERTAINTY * late, belief.uncertainty),
        "typicality": (TYPICALITY * (1 - late), -typical * np.ones(inputs.n)),
    }
    pool = Pool(
        x, free, labelled | asked, bonus(scores, inputs.n), ~nobody, near_duplicate_groups(graph), np.full(inputs.n, -1)
    )
    picks = _picks(pool, belief, codes, params, progress)
    return _columns(inputs, params, picks, belief, codes, rounds, late, pool)


def believe(x: Array, codes: Array) -> Belief:
    """Train a probe on the rows with a label and ask it about all.

    Args:
        x: (n, d) unit rows.
        codes: (n,) classes, -1 for none.
    """
    n, known = len(x), np.flatnonzero(codes >= 0)
    classes = np.unique(codes[known])
    if len(classes) < 2:
        nothing = np.full(n, -1, dtype=np.int64)
        return Belief(np.full(n, np.nan), nothing, nothing, np.full(n, np.nan))
    with blas_threads(1):
        design = Design.of(x)
        fit = solve(design, known, np.searchsorted(classes, codes[known]), len(classes), PENALTY)
        p = design.probabilities(np.arange(n), fit)
    order = np.argsort(-p, axis=1, kind="stable")[:, :2]
    top = np.take_along_axis(p, order, axis=1).astype(np.float64)
    return Belief(1 - (top[:, 0] - top[:, 1]), classes[order[:, 0]], classes[order[:, 1]], top[:, 0])


def lateness(stage: str, codes: Array) -> float:
    """How much uncertainty counts, in [0, 1]: from 5 labels per class on, in full at 50, evenly on a log scale."""
    if stage != "auto":
        return {"typical": 0.0, "mixed": 0.5, "uncertain": 1.0}[stage]
    known = codes[codes >= 0]
    if not len(known):
        return 0.0
    per_class = len(known) / len(np.unique(known))
    return float(np.clip(np.log(per_class / FEW) / np.log(MANY / FEW), 0, 1))


def _rounds(inputs: Inputs, params: NextBatchParams) -> Array:
    """(n,) float64 earlier round of each row, NaN for none."""
    given = inputs.named.get("earlier_rounds")
    if given is None:
        return np.full(inputs.n, np.nan)
    if any(isinstance(value, (str, bool, list)) for value in given):
        raise ParamError(f"NextBatchParams.earlier_rounds must hold numbers; {params.earlier_rounds!r} does not")
    return np.array([np.nan if value is None else value for value in given], dtype=np.float64)


def _picks(pool: Pool, belief: Belief, codes: Array, params: NextBatchParams, progress: Progress) -> Picks:
    if not params.balanced:
        return pick(pool, params.n, 0.0, progress)
    likely = np.where(codes >= 0, codes, belief.first)
    before = np.bincount(codes[codes >= 0], minlength=int(likely.max()) + 1)
    before = before + np.bincount(likely[pool.taken & (codes < 0)], minlength=len(before))
    known = np.bincount(codes[codes >= 0], minlength=len(before)) > 0

    def turns(available: Array, chosen: Array, number: int) -> Array:
        return turns_of_classes(known.astype(np.float64), before + chosen, available, number)

    return pick_in_turns(pool, likely, turns, params.n, 0.0, progress)


def _columns(
    inputs: Inputs,
    params: NextBatchParams,
    picks: Picks,
    belief: Belief,
    codes: Array,
    rounds: Array,
    late: float,
    pool: Pool,
) -> Columns:
    this = int(np.nanmax(rounds)) + 1 if np.isfinite(rounds).any() else 1
    selected = np.zeros(inputs.n, dtype=np.bool_)
    selected[picks.rows] = True
    kept: list[int | None] = [int(value) if np.isfinite(value) else None for value in rounds]
    rank: list[int | None] = [None] * inputs.n
    why: list[str | None] = [None] * inputs.n
    for place, row in enumerate(picks.rows.tolist()):
        kept[row], rank[row] = this, place + 1
        why[row] = _why(row, max(int(picks.stands_for[place]), 1), belief, inputs.labels, late)
    counts = np.bincount(codes[codes >= 0], minlength=0 if inputs.labels is None else len(inputs.labels.names))
    x, before = pool.x, np.flatnonzero(pool.taken)
    facts: Facts = {
        "round": this,
        "selected": len(picks.rows),
        "labelled": int((codes >= 0).sum()),
        "labelled_by_class": dict(zip(inputs.labels.names, counts.tolist(), strict=True)) if inputs.labels else {},
        "waiting_for_labels": int((np.isfinite(rounds) & (codes < 0)).sum()),
        "weight_of_uncertainty": round(UNCERTAINTY * late, 3),
        "weight_of_typicality": round(TYPICALITY * (1 - late), 3),
        "mean_distance_before": round(float(nearest_of(x, x[before]).mean()), 6) if len(before) else None,
        "mean_distance_after": round(float(nearest_of(x, x[np.union1d(before, picks.rows)]).mean()), 6),
    }
    if np.isfinite(belief.uncertainty).any():
        facts["mean_uncertainty"] = round(float(np.nanmean(belief.uncertainty[codes < 0])), 4)
    stage = "typical ones first" if late == 0 else "uncertain ones" if late == 1 else "typical and uncertain ones"
    lacking = f"; only {len(picks.rows):,} of {params.n:,}: the rest are near-duplicates"
    facts["headline"] = (
        f"Round {this}: {len(picks.rows):,} samples to label, {stage}; {facts['labelled']:,} are labelled"
        + (lacking if len(picks.rows) < params.n else "")
    )
    values: dict[str, Any] = {
        "selected": selected,
        "round": kept,
        "rank": rank,
        "uncertainty": np.where(codes < 0, belief.uncertainty, np.nan),
        "why": why,
    }
    return Columns(values, facts)


def _why(row: int, stands_for: int, belief: Belief, labels: GivenLabels | None, late: float) -> str:
    text = f"Nearest to {stands_for:,} sample{'s' if stands_for > 1 else ''} that no label is as close to"
    if late > 0 and labels is not None and belief.first[row] >= 0:
        one, other = labels.names[belief.first[row]], labels.names[belief.second[row]]
        text += f"; the probe says {one} ({belief.chance[row]:.0%}), next {other}"
    return text


METHOD = Method(
    name="select_next_batch",
    version=1,
    label="Select the next batch to label",
    stage="select",
    key="batch",
    params=NextBatchParams,
    run=select_next_batch,
    reads=("embeddings",),
    writes=(
        Column("selected", bool, "Label it in this round", role="mark"),
        Column("round", int, "Round in which the sample was picked", group=True),
        Column("rank", int, "Order within this round, 1 first", role="rank"),
        Column(
            "uncertainty",
            float,
            "1 minus the gap between the probe's two likeliest classes, in [0, 1]; unlabelled samples only",
        ),
        Column("why", str, "What labelling it adds"),
    ),
    cite="Hacohen, Dekel & Weinshall 2022, https://arxiv.org/abs/2202.02794",
)
