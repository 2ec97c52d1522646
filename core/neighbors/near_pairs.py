"""Pairs of samples that are nearer than a threshold: all of them, from the shared graph, without a second search.

The graph lists a limited number of neighbors. Rows whose last listed neighbor is still within the threshold (bursts,
augmented copies, frames of a video) are compared with all others, so no pair is missed because a list was full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.blocks import blocks
from ..base.graph import Graph
from ..base.params import ParamError
from .distances import comparable, copies

MOST_PAIRS = 5_000_000
TYPICAL_RANK = 10
NARROWER = 0.75  # of a distance within which there are too many pairs
SMALL = 10  # at least this many rows per rank looked at
BLOCK = 512
ROUNDING = np.float32(1e-6)  # float32 vectors are not known to more digits


@dataclass(frozen=True)
class NearPairs:
    """Pairs of different vectors within a threshold.

    Attributes:
        copy_of: (n,) first row with the same vector, bit for bit; its own number for the first.
        one, other: (p,) int64 rows that are first of their vector, one < other, in order of (one, other).
        similarity: (p,) float32 cosine.
    """

    copy_of: Array
    one: Array
    other: Array
    similarity: Array


def automatic_threshold(graph: Graph, share: float) -> float:
    """Cosine similarity above which two samples are far nearer than neighbors of this set usually are.

    1 - t = share * median distance to the 10th neighbor. The 10th, since in a set full of copies the nearest ones
    are copies; in sets of fewer than 100 samples a tenth of the set, for farther ones lie in other clusters. A set of
    one vector only has threshold 1.

    Args:
        graph: under the cosine metric.
        share: of the usual distance.
    """
    if graph.k == 0:
        return 1.0
    rank = min(TYPICAL_RANK, graph.k, max(graph.n // SMALL, 1))
    return float(1 - share * np.median(graph.distances[:, rank - 1]))


def pairs_within(x: Array, graph: Graph, threshold: float, progress: Progress = silent) -> NearPairs:
    """All pairs of different vectors with a cosine similarity of at least `threshold`.

    Args:
        x: (n, d), the vectors that the graph was built from.
        graph: under the cosine metric.

    Raises:
        ParamError: there are more than five million pairs.
    """
    return pairs_down_to(x, graph, threshold, threshold, progress)[0]


def pairs_down_to(
    x: Array, graph: Graph, threshold: float, highest: float, progress: Progress = silent
) -> tuple[NearPairs, float]:
    """The same down to a threshold, or as far down as five million pairs go, which in a dense set is less far.

    Args:
        highest: the threshold that has to be reached.

    Returns:
        the pairs, and the threshold that was reached

    Raises:
        ParamError: there are more than five million pairs at the highest threshold already.
    """
    vectors = comparable(x, "cosine")
    found = _found(vectors, graph, threshold, progress)
    while found is None and threshold < highest:
        threshold = min(1 - NARROWER * (1 - threshold), highest)
        found = _found(vectors, graph, threshold, progress)
    if found is None:
        raise ParamError(
            f"threshold must be high enough to pair at most {MOST_PAIRS:,} samples; got {threshold:.4g}, "
            "which pairs more: raise it"
        )
    return found, threshold


def _found(vectors: Array, graph: Graph, threshold: float, progress: Progress) -> NearPairs | None:
    """The pairs within a threshold; None where they are too many."""
    copy_of = copies(vectors)
    reach = np.float32(1 - threshold) + ROUNDING
    near = graph.distances <= reach
    full = np.flatnonzero(near[:, -1] & (copy_of == np.arange(graph.n))) if graph.k else np.zeros(0, np.int64)
    rows, places = np.nonzero(near)
    found = [copy_of[np.stack([rows, graph.indices[rows, places]], axis=1)]]
    firsts = np.flatnonzero(copy_of == np.arange(graph.n))
    count = len(rows)
    for part in blocks(len(full), BLOCK):
        progress(part.start, len(full), "looking beyond full lists of neighbors")
        own = full[part]
        at, near_to = np.nonzero(vectors[own] @ vectors[firsts].T >= 1 - reach - ROUNDING)
        found.append(np.stack([own[at], firsts[near_to]], axis=1))
        count += len(at)
        if count > 2 * MOST_PAIRS:
            return None
    pairs = np.sort(np.concatenate(found), axis=1).astype(np.int64)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    similarity = _similarity(vectors, pairs)
    within = 1 - similarity <= reach
    return NearPairs(copy_of, pairs[within, 0], pairs[within, 1], similarity[within])


def _similarity(vectors: Array, pairs: Array) -> Array:
    """Cosines by differences before squares, as in the graph: near-copies keep their digits. (p,) float32"""
    similarity = np.empty(len(pairs), np.float32)
    for part in blocks(len(pairs)):
        difference = vectors[pairs[part, 0]].astype(np.float64) - vectors[pairs[part, 1]]
        similarity[part] = 1 - np.einsum("ij,ij->i", difference, difference) / 2
    return similarity
