"""A small folder in which everything that is wrong was put there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from image_curation.cli.check import Checked, check_folder
from image_curation.cli.folder import ImageFolder
from image_curation.core.base.arrays import silent
from PIL import Image

COLORS = {"red": (200, 40, 40), "blue": (40, 40, 200)}


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 red and blue pictures in train and test; one file in both, one blue picture among the red, one broken file."""
    root, rng = tmp_path_factory.mktemp("folder") / "colors", np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 6)):
        for name, color in COLORS.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(np.array(color) + rng.normal(0, 40, (48, 64, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    shutil.copy(root / "train/red/0.png", root / "test/red/leak.png")
    shutil.copy(root / "train/blue/1.png", root / "train/red/wrong.png")
    (root / "train/red/broken.png").write_bytes(b"no picture")
    (root / "notes.txt").write_text("no picture either")
    return root


@pytest.fixture(scope="session")
def checked(planted: Path) -> Checked:
    return check_folder(ImageFolder.read(planted), silent, "descriptor")
