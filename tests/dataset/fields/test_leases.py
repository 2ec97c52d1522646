"""Leases: one holder at a time, wherever it runs; the dead hold nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import Any

import psutil
from image_curation.dataset.fields import leases


def _name() -> str:
    return f"test {uuid.uuid4().hex}"


def test_take__one_holder_at_a_time(dataset: Any) -> None:
    name = _name()
    first = leases.take(name, {"said": "$not_an_expression"})
    assert first is not None
    assert leases.take(name, {}) is None
    there = leases.look(name)
    assert there is not None
    assert (there["alive"], there["said"], there["pid"]) == (True, "$not_an_expression", os.getpid())
    first.give_back()
    assert leases.look(name) is None
    second = leases.take(name, {})
    assert second is not None
    assert not first.put(said="late"), "who lost it cannot write into it"
    second.give_back()


def test_take__from_a_process_that_is_gone(dataset: Any) -> None:
    name = _name()
    lease = leases.take(name, {})
    assert lease is not None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    number_used_again = {"pid": os.getpid(), "began": psutil.Process().create_time() - 1000}
    elsewhere = {"machine": "another", "pid": 1}
    for holder, gone in (({"pid": ended.pid}, True), (number_used_again, True), (elsewhere, False)):
        lease.put(**holder)
        there = leases.look(name)
        assert there is not None
        assert there["alive"] is not gone
    assert leases.take(name, {}) is None, "of another machine only the heartbeat tells"
    assert leases.take(name, {}, force=True) is not None
    assert not lease.is_held()


def test_take__when_it_was_not_renewed(dataset: Any) -> None:
    name = _name()
    lease = leases.take(name, {})
    assert lease is not None
    lease.put(machine="another", pending={"kind": "x"})
    leases._all().update_one({"_id": name}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}])
    (there,) = leases.look_for(pending={"kind": "x"})
    assert not there["alive"]
    mine = leases.take_over(there)
    assert mine is not None
    assert leases.take_over(there) is None, "a second one comes too late"
    mine.give_back()
