"""UMAP's layout of a neighbor graph, by its paper: McInnes, Healy & Melville 2018, https://arxiv.org/abs/1802.03426.

Our own, because of the wait: umap-learn compiles its code anew in every process, which took most of the time of a map.
Here the machine code is kept on disk. The steps are the paper's, with umap-learn's defaults: neighbors become fuzzy
memberships, edges are drawn in proportion to them and pull, random points push.

Letters: n rows, k neighbors, e directed edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.graph import Graph

BISECTIONS = 64
NARROWEST = 1e-3  # width of a neighborhood, in mean distances
SMALL, EPOCHS, FEWER_EPOCHS = 10_000, 500, 200  # rows up to which all epochs are taken
PUSHES = 5  # random points for each edge drawn
EXTENT = 10.0  # of the start
JITTER = 1e-4  # by which copies can part


def umap_layout(graph: Graph, start: Array, min_dist: float, seed: int) -> Array:
    """Lay out the rows of a graph.

    Args:
        graph: neighbors to keep close, without the row itself.
        start: (n, dims) where the layout starts, at any scale.
        min_dist: how tightly points may be packed.

    Returns:
        (n, dims) float32.
    """
    from .layout_kernels import descend

    rng = np.random.default_rng(seed)
    epochs = EPOCHS if graph.n <= SMALL else FEWER_EPOCHS
    head, tail, weight = edges(graph, epochs)
    points = start / max(float(np.abs(start).max()), 1e-12) * EXTENT
    points = points + rng.normal(scale=JITTER, size=points.shape)
    low, high = points.min(axis=0), points.max(axis=0)
    points = (EXTENT * (points - low) / np.maximum(high - low, 1e-12)).astype(np.float32)
    if len(weight):
        a, b = curve(min_dist)
        every = (weight.max() / weight).astype(np.float64)
        descend(points, head, tail, every, a, b, epochs, PUSHES, np.uint64(rng.integers(1, 2**63)))
    return np.asarray(points)


def edges(graph: Graph, epochs: int) -> tuple[Array, Array, Array]:
    """Rows, columns and memberships of the symmetric fuzzy graph, (e,) each, without edges that no epoch would draw.

    The union of two fuzzy sets: p + q - p q, of the memberships in both directions.
    """
    from scipy.sparse import coo_matrix

    rows = np.repeat(np.arange(graph.n), graph.k)
    one_way = coo_matrix((memberships(graph.distances).ravel(), (rows, graph.indices.ravel())), (graph.n, graph.n))
    one_way = one_way.tocsr()
    other = one_way.T.tocsr()
    both = (one_way + other - one_way.multiply(other)).tocoo()
    drawn = both.data >= both.data.max(initial=0.0) / epochs
    return both.row[drawn].astype(np.int32), both.col[drawn].astype(np.int32), both.data[drawn]


def memberships(distances: Array) -> Array:
    """(n, k) float64 in (0, 1]: exp(-(d - nearest) / width), where the widths make each row, itself counted, sum alike.

    The memberships of the k neighbors sum to log2(k + 1); the nearest other point, copies aside, has membership 1.

    Args:
        distances: (n, k) to the neighbors, ascending.
    """
    d = distances.astype(np.float64)
    apart = np.where(d > 0, d, np.inf).min(axis=1, initial=np.inf)
    beyond = np.maximum(d - np.where(np.isfinite(apart), apart, 0.0)[:, None], 0.0)
    wanted = np.log2(d.shape[1] + 1)
    low, high = np.zeros(len(d)), np.full(len(d), np.inf)
    width = np.ones(len(d))
    for _ in range(BISECTIONS):
        total = np.exp(-beyond / width[:, None]).sum(axis=1)
        wide = total > wanted
        high, low = np.where(wide, width, high), np.where(wide, low, width)
        width = np.where(np.isfinite(high), (low + high) / 2, 2 * width)
        width = np.clip(width, 1e-300, 1e300)
    own = np.where(np.isfinite(apart), d.sum(axis=1) / (d.shape[1] + 1), d.mean() if d.size else 1.0)
    width = np.maximum(width, NARROWEST * own)
    return np.asarray(np.exp(-beyond / np.maximum(width, 1e-300)[:, None]))


def curve(min_dist: float) -> tuple[float, float]:
    """a and b of 1 / (1 + a d^2b), fitted to 1 up to `min_dist` and exp(-(d - min_dist)) beyond."""
    from scipy.optimize import curve_fit

    d = np.linspace(0, 3, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    found: Any = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), d, wanted)[0]
    return float(found[0]), float(found[1])
