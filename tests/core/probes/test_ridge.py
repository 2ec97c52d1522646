"""Leave-one-out predictions against refits without the row; sums against their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.probes.ridge import GramSums, LeavingOut, Ridge, choose_penalty, leave_out, margins
from sklearn.linear_model import Ridge as Reference

PENALTY = 0.1


def _data(n: int = 30, d: int = 5, classes: int = 3, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(np.float32), rng.integers(0, classes, n)


def _refit_without(x: Any, codes: Any, left: Any, alpha: float, weights: Any = None) -> Any:
    """Predictions at rows `left` by scikit-learn's ridge trained on the others."""
    kept = np.setdiff1d(np.arange(len(x)), left)
    weight = None if weights is None else weights[kept]
    fit = Reference(alpha=alpha, solver="svd").fit(
        x[kept].astype(np.float64), np.eye(codes.max() + 1)[codes[kept]], sample_weight=weight
    )
    return fit.predict(x[left].astype(np.float64))


@pytest.mark.parametrize(("n", "d"), [(30, 5), (12, 20)], ids=["n > d", "d > n"])
@pytest.mark.parametrize("weighted", [False, True])
def test_leave_out__equals_refit(n: int, d: int, weighted: bool) -> None:
    x, codes = _data(n, d)
    weights = np.linspace(0.1, 1.0, n) if weighted else None
    ridge = Ridge.of(GramSums.of(x, codes, 3, weights))
    alpha = PENALTY * ridge.spectrum.mean()
    expected = np.concatenate([_refit_without(x, codes, np.array([i]), alpha, weights) for i in range(n)])
    np.testing.assert_allclose(leave_out(ridge, x, codes, PENALTY, weights).values, expected, atol=1e-5)


@pytest.mark.parametrize(("n", "d"), [(30, 5), (12, 20)], ids=["n > d", "d > n"])
def test_leave_out__group_equals_refit(n: int, d: int) -> None:
    x, codes = _data(n, d)
    weights = np.linspace(0.2, 1.0, n)
    groups = [np.array([1, 4, 7]), np.array([0, 9])]
    ridge = Ridge.of(GramSums.of(x, codes, 3, weights))
    values = leave_out(ridge, x, codes, PENALTY, weights, groups).values
    for group in groups:
        expected = _refit_without(x, codes, group, PENALTY * ridge.spectrum.mean(), weights)
        np.testing.assert_allclose(values[group], expected, atol=1e-5)


def test_leave_out__unlabelled_rows_are_predicted() -> None:
    x, codes = _data()
    some = codes.copy()
    some[[3, 8]] = -1
    ridge = Ridge.of(GramSums.of(x, some, 3))
    left = leave_out(ridge, x, some, PENALTY)
    np.testing.assert_allclose(left.values[[3, 8]], ridge.predict(x[[3, 8]], PENALTY), atol=1e-6)
    assert (left.leverage[[3, 8]] == 0).all()


def test_leave_out__leverage_sums_to_degrees_of_freedom() -> None:
    x, codes = _data(50, 6)
    ridge = Ridge.of(GramSums.of(x, codes, 3))
    # without penalty the hat matrix projects on 6 directions and the intercept: its trace is 7
    assert leave_out(ridge, x, codes, 1e-12).leverage.sum() == pytest.approx(7, abs=1e-6)


def test_gram_sums__chunks_add_and_subtract() -> None:
    x, codes = _data(40)
    whole, first, second = (GramSums.of(x[part], codes[part], 3) for part in (slice(None), slice(17), slice(17, None)))
    for name in ("weight", "x", "y", "xx", "xy"):
        np.testing.assert_allclose(getattr(first + second, name), getattr(whole, name), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(getattr(whole - second, name), getattr(first, name), rtol=1e-9, atol=1e-9)


def test_gram_sums__relabel_equals_recomputing() -> None:
    x, codes = _data()
    changed = codes.copy()
    changed[5] = (codes[5] + 1) % 3
    sums = GramSums.of(x, codes, 3)
    relabelled = sums.relabel(x[5], int(codes[5]), int(changed[5]))
    expected = Ridge.of(GramSums.of(x, changed, 3))
    updated = Ridge.of(sums).with_labels_of(relabelled)
    np.testing.assert_allclose(updated.predict(x, PENALTY), expected.predict(x, PENALTY), atol=1e-6)


def test_choose_penalty__finds_the_least_error() -> None:
    x, codes = _data(40, 10)
    ridge = Ridge.of(GramSums.of(x, codes, 3))
    best, errors = choose_penalty(ridge, x, codes, grid=(1e-3, 1e-1, 10.0))
    for penalty, error in errors.items():
        left = leave_out(ridge, x, codes, penalty).values
        assert error == pytest.approx(((left - np.eye(3)[codes]) ** 2).sum(axis=1).mean(), rel=1e-5)
    assert errors[best] == min(errors.values())


def test_leave_out__independent_of_row_order() -> None:
    x, codes = _data()
    order = np.random.default_rng(1).permutation(len(x))
    one = leave_out(Ridge.of(GramSums.of(x, codes, 3)), x, codes, PENALTY).values
    other = leave_out(Ridge.of(GramSums.of(x[order], codes[order], 3)), x[order], codes[order], PENALTY).values
    np.testing.assert_allclose(other, one[order], atol=1e-5)


@pytest.mark.parametrize("x", [np.zeros((6, 3)), np.ones((6, 3))], ids=["zero", "identical"])
def test_leave_out__rows_without_spread(x: Any) -> None:
    codes = np.array([0, 0, 0, 1, 1, 1])
    left = leave_out(Ridge.of(GramSums.of(x, codes, 2)), x, codes, PENALTY)
    # nothing but the intercept: the share of each class among the five others
    np.testing.assert_allclose(left.values[0], [0.4, 0.6], atol=1e-6)


def test_margins__by_hand() -> None:
    values = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.5, 0.3, 0.2]])
    np.testing.assert_allclose(margins(values, np.array([0, 2, -1])), [-0.5, 0.6, np.nan])


@pytest.mark.parametrize("group", [[4, 9], [4, 9, 11, 12, 20, 21]])
def test_leaving_out__equals_refit_of_any_targets(group: list[int]) -> None:
    """A row, and groups of fewer rows than dimensions and of more: predicted by ridge regressions without them."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    found = LeavingOut(x, [np.array(group)]).predict(y)
    errors = []
    for penalty in 10.0 ** np.arange(-4.0, 1.51, 0.5):
        centred = x - x.mean(axis=0)
        scale = float(np.linalg.eigvalsh(centred.T @ centred).mean())
        others = np.setdiff1d(np.arange(40), group)
        together = Reference(alpha=penalty * scale).fit(x[others], y[others]).predict(x[group])
        alone = Reference(alpha=penalty * scale).fit(np.delete(x, 0, 0), np.delete(y, 0, 0)).predict(x[:1])
        errors.append(np.abs(found[group] - together).max() + np.abs(found[:1] - alone).max())
    assert min(errors) < 1e-6
