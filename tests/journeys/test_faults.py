"""A short part of `scripts/faults.py`: kills at random moments and several writers at once, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_faults__nothing_is_lost() -> None:
    """In a process of its own, with a database of its own: it forks, and this one is full of threads."""
    command = [sys.executable, "-W", "ignore", "scripts/faults.py", "--kills", "14", "--writers", "6", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "14 kills: " in done.stdout
    assert "killed, old" in done.stdout
    assert "6 rounds of writers: " in done.stdout
    assert "fault" not in done.stdout.lower()
