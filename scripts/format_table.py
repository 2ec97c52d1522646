"""The table of formats on `docs/reference/formats.md`: small pictures are written, read, and compared with the truth.

Every picture shows the same: red and green above, blue and white below. What a browser shows is compared with Chromium
by `tests/core/images/test_format_table.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from image_curation.core.images.formats import DICOM, HEIF, JXL, PACKAGES
from image_curation.core.images.reading import UnreadableImage, read_image
from PIL import Image, ImageCms

BACK = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation → Pillow's transposition that undoes it
TURNED = range(1, 9)
LOSSY = 40  # levels that a lossy file may differ by; others by 1
CHROMIUM = "as Chromium shows it"
OWN_RULES = {HEIF: "turned by its own rule", JXL: "turned by its own rule", DICOM: "the first frame, in its window"}
Writer = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One picture.

    Attributes:
        kind: its format.
        what: its mode.
        ending: of the file.
        orientation: that the file holds.
        write: makes the file.
        grey: it holds no colours.
        stored: it is shown as it is stored, whatever its orientation.
        rule: how it is read where no browser shows it; "" for as Chromium does.
        refused: it cannot be read.
    """

    kind: str
    what: str
    ending: str
    orientation: int
    write: Writer
    grey: bool = False
    stored: bool = False
    rule: str = ""
    refused: bool = False

    @property
    def by_browser(self) -> bool:
        """Whether Chromium shows it."""
        return not self.rule and not self.refused


def scene() -> Image.Image:
    """96 x 64: red, green / blue, white."""
    tiles = np.array([[[220, 20, 20], [20, 200, 20]], [[30, 30, 220], [255, 255, 255]]], np.uint8)
    return Image.fromarray(tiles.repeat(32, axis=0).repeat(48, axis=1))


def as_stored(orientation: int) -> Image.Image:
    """As a camera held otherwise stores it."""
    back = BACK.get(orientation)
    return scene() if back is None else scene().transpose(Image.Transpose(back))


def cases() -> Iterator[Case]:
    """Every picture of the table."""
    yield from _by_browsers()
    yield from _tiffs()
    yield from _others()
    yield from _refused()


def seen(case: Case, folder: Path) -> str:
    """What reading the picture gives, checked: "read", or the sentence that refuses it.

    Raises:
        ValueError: it is read wrongly.
    """
    path = folder / f"picture.{case.ending}"
    case.write(path)
    try:
        found = np.asarray(read_image(str(path)), np.int16)
    except UnreadableImage as error:
        _check(case.refused, f"{case}: {error}")
        return f"refused: {error.reason}"
    _check(not case.refused, f"{case} is read")
    right = as_stored(case.orientation) if case.stored else scene()
    wanted = np.asarray((right.convert("L") if case.grey else right).convert("RGB"), np.int16)
    _check(found.shape == wanted.shape, f"{case}: {found.shape}")
    lossy = case.ending in ("jpg", "avif") or "lossy" in case.what or "JPEG" in case.what
    differs = np.abs(found - wanted)
    most = float(np.quantile(differs, 0.97)) if lossy else float(differs.max())
    _check(most <= (LOSSY if lossy else 1), f"{case}: {most} levels off")
    return "read"


def _check(holds: bool, else_said: str) -> None:
    if not holds:
        raise ValueError(else_said)


