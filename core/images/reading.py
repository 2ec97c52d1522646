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

from ..base.arrays import Array
from . import formats
from .orientation import orientation_of, turned_size, upright
from .ranges import Numbers, Ranges, to_8_bits

if TYPE_CHECKING:
    from PIL.Image import Image

S = TypeVar("S")
T = TypeVar("T")

_CUT_SHORT = "the file is cut short"

MAX_PIXELS = 178_956_970  # Pillow's own limit against decompression bombs: 512 MiB of RGB

HIDDEN = 24.0  # grey levels: a drawing nearer to white than this on average is shown on black

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
        ranges: that numbers of more than 8 bits are shown in, those of the set; None for the picture's own.
    """

    box: tuple[float, float, float, float] | None
    ranges: Ranges | None

    def __new__(
        cls, path: str, box: tuple[float, float, float, float] | None = None, ranges: Ranges | None = None
    ) -> Region:
        region = super().__new__(cls, path)
        region.box = box
        region.ranges = ranges
        return region


def box_of(path: str) -> tuple[float, float, float, float] | None:
    """The part of the picture that a path means; None for all of it."""
    return path.box if isinstance(path, Region) else None


def ranges_at(path: str) -> Ranges | None:
    """The ranges of the set that a path was read with; None where none came with it."""
    return path.ranges if isinstance(path, Region) else None


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


def read_image(
    path: str,
    enough: int | None = None,
    decoded: dict[tuple[int, int], Image] | None = None,
    most: int | None = None,
) -> Image:
    """The picture as people see it: the way up that the browser shows it, three channels of 8 bits, first frame.

    Palettes and CMYK become RGB and orientation is obeyed as `core/images/orientation.py` says. Numbers of more than 8
    bits are shown in the range of their set, or in their own (`core/images/ranges.py`). Transparency shows white paper,
    or black where the drawing could not be seen on white; `info["alpha"]` then holds it, an image of mode L.
    `info["full_size"]` holds the upright width and height that the file has, which a reduced decoding does not, and
    `info["format"]` the name of the format.

    Args:
        path: image file, or a region of one, which is cut out after the picture is upright.
        enough: pixels needed on the shorter side. JPEG files are then decoded at 1/2, 1/4 or 1/8 of their size
            as long as both sides keep twice as many pixels, so that resizing can still average.
        decoded: whole pictures of this file by their size, for several regions of it: what is there is not decoded
            again, and what is decoded is added. A region's pixels do not depend on it.
        most: pixels of the longer side, at most: the means of blocks are taken, before colours are made where that is
            faster. Rows and columns that fill no block are left out.

    Raises:
        UnreadableImage: missing, forbidden, cut short, no image, or too large.
    """
    _check_file(path)
    try:
        key, picture = _decoded(path, enough, decoded, most)
    except PermissionError:
        raise UnreadableImage(path, "this user may not read it; change its permissions") from None
    except _DAMAGE as error:
        raise UnreadableImage(path, _why_damaged(error)) from None
    if decoded is not None:
        decoded[key] = picture
    if most is not None and max(picture.size) > most:
        picture = _in_blocks(picture, -(-max(picture.size) // most))
    box = box_of(path)
    return picture if box is None else _cut_out(picture, box)


def read_numbers(path: str) -> Numbers | None:
    """What a file holds before it is made 8 bits; None where it has 8 bits, or cannot be read."""
    from PIL.Image import DecompressionBombError, DecompressionBombWarning

    try:
        _check_file(path)
        with open(path, "rb") as file:
            kind = formats.kind_of(file.read(formats.HEAD))
        found = _of_pillow(path, numbers_only=True) if kind is None else _of_others(path, kind)
    except (UnreadableImage, DecompressionBombError, DecompressionBombWarning, *_DAMAGE):
        return None
    return found if isinstance(found, Numbers) and found.kind != "uint8" else None


def _decoded(
    path: str, enough: int | None, decoded: dict[tuple[int, int], Image] | None, most: int | None
) -> tuple[tuple[int, int], Image]:
    """The whole picture, and its size as decoded, before it is turned."""
    from PIL import Image, UnidentifiedImageError

    with open(path, "rb") as file:
        kind = formats.kind_of(file.read(formats.HEAD))
        file.seek(0)
        try:
            if kind != formats.TIFF:
                with Image.open(file) as image:
                    full = image.size
                    orientation = orientation_of(image)
                    if enough is not None:
                        _decode_less(image, box_of(path), orientation, enough)
                    size = image.size
                    if size[0] * size[1] > MAX_PIXELS:
                        raise UnreadableImage(path, _too_large(*full))
                    if decoded is not None and size in decoded:
                        return size, decoded[size]
                    picture = _shown(_numbers_in(image), path)
                    if orientation == 1 and image.format == "PNG":
                        orientation = orientation_of(image)  # which may stand behind the pixels
                    full = turned_size(full[0], full[1], orientation)
                    return size, _finished(picture, orientation, full, image.format)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise UnreadableImage(path, _too_large()) from None
        except UnidentifiedImageError:
            pass
    if kind is None:
        raise UnreadableImage(path, _why_not_an_image(path))
    found = _of_others(path, kind, most is not None)
    full = found.values.shape[1::-1] if isinstance(found, Numbers) else found.size
    picture = _shown(found, path, most)
    orientation = found.orientation if isinstance(found, Numbers) else 1
    return full, _finished(picture, orientation, turned_size(full[0], full[1], orientation), kind)


def _of_others(path: str, kind: str, reduced: bool = False) -> Numbers | Image:
    """A picture of a kind that Pillow does not read by itself, or not always rightly."""
    if kind == formats.TIFF:
        import tifffile

        from .tiff import NotShown, read_tiff

        try:
            return read_tiff(path, MAX_PIXELS, as_numbers=reduced)
        except NotShown as error:
            raise UnreadableImage(path, str(error)) from None
        except tifffile.TiffFileError as error:
            raise UnreadableImage(path, _why_damaged(error)) from None
    if kind == formats.AVIF or not formats.is_installed(kind):
        raise UnreadableImage(path, formats.needs(kind))
    if kind == formats.DICOM:
        from .dicom import read_dicom

        found = read_dicom(path, MAX_PIXELS)
        if isinstance(found, str):
            raise UnreadableImage(path, found)
        return found
    if kind == formats.HEIF:
        formats.let_pillow_read_heif()
        return _of_pillow(path)
    from imagecodecs import jpegxl_decode

    with open(path, "rb") as file:
        values = np.asarray(jpegxl_decode(file.read(), index=0))
    return Numbers(values[..., :3] if values.ndim == 3 and values.shape[2] > 2 else values.reshape(values.shape[:2]))


def _of_pillow(path: str, numbers_only: bool = False) -> Numbers | Image:
    """A picture that Pillow opens, decoded unless only numbers are wanted; not turned."""
    from PIL import Image

    with Image.open(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableImage(path, _too_large(*image.size))
        found = _numbers_in(image)
        if not isinstance(found, Numbers) and not numbers_only:
            found.load()
        return found


def _numbers_in(image: Image) -> Numbers | Image:
    """The image, or its numbers where they are of more than 8 bits."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)
    if image.mode == "I" and image.format in ("PNG", "PPM", "JPEG2000"):  # 16 bits in 32
        values = values.astype(np.uint16)
    return Numbers(values)


