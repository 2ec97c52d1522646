"""Previews: pictures that no browser shows, as every method sees them, in a PNG or JPEG that it does show."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..base.files import new_file
from .formats import HEAD, browser_shows
from .reading import ranges_at, read_image

SMALL = 512 * 512  # pixels up to which a preview is a PNG, which changes none; larger ones are JPEG
QUALITY = 90


def needs_preview(path: str) -> bool:
    """Whether a browser shows the file not at all, or in another range than methods see it; False where it is gone."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    return not browser_shows(head, (ranges_at(path) or {}).get("uint16"))


def write_preview(path: str, folder: Path, side: int) -> Path:
    """Make the preview of a picture, unless it is there: of the same file, in the same range and size.

    Args:
        path: image file, with the ranges of its set.
        folder: to write to; it exists.
        side: pixels of the longer side, at most.

    Returns:
        the preview's file, which appears complete or not at all.

    Raises:
        UnreadableImage: the picture cannot be read.
        OSError: the folder cannot be written to, or the disk is full.
    """
    for there in (folder / f"{_name(path, side)}{suffix}" for suffix in (".png", ".jpg")):
        if there.exists():
            return there
    picture = read_image(path, most=side)
    is_small = picture.width * picture.height <= SMALL
    made = folder / f"{_name(path, side)}{'.png' if is_small else '.jpg'}"
    picture.info.clear()  # what the file said of itself, its colours included, is not true of the preview
    with new_file(made) as part:
        if is_small:
            picture.save(part, "PNG", compress_level=1)
        else:
            picture.save(part, "JPEG", quality=QUALITY)
    return made


def _name(path: str, side: int) -> str:
    """Tells apart what a preview depends on: the file and when it was changed, the ranges and the size."""
    try:
        status = os.stat(path)
        changed = f"{status.st_mtime_ns} {status.st_size}"
    except OSError:
        changed = ""
    said = f"{os.path.abspath(path)}\0{changed}\0{sorted((ranges_at(path) or {}).items())}\0{side}"
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:32]
