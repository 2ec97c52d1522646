"""The search behind the neighbor graph, among rows that all differ: exact, or approximate with certified recall.

Exact: blocked matrix products with a running top-k, never n x n; the best candidates are ranked again by exact
distances. Approximate: rows meet those of the cells nearest to them (`neighbor_cells.py`), then the neighbors of their
neighbors, as in nearest-neighbor descent (Dong, Charikar & Li 2011, https://doi.org/10.1145/1963405.1963487), until
the recall on 500 random rows searched exactly reaches 0.99.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np

from .distances import ROWS, blocks
from .method import Array, Facts, Progress, silent
from .neighbor_cells import Sketch, meet, sketch
from .threads import cores, in_threads

BLOCK = 1024
SPARE = 8  # candidates kept beyond k: float32 products near the k-th place may be in the wrong order
RECALL = 0.99
PROBES = 500
FALL_BACK_UP_TO = 200_000  # rows up to which the search is exact after all where the joins get stuck
CELLS = 24  # that each row asks
WIDER = 16  # candidates kept beyond k until they are ranked
OFFERED = (16, 16, 24)  # neighbors that each row passes on in the first joins; the last number in all further ones
ROUNDS = 8  # of joins, at most
LEAST_GAIN = 0.001  # in recall, below which a round of joins shows that they are stuck


def nearest(queries: Array, x: Array, k: int, metric: str, own: Array | None = None) -> tuple[Array, Array]:
    """Exact k nearest rows of x for each query, without regard to copies.

    Args:
        queries: (p, d), x: (n, d): both from one call of `comparable`.
        k: at most n, or n - 1 with `own`.
        own: (p,) the row of x that each query is, left out of its neighbors.

    Returns:
        indices (p, k) int32 and distances (p, k) float32, nearest first, ties by row number.
    """
    from .engines.neighbor_kernels import merge_block, rerank

    p, n = len(queries), len(x)
    indices, distances = np.empty((p, k), np.int32), np.empty((p, k), np.float32)
    if k == 0 or p == 0:
        return indices, distances
    kept = min(n, k + SPARE + (own is not None))
    asked, among = queries, x
    if metric == "euclidean":
        among, move = _centred(x)
        asked = move(queries)
    half = _half_squares(among, metric)

    def search(rows: slice) -> None:
        keys, candidates = _nothing_yet(rows.stop - rows.start, kept)
        for columns in blocks(n, 4 * BLOCK):
            merge_block(asked[rows] @ among[columns].T, half[columns], -1, columns.start, keys, candidates)
        if own is not None:
            candidates[candidates == own[rows, None]] = -1
        rerank(queries[rows], x, candidates, metric == "cosine", indices[rows], distances[rows])

    in_threads(search, blocks(p, max(64, min(BLOCK, -(-p // cores())))))
    return indices, distances


def exact(x: Array, k: int, metric: str, progress: Progress = silent, block: int = BLOCK) -> tuple[Array, Array]:
    """Exact search among all rows, which all differ: each product serves both its row and its column.

    Args:
        x: (n, d) from `comparable`.
        k: at most n - 1.
        block: rows multiplied at a time.

    Returns:
        indices (n, k) int32 and distances (n, k) float32, nearest first, ties by row number.
    """
    from .engines.neighbor_kernels import merge_block, merge_both, rerank

    n = len(x)
    indices, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    if k == 0:
        return indices, distances
    centred = x if metric == "cosine" else _centred(x)[0]
    half = _half_squares(centred, metric)
    keys, candidates = _nothing_yet(n, n - 1 if n <= 256 else k + SPARE)
    parts = list(blocks(n, block))
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


def approximate(x: Array, k: int, metric: str, progress: Progress, seed: int) -> tuple[Array, Array, Facts]:
    """Cells, then joins until the certified recall is reached.

    Where they do not get there, as on vectors that are all about equally far apart, up to 200,000 rows are searched
    exactly after all; the graph of more rows says in its facts what recall it has.

    Args:
        x: (n, d) from `comparable`, rows that all differ.
        k: at most n - 1.

    Returns:
        indices, distances as `exact` returns them, and facts: `engine`, `recall` at k = 15, `rounds` of joins, or the
        recall that they were `stuck_at`.
    """
    ground = x if metric == "cosine" else _centred(x)[0]  # float32 squares of far or huge values say nothing
    progress(0, ROUNDS + 3, "putting samples into cells")
    given = sketch(ground, seed)
    progress(1, ROUNDS + 3, "comparing samples cell by cell")
    candidates = meet(given, min(k + WIDER, len(x) - 1), CELLS)
    found, facts = raised(ground, given, candidates, k, metric, progress, seed)
    if found is None:
        return *exact(x, k, metric, progress), {"engine": "exact", "recall": 1.0, **facts}
    return *ranked(x, found, k, metric), {"engine": "cells and joins", "axes": given.head.shape[1], **facts}


def raised(
    x: Array, given: Sketch, candidates: Array, k: int, metric: str, progress: Progress, seed: int
) -> tuple[Array | None, Facts]:
    """Joins until enough of the k nearest are among the candidates, as certified by an exact search of some rows.

    Args:
        x: (n, d) from `comparable`, centred under the Euclidean metric; given: its sketch.
        candidates: (n, w) places that may be neighbors, w >= k, nearest first, -1 for none.
        seed: of the rows searched exactly.

    Returns:
        (n, w) rows that are better candidates, row by row, or None where joins do not get there and n is small
        enough for an exact search; facts.
    """
    n, at = len(x), min(15, k)
    probes = np.sort(np.random.default_rng(seed).choice(n, min(PROBES, n), replace=False))
    progress(2, ROUNDS + 3, "searching a sample exactly")
    truth = nearest(x[probes], x, at, metric, own=probes)[1]
    recall = before = 0.0
    for rounds in range(1, ROUNDS + 1):
        offered = OFFERED[min(rounds, len(OFFERED)) - 1]
        candidates = joined(x, given, candidates, offered)
        found = ranked(x, in_rows(given, candidates), k, metric, probes)[1][:, :at]
        recall, before = certified_recall(found, truth), recall
        if recall >= RECALL or recall < before + LEAST_GAIN:
            break
        progress(rounds + 2, ROUNDS + 3, f"raising the recall from {recall:.3f}")
    if recall < RECALL and n <= FALL_BACK_UP_TO:
        return None, {"stuck_at": round(recall, 4)}
    return in_rows(given, candidates), {"recall": round(recall, 4), "rounds": rounds}


def in_rows(given: Sketch, candidates: Array) -> Array:
    """Lists of places, place by place, as lists of rows, row by row."""
    rows = np.empty_like(candidates)
    for part in blocks(len(candidates)):
        lists = candidates[part]
        rows[given.order[part]] = np.where(lists < 0, -1, given.order[lists])
    return rows


def certified_recall(found: Array, truth: Array) -> float:
    """Share of the true neighbors found. One is found if it is no farther than the last true one, so ties count."""
    reach = truth[:, -1:] * (1 + 1e-5) + 1e-9
    return float(np.mean(found <= reach))


def ranked(x: Array, candidates: Array, k: int, metric: str, only: Array | None = None) -> tuple[Array, Array]:
    """The k best of the candidates of x's first rows by exact distance; rows that got too few are searched exactly.

    Args:
        candidates: (p, c) rows of x, -1 for none; the row itself does not count.
        only: rank these rows instead of all p.
    """
    from .engines.neighbor_kernels import rerank

    chosen = np.arange(len(candidates)) if only is None else only
    indices, distances = np.empty((len(chosen), k), np.int32), np.empty((len(chosen), k), np.float32)

    def rank(part: slice) -> None:
        rows = chosen[part]
        others = np.where(candidates[rows] == rows[:, None], -1, candidates[rows]).astype(np.int32)
        rerank(x[rows], x, others, metric == "cosine", indices[part], distances[part])

    in_threads(rank, blocks(len(chosen)))
    short = np.flatnonzero(indices[:, -1] < 0)
    if len(short):
        indices[short], distances[short] = nearest(x[chosen[short]], x, k, metric, own=chosen[short])
    return indices, distances


def joined(x: Array, given: Sketch, candidates: Array, offered: int, chunk: int = ROWS) -> Array:
    """One round of descent: rows meet the neighbors of their neighbors, and those of the rows that list them.

    Args:
        x: (n, d) from `comparable`; given: its sketch.
        candidates: (n, w) places, nearest first, -1 for none.
        offered: how many of its neighbors, and of the rows that list it, each row passes on.
        chunk: rows improved at a time.

    Returns:
        (n, w) the nearest of the places met, nearest first, -1 for none.
    """
    from .engines.neighbor_kernels import join

    n, w = candidates.shape
    offered = min(offered, w)
    near = candidates[:, :offered].ravel()
    order = np.argsort(near, kind="stable")
    listed_by = (order // offered).astype(np.int32)
    starts = np.searchsorted(near[order], np.arange(n + 1))
    better = np.empty_like(candidates)

    def improve(rows: slice) -> None:
        keys = np.empty((rows.stop - rows.start, w), np.float32)
        join(
            x,
            given.order,
            given.head,
            given.rest,
            rows.start,
            candidates,
            starts,
            listed_by,
            offered,
            keys,
            better[rows],
        )

    in_threads(improve, blocks(n, chunk))
    return better


def _half_squares(x: Array, metric: str) -> Array:
    if metric == "cosine":
        return np.zeros(len(x), dtype=np.float32)  # equal for all unit rows
    half: Array = np.einsum("ij,ij->i", x, x) / np.float32(2)
    return half


def _centred(x: Array) -> tuple[Array, Callable[[Array], Array]]:
    """x moved to its mean and scaled to at most 1, and what does the same to other rows.

    It ranks Euclidean distances alike; products keep their digits and squares do not overflow.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    largest = max((float(np.abs(x[rows] - mean).max(initial=0)) for rows in blocks(len(x))), default=0) or 1.0

    def move(rows: Array) -> Array:
        moved = np.empty(rows.shape, np.float32)
        for part in blocks(len(rows)):
            moved[part] = (rows[part] - mean) / largest
        return moved

    return move(x), move


def _nothing_yet(n: int, k: int) -> tuple[Array, Array]:
    return np.full((n, k), np.inf, dtype=np.float32), np.full((n, k), -1, dtype=np.int32)
