"""One rule for which way up a picture is: as the App's browser shows it.

Chromium turns JPEG and PNG by the orientation in their EXIF data, and AVIF by its own turn and mirror; it shows WebP
and GIF as they are stored, and obeys no orientation in XMP. TIFF, which browsers do not show, is turned by its tag, and
HEIF and JPEG XL by their own. Pixels, sizes, boxes, crops and previews all follow this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

TAG = 0x0112  # of EXIF and TIFF
AS_STORED = frozenset(("WEBP", "GIF"))


def orientation_of(image: Image) -> int:
    """1 to 8, as EXIF counts them, of an opened file; 1 where it has none, or the tags are damaged.

    Pillow's `getexif` would answer with XMP's orientation too.
    """
    from PIL import Image as PILImage

    stored = image.info.get("exif")
    if not stored or image.format in AS_STORED:
        return 1
    exif = PILImage.Exif()
    try:
        exif.load(stored)
        return valid(exif.get(TAG))
    except Exception:  # noqa: BLE001 - whatever the damage to the tags, the picture itself is fine
        return 1


def valid(value: object) -> int:
    """The orientation that a tag holds; 1 for nonsense."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turned_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height once the picture is upright."""
    return (height, width) if orientation >= 5 else (width, height)


def upright(image: Image, orientation: int) -> Image:
    """The picture turned by its orientation."""
    from PIL.Image import Transpose

    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)
