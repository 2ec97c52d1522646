"""TIFF files as industry, medicine, microscopes and satellites write them: read rightly or refused, never wrongly."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from image_curation.core.images.reading import UnreadableImage, read_image
from PIL import Image

H, W = 48, 64
GREY = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
COLOUR = np.stack([GREY, GREY[:, ::-1], np.full_like(GREY, 90)], axis=2)


def seen(path: Path, values: np.ndarray, **options: Any) -> np.ndarray:
    tifffile.imwrite(path, values, **options)
    return np.asarray(read_image(str(path))).astype(int)


GREYS = {
    "uint16": GREY.astype(np.uint16) * 257,
    "uint32": GREY.astype(np.uint32) * 16_843_009,
    "int8": (GREY.astype(np.int16) - 128).astype(np.int8),
    "int16": (GREY.astype(np.int16) - 100) * 100,
    "float16": (GREY / 255).astype(np.float16),
    "float32": (GREY / 255).astype(np.float32),
    "float64": GREY / 255,
}


@pytest.mark.parametrize("kind", GREYS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_read_image__grey_of_each_number_type(tmp_path: Path, kind: str, order: str, compression: str | None) -> None:
    found = seen(tmp_path / "a.tif", GREYS[kind], byteorder=order, compression=compression)
    if kind == "int16":  # -10000 to 15500, shown from -10000 to 20000
        assert np.abs(found[..., 0] - (GREY * 100.0) / 30_000 * 255).max() <= 1
    else:
        assert np.abs(found - GREY[..., None]).max() <= 1


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_read_image__colours(tmp_path: Path, kind: str, planes: str) -> None:
    values = {"uint8": COLOUR, "uint16": COLOUR.astype(np.uint16) * 257, "float32": (COLOUR / 255).astype(np.float32)}
    stored = values[kind] if planes == "contig" else np.moveaxis(values[kind], 2, 0)
    assert np.abs(seen(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planes) - COLOUR).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_read_image__white_is_zero(tmp_path: Path, bits: int) -> None:
    stored = 255 - GREY if bits == 8 else 65_535 - GREY.astype(np.uint16) * 257
    assert np.abs(seen(tmp_path / "a.tif", stored, photometric="miniswhite") - GREY[..., None]).max() <= 1


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_read_image__infrared_is_no_transparency(tmp_path: Path, compression: str | None) -> None:
    infrared = np.random.default_rng(0).integers(20, 200, (H, W, 1)).astype(np.uint8)
    stored = np.concatenate([COLOUR, infrared], axis=2)
    found = seen(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unassalpha"], compression=compression)
    assert np.array_equal(found, COLOUR)


def test_read_image__transparency_of_a_drawing_is(tmp_path: Path) -> None:
    clear = np.zeros((H, W, 1), np.uint8)
    clear[:, : W // 2] = 255
    stored = np.concatenate([COLOUR // 2, clear], axis=2)
    found = seen(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(found[:, : W // 2], COLOUR[:, : W // 2] // 2)
    assert (found[:, W // 2 :] == 255).all()


@pytest.mark.parametrize("bands", [2, 3, 5, 8])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_read_image__bands(tmp_path: Path, bands: int, planes: str) -> None:
    """The first three are red, green and blue; of two the first is grey."""
    all_bands = np.concatenate([COLOUR.astype(np.uint16) * 257] * 3, axis=2)[..., :bands]
    stored = all_bands if planes == "contig" else np.moveaxis(all_bands, 2, 0)
    found = seen(
        tmp_path / "a.tif",
        stored,
        photometric="minisblack",
        planarconfig=planes,
        extrasamples=["unspecified"] * (bands - 1),
    )
    assert np.abs(found - (COLOUR if bands > 2 else GREY[..., None])).max() <= 1


@pytest.mark.parametrize("bands", [2, 5, 8])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_read_image__bands_whose_rows_are_pages(tmp_path: Path, bands: int, kind: str) -> None:
    """tifffile writes an array (h, w, bands) so when it is not told otherwise."""
    stored = np.stack([COLOUR[..., band % 3] for band in range(bands)], axis=2).astype(kind)
    expected = COLOUR if bands > 2 else GREY[..., None]
    found = seen(tmp_path / "a.tif", stored * (257 if kind == "uint16" else 1))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == H
    assert np.abs(found - expected).max() <= 1


def test_read_image__a_stack_of_narrow_slices_is_a_stack(tmp_path: Path) -> None:
    stack = np.zeros((20, 40, 30), np.uint8)
    stack[0] = 200
    assert seen(tmp_path / "a.tif", stack).shape[:2] == (40, 30)


def test_read_image__nan_and_gdal_no_data_are_left_out(tmp_path: Path) -> None:
    height = GREY / 255 * 300 + 1_000
    for missing in (np.nan, -9999.0):
        stored = height.astype(np.float32)
        stored[10:14, 10:30] = missing
        tags = [] if np.isnan(missing) else [(42113, "s", 0, "-9999", True)]
        found = seen(tmp_path / "a.tif", stored, extratags=tags)
        there = np.isfinite(stored) & (stored != -9999)
        assert np.abs(found[..., 0] - GREY)[there].max() <= 1
        assert (found[~there] == 0).all()


def test_read_image__thumbnail_page_is_not_the_picture(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY[::4, ::4].copy(), subfiletype=1)
        file.write(GREY)
    image = read_image(str(tmp_path / "a.tif"))
    assert image.size == image.info["full_size"] == (W, H)


@pytest.mark.slow
def test_read_image__thousands_of_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number in range(2_000):
            file.write(np.full((4, 4), number % 200, np.uint8), contiguous=False)
    assert read_image(str(tmp_path / "a.tif")).getpixel((0, 0)) == (0, 0, 0)


def test_read_image__palette_of_16_bits(tmp_path: Path) -> None:
    table = np.zeros((3, 256), np.uint16)
    table[0], table[1] = np.arange(256) * 257, 65_535 - np.arange(256) * 257
    found = seen(tmp_path / "a.tif", GREY, photometric="palette", colormap=table)
    assert np.abs(found - np.stack([GREY, 255 - GREY, 0 * GREY], axis=2).astype(int)).max() <= 1


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["uint16", "float32", "uint8"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_read_image__cut_and_damaged(tmp_path: Path, kind: str, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    noise = np.random.default_rng(0).integers(0, 255, (H, W)).astype(kind)
    tifffile.imwrite(path, noise, compression=compression)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImage, match="cut short|damaged"):
        read_image(str(path))
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(len(damaged), size=3)] = rng.integers(256)
        damaged[rng.integers(300, size=2)] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(damaged) // 2, len(damaged) + 1)].tobytes())
        with suppress(UnreadableImage):
            assert read_image(str(path)).mode == "RGB"


def test_read_image__size_that_no_memory_holds(tmp_path: Path) -> None:
    """A file of a few bytes that declares 60,000 x 60,000 pixels of 16 bits."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint16))
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[name].overwrite(60_000)
    with pytest.raises(UnreadableImage, match="more than .* safe to decode"):
        read_image(str(path))


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
def test_read_image__what_needs_a_package_says_which(tmp_path: Path) -> None:
    Image.fromarray(GREYS["uint16"]).save(tmp_path / "a.tif", compression="tiff_lzw")
    with pytest.raises(UnreadableImage, match=r"its compression LZW needs imagecodecs; pip install imagecodecs"):
        read_image(str(tmp_path / "a.tif"))
