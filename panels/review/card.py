"""The card of a review: one sample large, its labels and scores, and what it is to be compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ...dataset.decisions import decisions
from ...dataset.decisions.decisions import REASON, TAGS
from ...dataset.fields.curated_labels import curated_path, has_curated
from ...dataset.runs.record import Run
from ..shared import scope, wording
from ..shared.payloads import Action, Advice, Picture
from ..shared.similar import Similar
from . import copies, others
from .payloads import Alike, ReviewCard, ReviewProgress
from .review_queue import Queue, Source

NEIGHBORS = 4
NEAREST = 15  # of which the second guess is taken
SAID = {"excluded": "Excluded", "kept": "Kept", "relabelled": "Relabelled"}


def card(dataset: fo.Dataset, runs: Sequence[Run], source: Source, queue: Queue, place: int) -> ReviewCard:
    """Everything that a person needs to decide about one sample."""
    sample_id = queue.ids[place]
    (row,) = scope.values(dataset, source.field, [sample_id], _paths(dataset, source))
    given, suggested = row.get("given"), row.get("suggested")
    facts = dict(zip(source.facts, _numbered(source.facts), strict=True))
    decided = next((tag for tag in row["tags"] or [] if tag in TAGS), None)
    return {
        "id": sample_id,
        "path": row["path"],
        "name": row["filepath"].rsplit("/", 1)[-1],
        "given": given,
        "suggested": suggested if suggested != given else None,
        "chance": wording.share(row["chance"]) if row.get("chance") is not None else None,
        "second": _second(dataset, runs, source, sample_id, (given, suggested)),
        "agrees": suggested is not None and suggested == given,
        "problem": row.get("problem"),
        "facts": [
            {"label": title, "value": text}
            for title, name in facts.items()
            if (text := _fact(_with_scores(row, source, row[name]))) is not None
        ],
        "decided": _by(dataset, sample_id, _decided(decided, row, given)) if decided else None,
        "boxes": others.boxes(dataset, source.field, sample_id),
        "labels": others.labels(dataset, source, sample_id),
        "origin": _origin(source.run),
        "alike": [] if source.compares else _alike(dataset, runs, source, sample_id, given, suggested),
        "compare": copies.table(dataset, source, copies.members(dataset, source, sample_id))
        if source.compares
        else None,
    }


def progress(queue: Queue, place: int | None, counts: Mapping[str, int]) -> ReviewProgress:
    """How far the review is."""
    done, total = sum(queue.done), len(queue.ids)
    made = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return {
        "done": done,
        "total": total,
        "text": f"{done:,} of {total:,} decided" + (f": {made}" if made else ""),
        "place": f"{place + 1:,} of {total:,}" if place is not None else "",
    }


def finished(queue: Queue, counts: Mapping[str, int], word: str) -> Advice:
    """What to say where there is nothing left to decide."""
    if not queue.ids:
        text = f"This run marks none of the {word}s here. Choose another run, or look at the whole dataset."
        return {"title": "Nothing to review", "text": text, "action": None}
    made = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    text = f"Decided so far: {made}. “Back” returns to any of them, “Undo” takes decisions back one by one."
    action: Action = {"label": "Show them in the grid", "event": "show_queue"}
    return {"title": f"All {wording.samples(len(queue.ids), word)} are decided", "text": text, "action": action}


def _paths(dataset: fo.Dataset, source: Source) -> dict[str, Any]:
    """What the card shows of a sample, under its titles."""
    field = source.field
    paths = {"filepath": "filepath", "path": scope.picture(dataset, field, large=True), **_numbered(source.facts)}
    paths |= {f"check_{name}": path for name, path in source.checks.items()}
    labels = {"given": source.given, "suggested": source.suggested, "chance": source.chance, "problem": source.problem}
    paths |= {name: path for name, path in labels.items() if path}
    paths |= {"tags": scope.own(field, "tags"), "reason": scope.own(field, REASON)}
    if source.given and has_curated(dataset, scope.stored(dataset, field, source.given)):
        paths["curated"] = scope.own(field, "label_curated") if field else curated_path(source.given)
    return paths


def _numbered(facts: Mapping[str, str]) -> dict[str, str]:
    """Titles have blanks and points, which names in the database may not."""
    return {f"fact{number}": path for number, path in enumerate(facts.values())}


def _fact(value: Any) -> str | None:
    return wording.number(value) if isinstance(value, float) else wording.plain(value)


def _with_scores(row: Mapping[str, Any], source: Source, value: Any) -> Any:
    """The names of what checks found with their scores, of which 1 is fine: "dark (0.0430)"; other values as they are.

    The scores of checks that found nothing are left out: beside "Dark:" a high number would say the opposite.
    """
    if not source.checks or not isinstance(value, list):
        return value
    scores = {name: row.get(f"check_{name}") or 0.0 for name in value}  # 0 goes without saying: unreadable
    plain = {name: name.replace("_", " ") for name in value}
    return [plain[name] + (f" ({wording.number(score)})" if score else "") for name, score in scores.items()]


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


def _by(dataset: fo.Dataset, sample_id: str, said: str) -> str:
    """What was decided, and by whom where that is known."""
    last = decisions.about(dataset, sample_id)
    return f"{said} · {last.author}" if last is not None and last.author else said


def _second(
    dataset: fo.Dataset, runs: Sequence[Run], source: Source, sample_id: str, known: Sequence[str | None]
) -> str | None:
    """The next class to think of: the one that most of the nearest have, beside the given and the suggested one."""
    if source.suggested is None or source.compares:
        return None
    near = Similar(dataset, runs, source.run, sample_id, source.given).of(None, NEAREST)
    classes = Counter(one["label"] for one in near if one["label"] and one["label"] not in known)
    return classes.most_common(1)[0][0] if classes else None


def _alike(
    dataset: fo.Dataset, runs: Sequence[Run], source: Source, sample_id: str, given: str | None, suggested: str | None
) -> list[Alike]:
    """Rows of pictures: the nearest of both classes, or simply the nearest."""
    rows = []
    classes = [label for label in dict.fromkeys((given, suggested)) if label and source.suggested]
    similar = Similar(dataset, runs, source.run, sample_id, source.given)
    for label in classes:
        near = similar.of(label, NEIGHBORS)
        rows.append(_row(f"Most like it among “{label}”, with similarity", near, labelled=False))
    if not classes:
        near = similar.of(None, 2 * NEIGHBORS)
        rows.append(_row("Most like it", near))
    return [row for row in rows if row["pictures"]]


def _row(title: str, found: Sequence[Mapping[str, Any]], labelled: bool = True) -> Alike:
    pictures: list[Picture] = []
    for one in found:
        close = wording.number(one["similarity"]) if one["similarity"] is not None else None
        caption = (one["label"] if labelled else close) or ""
        note = close if labelled and one["label"] else None
        pictures.append({"id": one["id"], "path": one["path"], "caption": caption, "note": note})
    return {"title": title, "pictures": pictures}
