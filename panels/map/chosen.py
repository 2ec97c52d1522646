"""What a person has chosen on the map: the samples inside a shape drawn on it, or those of a class of its legend.

A choice is kept as what was drawn, not as a list of samples: it is small, it survives a reload, and it takes the
samples that are not drawn as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone.core.stages as fos
import numpy as np

from ...core.base.params import ParamError
from ...core.maps.tiles import inside, projected
from .points import MapPoints

CORNERS = 400  # of a lasso; the view sends fewer
LISTED = 10_000  # samples that the grid takes as a list: the App sends its view along with every event
LARGEST = 400_000  # samples that the database takes as a list

Choice = Mapping[str, Any]


def shape(points: MapPoints, corners: Sequence[Sequence[float]], matrix: Sequence[float] | None) -> Choice:
    """A shape as the view sends it, checked and made small.

    Args:
        corners: x, y of each: shares of the map's side, or in space places on the screen in [-1, 1].
        matrix: in space, the 16 numbers that took places to the screen when it was drawn, row by row.

    Raises:
        ParamError: fewer than three corners, or numbers that are none.
    """
    if any(len(corner) != 2 for corner in corners):
        raise ParamError("A corner of a shape on the map is two numbers, x and y; draw around some points")
    drawn = np.array(corners, dtype=np.float64).reshape(-1, 2)
    if not 3 <= len(drawn) <= CORNERS or not np.isfinite(drawn).all():
        raise ParamError(f"A shape on the map has 3 to {CORNERS} corners; got {len(drawn)}: draw around some points")
    choice: dict[str, Any] = {"run": points.key, "corners": [[round(x, 5), round(y, 5)] for x, y in drawn.tolist()]}
    if points.dims == 3:
        eye = np.array(matrix or [], dtype=np.float64)
        if len(eye) != 16 or not np.isfinite(eye).all():
            raise ParamError(f"A shape on a map in space comes with the 16 numbers of its camera; got {len(eye)}")
        choice["matrix"] = [round(number, 6) for number in eye.tolist()]
    return choice


def of_class(path: str, value: Any) -> Choice:
    """The samples of a class."""
    return {"path": path, "value": value}


def stage(points: MapPoints, choice: Choice) -> fos.ViewStage:
    """The condition that a choice puts on a view.

    Raises:
        ParamError: in space, more samples than a list may hold.
    """
    if "path" in choice:
        return fos.Match({choice["path"]: {"$eq": choice["value"]}})  # of a list, any of its values
    corners = np.array(choice["corners"], dtype=np.float64)
    if points.dims == 2:
        polygon = [[float(x), float(y)] for x, y in points.frame.units(corners)]
        return fos.Match({points.path: {"$geoWithin": {"$polygon": polygon}}})
    matrix = np.array(choice["matrix"], dtype=np.float64).reshape(4, 4)
    rows = np.flatnonzero(inside(projected(points.unit, matrix), corners))
    if len(rows) > LARGEST:
        raise ParamError(
            f"{len(rows):,} samples lie inside; on a map in space at most {LARGEST:,} can be chosen at once"
        )
    return fos.Select(points.ids_of(rows))


def fits_grid(choice: Choice, n: int) -> bool:
    """Whether the App's grid can be narrowed to a choice of n samples."""
    return "matrix" not in choice or n <= LISTED


def said(choice: Choice, name: str | None) -> str:
    """What was chosen, in words.

    Args:
        name: of the field that the class is of.
    """
    return f"{name}: {choice['value']}" if "path" in choice else "drawn on the map"
