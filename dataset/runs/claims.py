"""Claims: which run works on a key now, and what it has promised to bring to an end.

A run claims its key by one conditional write, so of two that begin at the same moment the second is refused. While its
process lives the claim is renewed; what it says is laid over the run's record, so that the record of an earlier result
stays as it is until the new one is complete. Before a run changes what an earlier one left, it writes into its claim
all that is still to be done. Whoever finds such a claim without a living holder does it.

The states and what leads from one to another: docs/architecture/life-of-a-run.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import fiftyone as fo

from ...core.base.params import ParamError
from ..fields import leases
from ..fields.fiftyone_compat import dataset_id
from ..fields.leases import Lease
from ..storage.staged import drop_staged

Finish = Callable[[fo.Dataset, Mapping[str, Any], Lease], None]
_finishers: dict[str, Finish] = {}
_mine: dict[str, Lease] = {}  # name → what this process claimed


def finishes(kind: str) -> Callable[[Finish], Finish]:
    """Registers the function that brings promises of one kind to an end; doing it twice must be harmless."""

    def register(finish: Finish) -> Finish:
        _finishers[kind] = finish
        return finish

    return register


def claim(dataset: fo.Dataset, key: str, run: Mapping[str, Any], force: bool = False) -> Lease:
    """Claim a key for a run.

    Args:
        run: its record, shown to others meanwhile.
        force: even if a living run has it, which then ends without a result.

    Raises:
        ParamError: another run has it.
    """
    name = _name(dataset, key)
    lease = leases.take(name, {"dataset": dataset_id(dataset), "key": key, "run": dict(run)}, force)
    if lease is None:
        holder = leases.look(name) or {}
        raise ParamError(
            f"The run {key!r} is still running (process {holder.get('pid')} on {holder.get('host')}); "
            "wait for it, or choose another key"
        )
    _mine[name] = lease
    return lease


def mine(dataset: fo.Dataset, key: str) -> Lease | None:
    """This process's claim on a key, unless somebody took it away."""
    lease = _mine.get(_name(dataset, key))
    return lease if lease is not None and lease.is_held() else None


def show(dataset: fo.Dataset, key: str, run: Mapping[str, Any]) -> None:
    """Let others see this record of the run while it runs."""
    lease = mine(dataset, key)
    if lease is not None:
        lease.put(run=dict(run))


def note_progress(dataset: fo.Dataset, key: str, progress: Mapping[str, Any]) -> bool:
    """Let others see how far a run is. Returns whether one of them has asked it to stop."""
    lease = mine(dataset, key)
    if lease is None:
        return False
    lease.put(progress=dict(progress))
    return bool((leases.look(lease.name) or {}).get("stop"))


def ask_to_stop(dataset: fo.Dataset, key: str) -> bool:
    """Ask the run that has the key, of whatever process, to stop. False where none is at work on it."""
    there = leases.look(_name(dataset, key))
    return there is not None and bool(there["alive"]) and leases.write_into(there, stop=True)


def promise(dataset: fo.Dataset, key: str, what: Mapping[str, Any]) -> Lease:
    """Write down all that is still to be done: from now on it will be, whatever happens to this process.

    Args:
        what: plain values; "kind" names the function that does it.

    Raises:
        ParamError: somebody has taken the key away meanwhile.
    """
    lease = mine(dataset, key)
    if lease is None or not lease.put(pending=dict(what)):
        raise ParamError(
            f"The key {key!r} was taken by somebody else meanwhile, so these results were given up; run it again"
        )
    return lease


def release(dataset: fo.Dataset, key: str) -> None:
    """Give the claim of this process back, if it has one."""
    lease = _mine.pop(_name(dataset, key), None)
    if lease is not None:
        lease.give_back()


def leave(dataset: fo.Dataset, key: str) -> None:
    """Leave what was promised to whoever looks next."""
    lease = _mine.pop(_name(dataset, key), None)
    if lease is not None:
        lease.leave()


def living(dataset: fo.Dataset) -> dict[str, dict[str, Any]]:
    """Key → claim, of the runs that are at work on the dataset now. What dead ones promised is done first."""
    found = leases.look_for(dataset=dataset_id(dataset))
    for one in found:
        if not one["alive"]:
            _settle(dataset, one)
    return {one["key"]: one for one in found if one["alive"]}


def is_claimed(dataset: fo.Dataset, key: str) -> bool:
    """Whether a living run has the key."""
    there = leases.look(_name(dataset, key))
    return there is not None and bool(there["alive"])


def _settle(dataset: fo.Dataset, dead: Mapping[str, Any]) -> None:
    """Do what a run promised that did not live to do it; take away what it left otherwise."""
    lease = leases.take_over(dead)
    if lease is None:
        return
    pending = dead.get("pending")
    if pending is not None:
        try:
            _finishers[pending["kind"]](dataset, pending, lease)
        except Exception:  # noqa: BLE001 - looking at runs must not fail over one of them; the next look tries again
            logging.getLogger(__name__).exception("The results of %r cannot be put in place yet", dead["key"])
            lease.leave()
            return
    drop_staged(dataset, dead["owner"])
    lease.give_back()


def _name(dataset: fo.Dataset, key: str) -> str:
    return f"{dataset_id(dataset)} run {key}"
