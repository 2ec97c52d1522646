"""Nearest neighbours: for each sample the ones most like it. One graph, computed once, that other methods share.

Up to 25,000 rows the search is exact: blocked matrix products with a running top-k. Beyond, nearest-neighbour
descent (Dong, Charikar & Li 2011, https://doi.org/10.1145/1963405.1963487, by pynndescent) whose recall is certified
against an exact search of 500 random rows and raised until it reaches 0.99.

Copies. Rows with the same vector are copies of one another. A row keeps one copy of itself as a neighbour: the next
one in row order, and the last one keeps the first, so that the copies hang together as a ring. Of the copies of
another row it keeps the first. So k neighbours are k different vectors, plus the row's own copy; a hundred copies of
one picture crowd nothing out. Only where fewer than k different vectors exist do further copies fill the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from .distances import METRICS, blocks, comparable, copies
from .method import Array, Column, Columns, Facts, Inputs, Method, Neighbors, Progress, silent
from .params import ParamError, Params, param
from .threads import blas_threads, cores, in_threads

EXACT_UP_TO = 25_000
BLOCK = 1024
SPARE = 8  # candidates kept beyond k: float32 products near the k-th place may be in the wrong order
RECALL = 0.99
PROBES = 500
FALL_BACK_UP_TO = 200_000  # rows up to which the search is exact after all where the descent gets stuck
ROUNDS = 6  # of joins, at most


@dataclass(frozen=True)
class Graph:
    """The k nearest neighbours of each of n rows.

    Attributes:
        indices: (n, k) int32 row numbers, nearest first, ties by row number; never the row itself.
        distances: (n, k) float32, 1 - cosine similarity in [0, 2], or Euclidean distances.
        metric: "cosine" or "euclidean".
        facts: how it was built: `engine`, `recall` (at k = 15, certified), `copies` and more; plain JSON values.
    """

    indices: Array
    distances: Array
    metric: str = "cosine"
    facts: Facts = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.indices)

    @property
    def k(self) -> int:
        """Neighbours of each row."""
        return int(self.indices.shape[1])

    @property
    def similarities(self) -> Array:
        """(n, k) float32: the cosine in [-1, 1], or 1 / (1 + distance) in (0, 1] under the Euclidean metric."""
        return 1 - self.distances if self.metric == "cosine" else 1 / (1 + self.distances)

    def first(self, k: int) -> Graph:
        """The same graph with only the k nearest neighbours of each row."""
        if k >= self.k:
            return self
        return Graph(self.indices[:, :k], self.distances[:, :k], self.metric, self.facts)


def build_graph(
    x: Array,
    *,
    k: int,
    metric: str = "cosine",
    progress: Progress = silent,
    seed: int = 51,
    exact_up_to: int = EXACT_UP_TO,
) -> Graph:
    """The k nearest neighbours of each row of x.

    Args:
        x: (n, d) finite floats, also float16. Zero vectors are at cosine distance 0 from each other, 1 from the rest.
        k: neighbours wanted, at least 1; each row gets min(k, n - 1).
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
        indices, distances = _exact(distinct, wanted, metric, progress)
        facts |= {"engine": "exact", "recall": 1.0}
    else:
        indices, distances, found = _approximate(distinct, wanted, metric, progress, seed)
        facts |= found
    if len(firsts) < len(x):
        indices, distances = _with_copies(indices, distances, copy_of, firsts, k)
    return Graph(indices, distances, metric, facts)


