"""Digests of what a run reads, by which a later change is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof

from ..fields.curated_labels import corrections, curated_path
from ..fields.rows import every, list_of, root_of, rows_of
from ..fields.splits import split_names
from ..fields.working_set import Choice, excluded_ids
from .record import Run

OF_LABELS = ("label", "label_curated", "tags", "bounding_box", "points", "closed", "filled", "mask", "mask_path")


STORED = "stored:"  # begins digests of vectors as the database holds them


def digest(values: Iterable[Any]) -> str:
    """Digest of a sequence of plain values."""
    state = hashlib.sha256()
    for value in values:
        state.update(repr(value).encode() + b"\n")
    return state.hexdigest()[:32]


def fingerprints(
    dataset: fo.Dataset, field: str | None, sources: Mapping[str, Any], choice: Choice, boxes: bool
) -> dict[str, str]:
    """Digests of what a run reads, as its record keeps them: of the whole dataset, whatever its target is.

    Args:
        field: whose objects the run is about; None where it is about samples.
        sources: as `Run.reads` holds them.
        boxes: the run looks at the regions of objects; their digest is known when it is complete.
    """
    found = {"samples": digest(every(dataset).values("id" if field is None else f"{root_of(dataset, field)}.id"))}
    if not choice.include_excluded:
        found["excluded"] = digest(excluded_ids(dataset, field))
    if boxes and field is not None:
        found["boxes"] = ""
    for role, source in sources.items():
        if source["run"] is None:
            found[role] = digest_of_source(dataset, source, field)
        if is_labels(role, source) and not choice.given_labels:
            found["corrections"] = digest(corrections(dataset, source["field"]))
    return found


def is_labels(role: str, source: Mapping[str, Any]) -> bool:
    """Whether a run read classes under that role, which people may correct."""
    return role == "labels" and source.get("role") != "splits"


def digest_of_source(
    dataset: fo.Dataset, source: Mapping[str, Any], patches_field: str | None, like: str = STORED
) -> str:
    """Digest of what a run read of a field; of a saved slice or a tag, of who is in it.

    Args:
        source: as `Run.reads` holds it.
        patches_field: the field whose objects the run is about; None where it is about samples.
        like: the digest that it is to be compared with. Vectors are told by their bytes, but those of earlier runs
            were told by what Python shows of them, which leaves out the middle of a thousand numbers and more.
    """
    if "slice" in source:
        return digest(sorted(rows_of(dataset.load_saved_view(source["slice"]), patches_field).ids))
    if "tag" in source:
        return digest(every(dataset).match_tags(source["tag"]).values("id"))
    if source.get("role") == "annotations":
        return _digest_of_annotations(dataset, source["field"])
    if isinstance(dataset.get_field(source["field"]), (fof.VectorField, fof.ArrayField)) and like.startswith(STORED):
        stages = [{"$project": {"_id": False, "of": f"${source['field']}"}}]
        return STORED + digest(every(dataset)._aggregate(post_pipeline=stages))
    values = every(dataset).values(source["field"])
    if source.get("role") == "splits" and source["field"] == "tags":
        return digest([sorted(split_names(own or ())) for own in values])
    if source.get("role") in ("detections", "detected"):
        inside = source["field"].removesuffix(".label")
        parts = (f"{inside}.{name}" for name in ("bounding_box", "confidence", "tags"))
        own = curated_path(source["field"])
        paths = [*parts, *([own] if dataset.get_field(own) is not None else [])]
        return digest([values, *(every(dataset).values(path) for path in paths)])
    return digest(values)


def _digest_of_annotations(dataset: fo.Dataset, field: str) -> str:
    """Digest of labels of any kind: of what they are and where, not of what Curator wrote beside it."""
    root = list_of(dataset, field)
    own = {name: {"$ifNull": [f"$$one.{name}", None]} for name in OF_LABELS}
    one = {"$map": {"input": {"$ifNull": [f"${root or field}", []]}, "as": "one", "in": own}}
    single = {name: {"$ifNull": [f"${field}.{name}", None]} for name in OF_LABELS}
    stages = [{"$project": {"labels": one if root else single, "held": {"$ifNull": [f"${field}._cls", None]}}}]
    people = corrections(dataset, f"{field}.label") if root is None else []
    return digest([*every(dataset)._aggregate(post_pipeline=stages), people])


def digest_of_boxes(dataset: fo.Dataset, run: Run) -> str:
    """Digest of the places of the objects that a run on objects has results for."""
    root = root_of(dataset, run.patches_field)
    shape = f"{root}.points" if root.endswith(".polylines") else f"{root}.bounding_box"
    found = [every(dataset).values(path) for path in (shape, next(iter(run.writes.values())))]
    return digest(
        place
        for places, results in zip(*found, strict=True)
        for place, result in zip(places or (), results or (), strict=True)
        if result is not None
    )
