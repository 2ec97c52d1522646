"""Properties of pictures small enough to work out by hand, and of real photos with planted blur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_curation.core.images.glances import measure_files
from image_curation.core.images.properties import NAMES, SIDE, measure, shrunk
from PIL import Image, ImageFilter


def found(image: Image.Image) -> dict[str, float]:
    return dict(zip(NAMES, measure(image.convert("RGB")).tolist(), strict=True))


def grey(levels: object) -> Image.Image:
    return Image.fromarray(np.array(levels, dtype=np.uint8))


def test_measure__uniform() -> None:
    """One level: no contrast, no bits, no edges; so no sharpness, and the centre of no edges is the middle."""
    plain = found(Image.new("L", (20, 20), 51))
    assert plain["brightness"] == plain["highlights"] == plain["shadows"] == pytest.approx(51 / 255)
    assert plain["contrast"] == plain["information"] == plain["saturation"] == plain["edge_amount"] == 0.0
    assert np.isnan(plain["sharpness"])
    assert (plain["edge_x"], plain["edge_y"]) == (0.5, 0.5)


def test_measure__black_and_white_halves() -> None:
    """Half black, half white: mean and deviation 1/2, one bit of eight."""
    image = grey(np.repeat([[0, 255]], 10, axis=1).repeat(20, axis=0))  # 20 wide: black left, white right
    halves = found(image)
    assert halves["brightness"] == pytest.approx(0.5)
    assert halves["contrast"] == pytest.approx(0.5)
    assert halves["information"] == pytest.approx(1 / 8)
    assert (halves["shadows"], halves["highlights"]) == (0.0, 1.0)
    # all edges lie between columns 9 and 10, counted with column 10, whose middle is at 10.5 / 20
    assert halves["edge_x"] == pytest.approx(10.5 / 20)
    # 20 of the 20 * 19 + 19 * 20 differences are 1
    assert halves["edge_amount"] == pytest.approx(20 / 760)


def test_measure__quantiles() -> None:
    """100 pixels 0, 1, ..., 99: the 5th percentile is level 4, as 5 pixels are at most that; the 99th is 98."""
    levels = found(grey(np.arange(100).reshape(10, 10)))
    assert levels["shadows"] == pytest.approx(4 / 255)
    assert levels["highlights"] == pytest.approx(98 / 255)


def test_measure__colour() -> None:
    """(200, 100, 50): channels differ by 150; red is 150 above blue; green is 25 below the mean of red and blue."""
    colour = found(Image.new("RGB", (8, 8), (200, 100, 50)))
    assert colour["saturation"] == colour["colour"] == pytest.approx(150 / 255)
    assert colour["warmth"] == pytest.approx(150 / 255)
    assert colour["greenness"] == pytest.approx(-25 / 255)


def test_measure__sharpness_of_a_step() -> None:
    """A step among 20 columns. Blurred over 9, its difference of 100 becomes nine of 100/9, one of them in its place.

    So 1/9 of the difference is left there, and sharpness is 8/9. A ramp of one level per pixel stays as it is when
    blurred, so all is left: sharpness 0.
    """
    step = found(grey(np.repeat([[0, 100]], 10, axis=1).repeat(20, axis=0)))
    assert step["sharpness"] == pytest.approx(8 / 9)
    ramp = found(grey(np.tile(np.arange(20), (20, 1))))
    assert ramp["sharpness"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("spot", "x", "y"),
    [((2, 2), 0.11, 0.11), ((17, 2), 0.89, 0.11), ((10, 10), 0.53, 0.53)],
    ids=["corner", "right", "middle"],
)
def test_measure__edge_position(spot: tuple[int, int], x: float, y: float) -> None:
    """A single white pixel: its edges lie around it, at its place over 20."""
    image = Image.new("L", (20, 20), 0)
    image.putpixel(spot, 255)
    place = found(image)
    assert place["edge_x"] == pytest.approx(x, abs=0.035)
    assert place["edge_y"] == pytest.approx(y, abs=0.035)
    assert (place["edge_spread"] < 0.1) == (spot == (10, 10))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2), (3, 2), (5000, 1), (1, 5000)])
def test_measure__tiny_and_thin(size: tuple[int, int]) -> None:
    thin = found(Image.effect_noise(size, 50))
    assert all(np.isfinite(value) for name, value in thin.items() if name != "sharpness")
    assert thin["size"] == pytest.approx(np.sqrt(size[0] * size[1]))
    assert thin["aspect"] == pytest.approx(np.log2(size[0] / size[1]))


def test_shrunk__keeps_the_shape() -> None:
    assert shrunk(Image.new("L", (4 * SIDE, SIDE))).size == (2 * SIDE, SIDE // 2)
    small = Image.new("L", (SIDE, SIDE // 2))
    assert shrunk(small) is small


def test_measure_files__size_is_the_file_s_own(tmp_path: Path) -> None:
    """A JPEG that is decoded at an eighth, and one that lies on its side."""
    Image.new("RGB", (3200, 1600), "red").save(tmp_path / "large.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.new("RGB", (400, 100), "red").save(tmp_path / "turned.jpg", exif=exif)
    measured = measure_files([str(tmp_path / "large.jpg"), str(tmp_path / "turned.jpg"), str(tmp_path / "none.jpg")])
    assert measured["aspect"].tolist()[:2] == [1.0, -2.0]
    assert measured["size"].tolist()[:2] == [pytest.approx(np.sqrt(3200 * 1600)), 200.0]
    assert measured.readable.tolist() == [True, True, False]
    assert np.isnan(measured.values[2]).all()
    assert "no such file" in str(measured.errors[2])


def test_measure_files__tells_progress(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    told: list[tuple[int, int]] = []
    measure_files([str(tmp_path / "a.png")] * 60, progress=lambda done, total, doing="": told.append((done, total)))
    assert told == [(0, 60), (50, 60), (60, 60)]


@pytest.mark.slow
def test_measure__blur_is_told_on_photos(shared_data: Path) -> None:
    """Thirty photos of 500 pixels, and the same blurred by a Gaussian of 4: nearly every pair is told apart."""
    sharp, blurred = [], []
    for path in sorted((shared_data / "coco256" / "train2017").glob("*.jpg"))[:30]:
        image = Image.open(path).convert("RGB")
        sharp.append(found(image)["sharpness"])
        blurred.append(found(image.filter(ImageFilter.GaussianBlur(4)))["sharpness"])
    told = np.mean(np.array(sharp)[:, None] > np.array(blurred))
    assert told > 0.97
