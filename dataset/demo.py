"""The demo's data sets: handwritten digits, or pieces of photographs, with errors planted in them and the truth kept.

Since we know which labels we flipped, which pictures we copied and which files we broke, the demo can say how
many of them the methods found.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.base.arrays import Progress, silent
from ..core.images.digits import NAMES, load_digits, picture

if TYPE_CHECKING:
    import fiftyone as fo
    from PIL.Image import Image

FLIPPED, COPY, NEAR_COPY, DAMAGED = "flipped label", "exact copy", "near copy", "damaged file"
PHOTOGRAPHS = (  # name of the class, attribute of skimage.data; the last two are scikit-learn's
    ("astronaut", "astronaut"),
    ("cat", "chelsea"),
    ("coffee", "coffee"),
    ("coins", "coins"),
    ("grass", "grass"),
    ("gravel", "gravel"),
    ("motorcycle", "stereo_motorcycle"),
    ("photographer", "camera"),
    ("rocket", "rocket"),
    ("tissue", "immunohistochemistry"),
    ("flower", "flower.jpg"),
    ("temple", "china.jpg"),
)
PIECE = 224  # pixels of a piece, square
PIECES = 3  # to a row of a photograph, and as many rows
PLANTED_PIECES = {"flipped label": 6, "exact copy": 3, "near copy": 3, "damaged file": 5}
PLANTED = {FLIPPED: 40, COPY: 12, NEAR_COPY: 8, DAMAGED: 5}


@dataclass(frozen=True)
class Truth:
    """What is true of one file.

    Attributes:
        path: relative to the folder of images; its folder is the label as given.
        true_label: the digit that was written, or the photograph that it is a piece of.
        planted: which error was planted here; empty for none.
        copy_of: path of the file that this one copies; empty for none.
        held_out: the tiny CLIP that the project ships was not trained on this picture.
    """

    path: str
    true_label: str
    planted: str = ""
    copy_of: str = ""
    held_out: bool = False


def ensure_demo(folder: str | Path, seed: int = 51, progress: Progress = silent) -> list[Truth]:
    """Write the digits' files, unless they are there already.

    Args:
        folder: gets `images/<label>/digit_0000.png` and so on, and `truth.csv`, which is not among the images.
        seed: of the choice of what is flipped, copied and damaged.

    Returns:
        the truth about each file, in the order of their names
    """
    return _ensured(folder, lambda unfinished: _write(unfinished, np.random.default_rng(seed), progress))


def ensure_photographs(folder: str | Path, seed: int = 51, progress: Progress = silent) -> list[Truth]:
    """Write pieces of the photographs that scikit-image and scikit-learn ship, unless they are there already.

    Each of these pictures is a class and is cut into pieces that do not overlap; no picture of ours is among them.

    Args:
        folder: gets `images/<label>/piece_0000.jpg` and so on, and `truth.csv`, which is not among the images.
        seed: of the places of the pieces and of what is planted.

    Returns:
        the truth about each file, in the order of their names
    """
    return _ensured(folder, lambda unfinished: _write_photographs(unfinished, np.random.default_rng(seed), progress))


def _ensured(folder: str | Path, write: Callable[[Path], None]) -> list[Truth]:
    folder = Path(folder)
    if not (folder / "truth.csv").exists():
        # Written beside and renamed, so that an interrupted writing is not taken for the whole.
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        write(unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    with (folder / "truth.csv").open(newline="") as file:
        return [
            Truth(row["path"], row["true_label"], row["planted"], row["copy_of"], row["held_out"] == "True")
            for row in csv.DictReader(file)
        ]


def count_planted(truth: Sequence[Truth]) -> dict[str, int]:
    """How many errors of each kind were planted."""
    counts = Counter(one.planted for one in truth)
    return {kind: counts[kind] for kind in PLANTED}


def keep_truth(dataset: fo.Dataset, folder: str | Path, truth: Sequence[Truth]) -> None:
    """Write the truth into the fields `true_label` and `planted`, which no method reads.

    Args:
        dataset: imported from `folder`, with or without the files that cannot be read.
    """
    import fiftyone as fo

    images = os.path.realpath(Path(folder) / "images")
    known = {os.path.join(images, one.path): one for one in truth}
    found = [known.get(os.path.realpath(path)) for path in dataset.values("filepath")]
    said = {
        "true_label": ("What it really is, for comparison only", [one and one.true_label for one in found]),
        "planted": ("The error that the demo planted here", [one and (one.planted or None) for one in found]),
    }
    for name, (description, values) in said.items():
        if dataset.get_field(name) is None:
            dataset.add_sample_field(name, fo.StringField, description=description)
        dataset.set_values(name, values)


def _write(folder: Path, rng: np.random.Generator, progress: Progress) -> None:
    digits = load_digits()
    n = len(digits.labels)
    flipped, copied, near, damaged = np.split(rng.permutation(n)[: sum(PLANTED.values())], _ends()[:-1])
    given = digits.labels.copy()
    given[flipped] = (given[flipped] + rng.integers(1, len(NAMES), len(flipped))) % len(NAMES)
    planted = dict.fromkeys(flipped.tolist(), FLIPPED)

    truth = []
    for row in range(n):
        path = _path(NAMES[given[row]], row)
        _save(folder, path, _png(picture(digits.grids[row])))
        name = NAMES[digits.labels[row]]
        truth.append(Truth(path, name, planted.get(row, ""), held_out=bool(digits.held_out[row])))
        if row % 100 == 0:
            progress(row, n, "writing the digits as image files")

    for row in copied:
        copy = _path(NAMES[given[row]], len(truth))
        _save(folder, copy, _png(picture(digits.grids[row])))
        truth.append(Truth(copy, truth[row].true_label, COPY, truth[row].path, truth[row].held_out))
    for row in near:
        copy = _path(NAMES[given[row]], len(truth), "jpg")
        _save(folder, copy, _resaved(picture(digits.grids[row]), rng))
        truth.append(Truth(copy, truth[row].true_label, NEAR_COPY, truth[row].path, truth[row].held_out))
    for row, (kind, content) in zip(damaged, _broken(picture(digits.grids[damaged[0]])).items(), strict=True):
        path = _path(NAMES[given[row]], len(truth), kind)
        _save(folder, path, content)
        truth.append(Truth(path, truth[row].true_label, DAMAGED, truth[row].path))

    _keep(folder, truth)
    progress(n, n, "writing the digits as image files")


def _keep(folder: Path, truth: Sequence[Truth]) -> None:
    with (folder / "truth.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Truth)])
        table.writeheader()
        table.writerows(asdict(one) for one in truth)


def _write_photographs(folder: Path, rng: np.random.Generator, progress: Progress) -> None:
    pieces: list[tuple[str, Image]] = []
    for number, (label, source) in enumerate(PHOTOGRAPHS):
        progress(number, len(PHOTOGRAPHS), "cutting photographs into pieces")
        pieces += [(label, piece) for piece in _pieces(_photograph(source), rng)]
    n, counts = len(pieces), list(PLANTED_PIECES.values())
    flipped, copied, near, damaged = np.split(rng.permutation(n)[: sum(counts)], np.cumsum(counts)[:-1])
    names = [label for label, _ in PHOTOGRAPHS]
    truth = []
    for row, (label, piece) in enumerate(pieces):
        is_flipped = row in flipped
        given = names[(names.index(label) + int(rng.integers(1, len(names)))) % len(names)] if is_flipped else label
        path = _place(rng, given, row)
        _save(folder, path, _jpeg(piece))
        truth.append(Truth(path, label, FLIPPED if is_flipped else ""))
    for row in (*copied, *near):
        label, piece = pieces[row]
        content = _jpeg(piece) if row in copied else _resaved(piece, rng)
        copy = _place(rng, label, len(truth))
        _save(folder, copy, content)
        truth.append(Truth(copy, label, COPY if row in copied else NEAR_COPY, truth[row].path))
    for row, (ending, content) in zip(damaged, _broken(pieces[0][1]).items(), strict=True):
        path = _place(rng, pieces[row][0], len(truth), ending)
        _save(folder, path, content)
        truth.append(Truth(path, pieces[row][0], DAMAGED))
    _keep(folder, truth)


def _photograph(source: str) -> Image:
    """A picture that an installed package ships."""
    from PIL import Image as PILImage

    if source.endswith(".jpg"):
        from sklearn.datasets import load_sample_image

        return PILImage.fromarray(load_sample_image(source))
    from skimage import data

    found = getattr(data, source)()
    return PILImage.fromarray(found[0] if isinstance(found, tuple) else found).convert("RGB")


def _pieces(whole: Image, rng: np.random.Generator) -> list[Image]:
    """Squares inside the cells of a grid, so that none overlaps another, each of its own brightness."""
    wide, high = whole.width // PIECES, whole.height // PIECES
    found = []
    for cell in range(PIECES * PIECES):
        side = int(min(wide, high) * rng.uniform(0.8, 1.0))
        left = cell % PIECES * wide + int(rng.integers(wide - side + 1))
        top = cell // PIECES * high + int(rng.integers(high - side + 1))
        levels = [min(255, round(level * share)) for share in [rng.uniform(0.8, 1.2)] for level in range(256)]
        found.append(whole.crop((left, top, left + side, top + side)).resize((PIECE, PIECE)).point(levels * 3))
    return found


def _place(rng: np.random.Generator, label: str, number: int, ending: str = "jpg") -> str:
    return f"{'test' if rng.random() < 0.25 else 'train'}/{label}/piece_{number:04d}.{ending}"


def _jpeg(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _ends() -> list[int]:
    return [int(end) for end in np.cumsum(list(PLANTED.values()))]


def _path(label: str, number: int, ending: str = "png") -> str:
    return f"{label}/digit_{number:04d}.{ending}"


def _save(folder: Path, path: str, content: bytes) -> None:
    file = folder / "images" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _resaved(image: Image, rng: np.random.Generator) -> bytes:
    """The picture as it comes back from a messenger: a little darker or smaller, and compressed."""
    side = int(rng.integers(image.width * 3 // 4, image.width))
    image = image.resize((side, side)).point([round(level * 0.92) for level in range(256)] * 3)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


def _broken(image: Image) -> dict[str, bytes]:
    """Ending → content of five files that are no pictures any more, as people's folders hold them."""
    png = _png(image)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    jpeg = buffer.getvalue()
    return {
        "png": png[: len(png) // 2],  # a copy that was interrupted
        "jpeg": jpeg[: len(jpeg) // 2],
        "jpg": b"404: the picture is not here any more\n",  # an error page, saved as a picture
        "webp": b"",
        "bmp": bytes(64) + png[64:],  # the first bytes overwritten
    }
