"""Each component of the panels by itself, on the test page of panels/web/demo, in a real browser with the App's own
React and Material UI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

PAGE = Path(__file__).parent / "page.js"
COMPONENTS = Path(__file__).parents[2] / "panels" / "web" / "src" / "components"
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
SERIOUS = """async () => (await axe.run("#page", { resultTypes: ["violations"] })).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))])"""
NAMES = (
    "ActionBar",
    "AdviceCard",
    "Card",
    "CompareTable",
    "Curve",
    "FactsTable",
    "Gallery",
    "Histogram",
    "HistogramByClass",
    "ListWithThumbnails",
    "LookAgain",
    "Marking",
    "Matrix",
    "Picture",
    "ProgressLine",
    "Quadrants",
    "ShowingBar",
    "Sparkline",
    "StageBoard",
    "StateMark",
    "Strip",
    "Thumbnail",
    "Within",
)

INSIDE = {"Bars", "Frame", "Icon", "Names", "Scatter"}  # drawn inside others

PANELS = (  # states of the panels
    *("home", "run", "empty", "review", "copies", "batch", "reviewed", "plane", "space"),
    *("report", "reports", "unreported", "compared", "growing", "single", "unselected"),
)


@pytest.fixture(scope="module")
def shown(browser: Any, app: Any, address: str) -> Iterator[Any]:
    """The App's page with the test page in place of the App."""
    from browser import grid_alone, open_app

    grid_alone(app)
    page = open_app(browser, address)
    page.add_script_tag(path=PAGE)
    yield page
    page.context.close()


@pytest.fixture
def components(shown: Any) -> Any:
    """Every component."""
    return _draw(shown, "dark")


def _draw(page: Any, theme: str) -> Any:
    page.evaluate("theme => curatorPage.draw('components', theme)", theme)
    page.locator("[data-component]").first.wait_for()
    return page


def _said(page: Any) -> tuple[str, dict[str, Any]]:
    """What the page asked for last."""
    event, _, params = page.locator("output").inner_text().partition(" ")
    return event, json.loads(params)


