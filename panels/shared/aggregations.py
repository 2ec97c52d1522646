"""What the panels ask of a view: aggregations that the database answers, never a loop over samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId
from fiftyone import ViewField as F

from ...core.base.arrays import Array
from ...dataset.runs.record import Run
from .scope import picture

BINS = 30
MOST_PAIRS = 20_000


@dataclass(frozen=True)
class Spread:
    """How a score is spread over a view.

    Attributes:
        edges: bins + 1 rising bounds; bin i holds edges[i] <= score < edges[i + 1], the last one its end too.
        counts: samples per bin.
        missing: samples of the view without the score.
        by: class → samples per bin, the largest class first.
    """

    edges: list[float]
    counts: list[int]
    missing: int
    by: dict[str, list[int]] = field(default_factory=dict)


def spread(view: fo.DatasetView, path: str, bins: int = BINS, by: str | None = None) -> Spread | None:
    """Histogram of a number field, also class by class; None where no sample of the view has it.

    Args:
        by: path of the classes.
    """
    low, high = extremes(view, path)
    if low is None or high is None:
        return None
    bins = bins if high > low else 1
    edges = divided(low, high, bins)
    # FiftyOne's HistogramValues tests each sample against every bin, which is ten times slower; it also widens
    # the last bin by 1e-6, which is wrong for scores that are themselves that small.
    place = {"bin": _bin_of(f"${path}", edges, 0, bins)} | ({"class": f"${by}"} if by else {})
    found = view._aggregate(
        post_pipeline=[{"$match": {path: {"$gte": low}}}, {"$group": {"_id": place, "n": {"$sum": 1}}}]
    )
    counts = [0] * bins
    classes: dict[str, list[int]] = {}
    for row in found:
        number, name = row["_id"]["bin"], row["_id"].get("class")
        counts[number] += row["n"]
        if name is not None:
            classes.setdefault(str(name), [0] * bins)[number] = row["n"]
    ordered = sorted(classes, key=lambda name: (-sum(classes[name]), name))
    return Spread(edges, counts, view.count() - sum(counts), {name: classes[name] for name in ordered})


def divided(low: float, high: float, bins: int) -> list[float]:
    """Bounds of equally wide bins."""
    return [low + (high - low) * i / bins for i in range(bins)] + [high]


def crossed(view: fo.DatasetView, first: str, second: str) -> dict[tuple[str, str], int]:
    """How many samples have which pair of classes; those without either are left out."""
    stages = [
        {"$match": {first: {"$ne": None}, second: {"$ne": None}}},
        {"$group": {"_id": {"first": f"${first}", "second": f"${second}"}, "n": {"$sum": 1}}},
        {"$sort": {"n": -1}},
        {"$limit": MOST_PAIRS},
    ]
    rows = view._aggregate(post_pipeline=stages)
    return {(str(row["_id"]["first"]), str(row["_id"]["second"])): row["n"] for row in rows}


def both(view: fo.DatasetView, x: str, y: str) -> Array:
    """Two number fields of the samples that have both.

    Returns:
        (n, 2) float64, finite, in no order
    """
    # numbers only: in MongoDB's order, nothing is at least minus infinity but a number
    stages: list[dict[str, Any]] = [
        {"$match": {x: {"$gte": -math.inf}, y: {"$gte": -math.inf}}},
        {"$project": {"_id": False, "x": f"${x}", "y": f"${y}"}},
    ]
    rows = np.array([(row["x"], row["y"]) for row in view._aggregate(post_pipeline=stages)], dtype=np.float64)
    rows = rows.reshape(-1, 2)
    return rows[np.isfinite(rows).all(axis=1)]


def given_labels(dataset: fo.Dataset, runs: Sequence[Run], field: str | None = None) -> str | None:
    """Path of the labels that the dataset came with: those that no run and no review wrote.

    Args:
        field: of objects, which have labels of their own.
    """
    if field is not None:
        return f"{field}.label"
    written = {path for run in runs for path in run.writes.values()}
    fields = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    given = [path for path, schema in fields.items() if path not in written and "curates" not in (schema.info or {})]
    return f"{given[0]}.label" if given else None


def extremes(view: fo.DatasetView, path: str) -> tuple[float | None, float | None]:
    """Lowest and highest value of a number field; None where no sample of the view has it."""
    # matched by a range, so that the database can answer from the field's index alone
    found = view._aggregate(
        post_pipeline=[
            {"$match": {path: {"$gte": -math.inf}}},
            {"$group": {"_id": None, "low": {"$min": f"${path}"}, "high": {"$max": f"${path}"}}},
        ]
    )
    for row in found:
        return finite(row["low"]), finite(row["high"])
    return None, None


def ends(
    view: fo.DatasetView, path: str, also: Sequence[str], reverse: bool, skip: int, limit: int
) -> list[dict[str, Any]]:
    """The samples with the lowest or highest score, in order.

    Args:
        also: further paths to read.

    Returns:
        one dict per sample with "id", "filepath", which is the file that is shown, `path` and each of `also`
    """
    wanted = ["id", "filepath", path, *also]
    some = view.exists(path).sort_by(path, reverse=reverse).skip(skip).limit(limit)
    columns = list(some.values(wanted))
    if (shown := picture_of(view)) != "$filepath":
        columns[1] = [row["path"] for row in some._aggregate(post_pipeline=[{"$project": {"path": shown}}])]
    return [dict(zip(wanted, row, strict=True)) for row in zip(*columns, strict=True)]


def groups(
    view: fo.DatasetView, path: str, *, flag: str | None, score: str | None, worst_low: bool, most: int
) -> tuple[list[dict[str, Any]], int]:
    """Sizes of the groups that a field makes, the largest first, each with one sample to show for it.

    Args:
        path: of the group's name or number; values inside lists count each on its own.
        flag: a bool field; the sample shown is a flagged one where the group has any.
        score: a number field; its mean is given, and among flagged samples the worst is shown.
        worst_low: whether low scores are the bad ones.
        most: groups to return.

    Returns:
        dicts with "value", "n", "flagged", "mean", "id", "path"; and the number of all groups
    """
    # One pass of the database does sizes, means and pictures; FiftyOne's public aggregations would need one
    # query per group for its picture. Documents compare field by field, so $max picks flagged first, then worst.
    place = f"${path}"
    rank = {"$ifNull": [f"${score}", math.inf if worst_low else -math.inf]} if score else 0
    shown = {
        "flag": {"$ifNull": [f"${flag}", False]} if flag else False,
        "rank": {"$multiply": [rank, -1]} if worst_low else rank,
        "id": "$_id",
        "path": picture_of(view),
    }
    stages: list[dict[str, Any]] = [{"$match": {path: {"$nin": [None, []]}}}]
    head, inside, _ = path.partition(".classifications")
    stages += [{"$unwind": f"${head}{inside}"}] if inside else []
    stages += [{"$unwind": place}] if isinstance(view.get_field(path), fo.ListField) else []
    stages += [{"$match": {path: {"$ne": None}}}]
    stages += [
        {
            "$group": {
                "_id": place,
                "n": {"$sum": 1},
                "flagged": {"$sum": {"$cond": [{"$eq": [f"${flag}", True]}, 1, 0]}} if flag else {"$sum": 0},
                "mean": {"$avg": f"${score}"} if score else {"$avg": None},
                "shown": {"$max": shown},
            }
        },
        {"$sort": {"n": -1, "_id": 1}},
        {"$facet": {"rows": [{"$limit": most}], "all": [{"$count": "n"}]}},
    ]
    (answer,) = view._aggregate(post_pipeline=stages)
    rows = [
        {
            "value": str(row["_id"]) if isinstance(row["_id"], ObjectId) else row["_id"],
            "n": row["n"],
            "flagged": row["flagged"],
            "mean": finite(row["mean"]),
            "id": str(row["shown"]["id"]),
            "path": row["shown"]["path"],
        }
        for row in answer["rows"]
    ]
    return rows, answer["all"][0]["n"] if answer["all"] else 0


def flagged(
    view: fo.DatasetView, flags: Mapping[str, str], score: str | None, worst_low: bool
) -> dict[str, dict[str, Any]]:
    """How many samples each bool field marks, and one of them to show.

    Args:
        flags: column → path.

    Returns:
        column → dict with "n", "id", "path"; id and path None where nothing is marked
    """
    found = {}
    for name, path in flags.items():
        rows, _ = groups(view.match(F(path) == True), path, flag=None, score=score, worst_low=worst_low, most=1)  # noqa: E712
        found[name] = rows[0] if rows else {"n": 0, "id": None, "path": None}
    return found


def in_range(path: str, low: float, high: float, closed: bool) -> Any:
    """The expression for low <= score < high, or <= high where the range is closed."""
    return (F(path) >= low) & ((F(path) <= high) if closed else (F(path) < high))


def finite(value: Any) -> float | None:
    """The number as a plain float; None for anything that JSON cannot hold."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def picture_of(view: fo.DatasetView) -> Any:
    """The database's expression for the file that a view shows; in a patches view that of an object."""
    return picture(view._root_dataset, view._label_fields[0] if view._is_patches else None)


def _bin_of(place: str, edges: Sequence[float], first: int, last: int) -> Any:
    """The number of the bin as a database expression: a binary search among the edges."""
    if last - first == 1:
        return {"$literal": first}
    middle = (first + last) // 2
    below, above = _bin_of(place, edges, first, middle), _bin_of(place, edges, middle, last)
    return {"$cond": [{"$lt": [place, edges[middle]]}, below, above]}
