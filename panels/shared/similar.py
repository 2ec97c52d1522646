"""The samples or objects most like one, class by class: what a person compares a doubtful label with.

From a `find_neighbors` run where there is one; classes that it does not reach are filled from the vectors themselves,
which are read class by class as they are needed and kept in memory for the dataset reviewed last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array
from ...core.base.params import ParamError
from ...dataset.fields.rows import Rows, every
from ...dataset.inputs.sources import read_vectors
from ...dataset.runs.record import Run, get_run
from . import scope
from .patches import seen

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


@dataclass
class Similar:
    """What is most like one sample or object; what is the same for all classes is read once.

    Attributes:
        runs: all runs of the dataset, oldest first.
        run: whose embeddings tell what is alike.
        label_path: path of the classes.
    """

    dataset: fo.Dataset
    runs: Sequence[Run]
    run: Run
    sample_id: str
    label_path: str | None

    def of(self, label: str | None, n: int) -> list[dict[str, Any]]:
        """The n most like it, the nearest first; of one class where a label is given.

        Returns:
            dicts with "id", "path", "label" and "similarity"; fewer than n where nothing tells
        """
        found = self._pictures(self._from_neighbors, label)[:n]
        if len(found) == n:
            return found
        return self._pictures(self._from_vectors(label, n), label)[:n] or found

    @cached_property
    def _from_neighbors(self) -> list[tuple[str, float]]:
        return _from_neighbors(self.dataset, self.runs, self.run.patches_field, self.sample_id)

    @cached_property
    def _own(self) -> Array | None:
        """Its unit vector."""
        source = self.run.reads.get("embeddings") or {}
        if self.dataset.get_field(source.get("field", "")) is None:
            return None
        (image,) = scope.some(self.dataset, self.run.patches_field, [self.sample_id]).rows().images
        rows = Rows(every(self.dataset).select(image).view(), self.run.patches_field, [self.sample_id])
        _, own = unit_vectors(rows, source)
        return own[0] if len(own) else None

    @cached_property
    def _count(self) -> int:
        return scope.whole(self.dataset, self.run.patches_field).count()

    def _from_vectors(self, label: str | None, n: int) -> list[tuple[str, float]]:
        if self._own is None or (label is not None and self.label_path is None):
            return []
        source = self.run.reads["embeddings"]
        found = _vectors(self.dataset, self.run.patches_field, source, self.label_path, label, self._count)
        if found is None:
            return []
        ids, x = found
        similarities = x @ self._own
        order = np.argsort(-similarities, kind="stable")[: n + SPARE + 1]
        return [(ids[row], float(similarities[row])) for row in order if ids[row] != self.sample_id]

    def _pictures(self, near: Sequence[tuple[str, float]], label: str | None) -> list[dict[str, Any]]:
        if not near:
            return []
        return _pictures(self.dataset, self.run.patches_field, near, self.label_path, label)


def unit_vectors(rows: Rows, source: Mapping[str, Any]) -> tuple[Sequence[str], Array]:
    """Ids and unit vectors of the rows that have one.

    Args:
        source: as `find_vectors` tells it: "field", and "run" where one made them.
    """
    facts = get_run(rows.dataset, source["run"]).facts if source.get("run") else {}
    try:
        x, has = read_vectors(rows, source["field"], facts)
    except ParamError:  # none of these has one
        return [], np.zeros((0, 1), np.float32)
    ids = [one for one, there in zip(rows.ids, has, strict=True) if there]
    return ids, x[has] / np.maximum(np.linalg.norm(x[has], axis=1, keepdims=True), 1e-12)


def _from_neighbors(
    dataset: fo.Dataset, runs: Sequence[Run], field: str | None, sample_id: str
) -> list[tuple[str, float]]:
    done = [run for run in runs if run.status == "done" and run.patches_field == field]
    made = [run for run in done if run.method == "find_neighbors"]
    for run in reversed(made):
        paths = {name: run.writes.get(name, "") for name in ("ids", "similarities")}
        if all(dataset.get_field(path) is not None for path in paths.values()):
            own = {name: seen(run, path) for name, path in paths.items()}
            (row,) = scope.values(dataset, field, [sample_id], own)
            return list(zip(row["ids"] or [], row["similarities"] or [], strict=True))
    return []


def _vectors(
    dataset: fo.Dataset,
    field: str | None,
    source: Mapping[str, Any],
    label_path: str | None,
    label: str | None,
    count: int,
) -> tuple[Sequence[str], Array] | None:
    """Ids and vectors of one class, or of all; from memory where they are still the same.

    Args:
        count: samples or objects that there are.
    """
    global _KEPT
    of = (str(dataset._doc.id), source["field"], source.get("made"), label_path, count)
    if of != _KEPT.of:
        _KEPT = _Vectors(of)
    if label not in _KEPT.read:
        if not 0 < count <= MOST_VECTORS:
            return None
        place = scope.stored(dataset, field, label_path or "")
        view = every(dataset).view() if label is None else every(dataset).match({place: label})
        rows = Rows(view, field)
        if label is not None and field is not None:  # the other objects of these images are of other classes
            rows = rows.only(np.array([one == label for one in rows.values(place)], dtype=bool))
        _KEPT.read[label] = unit_vectors(rows, source)
    return _KEPT.read[label]


def _pictures(
    dataset: fo.Dataset,
    field: str | None,
    near: Sequence[tuple[str, float]],
    label_path: str | None,
    label: str | None,
) -> list[dict[str, Any]]:
    wanted = {"path": scope.picture(dataset, field), **({"label": label_path} if label_path else {})}
    close = dict(near)
    return [
        {"label": None, **row, "similarity": float(close[row["id"]])}
        for row in scope.values(dataset, field, list(close), wanted)
        if label is None or row["label"] == label
    ]
