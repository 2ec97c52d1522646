"""Loads the checkout as the package `image_curation`, whatever the folder is called, and finds the real data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _load_package() -> None:
    spec = importlib.util.spec_from_file_location(
        "image_curation", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["image_curation"] = package
    spec.loader.exec_module(package)


_load_package()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data with known truth, where it lies beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data with known truth (../shared/data) does not lie beside the project")
    return folder
