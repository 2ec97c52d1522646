"""The page of a check of the whole dataset: what was found, the serious first; one click to the grid, one to Review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos

from ...core.base.method import SEVERITIES
from ...dataset.actions.check_dataset import NAME
from ...dataset.fields import marks
from ...dataset.runs.record import Run, list_runs
from ..review import review_queue as queue
from ..shared import aggregations as reading
from ..shared import grid_filter as showing
from ..shared import patches as objects
from ..shared import wording
from . import home

TITLES = {"serious": "Serious", "moderate": "Worth mending", "minor": "Worth a look"}


def _name(gap: Mapping[str, str]) -> str:
    """The kind that was not checked; records of earlier versions name the method."""
    return gap.get("title") or gap["method"]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def is_checkup(run: Run) -> bool:
    """Whether a run is the summary of a check."""
    return run.method == NAME


def page(run: Run, stale: str | None, view: fo.DatasetView) -> dict[str, Any]:
    """The page in the form of a run's page: a list for each degree of severity, a button to review each kind.

    Args:
        stale: why the run no longer holds.
        view: what the pictures are taken from.
    """
    dataset = view._root_dataset
    word, reason = home.state_of(run, stale)
    issues = [issue for issue in run.facts.get("issues", ()) if _condition(dataset, issue["run"]) is not None]
    runs = list_runs(dataset)
    given = reading.given_labels(dataset, runs)
    reviewable = {source.key for source in queue.sources(runs, dataset.get_field_schema(flat=True), given)}
    reviews = [
        {
            "label": f"Review {issue['title'][:1].lower()}{issue['title'][1:]}",
            "event": "review",
            "params": {"key": issue["run"]},
        }
        for issue in issues
        if issue["run"] in reviewable
    ]
    facts = {
        "nothing found": run.facts.get("fine"),
        **{f"not checked: {_lower(_name(one))}": one["why"] for one in run.facts.get("not_checked", ())},
        **{f"not checked: {_lower(_name(one))}": one["why"] for one in run.facts.get("not_here", ())},
    }
    return {
        "key": run.key,
        "label": _label(run),
        "state": word,
        "said": home.said(run, word),
        "progress": None,
        "headline": run.headline or None,
        "reason": reason,
        "about": f"What was found, the most serious first. A row shows its {run.word}s in the grid.",
        "note": None,
        "actions": [*reviews, {"label": "Check again", **_again(run)}, {"label": "Forget", "event": "forget"}],
        "scores": [],
        "score": None,
        "ends": [],
        "matrix": None,
        "quadrants": None,
        "curve": None,
        "lists": [
            _listing(severity, [issue for issue in issues if issue["severity"] == severity], run, view)
            for severity in SEVERITIES
            if any(issue["severity"] == severity for issue in issues)
        ],
        "facts": wording.facts(facts),
        "settings": [],
    }


def on_home(page: dict[str, Any], runs: Sequence[Run], stale: Mapping[str, str | None]) -> dict[str, Any]:
    """The Curation panel's first page with the newest checks, of images and of objects, at its top; or the way to one.

    Args:
        stale: key → why the run no longer holds.
    """
    newest = {run.patches_field: run for run in runs if is_checkup(run)}
    rows = [_row(run, stale.get(run.key)) for run in newest.values()] or [_first()]
    stage = {"name": "check", "label": "Check", "about": "Everything at once.", "methods": rows}
    return {**page, "stages": [stage, *page["stages"]]}


def _first() -> dict[str, Any]:
    """The row where nothing has been checked yet."""
    return {
        "name": NAME,
        "label": "Check the dataset",
        "help": "Look for wrong labels, copies, leaks, bad files, outliers and shortcuts, whichever apply here.",
        "state": "none",
        "said": "Not run",
        "progress": None,
        "headline": None,
        "reason": None,
        "key": None,
        "others": [],
        "action": {"label": "Run", "event": "run_method", "params": {"method": NAME}},
    }


def _row(run: Run, stale: str | None) -> dict[str, Any]:
    word, reason = home.state_of(run, stale)
    return {
        "name": NAME,
        "label": _label(run),
        "help": "What was found, the most serious first.",
        "state": word,
        "said": home.said(run, word),
        "progress": run.progress.get("share") if word == "running" else None,
        "headline": run.headline or None,
        "reason": reason,
        "key": run.key,
        "others": [],
        "action": {"label": "Check again", **_again(run)},
    }


def _again(run: Run) -> dict[str, Any]:
    about = {} if run.patches_field is None else {"given": {"patches_field": run.patches_field}}
    return {"event": "run_method", "params": {"method": NAME, **about}}


def _label(run: Run) -> str:
    return "Check of the dataset" if run.patches_field is None else f"Check of the objects in {run.patches_field}"


def show_issue(ctx: Any, key: str) -> None:
    """Show the samples of one kind in the grid."""
    condition = _condition(ctx.dataset, key)
    if condition is not None:
        declared = _run(ctx.dataset, key).declaration
        title = declared.finding.title if declared and declared.finding else key
        shown = {"event": "show_issue", "column": "", "value": key, "text": title.lower()}
        showing.show(ctx, fos.Match(condition), shown)


def _listing(severity: str, issues: Sequence[dict[str, Any]], run: Run, view: fo.DatasetView) -> dict[str, Any]:
    rows = []
    for issue in issues:
        found = view.match(_condition(view._root_dataset, issue["run"]))
        shown = [{"$limit": 1}, {"$project": {"path": reading.picture_of(view)}}]
        first: dict[str, Any] = {"id": None, "path": None}
        for one in found._aggregate(post_pipeline=shown):
            first = {"id": str(one["_id"]), "path": one["path"]}
        row: dict[str, Any] = {
            "value": issue["run"],
            "label": issue["title"],
            "n": found.count(),
            "note": issue["said"],
            "mean": None,
        }
        rows.append({**row, **first})
    return {
        "column": severity,
        "title": TITLES[severity],
        "said": f"{len(rows)} kind{'' if len(rows) == 1 else 's'} of issues.",
        "rows": rows,
        "event": "show_issue",
        "size": f"{run.word.title()}s",
        "mean": None,
        "hidden": None,
    }


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
