"""The card of a review: one sample large, its labels and scores, and what it is to be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ..dataset.curated import curated_path, has_curated
from ..dataset.decisions import REASON, TAGS
from ..dataset.runs import Run
from . import alike, copies, wording
from .queue import Queue, Source

NEIGHBORS = 4
SAID = {"excluded": "Excluded", "kept": "Kept", "relabelled": "Relabelled"}


def card(dataset: fo.Dataset, runs: Sequence[Run], source: Source, queue: Queue, place: int) -> dict[str, Any]:
    """Everything that a person needs to decide about one sample."""
    sample_id = queue.ids[place]
    row = _values(dataset, source, sample_id)
    given, suggested = row.get("given"), row.get("suggested")
    decided = next((tag for tag in row["tags"] or [] if tag in TAGS), None)
    return {
        "id": sample_id,
        "path": row["filepath"],
        "name": row["filepath"].rsplit("/", 1)[-1],
        "given": given,
        "suggested": suggested if suggested != given else None,
        "agrees": suggested is not None and suggested == given,
        "facts": [{"label": title, "value": text} for title in source.facts if (text := _fact(row[title])) is not None],
        "decided": _decided(decided, row, given) if decided else None,
        "origin": _origin(source.run),
        "alike": [] if source.compares else _alike(dataset, runs, source, sample_id, given, suggested),
        "compare": copies.table(dataset, source, copies.members(dataset, source, sample_id))
        if source.compares
        else None,
    }


def progress(queue: Queue, place: int | None, counts: Mapping[str, int]) -> dict[str, Any]:
    """How far the review is."""
    done, total = sum(queue.done), len(queue.ids)
    made = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return {
        "done": done,
        "total": total,
        "text": f"{done:,} of {total:,} decided" + (f": {made}" if made else ""),
        "place": f"{place + 1:,} of {total:,}" if place is not None else "",
    }


def finished(queue: Queue, counts: Mapping[str, int]) -> dict[str, Any]:
    """What to say where there is nothing left to decide."""
    if not queue.ids:
        text = "This run marks none of the samples here. Choose another run, or look at the whole dataset."
        return {"title": "Nothing to review", "text": text, "action": None}
    made = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    text = f"Decided so far: {made}. “Back” returns to any of them, “Undo” takes decisions back one by one."
    action = {"label": "Show them in the grid", "event": "show_queue"}
    return {"title": f"All {wording.samples(len(queue.ids))} are decided", "text": text, "action": action}


def _values(dataset: fo.Dataset, source: Source, sample_id: str) -> dict[str, Any]:
    """The sample's values that the card shows, under their titles."""
    wanted = {"filepath": "filepath", "tags": "tags", **source.facts}
    wanted |= {name: path for name, path in (("given", source.given), ("suggested", source.suggested)) if path}
    if dataset.get_field(REASON) is not None:
        wanted["reason"] = REASON
    if source.given and has_curated(dataset, source.given):
        wanted["curated"] = curated_path(source.given)
    names = list(wanted)
    columns = dataset.select(sample_id).values([wanted[name] for name in names])
    return {name: values[0] for name, values in zip(names, columns, strict=True)}


def _fact(value: Any) -> str | None:
    return wording.number(value) if isinstance(value, float) else wording.plain(value)


def _origin(run: Run) -> str:
    """Where the scores come from."""
    embeddings = (run.reads.get("embeddings") or {}).get("run") or (run.reads.get("embeddings") or {}).get("field")
    return f"From {run.key}: {run.label.lower()}" + (f" by {embeddings}" if embeddings else "")


def _decided(tag: str, row: Mapping[str, Any], given: str | None) -> str:
    if tag == "excluded" and row.get("reason"):
        return f"Excluded: {row['reason']}"
    if tag == "relabelled" and row.get("curated"):
        return f"Relabelled: {given or 'no label'} → {row['curated']}"
    return SAID[tag]


def _alike(
    dataset: fo.Dataset, runs: Sequence[Run], source: Source, sample_id: str, given: str | None, suggested: str | None
) -> list[dict[str, Any]]:
    """Rows of pictures: the nearest of both classes, or simply the nearest."""
    rows = []
    classes = [label for label in dict.fromkeys((given, suggested)) if label and source.suggested]
    for label in classes:
        near = alike.alike(dataset, runs, source.run, sample_id, source.given, label, NEIGHBORS)
        rows.append(_row(f"Most like it among “{label}”, with similarity", near, labelled=False))
    if not classes:
        near = alike.alike(dataset, runs, source.run, sample_id, source.given, None, 2 * NEIGHBORS)
        rows.append(_row("Most like it", near))
    return [row for row in rows if row["pictures"]]


def _row(title: str, found: Sequence[Mapping[str, Any]], labelled: bool = True) -> dict[str, Any]:
    pictures = []
    for one in found:
        close = wording.number(one["similarity"]) if one["similarity"] is not None else None
        caption = (one["label"] if labelled else close) or ""
        note = close if labelled and one["label"] else None
        pictures.append({"id": one["id"], "path": one["path"], "caption": caption, "note": note})
    return {"title": title, "pictures": pictures}
