"""Vectors made ready for comparison: unit rows, distances between blocks, and rows that are copies of one another."""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.blocks import blocks

METRICS = ("cosine", "euclidean")
WIDE_ROWS = 256  # rows that are held in float64 at a time: few enough to stay in the cache


def comparable(x: Array, metric: str) -> Array:
    """Rows whose Euclidean distances say everything about `metric`.

    Under cosine rows get unit length, so |a - b|^2 = 2 (1 - cos(a, b)). A zero vector has no direction: it becomes
    a unit vector along an extra axis, so it is at cosine distance 0 from other zero vectors and 1 from all others.
    Under the Euclidean metric rows stay as they are.

    Args:
        x: (n, d) finite floats, also float16. Not changed.
        metric: "cosine" or "euclidean".

    Returns:
        (n, d) float32, C-contiguous, or (n, d + 1) where cosine meets zero vectors. It is `x` itself when that is
        comparable already, so that a million vectors are not held twice.
    """
    if metric == "euclidean":
        return np.ascontiguousarray(x, dtype=np.float32)
    lengths = row_lengths(x)
    if x.dtype == np.float32 and x.flags.c_contiguous and len(x) and bool(np.all(np.abs(lengths - 1) < 1e-6)):
        return x
    zero = lengths == 0
    n, d = x.shape
    unit = np.zeros((n, d + bool(zero.any())), dtype=np.float32)
    for rows in blocks(n, WIDE_ROWS):
        scale = np.where(zero[rows], 1, lengths[rows])[:, None]
        unit[rows, :d] = x[rows].astype(np.float64) / scale
    unit[zero, d:] = 1
    return unit


def row_lengths(x: Array) -> Array:
    """Euclidean length of each row in float64, free of the overflow that float16 and float32 squares have. (n,)"""
    lengths = np.empty(len(x))
    for rows in blocks(len(x), WIDE_ROWS):
        wide = x[rows].astype(np.float64)
        lengths[rows] = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return lengths


def distance_block(a: Array, b: Array, metric: str) -> Array:
    """Distances between every row of `a` and every row of `b`, both from `comparable`.

    Args:
        a: (p, d), b: (q, d); of one dtype, in which the product is computed. Small differences of far vectors lose
            digits in float32; centre Euclidean vectors first.

    Returns:
        (p, q): 1 - cos in [0, 2], or the Euclidean distance.
    """
    products: Array = a @ b.T
    if metric == "cosine":
        np.subtract(1, products, out=products)
        np.maximum(products, 0, out=products)
        return products
    products *= -2
    products += np.einsum("ij,ij->i", a, a)[:, None]
    products += np.einsum("ij,ij->i", b, b)
    np.maximum(products, 0, out=products)
    np.sqrt(products, out=products)
    return products


def copies(x: Array) -> Array:
    """For each row the number of the first row that is bit for bit the same; its own number if it is the first. (n,)

    Args:
        x: (n, d) float32, C-contiguous.
    """
    n, d = x.shape
    # A random linear hash of the bits of each row: integer sums wrap, so they do not depend on the order.
    weights = np.random.default_rng(0).integers(1, 2**63, size=d, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    hashes = np.empty(n, dtype=np.uint64)
    for rows in blocks(n, 4096):
        positive_zeros = x[rows] + np.float32(0)  # -0.0 equals 0.0, with other bits
        hashes[rows] = positive_zeros.view(np.uint32).astype(np.uint64) @ weights
    _, first, member = np.unique(hashes, return_index=True, return_inverse=True)
    first_row = first[member]
    repeated = np.flatnonzero(first_row != np.arange(n))
    for part in blocks(len(repeated), 4096):
        later = repeated[part]
        differ = later[(x[later] != x[first_row[later]]).any(axis=1)]  # equal hash, different row
        first_row[differ] = differ
    return first_row