def extend_graph(graph: Graph, x: Array, new: Array, *, k: int | None = None, progress: Progress = silent) -> Graph:
    """The graph of the rows of x and, after them, new ones: new rows are searched exactly, old rows offered to them.

    From an exact graph it equals the graph built anew; the cost is that of comparing the new rows with all.

    Args:
        graph: of x.
        x: (n, d) rows of the graph.
        new: (p, d) rows that it does not know.
        k: neighbours of each row; those of the graph by default.
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
    of_old = _ranked(distinct, np.hstack([known, offered]), k, graph.metric)
    of_added = nearest(added, distinct, k, graph.metric, own=np.arange(len(old), len(firsts)))
    indices, distances = (np.concatenate(parts) for parts in zip(of_old, of_added, strict=True))
    if len(firsts) < len(both):
        indices, distances = _with_copies(indices, distances, copy_of, firsts, k)
    facts = {**graph.facts, "copies": len(both) - len(firsts), "added": len(new)}
    return Graph(indices, distances, graph.metric, facts)


def nearest(queries: Array, x: Array, k: int, metric: str, own: Array | None = None) -> tuple[Array, Array]:
    """Exact k nearest rows of x for each query, without regard to copies.

    Args:
        queries: (p, d), x: (n, d): both from one call of `comparable`.
        k: at most n, or n - 1 with `own`.
        own: (p,) the row of x that each query is, left out of its neighbours.

    Returns:
        indices (p, k) int32 and distances (p, k) float32, nearest first, ties by row number.
    """
    from .engines.neighbor_kernels import merge_block, rerank

    p, n = len(queries), len(x)
    indices, distances = np.empty((p, k), np.int32), np.empty((p, k), np.float32)
    if k == 0 or p == 0:
        return indices, distances
    kept = min(n, k + SPARE + (own is not None))
    half = _half_squares(x, metric)

    def search(rows: slice) -> None:
        keys, candidates = _nothing_yet(rows.stop - rows.start, kept)
        for columns in blocks(n, 4 * BLOCK):
            merge_block(queries[rows] @ x[columns].T, half[columns], -1, columns.start, keys, candidates)
        if own is not None:
            candidates[candidates == own[rows, None]] = -1
        rerank(queries[rows], x, candidates, metric == "cosine", indices[rows], distances[rows])

    in_threads(search, blocks(p, max(64, min(BLOCK, -(-p // cores())))))
    return indices, distances


def symmetric_edges(graph: Graph) -> tuple[Array, Array, Array]:
    """Pairs of rows of which at least one lists the other.

    Returns:
        rows, columns, distances: (e,) each, every pair once with row < column, in order of (row, column).
    """
    return _edges(graph, listed=1)


def mutual_edges(graph: Graph) -> tuple[Array, Array, Array]:
    """Pairs of rows that list each other. Same form as `symmetric_edges`."""
    return _edges(graph, listed=2)


def _edges(graph: Graph, listed: int) -> tuple[Array, Array, Array]:
    a = np.repeat(np.arange(graph.n, dtype=np.int64), graph.k)
    b = graph.indices.ravel().astype(np.int64)
    pair = np.minimum(a, b) * graph.n + np.maximum(a, b)
    pairs, first, times = np.unique(pair, return_index=True, return_counts=True)
    keep = times >= listed
    return pairs[keep] // graph.n, pairs[keep] % graph.n, graph.distances.ravel()[first[keep]]


def _half_squares(x: Array, metric: str) -> Array:
    if metric == "cosine":
        return np.zeros(len(x), dtype=np.float32)  # equal for all unit rows
    half: Array = np.einsum("ij,ij->i", x, x) / np.float32(2)
    return half


def _centred(x: Array) -> Array:
    """Moved and scaled, which ranks Euclidean distances alike: products keep their digits and do not overflow."""
    mean = x.mean(axis=0, dtype=np.float64)
    largest = max(float(np.abs(x).max(initial=0)), 1e-30)
    return np.ascontiguousarray((x - mean) / largest, dtype=np.float32)


def _nothing_yet(n: int, k: int) -> tuple[Array, Array]:
    return np.full((n, k), np.inf, dtype=np.float32), np.full((n, k), -1, dtype=np.int32)


def _exact(x: Array, k: int, metric: str, progress: Progress) -> tuple[Array, Array]:
    """Exact search among all different rows: the products above the diagonal serve both their rows and columns."""
    from .engines.neighbor_kernels import merge_block, merge_both, rerank

    n = len(x)
    indices, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    if k == 0:
        return indices, distances
    centred = x if metric == "cosine" else _centred(x)
    half = _half_squares(centred, metric)
    keys, candidates = _nothing_yet(n, n - 1 if n <= 256 else k + SPARE)
    parts = list(blocks(n, BLOCK))
    locks = [Lock() for _ in parts]

    def multiply(pair: tuple[int, int]) -> None:
        first, second = pair
        rows, columns = parts[first], parts[second]
        products = centred[rows] @ centred[columns].T
        if first == second:
            with locks[first]:
                merge_block(products, half[rows], rows.start, rows.start, keys[rows], candidates[rows])
        else:
            with locks[first], locks[second]:  # in rising order, so no two threads wait for each other
                merge_both(products, half, rows.start, columns.start, keys, candidates)

    # Steps along the diagonals: pairs that run side by side seldom share a block.
    pairs = [(at, at + step) for step in range(len(parts)) for at in range(len(parts) - step)]
    in_threads(multiply, pairs, progress, "comparing samples")
    in_threads(
        lambda rows: rerank(x[rows], x, candidates[rows], metric == "cosine", indices[rows], distances[rows]),
        parts,
    )
    return indices, distances


def _approximate(x: Array, k: int, metric: str, progress: Progress, seed: int) -> tuple[Array, Array, Facts]:
    """Nearest-neighbour descent, then rounds of joins until the certified recall is reached."""
    from pynndescent import NNDescent

    n, at = len(x), min(15, k)
    probes = np.sort(np.random.default_rng(seed).choice(n, min(PROBES, n), replace=False))
    steps = ROUNDS + 2
    progress(0, steps, "searching a sample exactly")
    truth = nearest(x[probes], x, at, metric, own=probes)[1]
    progress(1, steps, "building the neighbor graph")
    width = min(k + SPARE, n - 1)
    with blas_threads(1):
        index = NNDescent(
            x,
            metric="euclidean",
            n_neighbors=width,
            random_state=seed,
            low_memory=True,
            n_jobs=cores(),
        )
    candidates = index.neighbor_graph[0].astype(np.int32)
    del index
    recall = before = 0.0
    for rounds in range(ROUNDS + 1):
        recall, before = certified_recall(_ranked(x, candidates, k, metric, probes)[1][:, :at], truth), recall
        if recall >= RECALL or rounds == ROUNDS:
            break
        if recall < before + 0.002:  # the descent is stuck, as on vectors that are all about equally far apart
            if n > FALL_BACK_UP_TO:
                break
            return *_exact(x, k, metric, progress), {"engine": "exact", "recall": 1.0, "stuck_at": round(recall, 4)}
        progress(rounds + 2, steps, f"raising the recall from {recall:.3f}")
        candidates = _joined(x, candidates)
    indices, distances = _ranked(x, candidates, k, metric)
    return indices, distances, {"engine": "pynndescent", "recall": round(recall, 4), "rounds": rounds}


def _joined(x: Array, indices: Array, offered: int = 12) -> Array:
    """One round of descent on an (n, w) graph; -1 for none."""
    from .engines.neighbor_kernels import join

    n, w = indices.shape
    offered = min(offered, w)
    near = indices[:, :offered].ravel()
    order = np.argsort(near, kind="stable")
    listed_by = (order // offered).astype(np.int32)
    starts = np.searchsorted(near[order], np.arange(n + 1))
    better, keys = np.empty_like(indices), np.empty((n, w), np.float32)

    def improve(rows: slice) -> None:
        join(x, rows.start, indices, starts, listed_by, offered, keys[rows], better[rows])

    in_threads(improve, blocks(n))
    return better


def certified_recall(found: Array, truth: Array) -> float:
    """Share of the true neighbours found. One is found if it is no farther than the last true one, so ties count."""
    reach = truth[:, -1:] * (1 + 1e-5) + 1e-9
    return float(np.mean(found <= reach))


def _ranked(x: Array, candidates: Array, k: int, metric: str, only: Array | None = None) -> tuple[Array, Array]:
    """The k best of the candidates of x's first rows by exact distance; rows that got too few are searched exactly.

    Args:
        candidates: (p, c) rows of x, -1 for none; the row itself does not count.
        only: rank these rows instead of all p.
    """
    from .engines.neighbor_kernels import rerank

    ranked = np.arange(len(candidates)) if only is None else only
    indices, distances = np.empty((len(ranked), k), np.int32), np.empty((len(ranked), k), np.float32)

    def rank(part: slice) -> None:
        rows = ranked[part]
        others = np.where(candidates[rows] == rows[:, None], -1, candidates[rows]).astype(np.int32)
        rerank(x[rows], x, others, metric == "cosine", indices[part], distances[part])

    in_threads(rank, blocks(len(ranked)))
    short = np.flatnonzero(indices[:, -1] < 0)
    if len(short):
        indices[short], distances[short] = nearest(x[ranked[short]], x, k, metric, own=ranked[short])
    return indices, distances


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
    """Further copies, nearest first, for a row that has fewer different neighbours than it must list. In place."""
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


@dataclass(frozen=True, kw_only=True)
class NeighborsParams(Params):
    """Find the samples most like each sample."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k: int = param(15, "Neighbours of each sample", at_least=1)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS)


