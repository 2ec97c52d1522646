"""Machine code for inner loops, by numba: compiled on first use, kept on disk, free of the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function on its first call.

    Loops run in the threads of the caller (`in_threads`), not in numba's own: its default thread pool ends
    the process when two operators enter it at once. Sums may be reassociated so that they use vector registers.
    """
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # neither this folder nor the user's cache folder can be written
        return _compiled(function, cache=False)


def _compiled(function: F, cache: bool) -> F:
    return cast(F, numba.njit(nogil=True, fastmath={"reassoc", "contract"}, cache=cache)(function))
