"""The page of a check: what was found, the serious first, what is left of it, and what it has won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos

from ...core.base.curves import CurveLine
from ...dataset.actions.check_dataset import NAME
from ...dataset.fields import marks
from ...dataset.runs.record import Run, list_runs
from ..review import review_queue as queue
from ..shared import aggregations as reading
from ..shared import grid_filter as showing
from ..shared import patches as objects
from ..shared import wording
from ..shared.buttons import form
from ..shared.payloads import Action, CurveData, Showing
from . import findings, home
from .findings import Found
from .payloads import RunPage


def _name(gap: Mapping[str, str]) -> str:
    """The kind that was not checked; records of earlier versions name the method."""
    return gap.get("title") or gap["method"]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def is_checkup(run: Run) -> bool:
    """Whether a run is the summary of a check."""
    return run.method == NAME


def page(run: Run, stale: str | None, kinds: Sequence[Found], runs: Sequence[Run]) -> RunPage:
    """The page in the form of a run's page, with the kinds that were looked for in place of its lists.

    Args:
        stale: why the run no longer holds.
        kinds: everything that was found on the dataset.
        runs: all of the dataset.
    """
    word, reason = home.state_of(run, stale)
    history = findings.history_of(runs, run.patches_field)
    facts = {
        "nothing found": run.facts.get("fine"),
        **{f"not checked: {_lower(_name(one))}": one["why"] for one in run.facts.get("not_checked", ())},
        **{f"not checked: {_lower(_name(one))}": one["why"] for one in run.facts.get("not_here", ())},
    }
    return {
        "key": run.key,
        "label": label(run),
        "state": word,
        "said": home.said(run, word),
        "progress": {"share": run.progress.get("share"), "said": home.said(run, word), "poll": home.POLL_SECONDS}
        if word == "running"
        else None,
        "headline": run.headline or None,
        "reason": reason,
        "about": "What was found, the most serious first, and how much of it is left to decide.",
        "note": None,
        "actions": [_again(run), {"label": "Forget", "event": "forget"}],
        "scores": [],
        "score": None,
        "ends": [],
        "matrix": None,
        "quadrants": None,
        "curve": _accuracy(history),
        "lists": [],
        "kinds": findings.cards([one for one in kinds if one.source.key in run.reads], runs),
        "facts": wording.facts(facts),
        "settings": [],
    }


def _accuracy(history: Sequence[Mapping[str, Any]]) -> CurveData | None:
    """The simple classifier on the held-out images, check by check, where there are two at least."""
    known = [(number, one["classifier"]) for number, one in enumerate(history, 1) if "classifier" in one]
    if len(known) < 2:
        return None
    line: CurveLine = {
        "name": "accuracy",
        "dashed": False,
        "sizes": [number for number, _ in known],
        "values": [one["accuracy"] for _, one in known],
        "low": [one["low"] for _, one in known],
        "high": [one["high"] for _, one in known],
    }
    return {
        "name": "accuracy",
        "title": "What it has won",
        "said": "Accuracy of a simple classifier on the same held-out images, check by check; with 95 % intervals.",
        "lines": [line],
    }


def _again(run: Run) -> Action:
    return form("Check again", NAME, {"patches_field": run.patches_field} if run.patches_field else None)


def label(run: Run) -> str:
    """What was checked."""
    return "Check of the dataset" if run.patches_field is None else f"Check of the objects in {run.patches_field}"


def show_issue(ctx: Any, key: str) -> None:
    """Show the samples of one kind in the grid: those that nobody has decided about, or all where all are decided."""
    condition = _condition(ctx.dataset, key)
    if condition is None:
        return
    run = _run(ctx.dataset, key)
    declared = run.declaration
    title = declared.finding.title if declared and declared.finding else key
    stage: fos.ViewStage = fos.Match(condition)
    if run.patches_field is None:
        listed = list_runs(ctx.dataset)
        source = queue.source_of(run, ctx.dataset.get_field_schema(), reading.given_labels(ctx.dataset, listed), listed)
        left = queue.undecided_only(source, ctx.dataset) if source is not None else None
        if left is not None and ctx.dataset.add_stage(left).limit(1).count():
            stage = left
    shown: Showing = {"event": "show_issue", "column": "", "value": key, "text": title.lower()}
    showing.show(ctx, stage, shown)


def _condition(dataset: fo.Dataset, key: str) -> Any:
    """What a run points at, in the words of the view that shows it; None where the run is gone, or its fields."""
    if key not in dataset.list_runs():
        return None
    run = _run(dataset, key)
    column = run.declaration.marking if run.declaration else None
    if column is None or dataset.get_field(run.writes.get(column.name, "")) is None:
        return None
    return marks.expression(column, objects.seen(run, run.writes[column.name]))


def _run(dataset: fo.Dataset, key: str) -> Run:
    return next(run for run in list_runs(dataset) if run.key == key)
