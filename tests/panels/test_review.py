"""The Curation Review panel, event by event, on real runs in a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate
from image_curation.dataset import decisions
from image_curation.panels.queue import Queue
from image_curation.panels.review import EVENTS

PANEL = "@image-curation/curator/review"


@pytest.fixture(scope="module")
def judged() -> Iterator[Any]:
    """Sixty samples of three classes, run `label_issues`; six labels are wrong, and found."""
    rng = np.random.default_rng(1)
    names = ("red", "green", "blue")
    made = fo.Dataset()
    made.add_sample_field("vectors", fo.VectorField)
    samples = []
    for number in range(60):
        code = number % 3
        label = names[(code + 1) % 3] if number % 10 == 0 else names[code]
        vector = (np.eye(3)[code] + 0.05 * rng.standard_normal(3)).astype(np.float32)
        given = fo.Classification(label=label)
        samples.append(fo.Sample(filepath=f"/pictures/{number}.png", ground_truth=given, vectors=vector))
    made.add_samples(samples, progress=False)
    curate(made, "find_label_issues", embeddings="vectors", label_field="ground_truth")
    assert made.count_values("label_issues_is_issue")[True] == 6
    yield made
    made.delete()


@pytest.fixture
def flagged(judged: Any) -> Iterator[Any]:
    """A copy of these to decide about."""
    copy = judged.clone()
    yield copy
    copy.delete()


@pytest.fixture
def review(flagged: Any, on: Callable[..., Any]) -> Any:
    """The panel, opened on these."""
    return on(flagged, uri=PANEL).send("on_load")


def _queue(dataset: Any) -> list[str]:
    view = dataset.match(F("label_issues_is_issue") == True).sort_by("label_issues_quality")  # noqa: E712
    return list(view.values("id"))


def test_load__shows_the_worst_with_its_labels_and_neighbors(review: Any, flagged: Any) -> None:
    card = review.data["card"]
    assert card["id"] == _queue(flagged)[0]
    sample = flagged[card["id"]]
    assert (card["given"], card["suggested"]) == (sample.ground_truth.label, sample.label_issues_suggested)
    assert card["given"] != card["suggested"]
    assert [fact["label"] for fact in card["facts"]][:2] == ["Quality", "Rank"]
    of_given, of_suggested = card["alike"]
    for row, label in ((of_given, card["given"]), (of_suggested, card["suggested"])):
        assert row["title"] == f"Most like it among “{label}”, with similarity"
        assert len(row["pictures"]) == 4
        assert {flagged[picture["id"]].ground_truth.label for picture in row["pictures"]} == {label}
    assert float(of_suggested["pictures"][0]["caption"]) > 0.9
    assert review.data["progress"]["text"] == "0 of 6 decided"
    assert review.data["classes"] == ["blue", "green", "red"]
    assert review.size < 20_000


def test_load__neighbors_come_from_a_run_where_there_is_one(review: Any, flagged: Any) -> None:
    curate(flagged, "find_neighbors", embeddings="vectors", k=30)
    sample = flagged[review.data["card"]["id"]]
    first = next(i for i in sample.neighbors_ids if flagged[i].ground_truth.label == sample.label_issues_suggested)
    review.send("refresh")
    assert review.data["card"]["alike"][1]["pictures"][0]["id"] == first


def test_decisions__are_in_the_database_before_the_next_card(review: Any, flagged: Any) -> None:
    queue, given = _queue(flagged), flagged.values("ground_truth")
    suggested = review.data["card"]["suggested"]
    review.send("accept", id=queue[0])
    assert flagged[queue[0]].ground_truth_curated.label == suggested
    assert review.data["card"]["id"] == queue[1]
    assert review.data["progress"]["text"] == "1 of 6 decided: 1 relabelled"
    review.send("exclude", id=queue[1], reason="wrong content")
    assert (flagged[queue[1]].tags, flagged[queue[1]].curation_reason) == (["excluded"], "wrong content")
    review.send("keep", id=queue[2])
    assert flagged[queue[2]].tags == ["kept"]
    review.send("relabel", id=queue[3], label="violet")
    assert flagged[queue[3]].ground_truth_curated.label == "violet"
    assert "violet" in review.send("refresh").data["classes"]
    assert flagged.values("ground_truth") == given


def test_reload__goes_on_at_the_first_undecided(review: Any, flagged: Any, on: Callable[..., Any]) -> None:
    queue = _queue(flagged)
    review.send("skip", id=queue[0]).send("accept", id=queue[1])
    assert review.data["card"]["id"] == queue[2]
    again = on(flagged, uri=PANEL).send("on_load")
    assert again.data["card"]["id"] == queue[0]  # what was skipped comes first
    assert again.data["progress"]["done"] == 1


def test_back_and_undo__many_steps_across_reloads(review: Any, flagged: Any, on: Callable[..., Any]) -> None:
    queue = _queue(flagged)
    for sample_id in queue[:3]:
        review.send("accept", id=sample_id)
    review.send("back", id=queue[3])
    assert review.data["card"]["id"] == queue[2]
    assert review.data["card"]["decided"].startswith("Relabelled: ")
    again = on(flagged, uri=PANEL).send("on_load")
    for sample_id in queue[2::-1]:
        assert again.send("undo").data["card"]["id"] == sample_id
        assert again.data["card"]["decided"] is None
    assert again.data["progress"]["done"] == 0
    assert flagged.values("ground_truth_curated.label") == flagged.values("ground_truth.label")
    assert again.send("undo").data["said"] == "There is no decision to take back."


def test_undo__is_of_this_review(review: Any, flagged: Any) -> None:
    review.send("accept", id=_queue(flagged)[0])
    act(flagged.limit(1), "mark", reason="elsewhere")
    review.send("undo")
    assert flagged.count_sample_tags() == {"excluded": 1}


def test_decision__twice_is_one(review: Any, flagged: Any) -> None:
    first = _queue(flagged)[0]
    review.send("accept", id=first).send("accept", id=first)
    assert len(decisions.undo(flagged, 9)) == 1


def test_end__says_what_was_decided_and_lets_one_return(review: Any, flagged: Any) -> None:
    queue = _queue(flagged)
    for sample_id in queue:
        review.send("keep", id=sample_id)
    assert review.data["card"] is None
    assert review.data["finished"]["title"] == "All 6 samples are decided"
    assert review.data["finished"]["text"].startswith("Decided so far: 6 kept.")
    assert review.send("back").data["card"]["id"] == queue[-1]
    review.send("on_load")


def test_bad_label__is_said_and_nothing_happens(review: Any, flagged: Any) -> None:
    review.send("relabel", id=_queue(flagged)[0], label=" ")
    assert "must have at least one letter" in review.data["said"]
    assert review.data["card"]["id"] == _queue(flagged)[0]
    assert flagged.count_sample_tags() == {}


def test_view__narrows_the_queue_and_says_so(review: Any, flagged: Any) -> None:
    review.view = flagged.match(F("ground_truth.label") == "red")
    review.send("on_change_view")
    assert review.data["scope"] == "of the current view"
    assert 0 < review.data["progress"]["total"] < 6


def test_grid__shows_the_queue_and_a_selection_is_decided_at_once(review: Any, flagged: Any) -> None:
    review.send("show_queue")
    assert sorted(review.view.values("id")) == sorted(_queue(flagged))
    total = review.data["progress"]["total"]
    review.send("on_change_view")
    assert review.data["progress"]["total"] == total
    review.selected = tuple(_queue(flagged)[:3])
    review.send("on_change_selected")
    assert review.data["selected"] == 3
    review.send("decide_selected", verdict="exclude", reason="duplicate")
    assert sorted(flagged.match_tags("excluded").values("id")) == sorted(review.selected)
    assert review.data["said"] == "3 samples excluded (duplicate)."
    assert review.data["progress"]["done"] == 3
    assert act(flagged, "undo")["samples"] == 3


def test_sources__any_run_with_a_mark_or_a_good_end(review: Any, flagged: Any) -> None:
    curate(flagged, "find_representatives", embeddings="vectors", k=3)
    review.send("refresh")
    assert [source["key"] for source in review.data["sources"]] == ["label_issues", "representatives"]
    review.send("choose_source", key="representatives")
    assert review.data["progress"]["total"] == 3
    card = review.data["card"]
    assert card["suggested"] is None
    (row,) = card["alike"]
    assert len(row["pictures"]) == 8
    review.send("exclude", id=card["id"])
    review.send("choose_source", key="label_issues")
    assert review.data["progress"]["done"] == 0  # each review has its own decisions


def test_nothing_yet__says_what_to_run(dataset: Any, on: Callable[..., Any]) -> None:
    panel = on(dataset, uri=PANEL).send("on_load")
    assert panel.data["advice"]["title"] == "There is nothing to review yet"
    panel.send(panel.data["advice"]["action"]["event"], **panel.data["advice"]["action"]["params"])
    assert panel.prompted == ("find_label_issues", {})


def test_empty_dataset__says_what_to_do_first(on: Callable[..., Any]) -> None:
    empty = fo.Dataset()
    try:
        assert on(empty, uri=PANEL).send("on_load").data["advice"]["title"] == "This dataset has no images yet"
    finally:
        empty.delete()


def test_curation__opens_the_review_of_a_run(flagged: Any, on: Callable[..., Any]) -> None:
    panel = on(flagged)
    page = panel.open("label_issues")
    assert page["actions"][0] == {"label": "Review", "event": "review"}
    ((name, given),) = panel.send("review").calls
    assert name == "open_panel"
    assert given["name"] == "review"
    assert given["data"] == {"wanted": "label_issues"}


def test_queue__wraps_to_what_was_skipped() -> None:
    queue = Queue(["a", "b", "c"], [False, True, False])
    assert queue.undecided_after(0) == 2
    assert queue.undecided_after(2) == 0
    assert queue.undecided_after(-1) == 0
    assert Queue(["a"], [True]).undecided_after(0) is None
    assert Queue([], []).undecided_after(-1) is None


def test_events__all_exist(review: Any) -> None:
    from image_curation.panels.review import ReviewPanel

    assert all(callable(getattr(ReviewPanel, event)) for event in EVENTS)
