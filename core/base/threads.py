"""Work spread over the machine's cores by threads that each use BLAS with one core.

Every thread multiplies its own block, so that products and compiled loops run side by side. BLAS with its own
threads inside ours was seen 8 to 48 times slower on a contended machine.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy  # noqa: F401 -- its BLAS must be loaded before it can be looked up

from .arrays import Progress, silent

T = TypeVar("T")
WORTH = 4_000_000  # products below which starting threads takes longer than the work


def cores() -> int:
    """Cores this process may use; `OMP_NUM_THREADS` lowers it."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(usable, int(wanted)) if wanted.isdigit() and int(wanted) > 0 else usable


@contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Let NumPy's BLAS use this many threads inside the block."""
    with _libraries().limit(limits=number, user_api="blas"):
        yield


@functools.cache
def _libraries() -> Any:
    """The process's BLAS libraries; finding them takes milliseconds, so they are looked up once."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def in_threads(
    work: Callable[[T], None],
    tasks: Iterable[T],
    progress: Progress = silent,
    doing: str = "",
    products: float = math.inf,
) -> None:
    """Call `work` on every task, on all cores. Progress is told from the calling thread and may interrupt.

    Args:
        work: must write its result where no other task writes, or hold a lock.
        tasks: what to work on; small enough that all can be listed.
        progress: told `(tasks done, tasks, doing)`.
        doing: what is being done.
        products: how many products all tasks take, where that may be so few that no thread is worth starting.
    """
    listed = list(tasks)
    threads = min(cores(), len(listed)) if products > WORTH else 1
    if threads <= 1:
        with blas_threads(1):
            for done, task in enumerate(listed, start=1):
                work(task)
                progress(done, len(listed), doing)
        return
    with blas_threads(1), ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, task) for task in listed]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(listed), doing)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
