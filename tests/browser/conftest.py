"""The real App on some of the demo's digits, and a browser page that looks at it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium from the system's packages.

    Closed with its module: Playwright keeps an event loop running, in which `execute_operator` returns a task.
    """
    from browser import chromium, chromium_path

    if chromium_path() is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium on this machine; `make test` says how to get one")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Every sixth of the demo's digits with their planted errors, imported, and embedded by the descriptor."""
    import fiftyone as fo
    from image_curation import curate, import_images
    from image_curation.dataset.demo import ensure_demo

    folder = tmp_path_factory.mktemp("digits")
    ensure_demo(folder)
    listing = folder / "list.txt"
    paths = sorted(str(path) for path in (folder / "images").rglob("*.*"))
    listing.write_text("\n".join(paths[::6]))
    import_images("browser digits_1", list_file=str(listing))
    made = fo.load_dataset("browser digits_1")
    curate(made, "compute_embeddings", model="descriptor")
    yield made
    made.delete()


@pytest.fixture(scope="session")
def app(digits: Any) -> Iterator[Any]:
    """The App's session, on the loopback, showing the digits."""
    from home import launch

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    session = launch(digits, port)
    yield session
    session.close()


@pytest.fixture(scope="session")
def address(app: Any) -> str:
    """Address of the App."""
    from home import address_of

    return address_of(app.dataset, app.server_port)


@pytest.fixture
def page(browser: Any, app: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """The App's page, loaded, with the whole dataset in the grid and no panel open, whatever other tests left there.

    What it looked like at the end is kept beside the test's temporary files.
    """
    from browser import grid_alone, open_app

    grid_alone(app)
    opened = open_app(browser, address)
    yield opened
    opened.screenshot(path=tmp_path / "last.png")
    opened.context.close()
