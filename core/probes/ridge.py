"""Ridge regression on one-hot labels from sums that add: every leave-one-out prediction from a single fit.

The sums (n, sum x, X'X, X'Y) of two chunks of data add to the sums of both, exactly, so chunks may live on
different machines; relabelling a sample changes X'Y alone. One eigendecomposition then serves every penalty.
With f = the fit to all rows and h_i = the leverage of row i, the fit without row i predicts at x_i

    y_i - (y_i - f(x_i)) / (1 - h_i)

Allen 1974, "The relationship between variable selection and data augmentation", doi:10.1080/00401706.1974.10489157
(PRESS). The same identity with the block I - H of a group leaves out the whole group.

Letters: n rows, d dimensions, C classes, r = d directions of the eigenbasis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array

BLOCK = 8192  # rows at a time: bounds memory at BLOCK * (d + C) float64
CHOSEN_ON = 5_000  # rows by which a penalty is chosen
PENALTIES = tuple(float(value) for value in 10.0 ** np.arange(-4.0, 1.51, 0.5))


@dataclass(frozen=True)
class GramSums:
    """What least squares needs to know of a chunk of labelled rows. Chunks add, and can be taken away.

    Attributes:
        weight: sum of the rows' weights (their number when unweighted).
        x: (d,) float64, weighted sum of the rows.
        y: (C,) float64, weight of each class.
        xx: (d, d) float64, weighted X'X.
        xy: (d, C) float64, weighted X'Y with Y the one-hot labels.
    """

    weight: float
    x: Array
    y: Array
    xx: Array
    xy: Array

    @classmethod
    def of(cls, rows: Array, codes: Array, n_classes: int, weights: Array | None = None) -> GramSums:
        """Sums of one chunk.

        Args:
            rows: (n, d) floats.
            codes: (n,) class of each row; rows with -1 count for nothing.
            n_classes: C.
            weights: (n,) non-negative; all one by default.
        """
        d = rows.shape[1]
        total = cls(0.0, np.zeros(d), np.zeros(n_classes), np.zeros((d, d)), np.zeros((d, n_classes)))
        for block in blocks(len(rows)):
            known = codes[block] >= 0
            x = rows[block][known].astype(np.float64)
            weight = np.ones(len(x)) if weights is None else weights[block][known].astype(np.float64)
            total = total + cls._of_block(x, codes[block][known], n_classes, weight)
        return total

    @classmethod
    def _of_block(cls, x: Array, code: Array, n_classes: int, weight: Array) -> GramSums:
        y = np.bincount(code, weights=weight, minlength=n_classes)
        root = x * np.sqrt(weight)[:, None]  # X'X of one array lets BLAS compute half of it
        xy = np.zeros((x.shape[1], n_classes))
        for c in np.unique(code):
            member = code == c
            xy[:, c] = weight[member] @ x[member]
        return cls(float(weight.sum()), weight @ x, y, root.T @ root, xy)

    def __add__(self, other: GramSums) -> GramSums:
        return GramSums(
            self.weight + other.weight, self.x + other.x, self.y + other.y, self.xx + other.xx, self.xy + other.xy
        )

    def __sub__(self, other: GramSums) -> GramSums:
        return GramSums(
            self.weight - other.weight, self.x - other.x, self.y - other.y, self.xx - other.xx, self.xy - other.xy
        )

    def relabel(self, row: Array, old: int, new: int, weight: float = 1.0) -> GramSums:
        """The sums after one row changes class: X'X stays, so a fit keeps its eigenbasis."""
        y, xy = self.y.copy(), self.xy.copy()
        for code, sign in ((old, -weight), (new, weight)):
            if code >= 0:
                y[code] += sign
                xy[:, code] += sign * row
        return replace(self, y=y, xy=xy)


