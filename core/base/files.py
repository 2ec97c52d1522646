"""New files that appear complete or not at all, and harm no other file on the way."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(path: str | Path, replace: bool = True) -> Iterator[Path]:
    """A temporary file in the same folder, which gets its name when the block is left without an error.

    Its own name is one that no other file has. A link that stands at `path` is replaced; the file that it points to
    stays as it is.

    Args:
        path: the file to be.
        replace: an existing file may go.

    Raises:
        FileExistsError: there is a file, also one made meanwhile, and it may not go.
        OSError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem[:50]}.{secrets.token_hex(8)}{path.suffix}")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # with the permissions of any new file
    try:
        yield part
        if not replace and os.path.lexists(path):
            raise FileExistsError(f"The file {str(path)!r} exists already")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
