"""A user in the real App draws around objects on a map, and reviews the label of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import pytest
from browser import draw_around, open_map, open_review
from image_curation import curate
from image_curation.dataset.decisions import decisions
from image_curation.dataset.runs.forget import forget

ROOT = "things.detections"
RUNS = ("crops", "crop_map", "crop_issues")


@pytest.fixture
def things(digits: Any) -> Iterator[Any]:
    """The digits with a box on each, what the crops look like, a map of them, and their doubtful labels."""
    box = [0.1, 0.1, 0.8, 0.8]
    labels = [fo.Detection(label=label or "none", bounding_box=box) for label in digits.values("ground_truth.label")]
    digits.set_values("things", [fo.Detections(detections=[label]) for label in labels])
    curate(digits, "compute_embeddings", model="descriptor", key="crops", patches_field="things")
    curate(digits, "compute_map", key="crop_map", embeddings="crops", method="pca")
    curate(digits, "find_label_issues", key="crop_issues", embeddings="crops", label_field="things")
    yield digits
    decisions.undo(digits, 100)
    for key in reversed(RUNS):
        forget(digits, key)
    digits.delete_sample_field("things")


def test_objects__on_the_map_and_in_the_review(page: Any, things: Any) -> None:
    page.reload()
    canvas = open_map(page)
    maps = page.get_by_role("combobox", name="Map")
    if maps.count() and "crop_map" not in maps.inner_text():
        maps.click()
        page.get_by_role("option", name=re.compile("crop_map")).click()
    page.get_by_text(re.compile("304 objects")).first.wait_for()
    page.get_by_role("button", name="Lasso").click()
    draw_around(page, canvas, 0.3)
    said = page.get_by_text(re.compile(r"^[\d,]+ objects? chosen$"))
    said.wait_for()
    n = int(re.sub(r"\D", "", said.inner_text()))
    assert 0 < n < 304
    page.get_by_test_id("entry-counts").get_by_text(re.compile(rf"\b{n}\b.*patch")).wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_test_id("entry-counts").get_by_text(re.compile("304 samples")).wait_for()

    open_review(page)
    chooser = page.get_by_label("Run to review")
    if "crop_issues" not in chooser.inner_text():
        chooser.locator("[role=combobox]").or_(chooser).first.click()
        page.get_by_role("option", name=re.compile("· crop_issues$")).click()
    page.get_by_label("The object in its picture").or_(page.get_by_alt_text("The object in its picture")).wait_for()
    assert (
        page.get_by_title("Open in the App")
        .locator("img")
        .evaluate("one => one.style.objectViewBox")
        .startswith("inset")
    )
    page.get_by_role("button", name=re.compile("^Accept suggestion")).click()
    page.get_by_text(re.compile("^1 of .* decided: 1 relabelled")).wait_for()
    changed = [one for own in things.values("things") for one in own.detections if one.tags]
    assert [one.tags for one in changed] == [["relabelled"]]
    assert changed[0].label != changed[0].label_curated
    page.keyboard.press("u")
    page.get_by_text(re.compile(r"Taken back: labelled .*, on 1 object\.")).wait_for()
    assert things.count_label_tags("things") == {}
