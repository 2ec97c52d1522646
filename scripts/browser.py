"""Drives the real App in headless Chromium; for the tests in the browser and for the screenshots."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--use-gl=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ALL_METHODS = re.compile(r"All methods \(\d+\)")
PATIENCE = 60_000  # milliseconds; the App's first page takes seconds on a busy machine


def chromium_path() -> str | None:
    """Where the system's Chromium is, or None."""
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser from the system's packages.

    Raises:
        FileNotFoundError: there is none.
    """
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        raise FileNotFoundError("There is no Chromium on this machine; `make test` installs it.")
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-cy")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def open_app(browser: Any, address: str, width: int = 1500, height: int = 900) -> Any:
    """The App's page with its grid loaded."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_test_id("entry-counts").wait_for()
    dismiss = page.get_by_role("button", name="Dismiss")  # of FiftyOne's own advertisement
    if dismiss.count():
        dismiss.first.click()
    return page


def grid_alone(session: Any) -> None:
    """Close the open sample and all panels of the App that the session shows; take every condition from the grid."""
    import fiftyone as fo

    session.sample_id = None
    session.selected = []
    session.clear_view()
    session.spaces = fo.Space(children=[fo.Panel(type="Samples", pinned=True)])


def open_form(page: Any, label: str) -> Any:
    """The form of an operator, chosen in the operator browser."""
    page.get_by_test_id("entry-counts").wait_for()  # before that the App does not listen
    page.locator("body").press("`")
    page.get_by_placeholder("Search operations by name").fill(label)
    listed = re.compile(f"(^|: ){re.escape(label)}$", re.IGNORECASE)  # behind the name of its stage
    page.get_by_test_id("operators-browser").get_by_text(listed).first.click()
    form = page.get_by_test_id("operators-prompt-modal")
    form.get_by_role("button", name="Execute").first.wait_for()
    return form


def fill(form: Any, label: str, text: str) -> None:
    """Type into the field under that label."""
    field = form.get_by_text(label, exact=True).locator("xpath=following::input[1]")
    field.fill(text)
    field.press("Tab")
    form.page.wait_for_timeout(1_500)  # the App sends what was typed after a pause


def open_curation(page: Any) -> None:
    """The Curation panel beside the grid."""
    page.get_by_test_id("new-panel-btn").first.click()
    page.get_by_text("Curation", exact=True).first.click()
    page.get_by_role("button", name=ALL_METHODS).wait_for()


def open_run(page: Any, label: str) -> None:
    """The page of a method's newest run, from the catalogue at the foot of the Curation panel's first page."""
    unfold = page.get_by_role("button", name=ALL_METHODS)
    if unfold.get_attribute("aria-expanded") == "false":
        unfold.click()
    rows = page.locator("div", has=page.get_by_role("button", name="Open", exact=True))
    row = rows.filter(has_text=label).last  # the innermost box that holds both
    row.get_by_role("button", name="Open", exact=True).last.click()
    page.get_by_role("slider").first.wait_for()


def open_review(page: Any) -> None:
    """The Curation Review panel beside the grid."""
    page.get_by_test_id("new-panel-btn").first.click()
    page.get_by_text("Curation Review", exact=True).first.click()
    page.get_by_label("Run to review").wait_for()


def open_report(page: Any) -> None:
    """The Curation Report panel beside the grid."""
    page.get_by_test_id("new-panel-btn").last.click()  # of the place beside the grid, where there is one already
    page.get_by_text("Curation Report", exact=True).first.click()
    page.get_by_text("Against random subsets", exact=True).wait_for()


def open_comparison(page: Any) -> None:
    """The Curation Compare panel beside the grid, while no sample is selected."""
    page.get_by_test_id("new-panel-btn").last.click()  # of the place beside the grid, where there is one already
    page.get_by_text("Curation Compare", exact=True).first.click()
    page.get_by_text("No sample is selected", exact=True).wait_for()


def open_map(page: Any) -> Any:
    """The Curation Map panel beside the grid; the canvas that the points are drawn on."""
    page.get_by_test_id("new-panel-btn").first.click()
    page.get_by_text("Curation Map", exact=True).first.click()
    canvas = page.locator("canvas[data-points]")
    canvas.wait_for()
    return canvas


def draw_around(page: Any, canvas: Any, share: float) -> None:
    """A ring around the middle of the map; its radius as a share of the map's height."""
    box = canvas.bounding_box()
    x, y, radius = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, share * box["height"]
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for step in range(1, 25):
        page.mouse.move(x + radius * math.cos(step * math.pi / 12), y + radius * math.sin(step * math.pi / 12))
    page.mouse.up()


def select_in_grid(page: Any, n: int) -> None:
    """Tick the first samples of the grid."""
    for number in range(n):
        picture = page.get_by_test_id("looker").nth(number)
        picture.wait_for()
        box = picture.bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 30)
        page.wait_for_timeout(1_500)  # the box to tick appears under the pointer
        page.mouse.click(box["x"] + 20, box["y"] + 20)
        page.get_by_test_id("selection-count-container").get_by_text(str(number + 1)).wait_for()


def grid_count(page: Any) -> int:
    """How many samples the grid says it shows."""
    return int(re.sub(r"\D", "", page.get_by_test_id("entry-counts").inner_text()) or 0)
