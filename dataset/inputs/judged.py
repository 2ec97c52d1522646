"""What a run said of labels, with what people have decided about them since."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array
from ...core.base.columns import Column
from ...core.base.inputs import JudgedLabels
from ...core.base.params import ParamError
from ..fields.rows import Rows
from ..fields.working_set import EXCLUDED, REVIEWS, Choice, labels
from ..runs import record as runs
from ..runs.record import Run

AUDIT = "audit_labels"


def judging_runs(dataset: fo.Dataset) -> list[str]:
    """Keys of the runs that say how probably each label is right, the newest first."""
    return [run.key for run in reversed(runs.list_runs(dataset)) if _judges(run)]


def judging_run(dataset: fo.Dataset, place: str, name: str) -> Run:
    """The run of that name.

    Raises:
        ParamError: it is none that judges labels.
    """
    known = judging_runs(dataset)
    if name not in known:
        raise ParamError(
            f"{place} must name a finished run of find_label_issues; got {name!r}. There are: "
            f"{', '.join(known) or 'none'}"
        )
    return runs.get_run(dataset, name)


def judged_labels(rows: Rows, run: Run) -> JudgedLabels:
    """What the run said of these rows, and what was decided about them."""
    given = run.reads["labels"]["field"]
    now, _ = labels(rows, given, Choice())
    quality = [np.nan if value is None else value for value in rows.values(_path(rows, run, "quality"))]
    suggested = rows.values(_path(rows, run, "suggestion"))
    return JudgedLabels(now, np.array(quality, dtype=np.float64), suggested, _decided(rows, run, given, now))


def _decided(rows: Rows, run: Run, given: str, now: Sequence[str | None]) -> Array:
    """(n,) what people said of the judged labels.

    "Kept" says that a label is right where it was said in the review of this run or of an audit of it: elsewhere it may
    be about copies. A relabelled one was wrong, unless the run itself judged corrected labels: nobody knows then which.
    """
    own = {run.key, *(one.key for one in runs.list_runs(rows.dataset) if _audits(one, run.key))}
    corrected_before = bool(run.working.get("corrected")) and not run.working.get("given_labels")
    reviewed = rows.dataset.get_field(rows.path(REVIEWS)) is not None
    reviews = rows.values(rows.path(REVIEWS)) if reviewed else [None] * len(rows)
    before = rows.values(given)
    outside = rows.values("tags") if rows.inside else [None] * len(rows)
    found = np.full(len(rows), JudgedLabels.OPEN, dtype=np.int64)
    for row, tags in enumerate(rows.values(rows.path("tags"))):
        tags = tags or ()
        if EXCLUDED in tags or EXCLUDED in (outside[row] or ()):
            found[row] = JudgedLabels.SETTLED
        elif "relabelled" in tags:
            differs = JudgedLabels.WRONG if now[row] != before[row] else JudgedLabels.RIGHT
            found[row] = JudgedLabels.SETTLED if corrected_before else differs
        elif "kept" in tags and own & set(reviews[row] or ()):
            found[row] = JudgedLabels.RIGHT
    return found


def _judges(run: Run) -> bool:
    return run.status == "done" and run.method == "find_label_issues" and "labels" in run.reads


def _audits(run: Run, key: str) -> bool:
    return run.method == AUDIT and run.params.get("run") == key


def _path(rows: Rows, run: Run, role: str) -> str:
    declared = run.declaration
    assert declared is not None  # a run that judges is of a method of this version
    column: Column = next(one for one in declared.writes if one.role == role)
    return run.writes[column.name]
