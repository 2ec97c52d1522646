"""Quality checks on pictures whose flaw is planted."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.quality.find_quality_issues import (
    CHECKS,
    NAMES,
    QualityParams,
    far_fence,
    find_quality_issues,
    judge,
)
from PIL import Image, ImageFilter

Pixels = np.ndarray
SIZE = (96, 72)
DARK, BRIGHT, BLURRY, SIZE_CHECK = CHECKS[0], CHECKS[1], CHECKS[2], CHECKS[6]


def photo(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Coloured blocks under fine noise: bright, varied and sharp, as photos are."""
    rng = np.random.default_rng(seed)
    blocks = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.NEAREST)
    noisy = np.asarray(blocks).astype(int) + rng.integers(-20, 20, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def darkened(image: Image.Image) -> Image.Image:
    return image.point(lambda level: level // 5)


FLAWS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dark": darkened,
    "bright": lambda image: image.point(lambda level: 250 + level // 60),
    "blurry": lambda image: image.filter(ImageFilter.GaussianBlur(6)),
    "low_information": lambda image: Image.new("RGB", image.size, (200, 100, 50)),
    "grayscale": lambda image: image.convert("L"),
    "odd_aspect": lambda image: image.crop((0, 0, 96, 24)).resize((180, 45)),
    "odd_size": lambda image: photo(99, (384, 288)),
}


def run(paths: list[str], **given: object) -> Columns:
    return find_quality_issues(Inputs(n=len(paths), paths=paths), QualityParams(**given), silent)


def saved(folder: Path, images: list[Image.Image]) -> list[str]:
    paths = [str(folder / f"{number:02d}.png") for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    return paths


def test_find_quality_issues__planted_flaws(tmp_path: Path) -> None:
    """Twenty sound pictures, one of each flaw. White pictures are plain and grey too."""
    images = [photo(seed) for seed in range(20)] + [flaw(photo(50)) for flaw in FLAWS.values()]
    found = run(saved(tmp_path, images))
    issues = found.values["issues"]
    assert issues[:20] == [[]] * 20
    assert issues[20:] == [[name] if name != "bright" else ["bright", "low_information", "grayscale"] for name in FLAWS]
    assert found.values["is_issue"].tolist() == [False] * 20 + [True] * 7
    for name in NAMES:
        assert (found.values[name] >= 0).all()
        assert (found.values[name] <= 1).all()
    assert found.facts["headline"].startswith("7 of 27 images have a quality issue: ")
    assert "error" not in found.values


def test_find_quality_issues__scores_by_hand(tmp_path: Path) -> None:
    """51 of 255, 40 x 20 pixels among two of 80 x 40: a fifth of the light, half as high as wide, half the size."""
    paths = saved(
        tmp_path, [Image.new("L", (40, 20), 51), Image.new("L", (80, 40), 255), Image.new("L", (80, 40), 255)]
    )
    values = run(paths).values
    assert values["dark"].tolist() == [pytest.approx(0.2), 1.0, 1.0]
    assert values["bright"].tolist() == [pytest.approx(0.8), 0.0, 0.0]
    assert values["blurry"].tolist() == [1.0, 1.0, 1.0], "what is uniform is not blurry"
    assert values["low_information"].tolist() == [0.0, 0.0, 0.0]
    assert values["grayscale"].tolist() == [0.0, 0.0, 0.0]
    assert values["odd_aspect"].tolist() == [0.5, 0.5, 0.5]
    assert values["odd_size"].tolist() == [0.5, 1.0, 1.0]


def test_find_quality_issues__what_is_usual_is_told_not_flagged(tmp_path: Path) -> None:
    """Fifteen dark pictures, one of them far darker, and five light ones."""
    images = [darkened(photo(seed)) for seed in range(14)] + [photo(seed) for seed in range(30, 35)]
    found = run(saved(tmp_path, [*images, Image.new("RGB", SIZE, (1, 0, 0))]), checks=("dark",))
    assert found.facts["share_below"]["dark"] == 0.75
    assert found.facts["usual"] == [
        "75% of the images are dark: usual in this set, so only those that stand out are flagged"
    ]
    assert "dark" in found.facts["headline"]
    assert not any(found.values["issues"][:19])
    assert "dark" not in found.values["issues"][0]


def test_find_quality_issues__all_identical(tmp_path: Path) -> None:
    found = run(saved(tmp_path, [Image.new("L", (8, 8), 0)] * 12))
    assert found.values["is_issue"].sum() == 0
    assert {line.split(" are ")[1].split(":")[0] for line in found.facts["usual"]} == {
        "dark",
        "low information",
        "grayscale",
    }


def test_find_quality_issues__a_given_threshold_is_obeyed(tmp_path: Path) -> None:
    paths = saved(tmp_path, [darkened(photo(seed)) for seed in range(6)])
    assert not run(paths).values["is_issue"].any()
    found = run(paths, dark_below=0.4)
    assert found.values["issues"] == [["dark"]] * 6
    assert found.facts["usual"] == []
    assert run(paths, dark_below=0.0).values["is_issue"].sum() == 0


def test_find_quality_issues__grey_scans_with_some_colour(tmp_path: Path) -> None:
    """Grey among colour is an issue, grey among grey is not."""
    grey = [photo(seed).convert("L") for seed in range(4)]
    colour = [photo(seed) for seed in range(12)]
    assert run(saved(tmp_path, grey + colour)).facts["issues_by_check"]["grayscale"] == 4
    assert run(saved(tmp_path, grey * 4 + colour[:2])).facts["issues_by_check"]["grayscale"] == 0


def test_find_quality_issues__unreadable_and_truncated(tmp_path: Path) -> None:
    whole = saved(tmp_path, [photo(seed) for seed in range(4)])
    photo(9).save(tmp_path / "cut.jpg")
    content = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.jpg").write_text("I am not a picture")
    found = run([*whole, str(tmp_path / "cut.jpg"), str(tmp_path / "text.jpg"), str(tmp_path / "missing.jpg")])
    assert found.values["issues"] == [[]] * 4 + [["truncated"], ["unreadable"], ["unreadable"]]
    assert found.values["truncated"].tolist() == [1, 1, 1, 1, 0, 1, 1]
    assert found.values["unreadable"].tolist() == [1, 1, 1, 1, 1, 0, 0]
    assert np.isnan(found.values["dark"][4:]).all()
    assert found.values["error"][:4] == [None] * 4
    assert found.values["error"][6] == "missing.jpg cannot be read: there is no such file"


def test_find_quality_issues__nothing_readable(tmp_path: Path) -> None:
    found = run([str(tmp_path / f"{number}.jpg") for number in range(3)])
    assert found.values["issues"] == [["unreadable"]] * 3
    assert np.isnan(found.values["odd_size"]).all()


def test_find_quality_issues__20000_pixels_square(tmp_path: Path) -> None:
    """The header promises 400 million pixels; nothing is decoded, and the sentence says why."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    found = run([*saved(tmp_path, [photo(1), photo(2)]), str(path)])
    assert found.values["issues"][2] == ["unreadable"]
    assert "safe to decode" in found.values["error"][2]


@pytest.mark.slow
def test_find_quality_issues__large_sharp_jpeg_is_not_blurry(tmp_path: Path) -> None:
    photo(3, (2400, 1800)).save(tmp_path / "large.jpg")
    found = run([str(tmp_path / "large.jpg")], checks=("blurry",), most=1.0)
    assert found.values["blurry"][0] > 0.45
    assert found.values["issues"] == [[]]


def test_find_quality_issues__only_the_chosen_checks(tmp_path: Path) -> None:
    found = run(saved(tmp_path, [photo(1)]), checks=("blurry", "dark"))
    assert list(found.values) == ["is_issue", "issues", "dark", "blurry"]


def test_quality_params__no_checks() -> None:
    with pytest.raises(ParamError, match="QualityParams.checks must name at least one of dark, bright"):
        QualityParams(checks=())


def test_far_fence__by_hand() -> None:
    """Quartiles of 0, 1, 2, 3, 4 are 1 and 3: the fence is 1 - 3 * 2 = -5."""
    assert far_fence(np.arange(5.0)) == -5.0


def test_judge__absolute_relative_and_given() -> None:
    usual = np.array([0.9] * 3 + [0.1])
    assert judge(DARK, usual, QualityParams()).flagged.tolist() == [False, False, False, True]
    # three of four are below 0.32: usual. Quartiles 0.1 and 0.3, fence 0.1 - 0.6: none stands out
    most = judge(DARK, np.array([0.1, 0.1, 0.1, 0.9]), QualityParams())
    assert (most.usual, most.flagged.any(), most.share) == (True, False, 0.75)
    # sizes from 1/4 to 1 of the usual one spread too widely for any to stand out
    wide = np.array([0.25, 0.35, 0.5, 0.7, 1.0])
    assert not judge(SIZE_CHECK, wide, QualityParams()).flagged.any()
    assert judge(SIZE_CHECK, wide, QualityParams(odd_size_below=0.4)).flagged.tolist() == [True, True] + [False] * 3
    assert not judge(BRIGHT, np.array([np.nan, 1.0]), QualityParams()).flagged.any()
    assert not judge(BLURRY, np.array([np.nan]), QualityParams()).flagged.any()
