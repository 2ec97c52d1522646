"""A line of a chart, as reports and panels draw it."""

from __future__ import annotations

from typing import TypedDict

from typing_extensions import NotRequired


class CurveLine(TypedDict):
    """Values over sizes; with intervals where it was measured on few.

    Attributes:
        dashed: whether it is only there to compare with, such as what chance gives.
        sizes: ascending.
        low, high: of the intervals, one of each per value.
    """

    name: str
    dashed: bool
    sizes: list[int]
    values: list[float]
    low: NotRequired[list[float]]
    high: NotRequired[list[float]]
