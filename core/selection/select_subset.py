"""Choose a subset by what it is for: every prefix of its order is a good smaller one, and each sample says why.

Coverage of all samples (facility location), far corners (k-centre), typicality, importance, the balance of classes and
likeness to marked samples are weighed by the purpose, or by hand. What is chosen already covers, and is not chosen
again. Of near-duplicates one at most is taken, and a group (a video, a burst, a patient) can be limited. No random draw
has a part in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from .candidates import Candidates, candidates_of, class_target
from .coverage import distance_against_random
from .edge_case_ladder import ladder, said_of_ladder
from .greedy import Picks, pick, pick_in_turns
from .purposes import Weights, percentiles, turns_of_classes
from .subset_params import SubsetParams

MARKED = 0.9  # percentile above which a preference is worth telling


def select_subset(inputs: Inputs, params: SubsetParams, progress: Progress) -> Columns:
    """Choose a subset. Columns as declared in `METHOD`.

    Raises:
        ParamError: nothing is left to choose from, or n is more than that.
    """
    candidates = candidates_of(inputs, params, progress)
    weights = params.weights
    picks = choose(candidates, params, inputs.labels, candidates.count, progress)
    rows = candidates.rows[picks.rows]
    selected, rank = np.zeros(inputs.n, dtype=np.bool_), [None] * inputs.n
    why: list[str | None] = [None] * inputs.n
    sentences = reasons(candidates, picks, inputs.labels, weights)
    for place, (row, sentence) in enumerate(zip(rows.tolist(), sentences, strict=True), start=1):
        selected[row], rank[row], why[row] = True, place, sentence  # type: ignore[call-overload]
    for row in candidates.rows[candidates.pool.taken].tolist():
        why[row] = "Chosen before: it covers, and is not chosen again"
    values: dict[str, Any] = {"selected": selected, "rank": rank, "why": why}
    facts = _facts(candidates, picks, params, inputs.labels, progress)
    if params.purpose == "edge_cases":
        plain = replace(candidates.pool, bonus=np.ones(len(candidates.rows)))
        base = pick(plain, candidates.count, 0.0, progress)
        level, facts["ladder"] = ladder(
            candidates.pool.x, candidates.codes, candidates.edge, picks.rows, base.rows, progress
        )
        steps: list[int | None] = [None] * inputs.n
        for row, step in zip(rows.tolist(), level.tolist(), strict=True):
            steps[row] = step
        values["ladder"] = steps
        if "most_accurate_share" in facts["ladder"]:
            facts["accuracy_by_share_of_edge_cases"] = said_of_ladder(facts["ladder"])
            facts["headline"] += (
                f"; a probe is most accurate with {facts['ladder']['most_accurate_share']:.0%} of edge cases among its "
                "training samples"
            )
    return Columns(values, facts)


def choose(
    candidates: Candidates, params: SubsetParams, labels: GivenLabels | None, count: int, progress: Progress
) -> Picks:
    """The picks among the candidates, class by class in turn where classes are balanced."""
    weights = params.weights
    share = weights.extremes / (weights.coverage + weights.extremes)
    if weights.balance == "none" or labels is None:
        return pick(candidates.pool, count, share, progress)
    target = class_target(candidates, params, labels)
    before = np.bincount(candidates.codes[candidates.pool.taken & (candidates.codes >= 0)], minlength=len(target))

    def turns(available: Array, chosen: Array, number: int) -> Array:
        return turns_of_classes(target, before + chosen, available, number)

    return pick_in_turns(candidates.pool, candidates.codes, turns, count, share, progress)


def reasons(candidates: Candidates, picks: Picks, labels: GivenLabels | None, weights: Weights) -> list[str]:
    """One sentence for each pick: what it brings that those before it did not."""
    shares = {name: percentiles(score) for name, score in candidates.scores.items()}
    told = {
        "typicality": "more typical" if weights.typicality > 0 else "more unusual",
        "importance": "more important" if weights.importance > 0 else "less important",
        "likeness": "closer to the samples to be like (or further from those to avoid)",
    }
    sentences = []
    for place, row in enumerate(picks.rows.tolist()):
        first = place == 0 and not candidates.pool.taken.any()
        if first:
            text = "First pick: closest to all others, as weighed by the purpose"
        elif picks.extreme[place]:
            text = f"Far from everything picked before: nothing within a distance of {picks.apart[place]:.3f}"
        else:
            near = max(int(picks.stands_for[place]), 1)
            text = f"Now the nearest pick to {near:,} sample{'s' if near > 1 else ''}"
        for name, words in told.items():
            weight = {"typicality": weights.typicality, "importance": weights.importance}.get(name, 1.0)
            share = shares[name][row] if name in shares else 0.0
            share = 1 - share if weight < 0 else share
            if weight and share >= MARKED:
                text += f"; {words} than {share:.0%} of the samples"
        if weights.balance != "none" and labels is not None:
            text += f"; picked for class {labels.names[candidates.codes[row]]}"
        sentences.append(text)
    return sentences


def _facts(
    candidates: Candidates, picks: Picks, params: SubsetParams, labels: GivenLabels | None, progress: Progress
) -> Facts:
    found, free = len(picks.rows), np.flatnonzero(candidates.pool.free)
    progress(0, 1, "measuring against random subsets")
    distance = distance_against_random(
        candidates.pool.x, picks.rows, np.union1d(free, picks.rows), np.flatnonzero(candidates.pool.taken)
    )
    facts: Facts = {
        "purpose": params.purpose,
        "weights": asdict(params.weights),
        "asked_for": candidates.count,
        "found": found,
        "candidates": len(free),
        "already_selected": int(candidates.pool.taken.sum()),
        "for_coverage": int((~picks.extreme).sum()),
        "for_being_far": int(picks.extreme.sum()),
        "mean_distance": distance,
    }
    if labels is not None:
        counts = Counter(labels.names[code] for code in candidates.codes[picks.rows] if code >= 0)
        facts["classes"] = {name: counts[name] for name in labels.names}
    lacking = (
        f"; only {found:,} of {candidates.count:,}: the constraints allow no more" if found < candidates.count else ""
    )
    against = ""
    if distance["random_mean"] > 0:
        change = distance["value"] / distance["random_mean"] - 1
        against = f"; it covers the set {abs(change):.0%} {'better' if change <= 0 else 'worse'} than a random subset"
    purpose = params.purpose.replace("_", " ")
    facts["headline"] = f"Picked {found:,} of {len(free):,} samples ({purpose}){against}{lacking}"
    return facts


METHOD = Method(
    name="select_subset",
    version=1,
    label="Select a subset",
    stage="select",
    key="subset",
    params=SubsetParams,
    run=select_subset,
    reads=("embeddings", "labels"),
    writes=(
        Column("selected", bool, "In the subset", role="mark"),
        Column("rank", int, "Order of choice, 1 first; every prefix is a good smaller subset", role="rank"),
        Column("why", str, "What it adds to those picked before"),
        Column(
            "ladder",
            int,
            "For edge cases: the smallest nested slice that holds it, 1 is the innermost",
            group=True,
            optional=True,
        ),
    ),
    cite="Nemhauser, Wolsey & Fisher 1978, https://doi.org/10.1007/BF01588971; Gonzalez 1985, "
    "https://doi.org/10.1016/0304-3975(85)90224-5; Hacohen, Dekel & Weinshall 2022, https://arxiv.org/abs/2202.02794",
)
