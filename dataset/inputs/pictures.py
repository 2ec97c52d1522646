"""The image files of rows, to be shown in one range where they hold more than 8 bits."""

from __future__ import annotations

from ...core.images.ranges import FACT
from ...core.images.set_ranges import in_ranges, ranges_of_set
from ..fields.rows import Rows
from ..runs import record as runs


def files_of(rows: Rows) -> list[str]:
    """A file per row. The range is that of the newest embeddings, else of a sample of the whole dataset."""
    files: list[str] = rows.values("filepath")
    made = (run.facts.get(FACT) for run in reversed(runs.list_runs(rows.dataset)) if run.status == "done")
    known = next((ranges for ranges in made if ranges), None)
    if known is None:
        return in_ranges(files, ranges_of_set(rows.dataset.values("filepath")))
    return in_ranges(files, {kind: (low, high) for kind, (low, high) in known.items()})
