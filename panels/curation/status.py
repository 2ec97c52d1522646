"""Where the curation of a dataset stands, as plain JSON: for agents, scripts and whoever has no panel open."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types

from ...core.catalog import METHODS
from ...dataset.actions.check_dataset import NAME as CHECK
from ...dataset.runs.freshness import Freshness
from ...dataset.runs.record import Run, list_runs
from ..shared import aggregations as reading
from . import findings, home
from .dashboard import next_for, starting_points, summary_of
from .payloads import Step

NAME = "status"
VERSION = 1  # of the answer; grows when a name in it changes its meaning


def status(dataset: fo.Dataset) -> dict[str, Any]:
    """What is done, out of date, running and failed, what was found and is left, and what to do next.

    Args:
        dataset: of images; read only.

    Returns:
        "version" of this answer, "dataset", "summary" in a sentence; "runs", oldest first, each with "key", "method",
        "state" ("done", "stale", "running" or "failed"), "why" where it is stale or failed, "headline", "samples" and,
        while it runs, "share" in [0, 1] and "doing"; "findings", the serious first, each with "title", "severity",
        "run", how many there were at first ("found") and are undecided ("left"); "not_checked", kinds that the newest
        check could not look at, each with "kind" and "why"; "accuracy" of a classifier on the held-out part at the
        newest check, or None; "next", with "state", "title", "text" and, where an operator does it, "operator" and
        its "params".
    """
    runs = list_runs(dataset)
    fresh, labels = Freshness(dataset, runs), reading.given_labels(dataset, runs)
    kinds = findings.found_in(dataset.view(), runs, fresh, labels)
    history = findings.history_of(runs)
    checks = [run for run in runs if run.method == CHECK and run.status == "done"]
    gaps = checks[-1].facts.get("not_checked", ()) if checks else ()
    step = next_for(METHODS, runs, kinds, fresh, starting_points(dataset, runs))
    return {
        "version": VERSION,
        "dataset": dataset.name,
        "summary": summary_of(dataset, history),
        "runs": [_run(run, fresh.stale_reason(run.key)) for run in runs],
        "findings": [_finding(one) for one in kinds],
        "not_checked": [{"kind": gap.get("title") or gap["method"], "why": gap["why"]} for gap in gaps],
        "accuracy": history[-1].get("classifier", {}).get("accuracy") if history else None,
        "next": _step(step),
    }


def _run(run: Run, stale: str | None) -> dict[str, Any]:
    state, why = home.state_of(run, stale)
    told: dict[str, Any] = {"key": run.key, "method": run.method, "state": state, "why": why}
    told |= {"headline": run.headline or None, "samples": run.n}
    if state == "running":
        told |= {"share": run.progress.get("share"), "doing": run.progress.get("doing")}
    return told


def _finding(found: findings.Found) -> dict[str, Any]:
    return {
        "title": found.finding.title,
        "severity": found.finding.severity,
        "run": found.source.key,
        "found": found.waiting.marked,
        "left": found.waiting.left,
    }


def _step(step: Step) -> dict[str, Any]:
    """The advice, with the operator that its button opens in place of the panel's event."""
    told: dict[str, Any] = {"state": step["state"], "title": step["title"], "text": step["text"]}
    action = step["action"]
    if action is not None:
        params = dict(action.get("params") or {})
        if action["event"] == "run_method":
            told |= {"operator": params.pop("method"), "params": params.get("given") or {}}
        elif action["event"] == "rerun":
            told |= {"operator": "rerun", "params": params}
    return told


class Status(foo.Operator):  # type: ignore[misc]
    """Tell where the curation of the open dataset stands."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Listed: people may read it too."""
        return foo.OperatorConfig(
            name=NAME,
            label="Curator: status as JSON",
            description="What is done, out of date, running and next, what was found and is left, as JSON",
            risk_level=types.RiskLevel.LOW,
            icon="data_object",
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """The status, or why there is none."""
        if ctx.dataset is None:
            return {"version": VERSION, "dataset": None, "summary": "No dataset is open."}
        return status(ctx.dataset)

    def resolve_output(self, ctx: Any) -> types.Property:
        """The same, to be read."""
        outputs = types.Object()
        for name in ("summary", "runs", "findings", "not_checked", "accuracy", "next"):
            outputs.define_property(name, types.List(types.Object()), label=name, view=types.JSONView())
        return types.Property(outputs, view=types.View(label="Status"))
