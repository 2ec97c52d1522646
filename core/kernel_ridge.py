"""Kernel ridge regression on one-hot labels: a bent border where `core/ridge.py` draws a straight one, rows left out.

The kernel is exp(-|x - x'|² / v) with v the rows' mean squared distance from their mean. With A = K + penalty / weight
on the diagonal, B its inverse and y the labels less their mean, the fit without row i predicts

    y_i - (B y)_i / B_ii

and the fit without a group G the same with the block of B, y_G - (B_GG)^-1 (B y)_G. Rasmussen & Williams 2006,
"Gaussian Processes for Machine Learning", section 5.4.2, http://gaussianprocess.org/gpml. The mean of the labels
is that of all rows, as no row moves it much.

It costs n³ operations and 8 n² bytes: for up to `MOST` rows.

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .method import Array

MOST = 6_000  # labelled rows: 0.3 GB, and about a minute of one core for all fits of a run
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class KernelRidge:
    """The kernel of all rows, ready to be fitted to labels with any weights.

    Attributes:
        kernel: (n, n) float32, ones on the diagonal.
        codes: (n,) classes, -1 for none.
        n_classes: C.
        groups: disjoint arrays of row numbers that leave together; those alone need not be listed.
    """

    kernel: Array
    codes: Array
    n_classes: int
    groups: Sequence[Array] = ()

    @classmethod
    def of(cls, x: Array, codes: Array, n_classes: int, groups: Sequence[Array] = ()) -> KernelRidge:
        """Compute the kernel of (n, d) rows."""
        z = (x - x.mean(axis=0)).astype(np.float32)
        square = np.einsum("nd,nd->n", z, z)
        kernel = z @ z.T
        kernel *= 2
        kernel -= square[:, None]
        kernel -= square[None, :]
        kernel /= max(float(square.mean()), 1e-12)
        np.exp(np.minimum(kernel, 0, out=kernel), out=kernel)
        np.fill_diagonal(kernel, 1)
        return cls(kernel, codes, n_classes, groups)

    def leave_out(self, penalty: float, weights: Array | None = None) -> Array:
        """(n, C) float32, what the fit without the row, and without its group, predicts; rows sum to one.

        Args:
            penalty: added to the kernel's diagonal, for a row of weight one.
            weights: (n,) positive; all one by default.
        """
        from scipy.linalg import blas, lapack

        known = np.flatnonzero(self.codes >= 0)
        weight = np.ones(len(known)) if weights is None else weights[known]
        y = np.zeros((len(known), self.n_classes), np.float32)
        y[np.arange(len(known)), self.codes[known]] = 1
        prior = (weight @ y / weight.sum()).astype(np.float32)
        matrix = self.kernel[np.ix_(known, known)]
        matrix[np.diag_indices_from(matrix)] += (penalty / weight).astype(np.float32)
        # the transpose of a symmetric matrix is itself, and in the order that LAPACK can overwrite
        factor, _ = lapack.spotrf(matrix.T, lower=1, overwrite_a=1)
        inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
        dual = blas.ssymm(1.0, inverse, y - prior, lower=1)
        out = np.empty((len(self.codes), self.n_classes), np.float32)
        out[known] = y - dual / np.diag(inverse)[:, None]
        unknown = np.flatnonzero(self.codes < 0)
        out[unknown] = self.kernel[np.ix_(unknown, known)] @ dual + prior
        place = np.full(len(self.codes), -1)
        place[known] = np.arange(len(known))
        for group in self.groups:
            at = place[group]
            gone = at[at >= 0]
            block = inverse[np.maximum.outer(gone, gone), np.minimum.outer(gone, gone)].astype(np.float64)
            moved = np.linalg.solve(block, dual[gone])
            out[known[gone]] = y[gone] - moved
            if len(gone) < len(group):  # rows without a label see the fit without their group, too
                rest = group[at < 0]
                without = dual.copy()
                without[gone] = 0
                others = np.setdiff1d(np.arange(len(known)), gone)
                without[others] -= _columns(inverse, others, gone) @ moved
                out[rest] = self.kernel[np.ix_(rest, known)] @ without + prior
        return out

    def choose_penalty(self) -> float:
        """The penalty of least leave-one-out squared error."""
        known = np.flatnonzero(self.codes >= 0)
        errors = []
        for penalty in PENALTIES:
            residual = self.leave_out(penalty)[known]
            residual[np.arange(len(known)), self.codes[known]] -= 1
            errors.append(float(np.einsum("nc,nc->", residual, residual)))
        return PENALTIES[int(np.argmin(errors))]


def _columns(lower: Array, rows: Array, columns: Array) -> Array:
    """Cells of a symmetric matrix of which only the lower triangle is filled."""
    return np.asarray(lower[np.maximum.outer(rows, columns), np.minimum.outer(rows, columns)])
