"""The catalogue of methods, stage by stage: what has been run, and what no longer holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...core.base.method import Method
from ...core.base.params import domains
from ...dataset.actions.action import Action as DatasetAction
from ...dataset.inputs.sources import TAGS
from ...dataset.runs.record import Run
from ..shared import wording
from ..shared.buttons import form
from ..shared.payloads import Action
from .payloads import Act, MethodRow, MethodState, Stage

STAGES = (
    ("import", "Bring in", "Use what was computed elsewhere."),
    ("understand", "Understand", "See what is in the dataset."),
    ("clean", "Clean", "Find what should not be in it."),
    ("select", "Select", "Choose what is worth training on."),
)

POLL_SECONDS = 2
OF_A_RUN = ("evaluate_audit", "forget_run", "move_threshold", "rerun")  # actions that stand on the page of a run


def state_of(run: Run, stale: str | None) -> tuple[MethodState, str | None]:
    """A run's state in one word, and the sentence behind it.

    Args:
        stale: why the run no longer holds, as `Freshness` says.
    """
    if run.is_interrupted:
        return "failed", "Interrupted: the program that ran it has ended. Run it again, or forget it."
    if run.status == "running":
        return "running", None
    if run.is_cancelled:
        return "failed", "Cancelled. Try it again, or forget it."
    if run.status == "failed":
        return "failed", wording.sentence(f"Failed: {run.error or 'no reason was recorded'}")
    return ("stale", wording.sentence(f"Out of date: {stale}")) if stale else ("done", None)


def said(run: Run, state: str) -> str:
    """When, and on how many samples."""
    if state == "running":
        doing = run.progress.get("doing")
        return f"Running, started {wording.ago(run.started)}" + (f": {doing}" if doing else "")
    when = wording.ago(run.finished or run.started)
    if state == "failed":
        return when
    return f"{when} · {wording.samples(run.n, run.word)}" + (" of a view" if run.target == "view" else "")


def board(
    methods: Sequence[Method], runs: Sequence[Run], stale: Mapping[str, str | None], has: Collection[str]
) -> list[Stage]:
    """The stages, each with its methods and the newest run of each.

    Args:
        methods: in the order to show.
        runs: oldest first.
        stale: key → why the run no longer holds.
        has: what there is to start from: "labels", "embeddings".
    """
    by_method: dict[str, list[Run]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).insert(0, run)
    stages: list[Stage] = []
    for name, label, about in STAGES:
        rows = [_row(method, by_method.get(method.name, []), stale, has) for method in methods if method.stage == name]
        if rows:
            stages.append({"name": name, "label": label, "about": about, "methods": rows})
    return stages


def todo(methods: Sequence[Method], runs: Sequence[Run], has: Collection[str]) -> Method | None:
    """The next of the methods that everyone should run.

    Args:
        has: what there is to start from: "labels", "embeddings".
    """
    newest = {run.method: run for run in runs}
    for method in methods:
        tried = newest.get(method.name)
        if not method.why_now or (tried and tried.status == "done") or missing(method, has):
            continue
        if not (method.makes_vectors and "embeddings" in has):
            return method
    return None


def missing(method: Method, has: Collection[str]) -> list[str]:
    """What the method reads unless told otherwise and the dataset does not have yet: "embeddings", "labels"."""
    needed = [domain.reads for domain in domains(method.params).values() if domain.default not in (None, TAGS)]
    return [role for role in ("embeddings", "labels") if role in needed and role not in has]


def label_of(run: Run) -> str:
    """A run's name, with its key where that is not the method's own."""
    own = run.declaration.key if run.declaration else run.key
    return run.label if run.key == own else f"{run.label} ({run.key})"


def act(action: DatasetAction) -> Act:
    """The button of an action."""
    does = form(action.label, action.name)
    return {"help": wording.sentence(action.help), "action": does}


def _row(method: Method, runs: Sequence[Run], stale: Mapping[str, str | None], has: Collection[str]) -> MethodRow:
    lacking = missing(method, has)
    row: MethodRow = {
        "name": method.name,
        "label": method.label,
        "help": wording.sentence(method.help),
        "state": "none",
        "said": f"Needs {' and '.join(lacking)} first" if lacking else "Not run",
        "progress": None,
        "headline": None,
        "reason": None,
        "key": None,
        "others": [],
        "action": None if lacking else form("Run", method.name),
    }
    if runs:
        newest = next((run for run in runs if run.status != "failed" and not run.is_interrupted), runs[0])
        others = [run for run in runs if run is not newest]
        state, reason = state_of(newest, stale.get(newest.key))
        row["state"], row["reason"] = state, reason
        row["said"] = said(newest, state)
        row["progress"] = newest.progress.get("share") if state == "running" else None
        row["headline"] = newest.headline or None
        row["key"] = newest.key
        row["action"] = _again(method, newest, state)
        row["others"] = [{"key": run.key, "state": state_of(run, stale.get(run.key))[0]} for run in others]
    return row


def _again(method: Method, run: Run, state: MethodState) -> Action | None:
    """The same once more where it is out of date, another run beside it where it is not."""
    if state == "running":
        return None
    if state == "stale" and run.is_repeatable:
        return {"label": "Run again", "event": "rerun", "params": {"key": run.key}}
    return form("New run", method.name)


def is_running(run: Run) -> bool:
    """Whether a living process works on it."""
    return run.status == "running" and not run.is_interrupted
