"""Copies side by side: what differs between them, and which is proposed to be kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos

from ...core.base.split_names import split_of
from ...core.images.pixels import SHARPNESS_SIDE, look_at
from ...core.images.ranges import Range, Ranges
from ...core.images.reading import Region, UnreadableImage, read_image
from ...dataset.decisions.decisions import TAGS as DECIDED
from ...dataset.fields.splits import split_names
from ...dataset.inputs.pictures import ranges_in
from ..shared import scope, wording
from .payloads import Compare
from .review_queue import Source

BOX = "#xywh="
MOST = 8  # pictures that are shown and read
KEEP_FIRST = ("test", "val")  # of a leak, the copy that is not learned from


def members(dataset: fo.Dataset, source: Source, sample_id: str) -> list[str]:
    """Ids of a sample and its copies, those proposed to be kept first."""
    path = source.partners or source.group
    (row,) = scope.values(dataset, source.field, [sample_id], {"of": path})
    if source.partners is not None:
        return [sample_id, *(row["of"] or [])]
    if row["of"] is None:
        return [sample_id]
    group = scope.whole(dataset, source.field).add(fos.Match({path: row["of"]}))
    kept = {"$eq": [f"${source.keeper}", True]} if source.keeper else False
    found = group.aggregate([{"$project": {"last": {"$not": [kept]}}}, {"$sort": {"last": 1, "_id": 1}}])
    return [str(one["_id"]) for one in found]


def proposed(dataset: fo.Dataset, source: Source, ids: Sequence[str]) -> list[str]:
    """Which of them to keep: what the run says; of a leak, those of the first of test, val and train."""
    path = source.split or source.keeper
    if path is None:
        return []
    rows = scope.values(dataset, source.field, ids, {"of": path})
    if source.split is None:
        return [row["id"] for row in rows if row["of"]]
    splits = [_split(row["of"]) for row in rows]
    kinds = [split_of(split) if split else None for split in splits]
    rank = [KEEP_FIRST.index(kind) if kind in KEEP_FIRST else len(KEEP_FIRST) for kind in kinds]
    return (
        [row["id"] for row, place in zip(rows, rank, strict=True) if place == min(rank)] if len(set(rank)) > 1 else []
    )


def table(dataset: fo.Dataset, source: Source, ids: Sequence[str]) -> Compare:
    """The copies with what can be told about each, as the view shows them side by side."""
    keep = set(proposed(dataset, source, ids))
    field = source.field
    wanted = {"path": scope.picture(dataset, field, large=True), "file": "filepath", "tags": scope.own(field, "tags")}
    wanted |= {name: path for name, path in (("given", source.given), ("split", source.split)) if path}
    rows = scope.values(dataset, field, ids[:MOST], wanted)
    files = [row["file"] for row in rows]
    ranges = tuple(sorted(ranges_in(dataset).items()))
    looks = [_look(row["file"] + _box(row["path"]), _changed(row["file"]), ranges) for row in rows]
    facts = {
        "Size": [size for size, _ in looks],
        "File": [_bytes(path) for path in files] if field is None else [path.rsplit("/", 1)[-1] for path in files],
        "Sharpness": [sharpness for _, sharpness in looks],
    }
    if source.given:
        facts["Label"] = [row["given"] or "none" for row in rows]
    if source.split:
        facts["Split"] = [_split(row["split"]) or "none" for row in rows]
    tags = [next((tag for tag in row["tags"] or [] if tag in DECIDED), None) for row in rows]
    return {
        "members": [
            {
                "id": row["id"],
                "path": row["path"],
                "name": row["file"].rsplit("/", 1)[-1],
                "keep": row["id"] in keep,
                "decided": tag,
            }
            for row, tag in zip(rows, tags, strict=True)
        ],
        "rows": [
            {"label": label, "values": values, "differs": len(set(values)) > 1} for label, values in facts.items()
        ],
        "proposal": f"Keep {len(keep):,}, exclude {len(ids) - len(keep):,}" if 0 < len(keep) < len(ids) else None,
        "hidden": f"The first {MOST} of {len(ids):,} copies" if len(ids) > MOST else None,
    }


def _split(value: Any) -> str | None:
    """The name of a split, which a field or the tags tell."""
    if isinstance(value, list):
        return next(iter(split_names(value)), None)
    return str(value) if value is not None else None


def _bytes(path: str) -> str:
    try:
        size = os.path.getsize(path)
    except OSError:
        return "missing"
    return (
        f"{size:,} B" if size < 10_000 else f"{size / 1000:,.0f} kB" if size < 10_000_000 else f"{size / 1e6:,.0f} MB"
    )


def _changed(path: str) -> float | None:
    try:
        return os.path.getmtime(path)
    except OSError:
        return None


@lru_cache(maxsize=512)
def _look(path: str, changed: float | None, ranges: tuple[tuple[str, Range], ...]) -> tuple[str, str]:
    """Size in pixels and sharpness of a file or of an object in it, read once until the file changes."""
    try:
        image = read_image(_region(path, dict(ranges)), enough=SHARPNESS_SIDE)
    except UnreadableImage:
        return "unreadable", "–"
    width, height = image.info["full_size"]
    return f"{width:,} × {height:,}", wording.number(look_at(image).sharpness)


def _box(path: str) -> str:
    """What a path has behind its file, `#xywh=` and a box; "" for a whole picture."""
    return "".join(path.rpartition(BOX)[1:]) if BOX in path else ""


def _region(path: str, ranges: Ranges) -> str:
    """The part of a file that a path with a box behind `#xywh=` means; all of it without one."""
    file, found, sides = path.rpartition(BOX)
    if not found:
        return Region(path, None, ranges)
    left, top, width, height = (float(side) for side in sides.split(","))
    inside = [min(max(side, 0.0), 1.0) for side in (left, top, left + width, top + height)]
    return Region(file, (inside[0], inside[1], inside[2], inside[3]), ranges)
