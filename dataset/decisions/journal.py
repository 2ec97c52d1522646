"""The journal of decisions: what every sample was before each decision, so that each can be taken back exactly.

A decision is written down whole before any sample is touched, and a write counts when it is on disk. Large ones lie in
several documents, since a document may have 16 MB; the head of a decision is written last, so that half a decision is
none. A crash in between loses nothing: whoever looks at the journal next finishes the whole decision, or takes back
the whole of it if that was under way. A decision that cannot be finished is set aside, and the others go on.

Entries lie in a collection of our own, `image_curation_decisions`, one head for each decision:

    {_id, dataset, number, status, verdict, said, queue, question, author, made, owner, count, left, changes | parts}

Status: doing → done → undoing → (deleted); or broken, with the error. Parts: {decision, part, changes}.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import bson
import fiftyone as fo
import fiftyone.core.odm as foo
import fiftyone.operators as operators
import psutil
from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError, PyMongoError

from .changes import ON_DISK, Change, apply, batches

COLLECTION = "image_curation_decisions"
STORE = "image_curation_decisions"  # the execution store that held the journal before; its entries are taken over
PART = 2_000  # changes in a document at most
PART_BYTES = 4_000_000
ABANDONED = 3_600.0  # seconds after which parts without a head are those of a dead process

_ready: set[tuple[int, ObjectId]] = set()
_under_way: set[ObjectId] = set()  # decisions that a thread of this process is carrying out or taking back


@dataclass(frozen=True)
class Entry:
    """One decision in the journal.

    Attributes:
        key: of the decision in the journal.
        number: its place: later decisions have larger ones.
        status: "doing", "done", "undoing" or "broken".
        verdict: "excluded", "kept" or "relabelled".
        said: the decision in a sentence.
        queue: key of the run whose review led to it, or None.
        author: who decided, or None.
        made: UTC, ISO 8601.
        count: samples or objects that it changed.
        objects: it is about objects.
    """

    key: str
    number: int
    status: str
    verdict: str
    said: str
    queue: str | None
    author: str | None
    made: str
    count: int
    objects: bool


@dataclass(frozen=True)
class Outcome:
    """A decision that was carried out or taken back.

    Attributes:
        entry: the decision.
        ids: samples or objects that are now as they should be.
        left: how many stay as they are, because somebody else has changed or deleted them.
    """

    entry: Entry
    ids: tuple[str, ...]
    left: int


def push(
    dataset: fo.Dataset,
    verdict: str,
    said: str,
    queue: str | None,
    author: str | None,
    changes: Iterable[Change],
    question: str | None = None,
) -> Outcome | None:
    """Write down a decision, then carry it out.

    Args:
        queue: key of the run whose review led to it.
        question: what that run asks, by which later runs that ask the same find the decision.

    Returns:
        what was done; None where it changes nothing, which is not written down
    """
    finish_what_was_begun(dataset)
    essential = (change.essential for change in changes)
    some = (change for change in essential if not change.is_empty)
    head = _write_down(dataset, verdict, said, queue, question, author, some)
    if head is None:
        return None
    with _working_on(head):
        return _carry_out(dataset, head)


def pop(
    dataset: fo.Dataset,
    queue: str | Collection[str] | None = None,
    author: str | None = None,
    key: str | None = None,
) -> Outcome | None:
    """Take back the last decision: of that review, of that author, or the one with that key.

    Returns:
        what was taken back; None where there is nothing to take back
    """
    finish_what_was_begun(dataset)
    heads = _heads(dataset)
    wanted = _wanted(dataset, "done", queue, author, key)
    claimed = heads.find_one_and_update(
        wanted, {"$set": {"status": "undoing", "owner": _me()}}, sort=[("number", DESCENDING)]
    )
    if claimed is None:
        return None
    with _working_on(claimed):
        return _take_back(dataset, claimed)


def peek(dataset: fo.Dataset, queue: str | Collection[str] | None = None, author: str | None = None) -> Entry | None:
    """The decision that `pop` would take back."""
    return next(iter(history(dataset, 1, queue, author)), None)


def history(
    dataset: fo.Dataset, most: int, queue: str | Collection[str] | None = None, author: str | None = None
) -> list[Entry]:
    """The last decisions, the newest first."""
    wanted = _wanted(dataset, "done", queue, author)
    found = _heads(dataset).find(wanted, {"changes": False}, sort=[("number", DESCENDING)], limit=most)
    return [_entry(head) for head in found]


def tally(dataset: fo.Dataset) -> list[dict[str, Any]]:
    """All decisions that stand, counted by what was asked, verdict and author.

    Returns:
        dicts with "question", "verdict", "author", "decisions", "samples" (or objects; one decided twice counts
        twice), "first" and "last": when. The most samples first
    """
    place = {"question": {"$ifNull": ["$question", "$queue"]}, "verdict": "$verdict", "author": "$author"}
    sums = {"decisions": {"$sum": 1}, "samples": {"$sum": "$count"}}
    ends = {"first": {"$min": "$made"}, "last": {"$max": "$made"}}
    stages: list[dict[str, Any]] = [
        {"$match": _wanted(dataset, "done")},
        {"$group": {"_id": place, **sums, **ends}},
        {"$sort": {"samples": -1}},
    ]
    found = _heads(dataset).aggregate(stages)
    return [{**{name: row["_id"].get(name) for name in place}, **row, "_id": None} for row in found]


def set_aside(dataset: fo.Dataset) -> list[tuple[Entry, str]]:
    """Decisions that could not be finished, each with the error."""
    found = _heads(dataset).find(_wanted(dataset, "broken"), {"changes": False}, sort=[("number", ASCENDING)])
    return [(_entry(head), str(head.get("error"))) for head in found]


def changed_ids(dataset: fo.Dataset, key: str) -> tuple[str, ...]:
    """Ids of the samples or objects that a decision in the journal changed."""
    head = _heads(dataset).find_one({"_id": ObjectId(key)})
    return () if head is None else tuple(change.id for change in _done_changes(dataset, head))


def about(dataset: fo.Dataset, one: str) -> Entry | None:
    """The last decision that changed a sample or object."""
    inside = {"changes.id": ObjectId(one)}
    heads = _heads(dataset)
    apart = [part["decision"] for part in heads.find({"decision": {"$exists": True}, **inside}, {"decision": True})]
    wanted = {**_wanted(dataset, "done"), "$or": [inside, {"_id": {"$in": apart}}]}
    head = heads.find_one(wanted, {"changes": False}, sort=[("number", DESCENDING)])
    return None if head is None else _entry(head)


def disagreements(dataset: fo.Dataset, queue: str | Collection[str] | None = None) -> dict[str, list[Entry]]:
    """Id → decisions, of the samples or objects about which authors differ: one decided, then another otherwise.

    Who decides the same once more changes nothing, so the journal does not have it.
    """
    wanted = {**_wanted(dataset, "done", queue), "author": {"$ne": None}}
    found: dict[str, list[Entry]] = {}
    for head in _heads(dataset).find(wanted, sort=[("number", ASCENDING)]):
        entry = _entry(head)
        for change in _done_changes(dataset, head):
            found.setdefault(change.id, []).append(entry)
    return {one: entries for one, entries in found.items() if len({entry.author for entry in entries}) > 1}


def finish_what_was_begun(dataset: fo.Dataset) -> list[Entry]:
    """Finish the decisions of processes that died while they carried them out, or took them back.

    Returns:
        those that were finished
    """
    heads = _heads(dataset)
    finished = []
    for status, finish in (("doing", _carry_out), ("undoing", _take_back)):
        for head in list(heads.find(_wanted(dataset, status), sort=[("number", ASCENDING)])):
            if head["_id"] in _under_way or _is_alive(head.get("owner")):
                continue
            mine = {"_id": head["_id"], "status": status, "owner": head.get("owner")}
            head = heads.find_one_and_update(mine, {"$set": {"owner": _me()}}, return_document=True)
            if head is not None and _or_set_aside(dataset, head, finish):
                finished.append(_entry(head))
    return finished


@contextmanager
def _working_on(head: dict[str, Any]) -> Iterator[None]:
    _under_way.add(head["_id"])
    try:
        yield
    finally:
        _under_way.discard(head["_id"])


def _or_set_aside(
    dataset: fo.Dataset, head: dict[str, Any], finish: Callable[[fo.Dataset, dict[str, Any]], Outcome]
) -> bool:
    """Finish a decision; one that cannot be finished must not stop those that come after it."""
    try:
        with _working_on(head):
            finish(dataset, head)
    except (KeyError, TypeError, ValueError, bson.errors.BSONError, PyMongoError) as error:
        if isinstance(error, PyMongoError) and error.timeout:
            raise  # the database is away: nothing is wrong with the decision
        _heads(dataset).update_one({"_id": head["_id"]}, {"$set": {"status": "broken", "error": str(error)[:500]}})
        return False
    return True


def _write_down(
    dataset: fo.Dataset,
    verdict: str,
    said: str,
    queue: str | None,
    question: str | None,
    author: str | None,
    changes: Iterable[Change],
) -> dict[str, Any] | None:
    """The decision in the journal: its parts, if it needs several, and then its head, by which it counts."""
    heads = _heads(dataset)
    decision = ObjectId()
    parts, count, objects = 0, 0, False
    held: list[Change] = []
    for part in _parts(changes):
        count += len(part)
        objects = bool(part[0].inside)
        if held:
            _insert_part(heads, decision, parts, held)
            parts += 1
        held = part
    if not count:
        return None
    head: dict[str, Any] = {
        "_id": decision,
        "dataset": dataset._doc.id,
        "status": "doing",
        "verdict": verdict,
        "said": said,
        "queue": queue,
        "question": question,
        "author": author,
        "made": _now(),
        "owner": _me(),
        "count": count,
        "left": [],
        "objects": objects,
    }
    if parts:
        _insert_part(heads, decision, parts, held)
        head["parts"] = parts + 1
    else:
        head["changes"] = [_stored(change) for change in held]
    _insert_head(heads, head)
    return head


def _parts(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Changes that fit a document together."""
    some: list[Change] = []
    size = 0
    for change in changes:
        if some and (len(some) == PART or size + change.size > PART_BYTES):
            yield some
            some, size = [], 0
        some.append(change)
        size += change.size
    if some:
        yield some


