"""The Curation Review panel, event by event, on real runs in a real database."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate
from image_curation.dataset.decisions import decisions
from image_curation.dataset.decisions.questions import question_of
from image_curation.dataset.runs.record import Run, list_runs
from image_curation.panels.review import review_queue as queue
from image_curation.panels.review.review_queue import Queue, Source
from image_curation.panels.shared import scope
from PIL import Image

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


def review_source(dataset: Any) -> Source:
    """The label issues as something to review."""
    (source,) = queue.sources(list_runs(dataset), dataset.get_field_schema(), "ground_truth.label")
    return source


def _panel_module(dataset: Any, name: str, monkeypatch: pytest.MonkeyPatch, constant: str, value: Any) -> None:
    """Set a constant in the App's copy of a module, which is not the test's."""
    (module,) = [module for path, module in sys.modules.items() if path.endswith(f"curator.panels.{name}")]
    monkeypatch.setattr(module, constant, value)


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


def test_card__says_what_checks_found_in_words(tmp_path: Path, on: Callable[..., Any]) -> None:
    """One picture is black, another file is cut short: no "Unreadable: 1" that would read as its opposite."""
    rng = np.random.default_rng(0)
    for number in range(6):
        pixels = rng.integers(0, 255, (32, 32, 3)) if number else np.zeros((32, 32, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
    whole = (tmp_path / "5.png").read_bytes()
    (tmp_path / "5.png").write_bytes(whole[: len(whole) // 2])
    made = fo.Dataset.from_dir(str(tmp_path), dataset_type=fo.types.ImageDirectory, progress=False)
    try:
        curate(made, "find_quality_issues", checks=["dark", "odd_aspect", "unreadable", "truncated"])
        panel = on(made, uri=PANEL).send("on_load")
        dark = panel.data["card"]
        cut = panel.send("skip", id=dark["id"]).data["card"]
        assert {dark["name"], cut["name"]} == {"0.png", "5.png"}
        cut, dark = (cut, dark) if cut["name"] == "5.png" else (dark, cut)
        assert [(fact["label"], fact["value"]) for fact in dark["facts"]] == [("Issues", "dark")]
        assert [(fact["label"], fact["value"]) for fact in cut["facts"]] == [("Issues", "truncated")]
        assert dark["problem"] is None
        assert "cut short" in cut["problem"]
    finally:
        made.delete()


def test_queue__a_classifier_is_reviewed_where_it_is_wrong(judged: Any, on: Callable[..., Any]) -> None:
    copy = judged.clone()
    try:
        curate(copy, "train_classifier", embeddings="vectors", label_field="ground_truth")
        wrong = copy.count_values("classifier_is_correct")[False]
        panel = on(copy, uri=PANEL).send("on_load").send("choose_source", key="classifier")
        assert 0 < wrong < 30
        assert panel.data["progress"]["total"] == wrong
    finally:
        copy.delete()


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
    review.send("relabel", id=queue[3], label="violet")  # no class yet: it asks
    assert review.data["asks"]["label"] == "violet"
    assert review.data["asks"]["meant"] is None
    assert flagged[queue[3]].tags == []
    review.send("relabel", id=queue[3], label="Greens")
    assert review.data["asks"]["meant"] == "green"
    review.send("relabel", id=queue[3], label="violet", new_class=True)
    assert review.data["asks"] is None
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


def test_batch__a_range_is_decided_at_once(review: Any, flagged: Any) -> None:
    review.send("choose_mode", mode="batch")
    page = review.data["batch"]
    assert (review.data["mode"], review.data["card"]) == ("batch", None)
    ids = [picture["id"] for picture in page["pictures"]]
    assert sorted(ids) == sorted(_queue(flagged))
    captions = [picture["caption"] for picture in page["pictures"]]
    assert captions == sorted(captions)  # the same classes stand side by side
    assert page["text"] == "1 to 6 of 6, the same classes side by side"
    suggested = dict(zip(flagged.values("id"), flagged.values("label_issues_suggested"), strict=True))
    review.send("decide_marked", verdict="accept", ids=ids[:3])
    assert review.data["said"] == "3 samples relabelled."
    assert [flagged[one].ground_truth_curated.label for one in ids[:3]] == [suggested[one] for one in ids[:3]]
    assert [picture["decided"] for picture in review.data["batch"]["pictures"]] == ["relabelled"] * 3 + [None] * 3
    review.send("decide_marked", verdict="relabel", ids=ids[3:4], label="violet")
    assert review.data["asks"]["label"] == "violet"
    review.send("decide_marked", verdict="relabel", ids=ids[3:4], label="violet", new_class=True)
    review.send("decide_marked", verdict="exclude", ids=ids[4:], reason="unusable")
    assert flagged.count_sample_tags() == {"relabelled": 4, "excluded": 2}
    review.send("undo")
    assert flagged.count_sample_tags() == {"relabelled": 4}


def test_batch__pages(review: Any, flagged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _panel_module(flagged, "review.side_by_side", monkeypatch, "SIZE", 4)
    first = review.send("choose_mode", mode="batch").data["batch"]
    assert (len(first["pictures"]), first["previous"]) == (4, None)
    second = review.send("turn_page", id=first["more"]).data["batch"]
    assert second["text"].startswith("5 to 6 of 6")
    assert (second["previous"], second["more"]) == (first["pictures"][0]["id"], None)


def test_batch__accepting_where_nothing_is_suggested_is_refused(review: Any, flagged: Any) -> None:
    curate(flagged, "find_outliers", embeddings="vectors")
    review.send("choose_source", key="outliers").send("choose_mode", mode="batch")
    review.send("decide_marked", verdict="accept", ids=[flagged.first().id])
    assert "suggests no labels" in review.data["said"]
    assert flagged.count_sample_tags() == {}


def test_order__any_run_with_positions_is_gone_through_side_by_side(review: Any, flagged: Any) -> None:
    places = dict(zip(flagged.values("id"), reversed(range(60)), strict=True))
    run = Run(key="order", method="find_outliers", status="done", writes={"position": "order_position"}, n=60)
    flagged.add_sample_field("order_position", fo.IntField)
    flagged.set_values("order_position", places, key_field="id")
    source = Source(
        run,
        None,
        True,
        None,
        None,
        None,
        None,
        "order_position",
        None,
        None,
        None,
        None,
        "ground_truth.label",
        None,
        {},
        {},
        question_of(run, [run]),
    )
    found = queue.read(source, scope.whole(flagged, None))
    assert list(found.ids) == sorted(places, key=places.__getitem__)
    flags = queue.read(review_source(flagged), scope.whole(flagged, None), order="order_position")
    assert list(flags.ids) == [one for one in found.ids if one in set(_queue(flagged))]


def test_order__sections_begin_where_the_order_jumps(review: Any, flagged: Any) -> None:
    """In the order itself, and where another run's queue stands in that order."""
    curate(flagged, "order_by_similarity", embeddings="vectors", section_size=4)
    for key in ("order", "label_issues"):
        review.send("choose_source", key=key).send("choose_mode", mode="batch")
        pictures = review.data["batch"]["pictures"]
        sections = [flagged[picture["id"]].order_section for picture in pictures]
        assert [picture["begins"] for picture in pictures[1:]] == [a != b for a, b in itertools.pairwise(sections)]
        assert not pictures[0]["begins"]
        assert len(set(sections)) > 1
        assert review.data["batch"]["text"].endswith("similar samples side by side; a bar begins a section")


