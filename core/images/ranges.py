"""From numbers of more than 8 bits to grey levels: one range for a whole set, so that one value is one brightness.

Files of 16 bits, with signs or of floats have no range that all software agrees on: a camera fills 12 of 16 bits, a
scanner counts from -1024, a height model from 1000 metres. The range is taken from a sample of the set: from where a
thousandth of the values lies below to where a thousandth lies above. It then becomes the range that the numbers were
made for, 0 to 1 or whole bits, if they fill a quarter of that, and otherwise grows outward to round numbers. So a few
files more do not move it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array

Range = tuple[float, float]
Ranges = Mapping[str, Range]  # kind of numbers, as `Numbers.kind` has it → from black to white

FACT = "picture_ranges"  # of an embeddings run: the ranges that its pictures were shown in
OUTSIDE = 0.001  # share of the values that may lie below the range, and above it
FILLED = 0.25  # share of the range they were made for that numbers must fill to be shown in it
STEPS = 4  # a round range is one of at least so many round steps
SAMPLED = 200_000  # values taken of one picture
TABLE = 1 << 16  # numbers of 16 bits; in larger pictures they are looked up


@dataclass(frozen=True)
class Numbers:
    """A decoded picture that is not yet of 8 bits.

    Attributes:
        values: (h, w) grey or (h, w, 3) colours, as stored; any number type.
        white_is_low: the smallest number is white.
        missing: (h, w) bool, where nothing was measured; None where nothing says so. NaN is missing always.
        orientation: 1 to 8, to be turned by.
        shown_in: the range that the file itself asks for.
        clear: (h, w) uint8, 0 where one sees through and 255 where not; None for none.
    """

    values: Array
    white_is_low: bool = False
    missing: Array | None = None
    orientation: int = 1
    shown_in: Range | None = None
    clear: Array | None = None

    @property
    def kind(self) -> str:
        """What shares a range: `uint16`, `int16`, ..., and `float` for floats of every length."""
        return "float" if self.values.dtype.kind == "f" else str(self.values.dtype)

    def there(self) -> Array:
        """(h, w) bool, where something was measured."""
        there = np.ones(self.values.shape[:2], dtype=bool)
        if self.values.dtype.kind == "f":
            there &= np.isfinite(self.values) if self.values.ndim == 2 else np.isfinite(self.values).all(axis=2)
        return there if self.missing is None else there & ~self.missing


def range_of(sample: Array, kind: str) -> Range:
    """From black to white, for numbers of a kind of which these are some.

    Args:
        sample: (m,) finite numbers.
    """
    if kind in ("uint8", "int8"):
        return (0.0, 255.0) if kind == "uint8" else (-128.0, 127.0)
    if not len(sample):
        return 0.0, 1.0
    low, high = (float(value) for value in np.quantile(sample.astype(np.float64), (OUTSIDE, 1 - OUTSIDE)))
    if low >= 0 and high > 0:
        made_for = 1.0 if kind == "float" else float(2 ** max(math.ceil(math.log2(high + 1)), 8) - 1)
        if high <= made_for and high - low >= FILLED * made_for:
            return 0.0, made_for
    return _rounded(low, high)


def ranges_of(pictures: Iterable[Numbers]) -> dict[str, Range]:
    """The range of each kind of numbers in a sample of a set. What says itself how it is shown is left out."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Array]] = {}
    for one in pictures:
        if one.shown_in is None:
            values = one.values[one.there()].ravel()
            few = values if len(values) <= SAMPLED else values[rng.integers(0, len(values), SAMPLED)]
            found.setdefault(one.kind, []).append(few)
    return {kind: range_of(np.concatenate(parts), kind) for kind, parts in found.items()}


def to_8_bits(picture: Numbers, ranges: Ranges | None = None) -> Array:
    """(h, w) or (h, w, 3) uint8; what is missing is black.

    Args:
        ranges: of the set; the picture's own where None, or where it has none for this kind.
    """
    there = picture.there()
    known = picture.shown_in or (ranges or {}).get(picture.kind)
    kind = picture.values.dtype
    if kind.itemsize == 1:
        known = known or range_of(picture.values[:0].ravel(), picture.kind)
    shown_in = known or range_of(picture.values[there].ravel(), picture.kind)
    if kind == np.uint8 and shown_in == (0.0, 255.0):
        levels = picture.values
    elif kind.kind in "iu" and kind.itemsize == 2 and picture.values.size > TABLE:
        every = np.arange(TABLE, dtype=np.uint16).view(np.int16 if kind.kind == "i" else np.uint16)
        levels = _levels(every, shown_in)[picture.values.astype(every.dtype, copy=False).view(np.uint16)]
    else:
        levels = _levels(picture.values, shown_in)
    levels = 255 - levels if picture.white_is_low else levels
    if not there.all():
        levels = np.where(there if levels.ndim == 2 else there[..., None], levels, np.uint8(0))
    return levels


def _levels(numbers: Array, shown_in: Range) -> Array:
    """uint8, of any shape; what NaN becomes is not said."""
    low, high = shown_in
    values = numbers.astype(np.float64)
    values -= low
    values *= 255.0 / ((high - low) or 1.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _rounded(low: float, high: float) -> Range:
    """The range, grown outward to multiples of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return low, low + 1.0
    most = (high - low) / STEPS
    power = 10.0 ** math.floor(math.log10(most))
    step = max(power * nice for nice in (1, 2, 5) if power * nice <= most)
    return math.floor(low / step) * step, math.ceil(high / step) * step
