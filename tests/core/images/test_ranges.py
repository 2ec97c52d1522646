"""Numbers of more than 8 bits become grey levels by one range for the set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_curation.core.images.ranges import Numbers, range_of, ranges_of, to_8_bits
from image_curation.core.images.reading import Region, read_image, read_numbers


@pytest.mark.parametrize(
    ("low", "high", "kind", "expected"),
    [
        (0, 65_000, "uint16", (0, 65_535)),
        (300, 4_000, "uint16", (0, 4_095)),  # 12 bits in 16
        (20_000, 24_000, "uint16", (20_000, 24_000)),  # fills little of its bits: steps of 1,000
        (-520, 3_060, "int16", (-1_000, 3_500)),  # steps of 500
        (0.1, 1.0, "float", (0, 1)),
        (1_047, 1_300, "float", (1_000, 1_300)),  # steps of 50
        (5, 5, "float", (5, 6)),
        (0, 255, "uint8", (0, 255)),
        (-3, 4, "int8", (-128, 127)),
    ],
)
def test_range_of__kinds(low: float, high: float, kind: str, expected: tuple[float, float]) -> None:
    assert range_of(np.linspace(low, high, 1_000), kind) == pytest.approx(expected)


def test_range_of__a_dead_pixel_does_not_count() -> None:
    values = np.append(np.linspace(0, 4_000, 5_000), 65_535)
    assert range_of(values, "uint16") == (0, 4_095)


def test_to_8_bits__missing_and_white_is_low() -> None:
    values = np.array([[0.0, 0.5], [1.0, np.nan]])
    assert to_8_bits(Numbers(values)).tolist() == [[0, 128], [255, 0]]
    assert to_8_bits(Numbers(values, white_is_low=True)).tolist() == [[255, 127], [0, 0]]
    marked = Numbers(np.array([[-9999, 0], [50, 100]], np.int16), missing=np.array([[True, False], [False, False]]))
    assert to_8_bits(marked).tolist() == [[0, 0], [50, 100]]  # whole numbers up to 100 are 8 bits


def test_ranges_of__two_slices_of_one_scan(tmp_path: Path) -> None:
    """One slice has negative values, the other has not: the same number is the same grey in both."""
    first, second = np.arange(-1_000, 2_000, dtype=np.int16), np.arange(0, 3_000, dtype=np.int16)
    paths = [str(tmp_path / name) for name in ("a.tif", "b.tif")]
    for path, values in zip(paths, (first, second), strict=True):
        tifffile.imwrite(path, values.reshape(50, 60))
    numbers = [one for path in paths if (one := read_numbers(path)) is not None]
    ranges = ranges_of(numbers)
    assert ranges == {"int16": (-1_000, 3_000)}
    seen = [np.asarray(read_image(Region(path, None, ranges)))[..., 0].ravel() for path in paths]
    assert seen[0][1_000:].tolist() == seen[1][:2_000].tolist()  # 0 to 1,999
