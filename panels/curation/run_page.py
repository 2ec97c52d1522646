"""The page of one run: what it found, its score's spread, its ends as pictures, its groups as lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import fiftyone as fo

from ...core.base.params import domains
from ...core.classifiers.value_of_cleaning import lines
from ...dataset.actions.export_report import REPORTED
from ...dataset.inputs.judged import AUDIT
from ...dataset.runs.record import Run
from ..shared import aggregations as reading
from ..shared import wording
from ..shared.buttons import form
from ..shared.payloads import Action, CurveData, Fact, Picture
from ..shared.run_layout import Layout, Part
from . import home, overlap, quadrants
from .matrix import matrix
from .payloads import End, HistogramData, Listing, Row, RunPage, RunProgress, Score, Which
from .quadrants import Axes

PICTURES = 6
MOST_GROUPS = 50
MIXED = 3  # largest confusions whose classes are of interest
MOST_CLASSES = 40  # histograms of single classes
LONGEST_HELP = 56  # a help text whose beginning is no name gives way to the parameter's own
NOISE = (  # what facts["classes"] says of a class: its name there, its heading, what it means
    ("noise_in", "Noise in", "Share of the samples with this label that belong to another class"),
    ("noise_out", "Noise out", "Share of this class's samples that carry another label"),
)
CHOSEN: Literal["chosen"] = "chosen"  # stands for the order of choice beside the ends of a score
GIVEN = "__given__"  # stands for the given labels where events name a column


def page(
    run: Run, stale: str | None, view: fo.DatasetView, parts: Layout, axes: Axes | None, state: Mapping[str, Any]
) -> RunPage:
    """Everything the view of a run needs.

    Args:
        stale: why the run no longer holds.
        view: what the figures are about.
        axes: of the plot of quadrants, on the pages that have one.
        state: what the user chose: `score`, `pages` ({"best": 0, "worst": 0}).
    """
    word, reason = home.state_of(run, stale)
    score = parts.score(state.get("score"))
    pages: Mapping[str, int] = state.get("pages") or {}
    return {
        "key": run.key,
        "label": run.label,
        "state": word,
        "said": f"{run.key} · {home.said(run, word)}",
        "progress": progress(run) if word == "running" else None,
        "headline": run.headline or None,
        "reason": reason,
        "about": wording.sentence(run.declaration.help) if run.declaration else "",
        "note": _note(run, parts),
        "actions": _actions(run, parts),
        "scores": [{"column": part.name, "title": part.title} for part in parts.scores],
        "score": _score(view, score, parts.labels) if score else None,
        "ends": ends(view, parts, score, pages),
        "matrix": matrix(view, parts, run.facts.get("joint")),
        "quadrants": quadrants.plot(reading.both(view, axes.x, axes.y), axes) if axes else None,
        "curve": curve(run.facts.get("curating")),
        "lists": lists(view, parts, run.facts),
        "kinds": [],
        "facts": wording.facts(run.facts),
        "settings": _settings(run),
    }


def progress(run: Run) -> RunProgress:
    """How far a running run is."""
    said = f"{run.key} · {home.said(run, 'running')}"
    return {"share": run.progress.get("share"), "said": said, "poll": home.POLL_SECONDS}


def ends(view: fo.DatasetView, parts: Layout, score: Part | None, pages: Mapping[str, int]) -> list[End]:
    """Pictures from both ends of the score, where any sample has it, and the first in the order of choice."""
    asked: list[tuple[Which, Part | None]] = [("worst", score), ("best", score), (CHOSEN, parts.rank)]
    found = [end(view, parts, part, which, int(pages.get(which, 0))) for which, part in asked if part is not None]
    return [one for one in found if one["pictures"] or one["page"]]


def end(view: fo.DatasetView, parts: Layout, score: Part, which: Which, number: int) -> End:
    """Six samples from one end of a score, as pictures.

    Args:
        score: the column; of the order of choice its rank.
        which: "worst" or "best", without a declared direction the lowest and the highest; "chosen", the lowest rank.
        number: page of six, from 0.
    """
    high = is_high_end(score, which)
    also = [path for path in (parts.labels, parts.label and parts.label.path) if path]
    rows = reading.ends(view, score.path, also, reverse=high, skip=number * PICTURES, limit=PICTURES + 1)
    titles = {"worst": "Worst", "best": "Best"} if score.column.best else {"worst": "Lowest", "best": "Highest"}
    titles[CHOSEN] = "Chosen first"
    return {
        "which": which,
        "title": titles[which],
        "said": said_of_end(score, which),
        "pictures": [_picture(row, parts, score) for row in rows[:PICTURES]],
        "page": number,
        "more": len(rows) > PICTURES,
    }


def said_of_end(score: Part, which: Which) -> str:
    """What stands first: "Dark: lowest first", which holds for titles that are no nouns too."""
    if which == CHOSEN:
        return "In the order of choice"
    return f"{score.title}: {'highest' if is_high_end(score, which) else 'lowest'} first"


def is_high_end(score: Part, which: Which) -> bool:
    """Whether that end of the score is its high one."""
    return which != CHOSEN and (which == "best") == (score.column.best != "low")


def lists(view: fo.DatasetView, parts: Layout, facts: Mapping[str, Any]) -> list[Listing]:
    """What was marked, the run's groups, overlapping classes, and given labels with what the run says of each."""
    found = [_flag_list(view, parts)] if parts.flags else []
    found += [_group_list(view, parts, part) for part in parts.groups]
    if (overlapping := overlap.listing(view, parts, facts)) is not None:
        found.append(overlapping)
    if parts.given:
        found.append(_with_noise(_given_list(view, parts), facts))
    return [listing for listing in found if listing["rows"]]


