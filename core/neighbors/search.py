"""The search behind the neighbor graph, among rows that all differ: exact, or approximate with certified recall.

Exact: blocked matrix products with a running top-k, never n x n; the best candidates are ranked again by exact
distances. Approximate: each row meets the rows of the cells nearest to it (`neighbor_cells.py`) along a few axes, and
the likely nearest are ranked by exact distances. 500 random rows, searched exactly, try first how many axes and cells
it takes to find .99 of the neighbors.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.blocks import blocks
from ..base.threads import blas_threads, cores, in_threads
from .cells import Cells, as_they_come, heads, in_cells, meet, principal_axes

BLOCK = 1024
SPARE = 8  # candidates kept beyond k: float32 products near the k-th place may be in the wrong order
PROBES = 500
RECALL = 0.992  # aimed at on the rows that choose axes and cells, so that .99 holds on others
CEILING = 0.996  # recall along the axes alone, with all cells asked
CANDIDATES = 64  # ranked by exact distances for each row, or twice k
AXES = (64, 96, 128, 192, 256, 320, 384, 512, 768, 1024)
CELLS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512)
EXACT_AFTER_ALL_UP_TO = 200_000  # rows up to which the search is exact where cells do not get there


def nearest(queries: Array, x: Array, k: int, metric: str, own: Array | None = None) -> tuple[Array, Array]:
    """Exact k nearest rows of x for each query, without regard to copies.

    Args:
        queries: (p, d), x: (n, d): both from one call of `comparable`.
        k: at most n, or n - 1 with `own`.
        own: (p,) the row of x that each query is, left out of its neighbors.

    Returns:
        indices (p, k) int32 and distances (p, k) float32, nearest first, ties by row number.
    """
    from .kernels import merge_block, rerank

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
    from .kernels import merge_block, merge_both, rerank

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
    """As many axes and cells as the recall takes.

    Where that is most of the cells, or more than there are in `CELLS`, as on vectors that are all about equally far
    apart, up to 200,000 rows are searched exactly after all; the graph of more rows says in its facts what recall it
    has.

    Args:
        x: (n, d) from `comparable`, rows that all differ.
        k: at most n - 1.

    Returns:
        indices, distances as `exact` returns them, and facts: `engine`, and `recall` at k = 15 of the rows that chose
        `axes` and `cells`.
    """
    progress(0, 3, "choosing how to search for neighbors")
    width = min(max(CANDIDATES, 2 * k), len(x) - 1)
    with blas_threads(1):
        given, cells, recall = chosen(x, k, width, metric, seed)
    if len(x) <= EXACT_AFTER_ALL_UP_TO and (recall < RECALL or 2 * cells > len(given.centres)):
        return *exact(x, k, metric, progress), {"engine": "exact", "recall": 1.0}
    candidates = meet(given, width, cells, progress=progress)
    progress(2, 3, "comparing samples exactly")
    indices, distances = np.empty((len(x), k), np.int32), np.empty((len(x), k), np.float32)
    indices[given.order], distances[given.order] = ranked(x, candidates, k, metric, own=given.order)
    axes = given.heads.head.shape[1] - 1
    return indices, distances, {"engine": "cells", "recall": round(recall, 4), "axes": axes, "cells": cells}


def chosen(x: Array, k: int, width: int, metric: str, seed: int) -> tuple[Cells, int, float]:
    """Cells along as few axes as will do, how few of them each row has to ask, and the recall that random rows had.

    Args:
        width: candidates that will be ranked exactly.
    """
    n, at = len(x), min(15, k)
    ground = x if metric == "cosine" else _centred(x)[0]  # float32 squares of far or huge values say nothing
    probes = np.sort(np.random.default_rng(seed).choice(n, min(PROBES, n), replace=False))
    truth = nearest(x[probes], x, at, metric, own=probes)[1]

    def recall(given: Cells, cells: int | None) -> float:
        places = np.empty(n, dtype=np.int64)
        places[given.order] = np.arange(n)
        met = meet(given, width, cells, places[probes])
        return certified_recall(ranked(x, met, at, metric, own=probes)[1], truth)

    axes = principal_axes(ground, seed)
    for m in (*(m for m in AXES if m < x.shape[1]), x.shape[1]):
        along = heads(ground, axes, m)
        if recall(as_they_come(along), None) >= CEILING:
            break
    given, reached = in_cells(along, seed), 0.0
    for cells in CELLS:
        reached = recall(given, cells)
        if reached >= RECALL:
            break
    return given, min(cells, len(given.centres)), reached


def certified_recall(found: Array, truth: Array) -> float:
    """Share of the true neighbors found. One is found if it is no farther than the last true one, so ties count."""
    reach = truth[:, -1:] * (1 + 1e-5) + 1e-9
    return float(np.mean(found <= reach))


def ranked(x: Array, candidates: Array, k: int, metric: str, own: Array | None = None) -> tuple[Array, Array]:
    """The k best of some rows' candidates by exact distance; rows that got too few are searched exactly.

    Args:
        candidates: (p, c) rows of x, -1 for none; the row itself does not count.
        own: (p,) the rows of x whose candidates they are; the first p when None.
    """
    from .kernels import rerank

    rows = np.arange(len(candidates)) if own is None else own
    indices, distances = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)

    def rank(part: slice) -> None:
        others = np.where(candidates[part] == rows[part, None], -1, candidates[part]).astype(np.int32)
        rerank(x[rows[part]], x, others, metric == "cosine", indices[part], distances[part])

    in_threads(rank, blocks(len(rows)))
    short = np.flatnonzero(indices[:, -1] < 0)
    if len(short):
        indices[short], distances[short] = nearest(x[rows[short]], x, k, metric, own=rows[short])
    return indices, distances


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
