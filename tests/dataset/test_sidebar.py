"""What the App's sidebar and the grid show of the fields that runs and decisions write."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
from image_curation import curate, get_run
from image_curation.dataset.decisions import decisions


def test_run__its_fields_are_one_closed_group_and_off_in_the_grid(dataset: Any) -> None:
    curate(dataset, "find_representatives", embeddings="vectors", k=3)
    (group,) = [one for one in dataset.app_config.sidebar_groups if one.name == "representatives"]
    assert group.expanded is False
    assert set(group.paths) == set(get_run(dataset, "representatives").writes.values())
    assert not dataset.app_config.active_fields.exclude
    assert list(dataset.app_config.active_fields.paths) == ["ground_truth"]  # no ids, paths and times either


def test_run__its_labels_are_off_in_the_grid_too(dataset: Any) -> None:
    curate(dataset, "train_classifier", embeddings="vectors", label_field="ground_truth")
    labels = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    assert len(labels) > 1
    assert list(dataset.app_config.active_fields.paths) == ["ground_truth"]


def test_decision__corrected_labels_stand_in_place_of_the_given_ones(dataset: Any) -> None:
    decisions.relabel(dataset.limit(1), "ground_truth", "green")
    assert list(dataset.app_config.active_fields.paths) == ["ground_truth_curated"]


def test_run__what_the_user_chose_to_show_stays(dataset: Any) -> None:
    dataset.app_config.active_fields = fo.core.odm.dataset.ActiveFields(exclude=None, paths=["ground_truth"])
    dataset.save()
    curate(dataset, "find_representatives", embeddings="vectors", k=3)
    assert list(dataset.app_config.active_fields.paths) == ["ground_truth"]
    decisions.relabel(dataset.limit(1), "ground_truth", "green")
    assert list(dataset.app_config.active_fields.paths) == ["ground_truth_curated"]
