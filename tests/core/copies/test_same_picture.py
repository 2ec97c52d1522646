"""One picture in many files is one picture, by the digest of its pixels; another transparency makes it another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_curation.core.images.pixels import look_at
from image_curation.core.images.reading import read_image
from PIL import Image

COLOUR = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
GREY = COLOUR[..., 0]
ALPHA = np.full(GREY.shape, 255, np.uint8)
HALF = ALPHA.copy()
HALF[:20, :30] = 128
CLEAR = np.dstack([COLOUR, HALF])
UPRIGHT_BY_TURNING, TURNED = 6, Image.Transpose.ROTATE_90


def digest(path: Path) -> bytes:
    return look_at(read_image(str(path))).digest


def saved(path: Path, pixels: np.ndarray, turned: bool = False, **options: object) -> bytes:
    """The digest of a picture as a file of its own; `turned` is stored on its side, and says so in its EXIF."""
    image = Image.fromarray(pixels)
    if turned:
        exif = Image.Exif()
        exif[0x0112] = UPRIGHT_BY_TURNING
        image, options = image.transpose(TURNED), {"exif": exif}
    image.save(path, **options)
    return digest(path)


@pytest.mark.parametrize(
    ("pixels", "ending", "turned", "options"),
    [
        (COLOUR, "bmp", False, {}),
        (COLOUR, "tif", False, {}),
        (COLOUR, "tif", False, {"compression": "tiff_lzw"}),
        (COLOUR, "webp", False, {"lossless": True}),
        (COLOUR, "png", True, {}),
        (COLOUR, "tif", True, {}),
        (np.dstack([COLOUR, ALPHA]), "png", False, {}),
        (GREY, "tif", False, {}),
        (GREY, "tif", True, {}),
        (np.dstack([GREY] * 3), "png", False, {}),
        (GREY.astype(np.uint16) * 257, "png", False, {}),
        (GREY.astype(np.uint16) * 257, "tif", False, {}),
        (CLEAR, "tif", False, {}),
        (CLEAR, "webp", False, {"lossless": True, "exact": True}),
        (CLEAR, "png", True, {}),
        (CLEAR, "tif", True, {}),
    ],
)
def test_look_at__one_picture_in_many_files(
    tmp_path: Path, pixels: np.ndarray, ending: str, turned: bool, options: dict[str, object]
) -> None:
    plain = GREY if pixels.ndim == 2 or (pixels[..., 0] == pixels[..., 1]).all() else COLOUR
    plain = CLEAR if pixels is CLEAR else plain
    assert saved(tmp_path / f"other.{ending}", pixels, turned, **options) == saved(tmp_path / "plain.png", plain)


@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_look_at__other_byte_orders(tmp_path: Path, photometric: str) -> None:
    tifffile = pytest.importorskip("tifffile")
    grey = photometric == "minisblack"
    pixels = GREY.astype(np.uint16) * 257 if grey else COLOUR
    for order in "<>":
        tifffile.imwrite(tmp_path / "other.tif", pixels, byteorder=order, photometric=photometric)
        assert digest(tmp_path / "other.tif") == saved(tmp_path / "plain.png", GREY if grey else COLOUR)


def test_look_at__another_transparency_is_another_picture(tmp_path: Path) -> None:
    """Also where both look the same on white: half transparent black, and grey that nothing shows through."""
    clear = np.dstack([np.zeros_like(COLOUR), HALF])
    shown = np.asarray(Image.alpha_composite(Image.new("RGBA", (64, 48), "white"), Image.fromarray(clear)))
    pictures = [COLOUR, CLEAR, np.dstack([COLOUR, HALF // 2]), clear, shown[..., :3]]
    assert len({saved(tmp_path / f"{row}.png", one) for row, one in enumerate(pictures)}) == len(pictures)
