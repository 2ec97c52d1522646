"""Pages of a review where many similar images stand side by side and a range of them is decided at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo

from ..dataset.decisions import TAGS
from ..dataset.runs import Run
from . import wording
from .queue import POSITION, Queue, Source

SIZE = 30  # pictures on a page


def page(dataset: fo.Dataset, source: Source, queue: Queue, place: int, order: str | None) -> dict[str, Any]:
    """The page on which a place of the queue is.

    Args:
        order: path of the order in which the queue stands, if any.
    """
    first = SIZE * (place // SIZE)
    ids = queue.ids[first : first + SIZE]
    score = source.score.path if source.score else None
    wanted = {"path": "filepath", "tags": "tags", "given": source.given, "suggested": source.suggested, "score": score}
    names = [name for name, path in wanted.items() if path]
    columns = dataset.select(ids, ordered=True).values([wanted[name] for name in names])
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    last = first + len(ids)
    return {
        "pictures": [
            _picture(sample_id, row, done)
            for sample_id, row, done in zip(ids, rows, queue.done[first:last], strict=True)
        ],
        "text": f"{first + 1:,} to {last:,} of {len(queue.ids):,}, {_said(source, order)}",
        "previous": queue.ids[first - SIZE] if first else None,
        "more": queue.ids[last] if last < len(queue.ids) else None,
    }


def order_of(runs: Sequence[Run], fields: dict[str, Any]) -> str | None:
    """Path of the newest order of similar images that a run made."""
    made = [run.writes.get(POSITION) for run in runs if run.status == "done" and run.declaration is not None]
    return next((path for path in reversed(made) if path in fields), None)


def _picture(sample_id: str, row: dict[str, Any], done: bool) -> dict[str, Any]:
    given, suggested, score = row.get("given"), row.get("suggested"), row.get("score")
    tag = next((tag for tag in row["tags"] or [] if tag in TAGS), None) if done else None
    changed = given and suggested and given != suggested
    return {
        "id": sample_id,
        "path": row["path"],
        "caption": f"{given} → {suggested}" if changed else given or suggested or "",
        "note": wording.number(score) if score is not None else None,
        "decided": tag or ("decided" if done else None),
    }


def _said(source: Source, order: str | None) -> str:
    if source.position is not None or order is not None:
        return "similar images side by side"
    if source.group is not None:
        return "copies side by side"
    if source.suggested is not None and source.given is not None:
        return "the same classes side by side"
    return "the worst first" if source.score is not None else "in the order of the dataset"
