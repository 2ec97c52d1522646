"""Importance against label quality: what is hard but right, and what is probably just wrong.

A sample that a model finds hard scores high in importance, and so does one with a wrong label. Beside the quality of
the label the two come apart: the first are worth keeping, the second are to be reviewed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from fiftyone import ViewField as F

from ...core.base.arrays import Array
from ...core.base.columns import Role
from ...dataset.runs.record import Run
from ..shared import aggregations as reading
from ..shared import wording
from ..shared.run_layout import path_of
from .payloads import QuadrantData

AXES: tuple[Role, Role] = ("quality", "importance")
ACROSS, UP = 30, 16  # cells
HARD = 0.2  # share of the samples that counts as hard: those of highest importance
DOUBTFUL = 0.5  # quality up to which a label is doubted, where its run flagged nothing


@dataclass(frozen=True)
class Quadrant:
    """One of the four.

    Attributes:
        hard, wrong: which one.
    """

    name: str
    title: str
    said: str
    hard: bool
    wrong: bool


QUADRANTS = (
    Quadrant("wrong", "Hard and probably wrong", "Review these first", hard=True, wrong=True),
    Quadrant("hard", "Hard but right", "Keep: a model learns most from these", hard=True, wrong=False),
    Quadrant("doubtful", "Easy, yet probably wrong", "Often plain slips", hard=False, wrong=True),
    Quadrant("easy", "Easy and right", "The bulk; the first to leave out of a subset", hard=False, wrong=False),
)


@dataclass(frozen=True)
class Axes:
    """The two runs that meet.

    Attributes:
        x: path of the label quality.
        y: path of the importance.
        wrong_to: quality up to which a label counts as probably wrong.
    """

    quality: Run
    importance: Run
    x: str
    y: str
    wrong_to: float

    def condition(self, quadrant: Quadrant, hard_from: float) -> Any:
        """The expression for the samples of a quadrant."""
        x, y = F(self.x), F(self.y)
        side = (x <= self.wrong_to) if quadrant.wrong else (x > self.wrong_to)
        half = (y >= hard_from) if quadrant.hard else (y < hard_from)
        return (x != None) & (y != None) & side & half  # noqa: E711


def axes(runs: Sequence[Run], fields: Collection[str], run: Run) -> Axes | None:
    """The axes for the page of a run that is one of them, with the newest run of the other; None for other pages."""
    found = []
    for role in AXES:
        done = [one for one in runs if (one.status, one.patches_field) == ("done", run.patches_field)]
        there = [(one, path) for one in done if (path := path_of(one, role, fields))]
        if not there:
            return None
        found.append(next((pair for pair in there if pair[0] == run), there[-1]))
    (quality, x), (importance, y) = found
    if run not in (quality, importance):
        return None
    wrong_to = quality.facts.get("threshold")
    return Axes(
        quality,
        importance,
        x,
        y,
        DOUBTFUL if wrong_to is None else float(wrong_to),
    )


def hard_from(points: Array) -> float:
    """The importance from which a sample counts as hard.

    Args:
        points: (n, 2) quality and importance, n at least 1.
    """
    ranked = np.sort(points[:, 1])[::-1]
    return float(ranked[int(HARD * len(ranked))])


def plot(points: Array, found: Axes) -> QuadrantData | None:
    """The plot as the view draws it; None where no sample has both scores.

    Args:
        points: (n, 2) quality and importance.
    """
    if not len(points):
        return None
    split = hard_from(points)
    across, up = (_bounds(points[:, axis], bins) for axis, bins in ((0, ACROSS), (1, UP)))
    cells = np.histogram2d(points[:, 1], points[:, 0], (up, across))[0].astype(int)
    wrong, hard = points[:, 0] <= found.wrong_to, points[:, 1] >= split
    counts = {one.name: int(((wrong == one.wrong) & (hard == one.hard)).sum()) for one in QUADRANTS}
    return {
        "title": "Hard, or wrong?",
        "said": f"Label quality ({found.quality.key}) across, importance ({found.importance.key}) up. Hard are the "
        f"{HARD:.0%} of highest importance, probably wrong the labels of quality up to "
        f"{wording.number(found.wrong_to)}.",
        "across": across,
        "up": up,
        "cells": cells.tolist(),
        "split": (found.wrong_to, split),
        "x_title": "Label quality",
        "y_title": "Importance",
        "quadrants": [
            {"name": one.name, "title": one.title, "said": one.said, "n": counts[one.name]} for one in QUADRANTS
        ],
    }


def _bounds(values: Array, bins: int) -> list[float]:
    """Bounds of cells that hold their lower bound, the last one both."""
    low, high = float(values.min()), float(values.max())
    if high > low:
        return reading.divided(low, high, bins)
    return [low, float(np.nextafter(low, np.inf))]
