"""Folds for cross-validation that keep near-duplicates together and every class spread out.

A photo and its near copy in different folds let a model recognise the copy instead of learning the class,
and a wrong label copied along with it then looks right. So near-duplicates always share a fold, and so does what
the user says belongs together: the frames of a video, the pictures of a patient.

Folds look at vectors only. What pictures tell besides is said in `core/copies/search.py`, where splits add it to this;
folds learn of it when the groups of `find_duplicates` are their group field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array

if TYPE_CHECKING:
    from ..base.graph import Graph
    from ..base.inputs import Inputs

GROUP_FIELD = "group_field"  # the parameter by which users say what belongs together: patient, video, camera

# A near-duplicate is nearer than one nearest neighbor in a thousand would be by chance, and at most this share of
# the distance that is typical between neighbors. On the judged pairs of ciFAIR (Barz & Denzler 2020) in MobileNetV2
# space 3 of 4 near-duplicates are that near.
CHANCE = 1e-3
TYPICAL_SHARE = 0.4
ENOUGH = 0.02  # of the rows, without near neighbors, to tell the dimensions from
SMALL = 10  # at least this many rows per neighbor looked at


def near_duplicate_groups(graph: Graph) -> Array:
    """(n,) int64 group of each row: rows linked by near-duplicate pairs share one.

    Were the rows around row i spread evenly in a space of D dimensions, then the share v = (d_1 / d_k)^D of the volume
    within its nearest neighbor would be below q with a chance of about (k - 1) q. D is taken from
    the middle neighbors, for which that share is 1/2 (Levina & Bickel 2004 use the same volumes). A pair is
    near-duplicate when its v has a chance below 0.001 around both rows and it is at most 0.4 of the typical
    distance to the k-th neighbor. A heuristic: tight clusters of fewer than k rows look like copies too.

    Args:
        graph: k nearest neighbors, k about 24.
    """
    n = graph.n
    if graph.k == 0:
        return np.arange(n)
    k = min(graph.k, max(n // SMALL, 1))  # farther neighbors of a small set lie in other clusters: all is near then
    indices = graph.indices[:, :k]
    distance = np.maximum(graph.distances[:, :k].astype(np.float64), 0.0)
    last = distance[:, -1]
    middle = distance[:, (k - 1) // 2]
    spread = (middle > 0) & (last > 0)
    # where most rows have a dozen copies, the middle neighbor is one too: dimensions are then told from the other rows
    apart = spread & (distance[:, 0] > TYPICAL_SHARE * last)
    spread = apart if apart.sum() >= ENOUGH * n else spread
    # distances grow as volume^exponent, whatever the metric; 1/2 is the share of the middle of k neighbors
    exponent = float(np.median(np.log(middle[spread] / last[spread]))) / np.log(0.5) if spread.any() and k > 2 else 0.0
    reach = (CHANCE / max(k - 1, 1)) ** exponent if exponent > 0 else 0.0
    near = distance <= TYPICAL_SHARE * float(np.median(last))
    near &= distance <= reach * np.minimum(last[:, None], last[indices])
    if k <= 2:
        near[:] = False
    near |= distance <= 1e-6  # copies, to rounding
    row, column = np.nonzero(near)
    return connected(n, row, indices[row, column])


def connected(n: int, one: Array, other: Array) -> Array:
    """(n,) int64 number of each row's group, from 0: rows linked by pairs, directly or over others, share one.

    Args:
        one, other: (p,) rows of the pairs.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def leaving_together(inputs: Inputs, graph: Graph | None) -> Array:
    """(n,) int64 groups of rows that no fold may part: near-duplicates, and rows with the same value of the user's
    group field. Rows linked by either share one.

    Args:
        graph: for the near-duplicates; None where there are no embeddings.
    """
    groups = near_duplicate_groups(graph) if graph is not None else np.arange(inputs.n)
    values = inputs.named.get(GROUP_FIELD)
    return groups if values is None else joined(groups, values)


