"""A map's points as the panel draws them: read once, chosen by tiles, and kept in memory for the events that follow."""

from __future__ import annotations

import base64
import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId

from ...core.base.arrays import Array
from ...core.maps.tiles import Choice, Frame, choose, shade
from ...dataset.runs.record import Run
from ..shared.patches import map_path, seen
from ..shared.scope import Scope, whole
from . import colors as map_colors
from .payloads import Hidden, Plot

MOST = 20_000  # points drawn at once
KEPT = 3  # maps in memory
FULL = 65_535  # the far end of an axis, as it is sent

_KEPT: dict[tuple[str, str], MapPoints] = {}


@dataclass(frozen=True)
class MapPoints:
    """A map of n samples.

    Attributes:
        key: of the run.
        made: when the run ended.
        field: of the objects that it is a map of; None for samples.
        path: what holds the points in a document of theirs.
        frame: the square or cube around them.
        unit: (n, dims) float32, shares of its side.
        ids: (n,) raw sample ids, 12 bytes each.
        rows: (m,) those that are drawn.
        drawn: their sample ids, in the same order.
        token: tells one choice of points from another; events about the place of a point in it bring it along.
    """

    key: str
    made: str | None
    field: str | None
    path: str
    frame: Frame
    unit: Array
    ids: Array
    rows: Array
    drawn: Sequence[ObjectId]
    token: str

    @property
    def dims(self) -> int:
        """2 for a plane, 3 for space."""
        return int(self.unit.shape[1])

    @property
    def all_drawn(self) -> bool:
        """Whether no point is left out."""
        return len(self.rows) == len(self.ids)

    def ids_of(self, rows: Array) -> list[str]:
        """Sample ids of some rows."""
        return [bytes(self.ids[row]).hex() for row in rows]


def map_runs(dataset: fo.Dataset, runs: Sequence[Run]) -> list[Run]:
    """The finished runs that made a map whose points are still there, the newest first."""
    done = [(run, map_path(run)) for run in reversed(runs) if run.status == "done"]
    return [run for run, path in done if path is not None and dataset.get_field(path) is not None]


def read(run: Run, first: Scope) -> MapPoints | None:
    """The points of a run as they are now; None where no sample has one.

    Args:
        first: of too many points, those of these are drawn first.
    """
    dataset, path = first.dataset, map_path(run)
    assert path is not None  # `map_runs` leaves out the others
    path = seen(run, path)
    stages: list[dict[str, Any]] = [{"$match": {f"{path}.0": {"$exists": True}}}, {"$project": {"at": f"${path}"}}]
    with _uncollected():
        rows = list(whole(dataset, run.patches_field).aggregate(stages))
        ids = [row["_id"] for row in rows]
        points = np.array([row["at"] for row in rows], dtype=np.float32)
    if not ids:
        return None
    frame = Frame.of(points)
    unit = frame.unit(points).astype(np.float32)
    preferred = None
    if len(ids) > MOST and not first.is_whole:
        members = set(first.ids())
        preferred = np.array([one in members for one in ids])
    choice: Choice = choose(unit.astype(np.float64), MOST, preferred)
    drawn = ids if len(choice.rows) == len(ids) else [ids[row] for row in choice.rows]
    raw = np.frombuffer(b"".join(sample_id.binary for sample_id in ids), dtype="V12")
    token = hashlib.sha256(raw[choice.rows].tobytes() + str((run.key, run.finished)).encode()).hexdigest()[:12]
    made = MapPoints(run.key, run.finished, run.patches_field, path, frame, unit, raw, choice.rows, drawn, token)
    _KEPT.pop((str(dataset._doc.id), run.key), None)
    _KEPT[str(dataset._doc.id), run.key] = made
    for old in list(_KEPT)[:-KEPT]:
        del _KEPT[old]
    return made


def kept(dataset: fo.Dataset, key: str | None) -> MapPoints | None:
    """The points of a run as they were read last in this process."""
    return _KEPT.get((str(dataset._doc.id), key or ""))


def plot(points: MapPoints) -> Plot:
    """What the view needs to draw the points: places once, 2 bytes an axis."""
    hidden: Hidden | None = None
    if not points.all_drawn:
        middles, counts = shade(points.unit, points.rows)
        strength = np.sqrt(counts / counts.max())  # as seen: areas with a quarter of the samples are half as strong
        hidden = {"positions": _places(middles), "strengths": encoded(np.round(255 * strength).astype(np.uint8))}
    return {
        "token": points.token,
        "dims": 2 if points.dims == 2 else 3,
        "n": len(points.rows),
        "positions": _places(points.unit[points.rows]),
        "hidden": hidden,
    }


def mask(points: MapPoints, shown: Scope) -> Array:
    """(m,) bool: which drawn points are of what is shown."""
    narrow = [] if points.all_drawn else [{"$match": {"_id": {"$in": list(points.drawn)}}}]
    with _uncollected():
        members = {row["_id"] for row in shown.aggregate([*narrow, {"$project": {"_id": True}}])}
    return np.array([sample_id in members for sample_id in points.drawn], dtype=bool)


def values(everything: Scope, points: MapPoints, path: str) -> list[Any]:
    """A field's values of the drawn points, in their order; None where there is none."""
    narrow = [] if points.all_drawn else [{"$match": {"_id": {"$in": list(points.drawn)}}}]
    with _uncollected():
        rows = everything.aggregate([*narrow, {"$project": {"v": f"${path}"}}])
        found = {row["_id"]: row.get("v") for row in rows}
    return [found.get(one) for one in points.drawn]


def counted(everything: Scope, path: str) -> dict[Any, int]:
    """How many have each value of a field; of lists, any of theirs."""
    if everything.field is None:
        found = everything.dataset.count_values(path)
    else:
        rows = everything.aggregate([{"$project": {"_id": False, "v": f"${path}"}}])
        found = map_colors.count_classes([row.get("v") for row in rows])
    return {name: n for name, n in found.items() if name is not None}


def encoded(array: Array) -> str:
    """An array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def bits(flags: Array) -> str:
    """Flags as text, eight to a byte, the first in the lowest place."""
    return encoded(np.packbits(flags, bitorder="little"))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Reads many small lists without Python's collector, which would walk through all of FiftyOne for them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _places(unit: Array) -> str:
    return encoded(np.round(unit * FULL).astype("<u2"))
