"""Repairs a dataset whose samples hold values that no field declares: they cannot be read until it is done.

Two programs that declare fields at the same moment lose some of them (FiftyOne 1.22). Curator's own runs do not any
more; this mends what was lost before, or by others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.odm as foo

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ..fields.declarations import declare_fields
from ..fields.fiftyone_compat import reload, samples_collection
from ..fields.one_writer import one_writer
from ..outputs import columns
from ..runs.record import Run, list_runs
from .action import Action, counted

LABELS = {kind.__name__: kind for kind in (fo.Classification, fo.Classifications, fo.Detections, fo.Polylines)}


@dataclass(frozen=True, kw_only=True)
class RepairDatasetParams(Params):
    """Declare again the fields of values that are there and cannot be read. No value is changed."""

    confirm: bool = param(False, "Yes, declare these fields")


def repair_dataset(samples: fo.DatasetView, params: RepairDatasetParams, progress: Progress) -> dict[str, Any]:
    """Repair what was confirmed."""
    dataset = samples._root_dataset
    with one_writer(dataset):
        lost = undeclared_values(dataset)
        if lost and not params.confirm:
            raise ParamError(f"{_said(lost)} Pass confirm=True to do it")
        known = _by_runs(dataset)
        wanted = {path: known.get(path) or _shown(dataset, path) for path in lost}
        left = sorted(path for path, one in wanted.items() if one is None)
        declare_fields(dataset, {path: one for path, one in wanted.items() if one is not None})
        reload(dataset)
    fields = sorted(set(lost) - set(left))
    headline = f"{counted(len(fields), 'field')} declared again" if fields else "Nothing to repair"
    if left:
        headline += f"; what these hold is not known: {', '.join(left)}"
    return {"headline": headline, "fields": fields, "left": left}


def undeclared_values(dataset: fo.Dataset) -> dict[str, int]:
    """Field → number of samples that have a value in it, of the fields that are not declared."""
    stages: list[dict[str, Any]] = [
        {"$project": {"pairs": {"$objectToArray": "$$ROOT"}}},
        {"$unwind": "$pairs"},
        {"$group": {"_id": "$pairs.k", "count": {"$sum": {"$cond": [{"$gt": ["$pairs.v", None]}, 1, 0]}}}},
    ]
    reload(dataset)
    known = {schema.db_field or name for name, schema in dataset._sample_doc_cls._fields.items()}
    found = samples_collection(dataset).aggregate(stages, allowDiskUse=True)
    return {one["_id"]: one["count"] for one in found if one["_id"] not in known and not one["_id"].startswith("_")}


def _by_runs(dataset: fo.Dataset) -> dict[str, dict[str, Any]]:
    """Path → declaration, of all that Curator's runs wrote."""
    found: dict[str, dict[str, Any]] = {}
    for run in list_runs(dataset):
        found |= {path: _of_run(run, column) for column, path in run.writes.items() if run.declaration is not None}
    return found


def _of_run(run: Run, column: str) -> dict[str, Any]:
    assert run.declaration is not None
    in_file = column == "" and "stored" in run.facts
    return columns.declaration(run.declaration.column(column), run.key, in_file)


def _shown(dataset: fo.Dataset, path: str) -> dict[str, Any] | None:
    """What a field's values show it to be; None where they do not."""
    one = samples_collection(dataset).find_one({path: {"$ne": None}}, {path: True})
    value = (one or {}).get(path)
    if isinstance(value, Mapping):
        kind = LABELS.get(str(value.get("_cls")))
        return None if kind is None else {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": kind}
    if isinstance(value, bytes):
        return {"ftype": fo.VectorField}
    try:
        options = foo.get_implied_field_kwargs(value)
    except (TypeError, ValueError):
        return None
    kind = options.pop("ftype")
    return {"ftype": kind, **{name: one for name, one in options.items() if one}} if kind is not fof.Field else None


def _said(lost: Mapping[str, int]) -> str:
    fields = ", ".join(f"{path!r} ({counted(count, 'sample')})" for path, count in sorted(lost.items()))
    return f"{counted(len(lost), 'field')} with values and without a declaration would be declared again: {fields}."


def _loss(dataset: fo.Dataset, given: Mapping[str, Any]) -> str | None:
    lost = undeclared_values(dataset)
    return _said(lost) if lost else "Every value on this dataset has its field; there is nothing to repair."


ACTION = Action(
    name="repair_dataset",
    label="Repair dataset",
    stage="runs",
    params=RepairDatasetParams,
    run=repair_dataset,
    risk="high",
    warning=_loss,
)
