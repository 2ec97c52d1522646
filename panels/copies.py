"""Copies side by side: what differs between them, and which is proposed to be kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from ..core.images import UnreadableImage, read_image
from ..core.pictures import SHARPNESS_SIDE, look_at
from ..dataset.columns import SPLITS
from ..dataset.decisions import TAGS as DECIDED
from . import wording
from .queue import Source

MOST = 8  # pictures that are shown and read
KEEP_FIRST = ("test", "val", "validation")  # of a leak, the copy that is not learned from


def members(dataset: fo.Dataset, source: Source, sample_id: str) -> list[str]:
    """Ids of a sample and its copies, those proposed to be kept first."""
    if source.partners is not None:
        (partners,) = dataset.select(sample_id).values(source.partners)
        return [sample_id, *(partners or [])]
    assert source.group is not None  # a source that compares has one of the two
    (number,) = dataset.select(sample_id).values(source.group)
    if number is None:
        return [sample_id]
    ids, keep = dataset.match(F(source.group) == number).values(["id", source.keeper or "id"])
    return [one for one, _ in sorted(zip(ids, keep, strict=True), key=lambda pair: pair[1] is not True)]


def proposed(dataset: fo.Dataset, source: Source, ids: Sequence[str]) -> list[str]:
    """Which of them to keep: what the run says; of a leak, those of the first of test, val and train."""
    view = dataset.select(ids, ordered=True)
    if source.split is None:
        return [one for one, kept in zip(ids, view.values(source.keeper), strict=True) if kept] if source.keeper else []
    splits = [_split(value) for value in view.values(source.split)]
    rank = [KEEP_FIRST.index(split) if split in KEEP_FIRST else len(KEEP_FIRST) for split in splits]
    return [one for one, place in zip(ids, rank, strict=True) if place == min(rank)] if len(set(rank)) > 1 else []


def table(dataset: fo.Dataset, source: Source, ids: Sequence[str]) -> dict[str, Any]:
    """The copies with what can be told about each, as the view shows them side by side."""
    keep = set(proposed(dataset, source, ids))
    shown = ids[:MOST]
    wanted = ["filepath", "tags", *(path for path in (source.given, source.split) if path)]
    rows = list(zip(*dataset.select(shown, ordered=True).values(wanted), strict=True))
    paths = [row[0] for row in rows]
    looks = [_look(path, _changed(path)) for path in paths]
    facts = {
        "Size": [size for size, _ in looks],
        "File": [_bytes(path) for path in paths],
        "Sharpness": [sharpness for _, sharpness in looks],
    }
    if source.given:
        facts["Label"] = [row[2] or "none" for row in rows]
    if source.split:
        facts["Split"] = [_split(row[-1]) or "none" for row in rows]
    tags = [next((tag for tag in row[1] or [] if tag in DECIDED), None) for row in rows]
    return {
        "members": [
            {"id": one, "path": path, "name": path.rsplit("/", 1)[-1], "keep": one in keep, "decided": tag}
            for one, path, tag in zip(shown, paths, tags, strict=True)
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
        return next((tag for tag in SPLITS if tag in value), None)
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
def _look(path: str, changed: float | None) -> tuple[str, str]:
    """Size in pixels and sharpness of a file, read once until it changes."""
    try:
        image = read_image(path, enough=SHARPNESS_SIDE)
    except UnreadableImage:
        return "unreadable", "–"
    width, height = image.info["full_size"]
    return f"{width:,} × {height:,}", wording.number(look_at(image).sharpness)
