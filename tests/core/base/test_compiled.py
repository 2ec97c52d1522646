"""Compiled loops: what one loading of the package keeps on disk does not get in the way of another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import importlib, sys
import numpy as np
sys.path.insert(0, {scripts!r})
from checkout import load_package
name = load_package(sys.argv[1]).__name__
neighbors = importlib.import_module(name + ".core.neighbors.graph")
print(neighbors.build_graph(np.eye(3, dtype=np.float32), k=1).indices.ravel().tolist())
""".format(scripts=str(ROOT / "scripts"))


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


ALGORITHMS = """
import importlib, json, sys
import numpy as np
sys.path.insert(0, {scripts!r})
from checkout import load_package
load_package()
from PIL import Image
from image_curation.core.representatives.k_medoids import k_medoids
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.neighbors.cells import heads, in_cells, meet, principal_axes
from image_curation.core.neighbors.graph import build_graph, nearest
from image_curation.core.selection.order_by_similarity import similarity_order
from image_curation.core.images.pixels import Looks, likenesses, look_at
from image_curation.core.selection.select_subset import select_subset
from image_curation.core.selection.subset_params import SubsetParams

rng = np.random.default_rng(0)
x = (3 * rng.normal(size=(6, 5))[rng.integers(6, size=70)] + rng.normal(size=(70, 5))).astype(np.float32)
graph = build_graph(x, k=8)
given = in_cells(heads(x, principal_axes(x, 1), 3), 1)
chosen = select_subset(Inputs(n=70, ids=list(map(str, range(70))), embeddings=x), SubsetParams(n=9), silent)
pixels = rng.integers(0, 255, size=(2, 40, 40, 3)).astype(np.uint8)
looks = Looks(2)
for row, each in enumerate(pixels):
    looks.keep(row, look_at(Image.fromarray(each)))
print(json.dumps({{
    "graph": graph.indices.tolist(),
    "euclidean": build_graph(x, k=4, metric="euclidean").indices.tolist(),
    "queries": nearest(x[:9], x, 3, "euclidean")[0].tolist(),
    "cells": meet(given, 6, cells=4).tolist(),
    "medoids": sorted(k_medoids(x, 6, seed=2).indices.tolist()),
    "order": similarity_order(x, graph).tolist(),
    "subset": [rank for rank in chosen.values["rank"] if rank is not None and rank == rank],
    "pictures": likenesses(looks, np.array([[0, 0], [0, 1]])).round(4).tolist(),
}}, default=int))
""".format(scripts=str(ROOT / "scripts"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_compiled__says_the_same_as_plain_python(tmp_path: Path) -> None:
    """With NUMBA_DISABLE_JIT=1 every inner loop runs as Python, which checks its bounds too."""
    found = []
    for off in ("0", "1"):
        environment = os.environ | {"NUMBA_DISABLE_JIT": off}
        done = subprocess.run(
            [sys.executable, "-c", ALGORITHMS], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
