"""Makes what was decided final: working labels into the label field, or a clean copy without what was excluded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ..decisions import journal
from ..decisions.changes import Change
from ..fields.curated_labels import COPIED, curated_field, has_curated, inside
from ..fields.fiftyone_compat import delete_fields
from ..fields.rows import Rows, every, object_fields, root_of
from ..fields.working_set import EXCLUDED, Choice, labels
from ..inputs.sources import label_path
from .action import Action, counted

FORMATS = {
    "fiftyone": fo.types.FiftyOneDataset,
    "image_folder": fo.types.ImageClassificationDirectoryTree,
    "csv": fo.types.CSVDataset,
    "coco": fo.types.COCODetectionDataset,
    "yolo": fo.types.YOLOv5Dataset,
}
OF_BOXES = ("coco", "yolo")
OURS = {"curates", "curation", "run"}  # in a field's info: written by Curator


@dataclass(frozen=True, kw_only=True)
class FinalizeParams(Params):
    """Make decisions final: write working labels into the label field, or a clean copy without excluded samples.

    Writing into the field changes the given labels, once it is confirmed; undo takes it back. A copy leaves everything
    here as it is.
    """

    label_field: str = param("ground_truth", "Labels to make final", reads="labels")
    into: str = param("field", "The label field itself, a new dataset, or files", among=("field", "dataset", *FORMATS))
    name: str | None = param(None, "Name of the new dataset")
    path: str | None = param(None, "Folder for the files, new or empty", path="folder")
    confirm: bool = param(False, "Yes, change the given labels")

    def check(self) -> None:
        """A new dataset needs a name, files need a folder."""
        if self.into == "dataset" and not self.name:
            raise ParamError(f"FinalizeParams.name must name the new dataset; got {self.name!r}")
        if self.into in FORMATS and not self.path:
            raise ParamError(f"FinalizeParams.path must name a folder for the files; got {self.path!r}")


def finalize(samples: fo.DatasetView, params: FinalizeParams, progress: Progress) -> dict[str, Any]:
    """Into the field on the whole dataset; copies are of the target."""
    dataset = samples._root_dataset
    about = params.label_field if params.label_field in object_fields(dataset) else None
    path = label_path(dataset, params.label_field, about)
    if params.into == "field":
        return _into_field(dataset, about, path, params)
    if samples._is_patches:
        samples = every(dataset).select(list(dict.fromkeys(samples.values("sample_id"))))
    if params.into == "dataset":
        if fo.dataset_exists(params.name):
            raise ParamError(f"A dataset {params.name!r} exists already; choose another name")
        copy = _clean(samples, path, params.name)
        copy.persistent, count = True, len(copy)
        said = f"in the new dataset {params.name!r}"
    else:
        count = _exported(samples, path, params)
        said = f"written to {params.path}"
    left_out = len(samples) - count
    return {
        "headline": f"{counted(count, 'sample')} {said}; {counted(left_out, 'excluded sample')} left out",
        "count": count,
        "left_out": left_out,
    }


def _into_field(dataset: fo.Dataset, about: str | None, path: str, params: FinalizeParams) -> dict[str, Any]:
    wrong = _count(dataset, about, path)
    if not wrong:
        return {"headline": f"No label in {params.label_field!r} is corrected; nothing to write", "count": 0}
    if not params.confirm:
        raise ParamError(
            f"{counted(wrong, 'given label')} in {params.label_field!r} will be changed to the corrected ones. "
            "Pass confirm=True to do it"
        )
    made = journal.push(
        dataset,
        "relabelled",
        f"corrections written into {params.label_field}",
        None,
        None,
        _changes(dataset, about, path),
    )
    count = len(made.ids) if made is not None else 0
    return {
        "headline": f"{counted(count, 'label')} written into {params.label_field!r}; undo takes it back",
        "count": count,
    }


def _count(dataset: fo.Dataset, about: str | None, path: str) -> int:
    return labels(Rows(every(dataset).view(), about), path, Choice())[1]


def _changes(dataset: fo.Dataset, about: str | None, path: str) -> Iterator[Change]:
    """What is different on each sample or object whose label is corrected."""
    objects = inside(path)
    given, curated = path if objects else path.removesuffix(".label"), curated_field(path)
    root: list[dict[str, Any]] = []
    if objects:
        prefix = f"{objects}."
        given, curated = given.removeprefix(prefix), curated.removeprefix(prefix)
        root = [
            {"$unwind": f"${objects}"},
            {"$replaceRoot": {"newRoot": {"$mergeObjects": [f"${objects}", {"_within": "$_id"}]}}},
        ]
    stages = [*root, {"$project": {given: True, curated: True, "_within": True}}]
    for row in dataset._sample_collection.aggregate(stages):
        old, new = row.get(given), row.get(curated)
        names = [one.get("label") if isinstance(one, dict) else one for one in (old, new)]
        is_copy = isinstance(new, dict) and bool(new.get(COPIED))
        if names[1] is not None and names[0] != names[1] and not is_copy:
            before = {} if old is None else {given: old}
            yield Change(str(row["_id"]), before, {given: new}, str(row.get("_within", "")), objects)


def _clean(samples: fo.DatasetView, path: str, name: str | None) -> fo.Dataset:
    """A copy of what is in use, with working labels in the label field, and without Curator's fields and runs."""
    copy = samples.match_tags(EXCLUDED, bool=False).clone(name)
    if has_curated(copy, path):
        copy._sample_collection.update_many({}, [_corrected(path)])
    for field in object_fields(copy):
        root = root_of(copy, field)
        out = {"$in": [EXCLUDED, {"$ifNull": ["$$one.tags", []]}]}
        kept = {"$filter": {"input": f"${root}", "as": "one", "cond": {"$not": [out]}}}
        copy._sample_collection.update_many({f"{root}.tags": EXCLUDED}, [{"$set": {root: kept}}])
    for key in copy.list_runs():
        copy.delete_run(key)
    for key in copy.list_brain_runs():
        copy.delete_brain_run(key)
    copy.reload()
    schema = copy.get_field_schema(flat=True)
    ours = [field for field, kind in schema.items() if OURS & set(kind.info or {})]
    delete_fields(copy, ours)
    for view in copy.list_saved_views():
        copy.delete_saved_view(view)
    copy.reload()
    return copy


