"""Copies that people make on purpose: turned, mirrored, greyed, turned a little, or with a banner across.

Their vectors may lie far apart, so candidates come from the pictures themselves: grey pictures of 8 x 8 pixels, turned
and mirrored in all eight ways, that correlate; and from neighbors by vectors. Squeezed to squares, a picture and its
turned copy are the same numbers. A candidate is then laid on the other, as it is and as the affine motion that fits
best does (Evangelidis & Psarakis 2008, doi:10.1109/TPAMI.2008.113), and judged by its details: differences between
neighboring pixels. Motions without a turn are not taken, for two shots of a burst differ by them.
"""

from __future__ import annotations

import math

import numpy as np

from ..base.arrays import Array, Progress
from ..base.blocks import blocks
from ..images.pixels import FLAT, Looks

UP_TO = 20_000  # pictures that are all compared with each other
COARSE = 8
SIDE = 32
CANDIDATE = 0.45  # correlation of coarse grey pictures
PARTNERS = 8  # candidates of each picture
SAME = 0.9  # correlation of details, at least
BANNER = 0.25  # of a side, at a border, that may show something else
LAID = 10_000  # candidates that are laid on each other, those most alike
TURNED = 0.55  # the same after a turn, which blurs them: 0.53 to 0.97 of copies, 0.4 at most of 3,000 strangers
ANGLES = (1.5, 13.0)  # degrees, of those that count
SCALES = (0.65, 1.5)
ROUNDS = 30
STRANGERS = 200  # pairs by chance that the set's own likeness is measured on
UNUSUAL = 6.0  # standard deviations, on Fisher's scale, above what is usual between strangers
FRAME, FRAMED = 0.6, 0.36  # shares of the border and of the picture that are filled where a picture has a frame
LEAST = 0.4  # of the picture that must lie on the other


def altered_pairs(looks: Looks, near: Array, progress: Progress) -> Array:
    """(p, 2) int64 rows whose pictures are altered copies of each other.

    Args:
        near: (q, 2) pairs of rows that their vectors hold for near, to be looked at too.
    """
    rows = np.flatnonzero(looks.seen & (looks.spread >= FLAT))
    if len(rows) < 2 or len(rows) > UP_TO:
        return np.zeros((0, 2), np.int64)
    greys = looks.greys(rows)
    coarse = _coarse(greys)
    one, other, way = _candidates(coarse)
    place = np.full(len(looks.seen), -1)
    place[rows] = np.arange(len(rows))
    also = place[near][(place[near] >= 0).all(axis=1)] if len(near) else np.zeros((0, 2), np.int64)
    one, other = np.concatenate([also[:, 0], one]), np.concatenate([also[:, 1], other])
    way = np.concatenate([np.zeros(len(also), np.int64), way])
    plain, turned_a_little = _bounds(greys)
    same = np.zeros(len(one), dtype=bool)
    head = list(range(len(rows)))  # of each picture's copies, so that none is compared that is known to be one already
    for at, (a, b, turned) in enumerate(zip(one.tolist(), other.tolist(), way.tolist(), strict=True)):
        if _head(head, a) != _head(head, b):
            as_is, laid = _likeness(greys[a], _turned(greys[b], turned), plain, at < LAID)
            if as_is >= plain or laid >= turned_a_little:
                same[at] = True
                head[_head(head, a)] = _head(head, b)
        if at % 512 == 0:
            progress(at, len(one), "comparing altered pictures")
    return np.sort(np.stack([rows[one[same]], rows[other[same]]], axis=1), axis=1)


def alike_by_frames_only(looks: Looks, pairs: Array) -> Array:
    """(p,) bool, pairs of pictures that share a frame or a banner, and nothing else.

    Args:
        pairs: (p, 2) rows that were looked at, or not: those are not told of.
    """
    found = np.zeros(len(pairs), dtype=bool)
    rows = np.unique(pairs)
    rows = rows[looks.seen[rows]]
    framed = np.zeros(len(looks.seen), dtype=bool)
    for part in blocks(len(rows), 4096):
        framed[rows[part]] = [_has_frame(grey) for grey in looks.greys(rows[part])]
    for at in np.flatnonzero(framed[pairs].all(axis=1)).tolist():
        one, other = looks.greys(pairs[at])
        as_is, laid = _likeness(one, other, SAME, True)
        found[at] = as_is < SAME and not laid >= TURNED
    return found


def _has_frame(grey: Array) -> bool:
    """Whether most of the border, or all of one side, is black or white, and most of the rest is not."""
    filled = _filled(grey) == 0
    sides = [side.mean() for side in (filled[0], filled[-1], filled[:, 0], filled[:, -1])]
    return bool((np.mean(sides) >= FRAME or max(sides) >= 0.9) and filled.mean() <= FRAMED)


def _head(head: list[int], at: int) -> int:
    while head[at] != at:
        head[at] = at = head[head[at]]
    return at


def _coarse(greys: Array) -> Array:
    """(m, 8, 8) float32 of mean 0 and length 1."""
    step = greys.shape[1] // COARSE
    small = greys.reshape(len(greys), COARSE, step, COARSE, step).mean(axis=(2, 4), dtype=np.float32)
    small -= small.mean(axis=(1, 2), keepdims=True)
    return np.asarray(small / np.maximum(np.linalg.norm(small, axis=(1, 2), keepdims=True), 1e-6))


