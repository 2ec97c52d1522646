"""Pages of a review where many similar images stand side by side and a range of them is decided at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone as fo

from ..dataset.decisions import TAGS
from ..dataset.runs import Run
from . import scope, wording
from .layout import is_there
from .objects import seen
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
    wanted = {"given": source.given, "suggested": source.suggested, "score": score}
    paths: dict[str, Any] = {name: path for name, path in wanted.items() if path}
    paths |= {"path": scope.picture(dataset, source.field), "tags": scope.own(source.field, "tags")}
    done = dict(zip(ids, queue.done[first:], strict=False))
    rows = scope.values(dataset, source.field, ids, paths)
    last = first + len(ids)
    return {
        "pictures": [_picture(row, done[row["id"]]) for row in rows],
        "text": f"{first + 1:,} to {last:,} of {len(queue.ids):,}, {_said(source, order)}",
        "previous": queue.ids[first - SIZE] if first else None,
        "more": queue.ids[last] if last < len(queue.ids) else None,
    }


def order_of(runs: Sequence[Run], source: Source, fields: dict[str, Any]) -> str | None:
    """Path of the newest order of similar images that a run made, or of similar objects where these are reviewed."""
    made = [run for run in runs if run.status == "done" and run.declaration and run.patches_field == source.field]
    made = [run for run in made if POSITION in run.writes and is_there(run, POSITION, fields)]
    return seen(made[-1], made[-1].writes[POSITION]) if made else None


def _picture(row: dict[str, Any], done: bool) -> dict[str, Any]:
    given, suggested, score = row.get("given"), row.get("suggested"), row.get("score")
    tag = next((tag for tag in row["tags"] or [] if tag in TAGS), None) if done else None
    changed = given and suggested and given != suggested
    return {
        "id": row["id"],
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
