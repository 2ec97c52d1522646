"""Which samples of one split show the picture of a sample in another: tests then reward remembering.

Every pair of samples across splits counts, not only pairs of those that a search for duplicates would keep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, Neighbors
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, Params, param
from ..neighbors.graph import shared_graph
from .search import Copies, K, find_copies, of_kept

LISTED = 10
MOST_LISTED = 10_000_000


@dataclass(frozen=True, kw_only=True)
class LeaksParams(Params):
    """Find images with an exact or near copy in another split."""

    embeddings: str = param("embeddings", "Embeddings to find near copies by", reads="embeddings")
    split_field: str = param(
        "tags", "Field with each sample's split; tags: sample tags such as train, validation, test", reads="splits"
    )
    threshold: float | None = param(
        None,
        "Lowest cosine similarity of near copies; empty: chosen from this set",
        above=0,
        at_most=1,
    )
    confirm: bool = param(
        True, "Compare pixels too, so that two shots of a scene do not count as copies", advanced=True
    )


def find_leaks(inputs: Inputs, params: LeaksParams, progress: Progress) -> Columns:
    """Mark samples with a copy in another split. Columns as declared in `METHOD`; samples without a split get none."""
    assert inputs.labels is not None
    splits = inputs.labels
    if len(splits.names) < 2:
        raise ParamError(
            f"LeaksParams.split_field must hold at least two splits; got {', '.join(splits.names)} only: "
            "name another field, or run find_duplicates"
        )
    graph = shared_graph(inputs, K, "cosine", progress)
    found = find_copies(inputs, graph, params.threshold, True, params.confirm, progress)
    columns = _columns(found.above(found.facts["threshold"]), splits)
    return replace(columns, kept={**found.kept(), "split": splits.codes, "names": np.array(splits.names)})


def move(kept: Mapping[str, Array], params: LeaksParams, threshold: float) -> Columns:
    """The columns for another threshold, from what a run kept: without a search or a look at pictures.

    Raises:
        ParamError: the run did not look that far down.
    """
    splits = GivenLabels(tuple(str(name) for name in kept["names"]), np.asarray(kept["split"]))
    return _columns(of_kept(kept, threshold), splits)


def _columns(found: Copies, splits: GivenLabels) -> Columns:
    one, other, similarity = crossing_pairs(found, splits.codes)
    leak_of, nearest = listed(len(splits.codes), one, other, similarity)
    is_leak = leak_of[:, 0] >= 0
    values: dict[str, Any] = {"is_leak": is_leak, "leak_of": leak_of, "similarity": nearest}
    return Columns(values, found.facts | _facts(splits, one, other, is_leak), rows=splits.codes >= 0)


def crossing_pairs(found: Copies, split: Array) -> tuple[Array, Array, Array]:
    """All pairs of rows that are copies of each other and lie in different splits.

    Args:
        split: (n,) code of each row's split, -1 for none.

    Returns:
        one, other: (p,) int64 rows, one < other; similarity: (p,) float32.

    Raises:
        ParamError: there are more than ten million.
    """
    known = np.flatnonzero(split >= 0)
    order = known[np.argsort(found.unit[known], kind="stable")]
    n_units = int(found.unit.max()) + 1
    starts = np.searchsorted(found.unit[order], np.arange(n_units + 1))
    sizes = np.diff(starts)
    alone = np.flatnonzero(sizes > 1)
    a, b = np.concatenate([found.one, alone]), np.concatenate([found.other, alone])
    s = np.concatenate([found.similarity, np.ones(len(alone), np.float32)])
    times = sizes[a] * sizes[b]
    if times.sum() > MOST_LISTED:
        raise ParamError(
            f"LeaksParams.threshold must be high enough to pair at most {MOST_LISTED:,} samples; "
            f"it pairs {int(times.sum()):,}: raise it, or run find_duplicates first and drop its surplus copies"
        )
    pair = np.repeat(np.arange(len(a)), times)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(times) - times, times)
    width = np.maximum(sizes[b[pair]], 1)
    one, other = order[starts[a[pair]] + place // width], order[starts[b[pair]] + place % width]
    crossing = (split[one] != split[other]) & ((a[pair] != b[pair]) | (one < other))
    return np.minimum(one, other)[crossing], np.maximum(one, other)[crossing], s[pair][crossing]


def listed(n: int, one: Array, other: Array, similarity: Array) -> tuple[Array, Array]:
    """Partners of each row, most similar first.

    Returns:
        partners: (n, 10) int64, -1 for none; similarity: (n,) float64 of the first, NaN for none.
    """
    row, partner = np.concatenate([one, other]), np.concatenate([other, one])
    near = np.concatenate([similarity, similarity])
    order = np.lexsort((partner, -near, row))
    row, partner, near = row[order], partner[order], near[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    partners, nearest = np.full((n, LISTED), -1, dtype=np.int64), np.full(n, np.nan)
    few = place < LISTED
    partners[row[few], place[few]] = partner[few]
    nearest[row[place == 0]] = near[place == 0]
    return partners, nearest


def _facts(splits: GivenLabels, one: Array, other: Array, is_leak: Array) -> Facts:
    between = Counter(
        " and ".join(sorted((splits.names[a], splits.names[b])))
        for a, b in zip(splits.codes[one], splits.codes[other], strict=True)
    )
    leaks = Counter(splits.names[code] for code in splits.codes[is_leak])
    return {
        "pairs": len(one),
        "pairs_between": dict(between.most_common()),
        "leaks_in": {name: leaks[name] for name in splits.names},
        "samples_in": {name: int((splits.codes == code).sum()) for code, name in enumerate(splits.names)},
        "without_split": int((splits.codes < 0).sum()),
        "advice": "Drop the training copy of each pair and keep the one in the test or validation split, "
        "so that scores stay comparable",
        "headline": f"{int(is_leak.sum()):,} samples have a copy in another split, in {len(one):,} pairs",
    }


METHOD = Method(
    name="find_leaks",
    version=1,
    label="Find leaks between splits",
    stage="clean",
    key="leaks",
    params=LeaksParams,
    run=find_leaks,
    reads=("embeddings", "splits", "paths"),
    writes=(
        Column("is_leak", bool, "A copy is in another split", role="mark"),
        Column("leak_of", Neighbors, "Copies in other splits, at most ten, most similar first", role="partners"),
        Column("similarity", float, "Cosine similarity to the nearest copy in another split, in [-1, 1]"),
    ),
    finding=Finding(
        "Copies in two splits",
        "serious",
        "A model is tested on images it was trained on, so scores are too good. Drop the training copies.",
        "leak",
        one="Copy in two splits",
    ),
    cite="Barz & Denzler 2020, https://doi.org/10.3390/jimaging6060041",
    move=move,
)
