"""Ends a test process that never ends, with all that it started. `tests/conftest.py` takes its hooks.

pytest-timeout's alarm ends a test with its fixtures and finalisers. But an alarm is an exception: code that catches it,
or waits again in the next finaliser or at exit, waits on. The watchdog is what comes then.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

GRACE = 60  # seconds that a test has after pytest-timeout's alarm
END = 180  # seconds from the end of the last test to that of the process
STATUS = 70  # of the process then


class Watchdog(threading.Thread):
    """Waits for a point in time that is put off as long as things go on."""

    def __init__(self) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._until, self._what = float("inf"), ""

    def watch(self, what: str, seconds: float) -> None:
        """End the process unless the next call comes within so many seconds."""
        self._what, self._until = what, time.monotonic() + seconds
        if not self.is_alive():
            self.start()

    def run(self) -> None:
        """Look four times a second."""
        while time.monotonic() < self._until:
            time.sleep(0.25)
        stream = sys.__stderr__ or sys.stderr
        print(f"\n{self._what} did not end in time. Where its threads are:", file=stream, flush=True)
        faulthandler.dump_traceback(file=stream)
        end_children()
        os._exit(STATUS)


_WATCHDOG = Watchdog()


def end_children() -> None:
    """Kill what this process started and did not end."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test with its fixtures and finalisers, in the process that runs it."""
    marker = item.get_closest_marker("timeout")
    limit = float(marker.args[0] if marker and marker.args else item.config.getini("timeout"))
    _WATCHDOG.watch(item.nodeid, limit + GRACE)
    try:
        return (yield)
    finally:
        _WATCHDOG.watch("", float("inf"))  # a process of several may have to wait for its next test


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """All tests are done; what is left are the handlers at exit."""
    _WATCHDOG.watch("The process, after its last test,", END)
