"""Boxes that cannot be right, lie on each other, or are far from what is usual in their class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...base.arrays import Array
from .faults import Faults

SLACK = 1e-3  # share of the image's side that rounding may bring a box beyond it
SAME = 0.95  # overlap (intersection over union) from which two boxes have the same place
NEAR = 0.85  # from which two boxes of one class have nearly the same
WITHIN = 0.98  # share of a box inside another one from which it lies in it
NOT_MUCH_LARGER = 0.6  # overlap from which one that lies in another is suspicious; a child before its father is not
USUAL_PAIR = 0.2  # two classes of which this share of the rarer one's boxes coincide are meant to: "dog" and "animal"
FEWEST = 12  # boxes of a class from which its usual sizes are known
FAR = 6.0  # robust standard deviations
FACTOR, SHAPE = 3.0, 2.5  # times the usual size, and the usual ratio of the sides, at least
SPREAD = 0.1  # least robust standard deviation of the logarithms: boxes of one size differ by some pixels
TINY_PIXELS, TINY_SHARE = 2.0, 2e-3  # sides below, in pixels where the image's size is known, else as a share
WHOLE = 0.98  # share of both sides from which a box covers the image
SELDOM = 0.1  # of a class's boxes at most these cover their image, where one that does is odd


def box_faults(boxes: Array, rows: Array, codes: Array, names: Sequence[str], sizes: Array) -> list[Faults]:
    """All that boxes show by themselves.

    Args:
        boxes: (m, 4) left, top, width, height as shares of the image's sides; NaN for none.
        rows: (m,) the image of each, ascending.
        codes: (m,) class, -1 for none.
        names: of the classes.
        sizes: (m, 2) width and height of each one's image in pixels; NaN where not known.
    """
    finite = np.isfinite(boxes).all(axis=1)
    with np.errstate(invalid="ignore"):
        negative = finite & (boxes[:, 2:] < 0).any(axis=1)
        flat = finite & ~negative & (boxes[:, 2:] == 0).any(axis=1)
        low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        beyond = finite & ~negative & ((low < -SLACK).any(axis=1) | (high > 1 + SLACK).any(axis=1))
    found = [
        Faults("malformed", np.flatnonzero(~finite)),
        Faults("negative_size", np.flatnonzero(negative)),
        Faults("no_area", np.flatnonzero(flat)),
        Faults("outside", np.flatnonzero(beyond), _how_far(low[beyond], high[beyond])),
    ]
    good = finite & ~negative & ~flat
    return [*found, *_overlaps(boxes, rows, codes, names, good), *_unusual(boxes, codes, names, sizes, good & ~beyond)]


def overlapping(boxes: Array, rows: Array) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Pairs of boxes of one image that share some area: first, second, overlap, and share of the smaller inside.

    Boxes of an image are gone through from left to right, and a box is left behind where the next begin beyond it.
    """
    order = np.lexsort((boxes[:, 0], rows))
    left, top = boxes[order, 0], boxes[order, 1]
    right, bottom = left + boxes[order, 2], top + boxes[order, 3]
    area, image = boxes[order, 2] * boxes[order, 3], rows[order]
    here = np.arange(len(order))
    step = 0
    while len(here):
        step += 1
        here = here[here + step < len(order)]
        there = here + step
        here = here[(image[here] == image[there]) & (left[there] < right[here])]
        there = here + step
        wide = np.minimum(right[here], right[there]) - left[there]
        tall = np.minimum(bottom[here], bottom[there]) - np.maximum(top[here], top[there])
        shared = wide * np.maximum(tall, 0)
        meet = shared > 0
        one, other, shared = here[meet], there[meet], shared[meet]
        union = area[one] + area[other] - shared
        yield order[one], order[other], shared / union, shared / np.minimum(area[one], area[other])


def _overlaps(boxes: Array, rows: Array, codes: Array, names: Sequence[str], good: Array) -> list[Faults]:
    at = np.flatnonzero(good)
    pairs = [
        (at[one[wanted]], at[other[wanted]], overlap[wanted], inside[wanted])
        for one, other, overlap, inside in overlapping(boxes[at], rows[at])
        for wanted in [overlap >= NOT_MUCH_LARGER]
    ]
    if not pairs:
        return []
    one, other, overlap, inside = (np.concatenate([pair[part] for pair in pairs]) for part in range(4))
    first, second = np.minimum(one, other), np.maximum(one, other)
    alike = codes[first] == codes[second]
    same = overlap >= SAME
    near = alike & ~same & (overlap >= NEAR)
    nested = alike & ~same & ~near & (inside >= WITHIN)
    smaller = np.where(boxes[first, 2:].prod(axis=1) < boxes[second, 2:].prod(axis=1), first, second)
    strange = same & ~alike & ~_habit(first, second, codes, same & ~alike)
    others = [f"of {_name(names, codes[number])}" for number in first[strange].tolist()]
    return [
        Faults("doubled", np.unique(second[same & alike])),
        Faults("doubled_other_class", *_once(second[strange], others)),
        Faults("near_equal", np.unique(second[near])),
        Faults("nested", np.unique(smaller[nested])),
    ]


