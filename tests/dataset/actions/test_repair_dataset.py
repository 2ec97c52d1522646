"""A dataset that lost declarations can be read again, with all values."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.curate import curate
from image_curation.dataset.fields.fiftyone_compat import database
from image_curation.sdk import act


def test_repair_dataset__declares_what_values_show(dataset: Any) -> None:
    curate(dataset, "find_outliers", embeddings="vectors")
    dataset.set_values("mine", list(range(12)))
    dataset.set_values("words", [["a", "b"]] * 12)
    dataset.set_values("more", [np.ones(3, np.float32)] * 12)
    lost = ["outliers_score", "outliers_is_outlier", "mine", "words", "more", "ground_truth"]
    before = {path: [_plain(value) for value in dataset.values(path)] for path in lost}
    schema = {path: type(dataset.get_field(path)) for path in lost}
    place = {"$pull": {"sample_fields": {"name": {"$in": lost}}}}
    database().datasets.update_one({"_id": dataset._doc.id}, place)
    with pytest.raises(ParamError, match=r"6 fields with values .* 'mine' \(12 samples\).* confirm=True"):
        act(dataset, "repair_dataset")
    done = act(dataset, "repair_dataset", confirm=True)
    assert done["headline"] == "6 fields declared again"
    assert {path: [_plain(value) for value in dataset.values(path)] for path in lost} == before
    assert {path: type(dataset.get_field(path)) for path in lost} == schema
    assert dataset.get_field("outliers_score").info["run"] == "outliers"
    assert len(list(dataset)) == 12
    assert act(dataset, "repair_dataset")["headline"] == "Nothing to repair"


def _plain(value: Any) -> Any:
    if isinstance(value, fo.Classification):
        return value.label
    return value.tolist() if isinstance(value, np.ndarray) else value
