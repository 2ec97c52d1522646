"""Average precision of a detector's boxes, class by class, in this process alone.

As Cleanlab 2.9 counts it in `object_detection.filter`, whose own function forks a pool of processes: inside a server
full of threads that can leave a process behind for ever. The mean over overlaps of .5, .55, … .95, as COCO has it (Lin
et al. 2014, arXiv:1405.0312), of the area under the curve of precision over recall.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.arrays import Array

OVERLAPS = np.linspace(0.5, 0.95, 10)


def average_precision(labels: Sequence[dict[str, Array]], guesses: Sequence[Any]) -> Array:
    """Mean average precision of each class.

    Args:
        labels: per image "bboxes" (m, 4) corners and "labels" (m,) class numbers.
        guesses: per image and class (m, 5) corners and confidence.

    Returns:
        (C,) in [0, 1]
    """
    return np.array([_of_class(labels, guesses, code) for code in range(len(guesses[0]))])


def _of_class(labels: Sequence[dict[str, Array]], guesses: Sequence[Any], code: int) -> float:
    boxes = [image["bboxes"][image["labels"] == code] for image in labels]
    found = [image[code] for image in guesses]
    hits = np.concatenate([_hits(some, own) for some, own in zip(found, boxes, strict=True)], axis=1)
    sure = np.concatenate([some[:, 4] for some in found])
    hits = hits[:, np.argsort(-sure)]
    return float(np.mean([_area(one, sum(map(len, boxes))) for one in hits]))


def _hits(found: Array, boxes: Array) -> Array:
    """(overlaps, m) bool: the prediction is the surest of those that lie on its box."""
    hits = np.zeros((len(OVERLAPS), len(found)), dtype=bool)
    if not len(boxes) or not len(found):
        return hits
    overlap = overlaps(found[:, :4], boxes)
    best, most = overlap.argmax(axis=1), overlap.max(axis=1)
    for at, least in enumerate(OVERLAPS):
        covered = np.zeros(len(boxes), dtype=bool)
        for one in np.argsort(-found[:, 4]):
            if most[one] >= least and not covered[best[one]]:
                hits[at, one] = covered[best[one]] = True
    return hits


def overlaps(some: Array, others: Array) -> Array:
    """(n, 4), (m, 4) corners → (n, m) intersection over union."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (some, others)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _area(hits: Array, boxes: int) -> float:
    """Area under the curve of precision over recall, precision made to fall only."""
    right = np.cumsum(hits, dtype=np.float32)
    recall = np.concatenate([[0.0], right / max(boxes, float(np.finfo(np.float32).eps)), [1.0]])
    precision = np.concatenate([[0.0], right / np.maximum(np.arange(1, len(hits) + 1), 1), [0.0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * precision[1:]))
