"""Digests of what a run reads, by which a later change is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import fiftyone as fo

from ..fields.rows import root_of, rows_of
from .record import Run

if TYPE_CHECKING:
    from .record import Run


def digest(values: Iterable[Any]) -> str:
    """Digest of a sequence of plain values."""
    state = hashlib.sha256()
    for value in values:
        state.update(repr(value).encode() + b"\n")
    return state.hexdigest()[:32]


def digest_of_source(dataset: fo.Dataset, source: Mapping[str, Any], patches_field: str | None) -> str:
    """Digest of a field's values; of a saved slice, of who is in it.

    Args:
        source: as `Run.reads` holds it.
        patches_field: the field whose objects the run is about; None where it is about samples.
    """
    if "slice" in source:
        return digest(sorted(rows_of(dataset.load_saved_view(source["slice"]), patches_field).ids))
    return digest(dataset.values(source["field"]))


def digest_of_boxes(dataset: fo.Dataset, run: Run) -> str:
    """Digest of the places of the objects that a run on objects has results for."""
    root = root_of(dataset, run.patches_field)
    shape = f"{root}.points" if root.endswith(".polylines") else f"{root}.bounding_box"
    found = [dataset.values(path) for path in (shape, next(iter(run.writes.values())))]
    return digest(
        place
        for places, results in zip(*found, strict=True)
        for place, result in zip(places or (), results or (), strict=True)
        if result is not None
    )
