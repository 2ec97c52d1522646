"""Class probabilities of many samples: all of them, or of each sample the likeliest classes only.

A million samples of a thousand classes would fill 4 GB with probabilities that are nearly all zero. Of such a set the
32 likeliest classes of each sample are kept, and its given class; what is not kept counts as zero.

Letters: n rows, C classes, K classes kept of each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array

KEPT = 32
CELLS = 2e8  # n * C up to which all probabilities are held: 800 MB
BLOCK_CELLS = 2e7  # of the blocks that are worked on at a time


@dataclass(frozen=True)
class Beliefs:
    """What class each of n rows looks like.

    Attributes:
        n_classes: C.
        values: (n, C) float32 probabilities; or (n, K) of the classes in `places`.
        places: (n, K) int32 classes kept of each row, each once; None where all are held.
    """

    n_classes: int
    values: Array
    places: Array | None = None

    @classmethod
    def empty(cls, n: int, n_classes: int, cells: float = CELLS) -> Beliefs:
        """Room for n rows: all classes where n * C is at most `cells`, else the likeliest."""
        if n * n_classes <= cells or n_classes <= KEPT + 1:
            return cls(n_classes, np.zeros((n, n_classes), np.float32))
        return cls(n_classes, np.zeros((n, KEPT + 1), np.float32), np.zeros((n, KEPT + 1), np.int32))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.values)

    def put(self, rows: Array, probabilities: Array, codes: Array) -> None:
        """Keep what is known of some rows.

        Args:
            rows: (b,) row numbers.
            probabilities: (b, C).
            codes: (b,) given classes, which are always kept; -1 for none.
        """
        if self.places is None:
            self.values[rows] = probabilities
            return
        at = np.arange(len(rows))
        ranked = probabilities.copy()
        known = codes >= 0
        ranked[at[known], codes[known]] = 2.0  # the given class comes first, however unlikely
        best = np.argpartition(-ranked, KEPT, axis=1)[:, : KEPT + 1]
        self.places[rows] = best
        self.values[rows] = np.take_along_axis(probabilities, best, axis=1)

    def dense(self, rows: Array) -> Array:
        """(b, C) float32 probabilities of some rows."""
        if self.places is None:
            return np.asarray(self.values[rows])
        out = np.zeros((len(rows), self.n_classes), np.float32)
        np.put_along_axis(out, self.places[rows].astype(np.int64), self.values[rows], axis=1)
        return out

    def blocks(self) -> Iterator[Array]:
        """Row numbers, so many at a time that their probabilities are no burden."""
        size = max(int(BLOCK_CELLS / self.n_classes), 1)
        for start in range(0, self.n, size):
            yield np.arange(start, min(start + size, self.n))

    def columns_of(self, rows: Array) -> Callable[[int], Array]:
        """For these rows: class → (b,) its probabilities."""
        if self.places is None or len(rows) * self.n_classes <= BLOCK_CELLS:
            held = self.dense(rows)
            return lambda code: np.asarray(held[:, code])
        from scipy.sparse import csc_matrix

        at = np.repeat(np.arange(len(rows)), self.places.shape[1])
        cells = (at, self.places[rows].ravel())
        kept = csc_matrix((self.values[rows].ravel(), cells), shape=(len(rows), self.n_classes))
        return lambda code: np.asarray(kept[:, [code]].toarray()[:, 0])

    def only(self, rows: Array, classes: Array) -> Beliefs:
        """These rows and classes, each row summing to one; evenly spread where nothing is left.

        Args:
            rows: (b,) row numbers.
            classes: ascending codes; their places become the new codes.
        """
        if self.places is None:
            return Beliefs(len(classes), _renormalised(self.values[rows][:, classes]))
        place = np.zeros(self.n_classes, np.int32)
        place[classes] = np.arange(len(classes))
        left = np.zeros(self.n_classes, bool)
        left[classes] = True
        kept = self.places[rows]
        values = np.where(left[kept], self.values[rows], 0)
        total = values.sum(axis=1, keepdims=True)
        # dropped classes become places of no weight; several may share place 0, so they are written before the others
        order = np.argsort(left[kept], axis=1, kind="stable")
        places = np.take_along_axis(place[kept], order, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        return Beliefs(len(classes), np.asarray(values / np.maximum(total, 1e-30), np.float32), places)


def _renormalised(probabilities: Array) -> Array:
    """Rows that sum to one, uniform where all is zero."""
    total = probabilities.sum(axis=1, keepdims=True)
    uniform = np.float32(1.0 / probabilities.shape[1])
    return np.asarray(np.where(total > 0, probabilities / np.maximum(total, 1e-30), uniform), dtype=np.float32)
