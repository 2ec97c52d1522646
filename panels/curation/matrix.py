"""The matrix of given labels against the class that a run gives each sample; its cells show their samples.

Where the run estimated how many samples there are of each given and true class (the confident joint of Northcutt et al.
2021, doi:10.1613/jair.1.12125, eq. 1 to 3), these numbers are drawn in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ..shared import aggregations as reading
from ..shared.run_layout import Layout
from .payloads import MatrixData

MOST = 14  # classes that a panel's width can show

Cells = Mapping[tuple[str, str], int]


def matrix(view: fo.DatasetView, parts: Layout, joint: Mapping[str, Any] | None = None) -> MatrixData | None:
    """The matrix as the view draws it; None where the run names no classes, or none that were given.

    Args:
        joint: the run's estimate over all that it read: {"classes": names, "counts": rows given, columns true}.
    """
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
        "estimated": _estimated(joint, shown) if joint else None,
    }


def _estimated(joint: Mapping[str, Any], shown: Sequence[str]) -> list[list[float]]:
    """The joint's cells of these classes; 0 for a class that it does not hold."""
    at = {name: place for place, name in enumerate(joint["classes"])}
    counts = joint["counts"]
    return [[counts[at[row]][at[column]] if row in at and column in at else 0 for column in shown] for row in shown]


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
