"""Places: sessions by time, runs of names, regions; and the gap that they foretell, with places that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.neighbors.distances import comparable
from image_curation.core.neighbors.graph import build_graph
from image_curation.core.selection.places import expected_gap, places, regions
from image_curation.core.selection.split_dataset import SplitParams, split_dataset
from PIL import Image


def random_rows(n: int, d: int = 32, seed: int = 0) -> Any:
    return comparable(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32), "cosine")


def test_places__one_camera_within_minutes(tmp_path: Path) -> None:
    """Three within minutes, one an hour later, one of another camera, one without a time, one that is no image."""
    taken = [("10:00:00", "A"), ("10:05:00", "A"), ("10:14:00", "A"), ("11:20:00", "A"), ("10:01:00", "B"), None]
    paths = []
    for number, one in enumerate(taken):
        exif = Image.Exif()
        if one is not None:
            exif[306], exif[272] = f"2026:05:01 {one[0]}", one[1]
        paths.append(str(tmp_path / f"{'abcdefg'[number]}.jpg"))
        Image.new("RGB", (8, 8)).save(paths[-1], exif=exif)
    paths.append(str(tmp_path / "none.jpg"))
    Path(paths[-1]).write_bytes(b"no image")
    x = random_rows(7)
    place, facts = places(paths, x, build_graph(x, k=6), np.arange(7))
    assert len(set(place[:3])) == 1
    assert len(np.unique(place)) == 5
    assert facts["pairs_by_time"] == 2


def test_places__a_clock_that_stood_still_tells_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[306] = "2000:01:01 00:00:00"
    paths = [str(tmp_path / f"{name}.jpg") for name in "abcdefgh"]
    for path in paths:
        Image.new("RGB", (8, 8)).save(path, exif=exif)
    x = random_rows(8)
    assert len(np.unique(places(paths, x, build_graph(x, k=7), np.arange(8))[0])) == 8


def test_places__names_that_count_on_and_look_alike() -> None:
    """Bursts of three among pictures whose names all count on: the names alone would make one place of all."""
    rng = np.random.default_rng(0)
    x = np.repeat(random_rows(40), 3, axis=0) + 0.03 * rng.normal(size=(120, 32))
    alone = random_rows(80, seed=1)
    x = comparable(np.concatenate([x, alone]).astype(np.float32), "cosine")
    paths = [f"folder/IMG_{number:04d}.jpg" for number in range(200)]
    place, _ = places(paths, x, build_graph(x, k=10), np.arange(200))
    true = np.concatenate([np.repeat(np.arange(40), 3), np.arange(40, 120)])
    together = place[:, None] == place
    assert not together[true[:, None] != true].any()
    assert together[true[:, None] == true].mean() > 0.7


def test_expected_gap__as_large_as_it_proves_to_be() -> None:
    """Each class is shown at ten places, which look more alike than the class does: new places are harder."""
    rng = np.random.default_rng(0)
    kind = rng.normal(size=(4, 24))
    where = 1.5 * rng.normal(size=(40, 24))
    place = np.repeat(np.arange(40), 20)
    codes = place % 4
    x = comparable((0.6 * kind[codes] + where[place] + 0.5 * rng.normal(size=(800, 24))).astype(np.float32), "cosine")
    found = expected_gap(x, codes, np.arange(800), regions(x, np.arange(800), 51, silent), 51)
    truth = expected_gap(x, codes, np.arange(800), place, 51)
    assert truth["accuracy_lost_in_new_places"] > 0.1
    assert abs(found["accuracy_in_new_places"] - truth["accuracy_in_new_places"]) < 0.1
    assert expected_gap(x[:40], codes[:40], np.arange(40), place[:40], 51) == {}
    assert expected_gap(x, np.full(800, -1), np.arange(800), place, 51) == {}


@pytest.mark.slow
def test_split_dataset__hard_cuts_no_place_and_says_what_to_expect() -> None:
    rng = np.random.default_rng(0)
    x = (np.repeat(rng.normal(size=(40, 16)), 10, axis=0) + 0.3 * rng.normal(size=(400, 16))).astype(np.float32)
    inputs = Inputs(n=400, embeddings=x, labels=GivenLabels.of([f"class {row // 10 % 3}" for row in range(400)]))
    params = SplitParams(embeddings="e", label_field="ground_truth", fractions=("train=0.7", "test=0.3"), hard=True)
    hard = split_dataset(inputs, params, silent)
    split = np.array(hard.values[""]).reshape(40, 10)
    assert (split == split[:, :1]).all(axis=1).mean() > 0.8, "whole places are held out"
    easy = split_dataset(inputs, SplitParams(embeddings="e", label_field="ground_truth"), silent)
    assert easy.facts["accuracy_in_new_places"] < easy.facts["accuracy_expected"]
    assert "on kinds of images it has not seen" in easy.facts["headline"]
    assert len(easy.values["place"]) == 400
