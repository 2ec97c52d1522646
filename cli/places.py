"""Files that a command is to write, refused before the work begins."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.base.errors import DataError
from ..core.base.params import ParamError


def writable(option: str, given: str | None) -> Path | None:
    """The file that an option names; None where it names none.

    Raises:
        ParamError: it is a folder, or its folder does not exist.
        DataError: its folder may not be written to.
    """
    if given is None:
        return None
    path = Path(given).expanduser()
    if path.is_dir():
        raise ParamError(f"{option} must name a file; {str(path)!r} is a folder")
    if not path.parent.is_dir():
        raise ParamError(f"{option} must name a file in a folder that exists; {str(path.parent)!r} does not")
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise DataError(f"{option} names {str(path)!r}, and you may not write to its folder; choose another place")
    return path
