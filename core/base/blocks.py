"""Many rows, a block at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator

ROWS = 8192


def blocks(n: int, size: int = ROWS) -> Iterator[slice]:
    """Slices that cover n rows, `size` at a time."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
