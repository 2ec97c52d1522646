"""Previews look as methods see the picture, for what a browser does not show so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_curation.core.images.previews import needs_preview, write_preview
from image_curation.core.images.reading import UnreadableImage, read_image
from image_curation.core.images.set_ranges import in_ranges
from PIL import Image

RAMP = np.linspace(0, 4_000, 96 * 64).reshape(64, 96).astype(np.uint16)


def shown(preview: Path) -> np.ndarray:
    with Image.open(preview) as image:
        return np.asarray(image)


@pytest.mark.parametrize("ending", ["tif", "jp2", "ppm", "tga"])
def test_needs_preview__formats_that_no_browser_shows(tmp_path: Path, ending: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / f"a.{ending}")
    assert needs_preview(str(tmp_path / f"a.{ending}"))


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "bmp", "webp", "ico", "avif"])
def test_needs_preview__formats_that_browsers_show(tmp_path: Path, ending: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / f"a.{ending}")
    assert not needs_preview(str(tmp_path / f"a.{ending}"))


def test_needs_preview__sixteen_bits_that_are_dark_in_a_browser(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    (dark,), (full,) = in_ranges([path], {"uint16": (0, 4_095)}), in_ranges([path], {"uint16": (0.0, 65_535.0)})
    assert needs_preview(dark)
    assert not needs_preview(full)


def test_write_preview__is_the_picture_that_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP)
    (path,) = in_ranges([str(tmp_path / "a.tif")], {"uint16": (0, 4_095)})
    made = write_preview(path, tmp_path, 1024)
    assert np.array_equal(shown(made), np.asarray(read_image(path)))
    assert write_preview(path, tmp_path, 1024) == made
    small = write_preview(path, tmp_path, 48)
    assert shown(small).shape == (32, 48, 3)
    (other,) = in_ranges([path], {"uint16": (0, 8_191)})
    assert write_preview(other, tmp_path, 1024) not in (made, small)
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


def test_write_preview__large_pictures_are_jpeg_and_damaged_ones_nothing(tmp_path: Path) -> None:
    Image.fromarray(np.tile(RAMP.astype(np.uint8), (20, 20))).save(tmp_path / "a.tif")
    made = write_preview(str(tmp_path / "a.tif"), tmp_path, 1024)
    assert (made.suffix, max(shown(made).shape)) == (".jpg", 960)
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:500])
    before = set(tmp_path.iterdir())
    with pytest.raises(UnreadableImage):
        write_preview(str(tmp_path / "b.tif"), tmp_path, 1024)
    assert set(tmp_path.iterdir()) == before
