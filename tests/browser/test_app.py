"""A user in the real App: runs an operator from its form, and lets the Curation panel's histogram drive the grid."""

from __future__ import annotations

import re
from typing import Any

from browser import fill, grid_count, open_curation, open_form, open_run
from image_curation.dataset.runs.record import get_run


def test_form__runs_and_the_panels_histogram_drives_the_grid(page: Any, digits: Any, address: str) -> None:
    form = open_form(page, "Find label issues")
    assert "Find samples whose label is probably wrong" in form.inner_text()
    fill(form, "Key", "browser_issues")
    form.get_by_role("button", name="Execute").first.click()
    page.get_by_text(re.compile("likely label issue")).first.wait_for(timeout=120_000)

    digits.reload()
    run = get_run(digits, "browser_issues")
    assert run.status == "done"
    assert digits.count("browser_issues_quality") == run.n

    open_curation(page)
    open_run(page, "Find label issues")
    assert page.get_by_text(run.headline).count()
    histogram = page.get_by_role("slider").first
    assert grid_count(page) == len(digits)
    box = histogram.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_function(
        "all => { const text = document.querySelector('[data-cy=entry-counts]')?.innerText ?? '';"
        " const n = parseInt(text.replace(/\\D/g, '')); return n > 0 && n < all; }",
        arg=len(digits),
    )
    brushed = grid_count(page)
    assert 0 < brushed < len(digits)

    page.get_by_role("button", name="Save a slice").click()
    form = page.get_by_test_id("operators-prompt-modal")
    form.get_by_role("button", name="Execute").first.wait_for()
    fill(form, "Name", "brushed")
    form.get_by_role("button", name="Execute").first.click()
    page.get_by_text(f"Slice 'brushed': {brushed} samples").first.wait_for()
    digits.reload()
    assert len(digits.load_saved_view("brushed")) == brushed
    page.goto(f"{address}?view=brushed")
    page.wait_for_function(
        "n => parseInt((document.querySelector('[data-cy=entry-counts]')?.innerText ?? '0').replace(/\\D/g, '')) === n",
        arg=brushed,
    )
    page.goto(address)


def test_form__error_is_one_sentence(page: Any, digits: Any) -> None:
    form = open_form(page, "Find neighbors")
    fill(form, "Key", "2 bad")
    form.get_by_role("button", name="Execute").first.click()
    sentence = "key must be letters, digits and _, not starting with a digit; got '2 bad'"
    page.get_by_text(sentence).first.wait_for()
    assert "Traceback" not in page.locator("body").inner_text()
