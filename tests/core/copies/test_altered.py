"""Altered copies are found by their pixels, whatever their vectors say; other pictures are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.copies.find_duplicates import DuplicatesParams, find_duplicates
from PIL import Image, ImageDraw, ImageOps


def photograph(seed: int) -> Image.Image:
    """Something with details at all sizes, as photographs have: noise whose strength falls with frequency."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.fft.fftfreq(180), np.fft.fftfreq(240), indexing="ij")
    spectrum = np.fft.fft2(rng.normal(size=(180, 240))) / (np.hypot(x, y) + 0.02) ** 1.3
    values = np.real(np.fft.ifft2(spectrum))
    return Image.fromarray((128 + 50 * (values - values.mean()) / values.std()).clip(8, 245).astype(np.uint8))


def banner(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).rectangle([0, 0, image.width, image.height // 10], fill=250)
    return image


ALTERED = {
    "turned by 90": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 180": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "turned by 270": lambda image: image.transpose(Image.Transpose.ROTATE_270),
    "upside down": ImageOps.flip,
    "turned by 4 degrees": lambda image: image.rotate(4, Image.Resampling.BICUBIC),
    "turned by -7 degrees": lambda image: image.rotate(-7, Image.Resampling.BICUBIC),
    "with a banner": banner,
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 30])
def test_find_duplicates__altered_copies(tmp_path: Path, n: int) -> None:
    """Their vectors are random, so nothing but the pixels can tell; with few pictures as with more."""
    paths, shows = [], []
    for number in range(n):
        photograph(number).save(tmp_path / f"{number}.png")
        paths.append(str(tmp_path / f"{number}.png"))
        shows.append(number)
    for number, (name, alter) in enumerate(ALTERED.items()):
        alter(photograph(number)).save(tmp_path / f"{name}.jpg", quality=85)
        paths.append(str(tmp_path / f"{name}.jpg"))
        shows.append(number)
    x = np.random.default_rng(0).normal(size=(len(paths), 16)).astype(np.float32)
    found = find_duplicates(Inputs(n=len(paths), paths=paths, embeddings=x), DuplicatesParams(altered=True), silent)
    group = found.values["group"]
    assert group[n:] == list(range(len(ALTERED)))
    assert [one is None for one in group[:n]] == [row >= len(ALTERED) for row in range(n)]


def test_find_duplicates__a_link_is_no_copy_of_its_file(tmp_path: Path) -> None:
    photograph(0).save(tmp_path / "z.png")
    (tmp_path / "a.png").symlink_to(tmp_path / "z.png")
    paths = [str(tmp_path / "a.png"), str(tmp_path / "z.png")]
    for keep in ("best", "first"):
        params = DuplicatesParams(embeddings=None, keep=keep)
        assert find_duplicates(Inputs(n=2, paths=paths), params, silent).values["keep"].tolist() == [True, True]
