"""The checkout as a package, whatever its folder is called: for scripts, tests and benchmarks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def load_package(name: str = "image_curation") -> ModuleType:
    """Import the checkout under this name, unless something of that name is imported already."""
    if name not in sys.modules:
        place = ROOT / "__init__.py"
        spec = importlib.util.spec_from_file_location(name, place, submodule_search_locations=[str(ROOT)])
        assert spec is not None
        assert spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    return sys.modules[name]
