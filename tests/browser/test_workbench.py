"""A user in the real App decides beside the picture, and works on while something runs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser import fill, grid_count, open_form, open_review, select_in_grid
from image_curation import curate
from image_curation.dataset.decisions import decisions


@pytest.fixture(autouse=True)
def _nothing_decided(digits: Any) -> None:
    if "review_issues" not in digits.list_runs():
        curate(digits, "find_label_issues", key="review_issues", embeddings="embeddings")
    decisions.undo(digits, 10_000)


def test_selection__decided_in_one_click_and_taken_back(page: Any, digits: Any) -> None:
    ids = digits.limit(2).values("id")
    page.reload()
    select_in_grid(page, 2)
    bar = page.get_by_role("toolbar", name="Selected pictures")
    bar.get_by_role("button", name="Exclude").click()
    page.get_by_text("2 samples excluded.").wait_for()
    assert digits.match_tags("excluded").values("id") == ids
    assert grid_count(page) == len(digits)
    bar.wait_for(state="hidden")
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Taken back: excluded, on 2 samples.").wait_for()
    assert digits.count_sample_tags() == {}

    select_in_grid(page, 1)
    bar.get_by_role("button", name="Relabel…").click()
    form = page.get_by_test_id("operators-prompt-modal")
    fill(form, "New label", "a new class")
    form.get_by_role("button", name="Execute").first.click()
    page.get_by_role("button", name="Make it a new class").click()
    page.get_by_text("1 sample labelled a new class.").wait_for()
    digits.reload()
    assert digits[ids[0]].ground_truth_curated.label == "a new class"


def test_call__an_error_keeps_the_form(page: Any, digits: Any) -> None:
    page.reload()
    form = open_form(page, "Find representatives")
    fill(form, "K", "9999")
    form.get_by_role("button", name="Execute").first.click()
    page.get_by_text(re.compile("k must be at most .*; got 9999")).first.wait_for(timeout=120_000)
    page.get_by_role("button", name="Change and try again").click()
    form.get_by_text(re.compile("k must be at most .*; got 9999")).wait_for()
    assert form.get_by_text("K", exact=True).locator("xpath=following::input[1]").input_value() == "9999"
    form.get_by_role("button", name="Cancel").click()


def test_review__sure_ones_in_one_go_zoom_and_number_keys(page: Any, digits: Any) -> None:
    chance = dict(zip(digits.values("id"), digits.values("review_issues_chance"), strict=True))
    marked = digits.match({"review_issues_is_issue": True}).values("id")
    sure = [one for one in marked if (chance[one] or 0) >= 0.95]
    page.reload()
    open_review(page)
    picture = page.get_by_title("Open in the App")
    picture.hover()
    page.mouse.wheel(0, -300)
    page.wait_for_function("() => parseFloat(document.querySelector('[data-scale]').dataset.scale) > 2")
    page.mouse.move(5, 5)
    page.wait_for_function("() => document.querySelector('[data-scale]').dataset.scale === '1.0'")
    page.keyboard.press("1")
    page.get_by_text(re.compile(f"^1 of {len(marked)} decided: 1 relabelled")).wait_for()
    page.keyboard.press("u")
    page.get_by_text(re.compile(f"^0 of {len(marked)} decided")).wait_for()
    if sure:
        page.get_by_role("button", name=re.compile(f"^Accept the {len(sure)} above 95 %")).click()
        page.get_by_role("button", name=f"Accept all {len(sure)}").click()
        page.get_by_text(re.compile(f"^{len(sure)} of {len(marked)} decided: {len(sure)} relabelled")).wait_for()
        page.keyboard.press("u")
        page.get_by_text(re.compile(f"^0 of {len(marked)} decided")).wait_for()
    assert digits.count_sample_tags() == {}
