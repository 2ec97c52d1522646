"""Calls that go on while the user goes on: each in a thread of the App's server, its progress there for any page.

They outlive a page that is closed or loaded again; a call whose server ends has ended too, and what it ran says so in
its record. A call is asked to stop through its progress, which then raises `Interrupted`.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.base.arrays import Progress
from ..core.base.errors import CuratorError, Interrupted
from ..dataset.runs.pace import Pace, in_words
from . import payloads
from .payloads import JobState

KEPT = 600.0  # seconds for which an ended call is told
_jobs: dict[str, Job] = {}
_lock = threading.Lock()


@dataclass
class Job:
    """One call.

    Attributes:
        key: tells it from any other.
        dataset: id of the dataset it is about; None where none was open.
        label: the operator's name, as people read it.
        operator, params: to open its form again as it was.
        state: "running", "done", "failed" or "cancelled".
        said: the headline, or the error.
        summary: what the call returned.
        at: step, share and seconds left, as `Pace` tells them.
    """

    dataset: str | None
    label: str
    operator: str
    params: Mapping[str, Any]
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: JobState = "running"
    said: str = ""
    summary: dict[str, Any] | None = None
    at: dict[str, Any] = field(default_factory=lambda: {"share": None, "doing": "", "left": None})
    ended: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def to_json(self) -> payloads.Job:
        """The call as the App shows it."""
        return {
            "key": self.key,
            "label": self.label,
            "state": self.state,
            "said": self.said,
            "share": self.at["share"],
            "doing": self.at["doing"],
            "left": in_words(self.at["left"]),
            "stopping": self.stop.is_set() and self.state == "running",
            "operator": self.operator,
            "params": dict(self.params),
        }


def start(job: Job, call: Callable[[Progress], dict[str, Any]]) -> Job:
    """Begin the call."""
    with _lock:
        for key in [key for key, old in _jobs.items() if old.ended and time.monotonic() - old.ended > KEPT]:
            del _jobs[key]
        _jobs[job.key] = job
    threading.Thread(target=_work, args=(job, call), name="curator", daemon=True).start()
    return job


def jobs(dataset: str | None) -> list[Job]:
    """Those about a dataset that are at work or have ended lately, the oldest first."""
    with _lock:
        return [job for job in _jobs.values() if job.dataset == dataset]


def stop(key: str) -> bool:
    """Ask a call to stop. Returns whether it is at work."""
    with _lock:
        job = _jobs.get(key)
    if job is None or job.state != "running":
        return False
    job.stop.set()
    return True


def _work(job: Job, call: Callable[[Progress], dict[str, Any]]) -> None:
    pace = Pace()

    def progress(done: int, total: int, doing: str = "") -> None:
        job.at = pace.at(done, total, doing)
        if job.stop.is_set():
            raise Interrupted

    try:
        summary = call(progress)
        job.summary, job.said, job.state = summary, str(summary.get("headline", "")), "done"
    except Interrupted:
        job.said, job.state = "Cancelled. Earlier results are as they were.", "cancelled"
    except CuratorError as error:
        job.said, job.state = str(error), "failed"
    except Exception as error:  # noqa: BLE001 - whatever went wrong must reach the user, in one sentence
        logging.getLogger(__name__).exception("Curator: %s failed", job.label)
        job.said, job.state = f"{type(error).__name__}: {error}", "failed"
    finally:
        job.ended = time.monotonic()
        job.over.set()
