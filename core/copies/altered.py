"""Copies that people make on purpose: turned, mirrored, greyed, turned a little, or with a banner across.

Their vectors may lie far apart, so candidates come from the pictures themselves: grey pictures of 8 x 8 pixels that
correlate, turned and mirrored in all eight ways, without one of their borders, or turned by some degrees. Squeezed to
squares, a picture and its turned copy are the same numbers. A candidate is judged by its details, differences between
neighboring pixels: as it is, or laid on the other by the affine motion that fits best (Evangelidis & Psarakis 2008,
doi:10.1109/TPAMI.2008.113). Motions without a turn are not taken, for two shots of a burst differ by them.

Twice among 600 photographs and copies, copies as they are reached 0.87 or more and strangers 0.30; all but two of 86
that were turned by up to 10 degrees 0.89 or more, and strangers 0.65.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from ..base.blocks import blocks
from ..base.threads import in_threads
from ..images.pixels import FLAT, Looks

UP_TO = 20_000  # pictures that are all compared with each other
SMALLEST = 64 * 64  # pixels of a picture with enough details to be told when altered
SIDE = 64  # of the grey pictures
COARSE = 8
PLAIN = 0.75  # correlation of coarse grey pictures that may be alike as they are
TURNED = 0.7  # and of those that may be alike when turned by some degrees
TURNS = tuple((angle, scale) for angle in (-8.0, -4.0, 4.0, 8.0) for scale in (0.87, 1.0, 1.15))
PARTNERS = 4  # candidates of each picture, of either kind
SAME = 0.85  # correlation of details, at least
LAID = 0.8  # the same after a turn
PROMISING = 0.25  # when laid roughly, so that it is done more finely
BANNER = 0.25  # of a side, at a border, that may show something else
BY_A_BANNER = 0.03  # more likeness without it, where nothing is turned: slices of one scan are alike as they are
ANGLES = (1.0, 13.0)  # degrees, of those that count
SCALES = (0.7, 1.45)
ROUNDS, FINER = 30, 15
STRANGERS = 100  # pairs by chance that the set's own likeness is measured on
UNUSUAL = 6.0  # standard deviations, on Fisher's scale, above what is usual between strangers
FRAMED, EMPTY = 0.5, 0.3  # likeness of the whole, at least, and of the middle, at most, where only frames are alike
TELLING = 0.02  # share of the details that lie in the middle where it tells anything
BEHIND_FRAMES = 0.55  # likeness, when laid, of framed pictures that show one thing
LEAST = 0.4  # of the picture that must lie on the other
AT_ONCE = 64


def altered_pairs(looks: Looks, near: Array, progress: Progress) -> Array:
    """(p, 2) int64 rows whose pictures are altered copies of each other.

    Args:
        near: (q, 2) pairs of rows that their vectors hold for near, to be looked at too.
    """
    rows = np.flatnonzero(looks.seen & (looks.spread >= FLAT) & (looks.size.prod(axis=1) >= SMALLEST))
    if len(rows) < 2 or len(rows) > UP_TO:
        return np.zeros((0, 2), np.int64)
    greys = looks.greys(rows)
    plain, turned = _candidates(greys)
    place = np.full(len(looks.seen), -1)
    place[rows] = np.arange(len(rows))
    also = place[near][(place[near] >= 0).all(axis=1)] if len(near) else np.zeros((0, 2), np.int64)
    plain = np.concatenate([plain, np.pad(also, ((0, 0), (0, 1)))])
    least, least_laid = _bounds(greys)
    likes, gained = _as_they_are(greys, plain)
    found = plain[(likes >= least) & ((plain[:, 2] > 0) | (gained >= BY_A_BANNER))][:, :2]
    known = {tuple(pair) for pair in np.sort(found, axis=1).tolist()}
    turned = turned[[(min(one, other), max(one, other)) not in known for one, other, _ in turned.tolist()]]
    likes = np.full(len(turned), np.nan)

    def lay(part: slice) -> None:
        for at in range(part.start, part.stop):
            one, other, turn = turned[at].tolist()
            likes[at] = _laid(greys[one], greys[other], turn)

    in_threads(lay, blocks(len(turned), AT_ONCE), progress, "comparing altered pictures")
    found = np.concatenate([found, turned[likes >= least_laid][:, :2]])
    return np.unique(np.sort(rows[found], axis=1), axis=0)


def alike_by_frames_only(looks: Looks, pairs: Array) -> Array:
    """(p,) bool, pairs of pictures that share a frame, a banner or corners, and nothing else.

    Their details agree as they are, mirrored or not, and those in their middle do not. Where the middle has hardly any,
    it says nothing. Among 200 pairs of photographs held for copies, all 15 wrong ones were such.

    Args:
        pairs: (p, 2) rows; pairs of which one was not looked at are not told of.
    """
    found = np.zeros(len(pairs), dtype=bool)
    side = SIDE // 2
    middle = np.zeros((1, side, side), dtype=bool)
    middle[:, side // 4 : -side // 4, side // 4 : -side // 4] = True
    seen = np.flatnonzero(looks.seen[pairs].all(axis=1))
    for part in blocks(len(seen), AT_ONCE):
        at = seen[part]
        one, other = looks.greys(pairs[at, 0]), looks.greys(pairs[at, 1])
        small = _pooled(one, side)
        turns = (_pooled(other, side), _pooled(other[:, :, ::-1], side))
        whole = np.stack([_details(small, turned, np.ones_like(middle)) for turned in turns])
        inside = np.stack([_details(small, turned, middle, least=0.0) for turned in turns])
        better = whole.argmax(axis=0)
        whole, inside = (np.take_along_axis(likes, better[None], axis=0)[0] for likes in (whole, inside))
        told = np.minimum(_details_inside(small, middle), _details_inside(turns[0], middle)) >= TELLING
        for row in np.flatnonzero((whole >= FRAMED) & (inside < EMPTY) & told).tolist():
            as_is = _as_they_are(np.stack([one[row], other[row]]), np.array([[0, 1, 0]]))[0][0]
            found[at[row]] = as_is < SAME and not _laid(one[row], other[row], -1) >= BEHIND_FRAMES
    return found


def _details_inside(pictures: Array, where: Array) -> Array:
    """(p,) share of all details of a picture that lie there."""
    found = []
    for inside in (where, np.ones_like(where)):
        down, across = np.diff(pictures, axis=1) * inside[:, 1:], np.diff(pictures, axis=2) * inside[:, :, 1:]
        found.append((down**2).sum(axis=(1, 2)) + (across**2).sum(axis=(1, 2)))
    return np.asarray(found[0] / np.maximum(found[1], 1e-9))


def _candidates(greys: Array) -> tuple[Array, Array]:
    """Pairs that may be alike as they are, and when turned by some degrees.

    Returns:
        (p, 3) int64 one, other, and the way, 0 to 7, that turns the other like the one; (q, 3) int64 one, other, and
        which of `TURNS` turns the other like the one
    """
    n = len(greys)
    coarse = _pooled(greys, COARSE)
    ways = [_unit(np.stack([_turned(one, way) for one in coarse])) for way in range(8)]
    borders = (np.s_[:, 1:], np.s_[:, :-1], np.s_[:, :, 1:], np.s_[:, :, :-1])
    without = [_unit(coarse[inside]) for inside in borders]
    turns = [_unit(_pooled(_all_turned(greys, turn), COARSE)) for turn in range(len(TURNS))]
    plain, turned = [np.zeros((0, 3), np.int64)], [np.zeros((0, 3), np.int64)]
    for part in blocks(n, max(1, (1 << 22) // n)):
        as_is = [ways[0][part] @ one.T for one in ways] + [one[part] @ one.T for one in without]
        plain.append(_best(np.stack(as_is), part.start, PLAIN))
        turned.append(_best(np.stack([ways[0][part] @ one.T for one in turns]), part.start, TURNED))
    found = np.concatenate(plain)
    found[found[:, 2] >= 8, 2] = 0  # without a border, and not turned
    return found, np.concatenate(turned)


def _best(likes: Array, first: int, at_least: float) -> Array:
    """The best partners of each row: (p, 3) int64 row, partner and which of the v likenesses is highest.

    Args:
        likes: (v, b, n) of the rows from `first` on with all others.
    """
    which = likes.argmax(axis=0)
    like = np.take_along_axis(likes, which[None], axis=0)[0]
    like[np.arange(len(like)), np.arange(first, first + len(like))] = -1
    if like.shape[1] > PARTNERS:
        like[like < np.partition(like, -PARTNERS, axis=1)[:, -PARTNERS][:, None]] = -1
    row, partner = np.nonzero(like >= at_least)
    return np.stack([row + first, partner, which[row, partner]], axis=1)


def _pooled(pictures: Array, side: int) -> Array:
    """(m, side, side) float32 means of blocks."""
    step = pictures.shape[1] // side
    return np.asarray(pictures.reshape(len(pictures), side, step, side, step).mean(axis=(2, 4), dtype=np.float32))


def _unit(pictures: Array) -> Array:
    """(m, d) float32 of mean 0 and length 1."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))


