"""A glance at a picture: its properties and a small grey version, from one decoding.

JPEG files are decoded only as finely as that takes. Methods that glance at the same files share what they saw: each
file is read again only when it has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.shared import Shared, key_of
from ..base.threads import cores
from .marks import NO_MARK, mark_of
from .properties import ENOUGH, NAMES, Measured, measure
from .reading import UnreadableImage, read_images

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 64  # of the grey picture
KEPT = 100_000  # glances that are shared at most: 4 KB each
KIND = "glances"
VERSION = 1  # grows when a glance comes out differently
TOLD_EVERY = 50


@dataclass(frozen=True)
class Glance:
    """What a glance shows.

    Attributes:
        values: (P,) float64, the properties (`core/images/properties.py`).
        grey: (64, 64) uint8, squeezed to a square.
        colour: (3,) float32 mean colour.
        size: (2,) int64 width and height of the picture in its file, upright.
    """

    values: Array
    grey: Array
    colour: Array
    size: Array


def glance(image: Image) -> Glance:
    """A glance at an RGB picture, which may be decoded smaller than its file has it."""
    return Glance(measure(image), *grey_and_colour(image), np.array(image.info.get("full_size", image.size)))


def grey_and_colour(image: Image) -> tuple[Array, Array]:
    """(64, 64) uint8 grey picture and (3,) float32 mean colour, both averages over areas."""
    from PIL.Image import Resampling

    grey = image.convert("L").resize((SIDE, SIDE), Resampling.BOX)
    colour = np.asarray(image.resize((1, 1), Resampling.BOX), np.float32)
    return np.asarray(grey, np.uint8), colour.reshape(3)


def measure_files(paths: Sequence[str], progress: Progress = silent, shared: Shared | None = None) -> Measured:
    """The properties of every file.

    Args:
        paths: (n,) image files.
        shared: where glances of earlier methods are.
    """
    values = np.full((len(paths), len(NAMES)), np.nan)
    errors: list[UnreadableImage | None] = [None] * len(paths)
    for row, seen in glances(paths, range(len(paths)), progress, "measuring images", shared):
        if isinstance(seen, UnreadableImage):
            errors[row] = seen
        else:
            values[row] = seen.values
    return Measured(values, errors)


def glances(
    paths: Sequence[str], rows: Sequence[int], progress: Progress, doing: str, shared: Shared | None = None
) -> Iterator[tuple[int, Glance | UnreadableImage]]:
    """Each of the rows with a glance at its file, or why that cannot be read; those that are known come first."""
    shared = shared if len(rows) <= KEPT else None
    marks = [b""] * len(rows) if shared is None else [mark_of(paths[row]) for row in rows]
    kept = _Kept(shared, marks)
    for at in np.flatnonzero(kept.known).tolist():
        yield rows[at], kept.at(at)
    new = np.flatnonzero(~kept.known).tolist()
    progress(len(rows) - len(new), len(rows), doing)
    found = read_images([paths[rows[at]] for at in new], glance, enough=ENOUGH, workers=cores())
    for done, (at, seen) in enumerate(zip(new, found, strict=True), start=1):
        if not isinstance(seen, UnreadableImage) and shared is not None:
            kept.add(at, seen)
        yield rows[at], seen
        if done % TOLD_EVERY == 0:
            progress(len(rows) - len(new) + done, len(rows), doing)
    progress(len(rows), len(rows), doing)
    if new:
        kept.save()


class _Kept:
    """Glances at pictures with these marks, as far as they are known.

    Attributes:
        known: (m,) bool.
    """

    def __init__(self, shared: Shared | None, marks: Sequence[bytes]) -> None:
        self._shared, self._marks = shared, marks
        self.known = np.zeros(len(marks), dtype=bool)
        if shared is None:
            return
        self._arrays: dict[str, Array] = {
            "values": np.zeros((len(marks), len(NAMES))),
            "grey": np.zeros((len(marks), SIDE, SIDE), np.uint8),
            "colour": np.zeros((len(marks), 3), np.float32),
            "size": np.zeros((len(marks), 2), np.int64),
        }
        wanted: dict[bytes, list[int]] = {}
        for at, mark in enumerate(marks):
            if mark != NO_MARK:
                wanted.setdefault(mark, []).append(at)
        for earlier in shared.every(KIND):
            if not wanted:
                break
            if int(earlier["version"]) == VERSION:
                self._take(earlier, wanted)

    def _take(self, earlier: dict[str, Array], wanted: dict[bytes, list[int]]) -> None:
        raw = earlier["marks"].tobytes()
        width = earlier["marks"].shape[1]
        pairs = [
            (place, at)
            for place in range(len(earlier["marks"]))
            for at in wanted.pop(raw[place * width : (place + 1) * width], ())
        ]
        if pairs:
            places, rows = np.array(pairs, dtype=np.int64).T
            for name, array in self._arrays.items():
                array[rows] = earlier[name][places]
            self.known[rows] = True

    def at(self, row: int) -> Glance:
        return Glance(**{name: array[row] for name, array in self._arrays.items()})

    def add(self, row: int, seen: Glance) -> None:
        for name, array in self._arrays.items():
            array[row] = getattr(seen, name)
        self.known[row] = self._marks[row] != NO_MARK

    def save(self) -> None:
        if self._shared is None or not self.known.any():
            return
        rows = np.flatnonzero(self.known)
        raw = b"".join(self._marks[row] for row in rows.tolist())
        marks = np.frombuffer(raw, dtype=np.uint8).reshape(len(rows), -1)
        every = len(rows) == len(self.known)
        arrays = {name: array if every else array[rows] for name, array in self._arrays.items()}
        self._shared.keep(KIND, key_of(VERSION, raw), {"marks": marks, "version": np.array(VERSION), **arrays})
