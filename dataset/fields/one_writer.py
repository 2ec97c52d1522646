"""One writer at a time for what all runs on a dataset share: declarations, sidebar, run records, saved views.

Two processes that declare fields at once lose some of them; so all that Curator writes there is written under a lock in
the database, held for moments. What a run writes into samples needs no lock and waits for nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import fiftyone as fo

from ...core.base.params import ParamError
from . import leases
from .fiftyone_compat import dataset_id, reload

PATIENCE = 120.0  # seconds
_inside = threading.local()
_threads: dict[str, threading.Lock] = {}


@contextmanager
def one_writer(dataset: fo.Dataset) -> Iterator[None]:
    """Hold the dataset's lock, with the dataset as it stands in the database. May be nested.

    Raises:
        ParamError: somebody holds it for two minutes.
    """
    name = f"{dataset_id(dataset)} writer"
    held: set[str] = _inside.__dict__.setdefault("names", set())
    if name in held:
        yield
        return
    with _threads.setdefault(name, threading.Lock()):
        lease = _wait_for(name, dataset.name)
        held.add(name)
        try:
            reload(dataset)
            yield
        finally:
            held.discard(name)
            lease.give_back()


def _wait_for(name: str, said: str) -> leases.Lease:
    end, pause = time.monotonic() + PATIENCE, 0.01
    while True:
        lease = leases.take(name, {})
        if lease is not None:
            return lease
        if time.monotonic() > end:
            holder = leases.look(name) or {}
            raise ParamError(
                f"Process {holder.get('pid')} on {holder.get('host')} has been writing to the fields of dataset "
                f"{said!r} for {PATIENCE:.0f} seconds; wait until it is done, or end it, and try again"
            )
        time.sleep(pause)
        pause = min(2 * pause, 0.25)
