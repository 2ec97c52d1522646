"""Copies share a place on the map: one of them is laid out, and the others lie a hair beside it.

A layout knows each row by its nearest neighbors. Twenty equal rows fill each other's lists, and then nothing holds
them together with the rest nor, in the end, with one another: beside 200 others UMAP put them 3 to 9 times farther
apart than different rows lie from their nearest, t-SNE across half the map. So a row follows an earlier one that it
equals, or that is so near it that no eye could tell them on the map.
"""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.graph import Graph
from ..probes.folds import connected

NEAR = 0.15  # of the typical Euclidean distance to the last neighbor: what is nearer has one place
SMALL = 10  # rows per neighbor looked at, at least: farther ones of a small set lie in other clusters
HAIR = 0.1  # of the distance to the nearest place on the map, and of the middle of these: how far beside it


def leaders(x: Array, graph: Graph) -> Array:
    """(n,) int64: the row whose place each row takes; its own number where it has one of its own.

    No row follows one that follows another, and none follows one farther away than the limit: a film whose pictures
    change little by little is cut into stretches, not drawn as one point.

    Args:
        x: (n, d) from `comparable`.
        graph: of x.
    """
    leader = np.arange(graph.n)
    if graph.k == 0:
        return leader
    typical = float(np.median(graph.distances[:, min(graph.k, max(graph.n // SMALL, 1)) - 1]))
    reach = NEAR * typical if graph.metric == "euclidean" else NEAR**2 * typical  # 1 - cos goes as the square
    apart = NEAR * (typical if graph.metric == "euclidean" else np.sqrt(2 * typical))
    row, column = np.nonzero(graph.distances <= reach)
    if not len(row):
        return leader
    group = connected(graph.n, row, graph.indices[row, column])
    left = np.flatnonzero(np.bincount(group)[group] > 1)
    while len(left):  # the first row left of each group leads those within reach of it
        _, first, member = np.unique(group[left], return_index=True, return_inverse=True)
        leads = left[first][member]
        near = np.concatenate(
            [
                np.linalg.norm(x[left[start : start + 4096]] - x[leads[start : start + 4096]], axis=1)
                for start in range(0, len(left), 4096)
            ]
        )
        follows = (near <= apart) | (left == leads)
        leader[left[follows]] = leads[follows]
        left = left[~follows]
    return leader


def beside(places: Array, leader: Array, seed: int) -> Array:
    """(n, dims) float32 places of all rows, from those of the rows that have one of their own.

    A follower lies in a random direction from its leader, within a tenth of the leader's distance to the nearest other
    place: near enough to be seen as one with it, and not under it.

    Args:
        places: (m, dims) of the m rows that follow none, in order.
        leader: (n,) of `leaders`.
        seed: of the directions.
    """
    from scipy.spatial import cKDTree

    own = leader == np.arange(len(leader))
    at = (np.cumsum(own) - 1)[leader]
    points = places[at].astype(np.float64)
    followers = np.flatnonzero(~own)
    if len(followers) and len(places) > 1:
        nearest = cKDTree(places).query(places[at[followers]], k=2)[0][:, 1]
        middle = float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
        rng = np.random.default_rng(seed)
        way = rng.normal(size=(len(followers), places.shape[1]))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        far = HAIR * np.clip(nearest, 0.01 * middle, middle) * rng.uniform(0.3, 1, size=len(followers))
        points[followers] += far[:, None] * way
    return np.ascontiguousarray(points, dtype=np.float32)
