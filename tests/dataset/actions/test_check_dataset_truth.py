"""A check says what it looked at: fine is only what was looked at throughout; what was decided counts the next time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate, get_run, list_runs
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.check_dataset import given_labels


def _facts(dataset: Any) -> Any:
    return get_run(dataset, "check").facts


def _copy(dataset: Any, name: str, **fields: Any) -> fo.Sample:
    place = Path(dataset.first().filepath).with_name(name)
    shutil.copy(dataset.first().filepath, place)
    return fo.Sample(filepath=str(place), **fields)


def test_check__new_samples_are_embedded_first(dataset: Any) -> None:
    dataset.delete_sample_field("vectors")
    curate(dataset, "compute_embeddings", model="descriptor")
    act(dataset, "check_dataset")
    assert "Surplus copies" in _facts(dataset)["fine"]
    dataset.add_sample(_copy(dataset, "copy.png", ground_truth=fo.Classification(label="red")))
    act(dataset, "check_dataset")
    issue = next(one for one in _facts(dataset)["issues"] if one["title"] == "Surplus copies")
    assert (issue["count"], issue["checked"], issue["of"]) == (1, 13, 13)
    assert len([run for run in list_runs(dataset) if run.method == "compute_embeddings"]) == 1


def test_check__samples_without_vectors_are_told(dataset: Any) -> None:
    dataset.add_sample(_copy(dataset, "copy.png"))
    act(dataset, "check_dataset", embeddings="vectors")
    facts = _facts(dataset)
    told = {one["title"]: one["why"] for one in facts["not_checked"]}
    assert told["Outliers"] == "1 of 13 samples: 1 no vector"
    assert "Outliers" not in facts["fine"]
    assert "Labels that look wrong" not in facts["fine"]
    assert "not checked throughout: labels that look wrong" in facts["headline"]
    assert {one["title"]: one["why"] for one in facts["not_here"]}["Copies in two splits"] == "no splits found"


def test_check__copies_of_unlabelled_images(dataset: Any) -> None:
    bare = fo.Dataset()
    bare.add_sample_field("ground_truth", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    bare.add_samples([fo.Sample(filepath=path) for path in dataset.values("filepath")], progress=False)
    bare.add_sample(_copy(bare, "copy.png"))
    act(bare, "check_dataset")
    facts = _facts(bare)
    assert [one["count"] for one in facts["issues"] if one["title"] == "Surplus copies"] == [1]
    assert {one["title"]: one["why"] for one in facts["not_here"]}["Labels that look wrong"] == "no given labels found"
    bare.delete()


@pytest.mark.parametrize("how", ["delete_sample_field", "clear_sample_field"])
def test_check__a_field_that_is_gone_is_not_fine(dataset: Any, how: str) -> None:
    act(dataset, "check_dataset")
    finished = get_run(dataset, "outliers").finished
    getattr(dataset, how)("outliers_score")
    act(dataset, "check_dataset")
    assert get_run(dataset, "outliers").finished != finished
    assert dataset.count("outliers_score") == 12


def test_check__what_a_view_maps_is_not_taken_for_the_dataset(dataset: Any) -> None:
    mapped = dataset.map_labels("ground_truth", {"red": "warm"})
    curate(mapped, "find_label_issues", embeddings="vectors")
    act(dataset, "check_dataset")
    assert "label_issues_2" in get_run(dataset, "check").reads


def test_check__repeated_checks_replace_their_own_runs_and_count_what_is_left(dataset: Any) -> None:
    copy = _copy(dataset, "copy.png", ground_truth=fo.Classification(label="red"), vectors=dataset.first().vectors)
    dataset.add_sample(copy)
    act(dataset, "check_dataset")
    keys = set(dataset.list_runs())
    surplus = dataset.match(F("duplicates_keep") == False)  # noqa: E712
    assert len(surplus) == 1
    act(surplus, "mark", decision="exclude", run="duplicates")
    act(dataset, "check_dataset")
    facts = _facts(dataset)
    assert set(dataset.list_runs()) == keys
    assert "Surplus copies" in facts["fine"]
    assert facts["working_set"] == "12 of 13 samples"
    act(dataset, "undo")
    act(dataset, "check_dataset")
    assert set(dataset.list_runs()) == keys
    assert [one["count"] for one in _facts(dataset)["issues"] if one["title"] == "Surplus copies"] == [1]


def test_check__lists_of_numbers_are_no_embeddings(dataset: Any) -> None:
    dataset.delete_sample_field("vectors")
    dataset.set_values("box", [[1.0, 2.0, float(row), 4.0] for row in range(12)])
    act(dataset, "check_dataset")
    assert {run.params.get("embeddings") for run in list_runs(dataset)} <= {None, "embeddings"}


def test_given_labels__are_told_by_what_fields_hold(dataset: Any) -> None:
    assert given_labels(dataset) == "ground_truth"
    renamed = fo.Dataset()
    renamed.add_sample_field("empty", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    sure = fo.Classification(label="a", confidence=0.9)
    renamed.add_sample(fo.Sample(filepath="a.png", model_says=sure, species=fo.Classification(label="a")))
    assert given_labels(renamed) == "species"
    renamed.delete_sample_field("species")
    assert given_labels(renamed) is None
    renamed.delete()


def test_predictions__logits_in_another_order_are_put_right_or_refused(dataset: Any) -> None:
    classes, names = dataset.values("ground_truth.label"), ["red", "green", "blue"]
    logits = [4.0 * np.eye(3)[names.index(label)] + 0.1 for label in classes]
    said = [
        fo.Classification(label=label, confidence=0.9, logits=own) for label, own in zip(classes, logits, strict=True)
    ]
    dataset.set_values("said", said)
    dataset.default_classes = sorted(names)
    dataset.save()
    run = curate(dataset, "find_confusions", embeddings=None, predictions="said")
    assert not any(dataset.values("confusions_is_confused"))
    rng = np.random.default_rng(0)
    said = [fo.Classification(label=label, confidence=0.9, logits=rng.normal(size=3)) for label in classes]
    dataset.set_values("said", said)
    with pytest.raises(ParamError, match="logits of 'said' are not in the order of the dataset's classes: on .* of 12"):
        curate(dataset, "find_confusions", key="other", embeddings=None, predictions="said")
    assert run.n == 12
