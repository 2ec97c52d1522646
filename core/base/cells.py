"""Cells of tables that people open in spreadsheets."""

from __future__ import annotations

from typing import Any

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that spreadsheets calculate


def safe_cell(value: Any) -> Any:
    """A text as a cell of a CSV file that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in FORMULAS and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
