"""What the labels of a set are worth to a model: accuracy of a simple classifier on a part that is always the same.

The part is chosen by the rows' names, so rows that come or go leave the others where they are, and two measurements
differ by what was done in between. Ridge regression on unit vectors, with one penalty for all, so that no choice made
on the way explains a difference.

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from .linear_probe import unit_rows
from .metrics import wilson
from .ridge import GramSums, Ridge

ONE_IN = 5  # rows held out
PENALTY = 0.1  # relative to the mean eigenvalue
MOST = 20_000  # rows learned from
LEAST = 20  # rows of either part, below which a share says nothing


@dataclass(frozen=True)
class HeldOut:
    """Accuracy on the held-out rows.

    Attributes:
        right: rows whose class the classifier says.
        n: rows that were held out.
        low, high: Wilson's 95 % interval of the share.
    """

    right: int
    n: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """The share of right ones."""
        return self.right / self.n


def is_held_out(names: Sequence[str]) -> Array:
    """(n,) bool, one row in five, the same for the same name."""
    return np.array([hashlib.sha256(name.encode()).digest()[0] % ONE_IN == 0 for name in names], dtype=bool)


def held_out_accuracy(x: Array, told: Array, true: Array, held: Array) -> HeldOut | None:
    """Learn from the rows that are not held out, and ask for the others.

    Args:
        x: (n, d) vectors; only their directions matter.
        told: (n,) classes to learn from, -1 for none.
        true: (n,) classes that count as right, -1 for none.
        held: (n,) bool.

    Returns:
        None where either part has fewer than 20 rows, or fewer than two classes are learned.
    """
    learned, asked = np.flatnonzero(~held & (told >= 0)), np.flatnonzero(held & (true >= 0))
    if min(len(learned), len(asked)) < LEAST or len(np.unique(told[learned])) < 2:
        return None
    if len(learned) > MOST:
        learned = learned[np.linspace(0, len(learned) - 1, MOST).astype(np.int64)]
    n_classes = int(max(told.max(), true.max())) + 1
    sums = GramSums.of(unit_rows(x[learned]), told[learned], n_classes)
    said = Ridge.of(sums).predict(unit_rows(x[asked]), PENALTY).argmax(axis=1)
    right = int((said == true[asked]).sum())
    interval = wilson(right, len(asked))
    assert interval is not None  # there are rows
    return HeldOut(right, len(asked), *interval)
