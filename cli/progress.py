"""Progress bars, on a terminal only: a log of a CI server has no use for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.base.arrays import Progress, silent


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Progress]:
    """A bar on the error stream where that is a terminal; it is gone when the block is left."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from tqdm import tqdm

    form = "{percentage:3.0f}%|{bar:30}| {elapsed} {desc}"
    with tqdm(total=1.0, leave=False, file=sys.stderr, bar_format=form, dynamic_ncols=True) as bar:

        def told(done: int, total: int, doing: str = "") -> None:
            bar.set_description_str(doing, refresh=False)
            bar.n = min(done / max(total, 1), 1.0)
            bar.refresh()

        yield told
