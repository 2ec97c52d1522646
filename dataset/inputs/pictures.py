"""The image files of rows, to be shown in one range where they hold more than 8 bits."""

from __future__ import annotations

from functools import lru_cache

import fiftyone as fo

from ...core.images.ranges import FACT, Ranges
from ...core.images.set_ranges import in_ranges, ranges_of_set
from ..fields.rows import Rows, every
from ..runs import record as runs


def files_of(rows: Rows) -> list[str]:
    """A file per row. The range is that of the newest embeddings, else of a sample of the whole dataset."""
    return in_ranges(rows.values("filepath"), ranges_in(rows.dataset))


def ranges_in(dataset: fo.Dataset) -> Ranges:
    """The ranges that a dataset's pictures of more than 8 bits are shown in; empty where it has none."""
    made = (run.facts.get(FACT) for run in reversed(runs.list_runs(dataset)) if run.status == "done")
    known = next((ranges for ranges in made if ranges), None)
    if known is None:
        return _sampled(dataset.name, str(dataset._doc.id), len(dataset))
    return {kind: (low, high) for kind, (low, high) in known.items()}


@lru_cache(maxsize=8)
def _sampled(name: str, identity: str, samples: int) -> Ranges:
    """From a sample of the files, read again where samples came or went."""
    return ranges_of_set(every(fo.load_dataset(name)).values("filepath"))
