"""One range for a set of pictures of more than 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from image_curation.core.embeddings.compute_embeddings import sources_of
from image_curation.core.images.marks import mark_of
from image_curation.core.images.reading import Region, ranges_at, read_image
from image_curation.core.images.set_ranges import in_ranges, ranges_of_set
from PIL import Image


def test_ranges_of_set__twelve_bits_in_sixteen(tmp_path: Path) -> None:
    """A dark and a light picture of a camera of 12 bits keep their order; those of 8 bits have no range."""
    paths = [str(tmp_path / f"{name}.png") for name in ("dark", "light")]
    for path, top in zip(paths, (500, 4_000), strict=True):
        Image.fromarray(np.linspace(0, top, 64 * 64).reshape(64, 64).astype(np.uint16)).save(path)
    ranges = ranges_of_set(paths)
    assert ranges == {"uint16": (0, 4_095)}
    dark, light = (np.asarray(read_image(path)).max() for path in in_ranges(paths, ranges))
    assert (dark, light) == (31, 249)
    Image.new("L", (8, 8)).save(tmp_path / "eight.png")
    Image.new("L", (8, 8)).save(tmp_path / "eight.tif")
    eight = [str(tmp_path / name) for name in ("eight.png", "eight.tif")]
    assert ranges_of_set(eight) == {}
    assert in_ranges(eight, {}) == eight


def test_in_ranges__reach_the_reader_and_the_mark(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.int16))
    path = str(tmp_path / "a.tif")
    (ranged,) = in_ranges([Region(path, (0, 0, 0.5, 1))], {"int16": (-100, 100)})
    assert np.asarray(read_image(ranged))[..., 0].tolist() == [[127] * 4] * 8  # 127.5
    (whole, part) = sources_of([*in_ranges([path], {"int16": (-100, 100)}), ranged], range(2))
    assert ranges_at(whole.path) == ranges_at(part.path) == {"int16": (-100, 100)}
    assert mark_of(ranged) != mark_of(Region(path, (0, 0, 0.5, 1)))
