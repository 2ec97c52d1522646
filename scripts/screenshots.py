"""Takes the screenshots in docs/images of the real App, on the demo's data: `make screenshots`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import home
from browser import (
    chromium,
    draw_around,
    grid_alone,
    open_app,
    open_comparison,
    open_curation,
    open_form,
    open_map,
    open_report,
    open_review,
    open_run,
)

PICTURES = home.ROOT / "docs" / "images"
DEMO = "curator-demo"


def main() -> None:
    """Make sure the demo has run, open the App on it, and look at it."""
    subprocess.run(
        [sys.executable, str(home.ROOT / "scripts" / "demo.py")], env=os.environ | {"HEADLESS": "1"}, check=True
    )
    home.move_in()
    import fiftyone as fo

    dataset = fo.load_dataset(DEMO)
    measure(dataset)
    port = home.choose_port(None)
    session = home.launch(dataset, port)
    PICTURES.mkdir(parents=True, exist_ok=True)
    try:
        with chromium() as browser:
            take(open_app(browser, home.address_of(dataset, port)), session)
    finally:
        session.close()
        fo.close_app()


def measure(dataset: Any) -> None:
    """Make sure there is a report on the demo's subset, which its recipe leaves out."""
    from image_curation import curate

    if "report" not in dataset.list_runs():
        curate(dataset, "report", rank_field="subset_rank", label_field="ground_truth")


def take(page: Any, session: Any) -> None:
    """The Curation panel, a run's page, a form, the Review, the Report, the Compare panel, and the Map."""
    open_curation(page)
    keep(page, "curation.png")
    open_run(page, "Find label issues")
    keep(page, "run.png")
    open_form(page, "Find label issues")
    keep(page, "form.png")
    page.get_by_role("button", name="Cancel").click()
    open_review(page)
    keep(page, "review.png", grid=False)  # the Review lies over it
    begin_anew(page, session)
    open_report(page)
    keep(page, "report.png")
    begin_anew(page, session)
    open_comparison(page)
    session.selected = session.dataset.take(4, seed=51).values("id")
    page.get_by_text("Nearest neighbors of 1", exact=True).wait_for()
    keep(page, "compare.png")
    begin_anew(page, session)
    canvas = open_map(page)
    page.get_by_role("button", name="Lasso").click()
    draw_around(page, canvas, 0.22)
    page.get_by_role("group", name="Chosen samples").wait_for()
    keep(page, "map.png")
    page.get_by_role("button", name="Clear").click()
    page.wait_for_timeout(3_000)


def begin_anew(page: Any, session: Any) -> None:
    """The grid alone, so that the next panel opens beside it and not over the last one."""
    grid_alone(session)
    page.get_by_test_id("panel-tab-samples").wait_for()
    page.wait_for_timeout(2_000)


def keep(page: Any, name: str, grid: bool = True) -> None:
    """Wait for the pictures to arrive, those of the grid too where it is seen, then keep what is seen."""
    if grid:
        page.get_by_test_id("looker").first.wait_for()
    page.wait_for_timeout(3_000)
    path = PICTURES / name
    page.screenshot(path=path)
    print(f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
