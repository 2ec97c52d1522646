"""The page of a check: the same keys as a run's page, one click to the grid, one to the review."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from image_curation import act
from image_curation.core.base.method import Method
from image_curation.core.catalog import METHODS
from image_curation.dataset.fields import marks
from image_curation.dataset.runs.record import Run
from image_curation.panels.review.review_queue import source_of


@pytest.mark.parametrize("method", [one for one in METHODS if one.finding], ids=lambda method: method.name)
def test_finding__its_review_holds_what_it_counts(method: Method) -> None:
    writes = {column.name: column.field("it") for column in method.writes}
    run = Run(key="it", method=method.name, status="done", writes=writes)
    source = source_of(run, set(writes.values()), "ground_truth.label")
    column = method.marking
    assert source is not None
    assert column is not None
    assert (source.flag, source.flagged) == (writes[column.name], marks.wanted(column))


def test_checkup__from_the_first_page_to_the_grid_and_to_the_review(panel: Any, dataset: Any) -> None:
    copy = Path(dataset.first().filepath).with_name("copy.png")
    shutil.copy(dataset.first().filepath, copy)
    label = fo.Classification(label="red")
    dataset.add_sample(fo.Sample(filepath=str(copy), vectors=dataset.first().vectors, ground_truth=label))
    dataset.limit(6).tag_samples("train")
    dataset.skip(6).tag_samples("test")
    first = panel.send("on_load").data["home"]["stages"][0]["methods"][0]
    assert (first["state"], first["action"]["params"]) == ("none", {"method": "check_dataset"}), "it is offered"
    act(dataset, "check_dataset")
    panel.send("on_load")
    first = panel.data["home"]["stages"][0]
    assert (first["name"], first["methods"][0]["key"], first["methods"][0]["state"]) == ("check", "check", "done")
    assert set(first["methods"][0]) == set(panel.data["home"]["stages"][1]["methods"][0])

    page = panel.open("check")
    assert "surplus copies" in page["headline"] or "surplus copies" in str(page["lists"]).lower()
    row = next(row for listing in page["lists"] for row in listing["rows"] if row["value"] == "duplicates")
    listing = next(listing for listing in page["lists"] if row in listing["rows"])
    assert row["n"] == 1
    panel.send(listing["event"], column=listing["column"], value=row["value"])
    assert len(panel.view) == 1
    assert panel.data["showing"]["text"] == "The grid shows 1 sample: surplus copies"

    rows = [(listing, row) for listing in page["lists"] for row in listing["rows"]]
    assert len(rows) >= 3
    for listing, row in rows:  # each is one click from the grid and one from the review
        panel.send(listing["event"], column=listing["column"], value=row["value"])
        assert len(panel.view) == row["n"] > 0
        review = next(action for action in page["actions"] if action.get("params") == {"key": row["value"]})
        panel.send(review["event"], **review["params"])
        ((name, arguments),) = panel.calls
        assert (name, arguments["data"]) == ("open_panel", {"wanted": row["value"]})
    panel.send("show_all")
    assert panel.view is None or len(panel.view) == 13
    assert set(page) == set(panel.open("duplicates"))
    panel.send("show_issue", value="gone")  # a run that was forgotten meanwhile
    assert panel.data["page"]["key"] == "duplicates"
