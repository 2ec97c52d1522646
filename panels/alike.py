"""The samples most like one, class by class: what a person compares a doubtful label with.

From a `find_neighbors` run where there is one; classes that it does not reach are filled from the vectors themselves,
which this process keeps in memory for the dataset reviewed last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np

from ..core.method import Array
from ..dataset.runs import Run

MOST_VECTORS = 50_000  # rows kept in memory; above, only a find_neighbors run tells who is alike
SPARE = 8  # candidates beyond those wanted, some of which may have got another label since they were read


@dataclass
class _Vectors:
    """Unit vectors of one dataset and field, with the labels they had when they were read."""

    of: tuple[Any, ...] = ()
    ids: Sequence[str] = ()
    rows: dict[str, int] = field(default_factory=dict)
    x: Array = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    labels: Array = field(default_factory=lambda: np.zeros(0, object))


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
    vectors = _vectors(dataset, source, label_path) if dataset.get_field(source.get("field", "")) is not None else None
    if vectors is None or sample_id not in vectors.rows:
        return []
    own = vectors.rows[sample_id]
    rows = np.flatnonzero(vectors.labels == label) if label is not None else np.arange(len(vectors.x))
    rows = rows[rows != own]
    similarities = vectors.x[rows] @ vectors.x[own]
    order = np.argsort(-similarities, kind="stable")[: n + SPARE]
    return [(vectors.ids[int(rows[row])], float(similarities[row])) for row in order]


def _vectors(dataset: fo.Dataset, source: Mapping[str, Any], label_path: str | None) -> _Vectors | None:
    """The vectors of a field, from memory where they are still the same."""
    global _KEPT
    of = (str(dataset._doc.id), source["field"], source.get("made"), label_path, dataset.count())
    if of != _KEPT.of:
        if not 0 < dataset.count() <= MOST_VECTORS:
            return None
        columns = dataset.exists(source["field"]).values(["id", source["field"], label_path or "id"])
        ids, values, labels = columns
        x = np.array(values, dtype=np.float32)
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        rows = {other: row for row, other in enumerate(ids)}
        _KEPT = _Vectors(of, ids, rows, x, np.array(labels, dtype=object))
    return _KEPT


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
