"""A small weighted sample whose weighted loss estimates the loss on all samples.

Rows are drawn class by class in proportion to their residual, mixed with a sensitivity bound and with uniform shares,
evenly over the space of embeddings and residuals, and weigh the inverse of their chance. Then the weights are
adjusted a little, so that the coreset has every class's number of samples and the residuals' total: what is known of
all rows need not be estimated. Before that adjustment any weighted sum is an unbiased estimate of the sum over all
rows; after it, up to a bias that is small beside the spread it takes away.

Residual: Wang, Zhu & Ma 2018, "Optimal subsampling for large sample logistic regression",
doi:10.1080/01621459.2017.1292914. Bound: Munteanu et al. 2018, arXiv:1805.08571 (root leverage). Weights: Deville &
Sarndal 1992, "Calibration estimators in survey sampling", doi:10.1080/01621459.1992.10475217.

Letters: n rows, d dimensions, C classes, m rows of the coreset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .method import Array

# The mixture: the bound keeps its guarantee at five times the size, uniform shares at twice. With more residual the
# loss is estimated better and probes trained on the coreset are worse (synthetic sets and digits, planted noise).
RESIDUAL, BOUND, UNIFORM = 0.3, 0.2, 0.5
MOST_RESIDUAL = 0.7  # longer residuals are mostly wrong labels; favouring them costs accuracy
TURNS = 6  # of the power iteration for a direction to split along


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
    """(n,) chance of each row per draw, summing to one: 0.3 residual + 0.2 root leverage + 0.5 uniform.

    Args:
        residual: (n,) length of y - p without the row; lengths above 0.7 count as that.
        leverage: (n,) in [0, 1].
        weights: (n,) what each row already stands for, when the rows are themselves a coreset.
    """
    weight = np.ones(len(residual)) if weights is None else weights
    shares = UNIFORM * weight / weight.sum()
    for part, values in ((RESIDUAL, weight * np.minimum(residual, MOST_RESIDUAL)), (BOUND, weight * np.sqrt(leverage))):
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


def pick(
    x: Array, residual: Array, leverage: Array, codes: Array, sizes: Array, seed: int, weights: Array | None = None
) -> Coreset:
    """Draw a coreset, each class apart.

    Args:
        x: (n, d) float32.
        residual: (n, C) y - f without the row.
        leverage: (n,) in [0, 1].
        codes: (n,) classes, all at least 0.
        sizes: (C,) rows to draw from each class.
        seed: of the draw.
        weights: (n,) what each row already stands for, when the rows are themselves a coreset.
    """
    rng = np.random.default_rng(seed)
    length = np.sqrt(np.einsum("nc,nc->n", residual, residual))
    before = np.ones(len(x)) if weights is None else weights
    shares = sampling_shares(length, leverage, weights)
    rows, chances = [], []
    for code, size in enumerate(sizes):
        member = np.flatnonzero(codes == code)
        size = int(min(size, len(member)))
        order = None
        if 0 < size < len(member):
            order = spread_order(np.concatenate([_scaled(x[member]), _scaled(residual[member])], axis=1), size)
        part = draw(shares[member], size, rng, order)
        total = before[member].sum()
        weight = before[member][part.rows] * part.weights
        rows.append(member[part.rows])
        chances.append(weight * (total / weight.sum()) if size else weight)
    chosen, weight = np.concatenate(rows), np.concatenate(chances)
    order = np.argsort(chosen)
    chosen, weight = chosen[order], weight[order]
    known = np.stack([np.ones(len(x)), np.minimum(length, 1.0), length > 1.0], axis=1)
    return Coreset(chosen, calibrated(weight, before[chosen], known[chosen], before @ known))


def spread_order(features: Array, size: int) -> Array:
    """(n,) rows ordered so that neighbors in the order are alike: halved again and again along the widest direction.

    Args:
        features: (n, p).
        size: rows that will be drawn; parts of less than a quarter of a draw are left in row order.
    """
    least = max(len(features) // (4 * size), 1)
    done, parts = [], [np.arange(len(features))]
    while parts:
        part = parts.pop()
        if len(part) <= least:
            done.append(part)
            continue
        z = features[part] - features[part].mean(axis=0)
        along = z[np.argmax(np.einsum("np,np->n", z, z))]
        for _ in range(TURNS):
            along = z.T @ (z @ along)
            along = along / max(float(np.sqrt(along @ along)), 1e-30)
        split = part[np.argsort(z @ along, kind="stable")]
        parts += [split[len(split) // 2 :], split[: len(split) // 2]]
    return np.concatenate(done)


def _scaled(values: Array) -> Array:
    """Centred, with rows of mean squared length one; all zero where there is no spread."""
    z = values - values.mean(axis=0)
    spread = float(np.sqrt(np.einsum("np,np->n", z, z).mean()))
    return np.asarray(z / spread if spread > 1e-12 else 0.0 * z)


def calibrated(weights: Array, at_least: Array, known: Array, totals: Array) -> Array:
    """(m,) weights nearest to the given ones with which the weighted sums of `known` are `totals`.

    Nearest in sum (w' - w)^2 / w, so w' = w (1 + known b): Deville & Sarndal's linear case. Where a weight would fall
    below its bound it stays there and the others make up for it; totals are met as far as that allows.

    Args:
        weights: (m,) positive.
        at_least: (m,) bounds: a row stands at least for itself.
        known: (m, q) what is known of each row.
        totals: (q,) its sums over all rows.
    """
    out, free = np.maximum(weights, at_least), np.ones(len(weights), dtype=bool)
    for _ in range(5):
        if not free.any():
            break
        some, start = known[free], weights[free]
        lacking = totals - known[~free].T @ out[~free] - some.T @ start
        system = some.T @ (start[:, None] * some)
        system += 1e-6 * np.trace(system) / len(system) * np.eye(len(system))
        trial = start * (1.0 + some @ np.linalg.solve(system, lacking))
        low = trial < at_least[free]
        out[free] = np.maximum(trial, at_least[free])
        if not low.any():
            break
        free[np.flatnonzero(free)[low]] = False
    return np.asarray(out)
