"""The journal of decisions: a stack in the database that says, for each decision, what every sample was before.

An entry is written before the samples are, so that a crash in between loses nothing: whoever looks at the journal next
finishes what was begun. It lives in FiftyOne's execution store, which belongs to the dataset and goes with it.

A sample is only ever changed from the state that the journal knows. Where someone else has changed it meanwhile,
it stays as it is and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from bson import ObjectId
from pymongo import UpdateOne

STORE = "image_curation_decisions"
ENTRY = 2_000  # samples per entry; larger decisions are several, undone together. A document may have 16 MB
LOOKS_BACK = 4  # entries that may be unfinished: processes that decide on one dataset at the same moment

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


@dataclass(frozen=True)
class Entry:
    """One decision in the journal, or one part of a large one.

    Attributes:
        key: its place in the journal.
        first: the key of the first part of the same decision.
        status: "doing", "done" or "undoing".
        verdict: "excluded", "kept" or "relabelled".
        said: the decision in a sentence.
        queue: key of the run whose review led to it, or None.
        made: UTC, ISO 8601.
        changes: what it does to each sample.
    """

    key: str
    first: str
    status: str
    verdict: str
    said: str
    queue: str | None
    made: str
    changes: tuple[Change, ...]


def push(dataset: fo.Dataset, verdict: str, said: str, queue: str | None, changes: Sequence[Change]) -> str | None:
    """Write down a decision, then carry it out.

    Returns:
        its key; None where it changes nothing, which is not written down
    """
    changes = [change for change in changes if change.before != change.after]
    finish_what_was_begun(dataset)
    store, first = _store(dataset), None
    for begin in range(0, len(changes), ENTRY):
        part = tuple(changes[begin : begin + ENTRY])
        entry = Entry("", first or "", "doing", verdict, said, queue, _now(), part)
        entry = _append(store, entry)
        first = first or entry.key
        _carry_out(dataset, store, entry)
    return first


def pop(dataset: fo.Dataset, queue: str | None = None) -> tuple[Entry, int] | None:
    """Take back the last decision; with `queue`, the last one of that review.

    Returns:
        the decision with all its changes, and the number of samples that stayed as they are because they have been
        changed since; None where there is nothing to take back
    """
    finish_what_was_begun(dataset)
    store = _store(dataset)
    keys = _keys(store, queue)
    while keys:
        last = _load(store, keys[-1])
        if last is None:  # another process was faster
            keys.pop()
            continue
        changes: list[Change] = []
        left = 0
        for key in reversed([key for key in keys if key >= last.first]):
            entry = _load(store, key)
            if entry is None or entry.first != last.first:
                continue
            claimed = replace(entry, status="undoing")
            if store.compare_and_set(key, _stored(entry), _stored(claimed)):
                left += _take_back(dataset, store, claimed)
                changes[:0] = entry.changes
        if changes:
            return replace(last, changes=tuple(changes)), left
        keys.pop()
    return None


def peek(dataset: fo.Dataset, queue: str | None = None) -> Entry | None:
    """The decision that `pop` would take back."""
    store = _store(dataset)
    for key in reversed(_keys(store, queue)):
        entry = _load(store, key)
        if entry is not None:
            return entry
    return None


def finish_what_was_begun(dataset: fo.Dataset) -> None:
    """Carry out what a process wrote down and did not live to do. Doing it twice is harmless."""
    store = _store(dataset)
    for key in _keys(store)[-LOOKS_BACK:]:
        entry = _load(store, key)
        if entry is not None and entry.status == "doing":
            _carry_out(dataset, store, entry)
        elif entry is not None and entry.status == "undoing":
            _take_back(dataset, store, entry)


def _carry_out(dataset: fo.Dataset, store: foo.ExecutionStore, entry: Entry) -> None:
    _apply(dataset, [(change, change.before, change.after) for change in entry.changes])
    store.compare_and_set(entry.key, _stored(entry), _stored(replace(entry, status="done")))


def _take_back(dataset: fo.Dataset, store: foo.ExecutionStore, entry: Entry) -> int:
    done = _apply(dataset, [(change, change.after, change.before) for change in entry.changes])
    store.delete(entry.key)
    return len(entry.changes) - done


def _apply(dataset: fo.Dataset, steps: Sequence[tuple[Change, State, State]]) -> int:
    """Bring samples from one state to another; those in neither are left alone. Returns how many are there now."""
    updates, ids = [], []
    for change, old, new in steps:
        fields = {*old, *new}
        known = {path: old.get(path) for path in fields}  # a query for None also finds what is not there
        place, here = {"_id": ObjectId(change.id), **known}, ""
        if change.inside:
            place, here = {"_id": ObjectId(change.sample), change.inside: {"$elemMatch": place}}, f"{change.inside}.$."
        wanted = {f"{here}{path}": new[path] for path in fields if path in new}
        gone = {f"{here}{path}": "" for path in fields if path not in new}
        update = {"$set": {**wanted, "last_modified_at": _utc()}} | ({"$unset": gone} if gone else {})
        updates.append(UpdateOne(place, update))
        ids.append(change.sample or change.id)
    done = dataset._sample_collection.bulk_write(updates, ordered=False).matched_count if updates else 0
    if ids:
        dataset._bulk_write([], ids=list(dict.fromkeys(ids)))  # samples that this process holds are read again
    return int(done)


def _append(store: foo.ExecutionStore, entry: Entry) -> Entry:
    """Give the entry the next free place."""
    number = max((int(key.split()[0]) for key in _keys(store)), default=0)
    while True:
        number += 1
        key = f"{number:012d} {entry.queue or ''}".rstrip()
        placed = replace(entry, key=key, first=entry.first or key)
        if store.set_if_absent(key, _stored(placed)):
            return placed


def _keys(store: foo.ExecutionStore, queue: str | None = None) -> list[str]:
    """Keys of the journal in order; those of one review only, where it is named."""
    keys = sorted(store.list_keys())
    return keys if queue is None else [key for key in keys if key.partition(" ")[2] == queue]


def _load(store: foo.ExecutionStore, key: str) -> Entry | None:
    found = store.get(key)
    if found is None:
        return None
    changes = tuple(
        Change(str(one["id"]), one["before"], one["after"], str(one.get("sample") or ""), one.get("inside") or "")
        for one in found["changes"]
    )
    return Entry(**{**found, "key": key, "changes": changes})


def _stored(entry: Entry) -> dict[str, Any]:
    changes = [
        {"id": ObjectId(change.id), "before": dict(change.before), "after": dict(change.after)}
        | ({"sample": ObjectId(change.sample), "inside": change.inside} if change.inside else {})
        for change in entry.changes
    ]
    return {
        "first": entry.first,
        "status": entry.status,
        "verdict": entry.verdict,
        "said": entry.said,
        "queue": entry.queue,
        "made": entry.made,
        "changes": changes,
    }


def _store(dataset: fo.Dataset) -> foo.ExecutionStore:
    return foo.ExecutionStore.create(STORE, dataset_id=dataset._doc.id)


def _utc() -> datetime:
    return datetime.now(timezone.utc)


def _now() -> str:
    return _utc().isoformat(timespec="milliseconds")
