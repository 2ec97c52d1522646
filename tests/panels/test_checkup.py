"""The page of a check: the same keys as a run's page, one click to the grid, one to the review."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
from image_curation import act


def test_checkup__from_the_first_page_to_the_grid_and_to_the_review(panel: Any, dataset: Any) -> None:
    copy = Path(dataset.first().filepath).with_name("copy.png")
    shutil.copy(dataset.first().filepath, copy)
    label = fo.Classification(label="red")
    dataset.add_sample(fo.Sample(filepath=str(copy), vectors=dataset.first().vectors, ground_truth=label))
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

    review = next(action for action in page["actions"] if action.get("params") == {"key": "duplicates"})
    panel.send(review["event"], **review["params"])
    ((name, arguments),) = panel.calls
    assert name == "open_panel"
    assert arguments["data"] == {"wanted": "duplicates"}
    panel.send("show_all")
    assert panel.view is None or len(panel.view) == 13
    assert set(page) == set(panel.open("duplicates"))
    panel.send("show_issue", value="gone")  # a run that was forgotten meanwhile
    assert panel.data["page"]["key"] == "duplicates"
