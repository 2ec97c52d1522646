"""The embedded default data set: handwritten digits as image files, with errors planted in them and the truth kept.

Since we know which labels we flipped, which pictures we copied and which files we broke, the demo can say how
many of them the methods found.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Sequence
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
PLANTED = {FLIPPED: 40, COPY: 12, NEAR_COPY: 8, DAMAGED: 5}


@dataclass(frozen=True)
class Truth:
    """What is true of one file.

    Attributes:
        path: relative to the folder of images; its folder is the label as given.
        true_label: the digit that was written.
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
    """Write the demo's files, unless they are there already.

    Args:
        folder: gets `images/<label>/digit_0000.png` and so on, and `truth.csv`, which is not among the images.
        seed: of the choice of what is flipped, copied and damaged.

    Returns:
        the truth about each file, in the order of their names
    """
    folder = Path(folder)
    if not (folder / "truth.csv").exists():
        # Written beside and renamed, so that an interrupted writing is not taken for the whole.
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _write(unfinished, np.random.default_rng(seed), progress)
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
        "true_label": ("The digit that was written, for comparison only", [one and one.true_label for one in found]),
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

    with (folder / "truth.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Truth)])
        table.writeheader()
        table.writerows(asdict(one) for one in truth)
    progress(n, n, "writing the digits as image files")


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
    side = int(rng.integers(48, 64))
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
