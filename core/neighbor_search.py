"""The search behind the neighbor graph, among rows that all differ: exact, or approximate with certified recall.

Exact: blocked matrix products with a running top-k, never n x n; the best candidates are ranked again by exact
distances. Approximate: nearest-neighbor descent (Dong, Charikar & Li 2011, https://doi.org/10.1145/1963405.1963487, by
pynndescent); then rows meet those of the cells nearest to them (`neighbor_cells.py`), ever more cells, until the recall
on 500 random rows searched exactly reaches 0.99. The two complete each other: descent misses neighbors that no neighbor
lists, such as those of rows at the fringe of a large group, and cells know nothing of lists.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np

from .distances import blocks
from .method import Array, Facts, Progress, silent
from .neighbor_cells import Sketch, meet, sketch
from .threads import blas_threads, cores, in_threads

BLOCK = 1024
SPARE = 8  # candidates kept beyond k: float32 products near the k-th place may be in the wrong order
RECALL = 0.99
PROBES = 500
FALL_BACK_UP_TO = 200_000  # rows up to which the search is exact after all where cells do not get there
CELLS = (16, 32, 64, 128, 256)  # nearest ones that each row has asked after each round
LEAST_GAIN = 0.001  # in recall, below which a round shows that the search is stuck


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
    """Descent, then cells until the certified recall is reached.

    Where they do not get there, as on vectors that are all about equally far apart, up to 200,000 rows are searched
    exactly after all; the graph of more rows says in its facts what recall it has.

    Args:
        x: (n, d) from `comparable`, rows that all differ.
        k: at most n - 1.

    Returns:
        indices, distances as `exact` returns them, and facts: `engine`, `recall` at k = 15, `cells` asked, or the
        recall that they were `stuck_at`.
    """
    ground = x if metric == "cosine" else _centred(x)[0]  # float32 squares of far or huge values say nothing
    progress(0, len(CELLS) + 2, "building the neighbor graph")
    lists = descent(ground, min(k + SPARE, len(x) - 1), seed)
    progress(1, len(CELLS) + 2, "putting samples into cells")
    found, facts = raised(ground, sketch(ground, seed), lists, k, metric, progress, seed)
    if found is None:
        return *exact(x, k, metric, progress), {"engine": "exact", "recall": 1.0, **facts}
    return *ranked(x, found, k, metric), {"engine": "descent and cells", **facts}


def descent(x: Array, width: int, seed: int) -> Array:
    """(n, width) int32 rows that are probably near, nearest first, by nearest-neighbor descent; the row itself too."""
    from pynndescent import NNDescent

    with blas_threads(1):
        index = NNDescent(x, metric="euclidean", n_neighbors=width, random_state=seed, low_memory=True, n_jobs=cores())
    return np.asarray(index.neighbor_graph[0], dtype=np.int32)


def raised(
    x: Array, given: Sketch, lists: Array, k: int, metric: str, progress: Progress, seed: int
) -> tuple[Array | None, Facts]:
    """Ever more cells, until enough of the k nearest are among the candidates, as an exact search of some rows shows.

    Args:
        x: (n, d) from `comparable`, centred under the Euclidean metric; given: its sketch.
        lists: (n, w) rows that may be neighbors, w >= k, -1 for none.
        seed: of the rows searched exactly.

    Returns:
        (n, w) better candidates, or None where cells do not get there and n is small enough for an exact search; facts.
    """
    n, at = len(x), min(15, k)
    probes = np.sort(np.random.default_rng(seed).choice(n, min(PROBES, n), replace=False))
    truth = nearest(x[probes], x, at, metric, own=probes)[1]

    def certified() -> float:
        return certified_recall(ranked(x, in_rows(given, candidates), k, metric, probes)[1][:, :at], truth)

    candidates = in_places(given, lists)
    recall, asked = certified(), 0
    facts: Facts = {"recall_of_descent": round(recall, 4)}
    for step, cells in enumerate(CELLS):
        if recall >= RECALL or asked >= len(given.centres):
            break
        progress(step + 2, len(CELLS) + 2, f"raising the recall from {recall:.3f}")
        met = meet(given, min(k + SPARE, n - 1), cells, skip=asked)
        candidates = best(x, given, np.hstack([candidates, met]), candidates.shape[1])
        before, recall, asked = recall, certified(), cells
        if recall < before + LEAST_GAIN:
            break
    if recall < RECALL and n <= FALL_BACK_UP_TO:
        return None, facts | {"stuck_at": round(recall, 4)}
    return in_rows(given, candidates), facts | {"recall": round(recall, 4), "cells": asked}


def best(x: Array, given: Sketch, candidates: Array, width: int) -> Array:
    """(n, width) the nearest of each row's candidates, as places, nearest first; a candidate may stand there twice.

    Args:
        x: (n, d); given: its sketch.
        candidates: (n, w) places, -1 for none.
    """
    from .engines.neighbor_kernels import keep_nearest

    found = np.empty((len(candidates), width), np.int32)

    def keep(rows: slice) -> None:
        keep_nearest(x, given.order, given.head, given.rest, rows.start, candidates[rows], found[rows])

    in_threads(keep, blocks(len(candidates)))
    return found


def in_places(given: Sketch, lists: Array) -> Array:
    """Lists of rows, row by row, as lists of places, place by place; a row leaves its own list."""
    place = np.empty(len(lists), dtype=np.int32)
    place[given.order] = np.arange(len(lists), dtype=np.int32)
    moved = np.empty_like(lists)
    for part in blocks(len(lists)):
        rows = lists[given.order[part]]
        moved[part] = np.where(rows < 0, -1, place[rows])
    moved[moved == np.arange(len(lists))[:, None]] = -1
    return moved


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
