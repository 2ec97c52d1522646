"""The coreset as a method of its own: the same samples and weights as score_importance picks beside its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.importance.score_importance import ImportanceParams, score_importance
from image_curation.core.importance.select_coreset import CoresetParams, select_coreset

from ..helpers import planted


def given(n: int = 120, unlabelled: int = 0) -> Inputs:
    data = planted.clean(n, 8, classes=3)
    names: list[str | None] = [None if row < unlabelled else name for row, name in enumerate(data.names)]
    return Inputs(n=n, embeddings=data.x, labels=GivenLabels.of(names))


def run(inputs: Inputs, **params: Any) -> Columns:
    return select_coreset(inputs, CoresetParams(embeddings="e", **params), silent)


@pytest.mark.slow
def test_select_coreset__is_score_importances() -> None:
    """Recipes and runs that ask score_importance for a coreset get this one."""
    inputs, same = given(unlabelled=5), {"class_size": ("class 01=9",), "class_at_least": 3, "seed": 7}
    mine = run(inputs, size=30, **same)
    theirs = score_importance(inputs, ImportanceParams(embeddings="e", coreset_size=30, **same), silent)
    for name in ("in_coreset", "weight"):
        np.testing.assert_array_equal(mine.values[name], theirs.values[name])
    assert mine.facts["coreset"] == theirs.facts["coreset"]
    assert mine.facts["coreset"]["per_class"]["class 01"] == 9
    assert mine.rows is not None
    assert np.flatnonzero(~mine.rows).tolist() == [0, 1, 2, 3, 4]
    assert mine.facts["headline"] == "30 of 120 samples stand for all"


@pytest.mark.slow
def test_select_coreset__weights_count_every_class() -> None:
    inputs = given()
    assert inputs.labels is not None
    weight = np.nan_to_num(run(inputs, size=24).values["weight"])
    codes = inputs.labels.codes
    np.testing.assert_allclose(np.bincount(codes, weights=weight), np.bincount(codes), rtol=1e-3)


def test_select_coreset__without_labels() -> None:
    found = run(given(), size=10, label_field=None)
    assert found.values["in_coreset"].sum() == 10
    assert np.nansum(found.values["weight"]) == pytest.approx(120)
    assert "training" not in found.facts["coreset"]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"size": 116}, r"CoresetParams.size must be at most the number of labelled samples \(115\); got 116"),
        ({"size": 0}, r"CoresetParams.size must be a whole number of at least 1; got 0"),
        ({"size": 9, "class_size": {"dog": 1}}, "CoresetParams.class_size names the class 'dog'; the classes are clas"),
        ({"size": 9, "class_size": ["class 01=1.5"]}, r"cat=100, each a whole number of at least 0 or all; got \['cl"),
    ],
)
def test_select_coreset__refuses(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        run(given(unlabelled=5), **params)
