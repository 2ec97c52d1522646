"""What was found, as it is now: on the page of a check and on the first page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from image_curation import act
from image_curation.core.base.method import Method
from image_curation.core.catalog import METHODS
from image_curation.dataset.decisions import decisions
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


def test_checkup__what_is_left_of_what_was_found(panel: Any, dataset: Any, tmp_path: Path) -> None:
    copy = Path(dataset.first().filepath).with_name("copy.png")
    shutil.copy(dataset.first().filepath, copy)
    label = fo.Classification(label="red")
    dataset.add_sample(fo.Sample(filepath=str(copy), vectors=dataset.first().vectors, ground_truth=label))
    dataset.limit(6).tag_samples("train")
    dataset.skip(6).tag_samples("test")
    assert panel.send("on_load").data["home"]["next"]["state"] == "not checked"
    act(dataset, "check_dataset")
    home = panel.send("on_load").data["home"]
    assert len(home["history"]) == 1

    page = panel.open("check")
    assert {kind["key"] for kind in page["kinds"]} <= {kind["key"] for kind in home["findings"]}
    kind = _kind(page["kinds"], "duplicates")
    assert (kind["now"], kind["first"], kind["curve"]) == (1, None, [])
    for one in page["kinds"]:  # each is one click from the grid and one from the review
        if one["now"]:
            panel.send(one["look"]["event"], **one["look"]["params"])
            assert len(panel.view) == one["now"]
            panel.send(one["action"]["event"], **one["action"]["params"])
            ((name, arguments),) = panel.calls
            assert (name, arguments["data"]) == ("open_panel", {"wanted": one["key"]})
    panel.send("show_all")
    assert [action["label"] for action in page["actions"]] == ["Check again", "Forget"], "buttons repeat no rows"
    assert set(page) == set(panel.open("duplicates"))
    panel.send("show_issue", value="gone")  # a run that was forgotten meanwhile
    assert panel.data["page"]["key"] == "duplicates"

    surplus = dataset.match({"duplicates_keep": False})
    decisions.exclude(surplus, "duplicate", "duplicates")
    panel.send("back")
    assert _kind(panel.data["home"]["findings"], "duplicates")["now"] == 0, "as it is now, before the next check"
    act(dataset, "check_dataset")
    home = panel.send("refresh").data["home"]
    kind = _kind(home["findings"], "duplicates")
    assert (kind["first"], kind["now"], kind["curve"]) == (1, 0, [1, 0, 0])
    assert len(home["history"]) == 2
    assert home["summary"].startswith("12 of 13 samples in use · 1 excluded")

    said = act(dataset, "report_cleanup", path=str(tmp_path))
    text = Path(said["path"]).read_text()
    assert "0 labels corrected and 1 of 13 samples excluded" in text
    assert "Surplus copies" in text
    assert "duplicate" in text


def _kind(kinds: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return next(one for one in kinds if one["key"] == key)
