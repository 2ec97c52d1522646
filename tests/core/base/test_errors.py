"""Errors: one family, and the parameter's owner named by who owns it."""

from __future__ import annotations

import copy

import pytest
from image_curation.core.base.errors import CuratorError, DataError, Interrupted, ModelError, StaleError, asked_by
from image_curation.core.base.params import ParamError


def test_family__a_caller_that_catches_param_errors_catches_all_that_a_user_can_mend() -> None:
    assert all(issubclass(kind, ParamError) for kind in (DataError, ModelError, StaleError))
    assert issubclass(ParamError, CuratorError)
    assert not issubclass(Interrupted, CuratorError)


def test_model_error__says_value_and_bound_and_survives_another_process() -> None:
    error = ModelError("weights", "must be an existing file", "'x'")
    assert str(error) == "weights must be an existing file; got 'x'"
    assert str(ModelError("weights", "must be an existing file")) == "weights must be an existing file"
    assert str(copy.deepcopy(error)) == str(error)  # as pickling to another process does


def test_asked_by__adds_the_owner_once_and_its_own_name_of_the_parameter() -> None:
    with (
        pytest.raises(ModelError, match=r"^ExplainParams\.predictions must be tags; got 3$"),
        asked_by("Outer", predictions="never"),
        asked_by("ExplainParams", embeddings="predictions"),
    ):
        raise ModelError("embeddings", "must be tags", 3)


def test_asked_by__leaves_other_errors_alone() -> None:
    with pytest.raises(DataError, match="^no images$"), asked_by("Params"):
        raise DataError("no images")
