"""Arrays to fields: how a method's `Columns` are declared as fields, and what stands in them row by row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np
from PIL import Image

from ...core.base import columns as kinds
from ...core.base.arrays import Array
from ...core.base.columns import Column, Columns, HeatmapValues, LabelValues, OfLabels
from ...core.base.method import Method
from ...core.base.params import ParamError
from ..fields.declarations import declare_fields
from ..fields.fiftyone_compat import delete_fields, has_brain_run
from ..fields.names import check_fields
from ..fields.rows import Rows, list_of

MOST_INDEXES = 60  # MongoDB allows 64 per collection, and FiftyOne makes a few of its own

Values = Mapping[str, Any]


def places(method: Method, key: str, into: Rows, names: Collection[str]) -> dict[str, str]:
    """Column → field path, of a run's columns; of `<column>:<field>` the attribute of the labels in that field."""
    found = {}
    for name in names:
        own, field = method.column(name).field(key), name.partition(":")[2]
        found[name] = f"{list_of(into.dataset, field)}.{own}" if field else into.path(own)
    return found


def lists_in(dataset: fo.Dataset, names: Collection[str]) -> dict[str, str]:
    """Field → path of its list of labels, of the fields whose labels some columns are about."""
    fields = dict.fromkeys(field for name in names if (field := name.partition(":")[2]))
    return {field: root for field in fields if (root := list_of(dataset, field)) is not None}


def check_places(dataset: fo.Dataset, key: str, into: Rows, paths: Collection[str]) -> None:
    """Refuse fields that are there and not this run's, and names that FiftyOne could not read.

    Raises:
        ParamError: names the first.
    """
    for path in paths:
        labels = path.split(".")[0] if "." in path and into.field is None else into.field
        check_fields(dataset, [path.rpartition(".")[2]], labels)
    for path in paths:
        kind = dataset.get_field(path)
        if kind is not None and (kind.info or {}).get("run") != key and not has_brain_run(dataset, key):
            raise ParamError(
                f"Field {path!r} exists already and is not this run's; choose another key or rename the field"
            )


def values_of(
    method: Method,
    paths: Mapping[str, str],
    into: Rows,
    columns: Columns,
    rows: Array,
    numbered: Mapping[str, Sequence[int | None]],
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row → its values, path → value as the database holds it; rows without any are left out.

    Args:
        rows: numbers of those wanted.
        numbered: columns whose vectors are in a file: (n,) the row number that each has there, None for none.
    """
    plain = {
        path: numbered[name].__getitem__
        if name in numbered
        else _plain(method.column(name), columns.values[name], into)
        for name, path in paths.items()
        if ":" not in name
    }
    for row in rows.tolist():
        yield row, {path: value for path, of in plain.items() if (value := of(row)) is not None}


def of_labels(
    method: Method, paths: Mapping[str, str], into: Rows, columns: Columns
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Sample, label, and the label's values, attribute → value; of labels that have any."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, path in paths.items():
        if ":" in name:
            given: OfLabels = columns.values[name]
            value_of = _plain(method.column(name), given.values, into)
            for number, (row, label) in enumerate(zip(given.rows.tolist(), given.ids, strict=True)):
                if (value := value_of(number)) is not None:
                    found.setdefault((into.images[row], label), {})[path.rpartition(".")[2]] = value
    for (image, label), values in found.items():
        yield image, label, values


def declare(
    dataset: fo.Dataset, method: Method, key: str, paths: Mapping[str, str], numbered: Collection[str] = ()
) -> None:
    """Declare a run's fields, and make sure that the database knows all of them. Call under the dataset's lock.

    Args:
        paths: column → field path.
        numbered: columns whose fields hold row numbers.
    """
    wanted = {path: declaration(method.column(name), key, name in numbered) for name, path in paths.items()}
    there = {path: schema for path in wanted if (schema := dataset.get_field(path)) is not None}
    delete_fields(dataset, [path for path, schema in there.items() if not _holds(schema, wanted[path])])
    for path, schema in there.items():
        _describe(schema, wanted[path])
    declare_fields(dataset, wanted)
    indexed = set(dataset.list_indexes())
    for name, path in paths.items():
        _index(dataset, path, method.column(name), indexed)


def _index(dataset: fo.Dataset, path: str, column: Column, there: set[str]) -> None:
    if column.type in (kinds.Label, kinds.Labels):
        path = f"{path}.{'label' if column.type is kinds.Label else 'classifications.label'}"
    elif not (column.best or column.group or column.type is bool):
        return
    if path not in there and len(there) < MOST_INDEXES:
        there.add(dataset.create_index(path))


def declaration(column: Column, key: str, numbered: bool) -> dict[str, Any]:
    """What `add_sample_field` takes for a run's column, or for its row numbers in a file."""
    ftype, options = (fo.IntField, {}) if numbered else _field_type(column)
    info = {"run": key, "column": column.name, "best": column.best}
    return {"ftype": ftype, "description": column.said, "info": info, **options}


def _holds(there: fof.Field, wanted: Mapping[str, Any]) -> bool:
    """Whether a field can hold what is wanted."""
    inner = type(there.field) if isinstance(there, fof.ListField) else None
    document = there.document_type if isinstance(there, fof.EmbeddedDocumentField) else None
    same = inner is wanted.get("subfield") and document is wanted.get("embedded_doc_type")
    return bool(same and type(there) is wanted["ftype"])


def _describe(there: fof.Field, wanted: Mapping[str, Any]) -> None:
    """Let a field that stays say what it holds now."""
    if _holds(there, wanted) and (there.description, dict(there.info or {})) != (wanted["description"], wanted["info"]):
        there.description, there.info = wanted["description"], wanted["info"]
        there.save()


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


def _plain(column: Column, values: Any, into: Rows) -> Callable[[int], Any]:
    """Row → the value as the database holds it, None for no value."""
    ids, vector = into.ids, fo.VectorField()
    if column.type is kinds.Label:
        return lambda row: _classification(values, row)
    if column.type is kinds.Labels:
        return lambda row: _classifications(values, row)
    if column.type is kinds.Heatmap:
        return lambda row: _heatmap(values, row, ids[row])
    if column.type is kinds.Vector:
        return lambda row: (
            vector.to_mongo(np.asarray(values[row], np.float32)) if np.isfinite(values[row]).all() else None
        )
    return column.plain(values, ids)


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


def is_points(column: Column) -> bool:
    """Whether a column holds places on a map."""
    return column.type is kinds.Point
