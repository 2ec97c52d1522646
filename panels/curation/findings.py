"""What was found, kind by kind, as it is now: how much is left to decide, what it was at first, and its first pictures.

A kind is a question (`dataset/decisions/questions.py`): of several runs that ask the same, the newest is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos

from ...core.base.method import SEVERITIES, Finding, Method
from ...core.base.params import domains, roles
from ...dataset.actions.check_dataset import NAME
from ...dataset.fields.working_set import EXCLUDED
from ...dataset.runs.freshness import Freshness
from ...dataset.runs.record import Run
from ..review import review_queue as queue
from ..review.review_queue import Source, Waiting
from ..shared import wording
from ..shared.payloads import Action
from ..shared.scope import Scope
from .advice import Asked
from .payloads import FoundKind

PICTURES = 4  # of each kind


@dataclass(frozen=True)
class Found:
    """One kind of issue.

    Attributes:
        source: the run that points at it, as something to review.
        finding: how it reads.
        waiting: what is left of it.
        stale: why the run does not hold; None while it does.
        by_work: only people's decisions have made it so.
    """

    source: Source
    finding: Finding
    waiting: Waiting
    stale: str | None
    by_work: bool

    @property
    def asked(self) -> Asked:
        """The same as the advice takes it."""
        left, marked = self.waiting.left, self.waiting.marked
        holds = self.stale is None or self.by_work
        return Asked(self.source.key, self.finding.title, left, marked, self.waiting.expected, holds, self.source.word)


def found_in(view: fo.DatasetView, runs: Sequence[Run], fresh: Freshness, labels: str | None) -> list[Found]:
    """What was found and can be decided about, the serious first, then what has most left.

    Args:
        view: of samples, to count in; of objects all are counted.
        labels: path of the given labels.
    """
    dataset = view._root_dataset
    samples = dataset.view() if view._is_patches else view
    newest: dict[str, Source] = {}
    for source in queue.sources(runs, dataset.get_field_schema(), labels):
        marks = source.flag is not None  # else the field of its marks is gone: nothing is known, not "none found"
        if marks and source.run.declaration is not None and source.run.declaration.finding is not None:
            newest.setdefault(source.question.name, source)
    kinds = []
    for source in newest.values():
        finding = source.run.declaration.finding if source.run.declaration else None
        assert finding is not None
        counted = queue.waiting(source, Scope(samples, source.field), PICTURES)
        if finding.of_classes:
            counted = replace(counted, marked=_classes(source, Scope(samples, source.field)), left=0, expected=None)
        stale = fresh.stale_reason(source.key)
        kinds.append(Found(source, finding, counted, stale, bool(stale) and fresh.is_by_decisions(source.key)))
    return sorted(kinds, key=lambda one: (SEVERITIES.index(one.finding.severity), -one.waiting.left))


def history_of(runs: Sequence[Run], field: str | None = None) -> list[dict[str, Any]]:
    """What the checks of the images, or of the objects of a field, have found so far, the first one first."""
    checks = [run for run in runs if run.method == NAME and run.patches_field == field and run.status == "done"]
    return [dict(one) for one in checks[-1].facts.get("history", ())] if checks else []


def cards(kinds: Sequence[Found], runs: Sequence[Run]) -> list[FoundKind]:
    """Each kind as the dashboard shows it."""
    checked = {issue["run"]: issue for run in runs if run.method == NAME for issue in run.facts.get("issues", ())}
    return [_card(one, history_of(runs, one.source.field), checked.get(one.source.key)) for one in kinds]


def _card(one: Found, history: Sequence[Mapping[str, Any]], checked: Mapping[str, Any] | None) -> FoundKind:
    run, left, marked = one.source.run, one.waiting.left, one.waiting.marked
    if one.finding.of_classes:
        return _about_classes(one, checked)
    method = run.method
    counts = [int(check["left"].get(method, 0)) for check in history if method in check["found"]]
    first, curve = counts[0] if counts else marked, [*counts, left]
    said = []
    if left:
        if one.waiting.expected is not None:
            said.append(f"about {round(one.waiting.expected):,} of them are wrong")
        if left < marked:
            said.append(f"{marked - left:,} of {marked:,} decided")
    elif marked:
        said.append(f"all {marked:,} decided")
    else:
        said.append("none found")
    if one.source.labels and run.declaration is not None and _needs_labels(run.declaration):
        said.append(f"labels of {one.source.labels}")
    looked = f"{checked['checked']:,} of {checked['of']:,} checked" if checked else _looked(run)
    review: Action = {"label": f"Review {left:,}", "event": "review", "params": {"key": run.key}}
    look: Action = {"label": "Look", "event": "open_run", "params": {"key": run.key}}
    shown: Action = {"label": "In the grid", "event": "show_issue", "params": {"value": run.key}}
    return {
        "key": run.key,
        "title": one.finding.title,
        "severity": one.finding.severity,
        "first": first if first != left else None,
        "now": left,
        "text": " · ".join([*said, looked]),
        "means": one.finding.sentence,
        "pictures": [{"id": one_id, "path": path} for one_id, path in one.waiting.first],
        "curve": curve if len(set(curve)) > 1 else [],  # a line that is level tells nothing
        "stale": wording.sentence(f"Out of date: {one.stale}") if one.stale else None,
        "action": review if left else look,
        "look": shown if left else None,
    }


def _classes(source: Source, scope: Scope) -> int:
    """How many classes a run points at: the values of its mark among the samples in use."""
    used = {scope.own("tags"): {"$ne": EXCLUDED}}
    marked = scope.add(queue.condition(source)).add(fos.Match(used))
    return len(list(marked.aggregate([{"$group": {"_id": f"${source.flag}"}}])))


def _about_classes(one: Found, checked: Mapping[str, Any] | None) -> FoundKind:
    """A kind that says something of whole classes: there is nothing to decide sample by sample."""
    run, count = one.source.run, one.waiting.marked
    looked = f"{checked['checked']:,} of {checked['of']:,} checked" if checked else _looked(run)
    told = str(run.facts.get("told_by") or run.headline) if count else "none found"
    return {
        "key": run.key,
        "title": one.finding.title,
        "severity": one.finding.severity,
        "first": None,
        "now": count,
        "text": " · ".join([told, looked]),
        "means": one.finding.sentence,
        "pictures": [{"id": one_id, "path": path} for one_id, path in one.waiting.first] if count else [],
        "curve": [],
        "stale": wording.sentence(f"Out of date: {one.stale}") if one.stale else None,
        "action": {"label": "Look", "event": "open_run", "params": {"key": run.key}},
        "look": {"label": "In the grid", "event": "show_issue", "params": {"value": run.key}} if count else None,
    }


def _needs_labels(method: Method) -> bool:
    """Whether what it finds is about the labels; others only use them where there are some."""
    known = domains(method.params)
    return any(role == "labels" and not known[name].optional for name, role in roles(method.params).items())


def _looked(run: Run) -> str:
    total = run.n + run.skipped
    return f"{run.n:,} of {total:,} checked" if run.skipped else f"{run.n:,} checked"
