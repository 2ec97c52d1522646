"""The Curation Report through its events: what it shows, what drives the grid, two reports side by side."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from image_curation import curate

from ..conftest import Driver

PANEL = "@image-curation/curator/subset_report"


@pytest.fixture
def driver(dataset: Any) -> Driver:
    return Driver(dataset, uri=PANEL)


@pytest.fixture
def reported(driver: Driver) -> Driver:
    """A report on a selection, and one on a tag."""
    dataset = driver.dataset
    run = curate(dataset, "select_subset", embeddings="vectors", n=6, purpose="cover_everything")
    dataset.limit(3).tag_samples("first")
    given = {"embeddings": "vectors", "label_field": "ground_truth"}
    curate(dataset, "report", key="lump", subset="first", **given)
    curate(dataset, "report", key="chosen", subset=run.writes["selected"], rank_field=run.writes["rank"], **given)
    return driver


def test_report_panel__says_what_to_do_first(driver: Driver) -> None:
    data = driver.send("on_load").data
    assert data["advice"]["action"]["params"] == {"method": "compute_embeddings"}
    curate(driver.dataset, "compute_embeddings", model="descriptor")
    assert driver.send("refresh").data["advice"]["action"]["params"] == {"method": "select_subset"}
    curate(driver.dataset, "select_subset", n=4)
    driver.send("refresh")
    assert driver.data["page"] is None
    action = driver.data["advice"]["action"]
    assert driver.send(action["event"], **action["params"]).prompted == ("report", {})
    empty = Driver(fo.Dataset(), uri=PANEL)
    assert empty.send("on_load").data["advice"]["title"] == "This dataset has no images yet"
    empty.dataset.delete()


def test_report_panel__shows_the_newest_and_its_figures(reported: Driver) -> None:
    page = reported.send("on_load").data["page"]
    assert page["key"] == "chosen"
    assert page["subset"] == "subset_selected"
    assert {row["name"] for row in page["measures"]} >= {"mean_distance", "clusters", "evenness", "accuracy"}
    for row in page["measures"]:
        assert all(0 <= place <= 1 for place in (row["place"], *row["random_places"]))
        assert " ± " in row["random"]
    by_name = {one["name"]: one for one in page["classes"]["rows"]}
    chosen = reported.dataset.match(fo.ViewField("subset_selected")).count_values("ground_truth.label")
    assert {name: one["n"] for name, one in by_name.items() if one["n"]} == chosen
    known = set(reported.dataset.values("filepath"))
    pictures = [one for kind in page["clusters"] for row in kind["rows"] for one in row["pictures"]]
    assert pictures
    assert {one["path"] for one in pictures} <= known
    assert [row["key"] for row in reported.data["reports"]["rows"]] == ["chosen", "lump"]
    assert reported.size < 100_000


def test_report_panel__two_side_by_side(reported: Driver) -> None:
    reported.send("on_load")
    page = reported.send("compare_with", key="lump").data["page"]
    assert page["other"]["subset"] == "first"
    mean = next(row for row in page["measures"] if row["name"] == "mean_distance")
    assert mean["other_place"] < mean["place"], "a lump lies farther from the rest than a spread subset"
    name, params = reported.send("export").prompted
    assert name == "export_report"
    assert (params["run"], params["compared_with"]) == ("chosen", "lump")
    assert reported.send("open_report", key="lump").data["page"]["other"] is None
    assert reported.send("compare_with", key=None).data["page"]["other"] is None


def test_report_panel__drives_the_grid(reported: Driver) -> None:
    dataset = reported.dataset
    reported.send("on_load")
    reported.send("show_subset")
    assert set(reported.view.values("id")) == set(dataset.match(fo.ViewField("subset_selected")).values("id"))
    assert reported.data["showing"]["text"] == "The grid shows 6 samples: the subset subset_selected"
    row = reported.data["page"]["clusters"][0]["rows"][0]
    reported.send("show_cluster", cluster=row["cluster"])
    assert set(reported.view.distinct("chosen_cluster")) == {row["cluster"]}
    reported.send("show_class", name="red")
    assert set(reported.view.values("ground_truth.label")) <= {"red"}
    assert all(reported.view.values("subset_selected"))
    reported.send("show_far")
    assert max(dataset.values("chosen_distance")) in reported.view.values("chosen_distance")
    assert reported.send("show_all").view is None
    reported.send("open_report", key="lump")
    reported.send("show_subset")
    assert set(reported.view.values("id")) == set(dataset.match_tags("first").values("id"))
    sample = dataset.last().id
    reported.send("open_sample", id=sample)
    assert ("open_sample", {"id": sample}) in [(name, {"id": given.get("id")}) for name, given in reported.calls]


def test_report_panel__says_when_a_report_no_longer_holds(reported: Driver) -> None:
    curate(reported.dataset, "select_subset", embeddings="vectors", n=3, overwrite=True)
    assert "computed again" in reported.send("on_load").data["page"]["stale"]
    assert reported.send("rerun").prompted == ("rerun", {"key": "chosen"})


def test_report_panel__a_saved_slice_is_shown_as_the_view_it_is(reported: Driver) -> None:
    dataset = reported.dataset
    dataset.save_view("mine", dataset.limit(4))
    curate(dataset, "report", key="sliced", subset="mine", embeddings="vectors")
    reported.send("on_load")
    reported.send("show_subset")
    assert reported.calls[0][0] == "set_view"
    assert reported.calls[0][1]["name"] == "mine"


def test_curve__of_a_classifier_that_was_tested_on_trusted_samples() -> None:
    from image_curation.panels.curation.run_page import curve

    points = [
        {"learned_from": name, "n": n, "accuracy": right, "interval": [right - 0.1, right + 0.1]}
        for name, n, right in (
            ("labels as given", 40, 0.6), ("as many left out at random", 30, 0.55), ("labels as given", 20, 0.5),
        )
    ]  # fmt: skip
    found = curve({"held_out": 1200, "curve": points})
    assert found is not None
    assert "1,200 trusted samples" in found["said"]
    first, second = found["lines"]
    assert first == {
        "name": "labels as given", "dashed": False, "sizes": [20, 40], "values": [0.5, 0.6],
        "low": [0.4, 0.5], "high": [0.6, 0.7],
    }  # fmt: skip
    assert second["dashed"]
    assert curve(None) is None
