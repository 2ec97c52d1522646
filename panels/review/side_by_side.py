"""Pages of a review where many similar images stand side by side and a range of them is decided at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo

from ...dataset.decisions.decisions import TAGS
from ...dataset.runs.record import Run
from ..shared import scope, wording
from ..shared.payloads import Picture
from ..shared.run_layout import path_of
from .payloads import Batch
from .review_queue import Queue, Source

SIZE = 30  # pictures on a page


@dataclass(frozen=True)
class Order:
    """An order of similar images that a run made.

    Attributes:
        position: path of the place in it.
        section: path of the number of the section; None where it is not there any more.
    """

    position: str
    section: str | None


def page(
    dataset: fo.Dataset, source: Source, queue: Queue, place: int, order: Order | None, most: int | None = None
) -> Batch:
    """The page on which a place of the queue is.

    Args:
        order: the one in which the queue stands, if any.
        most: pictures on a page, if not the usual number.
    """
    size = most or SIZE
    first = size * (place // size)
    ids = queue.ids[first : first + size]
    score = source.score.path if source.score else None
    wanted = {"given": source.given, "suggested": source.suggested, "score": score, "chance": source.chance}
    paths: dict[str, Any] = {name: path for name, path in wanted.items() if path}
    part = order.section if order is not None else source.group
    paths |= {"part": part} if part else {}
    paths |= {"path": scope.picture(dataset, source.field), "tags": scope.own(source.field, "tags")}
    done = dict(zip(ids, queue.done[first:], strict=False))
    rows = scope.values(dataset, source.field, ids, paths)
    last = first + len(ids)
    return {
        "pictures": [_picture(row, done[row["id"]], before) for row, before in zip(rows, [None, *rows], strict=False)],
        "text": f"{first + 1:,} to {last:,} of {len(queue.ids):,}, {_said(source, order)}",
        "previous": queue.ids[first - size] if first else None,
        "more": queue.ids[last] if last < len(queue.ids) else None,
    }


def order_of(runs: Sequence[Run], source: Source, fields: Mapping[str, Any]) -> Order | None:
    """The order that is reviewed; else the newest of similar images that a run made, or of similar objects."""
    made = [run for run in runs if run.status == "done" and run.declaration and run.patches_field == source.field]
    made = [run for run in made if path_of(run, "position", fields)]
    if not made:
        return None
    run = source.run if source.position is not None else made[-1]
    return Order(path_of(run, "position", fields) or "", path_of(run, "section", fields))


def _picture(row: dict[str, Any], done: bool, before: dict[str, Any] | None) -> Picture:
    given, suggested, score = row.get("given"), row.get("suggested"), row.get("score")
    tag = next((tag for tag in row["tags"] or [] if tag in TAGS), None) if done else None
    changed = given and suggested and given != suggested
    return {
        "id": row["id"],
        "path": row["path"],
        "caption": f"{given} → {suggested}" if changed else given or suggested or "",
        "note": _note(score, row.get("chance") if changed else None),
        "given": given if changed else None,
        "suggested": suggested if changed else None,
        "decided": tag or ("decided" if done else None),
        "begins": before is not None and row.get("part") != before.get("part"),
    }


def _note(score: float | None, chance: float | None) -> str | None:
    """How sure the suggestion is, where there is one; else the score."""
    if chance is not None:
        return f"{wording.share(chance)} sure"
    return wording.number(score) if score is not None else None


def _said(source: Source, order: Order | None) -> str:
    if order is not None:
        return f"similar {source.word}s side by side" + ("; a bar begins a section" if order.section else "")
    if source.group is not None:
        return "copies side by side; a bar begins a group"
    if source.suggested is not None and source.given is not None:
        return "the same classes side by side"
    return "the worst first" if source.score is not None else "in the order of the dataset"