def _drag(page: Any, element: Any, left: float, right: float, top: float = 0.5, bottom: float = 0.5) -> None:
    """From one place inside an element to another, in shares of its width and height."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"], steps=4)
    page.mouse.up()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_components__are_all_drawn_inside_their_place(shown: Any, theme: str, tmp_path: Path) -> None:
    components = _draw(shown, theme)
    components.wait_for_function("[...document.images].every(one => one.complete || one.loading === 'lazy')")
    components.screenshot(path=tmp_path / "components.png", full_page=True)
    found = components.locator("[data-component]")
    assert sorted(found.nth(i).get_attribute("data-component") for i in range(found.count())) == list(NAMES)
    assert {path.stem for path in COMPONENTS.glob("*.tsx")} - set(NAMES) == INSIDE
    for name in NAMES:
        one = components.locator(f'[data-component="{name}"]')
        box = one.bounding_box()
        assert box["height"] > 40, name
        assert one.evaluate("one => one.scrollWidth - one.clientWidth") <= 0, f"{name} is cut off"


def test_histogram__brush_keys_and_classes(components: Any) -> None:
    bars = components.locator('[data-component="Histogram"] [role=slider]')
    _drag(components, bars, 0.01, 0.32)
    event, taken = _said(components)
    assert (event, taken["low"], taken["label"]) == ("range", 0, None)
    assert taken["high"] == pytest.approx(10 / 30)
    bars.focus()
    bars.press("Home")
    for key in ("ArrowRight", "Shift+ArrowRight", "Enter"):
        bars.press(key)
    assert _said(components)[1]["high"] - _said(components)[1]["low"] == pytest.approx(2 / 30)
    of_class = components.locator('[data-component="HistogramByClass"] [role=slider]').nth(1)
    _drag(components, of_class, 0.5, 0.9)
    assert _said(components)[1]["label"] == "dog"


def test_gallery__arrow_keys_walk_and_enter_opens(components: Any) -> None:
    pictures = components.locator('[data-component="Gallery"] button')
    pictures.first.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        components.keyboard.press(key)
    assert _said(components) == ("open", {"id": pictures.nth(4).get_attribute("data-picture")})
    assert components.locator('[data-component="Gallery"]').get_by_text("no preview").count() == 1


def test_marking__two_clicks_shift_and_ctrl(components: Any) -> None:
    pictures = components.locator('[data-component="Marking"] button')
    ids = [pictures.nth(i).get_attribute("data-picture") for i in range(6)]
    pictures.nth(1).click()
    assert _said(components) == ("mark", {"ids": ids[1:2]})
    pictures.nth(4).click()
    assert _said(components) == ("mark", {"ids": ids[1:5]})
    pictures.nth(2).click(modifiers=["Control"])
    assert _said(components) == ("mark", {"ids": [ids[1], ids[3], ids[4]]})
    pictures.nth(0).click()
    pictures.nth(2).click(modifiers=["Shift"])
    assert _said(components) == ("mark", {"ids": ids[:3]})
    components.keyboard.press("Shift+ArrowRight")
    assert _said(components) == ("mark", {"ids": ids[:4]})


def test_matrix__cells_by_click_and_by_keys(components: Any) -> None:
    matrix = components.locator('[data-component="Matrix"]')
    matrix.get_by_title("Given one, suggested one: 170").click()
    assert _said(components) == ("cell", {"row": "one", "column": "one"})
    components.keyboard.press("ArrowDown")
    components.keyboard.press("ArrowRight")
    components.keyboard.press("Enter")
    assert _said(components) == ("cell", {"row": "two", "column": "two"})
    matrix.get_by_role("button", name="Estimated", exact=True).click()
    assert matrix.get_by_text("168.2").count() == 6
    matrix.get_by_title("Given one, suggested one: 170; estimated 168.2").click()
    assert _said(components) == ("cell", {"row": "one", "column": "one"})


def test_quadrants__one_of_four_or_a_rectangle(components: Any) -> None:
    plot = components.locator('[data-component="Quadrants"]')
    plot.get_by_text("Hard but right").click()
    assert _said(components) == ("quadrant", {"name": "hard"})
    _drag(components, plot.locator("svg"), 0.51, 0.99, 0.99, 0.51)
    event, box = _said(components)
    assert event == "box"
    assert (box["left"], box["right"], box["low"], box["high"]) == pytest.approx((0.5, 1, 0, 0.5))


def test_list__sorts_and_drives(components: Any) -> None:
    listing = components.locator('[data-component="ListWithThumbnails"]')
    rows = listing.locator("button[aria-pressed]")
    assert rows.first.inner_text().startswith("Cluster 0")
    listing.get_by_label("Sort by Mean distance").click()
    assert rows.first.inner_text().startswith("Cluster 24")
    rows.first.click()
    assert _said(components) == ("row", {"value": 24})
    assert listing.locator('[aria-pressed="true"]').count() == 1


def test_compare__keeps_one(components: Any) -> None:
    components.locator('[data-component="CompareTable"]').get_by_role("button", name="Only this (2)").click()
    assert _said(components) == ("keep", {"id": "b"})


def test_stage_board__a_running_method_shows_its_share(components: Any) -> None:
    bar = components.get_by_label("Compute map: progress")
    assert bar.get_attribute("aria-valuenow") == "40"
    components.locator('[data-component="StageBoard"]').get_by_role("button", name="Run", exact=True).first.click()
    assert _said(components)[0] == "run_method"


@pytest.mark.parametrize("show", PANELS)
def test_panels__fit_a_laptops_half(shown: Any, show: str) -> None:
    shown.evaluate("show => curatorPage.draw(show, 'dark')", show)
    shown.evaluate("document.getElementById('page').style.width = '600px'")
    shown.locator("#page section, #page button").first.wait_for()
    assert shown.evaluate("document.getElementById('page').scrollWidth") <= 600


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe__finds_nothing_serious(shown: Any, theme: str) -> None:
    shown.add_script_tag(path=AXE)
    found = {}
    for show in ("components", *PANELS):
        shown.evaluate("([show, theme]) => curatorPage.draw(show, theme)", [show, theme])
        shown.locator("#page section, #page button").first.wait_for()
        found |= {f"{show}: {name}": where for name, where in shown.evaluate(SERIOUS)}
    assert found == {}


def test_review__keys_send_events(shown: Any) -> None:
    shown.evaluate("curatorPage.draw('review', 'dark')")
    shown.get_by_label("Run to review").wait_for()
    shown.keyboard.press("x")
    assert _said(shown) == ("exclude", {"id": "a", "reason": "unusable"})
    shown.evaluate("curatorPage.draw('copies', 'dark')")
    shown.get_by_role("button", name="Keep 1, exclude 2").wait_for()
    shown.keyboard.press("2")
    assert _said(shown) == ("choose_keeper", {"id": "a", "reason": "unusable", "keeper": "b"})
    shown.evaluate("curatorPage.draw('batch', 'dark')")
    pictures = shown.locator("[data-picture]")
    pictures.nth(2).click()
    pictures.nth(6).click()
    shown.get_by_text("5 marked").wait_for()
    shown.keyboard.press("a")
    assert _said(shown) == (
        "decide_marked",
        {"verdict": "accept", "ids": [f"b{i}" for i in range(2, 7)], "reason": "unusable"},
    )
