"""Masks that are empty, have another shape than their box or image, or fill only a part of their box."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...base.arrays import Array
from .faults import Faults

OFF = 0.7  # of each side that the mask must reach; a tight box is filled from edge to edge
STRETCH = 1.25  # the mask's pixels may be so much longer than they are wide: boxes are rounded to whole pixels
LEAST = 8  # pixels of a side from which rounding does not matter


def mask_faults(masks: Iterable[tuple[int, Array | str | None]], boxes: Array | None, sizes: Array) -> list[Faults]:
    """What masks show.

    Args:
        masks: number of the label and its mask, (h, w) in which 0 is outside; or why it cannot be read; None for none.
        boxes: (m, 4) shares of the image's sides, of masks that are cut to their box; None of masks of whole images.
        sizes: (m, 2) width and height of each one's image in pixels; NaN where not known.
    """
    empty: dict[int, str] = {}
    shaped: dict[int, str] = {}
    off: dict[int, str] = {}
    for number, mask in masks:
        if mask is None:
            continue
        if isinstance(mask, str):
            empty[number] = mask
            continue
        inside: Array = np.asarray(mask != 0)
        if inside.ndim == 3:  # colours stand for classes
            inside = np.asarray(inside.any(axis=2))
        if not inside.any():
            empty[number] = ""
            continue
        height, width = inside.shape
        wide, tall = sizes[number] if boxes is None else sizes[number] * boxes[number, 2:]
        if boxes is None:
            if np.isfinite(wide) and (width, height) != (int(wide), int(tall)):
                shaped[number] = f"{width} × {height} pixels, and the image has {wide:.0f} × {tall:.0f}"
            continue
        if min(width, height) >= LEAST and np.isfinite(wide) and wide > 0 and tall > 0:
            stretch = (width / wide) / (height / tall)
            if max(stretch, 1 / stretch) > STRETCH:
                shaped[number] = f"{width} × {height} pixels, and the box has {wide:.0f} × {tall:.0f}"
        columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
        reach = (np.ptp(columns) + 1) / width, (np.ptp(rows) + 1) / height
        if min(width, height) >= LEAST and min(reach) < OFF:
            off[number] = f"{reach[0]:.0%} of its width and {reach[1]:.0%} of its height"
    found = {"empty": empty, "wrong_mask_size": shaped, "mask_off_box": off}
    return [Faults(kind, np.array(list(at), dtype=np.int64), list(at.values())) for kind, at in found.items()]
