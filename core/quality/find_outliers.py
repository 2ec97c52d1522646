"""Samples that lie apart: far from their neighbors, alone or in a tiny cluster.

The mean distance to the k nearest (Ramaswamy, Rastogi & Shim 2000, https://doi.org/10.1145/342009.335437; Sun et al.
2022, arXiv:2204.06507) at three scales, each judged against the whole set. The 50 nearest different pictures, among
which near-duplicates count once, tell strangers that come as a group or as a burst of copies, since they have no other
company; the 10 nearest tell single ones; the 5 nearest of all, copies included, tell one that stands alone where most
others come in bursts. Pictures of another kind altogether, which may be many and near each other, are told by how far
out they lie along all coordinates together. The largest of the four counts: what one sees, the others may not.

What is usual is told from the middle of the set upward, from the median and the 85th percentile of the distances'
logarithms: bursts stretch the lower half without saying anything about strangers, and strangers fill the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.blocks import blocks
from ..base.columns import Column, Columns
from ..base.graph import Graph
from ..base.inputs import Inputs
from ..base.method import Finding, Method
from ..base.params import Params, param
from ..neighbors.distances import comparable
from ..neighbors.graph import shared_graph
from ..probes.folds import connected, near_duplicate_groups

K = 24  # neighbors by which near-duplicates and tiny clusters are told
CLOSE = 5  # nearest pictures, copies among them
FEWER = 10  # nearest different pictures
SECOND = 0.3  # deviations by which the others must see more: single strangers are the most frequent
FARTHEST = 6.0  # deviations along one coordinate, at most: one alone makes no stranger
SEEN = 5_000  # rows by which the usual coordinates are told
TINY_CLUSTER = 10  # different pictures, at most
STRANGE = 2.7  # deviations above the median that give a score of one half
FEW = 20  # rows by which that limit doubles: few rows do not tell what is usual
UPPER, UPPER_DEVIATION = 0.85, 1.0364  # a share of the rows, and the deviation below which it lies were they normal
APART = 2.0  # deviations above the median that members of a tiny cluster have on average
LEAST_SPREAD = 0.05  # of y: less than 5 % is no difference worth a score
REGIONS = 10
SAME = 1e-6  # distance of copies, to rounding
TINY = 1e-9  # a tree knows no edges of length 0
ALONE = 1.3  # times its longest inner edge: how far a tiny cluster lies from all else


@dataclass(frozen=True, kw_only=True)
class OutliersParams(Params):
    """Find samples unlike all others, and tiny clusters far from the rest."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k: int = param(50, "Neighbors to measure the distance to; near-duplicates count once", at_least=1, at_most=100)


def find_outliers(inputs: Inputs, params: OutliersParams, progress: Progress) -> Columns:
    """Score every sample by its distance to others. Columns as declared in `METHOD`."""
    graph = shared_graph(inputs, max(K, int(1.2 * params.k)), "cosine", progress)
    near = graph.first(K)
    group = near_duplicate_groups(near)
    distance = mean_distance(graph, different_neighbors(graph, group, params.k))
    wide = deviations(distance)
    few = deviations(mean_distance(graph, different_neighbors(graph, group, min(params.k, FEWER))))
    close = deviations(graph.distances[:, :CLOSE].mean(axis=1)) if graph.k else wide
    out = deviations(far_out(comparable(inputs.vectors, "cosine")))
    deviation = np.maximum(few, np.max([wide, close, out], axis=0) - SECOND)
    score = 1 / (1 + np.exp(STRANGE * (1 + FEW / graph.n) - deviation))
    is_outlier = score >= 0.5
    density = np.median(distance) / np.maximum(distance, 1e-12) if distance.any() else np.ones(graph.n)
    cluster = tiny_clusters(near, group, wide, is_outlier, min(params.k, TINY_CLUSTER))
    edge, clusters = cluster >= 0, len(np.unique(cluster[cluster >= 0]))
    values: dict[str, Any] = {"score": score, "is_outlier": is_outlier, "density": density, "is_edge_case": edge}
    outliers = int(is_outlier.sum())
    facts: Facts = {
        **graph.facts,
        "k": params.k,
        "outliers": outliers,
        "edge_cases": int(edge.sum()),
        "tiny_clusters": clusters,
        "median_distance": float(np.median(distance)),
        "sparse": _regions(inputs, near, group, density),
        "dense": _regions(inputs, near, group, -density),
        "headline": f"{outliers:,} outliers and {int(edge.sum()):,} samples in {clusters:,} tiny clusters "
        f"among {graph.n:,} samples",
    }
    return Columns(values, facts)


