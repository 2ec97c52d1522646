"""The samples most like one, class by class: what a person compares a doubtful label with.

From a `find_neighbors` run where there is one; classes that it does not reach are filled from the vectors themselves,
which are read class by class as they are needed and kept in memory for the dataset reviewed last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np
from fiftyone import ViewField as F

from ..core.method import Array
from ..dataset import columns
from ..dataset.rows import Rows
from ..dataset.runs import Run, get_run

MOST_VECTORS = 50_000  # rows kept in memory; above, only a find_neighbors run tells who is alike
SPARE = 8  # candidates beyond those wanted, some of which may have got another label since they were read


@dataclass
class _Vectors:
    """Unit vectors of one dataset and field, class by class as far as they have been read.

    Attributes:
        of: what they are of; when that changes they are read anew.
        read: class → ids of its samples and (n, d) unit vectors; None stands for all classes.
    """

    of: tuple[Any, ...] = ()
    read: dict[str | None, tuple[Sequence[str], Array]] = field(default_factory=dict)


_KEPT = _Vectors()


def alike(
    dataset: fo.Dataset,
    runs: Sequence[Run],
    run: Run,
    sample_id: str,
    label_path: str | None,
    label: str | None,
    n: int,
) -> list[dict[str, Any]]:
    """The n samples most like this one, the nearest first; of one class where a label is given.

    Args:
        runs: all runs of the dataset, oldest first.
        run: whose embeddings tell what is alike.

    Returns:
        dicts with "id", "path", "label" and "similarity"; fewer than n where nothing tells
    """
    near = _from_neighbors(dataset, runs, sample_id)
    found = _pictures(dataset, near, label_path, label)[:n]
    if len(found) == n:
        return found
    near = _from_vectors(dataset, run, sample_id, label_path, label, n)
    return _pictures(dataset, near, label_path, label)[:n] or found


def _from_neighbors(dataset: fo.Dataset, runs: Sequence[Run], sample_id: str) -> list[tuple[str, float]]:
    done = [run for run in runs if run.status == "done" and run.patches_field is None]
    made = [run for run in done if run.method == "find_neighbors"]
    for run in reversed(made):
        paths = [run.writes.get("ids", ""), run.writes.get("similarities", "")]
        if all(dataset.get_field(path) is not None for path in paths):
            ids, similarities = (values[0] for values in dataset.select(sample_id).values(paths))
            return list(zip(ids or [], similarities or [], strict=True))
    return []


def _from_vectors(
    dataset: fo.Dataset, run: Run, sample_id: str, label_path: str | None, label: str | None, n: int
) -> list[tuple[str, float]]:
    source = run.reads.get("embeddings") or {}
    path = source.get("field", "")
    if dataset.get_field(path) is None or (label is not None and label_path is None):
        return []
    _, own = _read(dataset, dataset.select(sample_id).view(), source)
    found = _vectors(dataset, source, label_path, label) if len(own) else None
    if found is None:
        return []
    ids, x = found
    similarities = x @ own[0]
    order = np.argsort(-similarities, kind="stable")[: n + SPARE + 1]
    return [(ids[row], float(similarities[row])) for row in order if ids[row] != sample_id]


def _vectors(
    dataset: fo.Dataset, source: Mapping[str, Any], label_path: str | None, label: str | None
) -> tuple[Sequence[str], Array] | None:
    """Ids and vectors of one class, or of all; from memory where they are still the same."""
    global _KEPT
    count = dataset.count()
    of = (str(dataset._doc.id), source["field"], source.get("made"), label_path, count)
    if of != _KEPT.of:
        _KEPT = _Vectors(of)
    if label not in _KEPT.read:
        if not 0 < count <= MOST_VECTORS:
            return None
        view = dataset.view() if label is None else dataset.match(F(label_path) == label)
        _KEPT.read[label] = _read(dataset, view, source)
    return _KEPT.read[label]


def _read(dataset: fo.Dataset, view: fo.DatasetView, source: Mapping[str, Any]) -> tuple[Sequence[str], Array]:
    """Ids and unit vectors of the samples that have one."""
    some = Rows(view.exists(source["field"]), None)
    if not len(some):
        return [], np.zeros((0, 1), np.float32)
    facts = get_run(dataset, source["run"]).facts if source.get("run") else {}
    x, _ = columns.read_vectors(some, source["field"], facts)
    return some.ids, x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _pictures(
    dataset: fo.Dataset, near: Sequence[tuple[str, float]], label_path: str | None, label: str | None
) -> list[dict[str, Any]]:
    if not near:
        return []
    columns = dataset.select([other for other, _ in near]).values(["id", "filepath", label_path or "id"])
    known = {other: (path, given if label_path else None) for other, path, given in zip(*columns, strict=True)}
    return [
        {"id": other, "path": known[other][0], "label": known[other][1], "similarity": float(similarity)}
        for other, similarity in near
        if other in known and (label is None or known[other][1] == label)
    ]
