"""Choose a subset by what it is for: every prefix of its order is a good smaller one, and each sample says why.

Coverage of all samples (facility location), far corners (k-centre), typicality, importance, the balance of classes and
likeness to marked samples are weighed by the purpose, or by hand. What is chosen already covers, and is not chosen
again. Of near-duplicates one at most is taken, and a group (a video, a burst, a patient) can be limited. No random draw
has a part in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .coverage import distance_against_random
from .distances import comparable
from .edge_ladder import ladder
from .folds import near_duplicate_groups
from .greedy import Picks, Pool, nearest_of, pick, pick_in_turns
from .method import Array, Column, Columns, Facts, GivenLabels, Inputs, Method, Progress
from .neighbors import Graph
from .params import ParamError, Params, param
from .purposes import BALANCES, PURPOSES, Weights, bonus, percentiles, turns_of_classes
from .ridge import GramSums, Ridge, choose_penalty, leave_out, margins
from .threads import blas_threads

K = 24
TYPICAL = 20  # neighbors whose mean distance says how typical a sample is (TypiClust, arXiv:2202.02794)
STRAY = 0.995  # samples lonelier than this share are not taken for lying far away: they are mostly errors
MARKED = 0.9  # percentile above which a preference is worth telling
LIKENESS = 2.0


@dataclass(frozen=True, kw_only=True)
class SubsetParams(Params):
    """Choose the samples that serve a purpose best, and say of each what it brings."""

    purpose: str = param("label_first", "What the subset is for; the weights follow from it", among=tuple(PURPOSES))
    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    n: int | None = param(None, "How many samples; if empty, the fraction below", at_least=1)
    fraction: float = param(0.1, "Share of the samples that may be chosen from", above=0, at_most=1)
    label_field: str | None = param(
        None, "Labels, for purposes that balance classes or look for edge cases", reads="labels"
    )
    already_selected: tuple[str, ...] = param(
        (), "Fields, tags or slices of samples chosen before: they cover, and are not chosen again", reads="members"
    )
    where: tuple[str, ...] = param(
        (), "Choose, and cover, only samples in all of these fields, tags or slices", reads="members"
    )
    exclude: tuple[str, ...] = param(
        (), "Never choose samples in one of these: bad quality, surplus copies, wrong labels", reads="members"
    )
    like: tuple[str, ...] = param((), "Prefer samples like those in these fields, tags or slices", reads="members")
    unlike: tuple[str, ...] = param((), "Prefer samples unlike those in these", reads="members")
    group_field: str | None = param(
        None, "Group of each sample, such as its video, burst or patient", reads="values", advanced=True
    )
    most_per_group: int | None = param(None, "Most samples of one group", at_least=1, advanced=True)
    time_field: str | None = param(None, "Time of each sample, a number or a date", reads="values", advanced=True)
    time_gap: float = param(
        0.0,
        "Least time between samples of one group, in the field's unit; seconds for dates",
        at_least=0,
        advanced=True,
    )
    unique: bool = param(True, "Take at most one of near-duplicates", advanced=True)
    coverage: float | None = param(
        None, "Weight of coverage; if empty, this and the weights below are the purpose's", at_least=0, advanced=True
    )
    extremes: float | None = param(None, "Weight of samples far from all chosen", at_least=0, advanced=True)
    typicality: float | None = param(
        None, "Weight of typical samples; below 0, of lonely ones", at_least=-10, at_most=10, advanced=True
    )
    importance: float | None = param(None, "Weight of important samples", at_least=-10, at_most=10, advanced=True)
    importance_field: str | None = param(
        None,
        "Numbers that say how important a sample is; if empty, how undecided a probe without it is",
        reads="values",
        advanced=True,
    )
    balance: str | None = param(None, "Balance of the classes; if empty, the purpose's", among=BALANCES, advanced=True)
    class_shares: tuple[str, ...] = param(
        (), "With balance given: shares such as cat=2 or dog=1; other classes get none", advanced=True
    )

    def check(self) -> None:
        """Something must be weighed, and shares, groups and times need what they are about."""
        weights = self.weights
        if weights.coverage + weights.extremes <= 0:
            raise ParamError("SubsetParams.coverage and extremes must not both be 0; got 0 and 0")
        if bool(self.class_shares) != (weights.balance == "given"):
            raise ParamError(
                "SubsetParams.class_shares and balance 'given' belong together; got "
                f"{list(self.class_shares)} with balance {weights.balance!r}"
            )
        for entry in self.class_shares:
            _, found, number = entry.rpartition("=")
            if not found or not number.replace(".", "", 1).isdigit():
                raise ParamError(f"SubsetParams.class_shares must be entries such as cat=2; got {entry!r}")
        if weights.balance != "none" and self.label_field is None and self.balance is not None:
            raise ParamError(f"SubsetParams.balance {weights.balance!r} needs label_field; got nothing")
        if self.purpose == "balanced_training_set" and weights.balance == "uniform" and self.label_field is None:
            raise ParamError(
                "SubsetParams.label_field is needed by purpose 'balanced_training_set'; got nothing: name a label "
                "field, or choose purpose 'label_first'"
            )
        if self.group_field is None and (self.most_per_group is not None or self.time_gap > 0):
            raise ParamError("SubsetParams.group_field is needed by most_per_group and time_gap; got nothing")
        if self.time_gap > 0 and self.time_field is None:
            raise ParamError("SubsetParams.time_field is needed by time_gap; got nothing")

    @property
    def weights(self) -> Weights:
        """The purpose's weights, with those that were given in their place."""
        names = ("coverage", "extremes", "typicality", "importance", "balance")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        weights = replace(PURPOSES[self.purpose], **given)
        if weights.balance == "input" and self.label_field is None and self.balance is None:
            return replace(weights, balance="none")  # without labels a hold-out set keeps the shape of the set
        return weights