def _corrected(path: str) -> dict[str, Any]:
    """The update that puts curated labels in the place of given ones."""
    objects, curated = inside(path), curated_field(path)
    if not objects:
        given = path.removesuffix(".label")
        is_copy = {"$eq": [{"$ifNull": [f"${curated}.{COPIED}", False]}, True]}
        return {"$set": {given: {"$cond": [is_copy, f"${given}", {"$ifNull": [f"${curated}", f"${given}"]}]}}}
    own, other = (one.removeprefix(f"{objects}.") for one in (path, curated))
    working = {"$mergeObjects": ["$$one", {own: {"$ifNull": [f"$$one.{other}", f"$$one.{own}"]}}]}
    return {"$set": {objects: {"$map": {"input": {"$ifNull": [f"${objects}", []]}, "as": "one", "in": working}}}}


def _exported(samples: fo.DatasetView, path: str, params: FinalizeParams) -> int:
    """Files by FiftyOne's exporter, of a clean copy that goes again."""
    folder = Path(params.path or "").expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParamError(f"FinalizeParams.path must be a new or empty folder; {str(folder)!r} holds something")
    holds_boxes = bool(inside(path))
    if params.into != "fiftyone" and (params.into in OF_BOXES) != holds_boxes and params.into != "csv":
        what = "boxes" if params.into in OF_BOXES else "one class per image"
        raise ParamError(f"The format {params.into!r} is for {what}; {params.label_field!r} holds something else")
    copy = _clean(samples, path, None)
    try:
        if params.into == "image_folder":
            _check_folder_names(copy, path)
        options: dict[str, Any] = {"label_field": params.label_field}
        if params.into == "csv":
            options = {"fields": ["filepath", path]}
        elif params.into == "fiftyone":
            options = {}
        copy.export(export_dir=str(folder), dataset_type=FORMATS[params.into], progress=False, **options)
        return len(copy)
    finally:
        copy.delete()


def _check_folder_names(samples: fo.Dataset, path: str) -> None:
    """Refuse a class that cannot be one folder: with a slash in its name it would come back as another class."""
    names = sorted(name for name in samples.distinct(path) if {"/", "\\"} & set(name) or name in (".", ".."))
    if names:
        raise ParamError(
            f"The class {names[0]!r} cannot be the name of a folder ({counted(len(names), 'class name')} such); "
            "export as csv, or rename it first"
        )


def _warning(dataset: fo.Dataset, given: dict[str, Any]) -> str | None:
    """How many given labels would change."""
    name = given.get("label_field") or "ground_truth"
    if given.get("into", "field") != "field":
        return None
    about = name if name in object_fields(dataset) else None
    count = _count(dataset, about, label_path(dataset, name, about))
    return f"{counted(count, 'given label')} in {name!r} will be changed to the corrected ones." if count else None


ACTION = Action(
    name="finalize",
    label="Make decisions final",
    stage="act",
    params=FinalizeParams,
    run=finalize,
    risk="high",
    warning=_warning,
)
