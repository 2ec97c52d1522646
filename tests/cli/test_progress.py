"""A bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from image_curation.cli.progress import progress_bar


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """A terminal of 100 columns as the error stream; gives what has been written to it since it was last asked."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb", buffering=0) as screen, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        yield lambda: (screen.read(10_000) or b"").decode()


def test_progress__on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        with progress_bar() as progress:
            progress(1, 4, "Find outliers")
            shown = screen()
        assert " 25%|" in shown
        assert shown.rstrip().endswith("Find outliers")
        assert screen().strip() == "", "it is gone in the end"


def test_progress__nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        with progress_bar(quiet=True) as progress:
            progress(1, 2, "Find outliers")
        assert screen() == ""
