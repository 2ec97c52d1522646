"""TIFF files, of which Pillow reads the plain ones rightly and others wrongly or not at all.

What a file declares (bits, planes, sample format, photometric) decides who decodes it. Of several pages the first is
shown that is no thumbnail of another. Of more than three bands the first three are red, green and blue, and of two the
first is grey. A fourth band is transparency only if it looks like it: geographic writers mark infrared so by default.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array
from .orientation import valid
from .ranges import Numbers

if TYPE_CHECKING:
    from PIL.Image import Image

PAGES = 16  # that are looked through for one that is no thumbnail
LARGEST = 1 << 31  # bytes of a picture with all its bands
MOST_BANDS = 16  # of an array whose rows tifffile wrote as pages
NO_DATA = 42113  # tag of GDAL: the number that stands for a missing one
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, INKS, YCBCR, LAB = 0, 1, 2, 3, 4, 5, 6, 8
MODES = {  # of Pillow, that hold what is declared
    WHITE_IS_ZERO: ("1", "L"),
    BLACK_IS_ZERO: ("1", "L", "LA"),
    RGB: ("RGB", "RGBA", "RGBX"),
    PALETTE: ("P", "PA"),
    INKS: ("CMYK",),
    YCBCR: ("RGB", "YCbCr"),
}
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, INKS: 4, YCBCR: 3}


class NotShown(ValueError):  # noqa: N818 - it reads as what it is
    """A TIFF whose pixels would be shown wrongly, or need a package that is not there."""


def read_tiff(path: str, most_pixels: int, as_numbers: bool = False) -> Numbers | Image:
    """Its picture: numbers, or an upright image of 8 bits.

    Args:
        most_pixels: a larger picture is refused.
        as_numbers: colours that are not compressed may come as numbers, which is faster where few pixels are wanted.

    Raises:
        NotShown: why, after "cannot be read:".
        tifffile.TiffFileError, ValueError, OSError, ...: the file is damaged.
    """
    import tifffile

    with tifffile.TiffFile(path, _multifile=False) as file:
        number, page = _page(file)
        bands = _bands_of_pages(file)
        if bands is not None and bands.size <= most_pixels and bands.nbytes <= LARGEST:
            return _shown(bands.asarray(maxworkers=1), page)
        width, height = int(page.imagewidth), int(page.imagelength)
        if width * height > most_pixels or page.nbytes > LARGEST:
            raise NotShown(
                f"{width} x {height} pixels of {page.samplesperpixel} bands are more than is safe to decode "
                f"({most_pixels:,} pixels, {LARGEST >> 30} GiB)"
            )
        is_plain = as_numbers and int(page.compression) == 1 and int(page.photometric) == RGB
        found = None if is_plain else _by_pillow(path, number, page)
        return found if found is not None else _by_tifffile(page)


def _page(file: Any) -> tuple[int, Any]:
    first: tuple[int, Any] | None = None
    for number, page in enumerate(islice(file.pages, PAGES)):
        page = page.aspage()
        if not page.subfiletype & 1:  # no reduced version of another page
            return number, page
        if first is None or page.imagewidth * page.imagelength > first[1].imagewidth * first[1].imagelength:
            first = number, page
    if first is None:
        raise NotShown("it holds no page")
    return first


def _bands_of_pages(file: Any) -> Any:
    """The series of an array (h, w, bands) that tifffile wrote with a page for each of its rows; else None.

    It does so by default for two bands and for more than four.
    """
    if not file.is_shaped or len(file.pages) < 2:
        return None
    series = file.series[0]
    shape = series.shape
    rows = len(shape) == 3 and len(file.pages) == shape[0] and tuple(file.pages[0].shape) == shape[1:]
    return series if rows and shape[2] <= MOST_BANDS < min(shape[:2]) else None


def _by_pillow(path: str, number: int, page: Any) -> Image | None:
    """The picture as Pillow decodes it, where what it hands over is what the file declares; else None."""
    from PIL import Image, UnidentifiedImageError

    bits = page.bitspersample if isinstance(page.bitspersample, tuple) else (page.bitspersample,)
    photometric = int(page.photometric)
    if max(bits) > 8 or int(page.sampleformat or 1) != 1 or photometric not in MODES:
        return None
    extra = page.samplesperpixel - CHANNELS[photometric]
    if extra not in (0, 1) or (photometric == INKS and extra):
        return None
    with open(path, "rb") as file:  # of a path Pillow maps plain L, RGBA and CMYK into memory, scrambled if turned
        try:
            image = Image.open(file)
        except UnidentifiedImageError:
            return None
        image.seek(number)
        if image.mode not in MODES[photometric]:
            return None
        turn = valid(image.tag_v2.get(274))  # type: ignore[attr-defined]
        exif = image.getexif()  # Pillow turns by this while loading, and it answers with XMP's orientation too
        exif.pop(274, None)
        if turn != 1:
            exif[274] = turn
        image.load()
    if image.mode in ("RGBA", "LA") and not is_transparency(np.asarray(image.getchannel("A"))):
        colours = image.split()[:-1]
        return Image.merge("RGB", colours) if len(colours) == 3 else colours[0]
    return image


def _by_tifffile(page: Any) -> Numbers:
    photometric = int(page.photometric)
    if page.dtype is None or photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, INKS):
        raise NotShown(f"its pixels are {page.photometric.name}, which is not shown yet")
    try:
        values = page.asarray(maxworkers=1)
    except ValueError as error:
        if "imagecodecs" in str(error):
            said = f"its compression {page.compression.name} needs imagecodecs; pip install imagecodecs"
            raise NotShown(said) from None
        raise
    return _shown(_bands_last(values, page), page)


def _shown(values: Array, page: Any) -> Numbers:
    """What is shown of (h, w, bands) numbers that a page of the file describes."""
    photometric = int(page.photometric)
    if values.dtype.kind not in "uif":
        raise NotShown(f"its numbers are {values.dtype}, which have no brightness")
    missing = _missing(values, page)
    bands = values.shape[2]
    clear = None
    if photometric == PALETTE:
        values = _coloured(values[..., 0], page.colormap)
    elif photometric == INKS:
        values = _of_inks(values)
    elif photometric == RGB or bands >= 3:
        if bands == 4 and values.dtype == np.uint8 and page.extrasamples and is_transparency(values[..., 3]):
            clear = values[..., 3]
        values = values[..., :3] if bands >= 3 else values[..., 0]
    else:
        values = values[..., 0]
    orientation = valid(page.tags.valueof(274))
    bits = page.bitspersample
    shown_in = None
    if values.dtype.kind == "u" and isinstance(bits, int) and bits < 8 * values.dtype.itemsize:
        shown_in = (0.0, float(2**bits - 1))
    return Numbers(values, photometric == WHITE_IS_ZERO, missing, orientation, shown_in, clear)


def _bands_last(values: Array, page: Any) -> Array:
    """(h, w, bands), of the first plane of a volume."""
    if page.samplesperpixel == 1:
        values = values[..., None]
    elif int(page.planarconfig) == 2:
        values = np.moveaxis(values, 0, -1)
    while values.ndim > 3:
        values = values[0]
    height, width, bands = values.shape
    if (width, height, bands) != (page.imagewidth, page.imagelength, page.samplesperpixel):
        raise NotShown(
            f"it declares {page.imagewidth} x {page.imagelength} pixels of {page.samplesperpixel} bands, "
            f"and {width} x {height} of {bands} came out"
        )
    return values


def _missing(values: Array, page: Any) -> Array | None:
    """(h, w) bool, where all bands hold the number that GDAL marks as missing; None where none is marked."""
    said = page.tags.valueof(NO_DATA)
    try:
        marked = float(str(said).strip("\x00 ")) if said is not None else np.nan
    except ValueError:
        return None
    return None if np.isnan(marked) else np.asarray((values == marked).all(axis=2))


def _coloured(places: Array, colours: Array | None) -> Array:
    """(h, w, 3) uint16 of a picture that names colours of a table."""
    if colours is None or colours.size == 0:
        raise NotShown("its table of colours has no entries")
    if int(places.max(initial=0)) >= colours.shape[1]:
        raise NotShown(f"it names colour {int(places.max())} of a table of {colours.shape[1]}")
    return np.asarray(np.moveaxis(colours, 0, -1)[places])


def _of_inks(values: Array) -> Array:
    """(h, w, 3) of cyan, magenta, yellow and black, of one number type."""
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    ink = values[..., :4].astype(np.float64) / full
    light = (1 - ink[..., :3]) * (1 - ink[..., 3:])
    return np.asarray((light * full).astype(values.dtype) if values.dtype.kind == "u" else light)


def is_transparency(band: Array) -> bool:
    """Whether a fourth band of 8 bits is transparency: most of it lets all or nothing through, and some nothing.

    Infrared is neither: it takes all values, and hardly ever the two ends.
    """
    solid = int((band == 255).sum())
    return solid > 0 and 2 * (solid + int((band == 0).sum())) >= band.size
