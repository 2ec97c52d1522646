"""Coresets of more samples than memory holds: merge and reduce.

Every chunk is reduced to a coreset; two coresets of one level are merged and reduced to one of the next, as a
binary counter carries. So n rows in chunks need about log2(n / chunk) coresets in memory, and each row is read once.
Each reduction picks from weighted rows, whose weights add. Bentley & Saxe 1980, doi:10.1016/0196-6774(80)90015-2;
for coresets Har-Peled & Mazumdar 2004, doi:10.1145/1007352.1007400.

The pilot model of each reduction is fitted to the rows being reduced. Inner coresets hold twice the rows of the result,
since every level adds its own error.

Letters: m rows of a coreset, d dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..base.arrays import Array
from ..base.params import ParamError
from ..base.threads import blas_threads
from ..probes.linear_probe import unit_rows
from .coreset import class_sizes, pick, pilot_loss

HELD = 2  # times the size of the result, by every inner coreset


@dataclass(frozen=True)
class WeightedRows:
    """Labelled rows and what each stands for.

    Attributes:
        ids: (m,) what the caller knows the rows by.
        x: (m, d) float32 unit rows.
        codes: (m,) classes, all at least 0.
        weights: (m,) float64, at least 1.
    """

    ids: Array
    x: Array
    codes: Array
    weights: Array

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, other: WeightedRows) -> WeightedRows:
        return WeightedRows(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.x, other.x]),
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.weights, other.weights]),
        )

    def reduced(self, size: int, n_classes: int, at_least: int, seed: int) -> WeightedRows:
        """At most `size` of the rows, with weights that stand for all of them.

        Args:
            size: rows to keep.
            n_classes: C.
            at_least: rows of even the smallest class.
            seed: of the draw.
        """
        if len(self) <= size:
            return self
        with blas_threads(1):
            loss = pilot_loss(self.x, self.codes, n_classes, self.weights)
            sizes = class_sizes(self.codes, n_classes, size, at_least, {}, self.weights)
            kept = pick(self.x, loss, self.codes, sizes, seed, self.weights)
        return WeightedRows(self.ids[kept.rows], self.x[kept.rows], self.codes[kept.rows], kept.weights)


@dataclass
class CoresetTree:
    """Takes chunks one by one and has a coreset of all so far at any time.

    Attributes:
        size: rows of the result.
        n_classes: C.
        at_least: rows of even the smallest class.
        seed: of all draws; the same chunks in the same order give the same coreset.
        levels: coreset of 2^i chunks at place i, None where there is none.
        chunks: taken so far.
    """

    size: int
    n_classes: int
    at_least: int = 10
    seed: int = 51
    levels: list[WeightedRows | None] = field(default_factory=list)
    chunks: int = 0

    def add(self, ids: Array, x: Array, codes: Array) -> None:
        """Take a chunk; rows without a label (code -1) are left out.

        Args:
            ids: (n,) any values.
            x: (n, d) vectors of any scale.
            codes: (n,) classes.
        """
        known = np.flatnonzero(codes >= 0)
        node = WeightedRows(ids[known], unit_rows(x[known]), codes[known], np.ones(len(known)))
        node = self._inner(node, 0)
        self.chunks += 1
        level = 0
        while level < len(self.levels) and self.levels[level] is not None:
            other, self.levels[level] = self.levels[level], None
            assert other is not None
            level += 1
            node = self._inner(other + node, level)
        self.levels += [None] * (level + 1 - len(self.levels))
        self.levels[level] = node

    def coreset(self) -> WeightedRows:
        """The coreset of all chunks so far. The tree stays as it is, so more chunks may follow.

        Raises:
            ParamError: no chunk has been taken.
        """
        nodes = [node for node in self.levels if node is not None]
        if not nodes:
            raise ParamError("a coreset needs at least one chunk of samples; got none")
        union = nodes[0]
        for node in nodes[1:]:
            union = union + node
        return union.reduced(self.size, self.n_classes, self.at_least, self._seed(len(self.levels)))

    def _inner(self, rows: WeightedRows, level: int) -> WeightedRows:
        return rows.reduced(HELD * self.size, self.n_classes, self.at_least, self._seed(level))

    def _seed(self, level: int) -> int:
        return int(np.random.SeedSequence([self.seed, self.chunks, level]).generate_state(1)[0])
