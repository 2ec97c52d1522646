"""When the memory does not suffice: smaller batches, and where even one picture is too many, a sentence.

torch tells its errors apart by their text only, and without a GPU it says it in other words.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from .arrays import Array
from .params import ParamError

SAYINGS = ("out of memory", "can't allocate memory")

FREE = 0.8  # share of the free memory that one file may take

T = TypeVar("T")


def free() -> int:
    """Bytes of memory that are free on this machine."""
    import psutil

    return int(psutil.virtual_memory().available)


def expect_room(path: str, needed: int) -> None:
    """Refuse a file whose content would not fit the memory, before any of it is read.

    Args:
        needed: bytes, as the file itself declares them.

    Raises:
        ParamError: it would take more than 80 % of what is free.
    """
    there = free()
    if needed > FREE * there:
        raise ParamError(
            f"{path!r} holds {needed / 1e6:,.0f} MB once read, and {there / 1e6:,.0f} MB of memory are free; "
            "write it in parts into a folder, or use a machine with more"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may help."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(one in said for one in SAYINGS))


def tried(work: Callable[[], T], pictures: int) -> T | None:
    """What the work gives; None where so many pictures do not fit the memory.

    Raises:
        ParamError: there is but one.
    """
    if pictures <= 1:
        with or_a_sentence("for even one picture at once"):
            return work()
    try:
        return work()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()  # after the except clause, which holds on to what the batch took
    return None


def in_halves(run: Callable[[Array], Array], batch: Array) -> Array:
    """`run(batch)`; a batch that does not fit the memory is halved until it does.

    Raises:
        ParamError: not even one picture fits.
    """
    found = tried(lambda: run(batch), len(batch))
    if found is not None:
        return found
    half = len(batch) // 2
    return np.concatenate([in_halves(run, part) for part in (batch[:half], batch[half:])])


@contextmanager
def or_a_sentence(what: str) -> Iterator[None]:
    """Lets a lack of memory inside the block end in a sentence.

    Args:
        what: ends "The GPU has no memory ".

    Raises:
        ParamError: the memory did not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        gpu = "cuda" in f"{type(error)} {error}".lower()
        where, way_out = ("The GPU", "choose device cpu, ") if gpu else ("This machine", "choose ")
        raise ParamError(
            f"{where} has no memory {what}; {way_out}a smaller network, or end what else takes memory"
        ) from None


def onto(device: str, module: Any, **layout: Any) -> Any:
    """The module on that device.

    Raises:
        ParamError: it does not fit.
    """
    with or_a_sentence("for the network"):
        return module.to(device, **layout)
