"""The page of a check of the whole dataset: what was found, the serious first; one click to the grid, one to Review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos

from ..dataset.checkup import FINDINGS, KEY, NAME, SEVERITIES
from ..dataset.runs import Run, list_runs
from . import home, showing, wording

__all__ = ["KEY", "is_checkup", "on_home", "page", "show_issue"]

TITLES = {"serious": "Serious", "moderate": "Worth mending", "minor": "Worth a look"}


def is_checkup(run: Run) -> bool:
    """Whether a run is the summary of a check."""
    return run.method == NAME


def page(run: Run, stale: str | None, view: fo.DatasetView) -> dict[str, Any]:
    """The page in the form of a run's page: a list for each degree of severity, a button to review each kind.

    Args:
        stale: why the run no longer holds.
        view: what the pictures are taken from.
    """
    word, reason = home.state_of(run, stale)
    issues = [
        issue for issue in run.facts.get("issues", ()) if _condition(view._root_dataset, issue["run"]) is not None
    ]
    again = {"label": "Check again", "event": "run_method", "params": {"method": NAME}}
    reviews = [
        {
            "label": f"Review {issue['title'][:1].lower()}{issue['title'][1:]}",
            "event": "review",
            "params": {"key": issue["run"]},
        }
        for issue in issues
    ]
    facts = {
        "nothing found": run.facts.get("fine"),
        **{one["method"]: one["why"] for one in run.facts.get("not_checked", ())},
    }
    return {
        "key": run.key,
        "label": "Check of the dataset",
        "state": word,
        "said": home.said(run, word),
        "headline": run.headline or None,
        "reason": reason,
        "about": "What was found, the most serious first. A row shows its samples in the grid.",
        "note": None,
        "actions": [*reviews, again, {"label": "Forget", "event": "forget"}],
        "scores": [],
        "score": None,
        "ends": [],
        "matrix": None,
        "quadrants": None,
        "lists": [
            _listing(severity, [issue for issue in issues if issue["severity"] == severity], view)
            for severity in SEVERITIES
            if any(issue["severity"] == severity for issue in issues)
        ],
        "facts": wording.facts(facts),
        "settings": [],
    }


def on_home(page: dict[str, Any], runs: Sequence[Run], stale: str | None) -> dict[str, Any]:
    """The Curation panel's first page with the newest check at its top, where there is one."""
    run = next((run for run in reversed(runs) if is_checkup(run)), None)
    if run is None:
        return page
    word, reason = home.state_of(run, stale)
    row: dict[str, Any] = {
        "name": NAME,
        "label": "Check of the dataset",
        "help": "What was found, the most serious first.",
        "state": word,
        "said": home.said(run, word),
        "progress": run.progress.get("share") if word == "running" else None,
        "headline": run.headline or None,
        "reason": reason,
        "key": run.key,
        "others": [],
        "action": {"label": "Check again", "event": "run_method", "params": {"method": NAME}},
    }
    stage = {"name": "check", "label": "Check", "about": "Everything at once.", "methods": [row]}
    return {**page, "stages": [stage, *page["stages"]]}


def show_issue(ctx: Any, key: str) -> None:
    """Show the samples of one kind in the grid."""
    condition = _condition(ctx.dataset, key)
    if condition is not None:
        title = next(finding.title for finding in FINDINGS if finding.method == _run(ctx.dataset, key).method)
        shown = {"event": "show_issue", "column": "", "value": key, "text": title.lower()}
        showing.show(ctx, fos.Match(condition), shown)


def _listing(severity: str, issues: Sequence[dict[str, Any]], view: fo.DatasetView) -> dict[str, Any]:
    rows = []
    for issue in issues:
        found = view.match(_condition(view._root_dataset, issue["run"]))
        ids, paths = found.limit(1).values(["id", "filepath"])
        first = {"id": ids[0] if ids else None, "path": paths[0] if paths else None}
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
        "size": "Samples",
        "mean": None,
        "hidden": None,
    }


def _condition(dataset: fo.Dataset, key: str) -> Any:
    """The samples that a run points at; None where the run is gone, or its fields."""
    if key not in dataset.list_runs():
        return None
    run = _run(dataset, key)
    finding = next((one for one in FINDINGS if one.method == run.method), None)
    if finding is None or dataset.get_field(run.writes.get(finding.column, "")) is None:
        return None
    return finding.condition(run)


def _run(dataset: fo.Dataset, key: str) -> Run:
    return next(run for run in list_runs(dataset) if run.key == key)
