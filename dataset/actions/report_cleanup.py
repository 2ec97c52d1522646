"""The report of a whole clean-up as one self-contained HTML page: what was found, who decided what, what it has won."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import Params, param
from ...core.catalog import METHODS
from ...core.pages.rendering import rendered
from ...core.pages.small_pictures import small_pictures
from ..decisions import journal
from ..decisions.decisions import REASON
from ..fields.curated_labels import corrections
from ..fields.working_set import EXCLUDED, count_tagged
from ..runs.record import Run, list_runs
from ..storage.output_files import free_path, new_text
from .action import Action
from .check_dataset import NAME as CHECK

PAIRS = 30  # pairs of classes that are listed
EXAMPLES = 3  # pictures of each


@dataclass(frozen=True, kw_only=True)
class ReportCleanupParams(Params):
    """Write a report of the whole clean-up: what was found, who decided what, and what it has won."""

    path: str = param(help="File to write, .html; or an existing folder", path="file")
    overwrite: bool = param(False, "Replace an existing file")


def report_cleanup(samples: fo.DatasetView, params: ReportCleanupParams, progress: Progress) -> dict[str, Any]:
    """Write the page; it is about the whole dataset, whatever the target."""
    dataset = samples._root_dataset
    path = free_path("ReportCleanupParams.path", params.path, (".html",), params.overwrite, "cleanup.html")
    known = list_runs(dataset)
    checks = [run for run in known if run.method == CHECK and run.status == "done" and run.patches_field is None]
    history = list(checks[-1].facts.get("history", ())) if checks else []
    corrected = _corrected(dataset)
    shown = [one for _, _, examples, _ in corrected for ids in examples.values() for one in ids]
    decided = journal.tally(dataset)
    total, out = dataset.count(), count_tagged(dataset, (EXCLUDED,))[EXCLUDED]
    text = rendered(
        "cleanup.html",
        title=f"Clean-up of {dataset.name}",
        run={"headline": _headline(history, total, out, sum(n for *_, n in corrected))},
        when=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        summary=f"{total - out:,} of {total:,} samples in use; {len(history):,} checks",
        kinds=_kinds(history),
        won=_won(history),
        decisions=[{**one, "about": _about(one["question"], known)} for one in decided],
        reasons=_reasons(dataset),
        corrected=corrected,
        pictures=small_pictures(dict(zip(*dataset.select(shown).values(["id", "filepath"]), strict=True)), progress),
    )
    with new_text(path) as file:
        file.write(text)
    return {"headline": f"Report of the clean-up written to {path}", "path": str(path)}


def _headline(history: Sequence[Mapping[str, Any]], total: int, out: int, corrected: int) -> str:
    said = [f"{corrected:,} label{'' if corrected == 1 else 's'} corrected and {out:,} of {total:,} samples excluded"]
    if len(history) > 1:
        first, last = (sum(one["left"].values()) for one in (history[0], history[-1]))
        said.append(f"{first:,} undecided findings became {last:,}")
    return "; ".join(said)


def _kinds(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each kind at the first and at the last check."""
    rows = []
    for method in METHODS:
        looked = [one for one in history if method.name in one["found"]]
        if looked and method.finding is not None:
            first, last = looked[0], looked[-1]
            rows.append(
                {
                    "title": method.finding.title,
                    "first": first["found"][method.name],
                    "found": last["found"][method.name],
                    "left": last["left"].get(method.name, 0),
                }
            )
    return rows


def _won(history: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The simple classifier, check by check, and in words."""
    known = [(number, one) for number, one in enumerate(history, 1) if "classifier" in one]
    if not known:
        return None
    first, last = known[0][1]["classifier"], known[-1][1]["classifier"]
    given = known[-1][1]["with_given_labels"]
    text = (
        f"A simple classifier gets {last['accuracy']:.1%} ({last['low']:.1%} to {last['high']:.1%}) of {last['n']:,} "
        f"held-out images right"
    )
    text += f"; at the first check it was {first['accuracy']:.1%}" if len(known) > 1 else ""
    moved = known[-1][1].get("corrected_held_out", 0)
    text += (
        f". Trained on the same images with the labels as they were given, it gets {given['accuracy']:.1%} of the same "
        f"{last['n']:,}. {moved:,} of the held-out labels are themselves corrected."
    )
    line = {
        "name": "accuracy",
        "sizes": [number for number, _ in known],
        "values": [one["classifier"]["accuracy"] for _, one in known],
        "low": [one["classifier"]["low"] for _, one in known],
        "high": [one["classifier"]["high"] for _, one in known],
    }
    return {"text": text, "lines": [line]}


def _about(question: str | None, known: Sequence[Run]) -> str:
    """What was asked, as people read it."""
    if question is None:
        return "in the grid, beside any review"
    name = next((run.method for run in known if run.key == question), question.split(" ")[0])
    method = next((method for method in METHODS if method.name == name), None)
    fields = question.partition(" ")[2]
    if method is None or method.finding is None:
        return question
    return method.finding.title + (f" ({fields})" if fields else "")


def _reasons(dataset: fo.Dataset) -> list[tuple[str | None, int]]:
    out = dataset.match_tags(EXCLUDED)
    if dataset.get_field(REASON) is None:
        return []
    return sorted(out.count_values(REASON).items(), key=lambda one: -one[1])


def _corrected(
    dataset: fo.Dataset,
) -> list[tuple[str, list[tuple[str | None, str, int]], dict[tuple[str | None, str], list[str]], int]]:
    """Of each label field of images: its name, pairs of classes with counts, some ids of each pair, all corrections."""
    found = []
    for kind in dataset.get_field_schema().values():
        given = (kind.info or {}).get("curates")
        if given is None:
            continue
        changed = corrections(dataset, given)
        ids = [one for one, _ in changed]
        view = dataset.select(ids)
        were = dict(zip(*view.values(["id", given]), strict=True))
        pairs = Counter((were.get(one), now) for one, now in changed)
        examples: dict[tuple[str | None, str], list[str]] = {}
        for one, now in changed:
            examples.setdefault((were.get(one), now), []).append(one)
        most = pairs.most_common(PAIRS)
        some = {pair: examples[pair][:EXAMPLES] for pair, _ in most}
        name = str(given).removesuffix(".label")
        found.append((name, [(*pair, n) for pair, n in most], some, len(changed)))
    return found


ACTION = Action(
    name="report_cleanup",
    label="Report the clean-up",
    stage="runs",
    params=ReportCleanupParams,
    run=report_cleanup,
    risk="medium",
)