@dataclass(frozen=True)
class Ridge:
    """The sums in the eigenbasis of the centred Gram matrix; a fit for any penalty is now a division.

    The intercept is not penalised. Penalties are given relative to the mean eigenvalue, so they mean the
    same for embeddings of any scale.

    Attributes:
        weight: sum of the rows' weights.
        mean: (d,) weighted mean of the rows.
        prior: (C,) share of each class.
        basis: (d, d) eigenvectors in columns.
        spectrum: (d,) eigenvalues of the centred Gram matrix, at least 0.
        cross: (d, C) centred X'Y in the eigenbasis.
    """

    weight: float
    mean: Array
    prior: Array
    basis: Array
    spectrum: Array
    cross: Array

    @classmethod
    def of(cls, sums: GramSums) -> Ridge:
        """Centre the sums and decompose them once."""
        mean, prior = sums.x / sums.weight, sums.y / sums.weight
        centred = sums.xx - sums.weight * np.outer(mean, mean)
        spectrum, basis = np.linalg.eigh((centred + centred.T) / 2)
        cross = basis.T @ (sums.xy - sums.weight * np.outer(mean, prior))
        return cls(sums.weight, mean, prior, basis, np.maximum(spectrum, 0.0), cross)

    def with_labels_of(self, sums: GramSums) -> Ridge:
        """The fit after labels changed but rows and weights did not: no new decomposition."""
        prior = sums.y / sums.weight
        cross = self.basis.T @ (sums.xy - sums.weight * np.outer(self.mean, prior))
        return replace(self, prior=prior, cross=cross)

    def shrink(self, penalty: float) -> Array:
        """(d,) inverse of eigenvalue + penalty; directions without spread get 0."""
        scale = float(self.spectrum.mean())
        if scale <= 0:
            return np.zeros_like(self.spectrum)
        return np.asarray(1.0 / (self.spectrum + penalty * scale))

    def rotate(self, rows: Array) -> Array:
        """(n, d) float64 coordinates of rows in the eigenbasis, about the mean."""
        return np.asarray((rows.astype(np.float64) - self.mean) @ self.basis)

    def predict(self, rows: Array, penalty: float) -> Array:
        """(n, C) float32 fitted values at any rows; each row sums to one."""
        coefficients = self.basis @ (self.shrink(penalty)[:, None] * self.cross)
        out = np.empty((len(rows), len(self.prior)), dtype=np.float32)
        for block in blocks(len(rows)):
            out[block] = (rows[block].astype(np.float64) - self.mean) @ coefficients + self.prior
        return out


@dataclass(frozen=True)
class LeftOut:
    """What the fit without a row says about that row.

    Attributes:
        values: (n, C) float32 predictions of the fit that did not see the row (nor its group).
        leverage: (n,) float64 in [0, 1], how much the row's own label moves its fitted value.
    """

    values: Array
    leverage: Array


def leave_out(
    ridge: Ridge,
    rows: Array,
    codes: Array,
    penalty: float,
    weights: Array | None = None,
    groups: Sequence[Array] = (),
) -> LeftOut:
    """Predict every row by the fit without it, and rows of a group by the fit without the whole group.

    Args:
        ridge: the fit to these rows with these weights.
        rows: (n, d).
        codes: (n,) classes; rows with -1 had no part in the fit and are simply predicted.
        penalty: relative to the mean eigenvalue.
        weights: (n,) the weights of the fit.
        groups: disjoint arrays of row numbers that leave together, such as near-duplicates. A group of g
            rows costs g^2 d, and at most d^3; those alone in their group need not be listed.
    """
    shrink = ridge.shrink(penalty)
    coefficients = shrink[:, None] * ridge.cross
    fitted = np.empty((len(rows), len(ridge.prior)), dtype=np.float32)
    leverage = np.empty(len(rows))
    for block in blocks(len(rows)):
        z = ridge.rotate(rows[block])
        code = codes[block]
        weight = (code >= 0) * (1.0 if weights is None else weights[block].astype(np.float64))
        f = z @ coefficients + ridge.prior
        leverage[block] = weight * (1.0 / ridge.weight + np.einsum("nd,nd,d->n", z, z, shrink))
        fitted[block] = _without_self(f, code, leverage[block])
    for several in _at_once(groups):
        members = np.concatenate(several)
        z = ridge.rotate(rows[members])  # of many groups in one product
        ends = np.cumsum([len(group) for group in several])
        for group, own in zip(several, np.split(z, ends[:-1]), strict=True):
            without = _without_group if len(group) <= rows.shape[1] else _without_large_group
            fitted[group] = without(ridge, own, codes[group], shrink, weights, group)
    return LeftOut(fitted, np.clip(leverage, 0.0, 1.0))


