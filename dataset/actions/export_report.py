"""A report on a subset or a classifier as a file to hand on: one self-contained HTML page, or its figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ...core.images.reading import Region, ranges_at
from ...core.pages.small_pictures import small_pictures
from ..fields.rows import Rows, every, root_of
from ..inputs.pictures import files_of
from ..pages import classifier_page
from ..pages.subset_page import page
from ..runs import record as runs
from ..storage.output_files import free_path, new_text
from .action import Action

REPORTED = ("train_classifier", "finetune_classifier")  # methods whose runs are reports by themselves


@dataclass(frozen=True, kw_only=True)
class ExportReportParams(Params):
    """Write a report on a subset or a classifier: one self-contained HTML page, or the figures as JSON."""

    path: str = param(help="File to write: .html or .json; or an existing folder", path="file")
    run: str = param("report", "Report to write: a run of report, or a trained classifier", reads="run")
    compared_with: str | None = param(None, "Second report on a subset, shown beside the first", reads="run")
    overwrite: bool = param(False, "Replace an existing file")


def export_report(samples: fo.DatasetView, params: ExportReportParams, progress: Progress) -> dict[str, Any]:
    """Write the file; it appears when it is complete."""
    dataset = samples._root_dataset
    shown = [report_named(dataset, params.run, params.compared_with is None)]
    shown += [report_named(dataset, params.compared_with, False)] if params.compared_with else []
    name = f"{params.run}.html"
    path = free_path("ExportReportParams.path", params.path, (".html", ".json"), params.overwrite, name)
    if path.suffix.lower() == ".json":
        text = json.dumps([asdict(run) for run in shown], indent=1, ensure_ascii=False)
    elif shown[0].method in REPORTED:
        text = classifier_page.page(dataset.name, shown[0])
    else:
        text = page(dataset.name, shown, thumbnails(dataset, shown[0], progress))
    with new_text(path) as file:
        file.write(text)
    return {"headline": f"Report {params.run!r} written to {path}", "path": str(path)}


def report_named(dataset: fo.Dataset, key: str, classifiers: bool = False) -> runs.Run:
    """The report of that key.

    Args:
        classifiers: a classifier will do too.

    Raises:
        ParamError: the run is no finished report.
    """
    methods = ("report", *REPORTED) if classifiers else ("report",)
    run = runs.get_run(dataset, key)
    if run.method not in methods or run.status != "done":
        known = [one.key for one in runs.list_runs(dataset) if one.method in methods and one.status == "done"]
        there = ", ".join(known) or "none yet, run report first"
        raise ParamError(f"The run {key!r} is no finished report; the reports are: {there}")
    return run


def examples(run: runs.Run) -> list[str]:
    """Ids of the samples, or objects, that a report shows as pictures."""
    kinds: Iterable[list[dict[str, Any]]] = run.facts["clusters"].values()
    return list(dict.fromkeys(one for kind in kinds for cluster in kind for one in cluster["examples"]))


def places(dataset: fo.Dataset, run: runs.Run) -> dict[str, str]:
    """Id of each example → its image file, with the box where it is an object."""
    wanted = set(examples(run))
    if run.patches_field is None:
        shown = Rows(every(dataset).select(list(wanted)), None)
        return dict(zip(shown.ids, files_of(shown), strict=True))
    inside = {f"{root_of(dataset, run.patches_field)}._id": {"$in": [ObjectId(one) for one in wanted]}}
    rows = Rows(every(dataset).match(inside), run.patches_field)
    paths, boxes = files_of(rows), rows.boxes()
    found: dict[str, str] = {}
    for row, one in enumerate(rows.ids):
        if one in wanted:
            left, top, right, bottom = (float(side) for side in boxes[row])
            found[one] = Region(paths[row], (left, top, right, bottom), ranges_at(paths[row]))
    return found


def thumbnails(dataset: fo.Dataset, run: runs.Run, progress: Progress) -> dict[str, str]:
    """Id of each example → a small picture as a data address; those that cannot be read are left out."""
    return small_pictures(places(dataset, run), progress)


ACTION = Action(
    name="export_report",
    label="Export report",
    stage="runs",
    params=ExportReportParams,
    run=export_report,
    risk="medium",
)
