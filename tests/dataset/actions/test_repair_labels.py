"""Labels are repaired and classes renamed as counted, and one undo brings back exactly what was there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from image_curation import act, curate
from image_curation.core.base.params import ParamError

BOX = [0.1, 0.1, 0.5, 0.5]


@pytest.fixture
def labelled(dataset: Any) -> Any:
    """Twelve images with three cars each, and one "crar", one box beyond the image and one exact double in all."""
    for number, sample in enumerate(dataset):
        boxes = [[0.05, 0.05, 0.2, 0.2], [0.4, 0.4, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]]
        names = ["car"] * 3
        if number == 2:
            names[1] = "crar"
        if number == 3:
            boxes[2] = [0.8, 0.7, 0.5, 0.2]
        if number == 4:
            boxes.append(list(boxes[0]))
            names.append("car")
        found = [fo.Detection(label=name, bounding_box=box) for name, box in zip(names, boxes, strict=True)]
        sample["objects"] = fo.Detections(detections=found)
        sample["weather"] = fo.Classification(label="suny" if number == 0 else "sunny")
        sample.save()
    return dataset


def _labels(dataset: Any) -> Any:
    fields = ("label", "bounding_box", "tags", "curation_reason")
    there = [f"objects.detections.{name}" for name in fields if dataset.get_field(f"objects.detections.{name}")]
    return dataset.values([*there[:3], "weather.label", "ground_truth.label"])


def test_repair_annotations__what_is_safe_and_one_undo(labelled: Any) -> None:
    before = _labels(labelled)
    with pytest.raises(ParamError, match="1 boxes cut to their image, 1 exact doubles excluded, 2 misspelled classes"):
        act(labelled, "repair_annotations")
    assert _labels(labelled) == before
    summary = act(labelled, "repair_annotations", confirm=True)
    assert (summary["clip"], summary["doubled"], summary["names"], summary["count"]) == (1, 1, 2, 4)
    assert labelled.count_values("objects.detections.label") == {"car": 37}
    assert labelled.count_values("weather.label") == {"sunny": 12}
    samples = list(labelled)
    assert samples[3].objects.detections[2].bounding_box == pytest.approx([0.8, 0.7, 0.2, 0.2])
    assert samples[4].objects.detections[3].tags == ["excluded"]
    assert samples[4].objects.detections[3]["curation_reason"] == "duplicate"
    run = curate(labelled, "find_annotation_issues")
    assert not run.facts["issues_by_kind"]
    act(labelled, "undo")
    assert _labels(labelled) == before
    assert act(labelled, "undo")["headline"] == "Nothing to undo"


def test_repair_annotations__of_a_view_and_nothing_to_do(labelled: Any) -> None:
    summary = act(labelled.limit(2), "repair_annotations", label_field="objects", confirm=True)
    assert summary["headline"] == "Nothing that is safe to repair was found"
    act(labelled.skip(2).limit(1), "repair_annotations", repairs=["clip"], confirm=True)
    assert labelled.count_values("objects.detections.label")["crar"] == 1


def test_repair_classes__merge_over_all_fields_with_a_preview_and_a_file(labelled: Any, tmp_path: Path) -> None:
    before, file = _labels(labelled), tmp_path / "classes.yml"
    seen = act(labelled, "repair_classes", classes={"crar": "car", "suny": "sunny", "red": "warm", "green": "warm"})
    assert (seen["done"], seen["count"]) == (False, 10)
    assert [(one["field"], one["from"], one["to"], one["count"]) for one in seen["changes"]] == [
        ("ground_truth", "green", "warm", 4),
        ("ground_truth", "red", "warm", 4),
        ("objects", "crar", "car", 1),
        ("weather", "suny", "sunny", 1),
    ]
    assert seen["changes"][2]["examples"] == [labelled.skip(2).first().filepath]
    assert _labels(labelled) == before
    given = {"classes": ["crar=car", "red=warm", "green=warm"], "confirm": True, "save_as": str(file)}
    assert act(labelled, "repair_classes", **given)["count"] == 9
    assert labelled.count_values("ground_truth.label") == {"warm": 8, "blue": 4}
    assert labelled.first().ground_truth.id == labelled.first().ground_truth.id
    act(labelled, "undo")
    assert _labels(labelled) == before
    assert act(labelled, "repair_classes", mapping_file=str(file), confirm=True)["count"] == 9


def test_repair_classes__corrections_are_renamed_too(labelled: Any) -> None:
    act(labelled.limit(1), "relabel", label="green")
    act(labelled, "repair_classes", classes=["green=verdant"], label_field="ground_truth", confirm=True)
    assert labelled.first().ground_truth_curated.label == "verdant"
    assert labelled.first().ground_truth.label == "red"


def test_repair_classes__split_by_a_field_and_by_chosen_samples(labelled: Any) -> None:
    labelled.set_values("cluster", [number % 2 for number in range(12)])
    act(labelled, "repair_classes", split="red", split_by="cluster", confirm=True)
    counts = labelled.count_values("ground_truth.label")
    assert (counts["red 0"], counts["red 1"], counts["blue"]) == (2, 2, 4)
    act(labelled.skip(8).limit(1), "repair_classes", classes=["blue=navy"], confirm=True)
    assert labelled.count_values("ground_truth.label")["navy"] == 1
    act(labelled, "repair_classes", split="car", split_by="cluster", label_field="objects", confirm=True)
    assert set(labelled.distinct("objects.detections.label")) == {"car 0", "car 1", "crar"}
    patch = labelled.to_patches("objects").limit(1)
    act(patch, "repair_classes", classes=["car 0=van"], confirm=True)
    assert labelled.count_values("objects.detections.label")["van"] == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "takes one of classes, mapping_file and split"),
        ({"classes": ["crar"]}, "must hold entries such as crar=car, each class once; got 'crar'"),
        ({"classes": ["caar=b"]}, r"has the class 'caar'; did you mean 'car'\?"),
        ({"split": "car"}, "split needs split_by"),
        ({"split": "car", "split_by": "nothing"}, "split_by must name a field; dataset .* has no 'nothing'"),
        ({"classes": ["a=b"], "label_field": "vectors"}, "label_field must name a field of labels; got 'vectors'"),
        ({"mapping_file": "/nowhere.yml"}, "The mapping file '/nowhere.yml' cannot be read"),
    ],
)
def test_repair_classes__bad_input(labelled: Any, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        act(labelled, "repair_classes", **given)
