"""Image files of every odd kind, real ones written by Pillow."""

from __future__ import annotations

import copy
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.images.reading import Region, UnreadableImage, box_of, read_image, read_images
from PIL import Image

CORNERS = np.array(
    [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8
)  # red green / blue white


def save(path: Path, image: Image.Image, **options: object) -> str:
    image.save(path, **options)
    return str(path)


def corners(size: int = 64) -> Image.Image:
    return Image.fromarray(CORNERS).resize((size, size), Image.Resampling.NEAREST)


def named_corners(image: Image.Image) -> list[str]:
    """The colours of the four corners, row by row."""
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white", (0, 0, 0): "black"}
    width, height = image.size
    spots = [(2, 2), (width - 3, 2), (2, height - 3), (width - 3, height - 3)]
    return [names[tuple(int(value > 128) for value in image.getpixel(spot))] for spot in spots]  # type: ignore[union-attr]


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "tif", "ppm"])
def test_read_image__format(tmp_path: Path, ending: str) -> None:
    image = read_image(save(tmp_path / f"a.{ending}", corners()))
    assert (image.mode, image.size) == ("RGB", (64, 64))
    assert named_corners(image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_image__orientation(tmp_path: Path, orientation: int) -> None:
    """Pillow's own transposition is the reference."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", corners().crop((0, 0, 64, 40)), exif=exif)
    with Image.open(path) as opened:
        expected = ImageOps.exif_transpose(opened).convert("RGB")
    assert np.array_equal(np.asarray(read_image(path)), np.asarray(expected))


def test_read_image__nonsense_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert named_corners(read_image(save(tmp_path / "a.png", corners(), exif=exif)))[0] == "red"


def test_read_image__cmyk(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "a.jpg", corners().convert("CMYK")))
    assert named_corners(image) == ["red", "green", "blue", "white"]


def test_read_image__16_bit(tmp_path: Path) -> None:
    """0, 257, 32896 and 65535 are 0, 1, 128 and 255 of 255."""
    grey = np.array([[0, 257], [32896, 65535]], dtype=np.uint16)
    image = read_image(save(tmp_path / "a.png", Image.fromarray(grey)))
    assert np.asarray(image)[..., 0].tolist() == [[0, 1], [128, 255]]


def test_read_image__float(tmp_path: Path) -> None:
    grey = np.array([[-1.0, 0.0], [1.0, np.nan]], dtype=np.float32)  # -1 is black, 1 is white, NaN is no value
    image = read_image(save(tmp_path / "a.tif", Image.fromarray(grey)))
    assert np.asarray(image)[..., 0].tolist() == [[0, 128], [255, 0]]


def test_read_image__palette_and_one_bit(tmp_path: Path) -> None:
    assert named_corners(read_image(save(tmp_path / "a.png", corners().quantize(8))))[:2] == ["red", "green"]
    assert read_image(save(tmp_path / "b.png", corners().convert("1"))).mode == "RGB"


def test_read_image__transparency_shows_white_paper(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert named_corners(read_image(save(tmp_path / "a.png", clear))) == ["white"] * 4
    paletted = Image.new("P", (8, 8), 0)
    assert named_corners(read_image(save(tmp_path / "b.png", paletted, transparency=0))) == ["white"] * 4
    assert named_corners(read_image(save(tmp_path / "c.png", Image.new("LA", (8, 8), (0, 0))))) == ["white"] * 4


def test_read_image__animated_gif_gives_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert named_corners(read_image(path)) == ["red"] * 4


def test_read_image__large_jpeg_is_decoded_smaller(tmp_path: Path) -> None:
    """1,024 pixels where 64 are enough: 1/8 of the size keeps 128, twice as many."""
    path = save(tmp_path / "a.jpg", corners(1024))
    image = read_image(path, enough=64)
    assert image.size == (128, 128)
    assert named_corners(image) == ["red", "green", "blue", "white"]
    assert read_image(path, enough=300).size == (1024, 1024)  # 1/2 would keep 512, less than twice as many


def test_read_image__truncated_jpeg(tmp_path: Path) -> None:
    whole = Path(save(tmp_path / "whole.jpg", corners(256))).read_bytes()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImage, match=r"^cut\.jpg cannot be read: the file is cut short"):
        read_image(str(cut))


def test_read_image__no_image(tmp_path: Path) -> None:
    cases = {
        "text.jpg": (b"I am not a picture\n", "it is text, not an image"),
        "empty.jpg": (b"", "the file is empty"),
        "noise.jpg": (bytes(range(256)), "it is not an image of a known format"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImage) as caught:
            read_image(str(tmp_path / name))
        assert str(caught.value) == f"{name} cannot be read: {reason}"


def test_read_image__no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="there is no such file"):
        read_image(str(tmp_path / "missing.jpg"))
    with pytest.raises(UnreadableImage, match="it is a folder"):
        read_image(str(tmp_path))
    with pytest.raises(UnreadableImage, match="the path does not work"):
        read_image("a\x00b.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for ever
    with pytest.raises(UnreadableImage, match="not a regular file"):
        read_image(str(tmp_path / "pipe.jpg"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_read_image__no_permission(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", corners())
    os.chmod(path, 0)
    with pytest.raises(UnreadableImage, match="may not read it"):
        read_image(path)


def test_read_image__decompression_bomb(tmp_path: Path) -> None:
    """A PNG header that promises 100,000 x 100,000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    with pytest.raises(UnreadableImage, match="more than the 178,956,970 pixels"):
        read_image(str(path))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of damaged tags before it fails or recovers
@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "tif", "webp", "bmp"])
def test_read_image__random_damage_never_escapes(tmp_path: Path, ending: str) -> None:
    """Flipped and missing bytes either still give a picture or an UnreadableImage."""
    rng = np.random.default_rng(0)
    content = np.frombuffer(Path(save(tmp_path / f"a.{ending}", corners(32))).read_bytes(), dtype=np.uint8)
    for _ in range(60):
        damaged = content.copy()
        damaged[rng.integers(len(damaged), size=rng.integers(1, 12))] = rng.integers(256)
        path = tmp_path / f"damaged.{ending}"
        path.write_bytes(damaged[: rng.integers(len(damaged) // 2, len(damaged) + 1)].tobytes())
        (found,) = read_images([str(path)], lambda image: image.mode)
        assert found == "RGB" or isinstance(found, UnreadableImage)


def test_read_images__keeps_order_and_goes_on(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{i}.png", Image.new("L", (4, 4), i)) for i in range(50)]
    paths[7] = str(tmp_path / "gone.png")
    found = list(read_images(paths, lambda image: image.getpixel((0, 0)), workers=3))
    assert isinstance(found[7], UnreadableImage)
    assert [item for i, item in enumerate(found) if i != 7] == [(i, i, i) for i in range(50) if i != 7]


def test_read_images__stops_when_abandoned(tmp_path: Path) -> None:
    """Closing the iterator ends its threads, as an interrupted run does."""
    paths = [save(tmp_path / "a.png", corners())] * 200
    reading = read_images(paths, lambda image: image.size, workers=2)
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read_images")]


def test_read_images__none() -> None:
    assert list(read_images([], lambda image: image.size)) == []


@pytest.mark.parametrize(
    ("box", "colour"),
    [
        ((0.0, 0.0, 0.5, 0.5), "red"),
        ((0.5, 0.0, 1.0, 0.5), "green"),
        ((0.0, 0.5, 0.5, 1.0), "blue"),
        ((0.5, 0.5, 1.0, 1.0), "white"),
    ],
)
@pytest.mark.parametrize("turned", [1, 3, 6, 8])
def test_read_image__region_of_the_upright_picture(
    tmp_path: Path, box: tuple[float, float, float, float], colour: str, turned: int
) -> None:
    """However the file stores it, and whether or not the decoder may give fewer pixels."""
    back = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[turned]
    upright = corners(512).resize((512, 1024), Image.Resampling.NEAREST)
    stored, exif = upright if back is None else upright.transpose(back), Image.Exif()
    exif[0x0112] = turned
    path = save(tmp_path / "a.jpg", stored, exif=exif, quality=95)
    whole = read_image(Region(path, box))
    assert whole.size == whole.info["full_size"] == (256, 512)
    assert named_corners(whole) == [colour] * 4
    less = read_image(Region(path, box), enough=32)
    assert less.size == (64, 128)
    assert less.info["full_size"] == (256, 512)
    assert named_corners(less) == [colour] * 4


def test_read_image__region_of_no_pixel_is_one_pixel(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", corners(4))
    assert read_image(Region(path, (0.99, 0.99, 0.995, 0.995))).size == (1, 1)
    assert read_image(Region(path, (1.0, 1.0, 1.0, 1.0))).getpixel((0, 0)) == (255, 255, 255)


def test_read_image__region_of_the_whole_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", corners(7))
    assert read_image(Region(path, (0.0, 0.0, 1.0, 1.0))).tobytes() == read_image(path).tobytes()


def test_region__is_its_path_and_survives_copies() -> None:
    region = copy.copy(Region("/a/b.png", (0.1, 0.2, 0.3, 0.4)))
    assert (region, box_of(region), box_of("/a/b.png")) == ("/a/b.png", (0.1, 0.2, 0.3, 0.4), None)
