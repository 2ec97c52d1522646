"""Objects in the panels: seen through FiftyOne's patches views, in which every object is a sample of its own.

So what the panels ask of a view of samples, they ask of a patches view in the same words. A patches view is a copy that
FiftyOne makes; the last one is kept until something in the dataset changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.stages as fos

from ...core.base.columns import Point
from ...dataset.fields.rows import KINDS, root_of
from ...dataset.runs import record as runs
from ...dataset.runs.record import Run

MAKERS = (fos.ToPatches, fos.ToEvaluationPatches, fos.ToFrames, fos.ToClips, fos.ToTrajectories)
OWN = ("bounding_box", "points", "mask")  # numbers of labels that are no vectors

_KEPT: dict[tuple[Any, ...], fo.DatasetView] = {}


def about(ctx: Any) -> str | None:
    """The field whose objects the panel is about; None for images."""
    if "panel_id" not in ctx.params:
        return None
    field: str | None = ctx.panel.get_state("objects")
    return field


def seen(run: Run, path: str) -> str:
    """A path as the view of the run's objects has it: "objects.detections.score" → "objects.score"."""
    for kind in KINDS:
        inside = f"{run.patches_field}.{kind._LABEL_LIST_FIELD}."
        if run.patches_field is not None and path.startswith(inside):
            return f"{run.patches_field}.{path.removeprefix(inside)}"
    return path


def map_path(run: Run) -> str | None:
    """The field of the points that a run made; None where it makes none."""
    columns = run.declaration.writes if run.declaration else ()
    return next((run.writes.get(column.name) for column in columns if column.type is Point), None)


def patches(
    dataset: fo.Dataset, source: fo.DatasetView, field: str, later: Sequence[fos.ViewStage], mark: str
) -> fo.DatasetView:
    """The objects of a view of samples, narrowed by later stages.

    Vectors stay behind: they would be copied, and nothing is seen of them. The points of maps are chosen by.

    Args:
        mark: of the stages that are made here, by which they are told from the user's.
    """
    newest = dataset._sample_collection.find_one({}, {"last_modified_at": True}, sort=[("last_modified_at", -1)]) or {}
    stages = repr([stage._serialize(include_uuid=False) for stage in source._stages])
    key = (str(dataset._doc.id), field, stages, newest.get("last_modified_at"), dataset.last_modified_at)
    made = _KEPT.get(key)
    if made is None or not fo.dataset_exists(made._dataset.name):
        _KEPT.clear()
        made = source
        classes = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
        made_by = [fos.ExcludeFields(hidden) if (hidden := _vectors(dataset, field)) else None]
        made_by.append(fos.ToPatches(field, other_fields=list(classes) or None))
        for stage in made_by:
            if stage is not None:
                stage._uuid = mark
                made = made.add_stage(stage)
        _KEPT[key] = made
    for stage in later:
        made = made.add_stage(stage)
    return made


def _vectors(dataset: fo.Dataset, field: str) -> list[str]:
    root = root_of(dataset, field)
    inside: dict[str, fof.Field] = dataset.get_field(root).field.get_field_schema()
    vectors = {f"{root}.{name}" for name, kind in inside.items() if runs.is_vector_field(kind) and name not in OWN}
    return sorted(vectors - {map_path(run) for run in runs.list_runs(dataset)})