def different_neighbors(graph: Graph, group: Array, k: int) -> Array:
    """(n, K) bool: the first k neighbors that are no near-duplicates of the row or of a nearer neighbor.

    Args:
        group: (n,) near-duplicate groups.
    """
    near = group[graph.indices]
    order = np.argsort(near, axis=1, kind="stable")
    ranked = np.take_along_axis(near, order, axis=1)
    first = np.ones(near.shape, dtype=bool)
    first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    different = np.empty_like(first)
    np.put_along_axis(different, order, first, axis=1)
    different &= near != group[:, None]
    different &= np.cumsum(different, axis=1) <= k
    return different


def mean_distance(graph: Graph, different: Array) -> Array:
    """(n,) float64 mean distance to the marked neighbors; to the last listed one where all are near-duplicates."""
    count = different.sum(axis=1)
    if graph.k == 0:
        return np.zeros(graph.n)
    total = np.where(different, graph.distances, 0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), graph.distances[:, -1])


def far_out(x: Array) -> Array:
    """(n,) float64 root of the mean square of each row's coordinates, in deviations from their medians.

    A coordinate's deviation is half of what lies between its 15th and 85th percentile, and the standard deviation where
    that is nothing, as in coordinates that are mostly zero.

    Args:
        x: (n, d) float32, from `comparable`.
    """
    some = x[np.linspace(0, len(x) - 1, min(len(x), SEEN)).astype(np.int64)].astype(np.float64)
    low, middle, high = np.quantile(some, [1 - UPPER, 0.5, UPPER], axis=0)
    spread = np.where(high > low, (high - low) / 2, some.std(axis=0))
    told = spread > 0
    total = np.zeros(len(x))
    for rows in blocks(len(x), 4096):
        part = (x[rows][:, told] - middle[told]) / spread[told]
        total[rows] = np.square(np.clip(part, -FARTHEST, FARTHEST)).sum(axis=1)
    return np.asarray(np.sqrt(total / max(int(told.sum()), 1)))


def deviations(distance: Array) -> Array:
    """(n,) float64: how many deviations the logarithm of each distance lies above the median.

    A deviation is what it would be in a normal distribution with the same median and the same 85th percentile. With
    half the sets of the benchmark it was chosen among the upper quartile, the 80th and 92nd percentile and the median
    absolute deviation, which found one of sixty strangers among bursts.

    Args:
        distance: (n,) mean distances to neighbors.
    """
    y = np.log(np.maximum(distance, 1e-6))
    middle, upper = np.quantile(y, [0.5, UPPER])
    return np.asarray((y - middle) / max(float(upper - middle) / UPPER_DEVIATION, LEAST_SPREAD))


def tiny_clusters(graph: Graph, group: Array, deviation: Array, outlier: Array, k: int) -> Array:
    """(n,) number of each row's tiny cluster, -1 for none: clusters that stand alone, and outliers that keep together.

    Grow clusters by joining the nearest first (single linkage, on the graph's edges; near-duplicates are one picture).
    A cluster of at most k pictures stands alone if the edge by which it is joined to others is at least 1.3 times as
    long as the longest inside it, and if its members lie more than two deviations above the median on average. The
    largest such clusters count. Linking mutual neighbors instead marked more others and lost wide groups.

    Outliers whose nearest different picture is an outlier keep together; at most k of them are a tiny cluster.

    Gower & Ross 1969, Minimum spanning trees and single linkage cluster analysis, https://doi.org/10.2307/2346439.

    Args:
        group: (n,) near-duplicate groups.
        deviation: (n,) of `deviations`, by the distances to different pictures.
        outlier: (n,) bool.
        k: pictures of a tiny cluster, at most.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    groups = int(group.max()) + 1
    rows = np.repeat(np.arange(graph.n), graph.k)
    a, b = group[rows], group[graph.indices.ravel()]
    between = a != b
    length = np.maximum(graph.distances.ravel()[between].astype(np.float64), TINY)
    one, other = np.minimum(a[between], b[between]), np.maximum(a[between], b[between])
    order = np.lexsort((length, other, one))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(one[order]) != 0) | (np.diff(other[order]) != 0)
    kept = order[first]  # of many edges between two groups the shortest
    tree = minimum_spanning_tree(coo_matrix((length[kept], (one[kept], other[kept])), shape=(groups, groups))).tocoo()
    copied = graph.distances[:, 0] <= SAME if graph.k else np.zeros(graph.n, dtype=bool)
    pictures = np.bincount(group, minlength=groups) - np.bincount(group[copied], minlength=groups)
    pictures += np.bincount(group[copied], minlength=groups) > 0
    apart = np.bincount(group, weights=deviation, minlength=groups) / np.bincount(group, minlength=groups)
    marked = _alone(groups, tree, k, apart, pictures)[group]
    together = _keep_together(graph, group, outlier, k)
    return np.asarray(np.where(marked >= 0, marked, np.where(together >= 0, groups + together, -1)))


def _keep_together(graph: Graph, group: Array, outlier: Array, k: int) -> Array:
    """(n,) number of the few outliers that are each other's nearest, -1 for none."""
    rows = np.flatnonzero(outlier)
    if graph.k == 0 or not len(rows):
        return np.full(graph.n, -1)
    other = group[graph.indices[rows]] != group[rows, None]
    nearest = graph.indices[rows, other.argmax(axis=1)]
    linked = other.any(axis=1) & outlier[nearest]
    member = connected(graph.n, rows[linked], nearest[linked])
    _, first = np.unique(group, return_index=True)
    pictures = np.bincount(member[first[outlier[first]]], minlength=graph.n)[member]  # near-duplicates are one
    return np.asarray(np.where(outlier & (pictures >= 2) & (pictures <= k), member, -1))