def _at_once(groups: Sequence[Array]) -> Iterator[list[Array]]:
    """The groups, as many at a time as make a block of rows."""
    waiting: list[Array] = []
    for group in groups:
        if waiting and sum(map(len, waiting)) + len(group) > BLOCK:
            yield waiting
            waiting = []
        waiting.append(group)
    if waiting:
        yield waiting


def _without_self(fitted: Array, codes: Array, leverage: Array) -> Array:
    """f - (y - f) h / (1 - h), the same as y - (y - f) / (1 - h) without its cancellation; in place."""
    known = np.flatnonzero(codes >= 0)
    moved = leverage / np.maximum(1.0 - leverage, 1e-9)  # a row that alone fixes a direction has leverage 1
    own = fitted[known, codes[known]]
    fitted *= 1.0 + moved[:, None]
    fitted[known, codes[known]] = own - (1.0 - own) * moved[known]
    return fitted


def _without_group(ridge: Ridge, z: Array, codes: Array, shrink: Array, weights: Array | None, group: Array) -> Array:
    fitted = z @ (shrink[:, None] * ridge.cross) + ridge.prior
    weight = (codes >= 0) * (1.0 if weights is None else weights[group].astype(np.float64))
    residual = -fitted
    known = np.flatnonzero(codes >= 0)
    residual[known, codes[known]] += 1.0
    hat = (z * shrink) @ z.T + 1.0 / ridge.weight
    # the weighted residuals of the group without itself solve (I - H W) r' = r
    system = np.eye(len(z)) - hat * weight[None, :]
    system[np.diag_indices_from(system)] += 1e-9
    moved = np.linalg.solve(system, residual)
    return np.asarray(fitted - hat @ (weight[:, None] * moved), dtype=np.float32)


def _without_large_group(
    ridge: Ridge, z: Array, codes: Array, shrink: Array, weights: Array | None, group: Array
) -> Array:
    """The same for more rows than dimensions: the group's sums are taken from the whole, and the rest is fitted."""
    known = codes >= 0
    weight = known * (1.0 if weights is None else weights[group].astype(np.float64))
    left = ridge.weight - float(weight.sum())
    if left <= 1e-9 * ridge.weight:
        return np.tile(ridge.prior.astype(np.float32), (len(z), 1))
    y = np.zeros((len(z), len(ridge.prior)))
    y[np.flatnonzero(known), codes[known]] = 1.0
    # sums of the rest about the mean of the whole, in its eigenbasis; then about their own mean
    weighted = z * weight[:, None]
    mean = -weighted.sum(axis=0) / left
    prior = (ridge.weight * ridge.prior - weight @ y) / left
    squares = np.diag(ridge.spectrum) - weighted.T @ z - left * np.outer(mean, mean)
    cross = ridge.cross - weighted.T @ (y - ridge.prior) - left * np.outer(mean, prior - ridge.prior)
    used = shrink > 0
    penalty = np.where(used, 1.0 / np.where(used, shrink, 1.0) - ridge.spectrum, 1.0)
    squares[np.diag_indices_from(squares)] += penalty
    coefficients = np.linalg.solve(squares, cross)
    return np.asarray((z - mean) @ coefficients + prior, dtype=np.float32)


def choose_penalty(
    ridge: Ridge,
    rows: Array,
    codes: Array,
    weights: Array | None = None,
    grid: Sequence[float] = PENALTIES,
    at_most: int = 20_000,
) -> tuple[float, dict[float, float]]:
    """The penalty with the smallest leave-one-out squared error, and that error for each of the grid.

    Args:
        ridge: the fit to these rows.
        rows: (n, d).
        codes: (n,) classes; -1 is left out.
        weights: (n,) weights of the fit, which also weigh the errors.
        grid: penalties to compare, relative to the mean eigenvalue.
        at_most: rows whose error is looked at, evenly spread; each error is exact, their mean an estimate.
    """
    known = np.flatnonzero(codes >= 0)
    seen = known[np.linspace(0, len(known) - 1, min(len(known), at_most)).astype(np.int64)]
    errors = np.zeros(len(grid))
    for block in blocks(len(seen)):
        chosen = seen[block]
        z = ridge.rotate(rows[chosen])
        weight = np.ones(len(chosen)) if weights is None else weights[chosen].astype(np.float64)
        for which, penalty in enumerate(grid):
            shrink = ridge.shrink(penalty)
            residual = z @ (shrink[:, None] * ridge.cross) + ridge.prior
            residual[np.arange(len(chosen)), codes[chosen]] -= 1.0
            leverage = weight * (1.0 / ridge.weight + np.einsum("nd,nd,d->n", z, z, shrink))
            grown = weight / np.maximum(1.0 - leverage, 1e-9) ** 2
            errors[which] += float(grown @ np.einsum("nc,nc->n", residual, residual))
    errors /= len(seen)
    return float(grid[int(np.argmin(errors))]), {float(p): float(e) for p, e in zip(grid, errors, strict=True)}


