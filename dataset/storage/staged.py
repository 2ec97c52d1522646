"""Results that are complete and not yet in place: a collection of the database that only their run knows.

One document per sample. One command of the database's own puts them in place, sample by sample; doing it again is
harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import fiftyone as fo
from bson import ObjectId
from pymongo import UpdateOne

from ..fields.fiftyone_compat import database, dataset_id, samples_collection, samples_have_changed
from ..fields.rows import BATCH


class Staged:
    """The staged results of one run.

    Args:
        name: of the collection.
        objects: the field whose objects the results are about; None for samples.
        inside: path of the list that these objects are in; "" for samples.
        lists: field → path of its list of labels, where results about samples also say something of their labels.
    """

    def __init__(
        self, dataset: fo.Dataset, name: str, objects: str | None, inside: str, lists: Mapping[str, str] | None = None
    ) -> None:
        self._dataset, self.name, self._objects, self._inside = dataset, name, objects, inside
        self._lists = dict(lists or {})

    def add(self, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> int:
        """Stage values.

        Args:
            rows: id of the sample; id of the row itself, a sample's or an object's; its values, path → value as the
                database holds it. Rows of one sample follow each other.

        Returns:
            the number of samples
        """
        return self._insert(self._documents(rows))

    def add_labels(self, labels: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Stage what results about samples say of their labels, beside what is staged for these samples.

        Args:
            labels: id of the sample; id of the label; its values, attribute → value.
        """
        own: dict[str, list[dict[str, Any]]] = {}
        for sample, label, values in labels:
            own.setdefault(sample, []).append({"_id": ObjectId(label), "values": dict(values)})
        given = iter(own.items())
        while some := list(islice(given, BATCH)):
            new = [
                UpdateOne(
                    {"_id": ObjectId(sample)},
                    {"$push": {"rows": {"$each": rows}}, "$setOnInsert": {"values": {}}},
                    upsert=True,
                )
                for sample, rows in some
            ]
            database()[self.name].bulk_write(new, ordered=False)

    def _insert(self, given: Iterable[dict[str, Any]]) -> int:
        documents, count = iter(given), 0
        while some := list(islice(documents, BATCH)):
            database()[self.name].insert_many(some, ordered=False)
            count += len(some)
        return count

    def put_in_place(self, paths: Sequence[str], stale: Sequence[str], whole: bool) -> None:
        """Write the values into the samples.

        Args:
            paths: the fields that the run has.
            stale: those of them that held an earlier result; what has no value in them any more is emptied.
            whole: samples and objects that are not staged lose their values too.
        """
        samples, staged = samples_collection(self._dataset), database()[self.name]
        merge = {"into": samples.name, "whenMatched": "merge", "whenNotMatched": "discard"}  # deleted meanwhile
        of_labels = [path for path in paths if any(path.startswith(f"{root}.") for root in self._lists.values())]
        empty: dict[str, Any] = dict.fromkeys(set(stale) - set(of_labels)) if self._objects is None else {}
        if whole and stale:
            holders = {"$or": [{path: {"$exists": True}} for path in stale]}
            into = {"into": self.name, "whenMatched": "keepExisting", "whenNotMatched": "insert"}
            samples.aggregate([{"$match": holders}, {"$project": {"_id": True}}, {"$merge": into}])
        if self._objects is None and self._lists:
            values = {"$mergeObjects": ["$$ROOT", {"$literal": empty}, {"$ifNull": ["$$new.values", {}]}]}
            change: list[dict[str, Any]] = [{"$replaceWith": values}]
            for field, root in self._lists.items():
                own = [path for path in of_labels if path.startswith(f"{root}.")]
                change += self._of_labels(field, root, own, whole)
            change.append({"$set": {"last_modified_at": "$$NOW"}})
            staged.aggregate([{"$merge": {**merge, "let": {"new": "$$ROOT"}, "whenMatched": change}}])
        elif self._objects is None:
            new = {"$mergeObjects": [{"_id": "$_id"}, {"$literal": empty}, "$values", {"last_modified_at": "$$NOW"}]}
            staged.aggregate([{"$replaceWith": new}, {"$merge": merge}])  # twice as fast as an update of each sample
        else:
            change = [*self._of_objects(paths, whole), {"$set": {"last_modified_at": "$$NOW"}}]
            staged.aggregate([{"$merge": {**merge, "let": {"new": "$$ROOT"}, "whenMatched": change}}])
        samples_have_changed(self._dataset)

    def drop(self) -> None:
        """Delete what is staged."""
        database().drop_collection(self.name)

    def _documents(self, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Iterable[dict[str, Any]]:
        if self._objects is None:
            yield from ({"_id": ObjectId(sample), "values": dict(values)} for sample, _, values in rows)
            return
        cut = len(self._inside) + 1
        own: dict[str, Any] | None = None
        for sample, row, values in rows:
            if own is None or own["_id"] != ObjectId(sample):
                if own is not None:
                    yield own
                own = {"_id": ObjectId(sample), "rows": []}
            attributes = {path[cut:]: value for path, value in values.items()}
            own["rows"].append({"_id": ObjectId(row), "values": attributes})
        if own is not None:
            yield own

    def _of_objects(self, paths: Sequence[str], whole: bool) -> list[dict[str, Any]]:
        assert self._objects is not None
        return self._of_labels(self._objects, self._inside, paths, whole)

    def _of_labels(self, field: str, root: str, paths: Sequence[str], whole: bool) -> list[dict[str, Any]]:
        """Each label of a list without the run's attributes, and with its own new ones."""
        kept: Any = "$$one"
        for path in paths:
            kept = {"$unsetField": {"field": path.removeprefix(f"{root}."), "input": kept}}
        found = {"input": {"$ifNull": ["$$new.rows", []]}, "as": "row", "cond": {"$eq": ["$$row._id", "$$one._id"]}}
        merged = {"$mergeObjects": [kept, "$$own.values"]}
        changed = merged if whole else {"$cond": [{"$ifNull": ["$$own", False]}, merged, "$$one"]}
        label = {"$let": {"vars": {"own": {"$first": {"$filter": found}}}, "in": changed}}
        labels = {"$map": {"input": f"${root}", "as": "one", "in": label}}
        holder = {"$mergeObjects": [f"${field}", {root.removeprefix(f"{field}."): labels}]}
        return [{"$set": {field: {"$cond": [{"$isArray": f"${root}"}, holder, f"${field}"]}}}]


def count_values(dataset: fo.Dataset, path: str, inside: str) -> int:
    """How many samples, or objects of the list `inside`, have a value in a field."""
    each: list[dict[str, Any]] = [{"$unwind": f"${inside}"}] if inside else []
    stages = [*each, {"$match": {"$expr": {"$gt": [f"${path}", None]}}}, {"$count": "n"}]
    return next((int(found["n"]) for found in samples_collection(dataset).aggregate(stages)), 0)


def collection_for(dataset: fo.Dataset, owner: str) -> str:
    """Name of the collection that a run's results are staged in."""
    return f"{STAGED}{dataset_id(dataset)}.{owner}"


def drop_staged(dataset: fo.Dataset, owner: str) -> None:
    """Delete what a run staged, if anything."""
    database().drop_collection(collection_for(dataset, owner))


STAGED = "image_curation.staged."
