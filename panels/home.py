"""The Curation panel's first page: the stages, what has been run, what no longer holds, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..core.method import Method
from ..dataset.runs import Run
from . import wording

STAGES = (
    ("import", "Bring in", "Use what was computed elsewhere."),
    ("understand", "Understand", "See what is in the dataset."),
    ("clean", "Clean", "Find what should not be in it."),
    ("select", "Select", "Choose what is worth training on."),
)

# What a newcomer should run, in this order, and why now. Methods that are not listed are offered, never urged.
PATH = (
    ("compute_embeddings", "Nearly everything here compares images by their embeddings, so they come first."),
    ("compute_map", "A map shows at a glance which kinds of images there are and which stand alone."),
    (
        "find_label_issues",
        "The samples have labels, and some are probably wrong: find them before anything learns from them.",
    ),
    ("find_representatives", "A few real samples that stand for the rest make a large dataset readable."),
    ("score_importance", "Know which samples matter most to a model before you choose a subset."),
)
NEEDS_LABELS = ("find_label_issues", "score_importance")
POLL_SECONDS = 3


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
        return f"Running, started {wording.ago(run.started)}"
    when = wording.ago(run.finished or run.started)
    if state == "failed":
        return when
    return f"{when} · {wording.samples(run.n, run.word)}" + (" of a view" if run.target == "view" else "")


def board(methods: Sequence[Method], runs: Sequence[Run], stale: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """The stages, each with its methods and the newest run of each.

    Args:
        methods: in the order to show.
        runs: oldest first.
        stale: key → why the run no longer holds.
    """
    by_method: dict[str, list[Run]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).insert(0, run)
    stages = []
    for name, label, about in STAGES:
        rows = [_row(method, by_method.get(method.name, []), stale) for method in methods if method.stage == name]
        if rows:
            stages.append({"name": name, "label": label, "about": about, "methods": rows})
    return stages


def recommend(
    methods: Sequence[Method], runs: Sequence[Run], stale: Mapping[str, str | None], has: Collection[str]
) -> dict[str, Any]:
    """The one thing to do next and why: wait for what runs, mend what is out of date, else follow `PATH`.

    Args:
        has: what the dataset holds that no run made: "labels", "embeddings".
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
    declared = {method.name: method for method in methods}
    for name, why in PATH:
        tried = newest.get(name)
        if name not in declared or (tried and tried.status == "done"):
            continue
        if (name in NEEDS_LABELS and "labels" not in has) or (name == "compute_embeddings" and "embeddings" in has):
            continue
        label = declared[name].label
        action = {"label": label, "event": "run_method", "params": {"method": name}}
        return _step(f"Next: {_lower(label)}", why, action)
    return _step("Nothing is waiting", "Open any result below to look at its pictures and to act on them.", None)


def home(
    methods: Sequence[Method], runs: Sequence[Run], stale: Mapping[str, str | None], has: Collection[str]
) -> dict[str, Any]:
    """The page as the panel's view takes it."""
    return {
        "next": recommend(methods, runs, stale, has),
        "stages": board(methods, runs, stale),
        "poll": POLL_SECONDS if any(_is_running(run) for run in runs) else None,
    }


def _row(method: Method, runs: Sequence[Run], stale: Mapping[str, str | None]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": method.name,
        "label": method.label,
        "help": wording.sentence(method.help),
        "state": "none",
        "said": "Not run",
        "headline": None,
        "reason": None,
        "key": None,
        "others": [],
        "action": {"label": "Run", "event": "run_method", "params": {"method": method.name}},
    }
    if runs:
        newest, *others = runs
        state, reason = state_of(newest, stale.get(newest.key))
        row.update(
            state=state,
            said=said(newest, state),
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
