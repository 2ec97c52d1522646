"""Cells that no spreadsheet takes for a formula."""

from __future__ import annotations

from typing import Any

import pytest
from image_curation.core.base.cells import safe_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@user", "'@user"),
        ("-rot", "'-rot"),
        ("+", "'+"),
        ("-1.5", "-1.5"),
        ("cat", "cat"),
        (-2, -2),
    ],
)
def test_safe_cell(value: Any, cell: Any) -> None:
    assert safe_cell(value) == cell