def _flag_list(view: fo.DatasetView, parts: Layout) -> Listing:
    score = parts.score(None)
    flags = {part.name: part.path for part in parts.flags}
    found = reading.flagged(view, flags, score.path if score else None, _worst_low(score))
    rows = [
        _row(part.name, part.title, found[part.name], note=wording.sentence(part.column.description))
        for part in parts.flags
    ]
    return _listing("", "Marked samples", "Samples that this run points at.", rows, "show_flag")


def _group_list(view: fo.DatasetView, parts: Layout, part: Part) -> Listing:
    found, total = _groups(view, parts, part.path)
    prefix = f"{part.title} " if part.column.type is int else ""
    rows = [_row(group["value"], f"{prefix}{group['value']}", group) for group in found]
    title = f"{part.title} · {total:,} group{'' if total == 1 else 's'}"
    return _with_columns(_listing(part.name, title, part.said, rows, "show_group"), parts, found, total)


def _given_list(view: fo.DatasetView, parts: Layout) -> Listing:
    assert parts.given is not None
    found, total = _groups(view, parts, parts.given)
    if not parts.flags:
        rows = [_row(group["value"], str(group["value"]), group) for group in found]
        said = "Each class and its size."
        return _with_columns(_listing(GIVEN, "Given labels", said, rows, "show_group"), parts, found, total)
    mark = parts.flags[0].title
    rows = [
        _row(group["value"], str(group["value"]), {**group, "n": group["flagged"]}, note=f"of {group['n']:,}")
        for group in found
    ]
    said = f"Each class and how many of its samples are marked “{mark.lower()}”."
    listing = _with_columns(_listing(GIVEN, "Given labels", said, rows, "show_group"), parts, found, total)
    listing["size"] = mark
    return listing


def _with_noise(listing: Listing, facts: Mapping[str, Any]) -> Listing:
    """The given labels with the shares of wrong labels that the run estimates, where it does for each class."""
    classes = facts.get("classes")
    classes = [one for one in classes if isinstance(one, dict)] if isinstance(classes, list) else []
    known = {one["class"]: one for one in classes if all(name in one for name, _, _ in NOISE)}
    if not known:
        return listing
    for row in listing["rows"]:
        one = known.get(row["value"])
        row["more"] = [one[name] if one else None for name, _, _ in NOISE]
    listing["more"] = [{"title": title, "said": said} for _, title, said in NOISE]
    listing["said"] += " The noise is estimated on all samples of the run."
    return listing


def _groups(view: fo.DatasetView, parts: Layout, path: str) -> tuple[list[dict[str, Any]], int]:
    score = parts.score(None)
    return reading.groups(
        view,
        path,
        flag=parts.flags[0].path if parts.flags else None,
        score=score.path if score else None,
        worst_low=_worst_low(score),
        most=MOST_GROUPS,
    )


def _with_columns(listing: Listing, parts: Layout, found: Sequence[Any], total: int) -> Listing:
    """The list with the heading of its means, and with how many groups it leaves out."""
    score = parts.score(None)
    if score and any(one["mean"] is not None for one in found):
        listing["mean"] = f"Mean {score.title.lower()}"
    if total > len(found):
        listing["hidden"] = f"The {len(found)} largest of {total:,}."
    return listing


def _listing(column: str, title: str, said: str, rows: list[Row], event: str) -> Listing:
    return {
        "column": column,
        "title": title,
        "said": said,
        "rows": rows,
        "event": event,
        "size": "Samples",
        "mean": None,
        "hidden": None,
    }


def _row(value: Any, label: str, found: Mapping[str, Any], note: str | None = None) -> Row:
    return {
        "value": value,
        "label": label,
        "n": found["n"],
        "id": found["id"],
        "path": found["path"],
        "mean": found.get("mean"),
        "note": note,
    }


def _score(view: fo.DatasetView, score: Part, labels: str | None) -> Score:
    spread = reading.spread(view, score.path, by=labels)
    return {
        "column": score.name,
        "title": score.title,
        "said": score.said,
        "histogram": histogram(spread, score) if spread else None,
    }


