"""Nearest neighbors: for each sample the ones most like it. One graph, computed once, that other methods share.

Up to 25,000 rows the search is exact; beyond, each row meets the rows of the cells nearest to it (Sivic & Zisserman
2003, https://doi.org/10.1109/ICCV.2003.1238663), as many as a certified recall takes. `neighbor_search.py` says how.

Copies. Rows with the same vector are copies of one another. A row keeps one copy of itself as a neighbor: the next
one in row order, and the last one keeps the first, so that the copies hang together as a ring. Of the copies of
another row it keeps the first. So k neighbors are k different vectors, plus the row's own copy; a hundred copies of
one picture crowd nothing out. Only where fewer than k different vectors exist do further copies fill the list.
"""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.graph import Graph
from ..base.inputs import Inputs
from ..base.params import ParamError
from .distances import METRICS, comparable, copies
from .search import approximate, certified_recall, exact, nearest, ranked

__all__ = [
    "EXACT_UP_TO",
    "Graph",
    "build_graph",
    "certified_recall",
    "extend_graph",
    "nearest",
    "shared_graph",
    "symmetric_edges",
]

EXACT_UP_TO = 25_000


def build_graph(
    x: Array,
    *,
    k: int,
    metric: str = "cosine",
    progress: Progress = silent,
    seed: int = 51,
    exact_up_to: int = EXACT_UP_TO,
) -> Graph:
    """The k nearest neighbors of each row of x.

    Args:
        x: (n, d) finite floats, also float16. Zero vectors are at cosine distance 0 from each other, 1 from the rest.
        k: neighbors wanted, at least 1; each row gets min(k, n - 1).
        metric: "cosine" or "euclidean".
        progress: told block by block.
        seed: of the approximate search and of the rows its recall is measured on.
        exact_up_to: number of different rows up to which the search is exact.

    Raises:
        ParamError: k or the metric is outside its domain.
    """
    if k < 1:
        raise ParamError(f"build_graph.k must be at least 1; got {k}")
    if metric not in METRICS:
        raise ParamError(f"build_graph.metric must be one of {', '.join(METRICS)}; got {metric!r}")
    k = min(k, max(len(x) - 1, 0))
    vectors = comparable(x, metric)
    copy_of = copies(vectors)
    firsts = np.flatnonzero(copy_of == np.arange(len(x)))
    distinct = vectors if len(firsts) == len(x) else vectors[firsts]
    wanted = min(k, len(firsts) - 1) if len(firsts) else 0
    facts: Facts = {"copies": len(x) - len(firsts), "metric": metric}
    if len(firsts) <= exact_up_to:
        indices, distances = exact(distinct, wanted, metric, progress)
        facts |= {"engine": "exact", "recall": 1.0}
    else:
        indices, distances, found = approximate(distinct, wanted, metric, progress, seed)
        facts |= found
    if len(firsts) < len(x):
        indices, distances = _with_copies(indices, distances, copy_of, firsts, k)
    return Graph(indices, distances, metric, facts)


def shared_graph(inputs: Inputs, k: int, metric: str = "cosine", progress: Progress = silent) -> Graph:
    """The graph of a method's embeddings, which all methods share: built once per set of vectors.

    Args:
        k: neighbors wanted; the graph returned has min(k, n - 1).
        metric: "cosine" or "euclidean".
    """
    if inputs.graph_of is not None:
        return inputs.graph_of(k, metric, progress).first(k)
    return build_graph(inputs.vectors, k=k, metric=metric, progress=progress)


