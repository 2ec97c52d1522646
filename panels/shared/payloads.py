"""What panels send to their views, where several panels send it: the view's TypeScript types are written from these."""

from __future__ import annotations

from typing import Any, TypedDict

from typing_extensions import NotRequired

from ...core.base.curves import CurveLine


class Picture(TypedDict):
    """A picture with a line below it.

    Attributes:
        decided: what was decided about it, where pictures are reviewed side by side.
        begins: whether a section of similar pictures, or a group of copies, begins with it.
        given, suggested: two classes that differ, where a run suggests another than the given one.
    """

    id: str
    path: str
    caption: str
    note: NotRequired[str | None]
    decided: NotRequired[str | None]
    begins: NotRequired[bool]
    given: NotRequired[str | None]
    suggested: NotRequired[str | None]


class Small(TypedDict):
    """A picture without a word."""

    id: str
    path: str


class Action(TypedDict):
    """A button.

    Attributes:
        event: the panel's method that it calls.
    """

    label: str
    event: str
    params: NotRequired[dict[str, Any]]


class Advice(TypedDict):
    """A sentence on what to do where there is nothing to show yet, with the button that does it."""

    title: str
    text: str
    action: Action | None


class ScopeText(TypedDict):
    """Which samples the figures are about."""

    text: str
    narrowed: bool


class Showing(TypedDict):
    """What the panel shows in the grid: the sentence, and the part of the page that was clicked.

    Attributes:
        low, high: of a range of the histogram.
        last: the largest value inside it.
        label: the class that it is narrowed to.
        word: what one of the grid's items is.
    """

    text: str
    event: str
    column: NotRequired[str]
    value: NotRequired[str | int | float | bool | list[float] | None]
    low: NotRequired[float]
    high: NotRequired[float]
    last: NotRequired[float | None]
    label: NotRequired[str | None]
    word: NotRequired[str]


class Fact(TypedDict):
    """A line of a table."""

    label: str
    value: str


class CurveData(TypedDict):
    """A figure over the number of samples, for one or more things that are compared."""

    name: str
    title: str
    said: str
    lines: list[CurveLine]