def _insert_part(heads: Any, decision: ObjectId, number: int, changes: Sequence[Change]) -> None:
    part = {"decision": decision, "part": number, "changes": [_stored(change) for change in changes]}
    heads.insert_one(part)


def _newest(heads: Any, dataset: Any) -> Any:
    """The decision with the highest number; asked for as its index says it, so that one key is read, not all."""
    numbered = {"dataset": dataset, "number": {"$exists": True}}
    return heads.find(numbered, {"number": True}).sort("number", DESCENDING).limit(1)


def _insert_head(heads: Any, head: dict[str, Any]) -> None:
    """Give the decision the next free place."""
    while True:
        last = next(iter(_newest(heads, head["dataset"])), None)
        head["number"] = (last["number"] if last else 0) + 1
        try:
            heads.insert_one(head)
        except DuplicateKeyError:  # another process was faster
            continue
        return


def _carry_out(dataset: fo.Dataset, head: dict[str, Any]) -> Outcome:
    heads = _heads(dataset)
    done: list[str] = []
    left: list[str] = []
    for changes in _stored_parts(heads, head):
        there, _ = apply(dataset, changes)
        done += [change.id for change in changes if change.id in there]
        left += [change.id for change in changes if change.id not in there]
    after = {"status": "done", "count": len(done)}
    if left and not done:
        _forget(heads, head)
    else:
        _keep_left(heads, head, left)
        heads.update_one({"_id": head["_id"], "status": "doing"}, {"$set": after})
    return Outcome(_entry({**head, **after}), tuple(done), len(left))


