"""L-BFGS on several functions side by side."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from image_curation.core.probes.batched_lbfgs import descend
from scipy.optimize import minimize


def test_descend__each_quadratic_at_its_own_least_point() -> None:
    # sum of b (x - c)^2 / 2, with curvatures b from 1 to 1,000 told exactly: one step ends at c
    bend, at = np.float32([1, 10, 1000]), np.float32([[1, 2, 3], [-4, 5, 0.5]])
    calls = []

    def quadratics(x: Any) -> Any:
        calls.append(len(x))
        return (0.5 * bend * (x - at) ** 2).sum(axis=1), bend * (x - at)

    found = descend(quadratics, np.zeros((2, 3), np.float32), 1 / bend, deque(maxlen=5), 1e-6, 50)
    np.testing.assert_allclose(found, at, atol=1e-5)
    assert len(calls) <= 4, "rounding may leave something for a second step"


def test_descend__as_scipy_where_steps_must_be_shortened() -> None:
    # log(cosh) is nearly linear far out: with a guess at the curvature 100 times too small, whole steps overshoot
    rng = np.random.default_rng(0)
    mixes = rng.standard_normal((3, 6, 4))
    shifts = 3 * rng.standard_normal((3, 6))

    def one(x: Any, which: int) -> Any:
        inside = mixes[which] @ x - shifts[which]
        return np.logaddexp(inside, -inside).sum() + 0.05 * x @ x, mixes[which].T @ np.tanh(inside) + 0.1 * x

    def all_three(x: Any) -> Any:
        found = [one(x[which].astype(float), which) for which in range(3)]
        return np.array([value for value, _ in found]), np.stack([slope for _, slope in found]).astype(np.float32)

    start = np.float32(rng.standard_normal((3, 4)))
    found = descend(all_three, start, np.full(4, 100, np.float32), deque(maxlen=10), 1e-9, 200)
    for which in range(3):
        expected = minimize(one, start[which], args=(which,), jac=True, tol=1e-10).x
        np.testing.assert_allclose(found[which], expected, atol=1e-3)
