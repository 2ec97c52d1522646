"""The handwritten digits as pictures with captions: what the demo shows and what the tiny CLIP learns from.

Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
https://doi.org/10.24432/C50P49 (CC BY 4.0); scikit-learn carries 1,797 of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array

if TYPE_CHECKING:
    from PIL.Image import Image

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAINING = 1300

TEMPLATES = (
    "{}",
    "the digit {}",
    "the number {}",
    "a {}",
    "a handwritten {}",
    "a photo of {}",
    "a photo of the digit {}",
    "a photo of the number {}",
    "a photo of a {}",
    "a photo of a handwritten {}",
    "a picture of the digit {}",
    "a picture of a {}",
    "an image of {}",
    "an image of the number {}",
    "a scan of a handwritten {}",
    "a drawing of the digit {}",
    "someone wrote the number {}",
    "a {} written by hand",
)


@dataclass(frozen=True)
class Digits:
    """The 1,797 digits, in scikit-learn's order.

    Attributes:
        grids: (n, 8, 8) uint8, ink from 0 (paper) to 16 (black).
        labels: (n,) int64, which is also the index into `NAMES`.
        held_out: (n,) bool, never trained on: the last 497. Neighboring rows look alike, so a run of consecutive rows
            is an honester test than a random share.
    """

    grids: Array
    labels: Array
    held_out: Array

    @property
    def names(self) -> list[str]:
        """(n,) class names."""
        return [NAMES[label] for label in self.labels]

    def images(self, size: int = 64) -> Array:
        """(n, size, size, 3) uint8 pictures."""
        return np.stack([np.asarray(picture(grid, size)) for grid in self.grids])


def load_digits() -> Digits:
    """Read the digits that scikit-learn carries; no network."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    labels = np.asarray(bunch.target, dtype=np.int64)
    return Digits(np.asarray(bunch.images, dtype=np.uint8), labels, np.arange(len(labels)) >= TRAINING)


def picture(grid: Array, size: int = 64) -> Image:
    """(8, 8) ink → an RGB picture of dark ink on white paper, `size` pixels square, smoothly enlarged."""
    from PIL import Image

    paper = (255 - np.rint(grid.astype(np.float64) * (255 / 16))).astype(np.uint8)
    return Image.fromarray(paper).resize((size, size), Image.Resampling.BICUBIC).convert("RGB")


def captions(name: str) -> tuple[str, ...]:
    """Every caption of a class: each template with the word, and with the numeral where the class has one."""
    words = [name] + ([str(NAMES.index(name))] if name in NAMES else [])
    return tuple(template.format(word) for template in TEMPLATES for word in words)
