"""Outlines and keypoints that cannot be right, or that are unlike those of their class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...base.arrays import Array
from .boxes import SLACK
from .faults import Faults

FEWEST = 20  # keypoints of a class from which its geometry is known
MOST_COMPARED = 500  # others of the class that one is compared with
NEIGHBORS = 5
SWAPPED = 0.5  # of the distance to its neighbors that is left when the sides are exchanged
USUAL = 0.95  # share of a class that has a point, from which lacking it is strange
LONGEST = 2_000  # points of an outline that is looked at for crossings; thinned evenly above
SIDES = (("left", "right"), ("l", "r"))


def outline_faults(outlines: Sequence[Sequence[Sequence[Sequence[float]]]], closed: Array) -> list[Faults]:
    """Outlines without points, with too few, beyond the image, or that cross themselves.

    Args:
        outlines: for each label its shapes, each a list of (x, y) as shares of the image's sides.
        closed: (m,) bool, the last point is joined to the first.
    """
    empty, few, outside, crossing = [], [], [], []
    for number, shapes in enumerate(outlines):
        parts = [np.asarray(shape, dtype=np.float64).reshape(-1, 2) for shape in shapes or () if len(shape)]
        if not parts or not all(np.isfinite(part).all() for part in parts):
            empty.append(number)
            continue
        if any(len(part) < (3 if closed[number] else 2) for part in parts):
            few.append(number)
        if any((part < -SLACK).any() or (part > 1 + SLACK).any() for part in parts):
            outside.append(number)
        if any(crosses_itself(part, bool(closed[number])) for part in parts):
            crossing.append(number)
    found = {"empty": empty, "too_few_points": few, "outside": outside, "self_crossing": crossing}
    return [Faults(kind, np.array(at, dtype=np.int64)) for kind, at in found.items()]


def crosses_itself(points: Array, closed: bool) -> bool:
    """Whether two parts of a line cross, not counting those that meet in a point.

    Parts that run along each other, as the seams do that join the parts of one outline, do not cross.

    Args:
        points: (p, 2).
    """
    points = points[np.linspace(0, len(points) - 1, min(len(points), LONGEST)).round().astype(np.int64)]
    ends = np.concatenate([points, points[:1]]) if closed else points
    if len(ends) < 4:
        return False
    start, stop = ends[:-1], ends[1:]

    def side(a: Array, b: Array, c: Array) -> Array:
        turn = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        return np.asarray(np.where(np.abs(turn) < 1e-12, 0, np.sign(turn)))

    a, b, c, d = start[:, None], stop[:, None], start[None], stop[None]
    crosses = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    return bool(crosses.any())


def keypoint_faults(keypoints: Sequence[Sequence[Sequence[float]]], codes: Array, parts: Sequence[str]) -> list[Faults]:
    """Keypoints beyond the image, without points, without those of their class, or with left and right swapped.

    Args:
        keypoints: for each label its points (x, y) as shares of the image's sides; NaN for one that is not seen.
        codes: (m,) class, -1 for none.
        parts: names of the points, where they are known.
    """
    points = [np.asarray(one or (), dtype=np.float64).reshape(-1, 2) for one in keypoints]
    seen = [np.isfinite(one).all(axis=1) for one in points]
    empty = [number for number, own in enumerate(seen) if not own.any()]
    outside = [
        number
        for number, (one, own) in enumerate(zip(points, seen, strict=True))
        if (one[own] < -SLACK).any() or (one[own] > 1 + SLACK).any()
    ]
    missing: dict[int, str] = {}
    swapped: dict[int, str] = {}
    for code in np.unique(codes[codes >= 0]).tolist():
        members = [number for number in np.flatnonzero(codes == code).tolist() if seen[number].any()]
        if len(members) < FEWEST:
            continue
        lengths = np.array([len(points[number]) for number in members])
        usual = int(np.bincount(lengths).argmax())
        if (lengths == usual).mean() < USUAL:
            continue
        for number, length in zip(members, lengths.tolist(), strict=True):
            if length != usual:
                missing[number] = f"{length} points, and the others of its class have {usual}"
        whole = [number for number in members if len(points[number]) == usual]
        shapes = np.stack([points[number] for number in whole])
        there = np.isfinite(shapes).all(axis=2)
        expected = there.mean(axis=0) >= USUAL
        for place, number in enumerate(whole):
            lacking = np.flatnonzero(expected & ~there[place])
            if len(lacking):
                missing[number] = f"{_parts(lacking, parts)} not there"
        for place, said in _swapped(shapes, parts).items():
            swapped[whole[place]] = said
    return [
        Faults("empty", np.array(empty, dtype=np.int64)),
        Faults("outside", np.array(outside, dtype=np.int64)),
        Faults("missing_points", np.array(list(missing), dtype=np.int64), list(missing.values())),
        Faults("swapped_sides", np.array(list(swapped), dtype=np.int64), list(swapped.values())),
    ]


def _swapped(shapes: Array, parts: Sequence[str]) -> dict[int, str]:
    """Place → which points are swapped, of shapes that fit those of their class far better after an exchange.

    What is usual is what others of the class show: where some look to the left and some to the right, both are.

    Args:
        shapes: (s, p, 2), NaN for points that are not seen.
    """
    shapes = _normal(shapes)
    pairs = _pairs(shapes, parts)
    if not pairs:
        return {}
    others = shapes[np.linspace(0, len(shapes) - 1, min(len(shapes), MOST_COMPARED)).round().astype(np.int64)]
    own = _to_class(shapes, others)
    orders = [pairs, *([pair] for pair in pairs if len(pairs) > 1)]
    best, which = np.full(len(shapes), np.inf), np.zeros(len(shapes), dtype=np.int64)
    for number, exchanged in enumerate(orders):
        order = np.arange(shapes.shape[1])
        for one, other in exchanged:
            order[[one, other]] = order[[other, one]]
        distance = _to_class(shapes[:, order], others)
        better = distance < best
        best[better], which[better] = distance[better], number
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(best < SWAPPED * own)
    return {
        place: _parts([one for pair in orders[which[place]] for one in pair], parts) if which[place] else "all of them"
        for place in wrong.tolist()
    }


def _normal(shapes: Array) -> Array:
    """The shapes moved to their centre and scaled to one size."""
    moved = shapes - np.nanmean(shapes, axis=1, keepdims=True)
    size = np.sqrt(np.nanmean((moved**2).sum(axis=2), axis=1))
    return np.asarray(moved / np.maximum(size, 1e-9)[:, None, None])


def _pairs(shapes: Array, parts: Sequence[str]) -> list[tuple[int, int]]:
    """The points that stand for left and right: by their names, else those that the class's mean mirrors."""
    if len(parts) == shapes.shape[1]:
        words = [_words(part) for part in parts]
        place = {word: number for number, word in enumerate(words)}
        named = []
        for left, right in SIDES:
            for number, word in enumerate(words):
                if left in word:
                    other = place.get(tuple(right if one == left else one for one in word))
                    if other is not None:
                        named.append((number, other))
        if named:
            return named
    with np.errstate(invalid="ignore"):
        mean = np.nanmedian(shapes, axis=0)
    if not np.isfinite(mean).all():
        return []
    mirrored = mean * (-1, 1)
    one, other = linear_sum_assignment(((mean[:, None] - mirrored[None]) ** 2).sum(axis=2))
    to = dict(zip(one.tolist(), other.tolist(), strict=True))
    return [(a, b) for a, b in to.items() if a < b and to[b] == a]


def _words(part: str) -> tuple[str, ...]:
    return tuple(part.casefold().replace("-", " ").replace("_", " ").split())


def _to_class(shapes: Array, others: Array) -> Array:
    """(s,) mean squared distance of the points to those of the nearest others, the fifth nearest."""
    found = np.empty(len(shapes))
    for begin in range(0, len(shapes), 200):
        gap = ((shapes[begin : begin + 200, None] - others[None]) ** 2).sum(axis=3)
        some = np.isfinite(gap)
        mean = np.where(some, gap, 0).sum(axis=2) / np.maximum(some.sum(axis=2), 1)
        mean[~some.any(axis=2)] = np.inf
        found[begin : begin + 200] = np.partition(mean, NEIGHBORS, axis=1)[:, NEIGHBORS]
    return found


def _parts(numbers: Sequence[int] | Array, parts: Sequence[str]) -> str:
    names = [parts[number] if number < len(parts) else f"point {number + 1}" for number in list(numbers)[:6]]
    return ", ".join(names)
