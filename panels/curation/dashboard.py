"""The Curation panel's first page: one thing to do next, what was found, what is left of it, and what it has won.

Everything is read from fields and run records as they are now; the methods stand behind one line at its foot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ...core.base.method import Method
from ...dataset.actions.action import Action
from ...dataset.actions.check_dataset import NAME
from ...dataset.fields.working_set import EXCLUDED, count_tagged
from ...dataset.inputs.evidence import measured
from ...dataset.inputs.sources import vector_sources
from ...dataset.runs.freshness import Freshness
from ...dataset.runs.record import Run
from ..shared import wording
from ..shared.buttons import form
from ..shared.payloads import Action as Button
from . import check_page as checkup
from . import findings, home
from .advice import CHECK_AGAIN, Situation, next_step
from .payloads import EvidenceCard, Failed, Gap, Gaps, Going, HistoryLine, Home, Step, Won


def dashboard(
    view: fo.DatasetView,
    methods: Sequence[Method],
    actions: Sequence[Action],
    runs: Sequence[Run],
    fresh: Freshness,
    has: set[str],
    labels: str | None,
) -> Home:
    """The page as the panel's view takes it.

    Args:
        view: of samples, which the findings are counted in.
        has: what there is to start from: "labels", "embeddings".
        labels: path of the given labels.
    """
    stale = {run.key: reason for run in runs if (reason := fresh.stale_reason(run.key))}
    kinds = findings.found_in(view, runs, fresh, labels)
    history = findings.history_of(runs)
    going = [run for run in runs if home.is_running(run)]
    return {
        "summary": summary_of(view._root_dataset, history),
        "next": next_for(methods, runs, kinds, fresh, has),
        "running": [_going(run) for run in going],
        "failed": [_failed(run) for run in runs if home.state_of(run, None)[0] == "failed"],
        "evidence": _evidence(runs),
        "findings": findings.cards(kinds, runs),
        "gaps": _gaps(runs),
        "won": _won(history),
        "history": [_check(one) for one in reversed(history)],
        "stages": home.board(methods, runs, stale, has),
        "acts": [home.act(action) for action in actions if action.name not in home.OF_A_RUN],
        "poll": home.POLL_SECONDS if going else None,
    }


def starting_points(dataset: fo.Dataset, runs: Sequence[Run]) -> set[str]:
    """What the dataset holds that a method can start from: "labels" that were given, "embeddings" of any origin."""
    own = {path for run in runs for path in run.writes.values()}
    given = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    has = {"labels"} if any(path not in own for path in given) else set()
    return has | ({"embeddings"} if vector_sources(dataset) else set())


def next_for(
    methods: Sequence[Method],
    runs: Sequence[Run],
    kinds: Sequence[findings.Found],
    fresh: Freshness,
    has: set[str],
) -> Step:
    """The one thing to do next.

    Args:
        kinds: what was found.
        has: what there is to start from: "labels", "embeddings".
    """
    stale = {run.key: reason for run in runs if (reason := fresh.stale_reason(run.key))}
    newest = {run.method: run for run in runs}
    whole = {
        run.key: stale[run.key]
        for run in newest.values()
        if run.key in stale and run.is_repeatable and run.method != NAME
    }
    checks = [run for run in runs if run.method == NAME and run.status == "done"]
    now = Situation(
        running=[run for run in runs if home.is_running(run)],
        asked=[one.asked for one in kinds],
        stale=whole,
        by_work=[key for key in whole if fresh.is_by_decisions(key)],
        labels={run.key: run.label for run in runs},
        checked=bool(checks),
        of_check={
            run.key for run in runs if run.declaration and (run.declaration.finding or run.declaration.makes_vectors)
        },
        todo=home.todo(methods, runs, has),
    )
    return next_step(now)


def summary_of(dataset: fo.Dataset, history: Sequence[Mapping[str, Any]]) -> str:
    """The working set in one line, as it is now."""
    total, tagged = dataset.count(), count_tagged(dataset, (EXCLUDED, "relabelled"))
    out, corrected = tagged[EXCLUDED], tagged["relabelled"]
    said = [f"{total - out:,} of {total:,} samples in use" if out else wording.samples(total)]
    said += [f"{corrected:,} relabelled"] if corrected else []
    said += [f"{out:,} excluded"] if out else []
    if history:
        said.append(f"checked {wording.ago(history[-1]['when'])}")
    return " · ".join(said)


def _going(run: Run) -> Going:
    return {"key": run.key, "label": _name(run), "said": home.said(run, "running"), "share": run.progress.get("share")}


def _failed(run: Run) -> Failed:
    """One line: what failed, why, and what can be done about it."""
    _, why = home.state_of(run, None)
    again = form("Try again", run.method)
    if run.is_repeatable and run.declaration is not None:
        again = {"label": "Try again", "event": "rerun", "params": {"key": run.key}}
    forget: Button = {"label": "Forget", "event": "forget", "params": {"key": run.key}}
    return {"key": run.key, "label": _name(run), "why": why, "actions": [again, forget]}


def _name(run: Run) -> str:
    return checkup.label(run) if checkup.is_checkup(run) else home.label_of(run)


def _evidence(runs: Sequence[Run]) -> EvidenceCard | None:
    """How well the embeddings tell the classes, as the newest run that judged labels by them has measured it."""
    for one in measured(runs):
        action = form("Other embeddings", "compute_embeddings")
        return {
            "word": one.strength,
            "text": wording.sentence(f"The vectors of {one.embeddings} {one.sentence}"),
            "share": one.told["value"],
            "action": action if one.strength != "good" else None,
        }
    return None


def _gaps(runs: Sequence[Run]) -> Gaps | None:
    """What the newest checks did not look at, and why; None where they looked at everything."""
    newest = {run.patches_field: run for run in runs if run.method == NAME and run.status == "done"}
    titles: dict[str, list[str]] = {}
    for run in newest.values():
        for gap in run.facts.get("not_checked", ()):
            titles.setdefault(gap["why"], []).append(gap.get("title") or gap["method"])
    rows: list[Gap] = [{"title": ", ".join(kinds), "why": wording.sentence(why)} for why, kinds in titles.items()]
    return {"rows": rows, "action": CHECK_AGAIN} if rows else None


def _won(history: Sequence[Mapping[str, Any]]) -> Won | None:
    """Accuracy of the simple classifier on the held-out part, now against at first."""
    known = [one for one in history if "classifier" in one]
    if not known:
        return None
    now, first = known[-1]["classifier"], known[0]["classifier"]
    text = f"A simple classifier, asked for {now['n']:,} held-out images"
    if known[-1].get("corrected"):
        text += f"; trained on the labels as they were given: {known[-1]['with_given_labels']['accuracy']:.1%}"
    return {
        "text": text,
        "first": f"{first['accuracy']:.1%}" if len(known) > 1 else None,
        "now": f"{now['accuracy']:.1%}",
        "interval": f"{now['low']:.1%} to {now['high']:.1%}",
        "curve": [one["classifier"]["accuracy"] for one in known],
        "action": {"label": "Report", "event": "report_cleanup"},
    }


def _check(one: Mapping[str, Any]) -> HistoryLine:
    """A line of the history."""
    left = sum(one["left"].values())
    said = [wording.samples(one["n"]), f"{sum(one['found'].values()):,} found, {left:,} undecided"]
    if one.get("corrected"):
        said.append(f"{one['corrected']:,} labels corrected")
    if one.get("excluded"):
        said.append(f"{one['excluded']:,} excluded")
    if "classifier" in one:
        said.append(f"accuracy {one['classifier']['accuracy']:.1%}")
    return {"when": wording.ago(one["when"]), "text": " · ".join(said)}
