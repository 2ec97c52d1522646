"""How a network wants its pictures, declared: size, cropping, brightness. One resize from the file to the network.

It says what the transforms of torchvision, open_clip and timm do at inference, and the tests hold it to them; but it
cuts before it resizes, and leaves the arithmetic of brightness to the device, so that a quarter as many bytes travel.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.arrays import Array
from ...base.params import ParamError

if TYPE_CHECKING:
    from PIL.Image import Image

FITS = ("crop", "squash", "pad")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
Colour = tuple[float, float, float]

IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preparation:
    """From an RGB picture of any size to what the network takes.

    Attributes:
        size: height and width that the network sees, cut from the middle.
        resize: height and width that the picture is resized to before; `size` where empty. With "crop" the picture
            covers it, with "pad" it lies within, with "squash" it loses its proportions.
        fit: "crop", "squash" or "pad".
        interpolation: one of INTERPOLATIONS.
        mean: of red, green and blue in [0, 1]; subtracted.
        std: likewise; divided by.
        fill: colour in [0, 255] of what padding adds.
    """

    size: tuple[int, int]
    resize: tuple[int, int] = (0, 0)
    fit: str = "crop"
    interpolation: str = "bicubic"
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD
    fill: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.resize == (0, 0):
            object.__setattr__(self, "resize", self.size)
        whole = (*self.size, *self.resize)
        if not all(isinstance(side, int) and side > 0 for side in whole):
            raise ParamError(f"Preparation.size and resize must be whole pixels, 1 or more; got {whole}")
        if self.fit not in FITS or self.interpolation not in INTERPOLATIONS:
            raise ParamError(
                f"Preparation.fit must be one of {', '.join(FITS)}, and interpolation one of "
                f"{', '.join(INTERPOLATIONS)}; got {self.fit!r} and {self.interpolation!r}"
            )
        if min(self.std) <= 0:
            raise ParamError(f"Preparation.std must be above 0; got {self.std}")

    @property
    def enough(self) -> int:
        """Pixels needed on the shorter side of the file's picture; see `read_image`."""
        return max(self.resize)

    def __call__(self, image: Image) -> Array:
        """RGB picture → (h, w, 3) uint8, brightness not yet normalised."""
        from PIL import Image as PILImage

        height, width = self.size
        wide, tall = self._scaled(*image.size)
        filter_ = PILImage.Resampling[self.interpolation.upper()]
        left, top = round((wide - width) / 2), round((tall - height) / 2)
        if wide >= width and tall >= height:  # cut first: pixels that are cut off need no resizing
            across, down = image.width / wide, image.height / tall
            box = (left * across, top * down, (left + width) * across, (top + height) * down)
            return np.asarray(image.resize((width, height), filter_, box=box))
        canvas = PILImage.new("RGB", (width, height), self.fill)
        left, top = (
            (room - side) // 2 if side < room else -lost
            for room, side, lost in ((width, wide, left), (height, tall, top))
        )
        canvas.paste(image.resize((wide, tall), filter_), (left, top))
        return np.asarray(canvas)

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of this size is resized to, rounded as the libraries round."""
        tall, wide = self.resize
        if self.fit == "squash":
            return wide, tall
        if self.fit == "crop" and tall == wide:
            longer = int(tall * max(width, height) / min(width, height))
            return (tall, longer) if width <= height else (longer, tall)
        ratios = (height / tall, width / wide)
        ratio = max(ratios) if self.fit == "pad" else min(ratios)
        return max(1, round(width / ratio)), max(1, round(height / ratio))


def declared_beside(path: Path) -> Preparation:
    """The preparation that `<file>.json` declares beside a network's file.

    Raises:
        ParamError: there is none, or it is not one; the sentence shows what to write.
    """
    beside = Path(f"{path}.json")
    example = '{"size": 224, "resize": 256, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
    if not beside.is_file():
        raise ParamError(f"{path.name} needs {beside.name} beside it, which says how it wants pictures: {example}")
    try:
        given = json.loads(beside.read_text())
        return from_json(given)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ParamError(f"{beside.name} must say how {path.name} wants pictures, such as {example}; {error}") from None


def from_json(given: dict[str, Any]) -> Preparation:
    """A preparation from plain values; one number stands for two equal sides.

    Raises:
        ParamError, ValueError or TypeError: a name or value that it does not take.
    """
    known = {field.name for field in dataclasses.fields(Preparation)}
    unknown = ", ".join(sorted(set(given) - known))
    if unknown or "size" not in given:
        raise ValueError(f"it takes {', '.join(sorted(known))}, of which size is required; got {unknown or 'no size'}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    for name in ("size", "resize"):
        if isinstance(values.get(name), int):
            values[name] = (values[name], values[name])
    for name, length in (("size", 2), ("resize", 2), ("mean", 3), ("std", 3), ("fill", 3)):
        if name in values and (not isinstance(values[name], tuple) or len(values[name]) != length):
            raise ValueError(f"{name} must be {length} numbers; got {given[name]!r}")
    return Preparation(**values)
