"""Split a set for training and testing without leaks: what shows the same thing stays on one side, and it is proven.

Samples that are near-duplicates (all that `find_leaks` would find, see `core/copies/search.py`), copies found before,
or of one group (a video, a patient, a place) form units, which are never cut. Large units are placed first, each where
its classes and clusters are lacking most; single samples then level the counts, class by class and along the clusters
(stratification after Sechidis, Tsoumakas & Vlahavas 2011, https://doi.org/10.1007/978-3-642-23808-6_10). Two things are
then measured on the result and on random splits: the largest similarity across splits, and how far apart the splits'
distributions lie. What a test on such a split cannot tell, how much a model loses at new places, is measured with a
probe (`places.py`); a hard split holds out whole places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.blocks import blocks
from ..base.columns import Column, Columns
from ..base.graph import Graph
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..copies.search import K, leaving_no_leaks
from ..neighbors.distances import comparable, distance_block
from ..neighbors.graph import shared_graph
from ..probes.folds import connected, groups_of_many
from ..representatives.k_medoids import k_medoids
from .places import expected_gap, places, regions

ROWS_PER_CLUSTER, MOST_CLUSTERS = 100, 50
RANDOM = 5  # random splits that ours is compared with
COMPARED = 1_500  # rows of each split between which distances are measured
SEARCHED = 20_000  # rows at most that are compared with all others for the largest similarity
TOLERANCE = 0.005  # of a split's share, below which a difference is not worth a note


@dataclass(frozen=True, kw_only=True)
class SplitParams(Params):
    """Split the samples for training, validation and testing, without leaks between the splits."""

    embeddings: str = param("embeddings", "Embeddings to find near-duplicates and clusters by", reads="embeddings")
    fractions: tuple[str, ...] = param(
        ("train=0.8", "val=0.1", "test=0.1"),
        "Names and shares of the splits; the shares sum to 1",
        mapping="train=0.8",
        above=0,
    )
    label_field: str | None = param(None, "Labels, to give every split its share of each class", reads="labels")
    group_field: str | None = param(
        None, "Group of each sample (video, patient, place); groups are never split", reads="values"
    )
    duplicate_field: str | None = param(
        None, "Groups of known copies, such as duplicates_group; groups are never split", reads="values"
    )
    near_duplicates: bool = param(
        True,
        "Keep together what find_leaks would call a leak",
        advanced=True,
    )
    hard: bool = param(
        False, "Test on new places: bursts, sessions and groups of like images stay on one side", advanced=True
    )
    seed: int = param(51, "Random seed for ties", at_least=0, advanced=True)

    def check(self) -> None:
        """Two splits or more, with different names and shares that sum to one."""
        if len(self.names) < 2:
            raise ParamError(
                f"SplitParams.fractions must name at least 2 different splits; got {', '.join(self.names) or 'none'}"
            )
        total = self.shares.sum()
        if abs(total - 1) > 1e-6:
            raise ParamError(f"SplitParams.fractions must sum to 1; {', '.join(self.fractions)} sum to {total:g}")

    @property
    def names(self) -> list[str]:
        """Names of the splits."""
        return list(self.mapping("fractions"))

    @property
    def shares(self) -> Array:
        """(S,) float64 share of each split."""
        return np.array(list(self.mapping("fractions").values()))


def split_dataset(inputs: Inputs, params: SplitParams, progress: Progress) -> Columns:
    """Assign every sample to a split. Columns as declared in `METHOD`.

    Raises:
        ParamError: there are fewer units that must stay together than splits.
    """
    graph = shared_graph(inputs, K, "cosine", progress)
    near, how = leaving_no_leaks(inputs, graph, progress)
    vectors = comparable(inputs.vectors, "cosine")
    unit = units(inputs, params, near)
    place, by_what = places(inputs.paths, vectors, graph, connected_with(near, unit))
    region = regions(vectors, place, params.seed, progress)
    codes = inputs.labels.codes if inputs.labels is not None else np.full(inputs.n, -1)
    gap = expected_gap(vectors, codes, unit, region, params.seed)
    unit = region if params.hard else unit
    if (count := int(unit.max()) + 1) < len(params.names):
        raise ParamError(
            f"SplitParams.fractions must name at most as many splits as there are groups that stay together ({count}); "
            f"got {len(params.names)}: name fewer splits, another group_field, or set near_duplicates=false"
        )
    k = int(np.clip(inputs.n // ROWS_PER_CLUSTER, 1, MOST_CLUSTERS))
    cluster = k_medoids(vectors, k, seed=params.seed, progress=progress).cluster.astype(np.int64)
    split = assign(unit, codes - codes.min(), cluster, params.shares, params.seed)
    facts = _facts(inputs, params, split, unit, codes) | how | by_what | gap
    facts |= proof(vectors, graph, near, split, params, progress)
    facts["headline"] = _headline(params, split, facts)
    return Columns({"": [params.names[code] for code in split], "place": place}, facts)


def connected_with(one: Array, other: Array) -> Array:
    """(n,) int64 groups in which rows are together that either of two groupings has together."""
    pairs = [np.stack([part[:-1], part[1:]]) for key in (one, other) for part in groups_of_many(key)]
    links = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), dtype=np.int64)
    return connected(len(one), *links)


def units(inputs: Inputs, params: SplitParams, near: Array) -> Array:
    """(n,) int64 unit of each row, from 0: rows linked by near-duplicates, copies or groups share one."""
    keys: list[Array] = [near] if params.near_duplicates else []
    for name in ("group_field", "duplicate_field"):
        if getattr(params, name) is not None:
            given = [None if value is None else str(value) for value in inputs.named[name]]
            codes = GivenLabels.of(given).codes
            keys.append(np.where(codes < 0, len(codes) + np.arange(len(codes)), codes))
    pairs = [np.stack([part[:-1], part[1:]]) for key in keys for part in groups_of_many(key)]
    links = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), dtype=np.int64)
    return connected(inputs.n, *links)


def assign(unit: Array, codes: Array, cluster: Array, shares: Array, seed: int) -> Array:
    """(n,) int64 split of each row; no unit is cut.

    Args:
        unit: (n,) units.
        codes: (n,) classes, from 0; rows without a label are a class of their own.
        cluster: (n,) clusters.
        shares: (S,) of the splits, summing to one.
        seed: of the order in which equals are placed.
    """
    rng = np.random.default_rng(seed)
    n, strata = len(unit), (codes, cluster)
    totals = [np.bincount(of).astype(np.float64) for of in strata]
    counts = [np.zeros((len(shares), len(total))) for total in totals]
    sizes = np.zeros(len(shares))
    split = np.full(n, -1, dtype=np.int64)
    many = groups_of_many(unit)
    order = rng.permutation(len(many))
    for at in sorted(order.tolist(), key=lambda one: -len(many[one])):
        rows = many[at]
        # squared overfill of the split, and of its classes and clusters, each relative to its fair share
        fill = ((sizes + len(rows)) / (shares * n)) ** 2
        for of, total, count in zip(strata, totals, counts, strict=True):
            values, added = np.unique(of[rows], return_counts=True)
            after = (count[:, values] + added) / (shares[:, None] * total[values])
            fill = fill + (after**2 * added).sum(axis=1) / len(rows)
        chosen = int(np.argmin(fill))
        split[rows] = chosen
        sizes[chosen] += len(rows)
        for of, count in zip(strata, counts, strict=True):
            np.add.at(count[chosen], of[rows], 1)
    _level_singles(split, codes, cluster, shares, counts[0], rng)
    return split


def proof(x: Array, graph: Graph, near: Array, split: Array, params: SplitParams, progress: Progress) -> Facts:
    """What crosses the splits and how alike they are, beside random splits of the same sizes. Plain JSON values."""
    rng = np.random.default_rng(params.seed)
    others = [rng.permutation(split) for _ in range(RANDOM)]
    measured = []
    for done, one in enumerate([split, *others]):
        progress(done, RANDOM + 1, "proving the split")
        similarity, exact = largest_across(x, graph, one)
        measured.append((similarity, crossing(near, one), distribution_distance(x, one), exact))
    random = np.array([row[:3] for row in measured[1:]], dtype=np.float64)
    return {
        "largest_similarity_across": round(measured[0][0], 6),
        "largest_similarity_across_random": round(float(random[:, 0].mean()), 6),
        "largest_similarity_is": "exact" if measured[0][3] and graph.facts.get("engine") == "exact" else "approximate",
        "near_duplicates_across": measured[0][1],
        "near_duplicates_across_random": round(float(random[:, 1].mean()), 1),
        "distribution_distance": round(measured[0][2], 6),
        "distribution_distance_random": round(float(random[:, 2].mean()), 6),
        "distribution_distance_random_spread": round(float(random[:, 2].std()), 6),
    }


def largest_across(x: Array, graph: Graph, split: Array) -> tuple[float, bool]:
    """Largest cosine similarity between rows of different splits, and whether all rows that could hold it were seen.

    The graph answers for rows that list a row of another split, and for those whose farthest listed neighbor is
    farther than what was found; the few others are compared with all rows.
    """
    if graph.k == 0:
        return -1.0, True
    across = split[graph.indices] != split[:, None]
    nearest = np.where(across, graph.distances, np.inf).min(axis=1)
    best = float(nearest.min())
    unseen = np.flatnonzero(~across.any(axis=1) & (graph.distances[:, -1] < best))
    for part in blocks(min(len(unseen), SEARCHED), 256):
        rows = unseen[part]
        distances = distance_block(x[rows], x, "cosine")
        distances[split[rows][:, None] == split[None, :]] = np.inf
        best = min(best, float(distances.min()))
    return 1 - best if np.isfinite(best) else -1.0, len(unseen) <= SEARCHED


def crossing(near: Array, split: Array) -> int:
    """Rows that have a near-duplicate in another split."""
    return sum(
        int((split[rows] != np.bincount(split[rows]).argmax()).sum())
        for rows in groups_of_many(near)
        if len(np.unique(split[rows])) > 1
    )


def distribution_distance(x: Array, split: Array) -> float:
    """Largest energy distance between two splits, 2 E|a - b| - E|a - a'| - E|b - b'|; 0 for equal distributions.

    Székely & Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018; without pairs of a row with itself, so that it is
    unbiased and may fall below 0. On at most 1,500 rows of each split, evenly spread.
    """
    samples = []
    for code in np.unique(split):
        rows = np.flatnonzero(split == code)
        samples.append(x[rows[np.linspace(0, len(rows) - 1, min(len(rows), COMPARED)).astype(np.int64)]])
    within = [
        float(distance_block(one, one, "euclidean").sum(dtype=np.float64)) / max(len(one) * (len(one) - 1), 1)
        for one in samples
    ]
    between = [
        2 * float(distance_block(samples[a], samples[b], "euclidean").mean(dtype=np.float64)) - within[a] - within[b]
        for a in range(len(samples))
        for b in range(a + 1, len(samples))
    ]
    return max(between, default=0.0)  # so few samples that all are in one split


def _level_singles(
    split: Array, codes: Array, cluster: Array, shares: Array, placed: Array, rng: np.random.Generator
) -> None:
    """Place rows that are alone in their unit, so that every class comes as near to its shares as it can. In place.

    Within a class rows are taken cluster by cluster and dealt out evenly, so that clusters get their shares too. What
    a class cannot divide evenly goes to the split that was owed most by the classes before.
    """
    singles = np.flatnonzero(split < 0)
    singles = singles[rng.permutation(len(singles))]
    singles = singles[np.lexsort((cluster[singles], codes[singles]))]
    starts = np.searchsorted(codes[singles], np.arange(placed.shape[1] + 1))
    carried = np.zeros(len(shares))
    for code in range(placed.shape[1]):
        rows = singles[starts[code] : starts[code + 1]]
        if not len(rows):
            continue
        wanted = np.maximum(shares * (placed[:, code].sum() + len(rows)) - placed[:, code], 0)
        wanted *= len(rows) / wanted.sum()
        number = np.floor(wanted + 1e-9).astype(np.int64)
        carried += wanted - number
        for _ in range(len(rows) - int(number.sum())):
            chosen = int(np.argmax(np.where(wanted > number, carried, -np.inf)))
            number[chosen] += 1
            carried[chosen] -= 1
        places = np.concatenate([(np.arange(count) + 0.5) / max(count, 1) for count in number])
        dealt = np.repeat(np.arange(len(shares)), number)
        split[rows] = dealt[np.argsort(places, kind="stable")]


def _facts(inputs: Inputs, params: SplitParams, split: Array, unit: Array, codes: Array) -> Facts:
    names, counts = params.names, np.bincount(split, minlength=len(params.names))
    sizes = np.bincount(unit)
    notes: list[str] = []
    for name, count, share in zip(names, counts.tolist(), params.shares.tolist(), strict=True):
        if abs(count - share * inputs.n) > max(1.0, TOLERANCE * inputs.n):
            notes.append(
                f"{name} holds {count / inputs.n:.1%} instead of {share:.1%}: "
                f"the largest group that stays together has {int(sizes.max()):,} of the {inputs.n:,} samples"
            )
    facts: Facts = {
        "sizes": dict(zip(names, counts.tolist(), strict=True)),
        "shares": {name: round(count / inputs.n, 4) for name, count in zip(names, counts.tolist(), strict=True)},
        "units": len(sizes),
        "largest_unit": int(sizes.max()),
        "samples_in_units_of_many": int(sizes[sizes > 1].sum()),
    }
    if inputs.labels is not None:
        classes, off = _classes(inputs.labels, params, split)
        missing = [name for name, row in classes.items() if 0 in row.values()]
        if missing:
            notes.append(
                f"{len(missing):,} classes are too small, or hang together too much, to be in every split, "
                f"such as {', '.join(missing[:5])}"
            )
        uneven = [
            name
            for name, row in classes.items()
            if name not in missing and _uneven(np.array(list(row.values())), params.shares)
        ]
        if uneven:
            notes.append(
                f"{len(uneven):,} classes cannot be shared out as asked for without cutting groups, "
                f"such as {', '.join(uneven[:5])}"
            )
        facts |= {"classes": classes, "largest_class_difference": off, "without_label": int((codes < 0).sum())}
    return facts | {"met_exactly": not notes, "notes": notes}


def _classes(labels: GivenLabels, params: SplitParams, split: Array) -> tuple[dict[str, dict[str, int]], float]:
    """Samples of each class in each split, and the largest difference of a share from the one asked for."""
    table = np.zeros((len(labels.names), len(params.names)), dtype=np.int64)
    known = labels.codes >= 0
    np.add.at(table, (labels.codes[known], split[known]), 1)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    classes = {
        name: dict(zip(params.names, row.tolist(), strict=True)) for name, row in zip(labels.names, table, strict=True)
    }
    return classes, round(float(np.abs(shares - params.shares).max()), 4)


def _uneven(counts: Array, shares: Array) -> bool:
    """Whether a class's samples differ from its shares by more than rounding, and by more than a twentieth of it."""
    return bool((np.abs(counts - shares * counts.sum()) > max(1.0, 0.05 * counts.sum())).any())


