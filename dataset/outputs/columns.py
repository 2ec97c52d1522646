"""Arrays to fields: a method's `Columns` become fields of the samples, or of their objects.

The fields are declared, then all of them are set in one bulk update, by id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import fiftyone.core.fields as fof
import numpy as np
from PIL import Image

from ...core.base import columns as kinds
from ...core.base.arrays import Array, Progress
from ...core.base.columns import Column, Columns, HeatmapValues, LabelValues
from ...core.base.method import Method
from ...core.base.params import ParamError
from ..fields import sidebar
from ..fields.rows import BATCH, Rows, attribute
from .similarity_index import register

MOST_INDEXES = 60  # MongoDB allows 64 per collection, and FiftyOne makes a few of its own


def write(
    dataset: fo.Dataset,
    method: Method,
    key: str,
    into: Rows,
    columns: Columns,
    progress: Progress,
    numbered: Mapping[str, Sequence[int | None]] | None = None,
) -> tuple[dict[str, str], int]:
    """Write a method's columns as fields of run `key`: of the samples, or of the labels that its rows are.

    All of them are written, or none if anything fails.

    Args:
        numbered: columns whose vectors are in a file: (n,) the row number that each has there, None for none.

    Returns:
        column → field path, and the number of rows that got a value of the first column
    """
    paths = {name: into.path(method.column(name).field(key)) for name in columns.values}
    _clear_place(dataset, key, list(paths.values()))
    numbered = numbered or {}
    rows = np.flatnonzero(columns.rows) if columns.rows is not None else np.arange(len(into))
    try:
        _declare(dataset, method, key, paths, numbered)
        n = _update(dataset, method, paths, into, columns, numbered, rows, progress)
        for name, path in paths.items():
            if _is_map(method.column(name), columns.values[name]):
                ids = [into.ids[int(row)] for row in rows]
                _register_map(dataset, key, path, into.field, ids, np.asarray(columns.values[name])[rows])
        if method.makes_vectors:
            register(dataset, key, paths[""], into.field, columns.facts, in_file="" in numbered)
        if into.field is None:  # the App lists a label's attributes under its label field by itself
            sidebar.add_group(dataset, key, [path for path in paths.values() if dataset.get_field(path) is not None])
    except BaseException:
        if key in dataset.list_brain_runs():
            dataset.delete_brain_run(key)
        declared = [path for path in paths.values() if dataset.get_field(path) is not None]
        if declared:
            dataset.delete_sample_fields(declared)
        raise
    return paths, n


def rewrite(
    dataset: fo.Dataset, method: Method, paths: Mapping[str, str], into: Rows, rows: Array, values: Any
) -> None:
    """Set fields of a run anew on some of its rows; what has no value any more is emptied.

    Args:
        paths: column → field.
        into: all rows.
        rows: the numbers of those to set.
        values: column → values of all rows.
    """
    plain = {
        path: _plain(method.column(name), values[name], into.ids, dataset.get_field(path))
        for name, path in paths.items()
    }
    alike: dict[str, tuple[dict[str, Any], list[int]]] = {}  # many rows get the same: those that leave their groups
    for row in rows.tolist():
        own = {path: of(row) for path, of in plain.items()}
        alike.setdefault(repr(own), (own, []))[1].append(row)
    now = {"last_modified_at": datetime.now(timezone.utc)}
    updates = [update for own, some in alike.values() for update in into.updates(some, {**own, **now})]
    for begin in range(0, len(updates), BATCH):
        dataset._bulk_write(updates[begin : begin + BATCH])


def _clear_place(dataset: fo.Dataset, key: str, paths: Sequence[str]) -> None:
    """Refuse fields that are there and not this run's; delete those that a run of this key died on writing."""
    there = {path: kind for path in paths if (kind := dataset.get_field(path)) is not None}
    for path, kind in there.items():
        if (kind.info or {}).get("run") != key and key not in dataset.list_brain_runs():
            raise ParamError(
                f"Field {path!r} exists already and is not this run's; choose another key or rename the field"
            )
    if key in dataset.list_brain_runs():
        dataset.delete_brain_run(key)
    left = [path for path in there if dataset.get_field(path) is not None]
    if left:
        dataset.delete_sample_fields(left)


def _declare(
    dataset: fo.Dataset, method: Method, key: str, paths: Mapping[str, str], numbered: Mapping[str, Any]
) -> None:
    for name, path in paths.items():
        column = method.column(name)
        ftype, options = _field_type(column) if name not in numbered else (fo.IntField, {})
        info = {"run": key, "column": name, "best": column.best}
        dataset.add_sample_field(path, ftype, description=column.said, info=info, **options)
        if len(dataset.list_indexes()) < MOST_INDEXES:
            if column.type in (kinds.Label, kinds.Labels):
                inner = "label" if column.type is kinds.Label else "classifications.label"
                dataset.create_index(f"{path}.{inner}")
            elif column.best or column.group or column.type is bool:
                dataset.create_index(path)


