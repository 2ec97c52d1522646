"""The few types that everything is made of: arrays, facts, and the progress of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

from .errors import Interrupted as Interrupted

if TYPE_CHECKING:
    pass


Array = npt.NDArray[Any]


Facts = dict[str, Any]


class Progress(Protocol):
    """Called by a method as it goes: `progress(done, total, "what is being done")`.

    It may raise `Interrupted`, which a method lets pass.
    """

    def __call__(self, done: int, total: int, doing: str = "") -> None: ...


def silent(done: int, total: int, doing: str = "") -> None:
    """Progress that nobody watches."""