def _keep_left(heads: Any, head: dict[str, Any], left: Sequence[str]) -> None:
    """Note who was left alone, so that taking the decision back leaves them alone too."""
    if not left:
        return
    for some in batches(left, 100_000):
        gone = {"changes": {"id": {"$in": [ObjectId(one) for one in some]}}}
        heads.update_many({"$or": [{"_id": head["_id"]}, {"decision": head["_id"]}]}, {"$pull": gone})


def _take_back(dataset: fo.Dataset, head: dict[str, Any]) -> Outcome:
    heads = _heads(dataset)
    done: list[str] = []
    left = 0
    for changes in reversed(list(_part_numbers(head))):
        there, others = apply(dataset, [change.reversed for change in _part(heads, head, changes)])
        done[:0] = sorted(there)
        left += others
    _forget(heads, head)
    return Outcome(_entry(head), tuple(done), left)


def _forget(heads: Any, head: dict[str, Any]) -> None:
    heads.delete_one({"_id": head["_id"]})
    heads.delete_many({"decision": head["_id"]})


def _part_numbers(head: dict[str, Any]) -> range:
    return range(head.get("parts") or 1)


def _stored_parts(heads: Any, head: dict[str, Any]) -> Iterator[list[Change]]:
    for number in _part_numbers(head):
        yield _part(heads, head, number)


def _done_changes(dataset: fo.Dataset, head: dict[str, Any]) -> Iterator[Change]:
    for changes in _stored_parts(_heads(dataset), head):
        yield from changes


def _part(heads: Any, head: dict[str, Any], number: int) -> list[Change]:
    found = head if not head.get("parts") else heads.find_one({"decision": head["_id"], "part": number})
    if found is None:  # taken back already, by a process that died
        return []
    return [_change(one) for one in found["changes"]]