def _turned(picture: Array, way: int) -> Array:
    """One of the eight ways to turn and mirror a square."""
    quarter = np.rot90(picture, way % 4)
    return np.ascontiguousarray(quarter[:, ::-1] if way >= 4 else quarter)


def _motion(turn: int) -> Array:
    """(2, 3) float64 where the pixels of a picture turned so come from; -1 for not at all."""
    import cv2

    if turn < 0:
        return np.eye(2, 3)
    middle = (SIDE - 1) / 2
    return np.asarray(cv2.invertAffineTransform(cv2.getRotationMatrix2D((middle, middle), *TURNS[turn])))


def _all_turned(greys: Array, turn: int) -> Array:
    """(m, 64, 64) uint8, the mean of each picture in the corners."""
    import cv2

    motion, flags = _motion(turn), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = [cv2.warpAffine(one, motion, (SIDE, SIDE), flags=flags, borderValue=float(one.mean())) for one in greys]
    return np.stack(turned)


def _bounds(greys: Array) -> tuple[float, float]:
    """Least likeness of copies, as they are and turned a little: digits on paper are all alike, photographs are not."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(greys), (STRANGERS, 2))
    pairs = np.pad(pairs[pairs[:, 0] != pairs[:, 1]], ((0, 0), (0, 1)))
    laid = np.array([_laid(greys[one], greys[other], -1, promising=-1.0) for one, other, _ in pairs.tolist()])
    return _above(SAME, _as_they_are(greys, pairs)[0]), _above(LAID, laid)


def _above(least: float, strangers: Array) -> float:
    usual = np.arctanh(np.clip(strangers[np.isfinite(strangers)], -0.999, 0.999))
    middle, high = np.quantile(usual, [0.5, 0.9]) if len(usual) >= 10 else (0.0, 0.0)
    return max(least, min(math.tanh(middle + UNUSUAL * (high - middle) / 1.28), 0.99))


def _as_they_are(greys: Array, pairs: Array) -> tuple[Array, Array]:
    """How well the details of two grey pictures agree, the other turned in a way of eight.

    A banner at a border may differ. What both show is compared; corners that are filled black or white say nothing,
    unless most of a picture is.

    Args:
        pairs: (p, 3) one, other, way.

    Returns:
        (p,) the likeness, without that border where they then agree best; (p,) how much that is better than with it
    """
    likes, wholes = np.full(len(pairs), -1.0), np.full(len(pairs), -1.0)
    inside = _borders()
    for part in blocks(len(pairs), 1024):
        one, other, ways = pairs[part].T
        turned = np.stack([_turned(greys[at], way) for at, way in zip(other.tolist(), ways.tolist(), strict=True)])
        shown = _inside(greys[one]) & _inside(turned)
        shown |= (shown.mean(axis=(1, 2)) < LEAST)[:, None, None]
        small, small_turned = _pooled(greys[one], SIDE // 2), _pooled(turned, SIDE // 2)
        wholes[part] = _details(small, small_turned, inside[:1])
        for where in inside:
            likes[part] = np.maximum(likes[part], _details(small, small_turned, where & shown))
    return likes, likes - wholes


def _borders() -> Array:
    """(5, 32, 32) bool: the whole picture, and without each of its four borders."""
    side = SIDE // 2
    wide = int(BANNER * side)
    parts = np.ones((5, side, side), dtype=bool)
    parts[1, :wide], parts[2, -wide:], parts[3, :, :wide], parts[4, :, -wide:] = False, False, False, False
    return parts


def _details(one: Array, other: Array, where: Array, least: float = LEAST) -> Array:
    """(p,) correlation of the differences between neighboring pixels where both are inside, in [-1, 1].

    Args:
        one, other: (p, h, w) float32.
        where: (p, h, w) bool, or (1, h, w).
        least: share of the picture that must be inside; -1 where less is.
    """
    product, squares, own = (np.zeros(len(one)) for _ in range(3))
    enough = np.ones(len(one), dtype=bool)
    for axis in (1, 2):
        ahead, behind = (np.s_[:, 1:], np.s_[:, :-1]) if axis == 1 else (np.s_[:, :, 1:], np.s_[:, :, :-1])
        inside = where[ahead] & where[behind]
        enough &= inside.mean(axis=(1, 2)) >= least
        a, b = ((picture[ahead] - picture[behind]) * inside for picture in (one, other))
        product += np.einsum("pij,pij->p", a, b)
        squares += np.einsum("pij,pij->p", a, a)
        own += np.einsum("pij,pij->p", b, b)
    return np.where(enough, product / np.maximum(np.sqrt(squares * own), 1e-9), -1.0)


def _laid(one: Array, other: Array, turn: int, promising: float = PROMISING) -> float:
    """How well the details of two grey pictures agree when the other is laid on the one; NaN where it does not lie.

    Args:
        turn: of `TURNS`, to begin with; -1 for none.
        promising: likeness on 32 pixels a side from which on it is laid more finely.
    """
    motion = _motion(turn)
    linear = motion[:, :2]
    motion[:, 2] = (linear.sum(axis=1) / 2 + motion[:, 2] - 0.5) / 2  # for pictures half as large
    small, small_other = _pooled(np.stack([one, other]), SIDE // 2)
    rough = _fitted(small, small_other, motion, ROUNDS)
    if rough is None:
        return math.nan
    rough[:, 2] = 2 * rough[:, 2] + 0.5 - rough[:, :2].sum(axis=1) / 2
    if not _likeness(one, other, rough) >= promising:
        return math.nan
    fine = _fitted(one, other, rough, FINER)
    if fine is None:
        return math.nan
    scale = math.sqrt(abs(float(np.linalg.det(fine[:, :2]))))
    angle = abs(math.degrees(math.atan2(fine[1, 0] - fine[0, 1], fine[0, 0] + fine[1, 1])))
    counts = ANGLES[0] <= angle <= ANGLES[1] and SCALES[0] <= scale <= SCALES[1]
    return _likeness(one, other, fine) if counts or promising < 0 else math.nan


def _fitted(one: Array, other: Array, motion: Array, rounds: int) -> Array | None:
    """(2, 3) float64 the motion by which the other lies best on the one, found from this one; None for none."""
    import cv2

    stop: Any = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, rounds, 1e-4)
    start = motion.astype(np.float32)
    try:
        found = cv2.findTransformECC(one, other, start, cv2.MOTION_AFFINE, stop, _filled(other), 3)
    except cv2.error:  # it does not converge: these pictures have nothing in common
        return None
    return np.asarray(found[1], np.float64)


def _likeness(one: Array, other: Array, motion: Array) -> float:
    """How well the details agree, on 32 pixels a side, once the other is moved."""
    import cv2

    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (SIDE, SIDE)
    moved = cv2.warpAffine(other.astype(np.float32), motion, size, flags=flags)
    there = cv2.warpAffine(_filled(other), motion, size, flags=flags)
    where = (_pooled(there[None], SIDE // 2) == 255) & _inside(one[None])
    return float(_details(_pooled(one[None], SIDE // 2), _pooled(moved[None], SIDE // 2), where)[0])


def _inside(pictures: Array) -> Array:
    """(m, 32, 32) bool, where pictures of 64 x 64 are neither black nor white."""
    return np.asarray(_pooled(_filled(pictures), SIDE // 2) == 255)


def _filled(picture: Array) -> Array:
    """uint8, 0 where the picture is black or white, as the corners of a turned one are; else 255."""
    return np.asarray(np.where((picture > 5) & (picture < 250), 255, 0), np.uint8)
