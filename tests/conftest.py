"""Loads the checkout as the package `image_curation`, whatever its folder is called; gives tests their own database.

With `-n 2` (pytest-xdist) two processes share the tests, each with a home and a database of its own. FiftyOne reads
its settings when it is imported, so they are set here, before any test is.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Libraries' own threads wait for each other in loops where processes share the cores, which costs up to fifty times the
# work. Those of `core.threads` stay: they sleep when they wait. The libraries read this when they are loaded.
os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_WAIT_POLICY="passive")

# ruff: noqa: E402
import numpy as np
import pytest
from checkout import load_package
from database import start_database
from watchdog import end_children, pytest_runtest_protocol, pytest_sessionfinish

__all__ = ["pytest_runtest_protocol", "pytest_sessionfinish"]  # hooks of pytest

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="curator-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)  # registered first, so after the database's end
atexit.register(end_children)  # so is this: the database ends in order, and only what was left behind is killed

for name in [name for name in os.environ if name.startswith("FIFTYONE_")]:
    del os.environ[name]  # tests never reach the user's own database
os.environ.update(
    FIFTYONE_DEFAULT_DATASET_DIR=str(HOME / "datasets"),
    FIFTYONE_PLUGINS_DIR=str(HOME / "plugins"),
    FIFTYONE_MODEL_ZOO_DIR=str(HOME / "models"),
    FIFTYONE_CONFIG_PATH=str(HOME / "config.json"),
    FIFTYONE_APP_CONFIG_PATH=str(HOME / "app_config.json"),
    FIFTYONE_DO_NOT_TRACK="true",
    FIFTYONE_SHOW_PROGRESS_BARS="false",
)


def _link_plugin() -> None:
    plugins = HOME / "plugins"
    plugins.mkdir()
    (plugins / "curator").symlink_to(ROOT, target_is_directory=True)


load_package()
_link_plugin()

TOGETHER = (
    "tests/browser/",  # one App and one set of digits for all of them
    "tests/setup/",  # they start FiftyOne as users do, and that joins the database of any other
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes the core's many short files come last, so that all processes end at the same time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.nodeid.startswith("tests/core/"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each file goes to one process, for its fixtures' sake, and so does each folder of TOGETHER."""
    from xdist.scheduler import LoadFileScheduling

    class ByFileOrFolder(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return ByFileOrFolder(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_database(request: pytest.FixtureRequest) -> None:
    """A MongoDB of this run's own, unless only the core is tested.

    FiftyOne by itself would join the database of any other FiftyOne that this user has open.
    """
    if all(ROOT / "tests" / "core" in item.path.parents for item in request.session.items):
        return
    start_database(HOME / "database")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data with known truth, where it lies beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data with known truth (../shared/data) does not lie beside the project")
    return folder


@pytest.fixture
def empty() -> Iterator[Any]:
    """A dataset without samples."""
    import fiftyone as fo

    made = fo.Dataset()
    yield made
    made.delete()


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    """Twelve samples of three colours, four of each, with image files, labels and vectors in field `vectors`."""
    import fiftyone as fo
    from PIL import Image

    made = fo.Dataset()
    rng = np.random.default_rng(0)
    colours = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
    made.add_sample_field("vectors", fo.VectorField)
    samples = []
    for code, (name, colour) in enumerate(colours.items()):
        for number in range(4):
            path = tmp_path / "images" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(np.array(colour) + rng.integers(-25, 25, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
            vector = (np.eye(3)[code] + 0.05 * rng.standard_normal(3)).astype(np.float32)
            samples.append(fo.Sample(filepath=str(path), ground_truth=fo.Classification(label=name), vectors=vector))
    made.add_samples(samples, progress=False)
    yield made
    if made.name in fo.list_datasets():
        made.delete()