def _habit(first: Array, second: Array, codes: Array, among: Array) -> Array:
    """(p,) bool, the pairs whose classes often have one place: that is how the set is labelled."""
    usual = np.zeros(len(first), dtype=bool)
    pair = np.sort(np.stack([codes[first], codes[second]], axis=1), axis=1)
    kinds, which, counts = np.unique(pair[among], axis=0, return_inverse=True, return_counts=True)
    sizes = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=0)) + 1)
    often = np.array(
        [
            low >= 0 and count >= 5 and count >= USUAL_PAIR * min(sizes[low], sizes[high])
            for (low, high), count in zip(kinds.tolist(), counts.tolist(), strict=True)
        ],
        dtype=bool,
    )
    usual[among] = often[which.ravel()] if len(kinds) else False
    return usual


def _unusual(boxes: Array, codes: Array, names: Sequence[str], sizes: Array, good: Array) -> list[Faults]:
    """Far from the sizes and shapes of the class, too small to show anything, or as large as the image."""
    sides = np.where(np.isfinite(sizes), sizes, 1.0) * boxes[:, 2:]
    least = np.where(np.isfinite(sizes), TINY_PIXELS, TINY_SHARE)
    with np.errstate(invalid="ignore", divide="ignore"):
        tiny = good & (sides < least).any(axis=1)
        covers = good & (boxes[:, 2:] >= WHOLE).all(axis=1)
        size = np.log(np.maximum(boxes[:, 2] * boxes[:, 3], 1e-300)) / 2
        shape = np.log(sides[:, 0]) - np.log(sides[:, 1])
    known = good & (codes >= 0)
    count = np.bincount(codes[known], minlength=len(names))
    often = np.bincount(codes[known & covers], minlength=len(names)) > np.maximum(SELDOM * count, 1)
    known &= (count >= FEWEST)[np.maximum(codes, 0)]
    odd_size, times = _far(size, codes, known, np.log(FACTOR))
    odd_shape, ratio = _far(shape, codes, known, np.log(SHAPE))
    covers &= known & ~often[np.maximum(codes, 0)]
    return [
        Faults("tiny", np.flatnonzero(tiny)),
        Faults("covers_image", np.flatnonzero(covers)),
        Faults("odd_size", np.flatnonzero(odd_size), [_times(one, "large", "small") for one in times[odd_size]]),
        Faults("odd_shape", np.flatnonzero(odd_shape), [_times(one, "wide", "tall") for one in ratio[odd_shape]]),
    ]


def _far(values: Array, codes: Array, known: Array, least: float) -> tuple[Array, Array]:
    """(m,) bool, the values far from their class's median in robust standard deviations; and (m,) how far."""
    away = np.zeros(len(values))
    scale = np.ones(len(values))
    order = np.flatnonzero(known)[np.argsort(codes[known], kind="stable")]
    for members in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(members):
            middle = np.median(values[members])
            away[members] = values[members] - middle
            scale[members] = max(1.4826 * np.median(np.abs(away[members])), SPREAD)
    return known & (np.abs(away) > np.maximum(FAR * scale, least)), away


def _times(logarithm: float, more: str, less: str) -> str:
    factor = np.exp(abs(logarithm))
    return f"{factor:.0f} times as {more if logarithm > 0 else less} as usual"


def _how_far(low: Array, high: Array) -> list[str]:
    gone: Array = np.asarray(((low >= 1) | (high <= 0)).any(axis=1))
    beyond = np.maximum(np.maximum(-low, 0), np.maximum(high - 1, 0)).max(axis=1, initial=0)
    return ["wholly" if out else f"by {share:.1%} of its side" for out, share in zip(gone, beyond, strict=True)]


def _once(at: Array, details: Sequence[str]) -> tuple[Array, list[str]]:
    """Each number once, with the first of its details."""
    numbers, first = np.unique(at, return_index=True)
    return numbers, [details[place] for place in first.tolist()]


def _name(names: Sequence[str], code: int) -> str:
    return repr(names[code]) if code >= 0 else "no class"