def _candidates(coarse: Array) -> tuple[Array, Array, Array]:
    """Pairs one < other and the way, 0 to 7, that turns the other like the one, most alike first. (p,) each"""
    n = len(coarse)
    flat = coarse.reshape(n, -1)
    turned = [np.stack([_turned(one, way) for one in coarse]).reshape(n, -1) for way in range(8)]
    found: list[Array] = [np.zeros((0, 3), np.int64)]
    alike: list[Array] = [np.zeros(0, np.float32)]
    for part in blocks(n, max(1, (1 << 24) // n)):
        best = np.stack([flat[part] @ own.T for own in turned])
        way = best.argmax(axis=0)
        like = best.max(axis=0)
        like[np.arange(part.stop - part.start)[:, None] >= np.arange(n)[None] - part.start] = -1
        if n > PARTNERS:
            like[like < np.partition(like, -PARTNERS, axis=1)[:, -PARTNERS][:, None]] = -1
        row, partner = np.nonzero(like >= CANDIDATE)
        alike.append(like[row, partner])
        found.append(np.stack([row + part.start, partner, way[row, partner]], axis=1))
    one, other, ways = np.concatenate(found).T
    order = np.argsort(-np.concatenate(alike), kind="stable")
    return one[order], other[order], ways[order]


def _turned(picture: Array, way: int) -> Array:
    """One of the eight ways to turn and mirror a square."""
    quarter = np.rot90(picture, way % 4)
    return np.ascontiguousarray(quarter[:, ::-1] if way >= 4 else quarter)


def _bounds(greys: Array) -> tuple[float, float]:
    """Least likeness of copies, as they are and turned a little: digits on paper are all alike, photographs are not."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(greys), (STRANGERS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]].tolist()
    found = np.array([_likeness(greys[a], greys[b], 1.0, True) for a, b in pairs]).reshape(-1, 2)
    bounds = []
    for least, likes in zip((SAME, TURNED), found.T, strict=True):
        usual = np.arctanh(np.clip(likes[np.isfinite(likes)], -0.999, 0.999))
        middle, high = np.quantile(usual, [0.5, 0.9]) if len(usual) >= 10 else (0.0, 0.0)
        bounds.append(max(least, min(math.tanh(middle + UNUSUAL * (high - middle) / 1.28), 0.99)))
    return bounds[0], bounds[1]


def _likeness(one: Array, other: Array, enough: float, lay: bool) -> tuple[float, float]:
    """How well the details of two grey pictures of 64 x 64 agree, as they are, and with one turned a little if `lay`.

    The second is NaN where they are alike enough as they are, or do not lie on each other turned.
    """
    small, small_other = _halved(one), _halved(other)
    shown = _inside(one) & _inside(other)  # what two pictures share in corners filled with white says nothing
    as_is = max(_details(small, small_other, part & shown) for part in _without_banners())
    found = _laid_on(one, other) if lay and as_is < enough else None
    if found is None:
        return as_is, math.nan
    moved, there = found
    return as_is, _details(small, moved, there & _inside(one))


def _halved(picture: Array) -> Array:
    return np.asarray(picture.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3), dtype=np.float32))


def _without_banners() -> list[Array]:
    """(32, 32) bool: the whole picture, and without each of its four borders."""
    wide = int(BANNER * SIDE)
    parts = [np.ones((SIDE, SIDE), dtype=bool) for _ in range(5)]
    parts[1][:wide], parts[2][-wide:], parts[3][:, :wide], parts[4][:, -wide:] = False, False, False, False
    return parts


def _details(one: Array, other: Array, where: Array) -> float:
    """Correlation of the differences between neighboring pixels where both are inside, in [-1, 1]."""
    product, squares, own = 0.0, 0.0, 0.0
    for axis in (0, 1):
        a, b = np.diff(one, axis=axis), np.diff(other, axis=axis)
        inside = where[1:] & where[:-1] if axis == 0 else where[:, 1:] & where[:, :-1]
        if inside.mean() < LEAST:
            return -1.0
        a, b = a[inside], b[inside]
        product, squares, own = product + float(a @ b), squares + float(a @ a), own + float(b @ b)
    return product / max(math.sqrt(squares * own), 1e-9)


def _laid_on(one: Array, other: Array) -> tuple[Array, Array] | None:
    """The other picture, of 32 x 32, moved so that it lies on the one, and where it has pixels; None if it does not."""
    import cv2

    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, 1e-4)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        found = cv2.findTransformECC(
            _halved(one), _halved(other), start, cv2.MOTION_AFFINE, stop, _filled(_halved(other)), 3
        )
    except cv2.error:  # it does not converge: these pictures have nothing in common
        return None
    warp = found[1].astype(np.float64)
    scale = math.sqrt(abs(float(np.linalg.det(warp[:, :2]))))
    angle = abs(math.degrees(math.atan2(warp[1, 0] - warp[0, 1], warp[0, 0] + warp[1, 1])))
    if not (ANGLES[0] <= angle <= ANGLES[1] and SCALES[0] <= scale <= SCALES[1]):
        return None
    warp[:, 2] = 2 * warp[:, 2] + 0.5 - warp[:, :2].sum(axis=1) / 2  # for pictures twice as large
    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (2 * SIDE, 2 * SIDE)
    there = _halved(cv2.warpAffine(_filled(other), warp, size, flags=flags)) == 255
    if there.mean() < LEAST:
        return None
    return _halved(cv2.warpAffine(other, warp, size, flags=flags)), np.asarray(there)


def _inside(picture: Array) -> Array:
    """(32, 32) bool, where a picture of 64 x 64 is neither black nor white."""
    return np.asarray(_halved(_filled(picture)) == 255)


def _filled(picture: Array) -> Array:
    """uint8, 0 where the picture is black or white, as the corners of a turned one are; else 255."""
    return np.asarray(np.where((picture > 5) & (picture < 250), 255, 0), np.uint8)
