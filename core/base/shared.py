"""Work that several methods need, done once: kept under a digest of all that it was made of.

What it was made of is the key, so that other vectors, labels or files find nothing, and what is lost costs time only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from .arrays import Array


class Shared(Protocol):
    """Where such work is kept. The dataset layer has it; arrays on their own have none."""

    def find(self, kind: str, key: str) -> dict[str, Array] | None:
        """What was kept under a key; None where it is not there any more."""
        ...

    def keep(self, kind: str, key: str, arrays: Mapping[str, Array]) -> None:
        """Keep arrays under a key. A few of each kind are kept, the newest."""
        ...

    def every(self, kind: str) -> Iterator[dict[str, Array]]:
        """All that is kept of a kind, the newest first."""
        ...


def key_of(*parts: Any) -> str:
    """A digest of arrays, bytes and plain values, in this order."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            state.update(f"{part.dtype} {part.shape}".encode())
            state.update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")
        else:
            state.update(part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass"))
        state.update(b"\0")
    return state.hexdigest()[:32]