def _change(stored: dict[str, Any]) -> Change:
    return Change(
        str(stored["id"]),
        stored["before"],
        stored["after"],
        str(stored.get("sample") or ""),
        stored.get("inside") or "",
    )


def _stored(change: Change) -> dict[str, Any]:
    where = {"sample": ObjectId(change.sample), "inside": change.inside} if change.inside else {}
    return {"id": ObjectId(change.id), "before": dict(change.before), "after": dict(change.after), **where}


def _entry(head: dict[str, Any]) -> Entry:
    return Entry(
        key=str(head["_id"]),
        number=head["number"],
        status=head["status"],
        verdict=head["verdict"],
        said=head["said"],
        queue=head.get("queue"),
        author=head.get("author"),
        made=head["made"],
        count=head["count"],
        objects=bool(head.get("objects")),
    )


def _wanted(
    dataset: fo.Dataset,
    status: str,
    queue: str | Collection[str] | None = None,
    author: str | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    wanted: dict[str, Any] = {"dataset": dataset._doc.id, "status": status}
    if isinstance(queue, str):
        wanted["queue"] = queue
    elif queue is not None:
        wanted["$or"] = [{"queue": {"$in": list(queue)}}, {"question": {"$in": list(queue)}}]
    wanted |= {"author": author} if author is not None else {}
    return wanted | ({"_id": ObjectId(key)} if key is not None else {})


def _heads(dataset: fo.Dataset) -> Any:
    """The collection, with its indexes, and with what an earlier version of ours wrote about this dataset."""
    heads = foo.get_db_conn()[COLLECTION].with_options(write_concern=ON_DISK)
    known = (os.getpid(), dataset._doc.id)
    if known not in _ready:
        numbered = {"number": {"$exists": True}}
        heads.create_index(
            [("dataset", ASCENDING), ("number", ASCENDING)], unique=True, partialFilterExpression=numbered
        )
        heads.create_index([("dataset", ASCENDING), ("status", ASCENDING), ("number", ASCENDING)])
        heads.create_index([("dataset", ASCENDING), ("status", ASCENDING), ("queue", ASCENDING), ("number", ASCENDING)])
        heads.create_index([("decision", ASCENDING), ("part", ASCENDING)], sparse=True)
        _take_over(dataset, heads)
        _sweep(heads)
        _ready.add(known)
    return heads


def _take_over(dataset: fo.Dataset, heads: Any) -> None:
    """Move what earlier versions kept in FiftyOne's execution store; doing it twice is harmless."""
    store = operators.ExecutionStore.create(STORE, dataset_id=dataset._doc.id)
    for key in sorted(store.list_keys()):
        found = store.get(key)
        if found is None:
            continue
        changes = [_change(one).essential for one in found["changes"]]
        head = {
            "_id": ObjectId(),
            "dataset": dataset._doc.id,
            "number": int(key.split()[0]),
            "status": found["status"],
            "verdict": found["verdict"],
            "said": found["said"],
            "queue": found["queue"],
            "author": None,
            "made": found["made"],
            "owner": None,
            "count": len(changes),
            "left": [],
            "objects": any(change.inside for change in changes),
            "changes": [_stored(change) for change in changes],
        }
        with suppress(DuplicateKeyError):  # taken over before, by a process that died
            heads.insert_one(head)
        store.delete(key)


def _sweep(heads: Any) -> None:
    """Delete parts that never got a head, and decisions about datasets that are gone."""
    known = set(foo.get_db_conn()["datasets"].distinct("_id"))
    for dataset in set(heads.distinct("dataset")) - known - {None}:
        for head in heads.find({"dataset": dataset}, {"_id": True}):
            heads.delete_many({"decision": head["_id"]})
        heads.delete_many({"dataset": dataset})
    before = ObjectId.from_datetime(datetime.fromtimestamp(_utc().timestamp() - ABANDONED, timezone.utc))
    for decision in heads.distinct("decision", {"decision": {"$lt": before}}):
        if heads.find_one({"_id": decision}, {"_id": True}) is None:
            heads.delete_many({"decision": decision})


def _me() -> dict[str, Any]:
    """This process, so that another one can tell whether it still lives."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def _is_alive(owner: dict[str, Any] | None) -> bool:
    """Whether that process still works; one of another host is taken for dead, since it cannot be asked."""
    if owner is None or owner["host"] != socket.gethostname():
        return False
    if owner["pid"] == os.getpid():
        return False  # this process would know
    try:
        return bool(abs(psutil.Process(owner["pid"]).create_time() - owner["started"]) < 1)
    except psutil.Error:
        return False


def _utc() -> datetime:
    return datetime.now(timezone.utc)


def _now() -> str:
    return _utc().isoformat(timespec="milliseconds")