def extend_graph(graph: Graph, x: Array, new: Array, *, k: int | None = None, progress: Progress = silent) -> Graph:
    """The graph of the rows of x and, after them, new ones: new rows are searched exactly, old rows offered to them.

    From an exact graph it equals the graph built anew; the cost is that of comparing the new rows with all.

    Args:
        graph: of x.
        x: (n, d) rows of the graph.
        new: (p, d) rows that it does not know.
        k: neighbors of each row; those of the graph by default.
    """
    k = graph.k if k is None else k
    if len(new) == 0 and k == graph.k:
        return graph
    both = np.concatenate([x, new])
    vectors = comparable(both, graph.metric)
    copy_of = copies(vectors)
    firsts = np.flatnonzero(copy_of == np.arange(len(both)))
    old = firsts[firsts < len(x)]
    if k > graph.k or len(old) <= k + 1:
        return build_graph(both, k=k, metric=graph.metric, progress=progress)
    distinct = vectors[firsts]
    place = np.full(len(both), -1, dtype=np.int32)
    place[firsts] = np.arange(len(firsts))
    known = graph.indices[old]
    known = np.where(copy_of[known] == copy_of[old, None], -1, place[copy_of[known]])
    added = distinct[len(old) :]
    offered = nearest(distinct[: len(old)], added, min(k, len(added)), graph.metric)[0] + np.int32(len(old))
    of_old = ranked(distinct, np.hstack([known, offered]), k, graph.metric)
    of_added = nearest(added, distinct, k, graph.metric, own=np.arange(len(old), len(firsts)))
    indices, distances = (np.concatenate(parts) for parts in zip(of_old, of_added, strict=True))
    if len(firsts) < len(both):
        indices, distances = _with_copies(indices, distances, copy_of, firsts, k)
    facts = {**graph.facts, "copies": len(both) - len(firsts), "added": len(new)}
    return Graph(indices, distances, graph.metric, facts)


def symmetric_edges(graph: Graph) -> tuple[Array, Array, Array]:
    """Pairs of rows of which at least one lists the other.

    Returns:
        rows, columns, distances: (e,) each, every pair once with row < column, in order of (row, column).
    """
    a = np.repeat(np.arange(graph.n, dtype=np.int64), graph.k)
    b = graph.indices.ravel().astype(np.int64)
    pair = np.minimum(a, b) * graph.n + np.maximum(a, b)
    pairs, first = np.unique(pair, return_index=True)
    return pairs // graph.n, pairs % graph.n, graph.distances.ravel()[first]


def _with_copies(indices: Array, distances: Array, copy_of: Array, firsts: Array, k: int) -> tuple[Array, Array]:
    """From the graph of the different rows to that of all rows, by the rule in the module's docstring."""
    n, wanted = len(copy_of), indices.shape[1]
    group = np.searchsorted(firsts, copy_of)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(firsts)))
    sizes = np.diff(np.append(starts, n))
    following = np.empty(n, dtype=np.int64)
    following[order] = np.roll(order, -1)
    following[order[starts + sizes - 1]] = order[starts]
    copied = following != np.arange(n)

    columns = np.full((n, max(k, wanted + 1)), -1, dtype=np.int32)
    lengths = np.full(columns.shape, np.inf, dtype=np.float32)
    columns[:, :wanted] = firsts[indices[group]]
    lengths[:, :wanted] = distances[group]
    columns[copied, 1 : wanted + 1] = columns[copied, :wanted]
    lengths[copied, 1 : wanted + 1] = lengths[copied, :wanted]
    columns[copied, 0] = following[copied]
    lengths[copied, 0] = 0
    columns, lengths = columns[:, :k], lengths[:, :k]
    for row in np.flatnonzero(columns[:, -1] < 0).tolist() if k else ():
        _fill(row, columns[row], lengths[row], group, order, starts, sizes)
    return columns, lengths


def _fill(row: int, columns: Array, lengths: Array, group: Array, order: Array, starts: Array, sizes: Array) -> None:
    """Further copies, nearest first, for a row that has fewer different neighbors than it must list. In place."""
    listed = columns >= 0
    chosen = {int(column): float(length) for column, length in zip(columns[listed], lengths[listed], strict=True)}
    near = {int(group[row]): 0.0} | {int(group[column]): length for column, length in chosen.items() if length > 0}
    for one, length in near.items():
        for member in order[starts[one] : starts[one] + sizes[one]].tolist():
            if len(chosen) == len(columns):
                break
            if member != row:
                chosen.setdefault(member, length)
    ranked = sorted(chosen, key=lambda column: (chosen[column], column))
    columns[:] = ranked
    lengths[:] = [chosen[column] for column in ranked]
