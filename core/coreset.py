"""A small weighted sample whose weighted loss estimates the loss on all samples.

Samples are drawn in proportion to their residual, mixed with a sensitivity bound and with uniform shares, and
weigh the inverse of their chance, so that any weighted sum over the coreset is an unbiased estimate of the sum over all
rows. Residual: Wang, Zhu & Ma 2018, "Optimal subsampling for large sample logistic regression",
doi:10.1080/01621459.2017.1292914. Bound: Munteanu et al. 2018, arXiv:1805.08571 (root leverage).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .method import Array

RESIDUAL, BOUND, UNIFORM = 0.6, 0.2, 0.2  # the mixture; each part keeps its guarantee at a fifth of the size


@dataclass(frozen=True)
class Coreset:
    """Chosen rows and what each stands for.

    Attributes:
        rows: (m,) row numbers, ascending.
        weights: (m,) float64, at least 1; they sum to about n.
    """

    rows: Array
    weights: Array


def sampling_shares(residual: Array, leverage: Array, weights: Array | None = None) -> Array:
    """(n,) chance of each row per draw, summing to one: 0.6 residual + 0.2 root leverage + 0.2 uniform.

    Args:
        residual: (n,) length of y - p without the row.
        leverage: (n,) in [0, 1].
        weights: (n,) what each row already stands for, when the rows are themselves a coreset.
    """
    weight = np.ones(len(residual)) if weights is None else weights
    shares = UNIFORM * weight / weight.sum()
    for part, values in ((RESIDUAL, weight * residual), (BOUND, weight * np.sqrt(leverage))):
        total = values.sum()
        shares = shares + part * (values / total if total > 0 else weight / weight.sum())
    return np.asarray(shares)


def class_sizes(
    shares: Array, codes: Array, n_classes: int, size: int, at_least: int, wanted: dict[int, int | None]
) -> Array:
    """(C,) rows to draw from each class, summing to min(size, n).

    Args:
        shares: (n,) chance of each row; a class gets rows in proportion to its sum.
        codes: (n,) classes.
        n_classes: C.
        size: rows wanted in all.
        at_least: rows for even the smallest share, as far as a class has them and `size` allows.
        wanted: class → exact number, or None for all of its rows. The others share what is left.
    """
    counts = np.bincount(codes, minlength=n_classes)
    sizes = np.zeros(n_classes, dtype=np.int64)
    for code, number in wanted.items():
        sizes[code] = counts[code] if number is None else min(number, counts[code])
    free = np.setdiff1d(np.flatnonzero(counts), list(wanted))
    left = int(min(max(size - sizes.sum(), 0), counts[free].sum()))
    mass = np.bincount(codes, weights=shares, minlength=n_classes)[free]
    sizes[free] = _proportional(mass, counts[free], left, min(at_least, left // max(len(free), 1)))
    return sizes


def _proportional(mass: Array, limit: Array, total: int, at_least: int) -> Array:
    """Whole numbers in proportion to mass, between at_least and limit, summing to total."""
    low = np.minimum(at_least, limit)
    ideal = low.astype(np.float64)
    settled = np.zeros(len(mass), dtype=bool)
    while not settled.all():
        left = total - ideal[settled].sum()
        weight = np.where(settled, 0.0, np.maximum(mass, 1e-300))
        trial = np.clip(left * weight / weight.sum(), low, limit)
        change = np.flatnonzero(~settled & ((trial == low) | (trial == limit)))
        excess = trial[~settled].sum() - left
        # settle only the side that the rest must make up for, so that every round is final
        change = change[(trial[change] == low[change]) if excess > 0 else (trial[change] == limit[change])]
        ideal[~settled] = trial[~settled]
        if len(change) == 0 or abs(excess) < 1e-9:
            break
        settled[change] = True
    sizes = np.clip(np.floor(ideal + 1e-9).astype(np.int64), low, limit)
    for row in np.argsort(-(ideal - sizes), kind="stable"):
        if sizes.sum() >= total:
            break
        sizes[row] += sizes[row] < limit[row]
    return sizes


def draw(shares: Array, size: int, rng: np.random.Generator, order: Array | None = None) -> Coreset:
    """Systematic sample of exactly `size` rows with chance min(1, c * share), weights the inverse chance.

    Args:
        shares: (n,) positive.
        size: between 0 and n.
        rng: one random number is drawn.
        order: (n,) rows that are alike next to each other; the sample is even along it, which lowers its
            variance. By default in order of the shares.
    """
    if size <= 0:
        return Coreset(np.empty(0, dtype=np.int64), np.empty(0))
    chance = inclusion(shares, size)
    order = np.argsort(shares, kind="stable") if order is None else order
    ticks = np.floor(np.cumsum(chance[order]) + rng.random() + 1e-9)
    chosen = np.flatnonzero(np.diff(ticks, prepend=0.0) >= 1)
    rows = np.sort(order[chosen[:size]])
    return Coreset(rows, 1.0 / chance[rows])


def inclusion(shares: Array, size: int) -> Array:
    """(n,) chance min(1, c * share) of each row to be among `size` drawn, with c such that they sum to `size`."""
    n = len(shares)
    if size >= n:
        return np.ones(n)
    order = np.argsort(-shares, kind="stable")
    tail = np.cumsum(shares[order][::-1])[::-1]
    # the first `sure` rows are certain; the rest share what is left in proportion
    sure = np.arange(n)
    fits = (size - sure) * shares[order] <= tail * (1 + 1e-12)
    certain = int(np.argmax(fits))
    chance = np.ones(n)
    rest = order[certain:]
    chance[rest] = np.minimum(1.0, (size - certain) * shares[rest] / tail[certain])
    return chance


def stratified_draw(shares: Array, codes: Array, sizes: Array, rng: np.random.Generator) -> Coreset:
    """Draw each class apart.

    Args:
        shares: (n,) chance of each row, compared within its class only.
        codes: (n,) classes.
        sizes: (C,) rows to draw from each class.
        rng: one number per class.
    """
    parts = []
    for code, size in enumerate(sizes):
        member = np.flatnonzero(codes == code)
        part = draw(shares[member], int(min(size, len(member))), rng)
        parts.append((member[part.rows], part.weights))
    rows = np.concatenate([rows for rows, _ in parts])
    weights = np.concatenate([weights for _, weights in parts])
    order = np.argsort(rows)
    return Coreset(rows[order], weights[order])
