"""Compiled loops: what one loading of the package keeps on disk does not get in the way of another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import importlib, importlib.util, sys
import numpy as np
name = sys.argv[1]
spec = importlib.util.spec_from_file_location(name, {init!r}, submodule_search_locations=[{root!r}])
package = importlib.util.module_from_spec(spec)
sys.modules[name] = package
spec.loader.exec_module(package)
neighbors = importlib.import_module(name + ".core.neighbors")
print(neighbors.build_graph(np.eye(3, dtype=np.float32), k=1).indices.ravel().tolist())
""".format(init=str(ROOT / "__init__.py"), root=str(ROOT))


@pytest.mark.slow
def test_compiled__under_two_names(tmp_path: Path) -> None:
    """As the App loads the package, as Python does, and as the App does again."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for name in ("the_plugin", "image_curation", "the_plugin"):
        done = subprocess.run(
            [sys.executable, "-c", RUN, name], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "[1, 0, 0]\n"