def _shown(found: Numbers | Image, path: str, most: int | None = None) -> Image:
    """Three channels of 8 bits; `info["alpha"]` where something is clear."""
    from PIL import Image as PILImage

    if not isinstance(found, Numbers):
        return _to_rgb(found)
    levels = to_8_bits(found, ranges_at(path))
    if most is not None and found.clear is None and max(levels.shape) > most:
        levels = _means_of_blocks(levels, -(-max(levels.shape) // most))
    picture = PILImage.fromarray(levels).convert("RGB")
    if found.clear is None:
        return picture
    picture.putalpha(PILImage.fromarray(found.clear))
    return _to_rgb(picture)


def _means_of_blocks(levels: Array, side: int) -> Array:
    """(h // side, w // side, ...) uint8; at least one row and one column."""
    import cv2

    height, width = (max(length // side, 1) for length in levels.shape[:2])
    whole = levels[: height * side, : width * side]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def _in_blocks(picture: Image, side: int) -> Image:
    """A picture made smaller by a whole number, with all that is told about it."""
    from PIL import Image as PILImage

    smaller = PILImage.fromarray(_means_of_blocks(np.asarray(picture), side))
    smaller.info.update(picture.info)
    return smaller


def _finished(picture: Image, orientation: int, full_size: tuple[int, int], kind: str | None) -> Image:
    """Turned upright, with what is told about it."""
    alpha = picture.info.get("alpha")
    turned = upright(picture, orientation)
    if alpha is not None:
        turned.info["alpha"] = upright(alpha, orientation)
    turned.info["full_size"], turned.info["format"] = full_size, kind
    return turned


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


def _to_rgb(image: Image) -> Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_a_ground(image.convert("RGBA"))
    return image.convert("RGB")


def _on_a_ground(picture: Image) -> Image:
    """A transparent picture on white, or on black where it is so light that white would hide it."""
    from PIL import Image as PILImage

    alpha = picture.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return picture.convert("RGB")
    light = np.asarray(picture.convert("L").getchannel(0).histogram(alpha.point(lambda level: 255 * (level > 127))))
    share = light / max(int(light.sum()), 1)
    unlike_white = float(share @ np.arange(255, -1, -1))
    ground = "black" if light.any() and unlike_white < HIDDEN else "white"
    shown = PILImage.alpha_composite(PILImage.new("RGBA", picture.size, ground), picture).convert("RGB")
    shown.info["alpha"] = alpha
    return shown


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
