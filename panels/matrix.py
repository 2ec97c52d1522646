"""The matrix of given labels against the class that a run gives each sample; its cells show their samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo

from . import reading
from .layout import Layout

MOST = 14  # classes that a panel's width can show

Cells = Mapping[tuple[str, str], int]


def matrix(view: fo.DatasetView, parts: Layout) -> dict[str, Any] | None:
    """The matrix as the view draws it; None where the run names no classes, or none that were given."""
    if parts.labels is None or parts.label is None:
        return None
    cells = reading.crossed(view, parts.labels, parts.label.path)
    given, said = {first for first, _ in cells}, {second for _, second in cells}
    if not given & said:
        return None
    shown = most_mixed(cells, MOST)
    total = len(given | said)
    return {
        "title": f"Given label against {parts.label.title.lower()}",
        "said": "A row per given label, a column per class that the run says. What is off the diagonal differs.",
        "classes": shown,
        "cells": [[cells.get((row, column), 0) for column in shown] for row in shown],
        "row_title": "Given",
        "column_title": parts.label.title,
        "hidden": f"The {len(shown)} classes mixed up most, of {total:,}" if total > len(shown) else None,
    }


def most_mixed(cells: Cells, most: int) -> list[str]:
    """All classes in order of their names; of many, those with the most samples off the diagonal."""
    names = sorted({name for pair in cells for name in pair})
    if len(names) <= most:
        return names
    mixed = dict.fromkeys(names, 0)
    for (first, second), n in cells.items():
        if first != second:
            mixed[first] += n
            mixed[second] += n
    return sorted(sorted(names, key=lambda name: -mixed[name])[:most])
