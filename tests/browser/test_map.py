"""A user in the real App draws around points of the map, sees the grid follow, and finds it so after a reload."""

from __future__ import annotations

import re
from typing import Any

from browser import draw_around, grid_count, open_map
from image_curation import curate
from image_curation.dataset.runs.record import get_run


def test_map__lasso_drives_the_grid_and_a_reload_finds_it(page: Any, digits: Any) -> None:
    for dims in (2, 3):
        curate(digits, "compute_map", key=f"seen_{dims}", embeddings="embeddings", method="pca", dims=dims)
    page.reload()
    canvas = open_map(page)
    for key in ("seen_2", "seen_3"):
        page.get_by_role("combobox", name="Map").click()
        page.get_by_role("option", name=re.compile(key)).click()
        page.get_by_role("combobox").filter(has_text=key).wait_for()
        assert int(canvas.get_attribute("data-points")) == get_run(digits, key).n
        page.get_by_role("button", name="Lasso").click()
        draw_around(page, canvas, 0.3)
        n = _chosen(page)
        assert 0 < n < len(digits)
        _wait_for_grid(page, n)

    page.reload()
    assert _chosen(page) == n
    _wait_for_grid(page, n)
    page.get_by_role("button", name="Clear").click()
    _wait_for_grid(page, len(digits))


def test_map__a_point_shows_its_picture_and_is_excluded_and_back(page: Any, digits: Any) -> None:
    curate(digits, "compute_map", key="clicked", embeddings="embeddings", method="pca")
    page.reload()
    canvas = open_map(page)
    _click_a_point(page, canvas)
    card = page.get_by_role("dialog")
    name = card.get_attribute("aria-label")
    assert card.locator("img").evaluate("image => image.src").endswith(name)
    card.get_by_role("button", name="Exclude").click()
    page.get_by_text("1 sample excluded.").wait_for()
    (excluded,) = digits.match_tags("excluded").values("filepath")
    assert excluded.endswith(name)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back: excluded, on 1 sample.").wait_for()
    assert digits.match_tags("excluded").count() == 0


def _click_a_point(page: Any, canvas: Any) -> None:
    """Move along a line through the middle until a point has its ring, and click it."""
    box = canvas.bounding_box()
    for step in range(60):
        x, y = box["x"] + box["width"] * (0.25 + step / 120), box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        if page.locator("canvas[data-points] + svg circle").count():
            page.mouse.click(x, y)
            return
    raise AssertionError("no point lies on the middle line of the map")


def _chosen(page: Any) -> int:
    said = page.get_by_text(re.compile(r"^[\d,]+ samples? chosen$"))
    said.wait_for()
    return int(re.sub(r"\D", "", said.inner_text()))


def _wait_for_grid(page: Any, n: int) -> None:
    page.wait_for_function(
        "n => parseInt((document.querySelector('[data-cy=entry-counts]')?.innerText ?? '').replace(/\\D/g, '')) === n",
        arg=n,
    )
    assert grid_count(page) == n
