"""What a run could not keep for later, in sentences for its record: a lost cache costs time, never a result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@contextmanager
def gathered() -> Iterator[list[str]]:
    """The notes that are made within the block."""
    notes: list[str] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note(what: str, error: OSError, costs: str) -> None:
    """Note that a cache could not be written.

    Args:
        what: "The neighbor graph".
        costs: what it means, as the end of the sentence.
    """
    notes = _notes.get()
    said = f"{what} could not be kept ({error.strerror or error}), so {costs}"
    if notes is not None and said not in notes:
        notes.append(said)
