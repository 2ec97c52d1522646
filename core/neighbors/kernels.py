"""Inner loops of the neighbor graph: running top-k over blocks of products, and exact re-ranking."""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.compiled import compiled


@compiled
def push(keys: Array, rows: Array, key: float, row: int) -> None:
    """Insert into a list sorted by (key, row), dropping its last entry. The key is at most that of the last entry."""
    at = keys.shape[0] - 1
    if key == keys[at] and row > rows[at]:
        return
    while at > 0 and (keys[at - 1] > key or (keys[at - 1] == key and rows[at - 1] > row)):
        keys[at] = keys[at - 1]
        rows[at] = rows[at - 1]
        at -= 1
    keys[at] = key
    rows[at] = row


@compiled
def merge_block(products: Array, half_squares: Array, row0: int, column0: int, keys: Array, rows: Array) -> None:
    """Offer every column of a block of products to the running top-k of the block's rows.

    |a - b|^2 / 2 - |a|^2 / 2 = |b|^2 / 2 - a.b ranks the columns b of one row a.

    Args:
        products: (p, q) scalar products of p rows with q columns.
        half_squares: (q,) half squared length of each column.
        row0: number of the first row, or -1 when the rows are not among the columns; a row never meets itself.
        column0: number of the first column.
        keys, rows: (p, k) running top-k of these p rows, changed in place.
    """
    p, q = products.shape
    last = keys.shape[1] - 1
    for i in range(p):
        worst = keys[i, last]
        own = row0 + i - column0 if row0 >= 0 else -1
        for j in range(q):
            key = half_squares[j] - products[i, j]
            if key <= worst and j != own:
                push(keys[i], rows[i], key, column0 + j)
                worst = keys[i, last]


@compiled
def merge_both(products: Array, half_squares: Array, row0: int, column0: int, keys: Array, rows: Array) -> None:
    """Offer a block above the diagonal to its rows and, mirrored, to its columns: each product is computed once.

    Args:
        products: (p, q) scalar products of rows row0... with rows column0..., row0 + p <= column0.
        half_squares: (n,) half squared lengths.
        keys, rows: (n, k) running top-k of all rows, changed in place.
    """
    p, q = products.shape
    last = keys.shape[1] - 1
    worst_of_column = keys[column0 : column0 + q, last].copy()
    half_of_column = half_squares[column0 : column0 + q]
    for i in range(p):
        row = row0 + i
        worst = keys[row, last]
        half = half_squares[row]
        for j in range(q):
            product = products[i, j]
            key = half_of_column[j] - product
            mirrored = half - product
            if key <= worst:
                push(keys[row], rows[row], key, column0 + j)
                worst = keys[row, last]
            if mirrored <= worst_of_column[j]:
                push(keys[column0 + j], rows[column0 + j], mirrored, row)
                worst_of_column[j] = keys[column0 + j, last]


@compiled
def rerank(queries: Array, x: Array, candidates: Array, cosine: bool, indices: Array, distances: Array) -> None:
    """Exact distances of each query's candidates, sorted by (distance, row); the best fill `indices`.

    Differences are taken before squaring, so that near-copies keep their digits. On unit rows half the squared
    distance is 1 - cos.

    Args:
        queries: (p, d); x: (n, d), both from `comparable`.
        candidates: (p, c) rows of x, c >= k; -1 for none.
        cosine: the metric.
        indices, distances: (p, k), written; -1 and infinity where there are too few candidates.
    """
    k = indices.shape[1]
    for i in range(candidates.shape[0]):
        for at in range(k):
            indices[i, at] = -1
            distances[i, at] = np.inf
        for c in range(candidates.shape[1]):
            row = candidates[i, c]
            if row < 0:
                continue
            total = 0.0
            for t in range(x.shape[1]):
                difference = np.float64(queries[i, t]) - np.float64(x[row, t])
                total += difference * difference
            distance = np.float32(total / 2 if cosine else np.sqrt(total))
            if distance <= distances[i, k - 1]:
                push(distances[i], indices[i], distance, row)


@compiled
def replace_largest(keys: Array, rows: Array, key: float, row: int) -> None:
    """Put an entry in the place of the one of the largest key, in a heap that has it at the root.

    For lists of a hundred it is several times faster than to keep them sorted.
    """
    size = keys.shape[0]
    at = 0
    child = 1
    while child < size:
        if child + 1 < size and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= key:
            break
        keys[at] = keys[child]
        rows[at] = rows[child]
        at = child
        child = 2 * at + 1
    keys[at] = key
    rows[at] = row


@compiled
def merge_members(
    products: Array, half_squares: Array, lines: Array, own: Array, column0: int, keys: Array, rows: Array
) -> None:
    """Offer every column of a block of products to the running top-k of some rows; a row never meets itself.

    Args:
        products: (p, q) scalar products of p rows with q columns.
        half_squares: (q,) half squared length of each column.
        lines: (p,) which lines of `keys` are theirs.
        own: (p,) the column that each of them is itself.
        column0: number of the first column.
        keys, rows: (b, k) running top-k as heaps, the largest key first, changed in place.
    """
    p, q = products.shape
    for i in range(p):
        line = lines[i]
        worst = keys[line, 0]
        itself = own[i] - column0
        for j in range(q):
            key = half_squares[j] - products[i, j]
            if key < worst and j != itself:
                replace_largest(keys[line], rows[line], key, column0 + j)
                worst = keys[line, 0]
