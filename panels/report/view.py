"""What the Curation Report shows: facts of runs of `report` as rows, bars and curves ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
from fiftyone import ViewField as F

from ...dataset.actions.export_report import examples
from ...dataset.fields.conditions import holds
from ...dataset.pages.subset_page import line_of
from ...dataset.runs.record import Run
from ..shared import patches as objects
from ..shared import scope, wording
from ..shared.buttons import form
from ..shared.payloads import Advice, CurveData
from .payloads import ClassShare, ClassShares, ClusterList, MeasureRow, ReportCell, ReportHistory, ReportPage, ReportRow

MOST_CLASSES = 30
TOLD = ("mean_distance", "rare_clusters", "balanced_accuracy")  # measures in the history
CLUSTERS = {
    "missed": ("Missed", "The largest clusters without a sample in the subset"),
    "sparse": ("Sparse", "The clusters whose samples are least alike"),
    "dense": ("Dense", "The clusters whose samples are most alike"),
}

Data = dict[str, Any]  # facts of a run


def reports_of(runs: Sequence[Run]) -> list[Run]:
    """The finished reports, the newest first."""
    return [run for run in reversed(runs) if run.method == "report" and run.status == "done"]


def first_step(runs: Sequence[Run]) -> Advice:
    """What to do where there is no report yet."""
    done = {run.method for run in runs if run.status == "done"}
    if "select_subset" in done:
        text = "Measure your subset against random ones of the same size: what it covers, and what it misses."
        action = form("Report on a subset", "report")
    elif done & {"compute_embeddings", "import_embeddings", "fuse_embeddings"}:
        text = "Choose a subset first; a tag or a true-or-false field of your own is one too."
        action = form("Select a subset", "select_subset")
    else:
        text = "Compute embeddings first: subsets are chosen and measured by them."
        action = form("Compute embeddings", "compute_embeddings")
    return {"title": "There is no report yet", "text": text, "action": action}


def history(reports: Sequence[Run], open_key: str) -> ReportHistory:
    """All reports side by side, the newest first."""
    titles = [name for name in TOLD if any(name in _values(run) for run in reports)]
    rows: list[ReportRow] = [
        {
            "key": run.key,
            "subset": str(run.params["subset"]),
            "size": f"{run.facts['size']:,}",
            "when": wording.ago(run.finished),
            "open": run.key == open_key,
            "cells": [_cell(_values(run).get(name)) for name in titles],
        }
        for run in reports
    ]
    return {"titles": [wording.title(name) for name in titles], "rows": rows}


def page(dataset: fo.Dataset, run: Run, other: Run | None, stale: str | None) -> ReportPage:
    """One report, with the figures of another beside it."""
    facts = run.facts
    beside = _values(other) if other is not None else {}
    return {
        "key": run.key,
        "subset": str(run.params["subset"]),
        "headline": run.headline,
        "said": f"{run.key} · {wording.ago(run.finished)} · {facts['seeds']} random subsets of "
        f"{wording.samples(facts['size'], run.word)}",
        "stale": wording.sentence(stale) if stale else None,
        "other": {"key": other.key, "subset": str(other.params["subset"])} if other is not None else None,
        "measures": [_measure(one, beside.get(one["name"])) for one in facts["measures"]],
        "curves": _curves(facts),
        "by_size": [
            {
                "label": f"{one['clusters']:,} clusters of {one['smallest']:,} to {one['largest']:,}{_beside(one)}",
                "touched": one["touched"],
                "random": one["random_touched"],
            }
            for one in facts["by_cluster_size"]
        ],
        "classes": _classes(facts),
        "clusters": _clusters(dataset, run),
    }


def members(dataset: fo.Dataset, run: Run) -> Any:
    """The condition that a sample is in the subset; None where the subset is a saved slice."""
    name = str(run.params["subset"])
    field = (run.reads.get("subset") or {}).get("field", name)
    if field == "tags":
        return holds("tags", name)
    if isinstance(dataset.get_field(field), fof.BooleanField):
        return F(objects.seen(run, field)) == True  # noqa: E712
    return None


def _values(run: Run) -> dict[str, Data]:
    return {one["name"]: one for one in run.facts["measures"]}


def _cell(one: Data | None) -> ReportCell:
    if one is None:
        return {"text": "–", "verdict": "alike"}
    return {"text": wording.number(one["value"]), "verdict": one["verdict"]}


def _measure(one: Data, other: Data | None) -> MeasureRow:
    """A row: texts, and places between 0 and 1 along a line from the worst to the best value that is shown."""
    shown = [one["value"], *one["random"], *([other["value"]] if other else [])]
    low, high = min(shown), max(shown)

    def place(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(share if one["best"] == "high" else 1 - share, 4)

    return {
        "name": one["name"],
        "title": wording.title(one["name"]),
        "said": f"{one['said']} ({one['best']} is good)",
        "value": wording.number(one["value"]),
        "random": f"{wording.number(one['random_mean'])} ± {wording.number(one['random_spread'], one['random_mean'])}",
        "verdict": one["verdict"],
        "place": place(one["value"]),
        "random_places": [place(value) for value in one["random"]],
        "other": wording.number(other["value"]) if other else None,
        "other_place": place(other["value"]) if other else None,
    }


def _curves(facts: Mapping[str, Any]) -> list[CurveData]:
    points = facts.get("curve") or []
    if len(points) < 2:
        return []
    names = [one for one in facts["measures"] if all(one["name"] in point["subset"] for point in points)]
    return [
        {
            "name": one["name"],
            "title": wording.title(one["name"]),
            "said": f"{one['said']} ({one['best']} is good)",
            "lines": [
                line_of(points, one["name"], which, said)
                for which, said in (("subset", "the subset"), ("random", "random subsets"))
            ],
        }
        for one in names
    ]


def _beside(third: Data) -> str:
    spread = third.get("random_spread")
    return "" if spread is None else f"; random {third['random_touched']:.0%} ± {spread:.0%}"


def _expected(one: Data) -> str:
    if "random" not in one:
        return ""
    return f"; random: {wording.number(one['random'])} ± {wording.number(one['random_spread'])}"


def _classes(facts: Mapping[str, Any]) -> ClassShares | None:
    classes = facts.get("classes")
    if not classes:
        return None
    whole, own = (sum(one[which] for one in classes) or 1 for which in ("set", "subset"))
    rows: list[ClassShare] = [
        {
            "name": one["name"],
            "n": one["subset"],
            "subset": one["subset"] / own,
            "set": one["set"] / whole,
            "said": f"{one['subset']:,} of {one['set']:,}" + _expected(one),
        }
        for one in classes[:MOST_CLASSES]
    ]
    left = len(classes) - len(rows)
    return {"rows": rows, "hidden": f"{left:,} smaller classes are not shown" if left > 0 else None}


def _clusters(dataset: fo.Dataset, run: Run) -> list[ClusterList]:
    shown = {"path": scope.picture(dataset, run.patches_field)}
    where = {one["id"]: one["path"] for one in scope.values(dataset, run.patches_field, examples(run), shown)}
    return [
        {
            "kind": kind,
            "title": title,
            "said": said,
            "rows": [
                {
                    "cluster": one["cluster"],
                    "text": f"{one['chosen']:,} of {one['size']:,} chosen; random: {wording.number(one['expected'])}",
                    "pictures": [
                        {"id": example, "path": where[example], "caption": ""}
                        for example in one["examples"]
                        if example in where
                    ],
                }
                for one in run.facts["clusters"][kind]
            ],
        }
        for kind, (title, said) in CLUSTERS.items()
        if run.facts["clusters"][kind]
    ]
