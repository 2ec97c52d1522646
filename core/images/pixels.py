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
import os
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.blocks import blocks
from ..base.shared import Shared
from ..base.threads import cores, in_threads
from .glances import SIDE, glances, grey_and_colour
from .reading import UnreadableImage, read_images

if TYPE_CHECKING:
    from PIL.Image import Image

COMPARED = 32  # pixels a side when compared
SIZES = 12  # sides of the shrunken picture that is looked for in the other: 32, 31, ... 21 pixels
PAIRS = 256  # compared at a time by each thread; what is prepared of their pictures takes at most 36 MB
SHARPNESS_SIDE = 256
FLAT = 2.0  # grey levels: less spread than this shows nothing to compare by
SAME_COLOUR = 6.0  # grey levels between flat pictures of one colour


@dataclass(frozen=True)
class Look:
    """What is kept of one picture.

    Attributes:
        digest: of the decoded pixels with their transparency, upright; equal digests are equal pictures. 32 bytes.
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
    """The look of an RGB picture, decoded in full."""
    grey, colour = grey_and_colour(image)
    return Look(*_close(image), grey, colour)


def _close(image: Image) -> tuple[bytes, int, float]:
    """Digest, number of pixels and sharpness of a picture that was decoded in full."""
    from PIL.Image import Resampling

    pixels = np.asarray(image)
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(pixels.data)
    alpha = image.info.get("alpha")  # white drawings on clear ground are not all one
    if alpha is not None:
        digest.update(alpha.tobytes())
    grey, side = image.convert("L"), (SHARPNESS_SIDE, SHARPNESS_SIDE)
    fine = np.asarray(grey.resize(side, Resampling.BILINEAR, reducing_gap=2.0), np.int16)
    laplacian = 4 * fine[1:-1, 1:-1] - fine[:-2, 1:-1] - fine[2:, 1:-1] - fine[1:-1, :-2] - fine[1:-1, 2:]
    edges = laplacian.ravel().astype(np.float32)
    sharpness = float(edges @ edges) / edges.size - float(edges.mean()) ** 2
    return digest.digest(), image.width * image.height, sharpness


class Looks:
    """Looks at some of n pictures, by row: a glance at those that may be copies, a close look where it matters.

    The grey pictures, 4 KB each, lie in a temporary file without a name, which the system keeps in memory as long as
    there is room: a million take 4 GB there, and 70 MB here.

    Attributes:
        seen: (n,) bool, a glance was taken.
        size: (n, 2) int64 width and height. colour: (n, 3) float32. Of the seen.
        spread: (n,) float32 standard deviation of the grey levels.
        examined: (n,) bool, a close look was taken.
        digest: (n, 32) uint8. pixels: (n,) int64. sharpness: (n,) float64. Of the examined.
        unreadable: row → why its file cannot be read, in one sentence.
    """

    def __init__(self, n: int, shared: Shared | None = None) -> None:
        self.seen, self.examined = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        self.size, self.colour, self.spread = (
            np.zeros((n, 2), np.int64),
            np.zeros((n, 3), np.float32),
            np.zeros(n, "f4"),
        )
        self.digest, self.pixels, self.sharpness = np.zeros((n, 32), np.uint8), np.zeros(n, np.int64), np.zeros(n)
        self.unreadable: dict[int, str] = {}
        self._shared = shared
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the object
        self._file = file.fileno()
        weakref.finalize(self, file.close)

    def take(self, paths: Sequence[str], rows: Sequence[int], progress: Progress = silent) -> None:
        """Glance at those of the rows that were not looked at yet."""
        new = [row for row in rows if not self.seen[row] and row not in self.unreadable]
        for row, seen in glances(paths, new, progress, "reading images", self._shared):
            if isinstance(seen, UnreadableImage):
                self.unreadable[row] = str(seen)
            else:
                self._keep(row, seen.grey, seen.colour, seen.size)

    def examine(self, paths: Sequence[str], rows: Sequence[int], progress: Progress = silent) -> None:
        """Look closely at those of the rows that were not examined yet."""
        new = [row for row in rows if not self.examined[row] and row not in self.unreadable]
        found = read_images([paths[row] for row in new], _close, workers=cores())
        for done, (row, close) in enumerate(zip(new, found, strict=True), start=1):
            if isinstance(close, UnreadableImage):
                self.unreadable[row] = str(close)
            else:
                self._examined(row, *close)
            if done % 64 == 0 or done == len(new):
                progress(done, len(new), "reading images")

    def keep(self, row: int, look: Look) -> None:
        """Keep the look of a row."""
        self._keep(row, look.grey, look.colour, np.zeros(2, np.int64))
        self._examined(row, look.digest, look.pixels, look.sharpness)

    def _keep(self, row: int, grey: Array, colour: Array, size: Array) -> None:
        self.size[row], self.colour[row], self.spread[row] = size, colour, grey.std()
        os.pwrite(self._file, grey.tobytes(), SIDE * SIDE * row)
        self.seen[row] = True

    def _examined(self, row: int, digest: bytes, pixels: int, sharpness: float) -> None:
        self.digest[row] = np.frombuffer(digest, np.uint8)
        self.pixels[row], self.sharpness[row], self.examined[row] = pixels, sharpness, True

    def greys(self, rows: Array) -> Array:
        """(r, 64, 64) uint8 grey pictures of rows that were looked at."""
        size = SIDE * SIDE
        parts = [os.pread(self._file, size, size * row) for row in rows.tolist()]
        return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, SIDE, SIDE)


def likenesses(looks: Looks, pairs: Array, enough: float = 1.0, progress: Progress = silent) -> Array:
    """How well one picture of each pair, shrunk to at least two thirds and perhaps mirrored, fits into the other.

    Args:
        pairs: (p, 2) row numbers.
        enough: no better place is looked for once this is reached at full size.

    Returns:
        (p,) float64 in [-1, 1]; 1 for equal pixels, NaN where a picture of the pair was not looked at.
    """
    found = np.full(len(pairs), np.nan)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))  # pairs of one picture side by side

    def compare(part: slice) -> None:
        own = order[part]
        own = own[looks.seen[pairs[own]].all(axis=1)]
        one, other = pairs[own].T
        equal = looks.examined[pairs[own]].all(axis=1) & (looks.digest[one] == looks.digest[other]).all(axis=1)
        flat = looks.spread[pairs[own]] < FLAT
        alike = np.abs(looks.colour[one] - looks.colour[other]).max(axis=1, initial=0) <= SAME_COLOUR
        found[own] = equal | (flat.all(axis=1) & alike)
        own = own[~equal & ~flat.any(axis=1)]
        if len(own):
            found[own] = _fits(looks, pairs[own], enough)

    in_threads(compare, blocks(len(pairs), PAIRS), progress, "comparing pictures")
    return found


def _fits(looks: Looks, pairs: Array, enough: float) -> Array:
    """`likenesses` of pictures that were looked at and are not flat. (p,) float64"""
    from .pixel_kernels import fit_pairs, prepare

    rows, places = np.unique(pairs, return_inverse=True)
    wholes = np.zeros((len(rows), 2, COMPARED * (COMPARED + 1)), np.float32)
    templates = np.zeros((len(rows), SIZES, COMPARED * COMPARED), np.float32)
    scales = np.zeros((len(rows), SIZES, SIZES, SIZES), np.float32)
    prepare(looks.greys(rows), wholes, templates, scales)
    one, other = np.ascontiguousarray(places.reshape(-1, 2).T)
    fits = np.empty(len(pairs))
    fit_pairs(one, other, wholes, templates, scales, enough, fits)
    return fits
