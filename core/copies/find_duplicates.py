"""Which pictures are there more than once, and which copy to keep. Proposals only: nothing is deleted.

Exact copies have equal files or equal decoded pixels. Near copies are pairs whose embeddings are nearer than a
threshold and whose pixels agree, so that the same scene is not taken for the same picture (`core/copies/search.py`).
Groups are tight: every member is a copy of the group's medoid, so that A ~ B ~ C does not make A and C one picture.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.graph import Graph
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, param
from ..base.shared_params import ObjectParams
from ..images.pixels import Looks
from ..images.reading import box_of
from ..neighbors.graph import shared_graph
from .search import Copies, K, find_copies, of_kept

POLICIES = ("best", "first")


@dataclass(frozen=True, kw_only=True)
class DuplicatesParams(ObjectParams):
    """Find exact and near copies of images, and propose which one to keep."""

    embeddings: str | None = param(
        "embeddings", "Embeddings to find near copies by; empty: exact copies only", reads="embeddings"
    )
    exact: bool = param(True, "Also find equal files and equal pixels, whatever their embeddings say")
    threshold: float | None = param(
        None,
        "Lowest cosine similarity of near copies; empty: chosen from this set",
        above=0,
        at_most=1,
    )
    keep: str = param(
        "best",
        "Copy to keep: best (readable, label agrees with neighbors, largest, sharpest) or first",
        among=POLICIES,
    )
    label_field: str | None = param(None, "Labels, to avoid keeping a copy with a doubtful label", reads="labels")
    confirm: bool = param(
        True, "Compare pixels too, so that two shots of a scene do not count as copies", advanced=True
    )
    altered: bool = param(
        False,
        "Also find copies that were turned or mirrored, or have a banner, in sets of up to 20,000, all of them read",
        advanced=True,
    )

    def check(self) -> None:
        """Something must be looked for."""
        if self.embeddings is None and not self.exact:
            raise ParamError("DuplicatesParams.exact must be true where embeddings is nothing; got false")


def find_duplicates(inputs: Inputs, params: DuplicatesParams, progress: Progress) -> Columns:
    """Group copies and propose one of each group to keep. Columns as declared in `METHOD`."""
    graph = shared_graph(inputs, K, "cosine", progress) if params.embeddings is not None else None
    found = find_copies(inputs, graph, params.threshold, params.exact, params.confirm, progress, params.altered)
    widest = groups_of(found)[0]
    found.looks.examine(inputs.paths, np.flatnonzero(widest >= 0).tolist(), progress)
    worth = Worth.of(inputs, graph, widest, found.looks)
    columns = _columns(found.above(found.facts["threshold"]), worth, params)
    return replace(columns, kept={**found.kept(), **worth.kept()})


def move(kept: Mapping[str, Array], params: DuplicatesParams, threshold: float) -> Columns:
    """The columns for another threshold, from what a run kept: grouped anew, without a search or a look at pictures.

    Raises:
        ParamError: the run did not look that far down.
    """
    files = np.arange(len(kept["unit"]))  # runs of earlier versions took every row for a file of its own
    known = {"same_file": files, **kept}
    return _columns(of_kept(kept, threshold), Worth(*(np.asarray(known[name]) for name in WORTH)), params)


WORTH = ("readable", "doubtful", "pixels", "sharpness", "labels", "same_file")


@dataclass(frozen=True)
class Worth:
    """What makes one copy worth more than another; n rows each.

    Attributes:
        readable: bool, a look could be taken, and it is the file itself, no link to it. Where none was needed, all are
            False.
        doubtful: bool, see `doubtful_labels`.
        pixels: int64, width times height.
        sharpness: float64.
        labels: int64 codes of the given labels, -1 for none; empty without a label field.
        same_file: int64, the first row that uses the same file: by the same path, a link or a hard link.
    """

    readable: Array
    doubtful: Array
    pixels: Array
    sharpness: Array
    labels: Array
    same_file: Array

    @classmethod
    def of(cls, inputs: Inputs, graph: Graph | None, group: Array, looks: Looks) -> Worth:
        """Of all rows; what was not looked at has no size.

        Args:
            group: (n,) numbers of the widest groups; their members do not vouch for each other's labels.
        """
        labels = np.zeros(0, np.int64) if inputs.labels is None else inputs.labels.codes
        doubtful = doubtful_labels(inputs.labels, graph, group)
        is_link = np.array([os.path.islink(path) for path in inputs.paths] or [False] * inputs.n, dtype=bool)
        return cls(looks.examined & ~is_link, doubtful, looks.pixels, looks.sharpness, labels, first_of_file(inputs))

    def kept(self) -> dict[str, Array]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in WORTH}

    def best_of(self, group: Array) -> Array:
        """The row worth keeping of each group: readable, of undoubted label, largest, sharpest, first; in this order.

        Args:
            group: (n,) number of each row's group, -1 for none.

        Returns:
            (g,) int64 rows, by number of the group.
        """
        rows = np.flatnonzero(group >= 0)
        size, sharp = -self.pixels[rows], -self.sharpness[rows]
        order = np.lexsort((rows, sharp, size, self.doubtful[rows], ~self.readable[rows], group[rows]))
        ranked = rows[order]
        return ranked[np.flatnonzero(np.diff(group[ranked], prepend=-1))]

    def first_of(self, group: Array) -> Array:
        """The first row of each group that can be read and is no link; the first of all where none is."""
        rows = np.flatnonzero(group >= 0)
        ranked = rows[np.lexsort((rows, ~self.readable[rows], group[rows]))]
        return ranked[np.flatnonzero(np.diff(group[ranked], prepend=-1))]


def _columns(found: Copies, worth: Worth, params: DuplicatesParams) -> Columns:
    group, similarity = groups_of(found)
    files = np.unique(np.stack([group, worth.same_file]), axis=1)[0]
    of_group = np.bincount(files[files >= 0], minlength=len(group))  # different files
    one_file = (group >= 0) & (of_group[np.maximum(group, 0)] < 2)  # a picture is no copy of itself
    group, similarity = np.where(one_file, -1, group), np.where(one_file, np.nan, similarity)
    grouped = group >= 0
    keep = ~grouped
    best = worth.first_of(group) if params.keep == "first" else worth.best_of(group)
    keep |= np.isin(worth.same_file, worth.same_file[best])  # whatever else uses a file that is kept
    copies = np.ones(len(group), dtype=np.int64)
    copies[grouped] = of_group[group[grouped]]
    kind = [None if at < 0 else ("exact" if same else "near") for at, same in zip(group, found.identical, strict=True)]
    values: dict[str, Any] = {
        "keep": keep,
        "group": [None if at < 0 else at for at in group.tolist()],
        "kind": kind,
        "similarity": similarity,
        "copies": copies,
    }
    return Columns(values, found.facts | _facts(worth, group, kind, keep, copies))


def first_of_file(inputs: Inputs) -> Array:
    """(n,) int64 the first row that uses the same file. Regions, and files that are not there, are alone."""
    first: dict[tuple[int, int], int] = {}
    found = np.arange(inputs.n)
    for row, path in enumerate(inputs.paths):
        if box_of(path) is not None:
            continue
        try:
            status = os.stat(path)
        except OSError:
            continue
        if status.st_ino:  # some file systems have none
            found[row] = first.setdefault((status.st_dev, status.st_ino), row)
    return found


def groups_of(found: Copies) -> tuple[Array, Array]:
    """Tight groups of rows.

    Returns:
        group: (n,) int64 number of the group, which is its first row, so that a group has the same number at
            every threshold that leaves it whole; -1 for rows without a copy.
        similarity: (n,) float64 cosine to the group's medoid; the medoid's own is that to its nearest copy. NaN
            outside groups.
    """
    n_units = int(found.unit.max()) + 1
    centre, nearness = tight_groups(n_units, found.one, found.other, found.similarity)
    copied = np.bincount(found.unit, minlength=n_units)[found.unit] > 1
    centre_of, similarity = centre[found.unit], nearness[found.unit].astype(np.float64)
    similarity[copied & (found.unit == centre_of)] = 1.0
    first = np.empty(n_units, dtype=np.int64)
    first[centre_of[::-1]] = np.arange(len(centre_of))[::-1]  # of several rows of a group the first is written last
    alone = np.bincount(centre_of, minlength=n_units) < 2
    group = np.where(alone[centre_of], -1, first[centre_of])
    return group, np.where(group < 0, np.nan, similarity)


def tight_groups(n: int, one: Array, other: Array, similarity: Array) -> tuple[Array, Array]:
    """Groups in which every member is paired with the medoid.

    Units are taken in order of their number of pairs, then of their total similarity: each that is still free
    becomes a medoid and takes its free partners. Of the members that are paired with all others of the group, the one
    with the largest total similarity is then its medoid.

    Args:
        one, other: (p,) pairs of units.
        similarity: (p,) of the pairs.

    Returns:
        medoid: (n,) int64 the medoid of each unit's group; the unit itself where it has no partner.
        similarity: (n,) float32 to the medoid; the medoid's own is that to its nearest member; 1 for units alone.
    """
    a, b = np.concatenate([one, other]), np.concatenate([other, one])
    s = np.concatenate([similarity, similarity])
    order = np.lexsort((b, -s, a))  # partners of each unit, most similar first
    a, b, s = a[order], b[order], s[order]
    starts = np.searchsorted(a, np.arange(n + 1))
    degree, total = np.diff(starts), np.bincount(a, weights=s, minlength=n)
    medoid, near = np.full(n, -1, dtype=np.int64), np.ones(n, dtype=np.float32)
    couple = (degree[a] == 1) & (degree[b] == 1)  # most groups are pairs of which neither has another partner
    medoid[a[couple]], near[a[couple]] = np.minimum(a[couple], b[couple]), s[couple]
    units = np.flatnonzero((degree > 0) & (medoid < 0))
    for unit in units[np.lexsort((units, -total[units], -degree[units]))].tolist():
        if medoid[unit] >= 0:
            continue
        partners = slice(starts[unit], starts[unit + 1])
        free = medoid[b[partners]] < 0
        members = np.append(b[partners][free], unit)
        medoid[members] = unit
        if len(members) > 1:
            _settle(members, medoid, near, b, s, starts)
    return np.where(medoid < 0, np.arange(n), medoid), near


def _settle(members: Array, medoid: Array, near: Array, b: Array, s: Array, starts: Array) -> None:
    """Choose the medoid of a group, given one that is paired with all, and write it with the similarities."""
    centre, best = int(members[-1]), (-1, -1.0)
    for unit in sorted(members.tolist()):
        partners = slice(starts[unit], starts[unit + 1])
        inside = medoid[b[partners]] == members[-1]
        score = (int(inside.sum()), float(s[partners][inside].sum()))
        if score > best:
            centre, best = unit, score
    partners = slice(starts[centre], starts[centre + 1])
    inside = medoid[b[partners]] == members[-1]
    near[b[partners][inside]] = s[partners][inside]
    near[centre] = s[partners][inside].max()
    medoid[members] = centre


def doubtful_labels(labels: GivenLabels | None, graph: Graph | None, group: Array) -> Array:
    """(n,) bool: of a group, and without a label or with another than most neighbors outside the group have.

    Args:
        group: (n,) number of the group, -1 for none.
    """
    doubtful = np.zeros(len(group), dtype=bool)
    if labels is None:
        return doubtful
    doubtful[(group >= 0) & (labels.codes < 0)] = True
    if graph is None:
        return doubtful
    for row in np.flatnonzero((group >= 0) & (labels.codes >= 0)):
        others = graph.indices[row][group[graph.indices[row]] != group[row]]
        votes = np.bincount(labels.codes[others][labels.codes[others] >= 0], minlength=len(labels.names))
        doubtful[row] = votes[labels.codes[row]] < votes.max()
    return doubtful


def _facts(worth: Worth, group: Array, kind: Sequence[str | None], keep: Array, copies: Array) -> Facts:
    labels, kinds = worth.labels, Counter(kind)
    again = int((worth.same_file != np.arange(len(keep))).sum())
    uses = f"; {again:,} samples use a file that another uses too" if again > 1 else ""
    uses = "; 1 sample uses a file that another uses too" if again == 1 else uses
    surplus = int((~keep).sum())
    groups = len(np.unique(group[group >= 0]))
    facts: Facts = {
        "samples": len(keep),
        "groups": groups,
        "largest_group": int(copies.max()) if groups else 0,
        "in_groups": {name: kinds[name] for name in ("exact", "near")},
        "surplus": surplus,
        "same_file": again,
        "headline": f"{surplus:,} surplus copies of {groups:,} pictures among {len(keep):,} samples{uses}",
    }
    if len(labels):
        inside = np.flatnonzero(group >= 0)
        pairs = np.unique(np.stack([group[inside], labels[inside]]), axis=1)
        facts["groups_with_different_labels"] = int((np.bincount(pairs[0]) > 1).sum()) if len(inside) else 0
    return facts


METHOD = Method(
    name="find_duplicates",
    version=3,
    label="Find duplicates",
    stage="clean",
    key="duplicates",
    params=DuplicatesParams,
    run=find_duplicates,
    reads=("embeddings", "labels", "paths"),
    writes=(
        Column(
            "group",
            int,
            "Number of its group of copies; none if there is no copy",
            group=True,
            role="group",
        ),
        Column("kind", str, "exact: another sample has the same file or pixels; near: a similar image", group=True),
        Column("keep", bool, "Keep it: the best of its group, or no copy at all", role="keep"),
        Column("similarity", float, "Cosine similarity to the medoid of the group of copies, in [-1, 1]"),
        Column("copies", int, "Size of its group; 1 if there is no copy"),
    ),
    finding=Finding(
        "Surplus copies",
        "moderate",
        "The same image is there several times and counts as often. One of each group is proposed to stay.",
        "duplicate",
        one="Surplus copy",
    ),
    cite="Barz & Denzler 2020, https://doi.org/10.3390/jimaging6060041 (near-duplicates judged by people)",
    move=move,
)
