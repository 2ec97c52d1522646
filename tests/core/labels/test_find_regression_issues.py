"""Planted wrong numbers are found, right ones left alone, whatever their errors look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.labels.find_regression_issues import RegressionIssuesParams, find_regression_issues
from sklearn.datasets import load_diabetes, load_digits
from sklearn.metrics import average_precision_score


def _run(x: Any, y: Any, groups: Any = None) -> Columns:
    named = {"target": np.asarray(y, dtype=np.float64), "group_field": groups}
    inputs = Inputs(n=len(x), embeddings=np.asarray(x, dtype=np.float32), named=named)
    return find_regression_issues(inputs, RegressionIssuesParams(embeddings="vectors", target="age"), silent)


def _ages(n: int = 400, seed: int = 0) -> tuple[Any, Any]:
    """Vectors, and numbers that follow from them up to an error of one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 12))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return x, 40 + 30 * unit @ rng.normal(size=12) + rng.normal(size=n)


def test_find_regression_issues__numbers_far_off_are_found_with_what_they_should_be() -> None:
    x, y = _ages()
    wrong = np.arange(0, 400, 20)
    given = y.copy()
    given[wrong] += np.where(np.arange(20) % 2, 60, -60)
    columns = _run(x, given)
    assert np.flatnonzero(columns.values["is_issue"]).tolist() == wrong.tolist()
    np.testing.assert_allclose(columns.values["expected"][wrong], y[wrong], atol=5)
    assert sorted(columns.values["rank"][row] for row in wrong) == list(range(1, 21))
    assert columns.facts["headline"].startswith("20 of 400 numbers are probably wrong")


def test_find_regression_issues__right_numbers_are_left_alone() -> None:
    """Normal errors, heavy tails, errors upwards only, numbers that vectors do not tell: at most 1 %."""
    x, y = _ages(600)
    rng = np.random.default_rng(1)
    for given in (y, y + 3 * rng.standard_t(2, 600), y + rng.lognormal(1, 1, 600), rng.normal(size=600)):
        assert _run(x, given).values["is_issue"].mean() <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("load", [load_diabetes, load_digits])
@pytest.mark.parametrize("kind", ["another's", "shifted"])
def test_find_regression_issues__ranks_as_well_as_cleanlab_on_the_same_predictions(load: Any, kind: str) -> None:
    from cleanlab.regression.rank import get_label_quality_scores

    data, ours, theirs = load(), [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = data.target.astype(float)
        rows = rng.choice(len(y), len(y) // 20, replace=False)
        wrong = np.isin(np.arange(len(y)), rows)
        other = rng.permutation(y)[: len(rows)]
        y[rows] = other if kind == "another's" else y[rows] + rng.choice([-2, 2], len(rows)) * y.std()
        values = _run(data.data, y).values
        ours.append(average_precision_score(wrong, 1 - values["quality"]))
        theirs.append(
            average_precision_score(wrong, 1 - get_label_quality_scores(y, values["expected"], method="outre"))
        )
    assert np.mean(ours) > np.mean(theirs) - 0.02


def test_find_regression_issues__a_copy_does_not_vouch_for_a_number() -> None:
    """Twice the same picture with the same wrong number; and the pictures of one patient."""
    x, y = _ages(200)
    x[1] = x[0]
    y[:2] += 60
    assert np.flatnonzero(_run(x, y).values["is_issue"]).tolist() == [0, 1]
    x, y = _ages(200)
    y[:3] += 60
    patients = ["one"] * 3 + [None] * 197
    assert np.flatnonzero(_run(x, y, patients).values["is_issue"]).tolist() == [0, 1, 2]


def test_find_regression_issues__gaps_and_units() -> None:
    x, y = _ages(120)
    y[7] += 60
    y[50:60] = np.nan
    columns = _run(x, y)
    assert columns.rows is not None
    assert np.flatnonzero(~columns.rows).tolist() == list(range(50, 60))
    assert np.isnan(columns.values["quality"][50:60]).all()
    assert not columns.values["is_issue"][50:60].any()
    small = _run(x, 1e-9 * y + 1e-3)
    np.testing.assert_allclose(small.values["quality"], columns.values["quality"], atol=1e-3)


def test_find_regression_issues__refusals() -> None:
    x, y = _ages(30)
    with pytest.raises(ParamError, match="must hold numbers that differ; all 30 of 'age' are 4"):
        _run(x, np.full(30, 4.0))
    with pytest.raises(ParamError, match="a number on at least 10 pictures; 'age' has 5"):
        _run(x, np.where(np.arange(30) < 5, y, np.nan))
    with pytest.raises(ParamError, match="that belong together"):
        _run(x, y, ["one"] * 30)