def _headline(params: SplitParams, split: Array, facts: Facts) -> str:
    counts: Sequence[str] = [f"{count:,} {name}" for name, count in facts["sizes"].items()]
    crossing_now, random = facts["near_duplicates_across"], facts["near_duplicates_across_random"]
    lost = facts.get("accuracy_lost_in_new_places")
    text = ", ".join(counts) + f"; {crossing_now:,} near-duplicates across splits (a random split has {random:,.0f})"
    if lost is not None and not params.hard:
        text += (
            f"; a test will promise about {facts['accuracy_expected']:.0%} (a probe on these embeddings), "
            f"and {facts['accuracy_in_new_places']:.0%} on kinds of images it has not seen"
        )
    if not facts["met_exactly"]:
        text += "; not everything could be met exactly: " + facts["notes"][0]
    return text


METHOD = Method(
    name="split_dataset",
    version=3,
    label="Split the dataset",
    stage="select",
    key="split",
    params=SplitParams,
    run=split_dataset,
    reads=("embeddings", "labels", "paths"),
    writes=(
        Column("", str, "Split of the sample", group=True),
        Column("place", int, "Burst, session or near-duplicates: same number, same place; a group_field", group=True),
    ),
    cite="Sechidis, Tsoumakas & Vlahavas 2011, https://doi.org/10.1007/978-3-642-23808-6_10; Székely & Rizzo 2013, "
    "https://doi.org/10.1016/j.jspi.2013.03.018; Meredig et al. 2018, https://doi.org/10.1039/C8ME00012C",
)
