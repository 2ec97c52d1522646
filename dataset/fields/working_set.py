"""The working set: samples that are not excluded, with their working labels: corrected where corrected, else given.

Everything reads it unless it is told otherwise. The given labels are never touched; corrections lie beside them
(`curated_labels.py`), exclusions are tags, of samples or of the labels of objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array
from .curated_labels import curated_path, has_curated, ids_of_outdated_copies
from .rows import Rows, every, root_of

EXCLUDED = "excluded"
REVIEWS = "curation_reviews"  # runs in whose review a sample, or the label of an object, was decided


@dataclass(frozen=True)
class Choice:
    """What is read.

    Attributes:
        include_excluded: excluded samples and objects too.
        given_labels: labels as they were given, without people's corrections.
    """

    include_excluded: bool = False
    given_labels: bool = False

    @classmethod
    def of(cls, working: Mapping[str, Any]) -> Choice:
        """What a run's record says that it read."""
        return cls(bool(working.get("include_excluded")), bool(working.get("given_labels")))


def in_use(rows: Rows) -> Array:
    """(n,) bool, the rows that are not excluded; an object is, too, where its sample is."""
    used = np.array([EXCLUDED not in (own or ()) for own in rows.values("tags")], dtype=bool)
    if rows.field is not None:
        used &= np.array([EXCLUDED not in (own or ()) for own in rows.values(rows.path("tags"))], dtype=bool)
    return used


def count_tagged(dataset: fo.Dataset, tags: Sequence[str]) -> dict[str, int]:
    """Tag → how many samples have it; 0 where none has. One look through the samples, in the database.

    An index of tags would be quicker, and would change the order in which FiftyOne gives samples without a tag.
    """
    stages: list[dict[str, Any]] = [
        {"$match": {"tags": {"$in": list(tags)}}},
        {"$project": {"tags": {"$setIntersection": ["$tags", list(tags)]}}},
        {"$unwind": "$tags"},
        {"$group": {"_id": "$tags", "n": {"$sum": 1}}},
    ]
    found = {row["_id"]: row["n"] for row in every(dataset)._aggregate(pipeline=stages)}
    return {tag: int(found.get(tag, 0)) for tag in tags}


def excluded_ids(dataset: fo.Dataset, field: str | None) -> list[str]:
    """Ids of the excluded samples of a dataset, or of the excluded objects of a field, in order."""
    out: dict[str, Any] = {"$in": [EXCLUDED, {"$ifNull": ["$tags", []]}]}
    stages: list[dict[str, Any]] = [{"$match": {"tags": EXCLUDED}}]
    if field is not None:
        root = root_of(dataset, field)
        own = {"$in": [EXCLUDED, {"$ifNull": [f"${root}.tags", []]}]}
        stages = [
            {"$match": {"$or": [{"tags": EXCLUDED}, {f"{root}.tags": EXCLUDED}]}},
            {"$unwind": f"${root}"},
            {"$match": {"$expr": {"$or": [out, own]}}},
            {"$project": {"_id": f"${root}._id"}},
        ]
    stages += [{"$project": {"_id": True}}, {"$sort": {"_id": 1}}]
    return [str(row["_id"]) for row in every(dataset)._aggregate(post_pipeline=stages)]


def labels(rows: Rows, path: str, choice: Choice) -> tuple[list[str | None], int]:
    """The label of each row, and how many of them people have corrected.

    Args:
        path: of the given labels.
    """
    given = rows.values(path)
    if choice.given_labels or not has_curated(rows.dataset, path):
        return given, 0
    outdated = ids_of_outdated_copies(rows.dataset, path)
    known = zip(rows.images, rows.values(curated_path(path)), strict=True)
    pairs = list(zip(given, (None if one in outdated else other for one, other in known), strict=True))
    corrected = sum(other is not None and other != one for one, other in pairs)
    return [one if other is None else other for one, other in pairs], corrected


def labels_within(
    rows: Rows, path: str, given: Sequence[Sequence[str] | None], choice: Choice
) -> tuple[list[list[str | None] | None], int]:
    """The labels of the objects in each image, and how many of them people have corrected.

    Args:
        path: of the given labels of objects.
        given: of each image.
    """
    plain: list[list[str | None] | None] = [None if own is None else list(own) for own in given]
    if choice.given_labels or not has_curated(rows.dataset, path):
        return plain, 0
    corrected = 0
    for own, other in zip(plain, rows.values(curated_path(path)), strict=True):
        for place, label in enumerate(other or ()):
            if own is not None and label is not None and label != own[place]:
                own[place] = label
                corrected += 1
    return plain, corrected


def sentence(word: str, used: int, total: int, corrected: int) -> str:
    """The working set in one line: "1,229 of 1,314 samples, 46 labels corrected"; "" where it is all, as given."""
    if used == total and not corrected:
        return ""
    said = f"{used:,} of {total:,} {word}s" if used < total else f"{total:,} {word}{'' if total == 1 else 's'}"
    return said + (f", {corrected:,} label{'' if corrected == 1 else 's'} corrected" if corrected else "")
