"""Which files are pictures, and which package decodes each kind."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

_BY_PILLOW = (
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .gif .bmp .dib .webp .avif .ico .tga .qoi .pcx .psd "
    ".ppm .pgm .pbm .pnm .pfm .jp2 .j2k .j2c .jpc .jpx .jpf"
)
_BY_TIFFFILE = ".tif .tiff .btf .lsm"
_BY_OTHERS = ".heic .heif .hif .dcm .dicom .jxl"

SUFFIXES = frozenset(" ".join((_BY_PILLOW, _BY_TIFFFILE, _BY_OTHERS)).split())
"""Endings, in lower case, of the files that `read_image` reads, or names the package to read with."""

BROWSER = frozenset(("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "WEBP", "AVIF", "ICO"))
"""Formats, as Pillow names them, that the App's browser shows; all others need a preview."""

FULL_RANGE = (0.0, 65535.0)  # that a browser shows grey of 16 bits in

TIFF, DICOM, HEIF, JXL, AVIF = "TIFF", "DICOM", "HEIF", "JPEG XL", "AVIF"
PACKAGES = {HEIF: "pillow-heif", DICOM: "pydicom", JXL: "imagecodecs"}  # what `pip install` reads a kind with
_MODULES = {HEIF: "pillow_heif", DICOM: "pydicom", JXL: "imagecodecs"}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


HEAD = 132  # bytes of a file that tell its kind


def kind_of(head: bytes) -> str | None:
    """What a file's first 132 bytes tell, for the kinds that Pillow does not read or not always rightly."""
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return TIFF
    if head[128:132] == b"DICM":
        return DICOM
    if head[4:8] == b"ftyp":
        return AVIF if head[8:12] in (b"avif", b"avis") else HEIF if head[8:12] in _HEIF_BRANDS else None
    if head[:2] == b"\xff\x0a" or head[4:12] == b"JXL \r\n\x87\n":
        return JXL
    return None


def browser_shows(head: bytes, grey_range: tuple[float, float] | None = None) -> bool:
    """Whether the App's browser shows a picture as `read_image` reads it, from the file's first 26 bytes.

    Args:
        grey_range: that grey of 16 bits is read in; None for all of it. A browser cannot show it in another.
    """
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        is_deep_grey = head[24:26] == b"\x10\x00"
        return not is_deep_grey or grey_range in (None, FULL_RANGE)
    starts = (b"\xff\xd8\xff", b"GIF8", b"BM", b"\x00\x00\x01\x00")
    return head.startswith(starts) or head[8:12] in (b"WEBP", b"avif", b"avis")


def is_installed(kind: str) -> bool:
    """Whether the package that reads this kind is there."""
    return find_spec(_MODULES[kind]) is not None


def needs(kind: str) -> str:
    """Why a file of a kind that Pillow does not read cannot be read here, and what to install."""
    if kind == AVIF:
        return "it is an AVIF picture, and this Pillow cannot read it; pip install -U pillow"
    return f"it is a {kind} picture, which needs {PACKAGES[kind]}; pip install {PACKAGES[kind]}"


def let_pillow_read_heif() -> bool:
    """Teach Pillow to open HEIF files, where the package for it is installed."""
    if not is_installed(HEIF):
        return False
    import_module("pillow_heif").register_heif_opener()
    return True
