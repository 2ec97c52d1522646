"""The report on a subset as one HTML page: no script, nothing fetched, readable on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core.base.curves import CurveLine
from ...core.pages.rendering import rendered
from ..runs.record import Run

KINDS = {
    "missed": ("Missed", "The largest clusters without a sample in the subset."),
    "sparse": ("Sparse", "The clusters whose samples are least alike."),
    "dense": ("Dense", "The clusters whose samples are most alike."),
}


def page(dataset: str, reports: Sequence[Run], pictures: Mapping[str, str]) -> str:
    """The page.

    Args:
        dataset: its name.
        reports: the report, and another one to stand beside it, if any.
        pictures: id → data address of the pictures there are.
    """
    facts = reports[0].facts
    return rendered(
        "subset.html",
        title=f"{reports[0].params['subset']} in {dataset}",
        run=reports[0],
        facts={"classes": [], **facts},
        reports=reports,
        curves=list(_curves(facts.get("curve") or [], facts["measures"])),
        kinds=[(*KINDS[kind], facts["clusters"][kind]) for kind in KINDS],
        pictures=pictures,
    )


def _curves(
    points: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, list[CurveLine]]]:
    """Sentence and lines of each measure that every point knows; one point makes no curve."""
    for one in measures if len(points) > 1 else ():
        if all(one["name"] in point["subset"] for point in points):
            yield one["said"], [line_of(points, one["name"], which, which) for which in ("random", "subset")]


def line_of(points: Sequence[Mapping[str, Any]], measure: str, which: str, name: str) -> CurveLine:
    """A measure along the curve, of the subset or of random subsets; these with one standard deviation either way.

    Args:
        which: "subset" or "random".
        name: what the line is called.
    """
    values = [point[which][measure] for point in points]
    line: CurveLine = {
        "name": name,
        "dashed": which == "random",
        "sizes": [point["n"] for point in points],
        "values": values,
    }
    if which == "random" and all("spread" in point for point in points):  # earlier versions kept none
        spread = [point["spread"][measure] for point in points]
        line["low"] = [value - one for value, one in zip(values, spread, strict=True)]
        line["high"] = [value + one for value, one in zip(values, spread, strict=True)]
    return line