def page() -> str:
    """The rows of the table, and the packages for the rest."""
    lines = ["| format | mode | orientation | result | shown |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for case in cases():
            way = "" if case.refused else case.rule or CHROMIUM
            lines.append(f"| {case.kind} | {case.what} | {case.orientation} | {seen(case, Path(folder))} | {way} |")
    lines += [
        f"| {kind} | all | all | needs `pip install {package}`; refused with that sentence where it is missing | "
        f"{OWN_RULES[kind]} |"
        for kind, package in sorted(PACKAGES.items())
    ]
    return "\n".join(lines)


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return bytes(exif.tobytes())


def _saved(orientation: int = 1, mode: str = "RGB", **options: Any) -> Writer:
    def write(path: Path) -> None:
        image = as_stored(orientation)
        if mode == "P":
            image = image.quantize(16)
        elif mode in ("L", "LA"):
            image = image.convert("L").convert(mode)
        else:
            image = image.convert(mode)
        told: dict[str, Any] = {"exif": _exif(orientation)} if orientation != 1 else {}
        image.save(path, **told, **options)

    return write


def _by_browsers() -> Iterator[Case]:
    for number in TURNED:
        yield Case("JPEG", "RGB", "jpg", number, _saved(number, quality=95))
    yield Case("JPEG", "grey", "jpg", 1, _saved(mode="L", quality=95), grey=True)
    yield Case("JPEG", "RGB, progressive", "jpg", 6, _saved(6, quality=95, progressive=True))
    yield Case("JPEG", "RGB with a profile (sRGB)", "jpg", 1, _saved(quality=95, icc_profile=_srgb()))
    for number in TURNED:
        yield Case("PNG", "RGB", "png", number, _saved(number))
    yield Case("PNG", "grey", "png", 1, _saved(mode="L"), grey=True)
    yield Case("PNG", "grey, 16 bits, over all of them", "png", 1, _deep_png, grey=True)
    yield Case("PNG", "grey with transparency", "png", 6, _saved(6, "LA"), grey=True)
    yield Case("PNG", "palette", "png", 1, _saved(mode="P"))
    yield Case("PNG", "RGB with transparency", "png", 1, _saved(mode="RGBA"))
    for number in (1, 3, 6):
        yield Case("WebP", "RGB", "webp", number, _saved(number, lossless=True), stored=True)
    yield Case("WebP", "RGB, lossy", "webp", 1, _saved(quality=95))
    yield Case("WebP", "RGB with transparency", "webp", 1, _saved(mode="RGBA", lossless=True))
    for number in (1, 3, 6, 8):
        yield Case("AVIF", "RGB", "avif", number, _saved(number, quality=95))
    yield Case("GIF", "palette", "gif", 1, _saved(mode="P"))
    yield Case("GIF", "palette, animated: the first frame", "gif", 1, _moving)
    yield Case("BMP", "RGB", "bmp", 1, _saved())
    yield Case("BMP", "grey", "bmp", 1, _saved(mode="L"), grey=True)
    yield Case("BMP", "palette", "bmp", 1, _saved(mode="P"))


def _tiffs() -> Iterator[Case]:
    rgb, grey = np.asarray(scene()), np.asarray(scene().convert("L"))
    deep = grey.astype(np.uint16) * 257
    for number in TURNED:
        yield Case("TIFF", "RGB", "tif", number, _saved(number), rule="turned by its tag, once")
    for packing in ("tiff_lzw", "tiff_deflate", "packbits"):
        name = packing.replace("tiff_", "").upper()
        yield Case("TIFF", f"RGB, {name}", "tif", 6, _saved(6, compression=packing), rule="turned by its tag, once")
    yield Case("TIFF", "RGB, JPEG inside", "tif", 1, _saved(compression="jpeg"), rule="as the JPEG is")
    yield Case("TIFF", "grey", "tif", 1, _saved(mode="L"), grey=True, rule="as stored")
    yield Case("TIFF", "palette", "tif", 1, _saved(mode="P"), rule="the colours of its table")
    yield Case(
        "TIFF", "RGB with transparency", "tif", 1, _saved(mode="RGBA"), rule="on white, or black if that hides it"
    )
    full, unit = "0 to 65,535, or the range of the set", "0 to 1, or the range of the set"
    plain: dict[str, tuple[Any, dict[str, Any], str]] = {
        "grey, 16 bits": (deep, {}, full),
        "grey, 16 bits, white is 0": (65535 - deep, {"photometric": "miniswhite"}, f"{full}; white is low"),
        "grey, 16 bits, big-endian": (deep, {"byteorder": ">"}, full),
        "grey, signed, 8 bits": ((grey.astype(np.int16) - 128).astype(np.int8), {}, "-128 to 127"),
        "grey, floats of 16 bits": ((grey / 255).astype(np.float16), {}, unit),
        "grey, floats of 32 bits": ((grey / 255).astype(np.float32), {}, unit),
        "grey, floats of 64 bits": ((grey / 255).astype(np.float64), {}, unit),
    }
    for what, (values, options, rule) in plain.items():
        yield Case("TIFF", what, "tif", 1, _array(values, **options), grey=True, rule=rule)
    yield Case("TIFF", "grey, tiled", "tif", 1, _array(deep, tile=(32, 32)), grey=True, rule=full)
    yield Case("TIFF", "grey, BigTIFF", "tif", 1, _array(deep, bigtiff=True), grey=True, rule=full)
    planes = np.moveaxis(rgb, 2, 0).astype(np.uint16) * 257
    yield Case("TIFF", "RGB, 16 bits", "tif", 1, _array(rgb.astype(np.uint16) * 257, photometric="rgb"), rule=full)
    yield Case(
        "TIFF",
        "RGB, 16 bits, in planes",
        "tif",
        1,
        _array(planes, photometric="rgb", planarconfig="separate"),
        rule=full,
    )
    floats = _array((rgb / 255).astype(np.float32), photometric="rgb")
    yield Case("TIFF", "RGB, floats", "tif", 1, floats, rule=unit)
    infrared = np.concatenate([rgb, np.full((64, 96, 1), 64, np.uint8)], axis=2)
    fourth = _array(infrared, photometric="rgb", extrasamples=["unassalpha"])
    yield Case(
        "TIFF", "RGB and infrared", "tif", 1, fourth, rule="the first three bands; the fourth is no transparency"
    )
    bands = np.concatenate([planes, planes[:2]])
    five = _array(bands, photometric="minisblack", planarconfig="separate")
    yield Case("TIFF", "five bands of 16 bits", "tif", 1, five, rule="the first three bands")
    yield Case("TIFF", "two pages", "tif", 1, _pages, rule="the first page")
    yield Case(
        "TIFF", "a thumbnail before the picture", "tif", 1, _thumbnail_first, rule="the first that is no thumbnail"
    )


def _others() -> Iterator[Case]:
    yield Case("JPEG 2000", "RGB", "jp2", 1, _saved(irreversible=False), rule="as stored")
    yield Case("JPEG 2000", "grey", "jp2", 1, _saved(mode="L", irreversible=False), grey=True, rule="as stored")
    yield Case("PPM", "RGB", "ppm", 1, _saved(), rule="as stored")
    yield Case("PGM", "grey", "pgm", 1, _saved(mode="L"), grey=True, rule="as stored")
    yield Case("TGA", "RGB", "tga", 1, _saved(), rule="as stored")
    yield Case("TGA", "grey", "tga", 1, _saved(mode="L"), grey=True, rule="as stored")
    yield Case("PCX", "RGB", "pcx", 1, _saved(), rule="as stored")
    yield Case("QOI", "RGB", "qoi", 1, _saved(), rule="as stored")


def _refused() -> Iterator[Case]:
    def cut(path: Path) -> None:
        _saved()(path)
        path.write_bytes(path.read_bytes()[:150])

    waves = _array(np.ones((64, 96), np.complex64))
    yield Case("TIFF", "complex numbers", "tif", 1, waves, refused=True)
    yield Case("PNG", "cut short", "png", 1, cut, refused=True)
    yield Case("any", "empty", "jpg", 1, lambda path: path.write_bytes(b""), refused=True)
    yield Case("any", "text", "jpg", 1, lambda path: path.write_text("no picture"), refused=True)


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _deep_png(path: Path) -> None:
    Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257).save(path)


def _moving(path: Path) -> None:
    scene().quantize(16).save(path, save_all=True, append_images=[Image.new("RGB", (96, 64)).quantize(16)])


def _array(values: Any, **options: Any) -> Writer:
    return lambda path: tifffile.imwrite(path, values, **options)


def _pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(np.asarray(scene()), photometric="rgb")
        file.write(np.zeros((64, 96, 3), np.uint8), photometric="rgb")


def _thumbnail_first(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(np.zeros((8, 12, 3), np.uint8), photometric="rgb", subfiletype=1)
        file.write(np.asarray(scene()), photometric="rgb")
