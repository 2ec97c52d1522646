"""Small looks at pictures: enough to tell the same picture from the same scene, and the better file from the worse.

Two files show the same picture if one, shrunk, fits somewhere in the other, mirrored or not, down to its details.
Where it fits best is found by normalised cross-correlation of grey values (Lewis 1995, Fast Normalized
Cross-Correlation), on 32 pixels a side, for cut-outs down to two thirds of a side. How well it fits is then told by the
correlation of the differences between neighboring pixels. Grey values alone do not tell: among 650 photographs two
meadows under a sky correlated by 0.90, as much as the worst cut-outs do with their originals (0.88); by differences the
best pair of neighbors reached 0.39, and the worst of 400 altered copies 0.69.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .distances import blocks
from .images import UnreadableImage, read_images
from .method import Array, Progress, silent
from .threads import blas_threads, in_threads

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 64  # of the grey picture that is kept
COMPARED = 32  # pixels a side when compared
FITTED = range(COMPARED, 20, -1)  # sides of the shrunken picture that is looked for in the other; the whole first
SHARPNESS_SIDE = 256
FLAT = 2.0  # grey levels: less spread than this shows nothing to compare by
SAME_COLOUR = 6.0  # grey levels between flat pictures of one colour


@dataclass(frozen=True)
class Look:
    """What is kept of one picture.

    Attributes:
        digest: of the decoded pixels, upright; equal digests are equal pictures, pixel by pixel.
        pixels: width times height.
        sharpness: variance of the Laplacian at 256 x 256 pixels, so that enlarging a picture does not raise it.
        grey: (64, 64) uint8, squeezed to a square.
        colour: (3,) float32 mean colour.
    """

    digest: bytes
    pixels: int
    sharpness: float
    grey: Array
    colour: Array


def look_at(image: Image) -> Look:
    """The look of an RGB picture."""
    from PIL.Image import Resampling

    pixels = np.asarray(image)
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(pixels.tobytes())
    grey = image.convert("L")
    fine = np.asarray(grey.resize((SHARPNESS_SIDE, SHARPNESS_SIDE), Resampling.BILINEAR, reducing_gap=2.0), np.float32)
    laplacian = 4 * fine[1:-1, 1:-1] - fine[:-2, 1:-1] - fine[2:, 1:-1] - fine[1:-1, :-2] - fine[1:-1, 2:]
    small = np.asarray(grey.resize((SIDE, SIDE), Resampling.BOX), np.uint8)
    colour = np.asarray(image.resize((1, 1), Resampling.BOX), np.float32).reshape(3)
    return Look(digest.digest(), image.width * image.height, float(laplacian.var()), small, colour)


def looks_at(paths: Sequence[str], rows: Sequence[int], progress: Progress = silent) -> dict[int, Look]:
    """Row → look, of those of the rows whose image file can be read."""
    found: dict[int, Look] = {}
    for done, (row, item) in enumerate(
        zip(rows, read_images([paths[row] for row in rows], look_at), strict=True), start=1
    ):
        if not isinstance(item, UnreadableImage):
            found[row] = item
        if done % 64 == 0 or done == len(rows):
            progress(done, len(rows), "reading images")
    return found


def likeness(one: Look, other: Look, enough: float = 1.0) -> float:
    """How well one picture, shrunk to at least two thirds and perhaps mirrored, fits into the other, in [-1, 1].

    Args:
        enough: no better place is looked for once this is reached at full size.
    """
    if one.digest == other.digest:
        return 1.0
    flat = one.grey.std() < FLAT, other.grey.std() < FLAT
    if any(flat):
        return float(all(flat) and float(np.abs(one.colour - other.colour).max()) <= SAME_COLOUR)
    from .engines.picture_kernels import best_fit

    best, fit = -1.0, 0.0
    wholes = [_shrunk(look.grey, COMPARED) for look in (one, other)]
    for side, mirrored in itertools.product(FITTED, (False, True)):
        for whole, fitted in ((wholes[0], other.grey), (wholes[1], one.grey)):
            template = _shrunk(fitted[:, ::-1] if mirrored else fitted, side)
            template -= template.mean()
            template /= max(float(np.linalg.norm(template)), 1e-6)
            correlation, top, left = best_fit(whole, template)
            if correlation > best:
                best, fit = correlation, _detail(whole[top : top + side, left : left + side], template)
            if side == COMPARED:
                break  # at full size both directions are the same
        if side == COMPARED and fit >= enough:
            return fit
    return fit


def _detail(window: Array, template: Array) -> float:
    """Correlation of the differences between neighboring pixels of two pictures of one size, in [-1, 1]."""
    one, other = (
        np.concatenate([np.diff(picture, axis=0).ravel(), np.diff(picture, axis=1).ravel()])
        for picture in (window, template)
    )
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9))


def likenesses(looks: Mapping[int, Look], pairs: Array, enough: float = 1.0, progress: Progress = silent) -> Array:
    """`likeness` of each pair of rows; NaN where one of them has no look. (p,) float64

    Args:
        pairs: (p, 2) row numbers.
    """
    found = np.full(len(pairs), np.nan)

    def compare(part: slice) -> None:
        for at in range(part.start, part.stop):
            one, other = (looks.get(int(row)) for row in pairs[at])
            if one is not None and other is not None:
                found[at] = likeness(one, other, enough)

    with blas_threads(1):
        in_threads(compare, blocks(len(pairs), 256), progress, "comparing pictures")
    return found


def _shrunk(grey: Array, side: int) -> Array:
    """(64, 64) → (side, side) float32 in [-0.5, 0.5], by averages over areas."""
    weights = _averages(side)
    return np.ascontiguousarray(weights @ (grey.astype(np.float32) / 255 - 0.5) @ weights.T)


@cache
def _averages(side: int) -> Array:
    """(side, 64) float32: the share of each of 64 pixels in each of `side` cells; rows sum to one."""
    edges = np.linspace(0, SIDE, side + 1)
    pixel = np.arange(SIDE)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.maximum(overlap, 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