def joined(groups: Array, values: Sequence[Any]) -> Array:
    """(n,) int64 groups in which rows of one group or of one value are together; None is no value."""
    number: dict[str, int] = {}
    known = [row for row, value in enumerate(values) if value is not None]
    if not known:
        return groups
    of_value = [number.setdefault(repr(values[row]), len(number)) for row in known]
    start = int(groups.max()) + 1
    return connected(start + len(number), groups[known], start + np.array(of_value, dtype=np.int64))[groups]


def groups_of_many(groups: Array) -> list[Array]:
    """Row numbers of every group with at least two rows."""
    order = np.argsort(groups, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(groups[order])) + 1, len(groups))
    starts = np.append(0, ends[:-1])
    return [order[start:end] for start, end in zip(starts, ends, strict=True) if end - start > 1]


def stratified_folds(codes: Array, groups: Array, folds: int, seed: int) -> Array:
    """(n,) int64 fold of each row, -1 where there is no label.

    Every class is spread over the folds as evenly as its groups allow, and no group is cut. Groups of many
    rows are placed first, largest first, each into the fold that lacks its classes most; single rows
    then level the counts.

    Args:
        codes: (n,) classes, -1 for none.
        groups: (n,) group of each row.
        folds: at least 2. With fewer labelled groups than folds, some folds stay empty.
        seed: of the order in which equals are placed.
    """
    rng = np.random.default_rng(seed)
    fold = np.full(len(codes), -1, dtype=np.int64)
    labelled = np.flatnonzero(codes >= 0)
    if len(labelled) == 0:
        return fold
    n_classes = int(codes.max()) + 1
    counts = np.zeros((folds, n_classes), dtype=np.int64)
    many = [labelled[part] for part in groups_of_many(groups[labelled])]
    rng.shuffle(many)  # type: ignore[arg-type]
    share = np.bincount(codes[labelled], minlength=n_classes) / folds
    for part in sorted(many, key=len, reverse=True):
        wanted = np.bincount(codes[part], minlength=n_classes)
        present = wanted > 0
        # quadratic overfill of each class relative to its even share, and the fold's size to break ties
        fill = (((counts[:, present] + wanted[present]) / share[present]) ** 2).sum(axis=1)
        fill += 1e-3 * counts.sum(axis=1) / share.sum()
        chosen = int(np.argmin(fill))
        fold[part] = chosen
        counts[chosen] += wanted
    singles = labelled[fold[labelled] < 0]
    singles = singles[rng.permutation(len(singles))]
    singles = singles[np.argsort(codes[singles], kind="stable")]
    starts = np.searchsorted(codes[singles], np.arange(n_classes + 1))
    for c in range(n_classes):
        mine = singles[starts[c] : starts[c + 1]]
        if len(mine):
            fold[mine] = _level(counts[:, c], len(mine), counts.sum(axis=1))
            counts[:, c] += np.bincount(fold[mine], minlength=folds)
    return fold


def _level(counts: Array, n: int, size: Array) -> Array:
    """Folds for n rows of one class so that its counts end as level as they can; emptier folds come first."""
    folds = len(counts)
    low, high = int(counts.min()), int(counts.max()) + n
    while low < high:  # the highest level that n rows fill up to
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.maximum(middle - counts, 0).sum() <= n else (low, middle - 1)
    take = np.maximum(low - counts, 0)
    order = np.lexsort((np.arange(folds), size, take + counts))
    take[order[: n - int(take.sum())]] += 1
    return np.repeat(np.arange(folds), take)


def crossing_share(groups_found: Array, fold: Array) -> float:
    """Share of the labelled rows that have a near-duplicate in another fold.

    Args:
        groups_found: (n,) near-duplicate groups.
        fold: (n,) folds, -1 for rows without one.
    """
    crossing = np.zeros(len(fold), dtype=bool)
    for part in groups_of_many(groups_found):
        inside = part[fold[part] >= 0]
        if len(np.unique(fold[inside])) > 1:
            crossing[inside] = True
    labelled = fold >= 0
    return float(crossing[labelled].mean()) if labelled.any() else 0.0
