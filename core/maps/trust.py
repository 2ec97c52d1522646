"""How far a map can be trusted: what of the neighborhoods and distances among all vectors is still there on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array, Facts
from ..base.graph import Graph
from ..neighbors.distances import distance_block

FEWEST = 5  # samples, and different vectors, below which neighborhoods say nothing
NEIGHBORHOOD = 15


def quality(x: Array, points: Array, graph: Graph, seed: int) -> Facts:
    """How far a map can be trusted, each in [0, 1], high = good; what few samples cannot say is left out.

    * trustworthiness (Venna & Kaski 2001): 1 when the 15 neighbors on the map are neighbors in truth, .5 at random.
    * neighbors_kept: share of the 15 nearest in the graph that are among the 15 nearest on the map.
    * triplet_accuracy: of random triples, the share whose order of the two distances is the same on the map.

    Measured on a random sample of rows, against all rows.

    Args:
        x: (n, d) from `comparable`; points: (n, dims).
    """
    n = len(x)
    k = min(NEIGHBORHOOD, graph.k, (n - 1) // 2 - 1)
    facts: Facts = {}
    if n < FEWEST:
        return facts
    rng = np.random.default_rng(seed)
    facts["triplet_accuracy"] = round(_triplets(x, points, rng), 4)
    if k < 1:
        return facts
    from scipy.spatial import cKDTree

    rows = np.sort(rng.choice(n, min(n, 2_000), replace=False))
    near = _nearest_on_map(cKDTree(points), points, rows, k)
    kept = [len(np.intersect1d(a, b)) for a, b in zip(near, graph.indices[rows, :k], strict=True)]
    facts["neighbors_kept"] = round(float(np.mean(kept)) / k, 4)
    fewer = np.arange(len(rows))[:: max(1, len(rows) * n // 20_000_000)]
    facts["trustworthiness"] = round(_trustworthiness(x, rows[fewer], near[fewer], graph.metric), 4)
    return facts


def _nearest_on_map(tree: Any, points: Array, rows: Array, k: int) -> Array:
    """(r, k) nearest other points of some points."""
    found = tree.query(points[rows], k=k + 1, workers=-1)[1]
    itself = found == rows[:, None]
    itself[~itself.any(axis=1), -1] = True  # among copies the row may not be in its own list
    others: Array = found[~itself].reshape(len(rows), k)
    return others


def _trustworthiness(x: Array, rows: Array, near: Array, metric: str) -> float:
    n, k = len(x), near.shape[1]
    excess = 0.0
    for start in range(0, len(rows), 64):
        part = slice(start, start + 64)
        distances = distance_block(x[rows[part]], x, metric)
        distances[np.arange(len(distances)), rows[part]] = -1
        ordered = np.sort(distances, axis=1)
        for line, row in zip(ordered, np.take_along_axis(distances, near[part], axis=1), strict=True):
            excess += int(np.maximum(np.searchsorted(line, row) - k, 0).sum())  # the row itself has rank 0
    return float(1 - excess * 2 / (len(rows) * k * (2 * n - 3 * k - 1)))


def _triplets(x: Array, points: Array, rng: np.random.Generator) -> float:
    n = len(x)
    a = rng.integers(n, size=min(5 * n, 50_000))
    b, c = (a + rng.integers(1, n, size=len(a))) % n, (a + rng.integers(1, n, size=len(a))) % n
    a, b, c = a[b != c], b[b != c], c[b != c]
    true = np.sign(_apart(x, a, b) - _apart(x, a, c))
    shown = np.sign(_apart(points, a, b) - _apart(points, a, c))
    return float(np.mean(true == shown)) if len(a) else 1.0


def _apart(x: Array, a: Array, b: Array) -> Array:
    return np.concatenate(
        [
            np.square(x[a[start : start + 4096]] - x[b[start : start + 4096]], dtype=np.float64).sum(axis=1)
            for start in range(0, len(a), 4096)
        ]
        or [np.empty(0)]
    )
