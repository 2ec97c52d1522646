"""The Curation panel's first page: the stages, what has been run, what no longer holds, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...core.base.method import Method
from ...core.base.params import domains
from ...dataset.actions.action import Action
from ...dataset.inputs.sources import TAGS
from ...dataset.runs.record import Run
from ..shared import wording

STAGES = (
    ("import", "Bring in", "Use what was computed elsewhere."),
    ("understand", "Understand", "See what is in the dataset."),
    ("clean", "Clean", "Find what should not be in it."),
    ("select", "Select", "Choose what is worth training on."),
)

POLL_SECONDS = 2
OF_A_RUN = ("evaluate_audit", "forget_run", "move_threshold", "rerun")  # actions that stand on the page of a run


def state_of(run: Run, stale: str | None) -> tuple[str, str | None]:
    """A run's state in one word, and the sentence behind it.

    Args:
        stale: why the run no longer holds, as `Freshness` says.
    """
    if run.is_interrupted:
        return "failed", "Interrupted: the program that ran it has ended. Run it again, or forget it."
    if run.status == "running":
        return "running", None
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
) -> list[dict[str, Any]]:
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
    stages = []
    for name, label, about in STAGES:
        rows = [_row(method, by_method.get(method.name, []), stale, has) for method in methods if method.stage == name]
        if rows:
            stages.append({"name": name, "label": label, "about": about, "methods": rows})
    return stages


def recommend(
    methods: Sequence[Method], runs: Sequence[Run], stale: Mapping[str, str | None], has: Collection[str]
) -> dict[str, Any]:
    """The one thing to do next and why: wait for what runs, mend what is out of date, else the next of the methods that
    everyone should run.

    Args:
        has: what there is to start from: "labels", "embeddings".
    """
    newest = {run.method: run for run in runs}
    running = [run for run in runs if _is_running(run)]
    if running:
        return _step(f"{running[-1].label} is running", "Its results appear here when it ends.", None)
    for method in methods:
        run = newest.get(method.name)
        if run is not None and run.status == "done" and stale.get(run.key) and run.target == "dataset":
            action = {"label": "Run again", "event": "rerun", "params": {"key": run.key}}
            why = wording.sentence(f"{method.label} is out of date: {stale[run.key]}")
            return _step(f"Next: {_lower(method.label)} again", why, action)
    for method in methods:
        tried = newest.get(method.name)
        if not method.why_now or (tried and tried.status == "done") or missing(method, has):
            continue
        if method.makes_vectors and "embeddings" in has:
            continue
        action = {"label": method.label, "event": "run_method", "params": {"method": method.name}}
        return _step(f"Next: {_lower(method.label)}", method.why_now, action)
    return _step("Nothing is waiting", "Open any result below to look at its pictures and to act on them.", None)


def missing(method: Method, has: Collection[str]) -> list[str]:
    """What the method reads unless told otherwise and the dataset does not have yet: "embeddings", "labels"."""
    needed = [domain.reads for domain in domains(method.params).values() if domain.default not in (None, TAGS)]
    return [role for role in ("embeddings", "labels") if role in needed and role not in has]


def review_step(run: Run, n: int) -> dict[str, Any]:
    """What to do where every method has run: decide about what one of them marked."""
    action = {"label": "Review", "event": "review", "params": {"key": run.key}}
    text = f"{run.label} marked {wording.samples(n, run.word)} that nobody has decided about."
    return _step("Next: review what was found", text, action)


def home(
    methods: Sequence[Method],
    actions: Sequence[Action],
    runs: Sequence[Run],
    stale: Mapping[str, str | None],
    has: Collection[str],
) -> dict[str, Any]:
    """The page as the panel's view takes it."""
    return {
        "next": recommend(methods, runs, stale, has),
        "stages": board(methods, runs, stale, has),
        "acts": [_act(action) for action in actions if action.name not in OF_A_RUN],
        "poll": POLL_SECONDS if any(_is_running(run) for run in runs) else None,
    }


def _act(action: Action) -> dict[str, Any]:
    does = {"label": action.label, "event": "run_method", "params": {"method": action.name}}
    return {"help": wording.sentence(action.help), "action": does}


def _row(method: Method, runs: Sequence[Run], stale: Mapping[str, str | None], has: Collection[str]) -> dict[str, Any]:
    lacking = missing(method, has)
    row: dict[str, Any] = {
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
        "action": None if lacking else {"label": "Run", "event": "run_method", "params": {"method": method.name}},
    }
    if runs:
        newest, *others = runs
        state, reason = state_of(newest, stale.get(newest.key))
        row.update(
            state=state,
            said=said(newest, state),
            progress=newest.progress.get("share") if state == "running" else None,
            headline=newest.headline or None,
            reason=reason,
            key=newest.key,
            action=_again(method, newest, state),
            others=[{"key": run.key, "state": state_of(run, stale.get(run.key))[0]} for run in others],
        )
    return row


def _again(method: Method, run: Run, state: str) -> dict[str, Any] | None:
    """The same once more where it is out of date, another run beside it where it is not."""
    if state == "running":
        return None
    if state == "stale" and run.target == "dataset":
        return {"label": "Run again", "event": "rerun", "params": {"key": run.key}}
    return {"label": "New run", "event": "run_method", "params": {"method": method.name}}


def _step(title: str, text: str, action: dict[str, Any] | None) -> dict[str, Any]:
    return {"title": title, "text": text, "action": action}


def _is_running(run: Run) -> bool:
    return run.status == "running" and not run.is_interrupted


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]