@dataclass(frozen=True)
class Question:
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


def select_subset(inputs: Inputs, params: SubsetParams, progress: Progress) -> Columns:
    """Choose a subset. Columns as declared in `METHOD`.

    Raises:
        ParamError: nothing is left to choose from, or n is more than that.
    """
    asked = question(inputs, params, progress)
    weights = params.weights
    picks = choose(asked, params, inputs.labels, asked.count, progress)
    rows = asked.rows[picks.rows]
    selected, rank = np.zeros(inputs.n, dtype=np.bool_), [None] * inputs.n
    why: list[str | None] = [None] * inputs.n
    sentences = reasons(asked, picks, inputs.labels, weights)
    for place, (row, sentence) in enumerate(zip(rows.tolist(), sentences, strict=True), start=1):
        selected[row], rank[row], why[row] = True, place, sentence  # type: ignore[call-overload]
    for row in asked.rows[asked.pool.taken].tolist():
        why[row] = "Chosen before: it covers, and is not chosen again"
    values: dict[str, Any] = {"selected": selected, "rank": rank, "why": why}
    facts = _facts(asked, picks, params, inputs.labels, progress)
    if params.purpose == "edge_cases":
        plain = replace(asked.pool, bonus=np.ones(len(asked.rows)))
        base = pick(plain, asked.count, 0.0, progress)
        level, facts["ladder"] = ladder(asked.pool.x, asked.codes, asked.edge, picks.rows, base.rows, progress)
        steps: list[int | None] = [None] * inputs.n
        for row, step in zip(rows.tolist(), level.tolist(), strict=True):
            steps[row] = step
        values["ladder"] = steps
    return Columns(values, facts)


def question(inputs: Inputs, params: SubsetParams, progress: Progress) -> Question:
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
    graph = inputs.neighbors(K, "cosine", progress)
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
        lonely <= np.quantile(lonely, STRAY),
        near_duplicate_groups(graph)[rows] if params.unique else np.arange(len(rows)),
        _groups(inputs, params)[rows],
        params.most_per_group or 0,
        _times(inputs, params, rows),
        params.time_gap,
    )
    edge = percentiles(lonely)
    if "importance" in scores:
        edge = (edge + percentiles(scores["importance"])) / 2
    return Question(rows, pool, codes[rows], scores, edge, count)


def choose(asked: Question, params: SubsetParams, labels: GivenLabels | None, count: int, progress: Progress) -> Picks:
    """The picks of a question, class by class in turn where classes are balanced."""
    weights = params.weights
    share = weights.extremes / (weights.coverage + weights.extremes)
    if weights.balance == "none" or labels is None:
        return pick(asked.pool, count, share, progress)
    target = _target(asked, params, labels)
    before = np.bincount(asked.codes[asked.pool.taken & (asked.codes >= 0)], minlength=len(target))

    def turns(available: Array, chosen: Array, number: int) -> Array:
        return turns_of_classes(target, before + chosen, available, number)

    return pick_in_turns(asked.pool, asked.codes, turns, count, share, progress)


