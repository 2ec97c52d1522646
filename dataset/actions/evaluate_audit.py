"""What the answers of an audit say: how many labels are wrong, how often flags are right, and a corrected quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array, Progress, silent
from ...core.base.columns import Columns
from ...core.base.inputs import JudgedLabels
from ...core.base.params import ParamError, Params, param
from ...core.labels.audit import Answered, Estimate, estimate
from ...core.labels.audit_labels import within
from ..fields.rows import Rows, rows_of
from ..fields.working_set import EXCLUDED
from ..inputs.judged import AUDIT, judged_labels, judging_run
from ..outputs.run_writer import RunWriter
from ..runs import record as runs
from ..runs.record import Run
from .action import Action, counted

FEWEST = 5  # answers


@dataclass(frozen=True, kw_only=True)
class EvaluateAuditParams(Params):
    """Tell from the answers of an audit how many labels are wrong, and correct the quality by them."""

    key: str = param("audit", "Run of audit_labels whose samples you have decided about", reads="run")


def evaluate_audit(samples: fo.DatasetView, params: EvaluateAuditParams, progress: Progress) -> dict[str, Any]:
    """Read the answers, say what they mean for all rows, and write the corrected quality."""
    dataset = samples._root_dataset
    run = runs.get_run(dataset, params.key)
    if run.method != AUDIT or run.status != "done" or run.declaration is None:
        raise ParamError(
            f"EvaluateAuditParams.key must name a finished run of audit_labels; {params.key!r} is a run of "
            f"{run.label!r}, {run.status}"
        )
    judged = judging_run(dataset, "AuditParams.run", str(run.params["run"]))
    progress(0, 2, "reading the answers")
    every = rows_of(dataset.view(), run.patches_field)
    stated = _numbers(every, run, "stated")
    has = np.isfinite(stated)
    rows, stated = every.only(has), stated[has]
    drawn = np.array([one is True for one in _values(rows, run, "is_drawn")], dtype=bool)
    answers = _answers(rows, run, judged_labels(rows, judged), drawn)
    told = int((drawn & (answers >= 0)).sum())
    if told < FEWEST:
        raise ParamError(
            f"An audit is evaluated from {FEWEST} answers on; {told} of {int(drawn.sum())} samples of {run.key!r} are "
            "kept or relabelled: decide about more of them in the Review"
        )
    stratum = np.array([-1 if one is None else one for one in _values(rows, run, "stratum")], dtype=np.int64)
    parts = within(_values(rows, run, "flagged_by"))
    found = estimate(1 - stated, stratum, drawn, answers, parts)
    progress(1, 2, "writing fields")
    facts = {**run.facts, **_facts(found, len(rows), told, drawn, answers)}
    _write(dataset, run, rows, found.quality, facts)
    progress(2, 2, "writing fields")
    return {"headline": facts["headline"], "key": run.key, "answers": told}


def _answers(rows: Rows, run: Run, now: JudgedLabels, drawn: Array) -> Array:
    """(n,) 1 for a wrong label, 0 for a right one, -1 where nobody has said.

    What was drawn is compared with the label that was looked at. An excluded sample says nothing about its label.
    """
    answers = np.where(now.decided >= 0, now.decided, -1)
    tags = rows.values(rows.path("tags"))
    looked_at = _values(rows, run, "label")
    for row in np.flatnonzero(drawn).tolist():
        own = tags[row] or ()
        if EXCLUDED not in own and "relabelled" in own:
            answers[row] = int(now.labels[row] != looked_at[row])
    return answers


def _facts(found: Answered, n: int, told: int, drawn: Array, answers: Array) -> dict[str, Any]:
    """What is kept in the record."""
    wrong = int((answers[drawn] == 1).sum())
    precision = {name: _share(one, found.sizes[name]) for name, one in found.within.items()}
    said = (
        f"{told:,} of {int(drawn.sum()):,} looked at, {wrong:,} wrong: of all {counted(n, 'label')} about "
        f"{round(found.wrong.count):,} are wrong ({round(found.wrong.low):,} to {round(found.wrong.high):,})"
    )
    flags = ", ".join(f"{name} {one['share']:.0%}" for name, one in precision.items())
    return {
        "answered": told,
        "answered_wrong": wrong,
        "decided_otherwise": int(((answers >= 0) & ~drawn).sum()),
        "wrong_labels": {name: round(value) for name, value in _ends(found.wrong).items()},
        "precision": precision,
        "recalibration": {"shift": round(found.shift, 3), "slope": round(found.slope, 3)},
        "headline": said + (f"; of the flags are right: {flags}" if flags else ""),
    }


def _share(part: Estimate, size: int) -> dict[str, float]:
    """A number of wrong labels as a share of the flags: `share`, `low` and `high`."""
    return {name.replace("count", "share"): round(value / size, 3) for name, value in _ends(part).items()}


def _ends(found: Estimate) -> dict[str, float]:
    return {"count": found.count, "low": found.low, "high": found.high}


def _write(dataset: fo.Dataset, run: Run, rows: Rows, quality: Array, facts: Mapping[str, Any]) -> None:
    """The corrected quality, in place of the earlier one."""
    assert run.declaration is not None
    values: dict[str, Any] = {name: _values(rows, run, name) for name in run.writes}
    values["is_drawn"] = np.array([one is True for one in values["is_drawn"]], dtype=bool)
    before = _numbers(rows, run, "quality")
    values |= {"quality": quality, "stated": _numbers(rows, run, "stated")}
    evaluated = replace(run, facts=facts)
    record = runs.start(dataset, evaluated)
    writer = RunWriter(dataset, run.declaration, record, rows)
    try:
        with writer.staging():
            writer.stage(Columns(values), silent, only=np.flatnonzero(quality != before))
        writer.commit(evaluated)
    except BaseException as error:
        runs.give_up(dataset, record, error)
        raise


def _values(rows: Rows, run: Run, column: str) -> list[Any]:
    return rows.values(run.writes[column])


def _numbers(rows: Rows, run: Run, column: str) -> Array:
    return np.array([np.nan if one is None else one for one in _values(rows, run, column)], dtype=np.float64)


ACTION = Action(
    name="evaluate_audit",
    label="Evaluate audit",
    stage="runs",
    params=EvaluateAuditParams,
    run=evaluate_audit,
    risk="medium",
)
