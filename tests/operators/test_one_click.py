"""The buttons beside the grid and the open picture: one click, no form, one undo."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo

PLUGIN = "@image-curation/curator"


def _click(dataset: Any, name: str, **shown: Any) -> tuple[dict[str, Any], list[str]]:
    """What the button answers, and what it asks of the App."""
    done = foo.execute_operator(f"{PLUGIN}/{name}", {"dataset": dataset, **shown}, params={})
    return done.result, [request["operator_uri"] for request in done.executor.to_json()["requests"]]


def test_exclude_and_undo__of_the_selected(dataset: Any) -> None:
    chosen = dataset.values("id")[:2]
    said, asked = _click(dataset, "exclude_selected", selected=chosen)
    assert said == {"headline": "2 samples excluded. “Undo the last decision” takes it back.", "samples": 2}
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


def test_exclude__nothing_selected_says_so(dataset: Any) -> None:
    said, _ = _click(dataset, "exclude_selected")
    assert said == {"headline": "Nothing is selected: tick the box at the corner of a picture first.", "samples": 0}
