"""Marks of pictures: whether a file, or a region of one, is still the same as when something was made of it."""

from __future__ import annotations

import hashlib
import os

from .reading import box_of, ranges_at

MARK = 16  # bytes of a mark
NO_MARK = bytes(MARK)  # of a file that is not there


def mark_of(path: str) -> bytes:
    """The mark of a picture as it is now on disk: of its path, the file's size and time, and its box.

    Returns:
        16 bytes; `NO_MARK` where there is no file
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return NO_MARK
    said = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{box_of(path)}"
    if ranges_at(path):
        said += f"\0{sorted((ranges_at(path) or {}).items())}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:MARK]
