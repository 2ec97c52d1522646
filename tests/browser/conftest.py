"""The real App in headless Chromium, on a data set with a run, and a browser page that looks at it."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium from the system's packages."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    assert path, "no Chromium on this machine; `make test` installs it"
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-cy")
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Every sixth of the demo's digits with their planted errors, imported, and embedded by the descriptor."""
    import fiftyone as fo
    from image_curation import curate, import_images
    from image_curation.dataset.demo import ensure_demo

    folder = tmp_path_factory.mktemp("digits")
    ensure_demo(folder)
    name = "browser-digits"
    whole = fo.Dataset()
    import_images(whole, directory=str(folder / "images"))
    made = fo.Dataset(name, persistent=True, overwrite=True)
    made.add_samples([sample.copy() for sample in list(whole.sort_by("filepath"))[::6]], progress=False)
    whole.delete()
    curate(made, "compute_embeddings")
    yield made
    made.delete()


@pytest.fixture(scope="session")
def address(digits: Any) -> Iterator[str]:
    """Address of the App, on the loopback, showing the digits."""
    import fiftyone as fo

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    session = fo.launch_app(digits, remote=True, address="127.0.0.1", port=port)
    _wait_for(port)
    yield f"http://127.0.0.1:{port}/datasets/{digits.name}"
    session.close()


@pytest.fixture
def page(browser: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """The App's page, loaded; what it looked like at the end is kept beside the test's temporary files."""
    context = browser.new_context(viewport={"width": 1500, "height": 900})
    opened = context.new_page()
    opened.goto(address)
    opened.get_by_test_id("entry-counts").wait_for(timeout=60_000)
    dismiss = opened.get_by_role("button", name="Dismiss")  # of FiftyOne's own advertisement
    if dismiss.count():
        dismiss.first.click()
    yield opened
    opened.screenshot(path=tmp_path / "last.png")
    context.close()


def _wait_for(port: int, patience: float = 60) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"the App did not answer on port {port} within {patience:.0f} s")
