"""Reads image files of every odd kind into plain RGB, and says in one sentence why a file cannot be read."""

from __future__ import annotations

import math
import os
import stat
import struct
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

S = TypeVar("S")
T = TypeVar("T")

_CUT_SHORT = "the file is cut short"

MAX_PIXELS = 178_956_970  # Pillow's own limit against decompression bombs: 512 MiB of RGB

# What Pillow's decoders raise on damaged files; found by flipping bytes in every common format.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    ZeroDivisionError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)


class Region(str):
    """A part of an image file: its path, with the box that is meant. Wherever a path is read, a region may stand.

    Attributes:
        box: left, top, right, bottom as shares of the upright picture's sides, inside [0, 1]; None for all of it.
    """

    box: tuple[float, float, float, float] | None

    def __new__(cls, path: str, box: tuple[float, float, float, float] | None = None) -> Region:
        region = super().__new__(cls, path)
        region.box = box
        return region


def box_of(path: str) -> tuple[float, float, float, float] | None:
    """The part of the picture that a path means; None for all of it."""
    return path.box if isinstance(path, Region) else None


class UnreadableImage(Exception):  # noqa: N818 - it reads as what it is
    """A file that does not yield a picture: `broken.jpg cannot be read: the file is cut short`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{os.path.basename(path) or path} cannot be read: {reason}")
        self.path = path
        self.reason = reason

    @property
    def is_cut_short(self) -> bool:
        """Whether the file begins as an image and ends too early."""
        return self.reason.startswith(_CUT_SHORT)


def read_image(path: str, enough: int | None = None, decoded: dict[tuple[int, int], Image] | None = None) -> Image:
    """The picture as people see it: upright, three channels of 8 bits, first frame.

    Palettes and CMYK become RGB, transparency shows white paper, 16-bit grey is scaled by its full range and
    orientation tags are obeyed. `info["full_size"]` holds the upright width and height that the file has, which a
    reduced decoding does not.

    Args:
        path: image file, or a region of one, which is cut out after the picture is upright.
        enough: pixels needed on the shorter side. JPEG files are then decoded at 1/2, 1/4 or 1/8 of their size
            as long as both sides keep twice as many pixels, so that resizing can still average.
        decoded: whole pictures of this file by their size, for several regions of it: what is there is not decoded
            again, and what is decoded is added. A region's pixels do not depend on it.

    Raises:
        UnreadableImage: missing, forbidden, cut short, no image, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    _check_file(path)
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadableImage(path, _too_large(width, height))
            orientation = _orientation(image)
            if enough is not None:
                _decode_less(image, box_of(path), orientation, enough)
            size = image.size
            upright = decoded.get(size) if decoded is not None else None
            if upright is None:
                upright = _upright(_to_rgb(image), orientation)
                upright.info["full_size"] = (height, width) if orientation >= 5 else (width, height)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImage(path, _too_large()) from None
    except UnidentifiedImageError:
        raise UnreadableImage(path, _why_not_an_image(path)) from None
    except PermissionError:
        raise UnreadableImage(path, "this user may not read it; change its permissions") from None
    except _DAMAGE as error:
        raise UnreadableImage(path, _why_damaged(error)) from None
    if decoded is not None:
        decoded[size] = upright
    box = box_of(path)
    return upright if box is None else _cut_out(upright, box)


def read_images(
    paths: Sequence[str],
    prepare: Callable[[Image], T],
    *,
    enough: int | None = None,
    workers: int | None = None,
) -> Iterator[T | UnreadableImage]:
    """Read many files in threads, in order; a file that cannot be read yields its `UnreadableImage`.

    Args:
        paths: (n,) image files.
        prepare: what to make of each picture, called in the reading thread.
        enough: as in `read_image`.
        workers: threads; one per core when None. Pillow decodes outside the interpreter's lock, so they run at once.

    Yields:
        n items: `prepare(image)` or the exception, item i for path i. At most 8 per thread wait in memory.
    """

    def one(path: str) -> T | UnreadableImage:
        try:
            return prepare(read_image(path, enough))
        except UnreadableImage as error:
            return error

    return in_order(one, paths, workers or os.cpu_count() or 1)


