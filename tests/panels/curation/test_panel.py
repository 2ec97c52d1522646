"""The Curation panel, event by event, on real runs in a real database."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone import ViewField as F
from image_curation.core.maps.compute_map import MapParams
from image_curation.dataset.actions.catalog import ACTIONS
from image_curation.dataset.curate import curate
from image_curation.dataset.decisions import decisions
from image_curation.dataset.runs import record as runs
from image_curation.dataset.runs.record import get_run
from image_curation.panels.curation.home import OF_A_RUN
from image_curation.panels.curation.panel import CurationPanel

# The home page


def test_load__stages_and_what_to_do_next(panel: Any) -> None:
    panel.send("on_load")
    assert panel.data["advice"] is None
    assert panel.data["scope"]["text"] == "The figures are about the whole dataset: 12 samples"
    assert [stage["name"] for stage in panel.data["home"]["stages"]][-3:] == ["understand", "clean", "select"]
    assert panel.data["home"]["next"]["action"]["params"] == {"method": "check_dataset"}
    acts = [act["action"]["params"]["method"] for act in panel.data["home"]["acts"]]
    assert set(acts) | set(OF_A_RUN) == {action.name for action in ACTIONS}
    assert panel.size < 20_000


def test_load__finished_run(panel: Any, clustered: Any) -> None:
    panel.send("on_load")
    rows = {row["name"]: row for stage in panel.data["home"]["stages"] for row in stage["methods"]}
    row = rows["find_representatives"]
    assert (row["state"], row["key"]) == ("done", "representatives")
    assert row["said"] == "just now · 12 samples"
    assert "3" in row["headline"]


def test_load__stale_run_offers_to_run_again(panel: Any, clustered: Any) -> None:
    clustered.delete_samples(clustered.first())
    panel.send("on_load")
    step = panel.data["home"]["next"]
    assert step["action"]["event"] == "rerun"
    assert "removed" in step["text"]
    panel.send("rerun", **step["action"]["params"])
    assert panel.prompted == ("rerun", {"key": "representatives"})


@pytest.mark.parametrize("state", [{}, {"run": "gone"}])
def test_load__empty_dataset_says_what_to_do_first(on: Callable[[Any], Any], state: dict[str, Any]) -> None:
    empty = fo.Dataset()
    try:
        panel = on(empty)
        panel.state = state
        panel.send("on_load")
        assert panel.data["advice"]["title"] == "This dataset has no images yet"
        assert panel.data["home"] is None
        panel.send(panel.data["advice"]["action"]["event"], **panel.data["advice"]["action"]["params"])
        assert panel.prompted == ("import_images", {})
    finally:
        empty.delete()


def test_load__no_images(on: Callable[[Any], Any]) -> None:
    videos = fo.Dataset()
    videos.media_type = "video"
    try:
        panel = on(videos).send("on_load")
        assert panel.data["advice"]["title"] == "The grid shows no images"
        assert panel.data["advice"]["action"] is None
    finally:
        videos.delete()


def test_load__empty_view(panel: Any) -> None:
    panel.view = panel.dataset.match(F("ground_truth.label") == "none such")
    panel.send("on_load")
    assert panel.data["advice"]["title"] == "The current view is empty"
    panel.send(panel.data["advice"]["action"]["event"])
    assert [name for name, _ in panel.calls] == ["clear_sidebar_filters", "clear_view"]


def test_run_method__opens_the_form(panel: Any) -> None:
    panel.send("run_method", method="find_representatives")
    assert panel.prompted == ("find_representatives", {})


def test_prompt__ends_in_a_refresh(panel: Any, clustered: Any) -> None:
    panel.send("run_method", method="find_neighbors")
    assert panel.calls[0][1]["on_success"] == "@image-curation/curator/curation#on_ran"
    curate(clustered, "find_neighbors", embeddings="vectors", k=2)
    panel.send("on_ran")
    rows = {row["name"]: row for stage in panel.data["home"]["stages"] for row in stage["methods"]}
    assert rows["find_neighbors"]["state"] == "done"


def test_load__findings_with_what_is_left_of_them(panel: Any, judged: Any) -> None:
    home = panel.send("on_load").data["home"]
    assert home["next"]["action"] == {"label": "Review 1", "event": "review", "params": {"key": "label_issues"}}
    kind = next(one for one in home["findings"] if one["key"] == "label_issues")
    assert (kind["title"], kind["now"], kind["first"]) == ("Labels that look wrong", 1, None)
    assert "labels of ground_truth" in kind["text"]
    assert [picture["id"] for picture in kind["pictures"]] == [judged.first().id]
    panel.send(kind["look"]["event"], **kind["look"]["params"])
    assert panel.view.values("id") == [judged.first().id]
    panel.send("show_all")
    panel.send("review", key="label_issues")
    assert panel.calls[0][1]["data"] == {"wanted": "label_issues"}
    decisions.keep(judged.limit(1), queue="label_issues")
    home = panel.send("refresh").data["home"]
    kind = next(one for one in home["findings"] if one["key"] == "label_issues")
    assert (kind["now"], kind["action"]["event"], kind["pictures"]) == (0, "open_run", [])
    assert home["next"]["action"]["params"] == {"key": "confusions"}


def test_load__a_failed_try_is_one_line_and_goes_when_the_key_succeeds(panel: Any, dataset: Any) -> None:
    def stop(done: int, total: int, doing: str = "") -> None:
        raise RuntimeError("no more memory")

    with pytest.raises(RuntimeError):
        curate(dataset, "find_representatives", embeddings="vectors", k=3, progress=stop)
    (failed,) = panel.send("on_load").data["home"]["failed"]
    assert (failed["label"], failed["why"]) == ("Find representatives", "Failed: no more memory.")
    panel.send("forget", **failed["actions"][1]["params"])
    assert panel.prompted == ("forget_run", {"key": "representatives"})
    panel.send("rerun", **failed["actions"][0]["params"])
    assert panel.prompted == ("rerun", {"key": "representatives"})
    curate(dataset, "find_representatives", embeddings="vectors", k=3)
    assert panel.send("refresh").data["home"]["failed"] == []


# The page of a run


def test_open_run__clusters(panel: Any, clustered: Any) -> None:
    page = panel.open("representatives")
    assert page["label"] == "Find representatives"
    assert page["score"]["title"] == "Distance"
    assert page["score"]["said"].endswith("Low is good.")
    histogram = page["score"]["histogram"]
    assert sum(histogram["counts"]) == 12
    assert histogram["low"].endswith("best")
    assert histogram["high"].endswith("worst")
    marked, clusters = page["lists"]
    assert [(row["label"], row["n"]) for row in marked["rows"]] == [("Medoid", 3)]
    assert sorted(row["n"] for row in clusters["rows"]) == [4, 4, 4]
    medoids = set(clustered.match(F("representatives_is_medoid") == True).values("id"))  # noqa: E712
    assert {row["id"] for row in clusters["rows"]} == medoids  # a cluster is shown by what stands for it
    assert panel.size < 40_000


def test_open_run__best_and_worst(panel: Any, clustered: Any) -> None:
    worst, best = panel.open("representatives")["ends"]
    distances = dict(zip(clustered.values("id"), clustered.values("representatives_distance"), strict=True))
    ranked = sorted(distances, key=lambda sample_id: distances[sample_id])
    assert [picture["id"] for picture in worst["pictures"]] == ranked[::-1][:6]
    assert {picture["id"] for picture in best["pictures"]} >= set(ranked[:3])
    assert worst["pictures"][0]["path"] == clustered[ranked[-1]].filepath
    assert (worst["page"], worst["more"]) == (0, True)


def test_turn_page__reaches_the_end(panel: Any, clustered: Any) -> None:
    first = panel.open("representatives")["ends"][0]["pictures"]
    panel.send("turn_page", which="worst", page=1)
    worst, best = panel.data["page"]["ends"]
    assert len({picture["id"] for picture in first + worst["pictures"]}) == 12
    assert (worst["page"], worst["more"]) == (1, False)
    assert best["page"] == 0


def test_open_run__given_labels_and_several_scores(panel: Any, scored: Any) -> None:
    page = panel.open("importance")
    titles = [score["title"] for score in page["scores"]]
    assert titles[0] == "Score"
    given = next(listing for listing in page["lists"] if listing["title"] == "Given labels")
    assert sorted(row["label"] for row in given["rows"]) == ["blue", "green", "red"]
    assert sum(row["n"] for row in given["rows"]) == scored.match(F("importance_in_coreset") == True).count()  # noqa: E712
    assert page["ends"][0]["pictures"][0]["note"] in ("blue", "green", "red")


def test_open_run__noise_of_each_class(panel: Any, judged: Any) -> None:
    given = next(one for one in panel.open("label_issues")["lists"] if one["title"] == "Given labels")
    assert [one["title"] for one in given["more"]] == ["Noise in", "Noise out"]
    facts = {one["class"]: one for one in get_run(judged, "label_issues").facts["classes"]}
    assert {row["value"]: row["more"] for row in given["rows"]} == {
        name: [facts[name]["noise_in"], facts[name]["noise_out"]] for name in ("blue", "green", "red")
    }


def test_choose_score__shows_the_other(panel: Any, scored: Any) -> None:
    panel.open("importance")
    page = panel.send("choose_score", column="weight").data["page"]
    assert page["score"]["column"] == "weight"
    assert sum(page["score"]["histogram"]["counts"]) == scored.match(F("importance_in_coreset") == True).count()  # noqa: E712
    assert page["score"]["histogram"]["missing"].endswith("without a value")


def test_open_run__works_on_the_view_and_says_so(panel: Any, clustered: Any) -> None:
    panel.view = clustered.match(F("ground_truth.label") == "red")
    page = panel.open("representatives")
    assert panel.data["scope"]["text"] == "The figures are about the current view: 4 of 12 samples"
    assert sum(page["score"]["histogram"]["counts"]) == 4


def test_open_run__grid_of_objects(panel: Any, clustered: Any) -> None:
    box = [0.1, 0.1, 0.5, 0.5]
    boxes = [fo.Detections(detections=[fo.Detection(label="thing", bounding_box=box)]) for _ in range(12)]
    clustered.set_values("objects", boxes)
    panel.view = clustered.to_patches("objects")
    page = panel.open("representatives")
    assert panel.data["scope"]["text"].startswith("The grid shows objects")
    panel.send("show_group", column="cluster", value=page["lists"][1]["rows"][0]["value"])
    assert panel.grid_count == 4


def test_open_run__run_that_was_forgotten_falls_back_to_the_stages(panel: Any) -> None:
    panel.state = {"run": "no_such_run"}
    panel.send("on_load")
    assert panel.data["page"] is None
    assert panel.data["home"] is not None


def test_open_run__fields_deleted_by_hand(panel: Any, clustered: Any) -> None:
    clustered.delete_sample_field("representatives_distance")
    page = panel.open("representatives")
    assert "representatives_distance" in page["note"]
    assert page["score"] is None
    assert page["ends"] == []


def test_open_run__failed_run_offers_what_can_be_done(panel: Any, dataset: Any) -> None:
    def stop(done: int, total: int, doing: str = "") -> None:
        raise RuntimeError("no more memory")

    with pytest.raises(RuntimeError):
        curate(dataset, "find_representatives", embeddings="vectors", k=3, progress=stop)
    page = panel.open("representatives")
    assert page["state"] == "failed"
    assert "no more memory" in page["reason"]
    assert [action["label"] for action in page["actions"]] == ["Run again", "Forget"]


def test_open_run__map(panel: Any, dataset: Any) -> None:
    curate(dataset, MapParams(embeddings="vectors", method="pca", dims=2))
    curate(dataset, MapParams(embeddings="vectors", method="pca", dims=3), key="space")
    page = panel.open("map")
    assert (page["score"], page["ends"], page["lists"]) == (None, [], [])
    assert [action["label"] for action in page["actions"]] == ["Open the map", "Run again", "Forget"]
    panel.send("open_map")
    assert panel.calls[0] == ("open_panel", panel.calls[0][1] | {"name": "map", "state": {"open": "map"}})
    assert "Open the map" in [action["label"] for action in panel.open("space")["actions"]]


def test_back__shows_the_stages(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("back")
    assert panel.data["page"] is None
    assert panel.data["home"] is not None


def test_matrix__estimates_how_many_there_are(panel: Any, judged: Any) -> None:
    """The confident joint adds up to the given labels, row by row, and puts the wrong green among the reds."""
    estimated = panel.open("label_issues")["matrix"]["estimated"]
    assert [sum(row) for row in estimated] == [4, 5, 3]
    assert estimated[1] == [0, 4, 1]
    assert panel.open("confusions")["matrix"]["estimated"] is None


def test_page__a_subset_shows_the_first_chosen(panel: Any, dataset: Any) -> None:
    curate(dataset, "select_subset", embeddings="vectors", n=8)
    (row,) = [one for one in panel.open("subset")["ends"] if one["which"] == "chosen"]
    assert [picture["caption"] for picture in row["pictures"]] == ["1", "2", "3", "4", "5", "6"]
    assert row["more"]
    panel.send("turn_page", which="chosen", page=1)
    (row,) = [one for one in panel.data["page"]["ends"] if one["which"] == "chosen"]
    assert [picture["caption"] for picture in row["pictures"]] == ["7", "8"]
    panel.send("show_sorted", which="chosen")
    assert panel.view.values("subset_rank") == list(range(1, 9))


def test_page__no_empty_rows_where_no_sample_has_the_score(panel: Any, dataset: Any) -> None:
    """The first batch is chosen before anything is labelled, so no sample has an uncertainty."""
    curate(dataset, "select_next_batch", embeddings="vectors", n=4)
    assert [row["which"] for row in panel.open("batch")["ends"]] == ["chosen"]


def test_poll__sends_only_how_far_it_is(panel: Any, clustered: Any) -> None:
    """An answer that comes after a page was opened must not close it."""
    run = get_run(clustered, "representatives")
    runs.start(clustered, replace(run, key="again", writes={}, facts={}))
    runs.note_progress(clustered, "again", {"share": 0.25, "doing": "moving medoids", "left": 20.0})
    panel.data["page"] = "opened meanwhile"
    panel.send("poll")
    assert panel.data["home"]["poll"]
    assert panel.data["page"] == "opened meanwhile"
    page = panel.open("again")
    assert page["progress"]["share"] == 0.25
    runs.note_progress(clustered, "again", {"share": 0.5, "doing": "moving medoids", "left": None})
    panel.send("poll")
    assert panel.data["progress"]["share"] == 0.5
    assert panel.data["progress"]["said"].endswith("moving medoids")
    runs.fail(clustered, get_run(clustered, "again"), "no more memory")
    panel.send("poll")
    assert panel.data["page"]["state"] == "failed"
    assert panel.data["page"]["progress"] is None


# Buttons


def test_review__tells_the_open_panel_which_run(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("review")
    ((name, opened),) = panel.calls
    assert (name, opened["name"], opened["data"]) == ("open_panel", "review", {"wanted": "representatives"})
    panel.spaces = fo.Space(children=[fo.Panel(type="Samples"), fo.Panel(type="review", component_id="there")])
    panel.send("review")
    assert [name for name, _ in panel.calls] == ["open_panel"]
    assert panel.elsewhere == [("there", {"wanted": "representatives"})]


def test_save_slice__of_a_range(panel: Any, clustered: Any) -> None:
    edges = panel.open("representatives")["score"]["histogram"]["edges"]
    panel.send("show_range", low=edges[15], high=edges[-1])
    shown = panel.grid_count
    operator, params = panel.act("Save a slice")
    assert operator == "save_slice"
    assert params["field"] == "representatives_distance"
    assert panel.execute(operator, params)["count"] == shown
    assert len(clustered.load_saved_view(params["name"])) == shown


def test_save_slice__of_a_cluster_and_of_marked_samples(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    operator, marked = panel.act("Save a slice")
    assert panel.execute(operator, marked)["count"] == 3
    panel.send("show_group", column="cluster", value=1)
    operator, params = panel.act("Save a slice")
    assert params == {"name": "representatives cluster 1", "field": "representatives_cluster", "equals": "1"}
    assert panel.execute(operator, params)["count"] == 4


def test_export__of_what_the_grid_shows(panel: Any, clustered: Any, tmp_path: Any) -> None:
    panel.open("representatives")
    panel.send("show_flag", column="", value="is_medoid")
    operator, params = panel.act("Export a list")
    assert operator == "export_list"
    target = tmp_path / "list.csv"
    panel.execute(operator, {**params, "path": str(target)})
    lines = target.read_text().splitlines()
    assert lines[0] == "filepath,representatives_distance"
    assert len(lines) == 4


def test_export__of_what_is_to_be_left_out_has_the_usual_name(panel: Any, judged: Any) -> None:
    panel.open("label_issues")
    _, params = panel.act("Export a list")
    assert re.fullmatch(r"images_to_exclude_from_training_\d{4}_\d\d_\d\d\.txt", Path(params["path"]).name)


def test_rerun_and_forget__name_the_run(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    assert panel.act("Run again") == ("rerun", {"key": "representatives"})
    operator, params = panel.act("Forget")
    assert (operator, params) == ("forget_run", {"key": "representatives"})
    panel.execute(operator, {**params, "confirm": True})
    panel.send("on_ran")
    assert panel.data["page"] is None
    assert panel.data["home"] is not None


def test_move_threshold__starts_at_the_present_one(panel: Any, dataset: Any) -> None:
    curate(dataset, "find_duplicates", embeddings="vectors", threshold=0.98)
    assert "move_threshold" in [action["event"] for action in panel.open("duplicates")["actions"]]
    panel.send("move_threshold")
    assert panel.prompted == ("move_threshold", {"key": "duplicates", "threshold": 0.98})


def test_render__names_every_event(panel: Any) -> None:
    result = foo.execute_operator(
        "@image-curation/curator/curation",
        {"dataset": panel.dataset},
        params={"panel_id": "panel", "__method__": "on_load", "panel_state": {}},
    )
    requests = result.executor.to_json()["requests"]
    (shown,) = [request for request in requests if request["operator_uri"] == "show_panel_output"]
    view = shown["params"]["output"]["view"]
    assert view["component"] == "CuratorCuration"
    for event in CurationPanel.events():
        assert view[event] == f"@image-curation/curator/curation#{event}"
