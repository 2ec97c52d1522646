"""The classes that a run of confusions sees mixed up are of interest: to importance, and from there to the review."""

from __future__ import annotations

from typing import Any

from fiftyone import ViewField as F
from image_curation.dataset.curate import curate
from image_curation.panels import queue, scope


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
