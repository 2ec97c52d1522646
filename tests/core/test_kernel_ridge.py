"""Left-out predictions of kernel ridge regression against refits without the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.kernel_ridge import KernelRidge
from sklearn.kernel_ridge import KernelRidge as Reference


def _data() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 4)).astype(np.float32), rng.integers(0, 3, 40), rng.random(40) + 0.1


def _refit(x: Any, codes: Any, kept: Any, at: Any, weights: Any, penalty: float) -> Any:
    """Predictions by scikit-learn at rows `at` of the fit to rows `kept`, about the mean of all labelled rows."""
    known = np.flatnonzero(codes >= 0)
    y = np.eye(3)[np.maximum(codes, 0)]
    prior = weights[known] @ y[known] / weights[known].sum()
    gamma = 1 / np.mean(((x - x.mean(axis=0)) ** 2).sum(axis=1))
    # its weights multiply the squared error, as ours do
    fit = Reference(alpha=penalty, kernel="rbf", gamma=gamma).fit(x[kept], y[kept] - prior, weights[kept])
    return fit.predict(x[at]) + prior


@pytest.mark.parametrize("weighted", [False, True])
def test_leave_out__equals_refit(weighted: bool) -> None:
    x, codes, weights = _data()
    weights = weights if weighted else np.ones(40)
    values = KernelRidge.of(x, codes, 3).leave_out(0.1, weights)
    for row in range(40):
        kept = np.setdiff1d(np.arange(40), row)
        np.testing.assert_allclose(values[[row]], _refit(x, codes, kept, [row], weights, 0.1), atol=1e-4)
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-4)


def test_leave_out__groups_and_unlabelled_rows_equal_refit() -> None:
    x, codes, weights = _data()
    codes[[4, 20]] = -1  # 4 shares a group with labelled rows, 20 has none
    groups = [np.array([1, 4, 7]), np.array([0, 9])]
    values = KernelRidge.of(x, codes, 3, groups).leave_out(0.1, weights)
    known = np.flatnonzero(codes >= 0)
    for group in [*groups, np.array([20]), np.array([30])]:
        kept = np.setdiff1d(known, group)
        np.testing.assert_allclose(values[group], _refit(x, codes, kept, group, weights, 0.1), atol=1e-4)


def test_choose_penalty__wants_more_where_labels_are_noise() -> None:
    x, codes, _ = _data()
    sure = (x[:, 0] > 0).astype(np.int64)
    assert KernelRidge.of(x, sure, 2).choose_penalty() < KernelRidge.of(x, codes, 3).choose_penalty()
