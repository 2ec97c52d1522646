"""Machine code for inner loops, by numba: compiled on first use, kept on disk, free of the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function on its first call.

    Loops run in the threads of the caller (`in_threads`), not in numba's own: its default thread pool ends
    the process when two operators enter it at once. Sums may be reassociated so that they use vector registers.
    """
    try:
        with _own_cache():
            return _compiled(function, cache=True)
    except RuntimeError:  # neither this folder nor the user's cache folder can be written
        return _compiled(function, cache=False)


@contextmanager
def _own_cache() -> Iterator[None]:
    """A cache folder for the name under which this package was loaded.

    The App loads the same files as the plugin and Python as `image_curation`; machine code kept by one names modules
    that the other does not have.
    """
    package = __name__.partition(".core.")[0]
    beside = Path(__file__).parent / "__pycache__"
    here = os.access(beside if beside.exists() else beside.parent, os.W_OK)
    settings: Any = numba.config
    before = settings.CACHE_DIR
    base = Path(before) if before else beside if here else Path.home() / ".cache" / "image_curation"
    settings.CACHE_DIR = str(base / package)
    try:
        yield
    finally:
        settings.CACHE_DIR = before


def _compiled(function: F, cache: bool) -> F:
    return cast(F, numba.njit(nogil=True, fastmath={"reassoc", "contract"}, cache=cache)(function))
