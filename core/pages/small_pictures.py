"""Small pictures inside a page, so that it can be handed on as one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

from ..base.arrays import Progress
from ..images.reading import UnreadableImage, read_image

SIDE = 96  # pixels


def small_pictures(known: Mapping[str, str], progress: Progress, side: int = SIDE) -> dict[str, str]:
    """Small pictures as data addresses.

    Args:
        known: id → image file, or region of one.
        side: pixels of the longer side, at most.

    Returns:
        id → address; those that cannot be read are left out
    """
    found = {}
    for done, (one, path) in enumerate(known.items(), start=1):
        try:
            picture = read_image(path, enough=side)
        except UnreadableImage:
            continue
        picture.thumbnail((side, side))
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=80)
        found[one] = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        progress(done, len(known), "shrinking pictures")
    return found