def reasons(asked: Question, picks: Picks, labels: GivenLabels | None, weights: Weights) -> list[str]:
    """One sentence for each pick: what it brings that those before it did not."""
    shares = {name: percentiles(score) for name, score in asked.scores.items()}
    told = {
        "typicality": "more typical" if weights.typicality > 0 else "lonelier",
        "importance": "more important" if weights.importance > 0 else "less important",
        "likeness": "more as the marked samples are, or less as those to be avoided,",
    }
    sentences = []
    for place, row in enumerate(picks.rows.tolist()):
        first = place == 0 and not asked.pool.taken.any()
        if first:
            text = "The first: weighed by the purpose, the sample nearest to all others"
        elif picks.extreme[place]:
            text = f"Lies far from all chosen before it: none within a distance of {picks.apart[place]:.3f}"
        else:
            near = max(int(picks.stands_for[place]), 1)
            text = f"Stands for {near:,} sample{'s' if near > 1 else ''} that nothing chosen before was as near to"
        for name, words in told.items():
            weight = {"typicality": weights.typicality, "importance": weights.importance}.get(name, 1.0)
            share = shares[name][row] if name in shares else 0.0
            share = 1 - share if weight < 0 else share
            if weight and share >= MARKED:
                text += f"; {words} than {share:.0%} of the samples"
        if weights.balance != "none" and labels is not None:
            text += f"; for its class {labels.names[asked.codes[row]]}"
        sentences.append(text)
    return sentences


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


def members(inputs: Inputs, name: str, default: Array, combine: Any) -> Array:
    """(n,) bool: the rows in all (`np.logical_and`) or one (`np.logical_or`) of what a parameter names."""
    given: Sequence[Array] = inputs.named.get(name) or ()
    return np.asarray(combine.reduce(given)) if len(given) else default


def _count(params: SubsetParams, inputs: Inputs, free: int, inside: int) -> int:
    if free == 0:
        raise ParamError(
            f"SubsetParams.where, exclude and already_selected leave none of the {inputs.n:,} samples to choose from"
            + (", or none with a label" if params.weights.balance != "none" and inside else "")
            + "; widen them"
        )
    if params.n is None:
        return max(1, min(round(params.fraction * inside), free))
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


def seconds(value: Any) -> float:
    """A number as it is; a date or a point in time as seconds."""
    if hasattr(value, "timestamp"):
        return float(value.timestamp())
    return float(value.toordinal() * 86_400) if hasattr(value, "toordinal") else float(value)


def _target(asked: Question, params: SubsetParams, labels: GivenLabels) -> Array:
    """(C,) share of the turns that each class should have."""
    inside = np.bincount(asked.codes[asked.codes >= 0], minlength=len(labels.names)).astype(np.float64)
    if params.weights.balance == "input":
        return inside
    if params.weights.balance == "uniform":
        return (inside > 0).astype(np.float64)
    target = np.zeros(len(labels.names))
    for entry in params.class_shares:
        name, _, share = entry.rpartition("=")
        if name not in labels.names:
            raise ParamError(
                f"SubsetParams.class_shares names the class {name!r}; the classes are {', '.join(labels.names[:20])}"
            )
        target[labels.names.index(name)] = float(share)
    return target


def _facts(
    asked: Question, picks: Picks, params: SubsetParams, labels: GivenLabels | None, progress: Progress
) -> Facts:
    found, free = len(picks.rows), np.flatnonzero(asked.pool.free)
    progress(0, 1, "measuring against random subsets")
    distance = distance_against_random(
        asked.pool.x, picks.rows, np.union1d(free, picks.rows), np.flatnonzero(asked.pool.taken)
    )
    facts: Facts = {
        "purpose": params.purpose,
        "weights": asdict(params.weights),
        "asked_for": asked.count,
        "found": found,
        "candidates": len(free),
        "already_selected": int(asked.pool.taken.sum()),
        "for_coverage": int((~picks.extreme).sum()),
        "for_being_far": int(picks.extreme.sum()),
        "mean_distance": distance,
    }
    if labels is not None:
        counts = Counter(labels.names[code] for code in asked.codes[picks.rows] if code >= 0)
        facts["classes"] = {name: counts[name] for name in labels.names}
    lacking = f"; the constraints allow no more than these {found:,}" if found < asked.count else ""
    against = ""
    if distance["random_mean"] > 0:
        change = distance["value"] / distance["random_mean"] - 1
        against = (
            f"; the others lie {abs(change):.0%} {'nearer' if change <= 0 else 'farther'} than with random subsets"
        )
    purpose = params.purpose.replace("_", " ")
    facts["headline"] = f"{found:,} of {len(free):,} samples selected ({purpose}){against}{lacking}"
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
        Column("selected", bool, "Chosen for the subset"),
        Column("rank", int, "Place in the order of choice, 1 the first; every prefix is a good smaller subset"),
        Column("why", str, "What the sample brings that those before it did not"),
        Column(
            "ladder",
            int,
            "Of edge cases: the smallest of the nested slices that holds it, 1 the innermost",
            group=True,
            optional=True,
        ),
    ),
    cite="Nemhauser, Wolsey & Fisher 1978, https://doi.org/10.1007/BF01588971; Gonzalez 1985, "
    "https://doi.org/10.1016/0304-3975(85)90224-5; Hacohen, Dekel & Weinshall 2022, https://arxiv.org/abs/2202.02794",
)
