"""Moves the threshold of a run that kept its pairs, such as find_duplicates: grouped anew, without searching again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array, Progress, silent
from ...core.base.columns import Columns
from ...core.base.params import ParamError, Params, param
from .. import curate
from ..outputs.run_writer import RunWriter
from ..runs import record as runs
from ..storage import arrays as store
from .action import Action, counted


@dataclass(frozen=True, kw_only=True)
class MoveThresholdParams(Params):
    """Change the threshold of a run that found copies or leaks, at once and without a new search."""

    key: str = param(help="Run of find_duplicates or find_leaks", reads="run")
    threshold: float = param(help="Lowest cosine similarity of near copies", above=0, at_most=1)


def move_threshold(samples: fo.DatasetView, params: MoveThresholdParams, progress: Progress) -> dict[str, Any]:
    """Group the run's pairs anew and write what changed."""
    dataset = samples._root_dataset
    run = runs.get_run(dataset, params.key)
    declared = run.declaration
    if declared is None or declared.move is None or run.status != "done":
        raise ParamError(
            f"MoveThresholdParams.key must name a finished run of find_duplicates or find_leaks; "
            f"{params.key!r} is a run of {run.label!r}, {run.status}"
        )
    kept = store.kept(dataset, run.key, run.patches_field)
    if kept is None:
        raise ParamError(
            f"What the run {run.key!r} kept is not on this machine; run it again with threshold={params.threshold:g}"
        )
    arrays, into = kept
    given = declared.params.from_dict(run.params)
    progress(0, 2, "grouping")
    before, after = run.facts["threshold"], declared.move(arrays, given, params.threshold)
    as_now = before is not None and run.method_version == declared.version  # else its fields mean something else
    old = declared.move(arrays, given, before) if as_now else None
    rows = np.arange(len(into)) if old is None else _changed(old, after, run.writes)
    if after.rows is not None:
        rows = rows[after.rows[rows]]
    progress(1, 2, "writing fields")
    headline = curate.said_of(into, after.facts["headline"])
    facts = {**run.facts, **after.facts, "headline": headline, "moved_from": before}
    moved = replace(
        run, facts=facts, params={**run.params, "threshold": params.threshold}, method_version=declared.version
    )
    record = runs.start(dataset, moved)
    writer = RunWriter(dataset, declared, record, into)
    try:
        with writer.staging():
            writer.stage(replace(after, values={name: after.values[name] for name in run.writes}), silent, only=rows)
        writer.commit(moved)
    except BaseException as error:
        runs.give_up(dataset, record, error)
        raise
    progress(2, 2, "writing fields")
    return {
        "headline": f"{headline}; {counted(len(rows), into.word)} changed",
        "key": run.key,
        "changed": len(rows),
    }


def _changed(one: Columns, other: Columns, names: Iterable[str]) -> Array:
    """Rows that differ in any column."""
    differ = np.zeros(len(next(iter(one.values.values()))), dtype=bool)
    for name in names:
        a, b = (np.asarray(columns.values[name]) for columns in (one, other))
        same = (a == b) | ((a != a) & (b != b))
        differ |= ~(same if same.ndim == 1 else same.all(axis=1))
    return np.flatnonzero(differ)


ACTION = Action(
    name="move_threshold",
    label="Move threshold",
    stage="runs",
    params=MoveThresholdParams,
    run=move_threshold,
    risk="medium",
)
