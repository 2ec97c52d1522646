"""Images without any label among labelled ones, and pictures that are in the set twice with different labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...base.arrays import Array
from .faults import Faults

if TYPE_CHECKING:
    from ...base.inputs import GivenAnnotations

NEARLY_ALL = 0.8  # of the images have labels where one without is strange
ROUNDING = 0.01  # of the image's sides by which boxes of one place differ


def image_faults(given: GivenAnnotations, files: Iterable[tuple[int, Hashable]]) -> list[Faults]:
    """Of the images, by one field of labels.

    Args:
        files: image and content of the files that may have an equal one.
    """
    n = len(given.known)
    used = np.flatnonzero(given.used)
    count = np.bincount(given.rows[used], minlength=n)
    with_some = count > 0
    without = np.flatnonzero(~with_some) if NEARLY_ALL * n <= with_some.sum() < n else np.zeros(0, dtype=np.int64)
    by_content: dict[Hashable, list[int]] = defaultdict(list)
    for row, content in files:
        if given.known[row]:
            by_content[content].append(row)
    starts = np.searchsorted(given.rows[used], np.arange(n + 1))
    other = [
        row
        for rows in by_content.values()
        if len(rows) > 1 and not _all_alike(given, [used[starts[row] : starts[row + 1]] for row in rows])
        for row in rows
    ]
    return [Faults("no_labels", without), Faults("same_picture", np.array(sorted(other), dtype=np.int64))]


def _all_alike(given: GivenAnnotations, members: Sequence[Array]) -> bool:
    """Whether images have the same classes, and boxes in the same places."""
    first = _sorted(given, members[0])
    for own in members[1:]:
        names, boxes = _sorted(given, own)
        if names != first[0] or not np.allclose(boxes, first[1], atol=ROUNDING, equal_nan=True):
            return False
    return True


def _sorted(given: GivenAnnotations, at: Array) -> tuple[list[str], Array]:
    names = [given.names[number] or "" for number in at.tolist()]
    boxes = given.boxes[at] if given.boxes is not None else np.zeros((len(at), 0))
    order = sorted(range(len(at)), key=lambda place: (names[place], boxes[place].tolist()))
    return [names[place] for place in order], boxes[order]
