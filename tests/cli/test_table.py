"""The table of a folder says the same in every form."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from image_curation.cli.check import Checked
from image_curation.cli.table import table_of, write_table


def test_table__the_same_in_every_form(checked: Checked, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = table_of(checked.folder, checked.ran)
    for kind in ("json", "csv", "parquet"):
        write_table(tmp_path / f"table.{kind}", table)
    rows = json.loads((tmp_path / "table.json").read_text())
    assert len(rows) == 35
    assert parquet.read_table(tmp_path / "table.parquet").to_pylist() == rows
    with (tmp_path / "table.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert [{name: cell_of(value) for name, value in row.items()} for row in rows] == cells
    leak = next(row for row in rows if row["path"] == "test/red/leak.png")
    assert (leak["label"], leak["given_split"], leak["leaks_is_leak"]) == ("red", "test", True)
    assert leak["leaks_leak_of"] == ["train/red/0.png"]
    broken = next(row for row in rows if row["path"] == "train/red/broken.png")
    assert broken["outliers_score"] is None
    assert broken["quality_issues"] == ["unreadable"]
    kept = parquet.read_schema(tmp_path / "table.parquet").field("quality_blurry")
    assert b"Sharpness" in kept.metadata[b"description"]


def cell_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)
