"""The rows of a run: the samples of its target, or the objects in one of their label fields.

Methods never see the difference. An object's id is the id of its label, its values are the label's attributes, or
those of its image; its path is the image's file with the box that is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.stages as fos
import numpy as np
from bson import ObjectId
from pymongo import UpdateMany, UpdateOne

from ...core.base.arrays import Array
from ...core.base.params import ParamError
from ...core.images.reading import Region, ranges_at

BATCH = 5_000  # updates sent to the database at once
HIDING = (fos.SelectFields, fos.ExcludeFields)
CHOOSING = (  # stages that choose or order samples, and leave what they hold alone
    fos.Select,
    fos.SelectBy,
    fos.Exclude,
    fos.ExcludeBy,
    fos.Exists,
    fos.GeoNear,
    fos.GeoWithin,
    fos.Limit,
    fos.Match,
    fos.MatchLabels,
    fos.MatchTags,
    fos.Shuffle,
    fos.Skip,
    fos.SortBy,
    fos.SortBySimilarity,
    fos.Take,
)
KINDS = (fo.Detections, fo.Polylines)  # those that FiftyOne's own patches views show


class Rows:
    """Rows in the order of the target. Values are read once from the database and picked by row.

    Attributes:
        dataset: where they are from.
        field: the label field whose objects the rows are; None where they are samples.
        ids: of the rows: of samples, or of labels.
        images: id of each row's sample.
    """

    def __init__(self, source: fo.DatasetView, field: str | None, wanted: Sequence[str] | None = None) -> None:
        """Rows of a view that shows samples.

        Args:
            source: the samples.
            field: of the objects, or None.
            wanted: ids of the rows that the target shows, where it shows fewer; in their order.
        """
        self.dataset = source._root_dataset
        self.field = field
        self._source = source
        self._root = root_of(self.dataset, field) if field else None
        images = source.values("id")
        if self._root is None:
            self._counts: list[int] | None = None
            ids = images
        else:
            nested = source.values(f"{self._root}.id")
            self._counts = [len(own or ()) for own in nested]
            ids = [one for own in nested for one in own or ()]
        self._places: list[int] | None = None
        if wanted is not None:
            known = {one: place for place, one in enumerate(ids)}
            self._places = [known[one] for one in dict.fromkeys(wanted) if one in known]
        self.ids: Sequence[str] = self._picked(ids)
        self.images: Sequence[str] = self.ids if self._root is None else self._picked(self._each(images))

    @classmethod
    def known(cls, dataset: fo.Dataset, field: str | None, ids: Sequence[str], images: Sequence[str]) -> Rows:
        """Rows whose ids are known from before, to be updated; they read no values."""
        rows = object.__new__(cls)
        rows.dataset, rows.field, rows.ids, rows.images = dataset, field, ids, images
        rows._root = root_of(dataset, field) if field else None
        return rows

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def word(self) -> str:
        """What one row is."""
        return "sample" if self.field is None else "object"

    @property
    def inside(self) -> str:
        """Path of the list that the objects are in; "" for samples."""
        return self._root or ""

    def path(self, column_field: str) -> str:
        """Path of the field that holds a column for these rows: a sample's field, or an attribute of the label."""
        return column_field if self._root is None else f"{self._root}.{column_field}"

    def values(self, path: str) -> list[Any]:
        """One value per row: an object's attribute, or its image's value."""
        values = self._source.values(path)
        if self._root is not None:
            inside = path.startswith(f"{self._root}.")
            values = [one for own in values for one in own or ()] if inside else self._each(values)
        return self._picked(values)

    def vectors(self, path: str) -> tuple[Array, Counter[int]]:
        """The vectors in a field, read one after another into one array.

        Returns:
            (n, dim) float32, NaN where a row has none; and length → number of vectors that have it. `dim` is the
            length of the first one, and vectors of other lengths are left out
        """
        ends = None if self._places is None else {place: row for row, place in enumerate(self._places)}
        matrix, lengths = np.full((len(self), 0), np.nan, dtype=np.float32), Counter[int]()
        kind = self._source._root_dataset.get_field(path)
        packed = isinstance(kind, (fof.VectorField, fof.ArrayField))
        for place, value in enumerate(self._stored(path)):
            row = place if ends is None else ends.get(place, -1)
            if value is None or row < 0:
                continue
            vector = np.ravel(kind.to_python(value)) if packed else value  # (1, d) is a vector of d numbers
            lengths[len(vector)] += 1
            if not matrix.shape[1]:
                matrix = np.full((len(self), len(vector)), np.nan, dtype=np.float32)
            if len(vector) == matrix.shape[1]:
                matrix[row] = vector
        return matrix, lengths

    def _stored(self, path: str) -> Iterator[Any]:
        """One value per place, as the database holds it, one after another."""
        of: Any = f"${path}"
        if self._root is not None and path.startswith(f"{self._root}."):
            one = {"$ifNull": [f"$$one.{path.removeprefix(f'{self._root}.')}", None]}  # absent ones would be skipped
            of = {"$map": {"input": {"$ifNull": [f"${self._root}", []]}, "as": "one", "in": one}}
        elif self._root is not None:
            yield from self._each(self._source.values(path))
            return
        for document in self._source._aggregate(post_pipeline=[{"$project": {"_id": False, "of": of}}]):
            if self._root is None:
                yield document.get("of")
            else:
                yield from document["of"]

    def only(self, keep: Array) -> Rows:
        """The rows where `keep` (n,) holds."""
        kept = object.__new__(Rows)
        kept.__dict__.update(self.__dict__)
        places = range(len(self.ids)) if self._places is None else self._places
        kept._places = [place for place, wanted in zip(places, keep, strict=True) if wanted]
        kept.ids = [one for one, wanted in zip(self.ids, keep, strict=True) if wanted]
        kept.images = [one for one, wanted in zip(self.images, keep, strict=True) if wanted]
        return kept

    def boxes(self) -> Array:
        """(n, 4) float64 left, top, right, bottom of objects as shares of the image's sides; NaN for none."""
        boxes = np.full((len(self), 4), np.nan)
        polylines = self._root is not None and self._root.endswith(".polylines")
        given = self.values(f"{self._root}.{'points' if polylines else 'bounding_box'}")
        for row, one in enumerate(given):
            boxes[row] = _around(one) if polylines else _corners(one)
        return boxes

    def update(self, row: int, values: dict[str, Any]) -> UpdateOne:
        """The database's update that sets values, path → value, of one row."""
        sample = {"_id": ObjectId(self.images[row])}
        if self._root is None:
            return UpdateOne(sample, {"$set": values})
        here, cut = f"{self._root}.$", len(self._root)
        placed = {here + path[cut:] if path.startswith(f"{self._root}.") else path: one for path, one in values.items()}
        return UpdateOne({**sample, f"{self._root}._id": ObjectId(self.ids[row])}, {"$set": placed})

    def updates(self, rows: Sequence[int], values: dict[str, Any]) -> list[UpdateOne | UpdateMany]:
        """The database's updates that set the same values, path → value, of several rows; of samples in one."""
        if self._root is not None or len(rows) == 1:
            return [self.update(row, values) for row in rows]
        parts = (rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH))
        return [
            UpdateMany({"_id": {"$in": [ObjectId(self.images[row]) for row in part]}}, {"$set": values})
            for part in parts
        ]

    def set(self, dataset: fo.Dataset, path: str, value: Any) -> None:
        """Give every row the same value in a field that is declared."""
        now = datetime.now(timezone.utc)
        for begin in range(0, len(self), BATCH):
            rows = range(begin, min(begin + BATCH, len(self)))
            dataset._bulk_write([self.update(row, {path: value, "last_modified_at": now}) for row in rows])

    def _each(self, values: Sequence[Any]) -> list[Any]:
        """A value per sample → a value per object."""
        assert self._counts is not None
        return [value for value, count in zip(values, self._counts, strict=True) for _ in range(count)]

    def _picked(self, values: Sequence[Any]) -> list[Any]:
        return list(values) if self._places is None else [values[place] for place in self._places]