def find_neighbors(inputs: Inputs, params: NeighborsParams, progress: Progress) -> Columns:
    """Nearest neighbours of each sample, from the graph that all methods share. Columns as declared in `METHOD`."""
    graph = inputs.neighbors(params.k, params.metric, progress)
    alone = np.full(graph.n, np.nan)
    distance = graph.distances.mean(axis=1, dtype=np.float64) if graph.k else alone
    typical = float(np.median(distance)) if graph.k else None
    facts = {
        **graph.facts,
        "k": graph.k,
        "median_distance": typical,
        "headline": f"{graph.k} neighbors of each of {graph.n:,} samples"
        + (f", at a mean {params.metric} distance of {typical:.3g}" if typical is not None else ""),
    }
    return Columns(
        {"ids": graph.indices, "similarities": graph.similarities.tolist(), "distance": distance},
        facts,
    )


METHOD = Method(
    name="find_neighbors",
    version=1,
    label="Find neighbors",
    stage="understand",
    key="neighbors",
    params=NeighborsParams,
    run=find_neighbors,
    reads=("embeddings",),
    writes=(
        Column("ids", Neighbors, "The samples most like this one, nearest first; of exact copies only one"),
        Column(
            "similarities",
            list[float],
            "Similarity of each of them: the cosine, or 1 / (1 + Euclidean distance)",
        ),
        Column("distance", float, "Mean distance to these neighbors: small in a crowd, large for a lonely sample"),
    ),
    cite="Dong, Charikar & Li 2011, https://doi.org/10.1145/1963405.1963487",
)
