"""Views of what class each row looks like, by models that are fitted once and then leave each row out.

Ridge regression (`core/probes/ridge.py`), mixtures of concepts (`core/labels/class_mixtures.py`) and the votes of the
nearest neighbors. Rows that leave together, such as near-duplicates, do not judge each other. Large sets are asked
about in parts.

Letters: n rows, d dimensions, C classes, k neighbors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array, Facts
from ..probes.folds import groups_of_many
from ..probes.logistic import best_temperature, softmax
from ..probes.ridge import GramSums, Ridge, blocks, choose_penalty, leave_out
from .class_mixtures import Concepts
from .class_probabilities import BLOCK_CELLS

if TYPE_CHECKING:
    from ..base.graph import Graph

View = Callable[[Array], Array]  # (b,) row numbers → (b, C) probabilities

LEAST_TRUST = 0.05
TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(0.0, 6.1, 0.5))
CONCEPT_TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(-6.0, 1.1, 0.5))
POWERS = tuple(float(value) for value in 2.0 ** np.arange(-3.0, 1.1, 0.5))
BANDS, BAND = 3, 100  # bands of rows by how far apart they are, and the fewest rows of a band on average
REACH = 0.3  # of the typical distance to the last neighbor: how fast votes fade with distance
DOUBT = 0.5  # votes' worth of the overall class shares, mixed into every vote
AT_ONCE = 20_000  # rows that concepts score at a time, unless a group is larger
SAMPLE = 20_000  # rows that temperatures and noise are learned on where not all are held


@dataclass(frozen=True)
class LeftOutViews:
    """Labelled rows, and views of each by models that judge it without itself and its group.

    Attributes:
        x: (n, d) float32 of unit length.
        codes: (n,) classes, -1 for none.
        n_classes: C.
        graph: cosine neighbors.
        groups: (n,) rows that leave together, and are asked for together.
        parts: rows that are asked for at a time; a single part where all probabilities are held.
    """

    x: Array
    codes: Array
    n_classes: int
    graph: Graph
    groups: Array
    parts: list[Array]

    @cached_property
    def bands(self) -> Array:
        """(n,) how far apart rows are from others."""
        return bands_of(self.graph, self.groups)

    @cached_property
    def unweighted(self) -> Ridge:
        """Ridge regression that trusts all labels alike."""
        return Ridge.of(GramSums.of(self.x, self.codes, self.n_classes))

    def ridge(self, trust: Array | None = None) -> tuple[Tempered, Facts]:
        """Ridge regression with the penalty of least leave-one-out error, and that penalty and the temperatures.

        Args:
            trust: (n,) weight of each label; all one by default.
        """
        sums = None if trust is None else GramSums.of(self.x, self.codes, self.n_classes, trust)
        ridge = self.unweighted if sums is None else Ridge.of(sums)
        penalty, _ = choose_penalty(ridge, self.x, self.codes, trust)

        def scores(rows: Array) -> Array:
            weights = None if trust is None else trust[rows]
            together = groups_of_many(self.groups[rows])
            return leave_out(ridge, self.x[rows], self.codes[rows], penalty, weights, together).values

        view = self.tempered(scores, TEMPERATURES)
        return view, {"ridge_penalty": penalty, "ridge_temperatures": view.temperatures.tolist()}

    def concepts(self, trust: Array) -> tuple[Tempered, Facts]:
        """Mixtures of concepts (`core/labels/class_mixtures.py`), their number, classes' pull and temperatures.

        Args:
            trust: (n,) positive weight of each label.
        """
        fitted = Concepts.fit(self.x, self.codes, self.groups, self.unweighted, trust)

        def scores(rows: Array) -> Array:
            out = np.empty((len(rows), self.n_classes), np.float32)
            for part in in_parts(self.groups[rows], 1, AT_ONCE):
                out[part] = fitted.scores(rows[part], self.n_classes)
            return out

        view = self.tempered(scores, CONCEPT_TEMPERATURES)
        facts = {"concepts": len(fitted.masses), "concept_pull": fitted.pull}
        return view, facts | {"concept_temperatures": view.temperatures.tolist()}

    def votes(self, trust: Array | None) -> View:
        """Shares of the neighbors' votes.

        Args:
            trust: (n,) in [0, 1], of each voter; all one by default.
        """
        return lambda rows: neighbor_votes(self.graph, self.groups, self.codes, self.n_classes, trust, rows)

    def recalibrated(self, view: View) -> Tempered:
        """Probabilities made more or less pronounced, band by band."""
        return self.tempered(lambda rows: np.log(view(rows) + np.float32(1e-6)), POWERS)

    def tempered(self, scores: View, grid: Sequence[float]) -> Tempered:
        """Scores as probabilities."""
        return Tempered.of(scores, self.codes, self.bands, self.parts, grid)


@dataclass(frozen=True)
class Tempered:
    """Scores of a view as probabilities: their softmax at the temperature with the least log-loss, one for each band.

    Attributes:
        scores: (b,) row numbers, groups whole → (b, C) float32, an array of the caller's own.
        bands: (n,) band of each row.
        temperatures: of each band, the factor on its scores.
        whole: probabilities of all rows, where they were computed to find the temperatures.
    """

    scores: View
    bands: Array
    temperatures: Array
    whole: Array | None = None

    @classmethod
    def of(cls, scores: View, codes: Array, bands: Array, parts: list[Array], grid: Sequence[float]) -> Tempered:
        """Choose among the temperatures of the grid, by all labelled rows or by some of each part."""
        rows = parts[0] if len(parts) == 1 else sample(parts)
        values = scores(rows)
        temperatures = np.ones(int(bands.max()) + 1, np.float32)
        for band in range(len(temperatures)):
            known = np.flatnonzero((codes[rows] >= 0) & (bands[rows] == band))
            if len(known):
                temperatures[band], _ = best_temperature(values[known], codes[rows][known], grid)
        view = cls(scores, bands, temperatures)
        return view if len(parts) > 1 else replace(view, whole=view._softened(values, rows))

    def __call__(self, rows: Array) -> Array:
        """(b, C) float32 probabilities of some rows, groups whole."""
        return np.asarray(self.whole[rows]) if self.whole is not None else self._softened(self.scores(rows), rows)

    def _softened(self, values: Array, rows: Array) -> Array:
        for block in blocks(len(values)):
            values[block] = softmax(self.temperatures[self.bands[rows[block]]][:, None] * values[block])
        return values


def bands_of(graph: Graph, groups: Array) -> Array:
    """(n,) int64, how far apart a row is from the others: 0 in the thick of them, 2 on its own; thirds of all rows.

    By the distance to the nearest neighbor that does not leave together with it. A model knows rows better that have
    others around them, so its temperature is found for each band; sets of fewer than 300 rows have fewer bands.
    """
    other = groups[graph.indices] != groups[:, None]
    number = min(BANDS, graph.n // BAND)
    if number < 2 or not other.any():
        return np.zeros(graph.n, dtype=np.int64)
    nearest = np.where(other, graph.distances, np.inf).min(axis=1)
    return np.asarray(np.searchsorted(np.quantile(nearest, np.arange(1, number) / number, method="lower"), nearest))


def neighbor_votes(
    graph: Graph,
    groups: Array,
    codes: Array,
    n_classes: int,
    trust: Array | None = None,
    rows: Array | None = None,
) -> Array:
    """(n, C) float32 share of the neighbors' votes for each class.

    A vote fades with the distance beyond the nearest neighbor's, counts by the trust in the voter's own
    label, and not at all for near-duplicates of the row. Without the weights: Zhu, Dong & Liu 2022 (SimiFeat),
    arXiv:2110.06283.

    Args:
        graph: cosine neighbors.
        groups: (n,) near-duplicate groups.
        codes: (n,) classes, -1 for none, which do not vote.
        n_classes: C.
        trust: (n,) in [0, 1]; all one by default.
        rows: (b,) the rows wanted; all by default.
    """
    rows = np.arange(graph.n) if rows is None else rows
    n, k = len(rows), graph.k
    share = np.bincount(codes[codes >= 0], minlength=n_classes) / max(int((codes >= 0).sum()), 1)
    out = np.tile((DOUBT * share).astype(np.float32), (n, 1))
    if k == 0:
        return np.asarray(out / np.float32(DOUBT))
    reach = REACH * max(float(np.median(graph.distances[:, -1])), 1e-12)
    for block in blocks(n):
        own = rows[block]
        voters, distance = graph.indices[own], graph.distances[own].astype(np.float64)
        weight = np.exp((distance[:, :1] - distance) / reach)
        weight *= (groups[voters] != groups[own][:, None]) & (codes[voters] >= 0)
        if trust is not None:
            weight *= LEAST_TRUST + trust[voters]
        votes, row = out[block], np.arange(len(voters))
        for j in range(k):
            votes[row, np.maximum(codes[voters[:, j]], 0)] += weight[:, j].astype(np.float32)
        votes /= votes.sum(axis=1, keepdims=True)
    return out


def in_parts(groups: Array, n_classes: int, cells: float) -> list[Array]:
    """Row numbers of all rows, in one part where n * C is at most `cells`, else in parts that keep groups whole."""
    n = len(groups)
    if n * n_classes <= cells:
        return [np.arange(n)]
    most = max(int(min(BLOCK_CELLS, cells) / n_classes), 1)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    cuts, last = [], 0
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), n], strict=True):
        if end - last > most and start > last:
            cuts.append(start)
            last = start
    return np.split(order, cuts)


def sample(parts: list[Array]) -> Array:
    """About 20,000 rows from all over the set, in whole parts' heads. Row numbers."""
    share = max(SAMPLE // len(parts), 1)
    return np.concatenate([rows[:share] for rows in parts])