def in_order(
    work: Callable[[S], T], items: Iterable[S], workers: int, ahead: int | None = None
) -> Generator[T, None, None]:
    """Call `work` on many items in threads, in order. Abandoned, it ends its threads.

    Args:
        items: read as they are needed, never all at once.
        ahead: results that may wait to be taken; 8 per thread when None.

    Yields:
        `work(item)` of each item.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="read_images") as pool:
        waiting: deque[Future[T]] = deque(pool.submit(work, item) for item in islice(remaining, ahead or 8 * workers))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(remaining, 1))
        finally:
            for future in waiting:
                future.cancel()


def _decode_less(image: Image, box: tuple[float, float, float, float] | None, orientation: int, enough: int) -> None:
    """Tell the JPEG decoder to give at most what keeps twice `enough` pixels on both sides of what is wanted."""
    width, height = image.size
    if box is None:
        if min(width, height) >= 4 * enough:
            image.draft(None, (2 * enough, 2 * enough))
        return
    left, top, right, bottom = box
    across, down = (bottom - top, right - left) if orientation >= 5 else (right - left, bottom - top)
    shorter = min(across * width, down * height)
    if shorter >= 4 * enough:
        share = 2 * enough / shorter
        image.draft(None, (math.ceil(share * width), math.ceil(share * height)))


def _cut_out(picture: Image, box: tuple[float, float, float, float]) -> Image:
    """The part of a picture, of at least one pixel; `full_size` is that of the part."""
    left, top, right, bottom = box
    pixels = (*_span(left, right, picture.width), *_span(top, bottom, picture.height))
    width, height = picture.info["full_size"]
    part = picture.crop((pixels[0], pixels[2], pixels[1], pixels[3]))
    across, down = _span(left, right, width), _span(top, bottom, height)
    part.info["full_size"] = (across[1] - across[0], down[1] - down[0])
    return part


def _span(low: float, high: float, side: int) -> tuple[int, int]:
    """First pixel and the one after the last that a share of a side touches; floats of a box are forgiven 1e-6."""
    first = min(max(math.floor(low * side + 1e-6), 0), side - 1)
    return first, max(min(math.ceil(high * side - 1e-6), side), first + 1)


def _check_file(path: str) -> None:
    """Refuse what is no regular file: opening a pipe would wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise UnreadableImage(path, "there is no such file") from None
    except PermissionError:
        raise UnreadableImage(path, "this user may not enter its folder") from None
    except (OSError, ValueError) as error:
        raise UnreadableImage(path, f"the path does not work ({error})") from None
    if stat.S_ISDIR(mode):
        raise UnreadableImage(path, "it is a folder")
    if not stat.S_ISREG(mode):
        raise UnreadableImage(path, "it is not a regular file")


def _orientation(image: Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or the tags are damaged, for the picture itself is fine."""
    try:
        value = image.getexif().get(0x0112, 1)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image, orientation: int) -> Image:
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


def _to_rgb(image: Image) -> Image:
    from PIL import Image as PILImage

    if image.mode.startswith(("I", "F")):
        return PILImage.fromarray(_grey_to_8_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        picture = image.convert("RGBA")
        paper = PILImage.new("RGBA", picture.size, "white")
        return PILImage.alpha_composite(paper, picture).convert("RGB")
    return image.convert("RGB")


def _grey_to_8_bits(grey: np.ndarray) -> np.ndarray:
    """(h, w) grey of 16 or 32 bits or floats → uint8.

    16 bits are scaled by their full range, so that one brightness is one value in the whole set; wider
    integers and floats, which have no range of their own, from their darkest to their brightest pixel.
    """
    values = np.nan_to_num(grey.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(grey.dtype, np.integer) and low >= 0 and high <= 65535:
        low, high = 0.0, 255.0 if high <= 255 and grey.dtype.itemsize > 2 else 65535.0
    span = (high - low) or 1.0
    return np.asarray(np.rint((values - low) * (255.0 / span)), dtype=np.uint8)


def _too_large(width: int = 0, height: int = 0) -> str:
    size = f"{width} x {height} pixels are" if width else "it has"
    return f"{size} more than the {MAX_PIXELS:,} pixels that are safe to decode"


def _why_not_an_image(path: str) -> str:
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty"
    if all(byte in b"\t\n\r\f\b" or byte >= 32 for byte in head) and b"\x00" not in head:
        return "it is text, not an image"
    return "it is not an image of a known format"


def _why_damaged(error: BaseException) -> str:
    said = str(error).strip().split("\n")[0] or type(error).__name__
    if "truncated" in said.lower() or isinstance(error, EOFError):
        return f"{_CUT_SHORT} ({said})"
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    return f"the file is damaged ({said})"