def every(dataset: fo.Dataset) -> fo.Dataset | fo.DatasetView:
    """All samples of a dataset: where it holds groups, those of every slice."""
    return dataset if dataset.media_type != "group" else dataset.select_group_slices(_allow_mixed=True)


def rows_of(samples: fo.DatasetView, field: str | None) -> Rows:
    """The rows that a target means: its samples, or the objects of `field` that it shows.

    Patches views are copies that FiftyOne made of their dataset; what they show is looked up where it comes from.

    Raises:
        ParamError: the target shows objects of another field.
    """
    if not samples._is_patches:
        return Rows(_unhidden(samples), field)
    source = samples._source_collection.view()
    if field is None:
        return Rows(source, None, samples.values("sample_id"))
    shown = samples._label_fields
    if field not in shown:
        raise ParamError(
            f"The target shows the objects of {' and '.join(map(repr, shown))}, and the run is about those of "
            f"{field!r}; choose the dataset as the target, or open the patches of that field"
        )
    _, root = samples._get_label_field_path(field)
    found = samples.values(f"{root}.id")
    nested = (own if isinstance(own, list) else [own] for own in found)
    return Rows(source, field, [one for own in nested for one in own if one is not None])


def alters(samples: fo.DatasetView) -> bool:
    """Whether a view shows other values than its dataset has: filtered or mapped labels, fields that it sets."""
    return any(not isinstance(stage, (*CHOOSING, *HIDING)) for stage in samples._all_stages) and not samples._is_patches


