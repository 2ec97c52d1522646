"""Changes of the labels themselves, of any kind: renamed classes, boxes put right; one decision, which can be undone.

What is to become of a label is a function of its attributes, so that a change says exactly what was there before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..fields.fiftyone_compat import samples_collection
from ..fields.rows import list_of
from .changes import AT_ONCE, Change, batches

Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # a label's attributes → those it is to have


def label_changes(dataset: fo.Dataset, wanted: Mapping[str, Mapping[str, Edit]]) -> Iterator[Change]:
    """What changes on each label of a list, and on each sample for its single labels.

    Args:
        wanted: field → id of the label, or of the sample where the field holds one label or a text → what becomes of
            it. A text is given to its function as the attribute "label".
    """
    of_samples: dict[str, dict[str, Edit]] = defaultdict(dict)
    for field, edits in wanted.items():
        root = list_of(dataset, field)
        if root is not None:
            yield from _in_list(dataset, root, edits)
        else:
            for one, edit in edits.items():
                of_samples[one][field] = edit
    yield from _on_samples(dataset, of_samples)


def renaming(mapping: Mapping[str, str]) -> Edit:
    """Other names for classes, also for the class that people have chosen for an object."""

    def renamed(before: Mapping[str, Any]) -> Mapping[str, Any]:
        names = [name for name in ("label", "label_curated") if before.get(name) in mapping]
        return {**before, **{name: mapping[before[name]] for name in names}}

    return renamed


def _in_list(dataset: fo.Dataset, root: str, edits: Mapping[str, Edit]) -> Iterator[Change]:
    for some in batches(edits, AT_ONCE):
        ids = [ObjectId(one) for one in some]
        stages: list[dict[str, Any]] = [
            {"$match": {f"{root}._id": {"$in": ids}}},
            {"$project": {root: True}},
            {"$unwind": f"${root}"},
            {"$match": {f"{root}._id": {"$in": ids}}},
        ]
        for row in samples_collection(dataset).aggregate(stages):
            label = row
            for part in root.split("."):
                label = label[part]
            one = str(label["_id"])
            before = {name: value for name, value in label.items() if name in ATTRIBUTES}
            yield Change(one, before, edits[one](before), str(row["_id"]), root)


def _on_samples(dataset: fo.Dataset, edits: Mapping[str, Mapping[str, Edit]]) -> Iterator[Change]:
    for some in batches(edits, AT_ONCE):
        fields = dict.fromkeys((field for one in some for field in edits[one]), True)
        for row in samples_collection(dataset).find({"_id": {"$in": [ObjectId(one) for one in some]}}, fields):
            own = edits[str(row["_id"])]
            before = {field: row[field] for field in own if row.get(field) is not None}
            after = {
                field: dict(own[field](value)) if isinstance(value, Mapping) else own[field]({"label": value})["label"]
                for field, value in before.items()
            }
            yield Change(str(row["_id"]), before, after)


ATTRIBUTES = ("label", "label_curated", "bounding_box", "tags", "curation_reason")  # of a label in a list, that change
