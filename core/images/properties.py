"""What can be measured of a picture without knowing what it shows: brightness, colour, sharpness, size, edges.

Everything is measured on one small version of it with about 160 x 160 pixels, so that a
photo of 12 megapixels and its thumbnail get much the same numbers. Smaller pictures are measured as they are.

Sharpness is one minus the blur effect of Crete et al. 2007 (doi:10.1117/12.702790): blurring a sharp picture again
takes away most of the differences between neighboring pixels, blurring a blurred one few. It is a ratio, so contrast
and brightness do not enter. The quantiles of brightness are those that CleanVision judges by
(https://github.com/cleanlab/cleanvision).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array
from .reading import UnreadableImage

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 160  # of the square with as many pixels as the version that is measured
ENOUGH = SIDE // 2  # JPEG files of twice that on both sides may be decoded smaller
REACH = 4  # pixels to each side that the second blurring averages: 9 in all, as in the paper


@dataclass(frozen=True)
class Property:
    """One number measured of a picture.

    Attributes:
        name: Python identifier.
        lower: said of pictures where it is low, after "is".
        higher: said of pictures where it is high.
        description: what is measured, with its unit or range.
        noun: what it is called in a sentence; the name where empty.
    """

    name: str
    lower: str
    higher: str
    description: str
    noun: str = ""

    @property
    def word(self) -> str:
        """What it is called in a sentence."""
        return self.noun or self.name


PROPERTIES = (
    Property("brightness", "darker", "brighter", "mean luminance, 0 black to 1 white"),
    Property("highlights", "darker in its lightest parts", "brighter in its lightest parts", "99th percentile of it"),
    Property("shadows", "darker in its darkest parts", "brighter in its darkest parts", "5th percentile of it"),
    Property("contrast", "lower in contrast", "higher in contrast", "standard deviation of luminance"),
    Property(
        "information",
        "plainer",
        "richer in grey levels",
        "entropy of 256 grey levels over 8 bits, 0 to 1",
        "grey levels",
    ),
    Property("saturation", "greyer", "more colourful", "mean difference of the channels, 0 to 1"),
    Property("colour", "greyer everywhere", "more colourful somewhere", "99th percentile of that difference", "colour"),
    Property("warmth", "bluer", "redder", "mean red minus mean blue, -1 to 1"),
    Property("greenness", "more magenta", "greener", "mean green minus the mean of red and blue, -1 to 1"),
    Property("sharpness", "blurrier", "sharper", "1 minus the blur effect, 0 to 1; none where nothing varies"),
    Property(
        "edge_amount", "smoother", "busier", "mean difference of neighboring pixels' luminance, 0 to 1", "busyness"
    ),
    Property(
        "edge_x",
        "with its edges further left",
        "with its edges further right",
        "centre of edges, 0 left, 1 right",
        "place of edges",
    ),
    Property(
        "edge_y",
        "with its edges higher up",
        "with its edges lower down",
        "centre of edges, 0 top, 1 bottom",
        "place of edges",
    ),
    Property(
        "edge_spread",
        "with its edges in the middle",
        "with its edges at the border",
        "their mean distance²",
        "place of edges",
    ),
    Property("size", "smaller", "larger", "square root of width times height, in pixels of the file"),
    Property(
        "aspect", "taller", "wider", "binary logarithm of width over height: 0 square, 1 twice as wide as high", "shape"
    ),
)
NAMES = tuple(one.name for one in PROPERTIES)


@dataclass(frozen=True)
class Measured:
    """Properties of n files.

    Attributes:
        values: (n, P) float64, a column per property; NaN where a file cannot be read or the property does not exist.
        errors: why a file cannot be read, None where it can.
    """

    values: Array
    errors: list[UnreadableImage | None]

    def __getitem__(self, name: str) -> Array:
        """(n,) the property of that name."""
        return np.asarray(self.values[:, NAMES.index(name)])

    @property
    def readable(self) -> Array:
        """(n,) bool."""
        return np.array([error is None for error in self.errors], dtype=bool)


def measure(image: Image) -> Array:
    """(P,) float64, the properties in the order of `PROPERTIES`.

    Args:
        image: RGB. Its size in the file is `info["full_size"]` where it was decoded smaller.
    """
    width, height = image.info.get("full_size", image.size)
    small = shrunk(image)
    grey = small.convert("L")
    found = _light(grey) | _colour(small) | _edges(np.asarray(grey).astype(np.int16))
    found |= {"size": math.sqrt(width * height), "aspect": math.log2(width / height)}
    return np.array([found[name] for name in NAMES])


def shrunk(image: Image) -> Image:
    """The picture with at most about 160 x 160 pixels, its shape kept."""
    from PIL.Image import Resampling

    width, height = image.size
    factor = SIDE / math.sqrt(width * height)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return image.resize(size, Resampling.BOX)


def _light(grey: Image) -> dict[str, float]:
    """From the histogram of grey levels: `histogram` counts in C what a sort of pixels would find more slowly."""
    share = np.array(grey.histogram(), dtype=np.float64) / (grey.width * grey.height)
    level = np.arange(256) / 255.0
    mean = float(share @ level)
    some = share[share > 0]
    return {
        "brightness": mean,
        "highlights": _quantile(share, 0.99),
        "shadows": _quantile(share, 0.05),
        "contrast": math.sqrt(max(float(share @ (level - mean) ** 2), 0.0)),
        "information": float(-(some * np.log2(some)).sum()) / 8.0 + 0.0,
    }


def _colour(image: Image) -> dict[str, float]:
    from PIL import ImageChops

    channels = image.split()
    red, green, blue = (float(np.array(one.histogram()) @ np.arange(256)) for one in channels)
    lightest = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    darkest = ImageChops.darker(ImageChops.darker(channels[0], channels[1]), channels[2])
    pixels = image.width * image.height
    share = np.array(ImageChops.subtract(lightest, darkest).histogram(), dtype=np.float64) / pixels
    scale = 255.0 * pixels
    return {
        "saturation": float(share @ np.arange(256)) / 255.0,
        "colour": _quantile(share, 0.99),
        "warmth": (red - blue) / scale,
        "greenness": (green - (red + blue) / 2) / scale,
    }


def _edges(grey: Array) -> dict[str, float]:
    """Sharpness, and where the differences between neighboring pixels are.

    Args:
        grey: (h, w) int16, 0 to 255.
    """
    height, width = grey.shape
    across, down = np.abs(grey[:, 1:] - grey[:, :-1]), np.abs(grey[1:] - grey[:-1])
    blurs = [_blur(grey, across), _blur(grey.T, down.T)]
    known = [blur for blur in blurs if blur is not None]
    at_x = np.zeros(width)
    at_y = np.zeros(height)
    at_x[1:] += across.sum(axis=0)
    at_x += down.sum(axis=0)
    at_y[1:] += down.sum(axis=1)
    at_y += across.sum(axis=1)
    total = at_x.sum()
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    spread = at_x @ (2 * x - 1) ** 2 + at_y @ (2 * y - 1) ** 2
    return {
        # motion blurs one direction only, so the more blurred one counts
        "sharpness": 1.0 - max(known) if known else math.nan,
        "edge_amount": float(total) / (255.0 * max(across.size + down.size, 1)),
        "edge_x": float(at_x @ x / total) if total else 0.5,
        "edge_y": float(at_y @ y / total) if total else 0.5,
        "edge_spread": float(spread / (2 * total)) if total else 1 / 3,
    }


def _blur(grey: Array, difference: Array) -> float | None:
    """Share of the differences along the rows that is left when the rows are blurred again; None where there is none.

    The mean over 2r + 1 pixels moves by (x[i+r+1] - x[i-r]) / (2r + 1) from one place to the next, so that no
    blurred picture has to be made.

    Args:
        grey: (h, w) int16.
        difference: (h, w - 1) |x[i+1] - x[i]|.
    """
    reach = min(REACH, (grey.shape[1] - 2) // 2)
    if reach < 1:
        return None
    size = 2 * reach + 1
    before = size * difference[:, reach : difference.shape[1] - reach]
    after = np.abs(grey[:, size:] - grey[:, :-size])
    total = int(before.sum(dtype=np.int64))
    return int(np.minimum(before, after).sum(dtype=np.int64)) / total if total else None


def _quantile(share: Array, q: float) -> float:
    """The lowest of 256 levels, over 255, that at least the share q does not exceed."""
    return float(min(int(np.searchsorted(np.cumsum(share), q - 1e-9)), 255)) / 255.0
