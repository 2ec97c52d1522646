"""How wrong each box looks, by a detector's predictions, and how sure the detector is where it is right.

Tkachenko, Thyagarajan & Mueller 2023, ObjectLab, arXiv:2309.00832. Its scores count as sure only predictions of more
than .95, and of more than .5 for positions. Few detectors are ever that sure: they would find nothing. Both bounds are
taken from the detector itself here, class by class: sure is what three of four of its predictions that agree with given
boxes are. A prediction that overlaps other objects a little may be an overlooked one, and one that is about another
box of its class says nothing of this one.

ObjectLab calls a given box that no prediction comes near perfect. Here it is as good as the detector's misses make it:
where the detector finds 98 % of a class's boxes, one that it does not find has .02.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array
from .box_precision import overlaps

AGREES = 0.5  # overlap of a prediction with a given box of its class, from which the two agree
SURE = 0.95  # the bound of a detector that agrees with no given box; ObjectLab's
FEW = 10  # agreeing predictions; of a class with fewer, all classes' are taken
APART = 0.4  # overlap with given boxes, up to which a prediction may be an object of its own
LIKELY = 0.5  # share of the bound of sure predictions, from which a prediction says where an object is
NEARNESS = 0.1  # weight of the distance between middles in similarity, the rest is the overlap; ObjectLab's
REACH = 0.1  # fall of that part with each pixel of distance; ObjectLab's
CONFLICT = 0.95  # overlap from which two given boxes of different classes contradict each other; ObjectLab's


@dataclass(frozen=True)
class Sureness:
    """What a detector's confidence means, class by class.

    Attributes:
        sure: (C,) confidence from which a prediction speaks against given boxes.
        likely: (C,) confidence from which it says where an object is.
        missed: (C,) share of the class's given boxes that no likely prediction comes near.
    """

    sure: Array
    likely: Array
    missed: Array


@dataclass(frozen=True)
class BoxScores:
    """Scores in [0, 1] of the boxes of one image, low is bad; NaN where a box says nothing.

    Attributes:
        overlooked: of each prediction, class by class.
        swapped: of each given box.
        badly_located: of each given box.
        unsupported: of each given box.
    """

    overlooked: Array
    swapped: Array
    badly_located: Array
    unsupported: Array


def sureness(labels: Sequence[dict[str, Array]], guesses: Sequence[Any]) -> Sureness:
    """The bounds that this detector's own predictions give.

    Args:
        labels: per image "bboxes" (m, 4) corners and "labels" (m,) class numbers.
        guesses: per image and class (m, 5) corners and confidence.

    Returns:
        ObjectLab's bounds, .95 and .475, where no prediction agrees with a given box.
    """
    classes = len(guesses[0])
    agreeing: list[list[Array]] = [[] for _ in range(classes)]
    for image, found in zip(labels, guesses, strict=True):
        for code in np.unique(image["labels"]).tolist():
            if len(own := found[code]):
                over = overlaps(own[:, :4], image["bboxes"][image["labels"] == code])
                agreeing[code].append(own[over.max(axis=1) >= AGREES, 4])
    of_class = [np.concatenate([*some, np.zeros(0)]) for some in agreeing]
    every = np.concatenate(of_class)
    usual = _usual(every) if len(every) else SURE
    sure = np.array([_usual(some) if len(some) >= FEW else usual for some in of_class])
    bounds = Sureness(sure, LIKELY * sure, np.zeros(classes))
    return Sureness(sure, LIKELY * sure, _missed(labels, guesses, bounds))


def _usual(confidence: Array) -> float:
    """What three of four reach, equal numbers whatever their rounding."""
    return float(np.nextafter(np.quantile(confidence, 1 / 4), 0))


def _missed(labels: Sequence[dict[str, Array]], guesses: Sequence[Any], bounds: Sureness) -> Array:
    alone, boxes = np.zeros(len(bounds.sure)), np.zeros(len(bounds.sure))
    for image, found in zip(labels, guesses, strict=True):
        codes = image["labels"]
        near = _supported(image["bboxes"], codes, *_flat(found, bounds.likely))
        np.add.at(boxes, codes, 1)
        np.add.at(alone, codes[~near], 1)
    return np.asarray((alone + 1) / (boxes + 2))  # as after one box of each kind more: never 0 or 1


def box_scores(labels: Sequence[dict[str, Array]], guesses: Sequence[Any], bounds: Sureness) -> list[BoxScores]:
    """The scores of each image's boxes. Arguments as of `sureness`."""
    least = min(
        (_least(image["bboxes"], np.concatenate(list(found))) for image, found in zip(labels, guesses, strict=True)),
        default=NEARNESS,
    )
    return [_of_image(image, found, bounds, least) for image, found in zip(labels, guesses, strict=True)]


