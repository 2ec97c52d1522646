"""Attention for more samples than memory holds: statistics of chunks add up, scores follow in a second pass.

The sums of `core/probes/ridge.py` are all that a ridge regression needs; they take d * (d + C) numbers however many
rows were summed. So scores are those of one fit to all rows, not of a fit per chunk, which ranks wrong labels worse.
New chunks are added to the sums, forgotten ones subtracted, and a corrected label changes X'Y alone: nothing is read
again but the rows to be scored.

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array
from ..base.threads import blas_threads
from ..probes.linear_probe import unit_rows
from ..probes.ridge import PENALTIES, GramSums, LeftOut, Ridge, blocks, choose_penalty, leave_out
from .score_importance import attention

PENALTY_ROWS = 20_000  # whose leave-one-out errors choose the penalty; they are held in memory once

# A chunk: (m, d) vectors of any scale, and the (m,) class of each, -1 for none.
Chunk = tuple[Array, Array]
# Called for every pass over the data; each time it gives the same chunks.
Chunks = Callable[[], Iterable[Chunk]]


@dataclass(frozen=True)
class Stream:
    """What is known of all rows seen so far.

    Attributes:
        sums: of the unit rows with a label.
        ridge: their decomposition.
        penalty: relative to the mean eigenvalue; it stays when rows or labels change, until `fit` is called again.
    """

    sums: GramSums
    ridge: Ridge
    penalty: float

    @classmethod
    def fit(cls, chunks: Chunks, n_classes: int) -> Stream:
        """Two passes: the sums of all rows, then the rows that choose the penalty.

        Args:
            chunks: at least one row with a label. One chunk is in memory at a time.
            n_classes: C.
        """
        sums: GramSums | None = None
        with blas_threads(1):
            for rows, codes in chunks():
                of_chunk = GramSums.of(unit_rows(rows), codes, n_classes)
                sums = of_chunk if sums is None else sums + of_chunk
            assert sums is not None, "a stream needs at least one chunk"
            ridge = Ridge.of(sums)
            x, code = _evenly(chunks(), round(sums.weight))
            penalty, _ = choose_penalty(ridge, x, code, grid=PENALTIES)
        return cls(sums, ridge, penalty)

    def left_out(self, chunk: Chunk) -> LeftOut:
        """Leave-one-out predictions at the rows of a chunk that the stream has seen with these labels."""
        with blas_threads(1):
            return leave_out(self.ridge, unit_rows(chunk[0]), chunk[1], self.penalty)

    def scores(self, chunks: Iterable[Chunk]) -> Iterator[Array]:
        """(m,) quick attention in [0, 1] of each chunk, NaN for rows without a label."""
        for chunk in chunks:
            yield attention(self.left_out(chunk).values, chunk[1])

    def add(self, chunk: Chunk) -> Stream:
        """With the rows of one more chunk: reads that chunk and decomposes d x d once."""
        return self._with(self.sums + self._sums(chunk))

    def remove(self, chunk: Chunk) -> Stream:
        """Without the rows of a chunk that was seen with these labels."""
        return self._with(self.sums - self._sums(chunk))

    def relabel(self, row: Array, old: int, new: int) -> Stream:
        """With another class for one row; costs d * d * C, no row is read and nothing is decomposed.

        Args:
            row: (d,) vector of the row.
            old: its class so far, -1 for none.
            new: its class from now on, -1 for none.
        """
        unit = unit_rows(row[None])[0].astype(np.float64)
        if (old < 0) != (new < 0):
            # a row that gains or loses its label enters or leaves the fit
            chunk = row[None], np.array([max(old, new)])
            return self.add(chunk) if old < 0 else self.remove(chunk)
        sums = self.sums.relabel(unit, old, new)
        return replace(self, sums=sums, ridge=self.ridge.with_labels_of(sums))

    def relabelled(self, left: LeftOut, rows: Array, row: Array, old: int, new: int, place: int | None) -> LeftOut:
        """Leave-one-out predictions after a relabelling, from those before it: m * d instead of m * d * C.

        The fit at x_i changes by H_ir (e_new - e_old), and without row i by that over 1 - h_i. The relabelled row's
        own prediction never saw its label and stays.

        Args:
            left: predictions at the rows of a chunk before.
            rows: (m, d) those rows.
            row: (d,) vector of the relabelled row.
            old: its class before, at least 0.
            new: its class after, at least 0.
            place: of the relabelled row in the chunk, None where it is not in it.
        """
        ridge = self.ridge
        direction = ridge.basis @ (ridge.shrink(self.penalty) * ridge.rotate(unit_rows(row[None]))[0])
        values = left.values.copy()
        for block in blocks(len(rows)):
            hat = 1.0 / ridge.weight + (unit_rows(rows[block]).astype(np.float64) - ridge.mean) @ direction
            moved = hat / np.maximum(1.0 - left.leverage[block], 1e-9)
            values[block, new] += moved.astype(np.float32)
            values[block, old] -= moved.astype(np.float32)
        if place is not None:
            values[place] = left.values[place]
        return LeftOut(values, left.leverage)

    def _sums(self, chunk: Chunk) -> GramSums:
        with blas_threads(1):
            return GramSums.of(unit_rows(chunk[0]), chunk[1], len(self.sums.y))

    def _with(self, sums: GramSums) -> Stream:
        with blas_threads(1):
            return replace(self, sums=sums, ridge=Ridge.of(sums))


def _evenly(chunks: Iterable[Chunk], labelled: int) -> Chunk:
    """At most PENALTY_ROWS labelled unit rows, evenly spread over all: those that `choose_penalty` would look at."""
    wanted = np.linspace(0, labelled - 1, min(labelled, PENALTY_ROWS)).astype(np.int64)
    parts, codes, passed = [], [], 0
    for x, code in chunks:
        known = np.flatnonzero(code >= 0)
        inside = wanted[(wanted >= passed) & (wanted < passed + len(known))] - passed
        parts.append(unit_rows(x[known[inside]]))
        codes.append(code[known[inside]])
        passed += len(known)
    return np.concatenate(parts), np.concatenate(codes)
