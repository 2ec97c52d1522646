"""Lists of samples as files that other tools read and write."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof

from ...core.base.arrays import Progress
from ...core.base.cells import safe_cell
from ...core.base.params import ParamError, Params, param
from ...core.base.shared_params import WorkingSetParams
from ..decisions import decisions
from ..fields import working_set
from ..fields.rows import every, resolved, rows_of, shown_field
from ..fields.working_set import Choice
from ..storage.output_files import free_path, new_text
from . import save_slice as slices
from .action import Action, counted

DEFAULT_NAME = "images_to_exclude_from_training_{date:%Y_%m_%d}.txt"


@dataclass(frozen=True, kw_only=True)
class ExportListParams(WorkingSetParams):
    """Write the samples of the current view to a file: text (one path per line), CSV or JSON.

    In a grid of patches, or with a field of objects, CSV and JSON have one row per object with its id and label; text
    has the path of each image that has one. Excluded samples are left out, unless the target holds no others.
    """

    path: str | None = param(
        None,
        "File to write: .txt, .csv or .json; or a folder; empty: a dated text file in your home folder",
        path="file",
    )
    fields: tuple[str, ...] = param((), "Fields to write besides the path (CSV and JSON)")
    overwrite: bool = param(False, "Replace an existing file")


def export_list(samples: fo.DatasetView, params: ExportListParams, progress: Progress) -> dict[str, Any]:
    """Write the list; the file appears when it is complete."""
    given = Path.home() if params.path is None else params.path
    path = free_path("ExportListParams.path", given, (".txt", ".csv", ".json"), params.overwrite, default_name())
    kind = path.suffix.lower()
    if params.fields and kind == ".txt":
        raise ParamError(f"A .txt list holds paths only; write {', '.join(params.fields)} to a .csv or .json file")
    what, columns, working = _columns(samples, params)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if kind == ".txt" and what == "object":
        rows, what = [{"filepath": path} for path in dict.fromkeys(columns["filepath"])], "sample"
    with new_text(path) as file:
        _write(file, kind, list(columns), rows)
    said = f" ({working})" if working else ""
    return {"headline": f"{counted(len(rows), what)} written to {path}{said}", "path": str(path), "count": len(rows)}


def _columns(samples: fo.DatasetView, params: ExportListParams) -> tuple[str, dict[str, Any], str]:
    """What a row is, column → one value per row, and what of the working set they are."""
    dataset, choice = samples._root_dataset, Choice(params.include_excluded, params.given_labels)
    found = {name: resolved(dataset, name) for name in params.fields}
    abouts = dict.fromkeys(field for _, field in found.values() if field is not None)
    if len(abouts) > 1:
        raise ParamError(f"The fields of a list must be about the same objects; got those of {' and '.join(abouts)}")
    about = next(iter(abouts), None) or shown_field(samples)
    every = rows_of(samples, about)
    used = working_set.in_use(every)
    rows = every if params.include_excluded or not used.any() else every.only(used)
    columns = {"filepath": rows.values("filepath")}
    paths = {name: _readable(dataset, path) for name, (path, _) in found.items()}
    if about is not None:
        columns |= {"object": list(rows.ids)}
        paths = {"label": rows.path("label"), **paths}
    corrected = 0
    for name, path in paths.items():
        columns[name], changed = working_set.labels(rows, path, choice)
        corrected += changed
    return rows.word, columns, working_set.sentence(rows.word, len(rows), len(every), corrected)


def default_name() -> str:
    """What a list is called unless the user says otherwise."""
    return DEFAULT_NAME.format(date=date.today())


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
        writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)


@dataclass(frozen=True, kw_only=True)
class ImportListParams(Params):
    """Exclude, keep or save as a slice the samples listed in a file, such as `export_list` writes."""

    path: str = param(
        help="File to read: .txt with one path per line, or .csv or .json with a column filepath", path="file"
    )
    use: str = param("exclude", "What to do with the listed samples", among=("exclude", "keep", "slice"))
    reason: str | None = param(None, "Why they are excluded; empty: the file's name")
    name: str | None = param(None, "Name of the slice; empty: the file's name")


def import_list(samples: fo.DatasetView, params: ImportListParams, progress: Progress) -> dict[str, Any]:
    """Find the listed samples in the target, and do with them what is asked."""
    path = Path(params.path).expanduser()
    wanted = _listed(path)
    here = dict(zip(samples.values("filepath"), samples.values("id"), strict=True))
    by_name = {place: str((path.parent / place).resolve()) for place in wanted}  # lists travel with their images
    ids = [here.get(place) or here.get(absolute) for place, absolute in by_name.items()]
    missing = [place for place, sample_id in zip(by_name, ids, strict=True) if sample_id is None]
    found = every(samples._root_dataset).select([sample_id for sample_id in ids if sample_id is not None])
    if len(missing) == len(wanted):
        raise ParamError(
            f"None of the {len(wanted):,} paths in {str(path)!r} belongs to a sample here; the first is {wanted[0]!r}"
        )
    if params.use == "slice":
        name = params.name or path.stem
        said = slices.save_slice(found, slices.SaveSliceParams(name=name), progress)["headline"]
    elif params.use == "keep":
        said = f"{counted(len(decisions.keep(found).ids), 'sample')} kept"
    else:
        made = decisions.exclude(found, params.reason or path.name)
        said = f"{counted(len(made.ids), 'sample')} excluded"
    unknown = f"; no sample here has {counted(len(missing), 'path')} of it, such as {missing[0]!r}" if missing else ""
    return {"headline": said + unknown, "count": len(wanted) - len(missing), "unknown": missing[:100]}


def _listed(path: Path) -> list[str]:
    """The paths in a list, each once."""
    kind = path.suffix.lower()
    if kind not in (".txt", ".csv", ".json"):
        raise ParamError(f"ImportListParams.path must end in .txt, .csv or .json; got {str(path)!r}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ParamError(f"The file {str(path)!r} cannot be read: {why}; name another") from None
    try:
        if kind == ".txt":
            rows: list[Any] = text.splitlines()
        elif kind == ".csv":
            rows = [row["filepath"] for row in csv.DictReader(text.splitlines())]
        else:
            rows = [row["filepath"] if isinstance(row, dict) else row for row in json.loads(text)]
    except (KeyError, TypeError, ValueError):
        raise ParamError(
            f"The file {str(path)!r} is no list with a column 'filepath'; export_list writes such lists"
        ) from None
    found = list(dict.fromkeys(row.strip() for row in rows if isinstance(row, str) and row.strip()))
    if not found:
        raise ParamError(f"The file {str(path)!r} lists no path; name another")
    return found


ACTION = Action(
    name="export_list", label="Export list", stage="act", params=ExportListParams, run=export_list, risk="medium"
)
IMPORT_ACTION = Action(
    name="import_list", label="Import list", stage="act", params=ImportListParams, run=import_list, risk="medium"
)
