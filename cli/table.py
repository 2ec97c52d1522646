"""The table of a folder: a row per image, and the columns that methods wrote, named as their fields are in FiftyOne."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.base import columns as kinds
from ..core.base.arrays import Array
from ..core.base.cells import safe_cell
from ..core.base.files import new_file
from ..core.base.params import ParamError
from ..core.embeddings.parquet_files import pyarrow_modules
from .folder import ImageFolder
from .running import Ran

KINDS = (".parquet", ".csv", ".json")
TEXTS, NUMBERS = (list[str], kinds.Neighbors, kinds.Labels), (list[float], kinds.Point, kinds.Vector)


@dataclass(frozen=True)
class TableColumn:
    """A column of the table.

    Attributes:
        type: as `Column.type`.
        values: (n,), None for no value.
        said: what the values mean.
    """

    type: Any
    values: Sequence[Any]
    said: str


def table_of(folder: ImageFolder, ran: Sequence[Ran], vectors: bool = False) -> dict[str, TableColumn]:
    """Name → column: path, class and split of each image, and what the methods wrote.

    Args:
        vectors: with the vectors that images are compared by, as `embedding`.
    """
    layout = folder.layout
    found = {"path": TableColumn(str, folder.names, "The image, below the folder")}
    if any(layout.labels):
        found["label"] = TableColumn(str, layout.labels, "Class that the folder or metadata.csv says")
    if any(layout.splits):
        found["given_split"] = TableColumn(str, layout.splits, "Split that the folder or metadata.csv says")
    for one in ran:
        for name, values in one.columns.items():
            column = one.method.column(name)
            found[column.field(one.method.key)] = TableColumn(column.type, values, column.said)
    if vectors:
        said = "The image as a vector; similar images have similar vectors"
        found["embedding"] = TableColumn(kinds.Vector, folder.vectors(), said)
    return found


def check_kind(place: str, path: Path) -> None:
    """Refuse endings that no table has.

    Raises:
        ParamError: it has another one.
    """
    if path.suffix.lower() not in KINDS:
        raise ParamError(f"{place} must end in {', '.join(KINDS[:-1])} or {KINDS[-1]}; got {str(path)!r}")


def write_table(path: Path, table: Mapping[str, TableColumn]) -> None:
    """Write the table in the form that the file's ending names; it appears complete or not at all.

    Raises:
        ParamError: pyarrow is missing.
        OSError: it cannot be written.
    """
    write = {".parquet": _write_parquet, ".csv": _write_csv, ".json": _write_json}[path.suffix.lower()]
    with new_file(path) as part:
        write(part, table)


def _write_csv(path: Path, table: Mapping[str, TableColumn]) -> None:
    """Lists are JSON in their cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        for row in zip(*(column.values for column in table.values()), strict=True):
            writer.writerow(map(_cell, row))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return json.dumps(_listed(value), ensure_ascii=False) if _is_list(value) else safe_cell(value)


def _write_json(path: Path, table: Mapping[str, TableColumn]) -> None:
    """A list of objects, one a line."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, row in enumerate(zip(*(column.values for column in table.values()), strict=True)):
            plain = (_listed(value) if _is_list(value) else value for value in row)
            file.write(",\n" if number else "\n")
            file.write(json.dumps(dict(zip(table, plain, strict=True)), ensure_ascii=False))
        file.write("\n]\n")


def _write_parquet(path: Path, table: Mapping[str, TableColumn]) -> None:
    arrow, parquet = pyarrow_modules()
    simple = {bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
    fields, arrays = [], []
    for name, column in table.items():
        if column.type in TEXTS:
            kind = arrow.list_(arrow.string())
        elif column.type in NUMBERS:
            kind = arrow.list_(arrow.float32() if column.type is kinds.Vector else arrow.float64())
        else:
            kind = simple.get(column.type, arrow.string())
        fields.append(arrow.field(name, kind, metadata={"description": column.said}))
        arrays.append(arrow.array(column.values, kind))
    parquet.write_table(arrow.table(arrays, schema=arrow.schema(fields)), str(path))


def _is_list(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, "__iter__")


def _listed(value: Array | Sequence[Any]) -> list[Any]:
    return [one.item() if hasattr(one, "item") else one for one in value]
