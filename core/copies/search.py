"""Which samples show the same picture: equal files, equal pixels, and pairs whose vectors and pixels are near.

`find_duplicates` groups what is found here; `find_leaks` looks which of it crosses splits; `split_dataset` keeps all
of it together, so that it never makes a leak that `find_leaks` would find by the same embeddings.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.blocks import blocks
from ..base.graph import Graph
from ..base.inputs import Inputs
from ..base.params import ParamError
from ..base.shared import key_of
from ..images.marks import mark_of
from ..images.pixels import Looks, likenesses
from ..images.reading import box_of
from ..neighbors.near_pairs import ROUNDING, NearPairs, automatic_threshold, pairs_down_to
from ..probes.folds import connected, joined, near_duplicate_groups
from .altered import UP_TO, alike_by_frames_only, altered_pairs

K = 24
KIND = "copies"  # as what they are shared
VERSION = 1  # grows when other copies are found
NEAREST = 4  # neighbors by vectors that are looked at for altered copies
SAME_PICTURE = 0.6  # likeness of two files that show one picture, at least
SURELY_SAME = 0.95
EVIDENCE = 7.0  # orders of magnitude against chance
LIMIT = 0.9999
CLOSEST = 1 - 1e-6  # similarity up to which the automatic threshold is raised where too many pairs are near
FEW = 20
STRANGERS = 200  # pairs of different pictures that the set's own likeness is measured on
ALL_PAIRS_UP_TO = 64
ALIKE = 4.0  # grey levels between glances at equal pixels, at most: one may be decoded more finely than the other
NAMED = 5  # of the files that cannot be read
SHARE = 0.4  # of the usual distance between neighbors, where vectors alone decide
CONFIRMED_SHARE = 0.9  # where pixels have the last word


@dataclass(frozen=True)
class Copies:
    """Copies among n rows, before they are grouped.

    Attributes:
        unit: (n,) int64 number of each row's unit, from 0; rows of one unit are equal in file, pixels or vector, or
            altered copies (`core/copies/altered.py`), whatever the threshold.
        identical: (n,) bool, another row has the same file or the same pixels.
        one, other: (p,) units that are near copies, one < other, each pair once.
        similarity: (p,) float32 cosine of their vectors.
        looks: at the pictures, where one was taken.
        facts: how they were found; plain JSON values. `floor` is the least similarity of the pairs.
    """

    unit: Array
    identical: Array
    one: Array
    other: Array
    similarity: Array
    looks: Looks
    facts: Facts

    def above(self, threshold: float | None) -> Copies:
        """The same with only the pairs whose similarity is at least that; all of them with None."""
        if threshold is None:
            return self
        near = self.similarity >= threshold - ROUNDING
        facts = {**self.facts, "threshold": round(threshold, 6)}
        return replace(self, one=self.one[near], other=self.other[near], similarity=self.similarity[near], facts=facts)

    def kept(self) -> dict[str, Array]:
        """What `of_kept` makes the same copies from, without the looks."""
        floor = np.array([np.nan if self.facts.get("floor") is None else self.facts["floor"]])
        arrays = {name: getattr(self, name) for name in ("unit", "identical", "one", "other", "similarity")}
        return {**arrays, "floor": floor}


def of_kept(kept: Mapping[str, Array], threshold: float) -> Copies:
    """Copies for another threshold, from what a run kept.

    Raises:
        ParamError: the run did not look that far down.
    """
    floor = float(kept["floor"][0])
    if not threshold >= floor - ROUNDING:
        looked = "for exact copies only" if np.isnan(floor) else f"for pairs down to {floor:.4f}"
        raise ParamError(
            f"threshold must be in what the run has looked for; it looked {looked}, got {threshold:g}: "
            "run it again with that threshold"
        )
    return _with_looks(kept, Looks(0), {"floor": floor, "threshold_is": "moved"}).above(threshold)


def _with_looks(kept: Mapping[str, Array], looks: Looks, facts: Facts) -> Copies:
    arrays = {name: np.asarray(kept[name]) for name in ("unit", "identical", "one", "other", "similarity")}
    return Copies(**arrays, looks=looks, facts=facts)


def find_copies(
    inputs: Inputs,
    graph: Graph | None,
    threshold: float | None,
    exact: bool,
    confirm: bool,
    progress: Progress,
    altered: bool = False,
) -> Copies:
    """Equal rows as units, and near pairs of units: found once for all methods that ask for the same.

    Args:
        graph: of the embeddings, under the cosine metric; None to look for equal files and pixels only.
        threshold: least cosine similarity of near copies; automatic when None, raised where more than five million
            pairs would be near. Where the one given is higher than the automatic one, pairs are looked for down to that
            all the same, so that it can be lowered afterwards.
        exact: compare files, and the decoded pixels of near pairs (of all files without a graph), for equality.
        confirm: keep only near pairs that show the same picture.
        altered: also look for altered copies, which are equal to each other then (`core/copies/altered.py`): every
            picture is looked at, of up to 20,000.
    """
    if inputs.shared is None:
        return _find_copies(inputs, graph, threshold, exact, confirm, progress, altered)
    marks = b"".join(mark_of(path) for path in inputs.paths)
    key = key_of(VERSION, marks, None if graph is None else inputs.vectors, threshold, exact, confirm, altered)
    known = inputs.shared.find(KIND, key)
    if known is None:
        found = _find_copies(inputs, graph, threshold, exact, confirm, progress, altered)
        seen = {name: getattr(found.looks, name) for name in LOOKED}
        inputs.shared.keep(KIND, key, {**found.kept(), **seen, "facts": np.array(json.dumps(found.facts))})
        return found
    looks = Looks(inputs.n, inputs.shared)
    for name in LOOKED:
        setattr(looks, name, known[name])
    return _with_looks(known, looks, json.loads(str(known["facts"])))


LOOKED = ("examined", "pixels", "sharpness")  # of the looks, what their users need when the copies are found


def _find_copies(
    inputs: Inputs,
    graph: Graph | None,
    threshold: float | None,
    exact: bool,
    confirm: bool,
    progress: Progress,
    altered: bool,
) -> Copies:
    """`find_copies`, from the beginning."""
    nothing = np.zeros(0, np.int64)
    near = NearPairs(np.arange(inputs.n), nothing, nothing, nothing.astype(np.float32))
    facts: Facts = {"threshold": None}
    if graph is not None:
        share = CONFIRMED_SHARE if confirm else SHARE
        automatic = automatic_threshold(graph, share)
        lowest, highest = (automatic, CLOSEST) if threshold is None else (min(threshold, automatic), threshold)
        near, reach = pairs_down_to(inputs.vectors, graph, lowest, max(lowest, highest), progress)
        facts = {"threshold": round(reach if threshold is None else threshold, 6), "floor": round(reach, 6)}
        facts["threshold_is"] = "automatic" if threshold is None else "given"
    equal = _pairs_of_equals(near.copy_of)
    pairs = np.concatenate([np.stack([near.one, near.other], axis=1), equal])
    close = np.unique(pairs).tolist() if graph is not None else list(range(inputs.n))
    looks = Looks(inputs.n, inputs.shared)
    all_compared = altered and graph is not None and graph.k > 0 and confirm and inputs.n <= UP_TO
    if graph is not None and (exact or confirm):
        looks.take(inputs.paths, list(range(inputs.n)) if all_compared else close, progress)
    merged = np.zeros((0, 2), np.int64)
    if exact:
        looks.examine(inputs.paths, close if graph is None else _perhaps_equal(looks, pairs), progress)
        digests = [(row, looks.digest[row].tobytes()) for row in np.flatnonzero(looks.examined).tolist()]
        merged = np.concatenate([_links(equal_files(inputs.paths)), _links(digests)])
    identical = np.zeros(inputs.n, dtype=bool)
    identical[merged.ravel()] = True
    kept = np.ones(len(pairs), dtype=bool)
    if graph is not None and graph.k and confirm:
        like = likenesses(looks, pairs, SURELY_SAME, progress)
        similar = np.concatenate([near.similarity, np.ones(len(equal), np.float32)])
        same, strangers = same_picture(inputs, graph, similar, like, looks, progress)
        facts |= strangers
        # where a file cannot be read, vectors decide alone
        strict = min(automatic_threshold(graph, SHARE), 1.0 if threshold is None else threshold)
        kept = np.where(np.isnan(like), similar >= strict - ROUNDING, same)
        facts |= {"pairs_of_other_pictures": int((~kept).sum()), "pairs_unchecked": int(np.isnan(like).sum())}
    if looks.unreadable:
        named = [looks.unreadable[row] for row in sorted(looks.unreadable)[:NAMED]]
        facts |= {"unreadable": len(looks.unreadable), "unreadable_first": named}
    count = len(near.one)
    turned = np.zeros((0, 2), np.int64)
    if graph is not None and confirm:
        kept[kept] = ~alike_by_frames_only(looks, pairs[kept])
    if graph is not None and all_compared:
        turned = altered_pairs(looks, np.concatenate([pairs[~kept], _nearest(graph)]), progress)
        facts["altered_pairs"] = len(turned)
    unit = connected(inputs.n, *np.concatenate([merged, equal[kept[count:]], turned]).T)
    one, other, similarity = _unit_pairs(unit[pairs[:count][kept[:count]]], near.similarity[kept[:count]])
    return Copies(unit, identical, one, other, similarity, looks, facts)


def _perhaps_equal(looks: Looks, pairs: Array) -> list[int]:
    """Rows whose pixels may equal those of another: pairs of one size whose glances agree, and all equal glances."""
    pairs = pairs[looks.seen[pairs].all(axis=1)]
    pairs = pairs[(looks.size[pairs[:, 0]] == looks.size[pairs[:, 1]]).all(axis=1)]
    colour = np.abs(looks.colour[pairs[:, 0]] - looks.colour[pairs[:, 1]]).max(axis=1, initial=0)
    pairs = pairs[colour <= ALIKE]
    found = set[int]()
    for part in blocks(len(pairs), 4096):
        one, other = (looks.greys(rows).astype(np.int16) for rows in pairs[part].T)
        found.update(pairs[part][np.abs(one - other).mean(axis=(1, 2)) <= ALIKE].ravel().tolist())
    seen = np.flatnonzero(looks.seen)
    grey = [
        (row, bytes(looks.size[row]) + hashlib.sha256(one.data).digest())
        for part in blocks(len(seen), 4096)
        for row, one in zip(seen[part].tolist(), looks.greys(seen[part]), strict=True)
    ]
    found.update(_links(grey).ravel().tolist())
    return sorted(found)


def _nearest(graph: Graph) -> Array:
    """(p, 2) each row with its nearest neighbors."""
    indices = graph.indices[:, :NEAREST]
    pairs = np.stack([np.repeat(np.arange(graph.n), indices.shape[1]), indices.ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def leaving_no_leaks(inputs: Inputs, graph: Graph, progress: Progress) -> tuple[Array, Facts]:
    """(n,) int64 groups of rows that no split may part, and how they were found.

    Linked are what `find_leaks` finds when nothing is set, and what folds keep together without a look at pictures; the
    latter alone where there are no paths. On 1,817 digits and 1,452 photographs with copies all pairs of the folds were
    among those of `find_leaks`, and 14 of 21 and 567 of 4,065 pairs were found by `find_leaks` only.

    Args:
        graph: under the cosine metric.
    """
    groups = near_duplicate_groups(graph)
    if not inputs.paths:
        return groups, {"near_duplicates_by": "vectors alone"}
    found = find_copies(inputs, graph, None, exact=True, confirm=True, progress=progress)
    linked = connected(int(found.unit.max()) + 1, found.one, found.other)[found.unit]
    names = ("threshold", "pairs_unchecked", "unreadable", "unreadable_first")
    facts = {f"near_duplicates_{name}": found.facts[name] for name in names if name in found.facts}
    return joined(groups, linked.tolist()), {"near_duplicates_by": "files, vectors and pixels", **facts}


def same_picture(
    inputs: Inputs, graph: Graph, similarity: Array, like: Array, looks: Looks, progress: Progress
) -> tuple[Array, Facts]:
    """Which pairs show one picture: those that chance would hardly make so near in vectors and in pixels at once.

    evidence = -log10 (d / D)^(1/e) + z^2 / (2 ln 10), in orders of magnitude; 7 are asked for, and a likeness of 0.6.

    The first term is the share of the neighborhood's volume that lies within the pair's distance d: D is the median
    distance to the last neighbor, and e tells how distances grow with volume (as in `core/probes/folds.py`). The second
    says how far the pair's likeness, on Fisher's scale artanh, lies above that of samples and their last neighbors, in
    standard deviations. So digits on white paper, which are all alike, must agree more closely than photographs.

    Args:
        similarity, like: (p,) of the pairs; no pair is the same picture where `like` is NaN.
        looks: those taken already; the ones taken here are added.
    """
    rows = np.unique(np.linspace(0, graph.n - 1, STRANGERS).astype(np.int64))
    pairs = np.stack([rows, graph.indices[rows, -1]], axis=1)
    looks.take(inputs.paths, np.unique(pairs).tolist(), progress)
    usual = likenesses(looks, pairs, progress=progress)
    usual = np.arctanh(np.clip(usual[np.isfinite(usual) & (graph.distances[rows, -1] > 0)], -LIMIT, LIMIT))
    mean, high = np.quantile(usual, [0.5, 0.9]) if len(usual) >= FEW else (0.2, 0.33)
    z = np.maximum((np.arctanh(np.clip(like, -LIMIT, LIMIT)) - mean) / max((high - mean) / 1.28, 0.05), 0)
    middle, last = (graph.distances[:, at].astype(np.float64) for at in ((graph.k - 1) // 2, graph.k - 1))
    spread = (middle > 0) & (last > middle)
    exponent = np.median(np.log(last[spread] / middle[spread])) / np.log(2) if graph.k > 2 and spread.any() else 0.1
    typical = max(float(np.median(last)), 1e-6)
    share = np.minimum(np.maximum(1 - similarity.astype(np.float64), 1e-7) / typical, 1)
    evidence = -np.log10(share) / max(exponent, 0.02) + z * z / (2 * np.log(10))
    facts = {"strangers_compared": len(usual), "usual_likeness": round(float(np.tanh(mean)), 4)}
    return (evidence >= EVIDENCE) & (like >= SAME_PICTURE), facts


def equal_files(paths: Sequence[str]) -> list[tuple[int, Hashable]]:
    """Row and content of the files that share their size with another one. Files that cannot be read have none.

    Nor have regions of files: that two of them lie in one file does not make them equal.
    """
    by_size: dict[int, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        if box_of(path) is None and os.path.isfile(path) and os.access(path, os.R_OK):
            by_size[os.path.getsize(path)].append(row)
    return [(row, _digest(paths[row])) for rows in by_size.values() if len(rows) > 1 for row in rows]


def _digest(path: str) -> bytes:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.digest()


def _links(keys: Iterable[tuple[int, Hashable]]) -> Array:
    """Pairs (first row, later row) with equal keys. (p, 2)"""
    first: dict[Hashable, int] = {}
    pairs = [(first.setdefault(key, row), row) for row, key in keys]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=np.int64).reshape(-1, 2)


def _pairs_of_equals(copy_of: Array) -> Array:
    """Pairs of rows with one vector: all of them, or in classes of more than 64 each row with the first. (p, 2)"""
    order = np.argsort(copy_of, kind="stable")
    classes = np.split(order, np.flatnonzero(np.diff(copy_of[order])) + 1) if len(order) else []
    pairs = [np.zeros((0, 2), np.int64)]
    for rows in classes:
        if 1 < len(rows) <= ALL_PAIRS_UP_TO:
            pairs.append(rows[np.stack(np.triu_indices(len(rows), 1), axis=1)])
        elif len(rows) > 1:
            pairs.append(np.stack([np.full(len(rows) - 1, rows[0]), rows[1:]], axis=1))
    return np.concatenate(pairs)


def _unit_pairs(units: Array, similarity: Array) -> tuple[Array, Array, Array]:
    """Each pair of different units once, with its largest similarity."""
    units = np.sort(units, axis=1)
    between = units[:, 0] != units[:, 1]
    units, similarity = units[between], similarity[between]
    order = np.lexsort((-similarity, units[:, 1], units[:, 0]))
    units, similarity = units[order], similarity[order]
    first = np.ones(len(units), dtype=bool)
    first[1:] = (np.diff(units, axis=0) != 0).any(axis=1)
    return units[first, 0], units[first, 1], similarity[first]
