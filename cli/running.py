"""Runs a method on a folder, and keeps what it wrote as columns of one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.base import columns as kinds
from ..core.base.arrays import Array, Progress
from ..core.base.columns import Column, Columns
from ..core.base.method import Method
from ..core.base.params import Params
from .folder import EMBEDDINGS, ImageFolder


@dataclass(frozen=True)
class Ran:
    """A method that ran on a folder.

    Attributes:
        method: what ran.
        params: its parameters.
        columns: name → (n,) values, plain Python ones; None for no value.
        facts: as the method gives them.
        skipped: reason → images that were left out.
    """

    method: Method
    params: Params
    columns: Mapping[str, Sequence[Any]]
    facts: Mapping[str, Any]
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The sentence that says what came out."""
        return str(self.facts.get("headline") or f"{self.method.label}: done")

    @property
    def marking(self) -> Sequence[Any] | None:
        """(n,) values of the column that tells the rows to look at; None where the method finds nothing wrong."""
        column = self.method.marking
        if column is None or self.method.finding is None:
            return None
        return self.columns.get(column.name)

    def marked(self) -> list[int]:
        """The rows to look at, by the method's marking column."""
        column, values = self.method.marking, self.marking
        if column is None or values is None:
            return []
        wanted = column.role in ("mark", "interest") if column.type is bool else None
        return [row for row, value in enumerate(values) if value is not None and wanted in (value, None)]

    def with_role(self, *wanted: str) -> list[tuple[Column, Sequence[Any]]]:
        """The columns of these roles that were written."""
        return [
            (column, self.columns[column.name])
            for column in self.method.writes
            if column.role in wanted and column.name in self.columns
        ]


def run_method(folder: ImageFolder, method: Method, params: Params, progress: Progress) -> Ran:
    """Run a method on the images that it can read; vectors that it makes are what later methods compare by.

    Raises:
        ParamError: a parameter, or the images cannot be used.
    """
    rows, inputs = folder.inputs(method, params)
    made = method.run(inputs, params, progress)
    if method.makes_vectors:
        vectors = np.full((len(folder), made.values[""].shape[1]), np.nan, np.float32)
        vectors[rows] = made.values[""]
        folder.take(vectors, {**params.to_dict(), **made.facts, "key": EMBEDDINGS, "method": method.name})
    skipped = {"no vector": len(folder) - len(rows)} if len(rows) < len(folder) else {}
    return Ran(method, params, _columns(method, made, rows, folder.names), made.facts, skipped)


def _columns(method: Method, made: Columns, rows: Array, names: Sequence[str]) -> dict[str, list[Any]]:
    """Column → (n,) plain values; vectors stay with the folder.

    Args:
        rows: (m,) the rows that the method read.
        names: (n,) of all images.
    """
    found = {}
    for name, values in made.values.items():
        column = method.column(name)
        if column.type is kinds.Vector or column.on_labels:
            continue
        plain = _plain(column, values, [names[row] for row in rows])
        own: list[Any] = [None] * len(names)
        for at, row in enumerate(rows.tolist()):
            if made.rows is None or made.rows[at]:
                own[row] = plain(at)
        found[name] = own
    return found


def _plain(column: Column, values: Any, names: Sequence[str]) -> Callable[[int], Any]:
    """Row → its value in plain Python, None for no value."""
    if column.type is kinds.Label:
        return lambda row: values.classes[values.codes[row]] if values.codes[row] >= 0 else None
    if column.type is kinds.Labels:
        return lambda row: [values.classes[code] for code in np.flatnonzero(values.codes[row])]
    return column.plain(values, names)
