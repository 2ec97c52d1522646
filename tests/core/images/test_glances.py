"""A glance is taken once of each file, as long as it stays the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import Array, silent
from image_curation.core.base.shared import key_of
from image_curation.core.images.glances import glances, measure_files
from image_curation.core.images.reading import Region, UnreadableImage
from PIL import Image


class Memory:
    """Shared work in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], dict[str, Array]] = {}

    def find(self, kind: str, key: str) -> dict[str, Array] | None:
        return self.kept.get((kind, key))

    def keep(self, kind: str, key: str, arrays: Mapping[str, Array]) -> None:
        self.kept[kind, key] = dict(arrays)

    def every(self, kind: str) -> Iterator[dict[str, Array]]:
        yield from (arrays for (own, _), arrays in reversed(self.kept.items()) if own == kind)


def _pictures(folder: Path, count: int) -> list[str]:
    paths = [str(folder / f"{number}.bmp") for number in range(count)]  # files of one size, whatever they show
    for number, path in enumerate(paths):
        Image.new("L", (20, 10), 40 * number).save(path)
    return paths


def _unnoticed(path: str, level: int) -> None:
    """Another picture in a file of the same size and time."""
    times = os.stat(path)
    Image.new("L", (20, 10), level).save(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_measure_files__reads_a_file_once(tmp_path: Path) -> None:
    paths, shared = _pictures(tmp_path, 4), Memory()
    before = measure_files(paths[:3], silent, shared)
    for path in paths:
        _unnoticed(path, 250)
    after = measure_files(paths, silent, shared)  # the fourth is new
    np.testing.assert_array_equal(after["brightness"], [*before["brightness"], 250 / 255])
    np.testing.assert_array_equal(measure_files(paths, silent)["brightness"], [250 / 255] * 4)


def test_measure_files__changed_files_are_read_again(tmp_path: Path) -> None:
    paths, shared = _pictures(tmp_path, 2), Memory()
    measure_files(paths, silent, shared)
    Image.new("L", (40, 10), 255).save(paths[1])
    assert measure_files(paths, silent, shared)["brightness"].tolist() == [0, 1]


def test_glances__regions_and_what_cannot_be_read(tmp_path: Path) -> None:
    path, shared = str(tmp_path / "half.png"), Memory()
    both = np.zeros((20, 40), np.uint8)
    both[:, 20:] = 255
    Image.fromarray(both).save(path)
    (tmp_path / "broken.png").write_text("no image")
    paths = [Region(path, (0.0, 0.0, 0.5, 1.0)), Region(path, (0.5, 0.0, 1.0, 1.0)), str(tmp_path / "broken.png")]
    for _ in range(2):
        seen = dict(glances(paths, [0, 1, 2], silent, "", shared))
        assert isinstance(seen[2], UnreadableImage)
        assert [int(seen[row].grey.max()) for row in (0, 1)] == [0, 255]  # type: ignore[union-attr]
        assert seen[0].size.tolist() == [20, 20]  # type: ignore[union-attr]


@pytest.mark.parametrize("other", [(np.arange(3), "a"), (np.arange(4.0), "a"), (np.arange(4), "b"), (np.arange(4),)])
def test_key_of__differs(other: tuple[object, ...]) -> None:
    assert key_of(np.arange(4), "a") == key_of(np.arange(4), "a") != key_of(*other)
