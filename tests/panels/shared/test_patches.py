"""The panels on runs on objects: figures, pictures, decisions, and the grid through patches views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act
from image_curation.dataset.curate import curate
from image_curation.dataset.runs import freshness
from image_curation.dataset.runs import record as runs
from image_curation.panels.shared import grid

ROOT = "objects.detections"
REVIEW, MAP, COMPARE, REPORT = (
    f"@image-curation/curator/{name}" for name in ("review", "map", "comparison", "subset_report")
)


@pytest.fixture(scope="module")
def made() -> Iterator[Any]:
    """Twelve images with two boxes each, vectors of FiftyOne's kind on the labels, and a run on them."""
    rng = np.random.default_rng(0)
    dataset = fo.Dataset()
    dataset.add_sample_field("vectors", fo.VectorField)
    dataset.add_sample_field("objects", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    dataset.add_sample_field(f"{ROOT}.vectors", fo.VectorField)
    samples = []
    for number in range(12):
        boxes = [
            fo.Detection(
                label="ab"[place] if number or place else "b",
                bounding_box=[0.1 + place / 2, 0.25, 0.25, 0.5],
                vectors=(np.eye(3)[place] + 0.1 * rng.standard_normal(3)).astype(np.float32),
            )
            for place in range(2)
        ]
        label = fo.Classification(label=("red", "green", "blue")[number // 4])
        sample = fo.Sample(filepath=f"/pictures/{number}.png", ground_truth=label, vectors=np.eye(3)[number // 4])
        sample["objects"] = fo.Detections(detections=boxes)
        samples.append(sample)
    dataset.add_samples(samples, progress=False)
    curate(dataset, "find_label_issues", embeddings=f"{ROOT}.vectors", label_field="objects")
    yield dataset
    dataset.delete()


@pytest.fixture
def objects(made: Any) -> Iterator[Any]:
    """A copy to act on."""
    copy = made.clone()
    yield copy
    copy.delete()


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


def test_page__importance_against_label_quality_of_objects(objects: Any, on: Any) -> None:
    curate(objects, "score_importance", embeddings=f"{ROOT}.vectors", label_field="objects")
    panel = on(objects)
    plot = panel.open("label_issues")["quadrants"]
    counts = {one["name"]: one["n"] for one in plot["quadrants"]}
    assert sum(counts.values()) == 24
    panel.send("show_quadrant", name="hard")
    assert panel.view._is_patches
    assert len(panel.view) == counts["hard"] > 0


def test_report__on_objects_shows_crops_and_drives_patches(objects: Any, on: Any) -> None:
    curate(objects, "find_representatives", embeddings=f"{ROOT}.vectors", k=4)
    subset = "objects.detections.representatives_is_medoid"
    run = curate(objects, "report", embeddings=f"{ROOT}.vectors", subset=subset)
    panel = on(objects, uri=REPORT).send("on_load")
    page = panel.data["page"]
    assert "subsets of 4 objects" in page["said"]
    pictures = [one for kind in page["clusters"] for row in kind["rows"] for one in row["pictures"]]
    assert pictures
    assert all("#xywh=" in one["path"] for one in pictures)
    panel.send("show_subset")
    assert panel.view._is_patches
    assert len(panel.view) == run.facts["size"] == 4
    panel.send("show_cluster", cluster=page["clusters"][0]["rows"][0]["cluster"])
    assert "objects: cluster" in panel.data["showing"]["text"].replace("object:", "objects:")
    panel.send("show_all").send("open_sample", id=pictures[0]["id"])
    assert panel.calls[-1][0] == "open_sample"
    assert panel.calls[-1][1]["id"] in objects.values("id")


def test_grid__marks_what_it_adds(objects: Any, on: Any) -> None:
    panel = on(objects)
    panel.open("label_issues")
    panel.send("show_flag", value="is_issue")
    assert all(stage._uuid == grid.MARK for stage in panel.view._all_stages)


# Review


def _raw(dataset: Any) -> Any:
    """The objects as the database holds them, but for when they changed."""
    return [sample["objects"] for sample in dataset._sample_collection.find({}, {"objects": True})]


def _worst(dataset: Any) -> Any:
    """The one object whose label is wrong."""
    return dataset.first().objects.detections[0]


def test_review__opens_on_an_object_with_neighbors_of_both_classes(objects: Any, on: Any) -> None:
    assert "review" in [action["event"] for action in on(objects).open("label_issues")["actions"]]
    panel = on(objects, uri=REVIEW).send("on_load")
    card = panel.data["card"]
    assert (card["id"], card["given"], card["suggested"]) == (_worst(objects).id, "b", "a")
    assert card["path"] == f"{objects.first().filepath}#xywh=0.1,0.25,0.25,0.5"
    assert panel.data["progress"]["text"] == "0 of 1 decided"
    assert panel.data["classes"] == ["a", "b"]
    labels = dict(
        zip(objects.values(f"{ROOT}.id", unwind=True), objects.values(f"{ROOT}.label", unwind=True), strict=True)
    )
    for row, label in zip(card["alike"], "ba", strict=True):
        assert len(row["pictures"]) == 4
        assert {labels[one["id"]] for one in row["pictures"]} == {label}
        assert all("#xywh=" in one["path"] for one in row["pictures"])
    assert float(card["alike"][1]["pictures"][0]["caption"]) > 0.9, "it is one of the other class"
    curate(objects, "find_neighbors", embeddings=f"{ROOT}.vectors", k=12)
    again = on(objects, uri=REVIEW).send("on_load").data["card"]
    assert again["alike"][1]["pictures"][0] == card["alike"][1]["pictures"][0], "and a run of neighbors says the same"


def test_review__decisions_are_on_the_label_and_undo_restores_it(objects: Any, on: Any) -> None:
    before = _raw(objects)
    panel = on(objects, uri=REVIEW).send("on_load")
    panel.send("accept", id=_worst(objects).id)
    assert (_worst(objects).label, _worst(objects).label_curated, _worst(objects).tags) == ("b", "a", ["relabelled"])
    assert _worst(objects).curation_reviews == ["label_issues"]
    assert objects.count_sample_tags() == {}
    assert panel.data["progress"]["text"] == "1 of 1 decided: 1 relabelled"
    assert panel.data["finished"]["title"] == "All 1 object are decided"
    assert freshness.stale_reason(objects, runs.get_run(objects, "label_issues")).startswith("1 label in")
    panel.send("undo")
    assert panel.data["said"] == "Taken back: labelled a, on 1 object."
    assert panel.data["card"]["decided"] is None
    panel.send("relabel", id=_worst(objects).id, label="new", new_class=True)
    assert _worst(objects).label_curated == "new"
    assert panel.send("refresh").data["classes"] == ["a", "b", "new"]
    panel.send("undo").send("exclude", id=_worst(objects).id, reason="blurred")
    assert (_worst(objects).tags, _worst(objects).curation_reason) == (["excluded"], "blurred")
    assert panel.send("back").data["card"]["decided"] == "Excluded: blurred"
    panel.send("undo").send("keep", id=_worst(objects).id)
    assert _worst(objects).tags == ["kept"]
    panel.send("undo")
    objects.delete_sample_field(f"{ROOT}.label_curated")
    assert _raw(objects) == before, "tags, reasons and reviews are as they were"


def test_review__grid_shows_the_objects_and_a_selection_is_decided(objects: Any, on: Any) -> None:
    curate(objects, "find_representatives", embeddings=f"{ROOT}.vectors", k=3)
    panel = on(objects, uri=REVIEW).send("on_load").send("choose_source", key="representatives")
    panel.send("show_queue")
    assert panel.view._is_patches
    assert len(panel.view) == panel.data["progress"]["total"]
    panel.selected = tuple(panel.view.values("id")[:2])
    panel.send("on_change_view").send("decide_selected", verdict="keep")
    assert panel.data["said"] == "2 objects kept."
    assert objects.count_label_tags("objects") == {"kept": 2}
    panel.selected = (objects.first().id,)
    assert "These are no objects" in panel.send("decide_selected", verdict="keep").data["said"]
    panel.send("choose_mode", mode="batch")
    assert sum("#xywh=" in one["path"] for one in panel.data["batch"]["pictures"]) == len(
        panel.data["batch"]["pictures"]
    )
    panel.send("choose_source", key="label_issues")
    assert panel.view is None, "the grid no longer shows the other queue"


def test_review__within_the_users_own_patches(objects: Any, on: Any) -> None:
    curate(objects, "find_representatives", embeddings=f"{ROOT}.vectors", k=3)
    panel = on(objects, uri=REVIEW, view=objects.to_patches("objects").match(F("objects.label") == "b"))
    panel.send("on_load").send("choose_source", key="representatives")
    total = panel.data["progress"]["total"]
    assert 0 < total < 3
    panel.send("keep", id=panel.data["card"]["id"])
    assert panel.data["progress"]["text"] == f"1 of {total} decided: 1 kept", "patches do not follow, the panel does"
    panel.send("on_change_view")
    assert panel.data["progress"]["done"] == 1


def test_review__copies_of_objects_side_by_side(objects: Any, on: Any) -> None:
    same = np.eye(3)[2].astype(np.float32)
    objects.set_values(
        f"{ROOT}.vectors",
        [
            [same, own.detections[1].vectors] if at < 2 else [one.vectors for one in own.detections]
            for at, own in enumerate(objects.values("objects"))
        ],
    )
    curate(objects, "find_duplicates", embeddings=f"{ROOT}.vectors", exact=False, threshold=0.9999, confirm=False)
    panel = on(objects, uri=REVIEW).send("on_load").send("choose_source", key="duplicates")
    compare = panel.data["card"]["compare"]
    assert len(compare["members"]) == 2
    assert compare["proposal"] == "Keep 1, exclude 1"
    assert [row["label"] for row in compare["rows"]] == ["Size", "File", "Sharpness", "Label"]
    panel.send("accept", id=panel.data["card"]["id"])
    assert objects.count_label_tags("objects") == {"excluded": 1, "kept": 1}


# Compare


def test_compare__objects_that_are_selected_as_patches(objects: Any, on: Any) -> None:
    curate(objects, "train_classifier", embeddings=f"{ROOT}.vectors", label_field="objects")
    panel = on(objects, uri=COMPARE, view=objects.to_patches("objects"))
    first, second = objects.first().objects.detections
    panel.selected = (first.id, second.id)
    panel.send("on_load")
    assert [one["path"].rpartition("#")[2] for one in panel.data["pictures"]] == [
        "xywh=0.1,0.25,0.25,0.5",
        "xywh=0.6,0.25,0.25,0.5",
    ]
    assert panel.data["embeddings"] == {"chosen": f"{ROOT}.vectors", "choices": [f"{ROOT}.vectors"]}
    unit = [one.vectors / np.linalg.norm(one.vectors) for one in (first, second)]
    assert panel.data["similarity"][0][1] == pytest.approx(float(unit[0] @ unit[1]), abs=1e-4)
    assert sorted(panel.data["says"]["classes"]) == ["a", "b"]
    ids = [one["id"] for one in panel.data["neighbors"]]
    assert (ids[0], len(ids)) == (first.id, 9)
    assert panel.send("show_neighbors", ids=ids).view.values("id") == ids
    panel.view = None  # images are selected, of which nothing is known here but what their objects hold
    assert panel.send("on_change_selected").data["embeddings"]["choices"] == ["vectors"]


# Map


@pytest.fixture(scope="module")
def with_maps(made: Any) -> Iterator[Any]:
    """The same with two maps of the objects."""
    copy = made.clone()
    curate(copy, "compute_map", embeddings=f"{ROOT}.vectors", method="pca")
    curate(copy, "compute_map", key="space", embeddings=f"{ROOT}.vectors", method="pca", dims=3)
    yield copy
    copy.delete()


@pytest.fixture
def mapped(with_maps: Any) -> Iterator[Any]:
    """A copy of that."""
    copy = with_maps.clone()
    yield copy
    copy.delete()


def test_map__draws_the_objects(mapped: Any, on: Any) -> None:
    assert "open_map" in [action["event"] for action in on(mapped).open("map")["actions"]]
    panel = on(mapped, uri=MAP).send("on_load").send("choose_map", key="map")
    assert (panel.data["plot"]["n"], panel.data["scope"], panel.data["drawn"]) == (24, "24 objects", "")
    color = panel.data["color"]
    assert color["path"] == "objects.label"
    assert [(row["label"], row["n"]) for row in color["legend"]["rows"]] == [("a", 11), ("b", 13)]
    fields = {one["path"]: one["label"] for one in panel.data["fields"]}
    assert {
        "objects.label_issues_quality": "Quality",
        "objects.tags": "objects, tags",
        "ground_truth.label": "ground_truth",
    }.items() <= fields.items()
    assert not {"objects.bounding_box", "objects.id", "objects.vectors", "objects.map"} & set(fields)
    panel.send("choose_color", path="ground_truth.label")
    assert sum(row["n"] for row in panel.data["color"]["legend"]["rows"]) == 24, "objects may be told by their image"
    panel.send("choose_size", path="objects.label_issues_quality")
    assert panel.data["size"]["title"] == "Quality · label_issues"
    panel.send("point_at", index=0, token=panel.data["plot"]["token"])
    pointed = panel.data["pointed"]
    assert (pointed["id"], pointed["label"]) == (_worst(mapped).id, "b")
    assert pointed["path"].endswith("#xywh=0.1,0.25,0.25,0.5")


@pytest.mark.parametrize(("key", "matrix"), [("map", None), ("space", np.eye(4).ravel().tolist())])
def test_map__lasso_drives_the_grid_and_decisions_are_on_the_labels(
    mapped: Any, on: Any, key: str, matrix: Any
) -> None:
    panel = on(mapped, uri=MAP).send("on_load").send("choose_map", key=key)
    panel.send("choose_shape", corners=[[-1, -1], [2, -1], [2, 2], [-1, 2]], matrix=matrix)
    assert panel.data["chosen"]["text"] == "24 objects chosen"
    assert panel.view._is_patches
    assert len(panel.view) == 24
    panel.send("on_change_view").send("exclude_chosen")
    assert panel.data["said"] == "24 objects excluded."
    assert mapped.count_label_tags("objects") == {"excluded": 24}
    panel.send("undo")
    assert panel.data["said"] == "Taken back: excluded, on 24 objects."
    assert mapped.count_label_tags("objects") == {}


def test_map__a_class_is_tagged_saved_and_one_excluded(mapped: Any, on: Any) -> None:
    panel = on(mapped, uri=MAP).send("on_load").send("choose_map", key="map").send("choose_class", value="a")
    assert panel.data["chosen"]["n"] == 11
    panel.send("tag_chosen", tag="look again")
    assert panel.data["said"] == "11 objects tagged “look again”."
    assert mapped.count_label_tags("objects") == {"look again": 11}
    panel.send("save_chosen", name="the a")
    assert panel.data["said"] == "Slice 'the a': 11 objects."
    mapped.reload()
    assert mapped.load_saved_view("the a").count(f"{ROOT}.id") == 11
    panel.send("open_point", index=0, token=panel.data["plot"]["token"])
    panel.send("exclude_point", id=panel.data["point"]["id"], index=0, token=panel.data["point"]["token"])
    assert (_worst(mapped).tags, panel.data["point"]["decided"]) == (["excluded"], "Excluded")
    panel.send("clear_chosen").send("open_sample", id=_worst(mapped).id)
    assert panel.calls[-1] == ("open_sample", {"id": mapped.first().id, "group_id": None})


def test_map__follows_the_view_and_the_selection(mapped: Any, on: Any) -> None:
    panel = on(mapped, uri=MAP).send("on_load").send("choose_map", key="map")
    panel.view = mapped.match(F("ground_truth.label") == "red")
    panel.send("on_change_view")
    assert panel.data["scope"] == "The current view: 8 of 24 objects"
    panel.view = mapped.to_patches("objects").match(F("objects.label") == "b")
    panel.send("on_change_view")
    assert panel.data["scope"] == "The current view: 13 of 24 objects"
    panel.view, panel.selected = None, (mapped.first().id,)
    panel.send("on_change_view").send("on_change_selected")
    assert panel.data["scope"] == "2 objects selected in the grid", "those of the selected image"
    again = on(mapped, uri=MAP).send("on_load")
    assert (again.data["map"], again.state["objects"]) == ("map", "objects")


def test_check__of_objects(objects: Any, on: Any) -> None:
    act(objects, "check_dataset", patches_field="objects")
    panel = on(objects).send("on_load")
    page = panel.open("check_objects")
    assert page["label"] == "Check of the objects in objects"
    cards = {card["key"]: card for card in page["kinds"]}
    assert {"quality", "label_issues"} <= set(cards)
    for key, card in cards.items():
        if card["now"]:
            panel.send(card["look"]["event"], **card["look"]["params"])
            assert panel.view._is_patches
            assert len(panel.view) == card["now"]
            assert card["pictures"][0]["id"] in panel.view.values("id")
            assert (card["action"]["event"], card["action"]["params"]) == ("review", {"key": key})
    again = next(action for action in page["actions"] if action["label"] == "Check again")
    panel.send(again["event"], **again["params"])
    assert panel.prompted == ("check_dataset", {"patches_field": "objects"})