def _of_image(image: dict[str, Array], found: Any, bounds: Sureness, least: float) -> BoxScores:
    given, codes = image["bboxes"], image["labels"]
    predicted, said = _flat(found)
    over, alike = overlaps(given, predicted[:, :4]), similarity(given, predicted[:, :4])
    same, sure = codes[:, None] == said[None], predicted[:, 4] >= bounds.sure[said]
    likely = predicted[:, 4] >= bounds.likely[said]
    own = np.where(same, alike, -1).max(axis=0, initial=-1)
    overlooked = np.where(own < 0, least * (1 - predicted[:, 4]), own)
    overlooked[~sure | (over > APART).any(axis=0)] = np.nan
    swapped = np.maximum(least, 1 - np.where(~same & sure, alike, 0).max(axis=1, initial=0))
    swapped[_contradicted(given, codes)] = least
    placed = np.where(_about(over, same) & likely, alike, -1).max(axis=1, initial=-1)
    alone = ~_supported(given, codes, predicted[likely], said[likely])
    return BoxScores(overlooked, swapped, np.where(placed < 0, 1.0, placed), np.where(alone, bounds.missed[codes], 1.0))


def _flat(found: Any, bounds: Array | None = None) -> tuple[Array, Array]:
    """Predictions of an image, class by class, (m, 5), and their classes (m,); those that reach the bounds alone."""
    flat = np.concatenate([np.zeros((0, 5)), *found])
    said = np.repeat(np.arange(len(found)), [len(own) for own in found])
    kept = np.ones(len(flat), dtype=bool) if bounds is None else flat[:, 4] >= bounds[said]
    return flat[kept], said[kept]


def _supported(given: Array, codes: Array, predicted: Array, said: Array) -> Array:
    """(m,) bool, a prediction of its class is about the box, or one of another class lies on it."""
    over = overlaps(given, predicted[:, :4])
    return np.asarray((_about(over, codes[:, None] == said[None]) | (over >= AGREES)).any(axis=1))


def _about(over: Array, same: Array) -> Array:
    """(m, p) bool, the prediction is about this box: it touches it, and no other box of its class more."""
    touching = np.where(same, over, 0)
    return np.asarray((touching > 0) & (touching >= touching.max(axis=0, initial=0)))


def _contradicted(given: Array, codes: Array) -> Array:
    """(m,) bool, another given box of another class lies on the very same place."""
    return np.asarray(((overlaps(given, given) >= CONFLICT) & (codes[:, None] != codes[None])).any(axis=1))


def similarity(some: Array, others: Array) -> Array:
    """(n, 4), (m, 4) corners → (n, m) in [0, 1]: overlap, and a little of how near the middles lie."""
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (some, others)]
    apart = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=2)
    return np.asarray((1 - NEARNESS) * overlaps(some, others) + NEARNESS * np.exp(-REACH * apart))


def _least(some: Array, others: Array) -> float:
    alike = similarity(some, others[:, :4])
    return float(np.min(alike, where=alike > 0, initial=NEARNESS))
