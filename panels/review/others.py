"""What else is known about the picture under review: its other labels, and the boxes in it."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
from bson import ObjectId

from ...dataset.fields.curated_labels import curated_field
from ...dataset.fields.rows import object_fields, root_of
from ..shared import scope
from .payloads import BoxInPicture, OtherLabel
from .review_queue import Source

MOST_BOXES = 100
MOST_LABELS = 6


def boxes(dataset: fo.Dataset, field: str | None, about: str) -> list[BoxInPicture]:
    """The boxes in the picture: left, top, width and height as shares of its sides, and the label of each.

    Args:
        field: of the object under review, whose own box is marked; None for a sample, of which all boxes are shown.
        about: id of the sample, or of the object.
    """
    found: list[BoxInPicture] = []
    for name in [field] if field is not None else object_fields(dataset):
        root = root_of(dataset, name)
        if dataset.get_field(f"{root}.{scope.BOX}") is None:
            continue
        wanted: dict[str, Any] = {f"{root}._id": ObjectId(about)} if field else {}
        image = dataset.match(wanted) if field else dataset.select(about)
        for labels in image.limit(1).values(root):
            there = [label for label in labels or () if label.bounding_box]
            found += [{"box": list(one.bounding_box), "label": one.label, "own": one.id == about} for one in there]
    return found[:MOST_BOXES]


def labels(dataset: fo.Dataset, source: Source, one: str) -> list[OtherLabel]:
    """The classes that other fields give a sample: a model's, or another annotator's. Of objects none."""
    if source.field is not None:
        return []
    shown = {source.given, source.suggested, curated_field(source.given) if source.given else None}
    kinds = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    paths = {name: f"{name}.label" for name in kinds}
    paths = {name: path for name, path in paths.items() if path not in shown and name not in shown}
    if not paths:
        return []
    numbered = {f"label{number}": path for number, path in enumerate(paths.values())}
    (row,) = scope.values(dataset, None, [one], numbered)
    found: list[OtherLabel] = [
        {"field": name, "label": row[key]} for name, key in zip(paths, numbered, strict=True) if row[key]
    ]
    return found[:MOST_LABELS]
