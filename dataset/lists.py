"""Lists of samples as files that other tools read."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof

from ..core.method import Progress
from ..core.params import ParamError, Params, param
from .action import Action

DEFAULT_NAME = "images_to_exclude_from_training_{date:%Y_%m_%d}.txt"


@dataclass(frozen=True, kw_only=True)
class ExportListParams(Params):
    """Write the samples of the current view to a file: text (a path per line), CSV or JSON."""

    path: str = param(
        help="File to write, ending in .txt, .csv or .json; or a folder, for a dated text file", path="file"
    )
    fields: tuple[str, ...] = param((), "Fields to write beside the path (CSV and JSON)")
    overwrite: bool = param(False, "Replace a file that is there")


def export_list(samples: fo.DatasetView, params: ExportListParams, progress: Progress) -> dict[str, Any]:
    """Write the list; the file appears when it is complete."""
    path = Path(params.path).expanduser()
    if path.is_dir():
        path = path / DEFAULT_NAME.format(date=date.today())
    kind = path.suffix.lower()
    if kind not in (".txt", ".csv", ".json"):
        raise ParamError(
            f"ExportListParams.path must end in .txt, .csv or .json, or be a folder that exists; got {str(path)!r}"
        )
    if params.fields and kind == ".txt":
        raise ParamError(f"A .txt list holds paths only; write {', '.join(params.fields)} to a .csv or .json file")
    if path.exists() and not params.overwrite:
        raise ParamError(
            f"The file {str(path)!r} exists already; choose another name, or pass overwrite=True to replace it"
        )
    if not path.parent.is_dir():
        raise ParamError(f"The folder {str(path.parent)!r} does not exist; make it first, or choose another")
    columns = {"filepath": samples.values("filepath")}
    for name in params.fields:
        columns[name] = samples.values(_readable(samples._root_dataset, name))
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            _write(file, kind, list(columns), rows)
        part.replace(path)
    except OSError as error:
        raise ParamError(
            f"The file {str(path)!r} cannot be written: {error.strerror}; choose a place you may write to"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return {"headline": f"{len(rows):,} samples written to {path}", "path": str(path), "count": len(rows)}


def _readable(dataset: fo.Dataset, name: str) -> str:
    schema = dataset.get_field(name)
    if schema is None:
        raise ParamError(
            f"Dataset {dataset.name!r} has no field {name!r}; it has: {', '.join(dataset.get_field_schema())}"
        )
    if isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type is fo.Classification:
        return f"{name}.label"
    if isinstance(schema, (fof.StringField, fof.FloatField, fof.IntField, fof.BooleanField, fof.ObjectIdField)):
        return name
    if isinstance(schema, fof.ListField) and isinstance(schema.field, (fof.StringField, fof.FloatField)):
        return name
    raise ParamError(
        f"Field {name!r} holds {type(schema).__name__}, which a list cannot show; name labels, numbers or texts"
    )


def _write(file: Any, kind: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    if kind == ".txt":
        file.writelines(f"{row['filepath']}\n" for row in rows)
    elif kind == ".json":
        json.dump(rows, file, indent=1, ensure_ascii=False)
    else:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


ACTION = Action(
    name="export_list", label="Export list", stage="act", params=ExportListParams, run=export_list, risk="medium"
)
