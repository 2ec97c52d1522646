"""The buttons beside the grid and the open picture: one click, no form, one undo."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
from fiftyone.operators.executor import ExecutionContext
from fiftyone.operators.registry import OperatorRegistry

PLUGIN = "@image-curation/curator"


def _click(
    dataset: Any, name: str, params: dict[str, Any] | None = None, **shown: Any
) -> tuple[dict[str, Any], list[str]]:
    """What the button answers, and what it asks of the App."""
    done = foo.execute_operator(f"{PLUGIN}/{name}", {"dataset": dataset, **shown}, params=params or {})
    return done.result, [request["operator_uri"] for request in done.executor.to_json()["requests"]]


def _form(dataset: Any, name: str, **shown: Any) -> dict[str, Any]:
    """What the button asks first."""
    request = {"dataset_name": dataset.name, "params": {}, **shown}
    ctx = ExecutionContext(request, operator_uri=f"{PLUGIN}/{name}")
    return dict(OperatorRegistry().get_operator(f"{PLUGIN}/{name}").resolve_input(ctx).to_json())


def test_exclude_and_undo__of_the_selected(dataset: Any) -> None:
    chosen = dataset.values("id")[:2]
    said, asked = _click(dataset, "exclude_selected", selected=chosen)
    assert said == {"headline": "2 samples excluded.", "samples": 2}
    assert sorted(dataset.match_tags("excluded").values("id")) == sorted(chosen)
    assert "set_view" not in asked  # the grid keeps its place
    assert "set_selected_samples" in asked
    said, asked = _click(dataset, "exclude_selected", selected=chosen)
    assert said == {"headline": "All 2 are excluded already.", "samples": 0}
    said, _ = _click(dataset, "undo_last")
    assert said == {"headline": "Taken back: excluded, on 2 samples.", "samples": 2}
    assert dataset.count_sample_tags() == {}
    assert _click(dataset, "undo_last")[0]["headline"] == "There is no decision to take back."


def test_keep__of_the_open_picture_whatever_is_selected(dataset: Any) -> None:
    first, second = dataset.values("id")[:2]
    said, asked = _click(dataset, "keep_open", selected=[second], current_sample=first)
    assert said["samples"] == 1
    assert dataset[first].tags == ["kept"]
    assert dataset[second].tags == []
    assert "set_selected_samples" not in asked


def test_undo__one_decision_alone_from_the_list(dataset: Any) -> None:
    first, second = dataset.values("id")[:2]
    _click(dataset, "exclude_selected", selected=[first])
    _click(dataset, "keep_selected", selected=[second])
    form = _form(dataset, "undo_last")["type"]["properties"]["key"]
    listed = [choice["label"] for choice in form["view"]["choices"]]
    assert [one.split(",")[0] for one in listed] == ["1 sample kept", "1 sample excluded"]
    said, _ = _click(dataset, "undo_last", {"key": form["view"]["choices"][1]["value"]})
    assert said["headline"] == "Taken back: excluded, on 1 sample."
    assert (dataset[first].tags, dataset[second].tags) == ([], ["kept"])


def test_relabel__a_class_that_is_there_or_a_new_one(dataset: Any) -> None:
    first = dataset.first().id
    asked = _form(dataset, "relabel_selected", selected=[first])["type"]["properties"]["label"]
    assert {choice["value"] for choice in asked["view"]["choices"]} == set(dataset.distinct("ground_truth.label"))
    refused, _ = _click(dataset, "relabel_selected", {"label": "violet"}, selected=[first])
    assert refused == {"headline": "'violet' is no class yet.", "samples": 0}
    said, _ = _click(dataset, "relabel_selected", {"label": "violet", "new_class": True}, selected=[first])
    assert said == {"headline": "1 sample labelled violet.", "samples": 1}
    assert dataset[first].ground_truth_curated.label == "violet"
    nothing = _form(dataset, "relabel_selected")["type"]["properties"]
    assert "Nothing is selected" in nothing["wrong"]["view"]["label"]


def test_similar__the_most_alike_stand_first_in_the_grid(dataset: Any) -> None:
    ids, x = dataset.values(["id", "vectors"])
    x = np.array(x) / np.linalg.norm(x, axis=1, keepdims=True)
    done = foo.execute_operator(
        f"{PLUGIN}/similar_selected", {"dataset": dataset, "selected": [ids[0]]}, params={}
    ).executor.to_json()["requests"]
    (shown,) = [request["params"]["view"] for request in done if request["operator_uri"].endswith("set_view")]
    (back,) = [request["params"]["does"] for request in done if request["operator_uri"].endswith("announce")]
    expected = [ids[row] for row in np.argsort(-(x @ x[0]), kind="stable")]
    assert fo.DatasetView._build(dataset, shown).values("id") == expected
    assert back == {"label": "Back", "operator": "@voxel51/operators/set_view", "params": {"view": []}}


def test_review_these__opens_the_review_on_the_selection(dataset: Any) -> None:
    ids = dataset.values("id")[:2]
    said, asked = _click(dataset, "review_selected", selected=ids)
    assert said["headline"] == "Review of 2 samples."
    assert "open_panel" in asked


def test_exclude__objects_that_are_selected_in_the_open_picture(dataset: Any) -> None:
    sample = dataset.first()
    boxes = [fo.Detection(label="a", bounding_box=[0, 0, 0.5, 0.5]), fo.Detection(label="b", bounding_box=[0, 0, 1, 1])]
    sample["objects"] = fo.Detections(detections=boxes)
    sample.save()
    chosen = {"label_id": boxes[1].id, "sample_id": sample.id, "field": "objects"}
    said, _ = _click(dataset, "exclude_open", current_sample=sample.id, selected_labels=[chosen])
    assert said["headline"] == "1 object excluded."
    dataset.reload()
    assert [one.tags for one in dataset[sample.id].objects.detections] == [[], ["excluded"]]


def test_exclude__nothing_selected_says_so(dataset: Any) -> None:
    said, _ = _click(dataset, "exclude_selected")
    assert said == {"headline": "Nothing is selected: tick the box at the corner of a picture first.", "samples": 0}
