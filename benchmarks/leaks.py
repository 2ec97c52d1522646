"""Leaks between splits: ours against FiftyOne Brain's `compute_leaky_splits`, the same vectors and the same threshold.

Sets: CIFAR-10 pairs of a training and a test image that people judged (ciFAIR), by MobileNetV2; photos and their
resized copies (Caltech), and 652 photos with 800 altered copies of 80 of them, by the descriptor, each put into one of
two splits by chance. Pairs count that cross the splits. What the peer says of pairs is what `leaks_for_sample` gives
for each of the samples that it calls leaks, without those of the sample's own split.

    python benchmarks/leaks.py [cifar] [caltech] [photos]
"""

from __future__ import annotations

import csv
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded
from duplicates import described, own_database, photos, timed

Pairs = set[tuple[int, int]]


def ours(paths: list[str], x: Any, split: Any, **params: Any) -> tuple[Pairs, float]:
    """Pairs across splits, and the threshold used; at most ten are listed for a sample."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.copies.find_leaks import LeaksParams, find_leaks

    inputs = Inputs(n=len(paths), paths=paths, embeddings=x, labels=GivenLabels.of(split))
    found = find_leaks(inputs, LeaksParams(**params), silent)
    listed = enumerate(found.values["leak_of"])
    return {_pair(row, int(other)) for row, own in listed for other in own if other >= 0}, found.facts["threshold"]


def brain(paths: list[str], x: Any, split: Any, threshold: float) -> Pairs:
    """Pairs across splits by FiftyOne Brain."""
    import fiftyone as fo
    import fiftyone.brain as fob

    logging.getLogger("fiftyone").setLevel(logging.WARNING)
    dataset = fo.Dataset()
    rows = zip(paths, split, strict=True)
    dataset.add_samples([fo.Sample(filepath=path, split=name) for path, name in rows], progress=False)
    ids = dataset.values("id")
    place = {sample: row for row, sample in enumerate(ids)}
    index = fob.compute_similarity(dataset, embeddings=x.astype(np.float64), backend="sklearn", metric="cosine")
    found = fob.compute_leaky_splits(dataset, "split", threshold=1 - threshold, similarity_index=index)
    pairs = set()
    for one in dict.fromkeys(found.leak_ids):
        for other in found.leaks_for_sample(one).values("id"):
            if split[place[one]] != split[place[other]]:
                pairs.add(_pair(place[one], place[other]))
    dataset.delete()
    return pairs


def compare(paths: list[str], x: Any, split: Any, score: Callable[[Pairs], str], head: str) -> None:
    """Ours with and without pixels, and the peer at both thresholds."""
    print(f"\n| | threshold | CPU s | {head} |\n|---|---|---|" + "---|" * (head.count("|") + 1))
    thresholds = []
    for name, params in (("ours", {}), ("ours, vectors alone", {"confirm": False})):
        (pairs, threshold), seconds = timed(lambda params=params: ours(paths, x, split, **params))
        thresholds.append(threshold)
        print(f"| {name} | {threshold:.3f} | {seconds:.1f} | {score(pairs)} |", flush=True)
    for threshold in thresholds:
        pairs, seconds = timed(lambda threshold=threshold: brain(paths, x, split, threshold))
        print(f"| FiftyOne Brain | {threshold:.3f} | {seconds:.1f} | {score(pairs)} |", flush=True)


def run_cifar() -> None:
    """Pairs that people judged, between the published training and test images."""
    from PIL import Image

    with np.load(SHARED / "near_duplicates" / "cifair10_pairs.npz", allow_pickle=False) as arrays:
        data = {name: arrays[name] for name in arrays.files}
    crossing = data["split"][data["a"]] != data["split"][data["b"]]
    pairs = [_pair(int(a), int(b)) for a, b in zip(data["a"], data["b"], strict=True)]
    rows = list(zip(pairs, crossing, data["judgment"], strict=True))
    same, alike = ({pair for pair, across, own in rows if across and own == verdict} for verdict in (1, 2))
    print(f"\n### CIFAR-10: {len(same)} near-duplicates and {len(alike)} similar shots of a training and a test image")

    def score(found: Pairs) -> str:
        near, similar = len(found & same), len(found & alike)
        return f"{near / len(same):.3f} | {similar / len(alike):.3f} | {near / max(near + similar, 1):.3f}"

    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{row}.png") for row in range(len(data["images"]))]
        for path, pixels in zip(paths, data["images"], strict=True):
            Image.fromarray(pixels).save(path)
        head = "near-duplicates found | similar shots taken for leaks | precision among judged"
        compare(paths, data["mobilenetv2"].astype(np.float32), data["split"].tolist(), score, head)


def run_caltech() -> None:
    """Originals and their resized copies."""
    folder = SHARED / "near_duplicates" / "caltech_rand_resize"
    rows = list(csv.DictReader((folder / "groups.csv").open()))
    _by_chance("Caltech", [str(folder / row["path"]) for row in rows], np.array([int(row["group"]) for row in rows]))


def run_photos() -> None:
    """Planted copies."""
    with tempfile.TemporaryDirectory() as folder:
        paths, shows, _ = photos(Path(folder))
        _by_chance("Altered copies", paths, shows)


def _by_chance(name: str, paths: list[str], shows: Any) -> None:
    """Two splits by chance; a pair is right where both show the same picture."""
    split = np.array(["train", "test"])[np.random.default_rng(0).integers(2, size=len(paths))].tolist()
    rows = range(len(paths))
    wanted = {(a, b) for a in rows for b in rows[a + 1 :] if shows[a] == shows[b] and split[a] != split[b]}
    print(f"\n### {name}: {len(paths):,} photos, {len(wanted):,} pairs across two splits")

    def score(found: Pairs) -> str:
        right = len(found & wanted)
        leaking = {row for pair in wanted for row in pair}
        told = {row for pair in found for row in pair}
        return (
            f"{right / max(len(found), 1):.3f} | {right / len(wanted):.3f} | {len(told & leaking) / len(leaking):.3f}"
        )

    compare(paths, described(paths), split, score, "precision of pairs | recall of pairs | leaking samples found")


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


RUNS = {"cifar": run_cifar, "caltech": run_caltech, "photos": run_photos}

if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        with tempfile.TemporaryDirectory() as home:
            own_database(Path(home))
            print(f"## Leaks\n\n{machine()}")
            for name in sys.argv[1:] or RUNS:
                RUNS[name]()
