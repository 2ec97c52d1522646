"""Labels of any kind as arrays, for checks that look at the labels themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np
from PIL import Image

from ...core.base.arrays import Array
from ...core.base.inputs import GivenAnnotations
from ..fields import working_set
from ..fields.rows import Rows, every, list_of
from ..fields.working_set import Choice
from ..runs import record as runs

KINDS = (
    fo.Classification,
    fo.Classifications,
    fo.Detection,
    fo.Detections,
    fo.Polyline,
    fo.Polylines,
    fo.Keypoint,
    fo.Keypoints,
    fo.Segmentation,
)
BOXES, LINES, POINTS = (fo.Detection, fo.Detections), (fo.Polyline, fo.Polylines), (fo.Keypoint, fo.Keypoints)
OURS = {"curates", "run", "curation"}  # in a field's info: written by Curator
AT_ONCE = 100  # images whose masks are read together


def annotation_fields(dataset: fo.Dataset) -> list[str]:
    """The label fields that neither Curator nor a model wrote, and that hold something."""
    written = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    schema = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField)
    return [
        path
        for path, kind in schema.items()
        if kind.document_type in KINDS
        and path not in written
        and not OURS & set(kind.info or {})
        and not is_predicted(dataset, path, f"{list_of(dataset, path) or path}.confidence")
        and every(dataset).exists(list_of(dataset, path) or path).limit(1).count()
    ]


def is_predicted(dataset: fo.Dataset, path: str, confidence: str) -> bool:
    """Whether a model made the labels of a field: they have confidences, or the name says so."""
    if "pred" in path.lower():
        return True
    kind = dataset.get_field(confidence)
    return kind is not None and not isinstance(kind, fof.ListField) and bool(every(dataset).count(confidence))


def read_annotations(rows: Rows, field: str, choice: Choice) -> tuple[GivenAnnotations, int]:
    """The labels in a field of the images, and how many of them people have corrected."""
    dataset = rows.dataset
    kind = dataset.get_field(field).document_type
    root = list_of(dataset, field)
    read = _Reader(rows, root or field, root is not None)
    ids = read.nested("id")
    count = [len(own) for own in ids]
    image = np.repeat(np.arange(len(ids)), count)
    names, corrected = _names(rows, read, choice) if kind is not fo.Segmentation else ([None] * len(image), 0)
    used = np.ones(len(image), dtype=bool)
    if not choice.include_excluded:
        tags = read.flat("tags")
        used = np.array([working_set.EXCLUDED not in (own or ()) for own in tags], dtype=bool)
    skeleton = dataset.skeletons.get(field) or dataset.default_skeleton
    has_masks = kind in (*BOXES, fo.Segmentation) and _has_masks(dataset, root or field)
    return GivenAnnotations(
        field=field,
        is_list=root is not None,
        rows=image,
        ids=[one for own in ids for one in own],
        names=names,
        has_classes=kind is not fo.Segmentation,
        known=np.array([own is not None for own in read.raw("id")], dtype=bool),
        used=used,
        sizes=_sizes(rows),
        boxes=_boxes(read.flat("bounding_box")) if kind in BOXES else None,
        outlines=read.flat("points") if kind in LINES else None,
        closed=_closed(read) if kind in LINES else None,
        keypoints=read.flat("points") if kind in POINTS else None,
        parts=tuple(skeleton.labels or ()) if skeleton is not None else (),
        masks=(lambda: _masks(rows, root or field, root is not None)) if has_masks else None,
    ), corrected


class _Reader:
    """Attributes of the labels of a field, of each image a list; a single label is a list of one."""

    def __init__(self, rows: Rows, root: str, many: bool) -> None:
        self._rows, self.root, self.many = rows, root, many
        self._ids: list[Any] = rows.values(f"{root}.id")

    def raw(self, name: str) -> list[Any]:
        return self._ids if name == "id" else self._rows.values(f"{self.root}.{name}")

    def nested(self, name: str) -> list[list[Any]]:
        if self.many:
            return [list(own or ()) for own in self.raw(name)]
        there = self.raw("id")
        return [[] if one is None else [own] for one, own in zip(there, self.raw(name), strict=True)]

    def flat(self, name: str) -> list[Any]:
        return [one for own in self.nested(name) for one in own]


def _names(rows: Rows, read: _Reader, choice: Choice) -> tuple[list[str | None], int]:
    """The working classes of the labels."""
    path = f"{read.root}.label"
    if read.many:
        labels, corrected = working_set.labels_within(rows, path, read.raw("label"), choice)
        return [one for own in labels for one in own or ()], corrected
    given, corrected = working_set.labels(rows, path, choice)
    return [label for one, label in zip(read.raw("id"), given, strict=True) if one is not None], corrected


def _boxes(given: Sequence[Any]) -> Array:
    """(m, 4), NaN where there are not four numbers."""
    try:
        boxes = np.array(given, dtype=np.float64)
        if boxes.shape == (len(given), 4):
            return boxes
    except (ValueError, TypeError):
        pass  # some are not four numbers
    boxes = np.full((len(given), 4), np.nan)
    for number, one in enumerate(given):
        if one is not None and len(one) == 4 and all(isinstance(side, (int, float)) for side in one):
            boxes[number] = one
    return boxes


def _closed(read: _Reader) -> Array:
    pairs = zip(read.flat("closed"), read.flat("filled"), strict=True)
    return np.array([bool(closed or filled) for closed, filled in pairs], dtype=bool)


def _sizes(rows: Rows) -> Array:
    """(n, 2) width and height, NaN where the metadata do not say."""
    found = np.full((len(rows), 2), np.nan)
    for side, name in enumerate(("width", "height")):
        values = rows.values(f"metadata.{name}")
        found[:, side] = [np.nan if value is None else value for value in values]
    return found


def _has_masks(dataset: fo.Dataset, root: str) -> bool:
    there: list[dict[str, Any]] = [{f"{root}.{name}": {"$exists": True, "$ne": None}} for name in ("mask", "mask_path")]
    return dataset._sample_collection.find_one({"$or": there}, {"_id": True}) is not None


def _masks(rows: Rows, root: str, many: bool) -> Iterator[tuple[int, Array | str | None]]:
    """Number and mask of each label, some images at a time."""
    number = 0
    for begin in range(0, len(rows), AT_ONCE):
        some = np.zeros(len(rows), dtype=bool)
        some[begin : begin + AT_ONCE] = True
        part = every(rows.dataset).select(rows.only(some).ids, ordered=True)
        ids, masks, paths = part.values([f"{root}.id", f"{root}.mask", f"{root}.mask_path"])
        for own in zip(ids, masks, paths, strict=True):
            if own[0] is None:
                continue
            for _, mask, path in zip(*own, strict=True) if many else [own]:
                yield number, mask if mask is not None or not path else _of_file(path)
                number += 1


def _of_file(path: str) -> Array | str:
    try:
        # of a path Pillow maps plain grey TIFFs into memory, scrambled if turned
        with open(path, "rb") as file, Image.open(file) as picture:
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError) as error:
        return f"its file cannot be read: {type(error).__name__}"
