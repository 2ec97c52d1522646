"""What the Curation Map panel sends to its view. Arrays are base64 of their bytes."""

from __future__ import annotations

from typing import Literal, TypedDict

from ..shared.payloads import Advice, Fact

ClassValue = str | int | float | bool


class Hidden(TypedDict):
    """Tiles with points that are not drawn: their middles, and a byte of how many."""

    positions: str
    strengths: str


class Plot(TypedDict):
    """Points to draw: places are Uint16 shares of the map's side, `dims` to a point.

    Attributes:
        token: events about the place of a point in this choice of points bring it along.
    """

    token: str
    dims: Literal[2, 3]
    n: int
    positions: str
    hidden: Hidden | None


class MapName(TypedDict):
    """A map that can be chosen."""

    key: str
    label: str


class MapQuality(Fact):
    """How far the map can be trusted, and what that means."""

    help: str


class Ramp(TypedDict):
    """The ends of a ramp of numbers."""

    low: str
    high: str
    missing: str | None


class LegendRow(TypedDict):
    """A class with its color."""

    slot: int
    label: str
    value: ClassValue | None
    n: int | None


class LegendClass(TypedDict):
    """A class that can have a color of its own."""

    label: str
    value: ClassValue
    n: int
    on: bool


class ClassLegend(TypedDict):
    """The colors of classes.

    Attributes:
        classes: all, to choose those with a color of their own; empty where there is nothing to choose.
    """

    rows: list[LegendRow]
    classes: list[LegendClass]
    most: int


class OneColor(TypedDict):
    """All points have the same color."""

    kind: Literal["none"]
    path: str
    codes: None
    title: str
    said: str
    legend: None


class ByNumbers(TypedDict):
    """Points are colored by a number."""

    kind: Literal["numbers"]
    path: str
    codes: str
    title: str
    said: str
    legend: Ramp | None


class ByClasses(TypedDict):
    """Points are colored by class."""

    kind: Literal["classes"]
    path: str
    codes: str
    title: str
    said: str
    legend: ClassLegend


Coloring = OneColor | ByNumbers | ByClasses


class Sizing(TypedDict):
    """Points are sized by a number."""

    path: str
    title: str
    codes: str
    legend: Ramp | None


class MapField(TypedDict):
    """A field to color or size by.

    Attributes:
        title: the name where its group does not stand above it.
        sizes: whether it can size points too.
    """

    path: str
    label: str
    title: str
    group: str
    sizes: bool


class PointSample(TypedDict):
    """The sample of a point."""

    id: str
    path: str
    name: str
    label: str | None
    facts: list[Fact]
    decided: str | None


class MapSample(PointSample):
    """The same, with the place of its point."""

    index: int
    token: str


class Chosen(TypedDict):
    """What was chosen on the map.

    Attributes:
        corners: the shape that was drawn, on a map in the plane.
        value: or the class of the legend.
        fits: whether the grid can show them.
    """

    n: int
    text: str
    corners: list[tuple[float, float]] | None
    value: ClassValue | None
    fits: bool


class MapData(TypedDict, total=False):
    """All that the panel's view knows.

    Attributes:
        lit: a bit for each point that stands out; all do when there is none.
        pointed: the sample under the pointer.
        point: the one shown large.
    """

    advice: Advice | None
    maps: list[MapName]
    map: str
    plot: Plot | None
    drawn: str
    quality: list[MapQuality]
    stale: str | None
    narrowed: bool
    fields: list[MapField]
    color: Coloring | None
    size: Sizing | None
    lit: str | None
    scope: str
    chosen: Chosen | None
    in_grid: bool
    pointed: MapSample | None
    point: MapSample | None
    said: str | None
    undo: str | None
    stamp: str