class LeavingOut:
    """Leave-one-out ridge predictions of any targets at the same rows; rows of a group leave together.

    The rows are decomposed once, whatever targets are asked for.
    """

    def __init__(self, x: Array, groups: list[Array]) -> None:
        """Decompose the rows.

        Args:
            x: (n, d).
            groups: row numbers of groups of two or more.
        """
        wide = x.astype(np.float64)
        none = np.zeros(0)
        self._sums = GramSums(float(len(x)), wide.sum(axis=0), none, wide.T @ wide, np.zeros((x.shape[1], 0)))
        self._x, self._groups, self._ridge = x, groups, Ridge.of(self._sums)

    def predict(self, y: Array) -> Array:
        """(n, C) what the fit without each row foretells of it, at the penalty with the least squared error over all.

        Args:
            y: (n, C) floats, such as 0 and 1.
        """
        x, n = self._x, len(self._x)
        xy = np.zeros((x.shape[1], y.shape[1]))
        for block in blocks(n):
            xy += x[block].astype(np.float64).T @ y[block]
        ridge = self._ridge.with_labels_of(replace(self._sums, y=y.sum(axis=0), xy=xy))
        some = np.unique(np.linspace(0, n - 1, CHOSEN_ON).astype(np.int64))
        z = ridge.rotate(x[some])
        errors = [float(((_targets_without_self(ridge, z, y[some], each) - y[some]) ** 2).sum()) for each in PENALTIES]
        penalty = PENALTIES[int(np.argmin(errors))]
        out = np.empty(y.shape)
        for block in blocks(n):
            out[block] = _targets_without_self(ridge, ridge.rotate(x[block]), y[block], penalty)
        shrink = ridge.shrink(penalty)
        for group in self._groups:
            z = ridge.rotate(x[group])
            residual = y[group] - (z @ (shrink[:, None] * ridge.cross) + ridge.prior)
            # their hat matrix is u u^T
            u = np.column_stack([z * np.sqrt(shrink), np.full(len(group), ridge.weight**-0.5)])
            out[group] = y[group] - _without_hat(u, residual)
        return out


def _without_hat(u: Array, residual: Array) -> Array:
    """(m, C) solution r' of (I - u u^T) r' = r; where m is larger than the width of u, by Woodbury's identity."""
    if len(u) <= u.shape[1]:
        return np.asarray(np.linalg.solve(np.eye(len(u)) * (1 + 1e-9) - u @ u.T, residual))
    inner = np.eye(u.shape[1]) * (1 + 1e-9) - u.T @ u
    return np.asarray(residual + u @ np.linalg.solve(inner, u.T @ residual))


def _targets_without_self(ridge: Ridge, z: Array, y: Array, penalty: float) -> Array:
    shrink = ridge.shrink(penalty)
    fitted = z @ (shrink[:, None] * ridge.cross) + ridge.prior
    leverage = 1.0 / ridge.weight + (z * z) @ shrink
    return np.asarray(fitted - (y - fitted) * (leverage / np.maximum(1 - leverage, 1e-9))[:, None])


def margins(values: Array, codes: Array) -> Array:
    """(n,) float64, the strongest other class minus the given one; NaN where no label is given.

    Args:
        values: (n, C) scores or probabilities, C at least 2.
        codes: (n,) given classes.
    """
    out = np.full(len(values), np.nan)
    for block in blocks(len(values)):
        known = np.flatnonzero(codes[block] >= 0)
        others = values[block][known].astype(np.float64)
        code = codes[block][known]
        given = others[np.arange(len(known)), code].copy()
        others[np.arange(len(known)), code] = -np.inf
        out[block][known] = others.max(axis=1) - given
    return out


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices that cover n rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