@pytest.fixture
def copied(dataset: Any, tmp_path: Path) -> Any:
    """The twelve samples and three copies of the first: the same file, half its size, and the same in another split."""
    first = dataset.first()
    half = tmp_path / "half.png"
    Image.open(first.filepath).resize((8, 8)).save(half)
    for path, split in ((first.filepath, "train"), (str(half), "train"), (first.filepath, "test")):
        target = tmp_path / f"{len(dataset)}.png"
        target.write_bytes(Path(path).read_bytes())
        dataset.add_sample(
            fo.Sample(filepath=str(target), ground_truth=first.ground_truth, vectors=first.vectors, tags=[split])
        )
    first.tags = ["train"]
    first.save()
    curate(dataset, "find_duplicates", embeddings="vectors")
    curate(dataset, "find_leaks", embeddings="vectors")
    return dataset


def test_duplicates__the_group_side_by_side(copied: Any, on: Callable[..., Any]) -> None:
    panel = on(copied, uri=PANEL).send("on_load").send("choose_source", key="duplicates")
    table = panel.data["card"]["compare"]
    group = copied[panel.data["card"]["id"]].duplicates_group
    members = copied.match(F("duplicates_group") == group)
    assert {member["id"] for member in table["members"]} == set(members.values("id"))
    assert [member["keep"] for member in table["members"]] == [True] + [False] * (len(members) - 1)
    rows = {row["label"]: row for row in table["rows"]}
    assert rows["Label"]["differs"] is False
    assert set(rows["Size"]["values"]) <= {"16 × 16", "8 × 8"}
    assert all(float(value) >= 0 for value in rows["Sharpness"]["values"])
    assert table["proposal"] == f"Keep 1, exclude {len(members) - 1}"
    panel.send("accept", id=panel.data["card"]["id"], reason="duplicate")
    assert members.count_sample_tags()["excluded"] == len(members) - 1
    assert copied[table["members"][0]["id"]].tags[-1] == "kept"
    assert panel.send("undo").data["said"].startswith(f"Taken back: kept 1 and excluded {len(members) - 1} of a group")
    assert "excluded" not in copied.count_sample_tags()


def test_duplicates__another_keeper_or_all(copied: Any, on: Callable[..., Any]) -> None:
    panel = on(copied, uri=PANEL).send("on_load").send("choose_source", key="duplicates")
    card = panel.data["card"]
    keeper = card["compare"]["members"][-1]["id"]
    panel.send("choose_keeper", id=card["id"], keeper=keeper)
    assert "kept" in copied[keeper].tags
    assert copied.count_sample_tags()["excluded"] == len(card["compare"]["members"]) - 1
    panel.send("undo").send("keep", id=card["id"])
    assert copied.count_sample_tags()["kept"] == len(card["compare"]["members"])
    panel.send("choose_keeper", id=card["id"], keeper="no such sample")
    assert "excluded" not in copied.count_sample_tags()


def test_leaks__the_test_copy_is_proposed_to_be_kept(copied: Any, on: Callable[..., Any]) -> None:
    panel = on(copied, uri=PANEL).send("on_load").send("choose_source", key="leaks")
    table = panel.data["card"]["compare"]
    rows = {row["label"]: row for row in table["rows"]}
    assert sorted(set(rows["Split"]["values"])) == ["test", "train"]
    kept = [split for split, member in zip(rows["Split"]["values"], table["members"], strict=True) if member["keep"]]
    assert kept == ["test"]
    assert panel.data["classes"] == ["blue", "green", "red"]  # splits are no labels
    panel.send("accept", id=panel.data["card"]["id"])
    assert set(copied.match_tags("excluded").match_tags("test").values("id")) == set()


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
    from image_curation.panels.review.panel import ReviewPanel

    assert all(callable(getattr(ReviewPanel, event)) for event in ReviewPanel.events())
