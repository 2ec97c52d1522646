"""What a decision does to samples, field by field, and how that is brought onto what stands there now.

A field is changed only from the value that the decision knew. Of lists that others write into too, such as tags, only
our own entries count: what somebody else has added or removed meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import bson
import fiftyone as fo
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

VERDICTS = ("excluded", "kept", "relabelled")  # the tags that decisions leave, at most one on a sample
SHARED_LISTS = ("tags", "curation_reviews", "curation_findings")  # others write into these as well
AT_ONCE = 2_000  # samples read and written together
ROUNDS = 5  # of reading, writing and looking again, while others write to the same samples
ON_DISK = WriteConcern(w=1, j=True)  # a write counts when it is in the database's own journal

State = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What a decision does to one sample or object: the fields it touches, before and after.

    An absent field had no value.

    Attributes:
        id: of the sample, or of the object's label.
        sample: id of the sample that an object lies in; "" for samples.
        inside: path of the list that the object's label is in; "" for samples. Its fields are those of the label.
    """

    id: str
    before: State
    after: State
    sample: str = ""
    inside: str = ""

    @property
    def essential(self) -> Change:
        """The same change without the fields that stay as they are."""
        fields = [name for name in {*self.before, *self.after} if not same(self.before.get(name), self.after.get(name))]
        before = {name: self.before[name] for name in fields if self.before.get(name) is not None}
        after = {name: self.after[name] for name in fields if self.after.get(name) is not None}
        return Change(self.id, before, after, self.sample, self.inside)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.before and not self.after

    @property
    def size(self) -> int:
        """About how many bytes the database needs for it."""
        return 128 + len(bson.encode({"before": self.before, "after": self.after}))

    @property
    def reversed(self) -> Change:
        """What takes it back."""
        return Change(self.id, self.after, self.before, self.sample, self.inside)


def apply(dataset: fo.Dataset, changes: Iterable[Change]) -> tuple[set[str], int]:
    """Bring samples from the one state to the other.

    Returns:
        ids of those that are there now; and the number of the others, which somebody else has changed or deleted
    """
    there: set[str] = set()
    total = 0
    for some in batches(changes, AT_ONCE):
        total += len(some)
        there |= _applied(dataset, some)
        dataset._bulk_write([], ids=list(dict.fromkeys(change.sample or change.id for change in some)))
    return there, total - len(there)


def same(one: Any, other: Any) -> bool:
    """Whether the database would take two values for equal: not a number equals itself here."""
    return one is other or bson.encode({"": one}) == bson.encode({"": other})


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size` items."""
    some: list[Any] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _applied(dataset: fo.Dataset, changes: Sequence[Change]) -> set[str]:
    collection = dataset._sample_collection.with_options(write_concern=ON_DISK)
    there: set[str] = set()
    pending = list(changes)
    for _ in range(ROUNDS):
        found = _found(collection, pending)
        updates: list[UpdateOne] = []
        tried: list[Change] = []
        for change in pending:
            now = found.get(change.id)
            wanted = None if now is None else _wanted(now, change)
            if now is None or wanted is None:
                continue
            if all(same(now.get(name), wanted.get(name)) for name in wanted):
                there.add(change.id)
            else:
                updates.append(_update(change, now, wanted))
                tried.append(change)
        if not updates:
            break
        try:
            collection.bulk_write(updates, ordered=False)
        except BulkWriteError:  # some would be larger than the database takes: the others are written
            there |= {change.id for change in tried if _is_there(collection, change)}
            break
        pending = tried
    return there


def _is_there(collection: Any, change: Change) -> bool:
    now = _found(collection, [change]).get(change.id)
    wanted = None if now is None else _wanted(now, change)
    return wanted is not None and now is not None and all(same(now.get(name), wanted[name]) for name in wanted)


def _found(collection: Any, changes: Sequence[Change]) -> dict[str, dict[str, Any]]:
    """Id → the fields of the changes, as they stand in the database now."""
    fields = dict.fromkeys((name for change in changes for name in {*change.before, *change.after}), True)
    if not changes or not fields:
        return {}
    lists = {change.inside for change in changes}
    found: dict[str, dict[str, Any]] = {}
    for inside in lists:
        some = [change for change in changes if change.inside == inside]
        ids = [ObjectId(change.id) for change in some]
        stages: list[dict[str, Any]] = [{"$match": {"_id": {"$in": ids}}}]
        if inside:
            stages = [
                {"$match": {"_id": {"$in": list({ObjectId(change.sample) for change in some})}}},
                {"$unwind": f"${inside}"},
                {"$match": {f"{inside}._id": {"$in": ids}}},
                {"$replaceRoot": {"newRoot": f"${inside}"}},
            ]
        for row in collection.aggregate([*stages, {"$project": fields}]):
            found[str(row.pop("_id"))] = row
    return found


def _wanted(now: State, change: Change) -> dict[str, Any] | None:
    """Field → the value it should have, None for no value; None where somebody else has changed it meanwhile."""
    wanted: dict[str, Any] = {}
    for name in {*change.before, *change.after}:
        current, old, new = now.get(name), change.before.get(name), change.after.get(name)
        if same(current, new) or same(current, old):
            wanted[name] = new
        elif name in SHARED_LISTS:
            merged = _merged(name, current or [], old or [], new or [])
            if merged is None:
                return None
            wanted[name] = merged
        else:
            return None
    return wanted


def _merged(name: str, current: list[str], old: list[str], new: list[str]) -> list[str] | None:
    """A list with what the decision adds and without what it removes; None where another verdict stands there."""
    if name == "tags" and _verdicts(current) not in (_verdicts(old), _verdicts(new)):
        return None
    removed, added = set(old) - set(new), [one for one in new if one not in old]
    return [one for one in current if one not in removed and one not in added] + added


def _verdicts(tags: Sequence[str]) -> list[str]:
    return [tag for tag in tags if tag in VERDICTS]


def _update(change: Change, now: State, wanted: State) -> UpdateOne:
    """The write that leaves the sample alone if it is no longer as it was read."""
    known = {name: now.get(name) for name in wanted}  # a query for None also finds what is not there
    place, here = {"_id": ObjectId(change.id), **known}, ""
    if change.inside:
        place, here = {"_id": ObjectId(change.sample), change.inside: {"$elemMatch": place}}, f"{change.inside}.$."
    values = {f"{here}{name}": value for name, value in wanted.items() if value is not None}
    gone = {f"{here}{name}": "" for name, value in wanted.items() if value is None}
    modified = {"last_modified_at": datetime.now(timezone.utc)}
    return UpdateOne(place, {"$set": {**values, **modified}} | ({"$unset": gone} if gone else {}))