def _field_type(column: Column) -> tuple[type[fof.Field], dict[str, Any]]:
    simple: dict[Any, tuple[type[fof.Field], dict[str, Any]]] = {
        bool: (fo.BooleanField, {}),
        int: (fo.IntField, {}),
        float: (fo.FloatField, {}),
        str: (fo.StringField, {}),
        list[float]: (fo.ListField, {"subfield": fo.FloatField}),
        list[str]: (fo.ListField, {"subfield": fo.StringField}),
        kinds.Vector: (fo.VectorField, {}),
        kinds.Point: (fo.ListField, {"subfield": fo.FloatField}),
        kinds.Neighbors: (fo.ListField, {"subfield": fo.StringField}),
        kinds.Label: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Classification}),
        kinds.Labels: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Classifications}),
        kinds.Heatmap: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Heatmap}),
    }
    return simple[column.type]


def _update(
    dataset: fo.Dataset,
    method: Method,
    paths: Mapping[str, str],
    into: Rows,
    columns: Columns,
    numbered: Mapping[str, Sequence[int | None]],
    rows: Array,
    progress: Progress,
) -> int:
    plain: dict[str, Callable[[int], Any]] = {
        path: numbered[name].__getitem__
        if name in numbered
        else _plain(method.column(name), columns.values[name], into.ids, dataset.get_field(path))
        for name, path in paths.items()
    }
    first = next(iter(paths.values()), None)
    n = 0
    for begin in range(0, len(rows), BATCH):
        updates = []
        now = datetime.now(timezone.utc)
        for row in rows[begin : begin + BATCH]:
            values = {path: value for path, of in plain.items() if (value := of(int(row))) is not None}
            n += first is None or first in values
            if values:
                updates.append(into.update(int(row), {**values, "last_modified_at": now}))
        if updates:
            dataset._bulk_write(updates)
        progress(min(begin + BATCH, len(rows)), len(rows), "writing fields")
    return n


def _plain(column: Column, values: Any, ids: Sequence[str], schema: fof.Field) -> Callable[[int], Any]:
    """Row → the value as the database holds it, None for no value."""
    if column.type is kinds.Label:
        return lambda row: _classification(values, row)
    if column.type is kinds.Labels:
        return lambda row: _classifications(values, row)
    if column.type is kinds.Heatmap:
        return lambda row: _heatmap(values, row, ids[row])
    if column.type is kinds.Neighbors:
        return lambda row: [ids[other] for other in values[row] if other >= 0]
    if column.type is kinds.Vector:
        return lambda row: (
            schema.to_mongo(np.asarray(values[row], np.float32)) if np.isfinite(values[row]).all() else None
        )
    if column.type in (kinds.Point, list[float]):
        return lambda row: None if values[row] is None else [float(value) for value in values[row]]
    if column.type == list[str]:
        return lambda row: None if values[row] is None else [str(value) for value in values[row]]
    cast: Callable[[Any], Any] = column.type
    return lambda row: None if values[row] is None or values[row] != values[row] else cast(values[row])


def _classification(values: LabelValues, row: int) -> dict[str, Any] | None:
    code = int(values.codes[row])
    if code < 0:
        return None
    logits = values.logits[row] if values.logits is not None else None
    return dict(
        fo.Classification(label=values.classes[code], confidence=float(values.confidence[row]), logits=logits).to_dict()
    )


def _classifications(values: LabelValues, row: int) -> dict[str, Any]:
    given = [
        fo.Classification(label=values.classes[code], confidence=float(values.confidence[row, code]))
        for code in np.flatnonzero(values.codes[row])
    ]
    logits = values.logits[row] if values.logits is not None else None
    return dict(fo.Classifications(classifications=given, logits=logits).to_dict())


def _heatmap(values: HeatmapValues, row: int, sample_id: str) -> dict[str, Any] | None:
    """The map itself, or where its file lies."""
    if not values.known[row]:
        return None
    if values.folder is None:
        return dict(fo.Heatmap(map=values.maps[row]).to_dict())
    path = Path(values.folder) / f"{sample_id}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.maps[row]).save(path)
    return dict(fo.Heatmap(map_path=str(path)).to_dict())


def _is_map(column: Column, values: Any) -> bool:
    return column.type is kinds.Point and np.asarray(values).shape[1] == 2


def _register_map(
    dataset: fo.Dataset, key: str, path: str, patches_field: str | None, ids: Sequence[str], points: Array
) -> None:
    """Make the points known to the App's own Embeddings panel."""
    description, info = dataset.get_field(path).description, dataset.get_field(path).info
    dataset.delete_sample_field(path)  # the visualization makes the field itself, with its spatial index
    logger = logging.getLogger("fiftyone.brain")
    level = logger.level
    logger.setLevel(logging.WARNING)  # it would announce its index in the middle of our progress
    try:
        fob.compute_visualization(
            dataset,
            patches_field=patches_field,
            points=dict(zip(ids, points.astype(np.float64), strict=True)),
            brain_key=key,
            points_field=path if patches_field is None else attribute(dataset, patches_field, path),
            create_index=bool(np.ptp(points) > 0),  # MongoDB refuses to index a map that is a single point
            progress=False,
        )
    finally:
        logger.setLevel(level)
    made = dataset.get_field(path)
    made.description, made.info = description, info
    made.save()
