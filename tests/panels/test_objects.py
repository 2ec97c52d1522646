"""The Curation panel on runs on objects: figures, pictures and grid through patches views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation.dataset.curate import curate
from image_curation.panels import grid

ROOT = "objects.detections"


@pytest.fixture
def objects(dataset: Any) -> Iterator[Any]:
    """Twelve images with two boxes each, vectors of FiftyOne's kind on the labels, and two runs on them."""
    rng = np.random.default_rng(0)
    dataset.add_sample_field("objects", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    dataset.add_sample_field(f"{ROOT}.vectors", fo.VectorField)
    for number, sample in enumerate(dataset.iter_samples(autosave=True)):
        sample["objects"] = fo.Detections(
            detections=[
                fo.Detection(
                    label="ab"[place],
                    bounding_box=[0.1 + place / 2, 0.25, 0.25, 0.5],
                    vectors=(np.eye(3)[place] + 0.1 * rng.standard_normal(3)).astype(np.float32),
                )
                for place in range(2)
            ]
        )
        if number == 0:
            sample.objects.detections[0].label = "b"
    curate(dataset, "find_label_issues", embeddings=f"{ROOT}.vectors", label_field="objects")
    return dataset


def test_page__is_about_objects(objects: Any, on: Any) -> None:
    panel = on(objects)
    page = panel.open("label_issues")
    assert panel.state["objects"] == "objects"
    assert panel.data["scope"]["text"] == "The figures are about 24 objects of the field 'objects'"
    assert sum(page["score"]["histogram"]["counts"]) == 24
    worst = page["ends"][0]["pictures"][0]
    assert worst["id"] == objects.first().objects.detections[0].id
    assert worst["path"] == f"{objects.first().filepath}#xywh=0.1,0.25,0.25,0.5"
    assert worst["note"] == "b → a"
    assert "24 objects" in page["said"]
    assert {"label": "Run on", "value": "the objects of 'objects' in the whole dataset"} in page["settings"]
    lists = {one["column"]: one for one in page["lists"]}
    assert [(row["label"], row["n"]) for row in lists["__given__"]["rows"]] == [("b", 1), ("a", 0)]
    assert "#xywh=" in lists["__given__"]["rows"][0]["path"]


def test_clicks__open_the_patches_in_the_grid(objects: Any, on: Any) -> None:
    panel = on(objects)
    panel.open("label_issues")
    panel.send("show_flag", value="is_issue")
    assert panel.data["showing"]["text"].startswith("The grid shows 1 object: ")
    assert panel.view._is_patches
    assert panel.view.values("id") == [objects.first().objects.detections[0].id]
    assert "vectors" not in panel.view.first().objects
    panel.send("refresh")
    assert sum(panel.data["page"]["score"]["histogram"]["counts"]) == 24, "figures do not shrink to what was clicked"
    panel.send("show_all")
    assert panel.view is None
    panel.send("show_sorted", which="worst")
    assert len(panel.view) == 24
    panel.send("back")
    assert panel.state["objects"] is None
    assert "12 samples" in panel.data["scope"]["text"]


def test_base__is_the_users_view_or_his_patches(objects: Any, on: Any) -> None:
    panel = on(objects)
    panel.view = objects.match(F("ground_truth.label") == "red")
    page = panel.open("label_issues")
    assert sum(page["score"]["histogram"]["counts"]) == 8
    panel.view = objects.to_patches("objects").match(F("objects.label") == "b")
    page = panel.open("label_issues")
    assert sum(page["score"]["histogram"]["counts"]) == 13
    panel.send("show_flag", value="is_issue")
    assert len(panel.view) == 1


def test_save_slice__of_objects(objects: Any, on: Any) -> None:
    panel = on(objects)
    panel.open("label_issues")
    panel.send("show_flag", value="is_issue").send("save_slice")
    name, params = panel.prompted
    assert (name, params["field"], params["equals"]) == ("save_slice", "objects.label_issues_is_issue", "true")


def test_open_sample__shows_the_image_unless_the_grid_shows_objects(objects: Any, on: Any) -> None:
    panel = on(objects)
    panel.open("label_issues")
    one = objects.first().objects.detections[0].id
    assert panel.send("open_sample", id=one).calls == [("open_sample", {"id": objects.first().id, "group_id": None})]
    panel.send("show_flag", value="is_issue")
    assert panel.send("open_sample", id=one).calls == [("open_sample", {"id": one, "group_id": None})]


def test_objects__are_in_no_review_yet(objects: Any, on: Any) -> None:
    panel = on(objects)
    assert "review" not in [action["event"] for action in panel.open("label_issues")["actions"]]


def test_page__offers_no_map_of_objects_yet(objects: Any, on: Any) -> None:
    curate(objects, "compute_map", embeddings=f"{ROOT}.vectors", method="pca")
    actions = [action["event"] for action in on(objects).open("map")["actions"]]
    assert actions == ["rerun", "forget"], "the Curation Map shows samples"


def test_grid__marks_what_it_adds(objects: Any, on: Any) -> None:
    panel = on(objects)
    panel.open("label_issues")
    panel.send("show_flag", value="is_issue")
    assert all(stage._uuid == grid.MARK for stage in panel.view._all_stages)