def histogram(spread: reading.Spread, score: Part) -> HistogramData:
    """The histogram as the view draws it, its ends named good and bad."""
    best = score.column.best
    scale = max(abs(spread.edges[0]), abs(spread.edges[-1]))
    low, high = wording.number(spread.edges[0], scale), wording.number(spread.edges[-1], scale)
    ends = {"low": ("best", "worst"), "high": ("worst", "best")}.get(best or "")
    return {
        "edges": spread.edges,
        "counts": spread.counts,
        "low": f"{low} · {ends[0]}" if ends else low,
        "high": f"{high} · {ends[1]}" if ends else high,
        "classes": [{"name": name, "counts": counts} for name, counts in list(spread.by.items())[:MOST_CLASSES]],
        "hidden": f"The {MOST_CLASSES} largest of {len(spread.by):,} classes"
        if len(spread.by) > MOST_CLASSES
        else None,
        "missing": f"{wording.samples(spread.missing)} without a value" if spread.missing else None,
    }


def curve(found: Mapping[str, Any] | None) -> CurveData | None:
    """What cleaning and size are worth, where a classifier was tested on trusted samples."""
    if not found:
        return None
    return {
        "name": "curating",
        "title": "What cleaning is worth",
        "said": f"Share right of {wording.samples(found['held_out'], 'trusted sample')}, over how many others were "
        "learned from; with 95 % intervals.",
        "lines": lines(dict(found)),
    }


def _picture(row: Mapping[str, Any], parts: Layout, score: Part) -> Picture:
    given = row.get(parts.labels) if parts.labels else None
    suggested = row.get(parts.label.path) if parts.label else None
    if given and suggested and given != suggested:
        note: str | None = f"{given} → {suggested}"
    else:
        note = given or suggested
    return {"id": row["id"], "path": row["filepath"], "caption": wording.number(row[score.path]), "note": note}


def _worst_low(score: Part | None) -> bool:
    return score is not None and score.column.best == "high"


def _note(run: Run, parts: Layout) -> str | None:
    if run.declaration is None:
        return f"This version of Curator does not know the method {run.method!r}; its fields are still there."
    if parts.gone and run.status == "done":
        return f"Fields of this run were deleted: {', '.join(parts.gone)}. Run it again to get them back."
    return None


def _actions(run: Run, parts: Layout) -> list[Action]:
    """The buttons that do something for this run as it stands."""
    done = run.status == "done"
    actions: list[Action] = []
    if done and (parts.scores or parts.groups or parts.flags):
        actions.append({"label": "Save a slice", "event": "save_slice"})
        actions.append({"label": "Export a list", "event": "export"})
    if done and (parts.marks or any(part.column.best for part in parts.scores)):
        actions.insert(0, {"label": "Review", "event": "review"})
    if done and run.method in REPORTED:
        actions.append({"label": "Write a report", "event": "write_report"})
    if done and (mixed := _mixed_classes(run)):
        given = {name: run.params.get(name) for name in ("embeddings", "label_field")} | {"classes_of_interest": mixed}
        actions.append(form("Importance of the classes mixed up", "score_importance", given))
    if done and parts.has_order:
        actions.insert(0, {"label": "Show in this order", "event": "show_order"})
    if done and run.declaration is not None and run.declaration.move is not None:
        actions.append({"label": "Move the threshold", "event": "move_threshold"})
    if done and run.method == "find_label_issues":
        given = {"run": run.key, "label_field": run.params.get("label_field")}
        actions.append(form("Audit", AUDIT, given))
    if done and run.method == AUDIT:
        actions.append(form("Evaluate the answers", "evaluate_audit", {"key": run.key}))
    if done and parts.has_map:
        actions.append({"label": "Open the map", "event": "open_map"})
    if run.status != "running" or run.is_interrupted:
        if run.declaration is not None and run.is_repeatable and (done or run.params):
            actions.append({"label": "Run again", "event": "rerun"})
        actions.append({"label": "Forget", "event": "forget"})
    return actions


def _mixed_classes(run: Run) -> list[str]:
    """The classes of the largest confusions of a run that looked for them."""
    pairs = run.facts.get("pairs") if run.method == "find_confusions" and run.params.get("embeddings") else None
    return list(dict.fromkeys(name for pair in (pairs or ())[:MIXED] for name in (pair["given"], pair["predicted"])))


def _settings(run: Run) -> list[Fact]:
    known = domains(run.declaration.params) if run.declaration else {}
    rows: list[Fact] = [
        {"label": _setting_name(name, known[name].help if name in known else ""), "value": text}
        for name, value in run.params.items()
        if (text := wording.plain(value))
    ]
    rows.insert(0, {"label": "Run on", "value": _ran_on(run)})
    return rows


def _ran_on(run: Run) -> str:
    what = "the whole dataset" if run.target == "dataset" else "a view of the dataset"
    return what if run.patches_field is None else f"the objects of {run.patches_field!r} in {what}"


def _setting_name(name: str, help_text: str) -> str:
    begins = re.split(r"[;:.(]", help_text)[0].strip()
    return begins[:1].upper() + begins[1:] if 0 < len(begins) <= LONGEST_HELP else wording.title(name)
