"""Arrays on disk beside the dataset: what is too large for the database and cheap to lose.

Graphs are a cache under a digest of what they were computed from, so a lost one costs time, never a result. Models and
maps belong to the run that names them, and go with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array, Progress
from ...core.base.graph import Graph
from ...core.neighbors.graph import build_graph
from ..fields.rows import Rows
from .notes import note

GRAPHS_KEPT = 4
LEAST_K = 24


def root() -> Path:
    """Where the arrays of all datasets are kept. What is of deleted datasets may be deleted there."""
    return Path(fo.config.default_dataset_dir) / ".curation"


def folder(dataset: fo.Dataset) -> Path:
    """Where this dataset's arrays are kept. Not created."""
    return root() / str(dataset._doc.id)


def whole_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that a reader sees the whole of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove(dataset: fo.Dataset, files: Iterable[str]) -> None:
    """Delete files and folders that a run kept here; what lies elsewhere is not ours and stays."""
    here = folder(dataset).resolve()
    for file in files:
        path = Path(file).resolve()
        if here not in path.parents:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def shared_graph(dataset: fo.Dataset, x: Array, k: int, metric: str, progress: Progress) -> Graph:
    """The neighbor graph of these vectors: from disk where it is there, else built and kept.

    Args:
        x: (n, d) float32.
        k: neighbors wanted; the graph holds at least as many where n allows.
    """
    wanted = min(k, len(x) - 1)
    path = folder(dataset) / f"graph_{metric}_{_digest(x)}.npz"
    if path.is_file():
        graph = _load_graph(path)
        if graph is not None and graph.k >= wanted:
            with contextlib.suppress(OSError):  # of a store that may only be read
                os.utime(path)
            return graph
    graph = build_graph(x, k=max(k, LEAST_K), metric=metric, progress=progress)
    try:
        _save_graph(path, graph)
    except OSError as error:
        note("The neighbor graph", error, "the next method builds it again")
    return graph


def stage(dataset: fo.Dataset, key: str, arrays: Mapping[str, Array], rows: Rows) -> str:
    """Write what a run may be continued from to a file of its own, for `take`.

    Returns:
        its path

    Raises:
        OSError: it cannot be written.
    """
    path = _kept_path(dataset, key).with_name(f"run_{key}.{uuid.uuid4().hex[:12]}.npz")
    ids = {"_ids": np.array(rows.ids, dtype="S24"), "_images": np.array(rows.images, dtype="S24")}
    whole_file(path, lambda part: save_arrays(part, {**arrays, **ids}))
    return str(path)


def take(dataset: fo.Dataset, key: str, staged: str | None) -> None:
    """Let a staged file, or none, take the place of what an earlier run of that key kept; twice is harmless."""
    path = _kept_path(dataset, key)
    if staged is None:
        path.unlink(missing_ok=True)
    elif Path(staged).is_file():
        Path(staged).replace(path)
    for left in path.parent.glob(f"run_{key}.*.npz"):  # of runs that did not live to take them
        left.unlink(missing_ok=True)


def kept(dataset: fo.Dataset, key: str, field: str | None) -> tuple[dict[str, Array], Rows] | None:
    """What a run kept, and its rows; None where it is not there any more.

    Args:
        field: whose objects the rows are.
    """
    found = load_arrays(_kept_path(dataset, key))
    if found is None or not {"_ids", "_images"} <= found.keys():
        return None
    ids, images = ([value.decode() for value in found.pop(name).tolist()] for name in ("_ids", "_images"))
    return found, Rows.known(dataset, field, ids, images)


def drop(dataset: fo.Dataset, key: str) -> None:
    """Delete what a run kept."""
    take(dataset, key, None)


def _kept_path(dataset: fo.Dataset, key: str) -> Path:
    return folder(dataset) / f"run_{key}.npz"


def _digest(x: Array) -> str:
    state = hashlib.sha256(str(x.shape).encode())
    state.update(np.ascontiguousarray(x).data.cast("B"))
    return state.hexdigest()[:32]


def _save_graph(path: Path, graph: Graph) -> None:
    arrays = {"indices": graph.indices, "distances": graph.distances}
    texts = {"metric": np.array(graph.metric), "facts": np.array(json.dumps(graph.facts))}
    whole_file(path, lambda part: save_arrays(part, {**arrays, **texts}))
    graphs = sorted(path.parent.glob("graph_*.npz"), key=lambda other: other.stat().st_mtime)
    for old in graphs[:-GRAPHS_KEPT]:
        old.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Arrays by name, as NPZ."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load_arrays(path: Path) -> dict[str, Array] | None:
    """What `save_arrays` wrote; None where the file is not there, or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _load_graph(path: Path) -> Graph | None:
    found = load_arrays(path)
    if found is None or not {"indices", "distances", "metric", "facts"} <= found.keys():
        return None  # damaged: it will be built again
    return Graph(found["indices"], found["distances"], str(found["metric"]), json.loads(str(found["facts"])))
