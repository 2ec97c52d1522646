"""Synthetic embeddings whose true classes are known, and wrong labels planted in them.

Hierarchical: classes hold concepts of heavy-tailed sizes, concepts hold samples; all vectors have unit length. After
the SYN sets in the literature on coresets and active learning: a few large concepts, many small ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NOISES = ("symmetric", "pair", "instance")


@dataclass(frozen=True)
class Planted:
    """Vectors with their true classes and the labels given to them.

    Attributes:
        x: (n, d) float32.
        true: (n,) true classes.
        given: (n,) given classes, some of them wrong.
        source: (n,) the row each row is a near copy of; its own number for originals.
    """

    x: Array
    true: Array
    given: Array
    source: Array

    @property
    def wrong(self) -> Array:
        """(n,) bool, the given label is not the true one."""
        return np.asarray(self.true != self.given)

    @property
    def names(self) -> list[str]:
        """Given class names, row by row."""
        return [f"class {code:02d}" for code in self.given]


def clean(n: int = 2000, d: int = 64, classes: int = 10, spread: float = 1.0, seed: int = 0) -> Planted:
    """Samples without wrong labels.

    Args:
        n: rows.
        d: dimensions.
        classes: number of classes, of about equal size.
        spread: distance of samples from their concept, relative to that of concepts from their class; larger is harder.
        seed: of everything.
    """
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(classes, d))
    concepts = 12
    concept = centre[:, None, :] + 1.2 * rng.normal(size=(classes, concepts, d))
    true = np.sort(rng.integers(0, classes, n))
    share = 1.0 / np.arange(1, concepts + 1)
    which = rng.choice(concepts, n, p=share / share.sum())
    # Student's t with 5 degrees of freedom: heavy tails, finite variance
    x = concept[true, which] + 1.5 * spread * rng.standard_t(5, size=(n, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    order = rng.permutation(n)
    true = true[order]
    return Planted(x[order].astype(np.float32), true, true.copy(), np.arange(n))


def with_noise(planted: Planted, kind: str, share: float, seed: int = 0) -> Planted:
    """Give `share` of the rows a wrong label.

    Args:
        planted: where to plant.
        kind: "symmetric" (any other class), "pair" (the next class) or "instance" (the class whose centre is
            next nearest, and the more likely the nearer it is).
        share: of all rows.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    classes = int(planted.true.max()) + 1
    n, given = len(planted.x), planted.true.copy()
    count = round(share * n)
    if kind == "instance":
        centre = np.stack([planted.x[planted.true == c].mean(axis=0) for c in range(classes)])
        score = planted.x @ centre.T
        own = score[np.arange(n), planted.true].copy()
        score[np.arange(n), planted.true] = -np.inf
        gap = (own - score.max(axis=1)) / (own - score.max(axis=1)).std()
        odds = np.exp(-gap)
        rows = rng.choice(n, count, replace=False, p=odds / odds.sum())
        given[rows] = score[rows].argmax(axis=1)
    else:
        rows = rng.choice(n, count, replace=False)
        step = np.ones(count, dtype=np.int64) if kind == "pair" else rng.integers(1, classes, count)
        given[rows] = (given[rows] + step) % classes
    return Planted(planted.x, planted.true, given, planted.source)


def with_copies(planted: Planted, share: float, copies: int = 3, seed: int = 0, jitter: float = 0.05) -> Planted:
    """Append near copies of some rows that carry the row's given label, right or wrong.

    Args:
        planted: what to copy from; half of the rows copied are wrong ones, where there are as many.
        share: of the rows that get copies.
        copies: of each.
        seed: of the choice.
        jitter: length of the difference of a copy from its row, relative to the row's.
    """
    rng = np.random.default_rng(seed)
    count = round(share * len(planted.x))
    wrong = rng.permutation(np.flatnonzero(planted.wrong))[: count // 2]
    right = rng.permutation(np.flatnonzero(~planted.wrong))[: count - len(wrong)]
    rows = np.repeat(np.concatenate([wrong, right]), copies)
    noise = rng.normal(size=(len(rows), planted.x.shape[1]))
    noise *= (
        jitter * np.linalg.norm(planted.x[rows], axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
    )
    return Planted(
        np.concatenate([planted.x, (planted.x[rows] + noise).astype(np.float32)]),
        np.concatenate([planted.true, planted.true[rows]]),
        np.concatenate([planted.given, planted.given[rows]]),
        np.concatenate([planted.source, rows]),
    )