def _alone(groups: int, tree: Any, k: int, apart: Array, pictures: Array) -> Array:
    """(groups,) number of the tiny cluster that stands alone and holds the group, -1 for none.

    Args:
        tree: the shortest edges that hold the groups together.
        apart: (groups,) mean deviation of the members.
        pictures: (groups,) different pictures in each group.
    """
    order = np.argsort(tree.data, kind="stable")
    parent = list(range(groups))
    members: list[list[int] | None] = [[group] for group in range(groups)]
    longest = [0.0] * groups
    marked = np.full(groups, -1, dtype=np.int64)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def judge(cluster: int, joined_at: float) -> None:
        own = members[cluster]
        if own is None or pictures[own].sum() < 2:
            return
        if joined_at >= ALONE * max(longest[cluster], TINY) and float(apart[own].mean()) > APART:
            marked[own] = cluster  # a larger one that stands alone too takes its parts over

    for edge in order.tolist():
        one, other, at = root(int(tree.row[edge])), root(int(tree.col[edge])), float(tree.data[edge])
        judge(one, at)
        judge(other, at)
        both = None
        if members[one] is not None and members[other] is not None:
            both = [*(members[one] or ()), *(members[other] or ())]
        parent[other], longest[one] = one, at
        members[one] = both if both is not None and len(both) <= k else None
    parts = {root(node) for node in range(groups)}
    for cluster in parts if len(parts) > 1 else ():  # parts of the graph that nothing joins
        judge(cluster, np.inf)
    return marked


def _regions(inputs: Inputs, graph: Graph, group: Array, order_by: Array) -> list[dict[str, Any]]:
    """Samples that stand for the regions at the low end of `order_by`, none a neighbor or copy of another."""
    seen = np.zeros(graph.n, dtype=bool)
    found: list[dict[str, Any]] = []
    for row in np.argsort(order_by, kind="stable").tolist():
        if len(found) == REGIONS:
            break
        if not seen[row]:
            found.append({"id": inputs.ids[row] if inputs.ids else row, "density": round(abs(float(order_by[row])), 4)})
            seen[graph.indices[row]] = True
            seen[group == group[row]] = True
    return found


METHOD = Method(
    name="find_outliers",
    version=4,
    label="Find outliers",
    stage="clean",
    key="outliers",
    params=OutliersParams,
    run=find_outliers,
    reads=("embeddings",),
    writes=(
        Column(
            "score",
            float,
            "How unlike the others, in [0, 1]; above 0.5 lies at most 1 in 100 of usual images",
            best="low",
        ),
        Column("is_outlier", bool, "Unlike all others: a score of at least 0.5", role="mark"),
        Column("density", float, "Density around the sample; 1 is the median of the set"),
        Column("is_edge_case", bool, "In a tiny cluster far from the rest"),
    ),
    finding=Finding(
        "Outliers",
        "minor",
        "Unlike all others: images that do not belong here, or rare ones worth collecting more of.",
        "not in scope",
        one="Outlier",
    ),
    cite="Ramaswamy, Rastogi & Shim 2000, https://doi.org/10.1145/342009.335437; Sun et al. 2022, arXiv:2204.06507",
)
