"""Classes that are mixed up: those that overlap drive the grid, and confusions feed importance and its review."""

from __future__ import annotations

from typing import Any

from fiftyone import ViewField as F
from image_curation.dataset.curate import curate
from image_curation.panels.review import review_queue as queue
from image_curation.panels.shared import scope


def test_confusions__their_classes_feed_importance_and_its_review(panel: Any, dataset: Any) -> None:
    wrong = dataset.first()
    wrong.ground_truth.label = "green"  # it looks red
    wrong.save()
    given = {"embeddings": "vectors", "label_field": "ground_truth"}
    curate(dataset, "find_label_issues", **given)
    assert "Importance" not in str(panel.open("label_issues")["actions"])
    run = curate(dataset, "find_confusions", fewest=1, **given)
    assert [(pair["given"], pair["predicted"]) for pair in run.facts["pairs"]] == [("green", "red")]
    page = panel.open("confusions")
    action = next(one for one in page["actions"] if one["label"] == "Importance of the classes mixed up")
    panel.send(action["event"], **action["params"])
    name, filled = panel.prompted
    assert (name, filled) == ("score_importance", {**given, "classes_of_interest": ["green", "red"]})
    source = queue.source_of(curate(dataset, name, **filled), dataset.get_field_schema(), "ground_truth.label")
    assert source is not None
    marked = dataset.match(F("importance_of_interest") == True)  # noqa: E712
    assert marked.first().id == wrong.id
    ordered = marked.sort_by("importance_score", reverse=True).values("id")
    assert queue.read(source, scope.whole(dataset, None)).ids == ordered


def test_overlapping_classes__show_what_is_between_them(panel: Any, dataset: Any) -> None:
    wrong = dataset.first()
    wrong.ground_truth.label = "green"  # it looks red
    wrong.save()
    run = curate(dataset, "find_label_issues", embeddings="vectors", label_field="ground_truth")
    (pair,) = run.facts["overlapping"]
    assert (pair["classes"], round(pair["samples"])) == (["green", "red"], 1)
    listing = next(one for one in panel.open("label_issues")["lists"] if one["title"] == "Overlapping classes")
    (row,) = listing["rows"]
    assert (row["value"], row["n"], row["id"]) == ("green ↔ red", 1, wrong.id)
    panel.send(listing["event"], column=listing["column"], value=row["value"])
    assert panel.view.values("id") == [wrong.id]
    assert panel.data["showing"]["text"] == "The grid shows 1 sample: between green ↔ red"
    panel.send("show_all").send(listing["event"], column="", value="green ↔ blue")  # no such row
    assert panel.view is None
