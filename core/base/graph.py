"""A k-nearest-neighbor graph as arrays; `neighbors/graph.py` builds it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .arrays import Array, Facts


@dataclass(frozen=True)
class Graph:
    """The k nearest neighbors of each of n rows.

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
        """Neighbors of each row."""
        return int(self.indices.shape[1])

    @property
    def similarities(self) -> Array:
        """(n, k) float32: the cosine in [-1, 1], or 1 / (1 + distance) in (0, 1] under the Euclidean metric."""
        return 1 - self.distances if self.metric == "cosine" else 1 / (1 + self.distances)

    def first(self, k: int) -> Graph:
        """The same graph with only the k nearest neighbors of each row."""
        if k >= self.k:
            return self
        return Graph(self.indices[:, :k], self.distances[:, :k], self.metric, self.facts)
