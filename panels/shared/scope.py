"""What a panel is about: the samples of a view, or the objects in one of their fields, each a document of its own.

Objects look as FiftyOne's patches views show them: the label stands under the name of its field beside the values of
its image, and the document's id is the label's. But the database takes them out of their images as it is asked; a
patches view is a copy, made anew after every decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.stages as fos
from bson import ObjectId

from ...dataset.fields.rows import Rows, every, root_of

BOX = "bounding_box"
IMAGE = "_sample_id"  # the id of an object's image, as patches views call it


@dataclass(frozen=True)
class Scope:
    """Samples, or objects.

    Attributes:
        view: of samples.
        field: of the objects; None for samples.
        later: what narrows them further, in terms of the documents.
    """

    view: fo.DatasetView
    field: str | None = None
    later: tuple[fos.ViewStage, ...] = ()

    @property
    def dataset(self) -> fo.Dataset:
        """Where they are from."""
        return self.view._root_dataset

    @property
    def word(self) -> str:
        """What one of them is."""
        return "sample" if self.field is None else "object"

    @property
    def is_whole(self) -> bool:
        """Whether these are all of the dataset."""
        return not (self.later or self.view._stages)

    def own(self, name: str) -> str:
        """As the function of that name."""
        return own(self.field, name)

    def add(self, stage: fos.ViewStage) -> Scope:
        """Those of them that meet one more condition."""
        return replace(self, later=(*self.later, stage))

    def aggregate(self, stages: Sequence[Mapping[str, Any]]) -> Any:
        """What the database answers, document by document."""
        own = [one for stage in self.later for one in stage.to_mongo(self.view)]
        return self.view._aggregate(post_pipeline=[*self._unwound(), *own, *stages])

    def _unwound(self) -> list[dict[str, Any]]:
        """Objects out of their images; first of those images alone that hold one with a wanted value, by its index."""
        if self.field is None:
            return []
        root = root_of(self.dataset, self.field)
        plain = [
            stage.filter for stage in self.later if isinstance(stage, fos.Match) and isinstance(stage.filter, dict)
        ]
        wanted = {
            stored(self.dataset, self.field, path): value
            for conditions in plain
            for path, value in conditions.items()
            if path.startswith(f"{self.field}.") and not isinstance(value, dict)
        }
        return [
            *([{"$match": wanted}] if wanted else []),
            {"$unwind": f"${root}"},
            {"$set": {IMAGE: "$_id", "_id": f"${root}._id", self.field: f"${root}"}},
        ]

    def count(self) -> int:
        """How many there are."""
        if self.field is None and not self.later:
            return int(self.view.count())
        return next((int(row["n"]) for row in self.aggregate([{"$count": "n"}])), 0)

    def ids(self) -> list[ObjectId]:
        """Their raw ids."""
        return [row["_id"] for row in self.aggregate([{"$project": {"_id": True}}])]

    def rows(self) -> Rows:
        """What decisions are made about."""
        found = list(self.aggregate([{"$project": {IMAGE: True}}]))
        ids = [str(row["_id"]) for row in found]
        return Rows.known(self.dataset, self.field, ids, [str(row.get(IMAGE, row["_id"])) for row in found])

    def tag(self, tag: str) -> int:
        """Give them a tag. Returns how many they are."""
        rows = self.rows()
        samples = every(self.dataset)
        chosen = samples.select(rows.ids) if self.field is None else samples.select_labels(ids=rows.ids)
        if self.field is None:
            chosen.tag_samples(tag)
        else:
            chosen.tag_labels(tag, label_fields=self.field)
        return len(rows)

    def values(self, ids: Sequence[str], paths: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Name → value of some of them, in the order of their ids; those that are gone are left out.

        Args:
            paths: name → path, or an expression of the database's own.
        """
        project = {
            name: f"${path}" if isinstance(path, str) and not path.startswith("$") else path
            for name, path in paths.items()
        }
        found = {str(row["_id"]): row for row in self.add(fos.Select(ids)).aggregate([{"$project": project}])}
        return [{"id": one, **{name: found[one].get(name) for name in paths}} for one in ids if one in found]


def whole(dataset: fo.Dataset, field: str | None) -> Scope:
    """All samples of a dataset, or all objects of a field."""
    return Scope(every(dataset).view(), field)


def some(dataset: fo.Dataset, field: str | None, ids: Sequence[str]) -> Scope:
    """Those with these ids, wherever the grid is."""
    if field is None:
        return Scope(every(dataset).select(ids))
    inside = fos.Match({f"{root_of(dataset, field)}._id": {"$in": [ObjectId(one) for one in ids]}})
    return Scope(every(dataset).add_stage(inside), field).add(fos.Select(ids))


def inside(dataset: fo.Dataset, field: str, images: Sequence[str]) -> Scope:
    """The objects in some images."""
    return Scope(every(dataset).select(images), field)


def values(
    dataset: fo.Dataset, field: str | None, ids: Sequence[str], paths: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Name → value of those with these ids, in their order; those that are gone are left out."""
    return some(dataset, field, ids).values(ids, paths)


def own(field: str | None, name: str) -> str:
    """The path of what decisions write: "tags" → "tags" of samples, "objects.tags" of objects."""
    return name if field is None else f"{field}.{name}"


def picture(dataset: fo.Dataset, field: str | None, *, large: bool = False) -> Any:
    """The database's expression for the file to show; of an object with the place of its box behind `#xywh=`.

    It is the one that the App shows: a preview or thumbnail where the dataset names the field of them.

    Args:
        large: as in the open sample, not as in the grid.
    """
    file = _shown_file(dataset, large)
    if field is None or dataset.get_field(f"{root_of(dataset, field)}.{BOX}") is None:
        return file
    sides = [{"$toString": {"$arrayElemAt": [f"${field}.{BOX}", side]}} for side in range(4)]
    commas = [part for side in sides for part in (",", side)][1:]
    return {"$ifNull": [{"$concat": [file, "#xywh=", *commas]}, file]}


def _shown_file(dataset: fo.Dataset, large: bool) -> Any:
    config = dataset.app_config
    name = config.modal_media_field if large else config.grid_media_field
    if name == "filepath" or dataset.get_field(name) is None:
        return "$filepath"
    return {"$ifNull": [f"${name}", "$filepath"]}


def stored(dataset: fo.Dataset, field: str | None, path: str) -> str:
    """The dataset's own path of a value: "objects.score" → "objects.detections.score"; of samples the same."""
    if field is None or not path.startswith(f"{field}."):
        return path
    return f"{root_of(dataset, field)}{path.removeprefix(field)}"


def schema_of(dataset: fo.Dataset, field: str | None) -> dict[str, fof.Field]:
    """Path → field of the documents, those inside others too."""
    schema: dict[str, fof.Field] = dataset.get_field_schema(flat=True)
    if field is None:
        return schema
    root = root_of(dataset, field)
    inside = {f"{field}{path.removeprefix(root)}": kind for path, kind in schema.items() if path.startswith(f"{root}.")}
    outside = {path: kind for path, kind in schema.items() if not path.startswith(f"{field}.")}
    return {**outside, field: schema[root].field, **inside}
