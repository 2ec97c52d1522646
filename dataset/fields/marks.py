"""Which samples or objects a run points at, by the column that tells them (`Column.role`)."""

from __future__ import annotations

from typing import Any

from fiftyone import ViewField as F

from ...core.base.columns import Column


def wanted(column: Column) -> Any:
    """What the column holds of those to look at, in a query of the database."""
    if column.type is not bool:
        return {"$ne": None}
    return column.role in ("mark", "interest")


def expression(column: Column, path: str) -> Any:
    """The same as an expression on the value at `path`."""
    value = F(path)
    return value != None if column.type is not bool else value == wanted(column)  # noqa: E711