def _unhidden(samples: fo.DatasetView) -> fo.DatasetView:
    """The view with all its fields: which ones the App shows is no matter of what is read."""
    if not any(isinstance(stage, HIDING) for stage in samples._stages):
        return samples
    shown = samples._root_dataset.view()
    for stage in samples._stages:
        shown = shown if isinstance(stage, HIDING) else shown.add_stage(stage)
    return shown


def shown_field(samples: fo.DatasetView) -> str | None:
    """The field whose objects a patches view shows one by one; None for any other view."""
    if not samples._is_patches or len(samples._label_fields) != 1:
        return None
    return str(samples._label_fields[0])


def object_fields(dataset: fo.Dataset) -> list[str]:
    """The fields whose objects methods can work on."""
    schema = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField)
    return [path for path, kind in schema.items() if kind.document_type in KINDS]


def root_of(dataset: fo.Dataset, field: str | None) -> str:
    """Path of the list of objects: "ground_truth" → "ground_truth.detections".

    Raises:
        ParamError: the field is not there, or holds no list of objects.
    """
    schema = dataset.get_field(field) if field else None
    kind = schema.document_type if isinstance(schema, fof.EmbeddedDocumentField) else None
    if kind not in KINDS:
        is_there = f"holds {(kind or type(schema)).__name__}" if schema is not None else "does not exist"
        raise ParamError(
            f"patches_field must name a field of Detections or Polylines; {field!r} {is_there} on dataset "
            f"{dataset.name!r}. There are: {', '.join(object_fields(dataset)) or 'none'}"
        )
    return f"{field}.{kind._LABEL_LIST_FIELD}"


def list_of(dataset: fo.Dataset, field: str) -> str | None:
    """Path of the list of labels that a field holds, of any kind: "points" → "points.keypoints"; None for no list."""
    schema = dataset.get_field(field)
    kind = schema.document_type if isinstance(schema, fof.EmbeddedDocumentField) else None
    name = getattr(kind, "_LABEL_LIST_FIELD", None)
    return f"{field}.{name}" if name else None


def field_of(dataset: fo.Dataset, path: str) -> str | None:
    """The object field that a path lies in: "ground_truth.detections.vector" → "ground_truth"; None for others."""
    if "." not in path:
        return None
    return next((one for one in object_fields(dataset) if path.startswith(f"{root_of(dataset, one)}.")), None)


def resolved(dataset: fo.Dataset, name: str) -> tuple[str, str | None]:
    """A field's path, and the field whose objects it is an attribute of, if it is one.

    An attribute may be named as patches views have it: "objects.score" for "objects.detections.score".
    """
    first, _, rest = name.partition(".")
    if rest and first in object_fields(dataset) and dataset.get_field(name) is None:
        name = f"{root_of(dataset, first)}.{rest}"
    return name, field_of(dataset, name)


def regions(files: Sequence[str], boxes: Array, margin: float) -> tuple[list[str], Array, Counter[str]]:
    """Files with boxes → regions inside the pictures.

    Args:
        boxes: (n, 4) as `Rows.boxes` gives them.
        margin: share of the box's width and height added on each side.

    Returns:
        the regions; (n,) bool, whether the box can be cut out; reason why not → number
    """
    left, top, right, bottom = boxes.T
    inside = np.clip(boxes, 0.0, 1.0)
    why = np.full(len(boxes), "", dtype=object)
    with np.errstate(invalid="ignore"):
        why[(inside[:, 2] <= inside[:, 0]) | (inside[:, 3] <= inside[:, 1])] = "box outside the image"
        why[(right <= left) | (bottom <= top)] = "box without area"
    why[~np.isfinite(boxes).all(axis=1)] = "no box"
    good = why == ""
    around = np.stack([left - right, top - bottom, right - left, bottom - top], axis=1) * margin
    wide = np.clip(boxes + around, 0.0, 1.0)
    paths = [
        Region(path, (float(box[0]), float(box[1]), float(box[2]), float(box[3])), ranges_at(path))
        for path, box in zip(files, wide, strict=True)
    ]
    return list(paths), good, Counter(why[~good].tolist())


def attribute(dataset: fo.Dataset, field: str, path: str) -> str:
    """The name under which a label carries an attribute: "ground_truth.detections.score" → "score"."""
    return path.removeprefix(f"{root_of(dataset, field)}.")


def _corners(box: Any) -> Any:
    if box is None or len(box) != 4 or any(side is None for side in box):
        return np.nan
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _around(shapes: Iterable[Any] | None) -> Any:
    """The box around the points of a polyline."""
    points = [point for shape in shapes or () for point in shape]
    if not points:
        return np.nan
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)
