"""Leases in the database: who holds what, across threads, processes and machines.

A lease is one document of a small collection of our own. It is taken by one conditional write, renewed every few
seconds by a thread of this process, and free again when it is given back, when it has not been renewed for a minute, or
at once when its process is known to be gone: by machine, process number and the moment the process began, for numbers
are used again. The database's clock alone counts.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
from pymongo.errors import DuplicateKeyError, PyMongoError

from .fiftyone_compat import database

COLLECTION = "image_curation_leases"
SECONDS = 60  # a lease that was not renewed for so long is free
BEAT = 5.0  # seconds between renewals


@dataclass(frozen=True)
class Lease:
    """A lease that this process holds.

    Attributes:
        name: what it is for; one process at a time holds it.
        owner: tells this holding from any other, before and after.
    """

    name: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def is_held(self) -> bool:
        """Whether nobody took it away."""
        return bool(_all().count_documents({"_id": self.name, "owner": self.owner}))

    def put(self, **values: Any) -> bool:
        """Write values into the lease. False where somebody else holds it now."""
        return bool(_all().update_one({"_id": self.name, "owner": self.owner}, {"$set": values}).matched_count)

    def give_back(self) -> None:
        """Free it, and forget what was written into it."""
        _held.discard(self.owner)
        _all().delete_one({"_id": self.name, "owner": self.owner})

    def leave(self) -> None:
        """Free it, with what was written into it, for whoever looks next."""
        _held.discard(self.owner)
        _all().update_one({"_id": self.name, "owner": self.owner}, [{"$set": {"until": "$$NOW", "pid": None}}])


def take(name: str, values: Mapping[str, Any], force: bool = False) -> Lease | None:
    """Take a lease, if nobody holds it.

    Args:
        values: to be read by others while it is held.
        force: take it even from a living holder, who notices at his next write into it.
    """
    lease = Lease(name)
    content = {**values, **_me(), "owner": lease.owner}
    written = [{"$replaceWith": {"$mergeObjects": [{"_id": "$_id"}, {"$literal": content}, _until()]}}]
    try:
        _all().update_one({"_id": name, "free": True}, written, upsert=True)
    except DuplicateKeyError:
        there = look(name)
        if there is not None and there["alive"] and not force:
            return None
        if there is not None and not _all().update_one({"_id": name, "owner": there["owner"]}, written).matched_count:
            return None  # another process was faster
        if there is None:
            return take(name, values, force)
    _held.add(lease.owner)
    _keep_renewing()
    return lease


def take_over(found: Mapping[str, Any]) -> Lease | None:
    """Take a lease whose holder is gone, with what he wrote into it. None where another process was faster."""
    lease = Lease(found["_id"])
    written = [{"$set": {**{name: {"$literal": one} for name, one in _me().items()}, "owner": lease.owner, **_until()}}]
    if not _all().update_one({"_id": found["_id"], "owner": found["owner"]}, written).matched_count:
        return None
    _held.add(lease.owner)
    _keep_renewing()
    return lease


def write_into(found: Mapping[str, Any], **values: Any) -> bool:
    """Write values into a lease that somebody else holds. False where it has been given back meanwhile."""
    return bool(_all().update_one({"_id": found["_id"], "owner": found["owner"]}, {"$set": values}).matched_count)


def look(name: str) -> dict[str, Any] | None:
    """What is written in a lease, and "alive": whether its holder is; None where nobody took it."""
    return next(iter(_found({"_id": name})), None)


def look_for(**values: Any) -> list[dict[str, Any]]:
    """The leases with these values, each with "alive"."""
    return _found(values)


def _found(query: Mapping[str, Any]) -> list[dict[str, Any]]:
    stages: Sequence[Mapping[str, Any]] = [
        {"$match": query},
        {"$set": {"alive": {"$gt": ["$until", "$$NOW"]}}},
    ]
    return [{**one, "alive": one["alive"] and not _is_gone(one)} for one in _all().aggregate(stages)]


def _is_gone(holder: Mapping[str, Any]) -> bool:
    """Whether a process of this machine, as far as it can be seen from here, has ended."""
    if holder.get("machine") != machine():
        return False
    try:
        return bool(abs(psutil.Process(int(holder["pid"])).create_time() - float(holder["began"])) > 1)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _me() -> dict[str, Any]:
    return {"machine": machine(), "host": socket.gethostname(), "pid": os.getpid(), "began": _began()}


@lru_cache(maxsize=1)
def machine() -> str:
    """Names the set of processes that can see each other: containers on one computer differ."""
    space = Path("/proc/self/ns/pid")
    seen = os.readlink(space) if space.exists() else ""
    return f"{socket.gethostname()} {uuid.getnode():x} {seen}"


@lru_cache(maxsize=1)
def _began_of(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _began() -> float:
    return _began_of(os.getpid())


def _until() -> dict[str, Any]:
    return {"until": {"$add": ["$$NOW", SECONDS * 1000]}}


def _all() -> Any:
    return database()[COLLECTION]


# Renewing

_held: set[str] = set()
_starting = threading.Lock()
_renewing: list[threading.Thread] = []


def _keep_renewing() -> None:
    with _starting:
        if not any(thread.is_alive() for thread in _renewing):
            _renewing[:] = [threading.Thread(target=_renew, name="curator-leases", daemon=True)]
            _renewing[0].start()


def _renew() -> None:
    """Renew all leases of this process until it holds none."""
    idle = threading.Event()
    while True:
        idle.wait(BEAT)
        with _starting:
            held = list(_held)
            if not held:
                _renewing.clear()
                return
        try:
            _all().update_many({"owner": {"$in": held}}, [{"$set": _until()}])
        except PyMongoError:  # the database is away: it is tried again, and the lease ends where that takes too long
            continue
