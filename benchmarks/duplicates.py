"""Copies: ours against FiftyOne Brain's `compute_near_duplicates` on the same vectors and at the same threshold.

Sets: 652 photos with planted copies of 80 of them, altered in ten ways, by the descriptor; CIFAR-10 pairs that
people judged (ciFAIR), by MobileNetV2; photos and their resized copies (Caltech), by the descriptor. And
how long the threshold takes to move afterwards, on 100,000 samples.

    python benchmarks/duplicates.py [photos] [cifar] [caltech] [moving]
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded

ALTERED = ("mirrored", "re-encoded", "halved", "cut to .95", "cut to .9", "cut to .8", "brighter", "grey", "paler")
ALTERED += ("mirrored and cut to .9",)


def alter(image: Any, how: str, rng: Any) -> Any:
    """One altered copy of a picture."""
    from PIL import Image, ImageEnhance, ImageOps

    if how.startswith("mirrored"):
        image = ImageOps.mirror(image)
    if "cut to" in how:
        share = float(how.split()[-1])
        width, height = int(image.width * share), int(image.height * share)
        left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
        return image.crop((left, top, left + width, top + height))
    if how == "re-encoded":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=40)
        return Image.open(file).convert("RGB")
    if how == "halved":
        return image.resize((image.width // 2, image.height // 2))
    if how == "grey":
        return ImageOps.grayscale(image).convert("RGB")
    if how in ("brighter", "paler"):
        change = ImageEnhance.Brightness(image) if how == "brighter" else ImageEnhance.Contrast(image)
        return change.enhance(1.3 if how == "brighter" else 0.7)
    return image


def photos(folder: Path) -> tuple[list[str], Any, list[str]]:
    """Paths, the number of the picture that each shows, and how it was altered ("" for originals)."""
    from PIL import Image

    paths = [str(p) for name in ("hymenoptera", "coco256") for p in sorted((SHARED / name).rglob("*.jpg"))]
    shows, how = list(range(len(paths))), [""] * len(paths)
    rng = np.random.default_rng(0)
    for row in rng.choice(len(paths), 80, replace=False):
        with Image.open(paths[row]) as file:
            image = file.convert("RGB")
        for one in ALTERED:
            path = folder / f"{row}_{one.replace(' ', '_')}.jpg"
            alter(image, one, rng).save(path, quality=85)
            paths.append(str(path))
            shows.append(int(row))
            how.append(one)
    return paths, np.array(shows), how


def described(paths: list[str]) -> Any:
    """Vectors of the descriptor."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings

    inputs = Inputs(n=len(paths), paths=paths)
    return compute_embeddings(inputs, EmbeddingsParams(model="descriptor"), silent).values[""]


def ours(paths: list[str], x: Any, **params: Any) -> tuple[Any, float]:
    """Group of each row, -1 for none; and the threshold used."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.copies.find_duplicates import DuplicatesParams, find_duplicates

    found = find_duplicates(Inputs(n=len(paths), paths=paths, embeddings=x), DuplicatesParams(**params), silent)
    return np.array([-1 if g is None else g for g in found.values["group"]]), found.facts["threshold"]


def brain(paths: list[str], x: Any, threshold: float) -> Any:
    """Group of each row by FiftyOne Brain."""
    import fiftyone as fo
    import fiftyone.brain as fob

    dataset = fo.Dataset()
    dataset.add_samples([fo.Sample(filepath=path) for path in paths], progress=False)
    ids = dataset.values("id")
    found = fob.compute_near_duplicates(dataset, threshold=1 - threshold, embeddings=x.astype(np.float64).copy())
    place = {sample: row for row, sample in enumerate(ids)}
    group = np.full(len(ids), -1)
    for number, (kept, copies) in enumerate(found.neighbors_map.items()):
        for sample in [kept, *(copy for copy, _ in copies)]:
            group[place[sample]] = number
    dataset.delete()
    return group


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The result, and CPU seconds."""
    began = time.process_time()
    return call(), time.process_time() - began


def pairs_in(group: Any) -> set[tuple[int, int]]:
    """All pairs of rows that share a group."""
    found = set()
    for number in np.unique(group[group >= 0]):
        rows = np.flatnonzero(group == number).tolist()
        found |= {(a, b) for at, a in enumerate(rows) for b in rows[at + 1 :]}
    return found


def judged(paths: list[str], x: Any, score: Callable[[Any], str], head: str) -> None:
    """Ours with and without pixels, and the peer at both thresholds."""
    print(f"\n| | threshold | CPU s | {head} |\n|---|---|---|" + "---|" * (head.count("|") + 1))
    thresholds = []
    for name, params in (("ours", {}), ("ours, vectors alone", {"confirm": False, "exact": False})):
        (group, threshold), seconds = timed(lambda params=params: ours(paths, x, **params))
        thresholds.append(threshold)
        print(f"| {name} | {threshold:.3f} | {seconds:.1f} | {score(group)} |", flush=True)
    for threshold in thresholds:
        group, seconds = timed(lambda threshold=threshold: brain(paths, x, threshold))
        print(f"| FiftyOne Brain | {threshold:.3f} | {seconds:.1f} | {score(group)} |", flush=True)


def run_photos() -> None:
    """Planted copies."""
    with tempfile.TemporaryDirectory() as folder:
        paths, shows, how = photos(Path(folder))
        x = described(paths)
        print("\n### 652 photos and 800 altered copies of 80 of them, descriptor")

        def score(group: Any) -> str:
            found = pairs_in(group)
            right = sum(shows[a] == shows[b] for a, b in found)
            copies = [row for row, name in enumerate(how) if name]
            with_original = {row: group[row] >= 0 and group[row] == group[shows[row]] for row in copies}
            weakest = {name: np.mean([with_original[row] for row in copies if how[row] == name]) for name in ALTERED}
            ranked = sorted(weakest.items(), key=lambda item: item[1])[:4]
            worst = ", ".join(f"{name} {share:.2f}" for name, share in ranked)
            return f"{right / max(len(found), 1):.3f} | {np.mean(list(with_original.values())):.3f} | {worst}"

        judged(paths, x, score, "precision of pairs | copies with their original | weakest")


def run_cifar() -> None:
    """Pairs that people judged."""
    from PIL import Image

    with np.load(SHARED / "near_duplicates" / "cifair10_pairs.npz", allow_pickle=False) as arrays:
        data = {name: arrays[name] for name in arrays.files}
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{row}.png") for row in range(len(data["images"]))]
        for path, pixels in zip(paths, data["images"], strict=True):
            Image.fromarray(pixels).save(path)
        print("\n### CIFAR-10, 608 images, 162 pairs judged by people (ciFAIR), MobileNetV2")

        def score(group: Any) -> str:
            together = (group[data["a"]] >= 0) & (group[data["a"]] == group[data["b"]])
            near, similar = data["judgment"] == 1, data["judgment"] == 2
            precision = (together & near).sum() / max(together.sum(), 1)
            return f"{together[near].mean():.3f} | {together[similar].mean():.3f} | {precision:.3f}"

        head = "near-duplicates found | similar shots taken for copies | precision among judged"
        judged(paths, data["mobilenetv2"].astype(np.float32), score, head)


def run_caltech() -> None:
    """Originals and their resized copies."""
    folder = SHARED / "near_duplicates" / "caltech_rand_resize"
    rows = list(csv.DictReader((folder / "groups.csv").open()))
    paths, truth = [str(folder / row["path"]) for row in rows], np.array([int(row["group"]) for row in rows])
    print("\n### Caltech, 82 photos, 199 pairs of resized copies, descriptor")

    def score(group: Any) -> str:
        found, wanted = pairs_in(group), pairs_in(truth)
        return f"{len(found & wanted) / max(len(found), 1):.3f} | {len(found & wanted) / len(wanted):.3f}"

    judged(paths, described(paths), score, "precision of pairs | recall of pairs")


def run_moving(n: int = 100_000, copies: int = 10_000) -> None:
    """Moving the threshold of a run on many samples, through the database: what the run left is made, not searched."""
    import fiftyone as fo
    from bson import ObjectId
    from image_curation import act
    from image_curation.core.base.arrays import silent
    from image_curation.core.copies.find_duplicates import METHOD, DuplicatesParams, Worth, move
    from image_curation.core.copies.search import Copies
    from image_curation.core.images.pixels import Looks
    from image_curation.dataset.fields.rows import Rows
    from image_curation.dataset.outputs.run_writer import RunWriter
    from image_curation.dataset.runs import record as runs

    dataset = fo.Dataset()
    dataset.add_sample(fo.Sample(filepath="/nowhere/0.jpg"))
    first = dataset._sample_collection.find_one({})
    more = [{**first, "_id": ObjectId(), "filepath": f"/nowhere/{row}.jpg"} for row in range(1, n)]
    dataset._sample_collection.insert_many(more)
    rng = np.random.default_rng(0)
    pairs = np.unique(np.sort(rng.integers(0, n, (copies, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    similarity = rng.uniform(0.9, 1, len(pairs)).astype(np.float32)
    no, nothing = np.zeros(n, dtype=bool), np.zeros(0, np.int64)
    found = Copies(np.arange(n), no, pairs[:, 0], pairs[:, 1], similarity, Looks(0), {"floor": 0.9})
    worth = Worth(~no, no, rng.integers(1, 9, n), rng.random(n), nothing)
    params, rows = DuplicatesParams(threshold=0.9), Rows(dataset.view(), None)
    kept = {**found.kept(), **worth.kept()}
    made = move(kept, params, 0.9)
    run = runs.Run(key="duplicates", method=METHOD.name, method_version=METHOD.version, params=params.to_dict())
    run = runs.start(dataset, run)
    writer = RunWriter(dataset, METHOD, run, rows)
    writer.stage(dataclasses.replace(made, kept=kept), silent)
    writer.commit(dataclasses.replace(run, facts=dict(made.facts)))
    print(f"\n### Moving the threshold on {n:,} samples with {len(pairs):,} pairs\n")
    print("| from | to | samples written | wall s | CPU s of Python | of them grouping | CPU s of the database |")
    print("|---|---|---|---|---|---|---|")
    steps = (0.9, 0.91, 0.9, 0.95, 0.99, 0.95, 0.9)
    for before, threshold in itertools.pairwise(steps):
        _, grouping = timed(
            lambda before=before, threshold=threshold: [move(kept, params, t) for t in (before, threshold)]
        )
        began, worked, stored = time.perf_counter(), time.process_time(), database_seconds()
        changed = act(dataset, "move_threshold", key=run.key, threshold=threshold)["changed"]
        wall, cpu = time.perf_counter() - began, time.process_time() - worked
        stored = database_seconds() - stored
        print(f"| {before} | {threshold} | {changed:,} | {wall:.2f} | {cpu:.2f} | {grouping:.2f} | {stored:.2f} |")
    dataset.delete()


def database_seconds() -> float:
    """CPU seconds that the databases of this process have used."""
    import psutil

    mine = [child for child in psutil.Process().children(recursive=True) if child.name().startswith("mongod")]
    return sum(child.cpu_times().user + child.cpu_times().system for child in mine)


def own_database(folder: Path) -> None:
    """A MongoDB for this process, as the tests have it."""
    from database import start_database

    os.environ.update(FIFTYONE_DEFAULT_DATASET_DIR=str(folder / "datasets"), FIFTYONE_DO_NOT_TRACK="true")
    os.environ.update(FIFTYONE_SHOW_PROGRESS_BARS="false")
    start_database(folder / "database")


RUNS = {"photos": run_photos, "cifar": run_cifar, "caltech": run_caltech, "moving": run_moving}

if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        with tempfile.TemporaryDirectory() as home:
            own_database(Path(home))
            print(f"## Copies\n\n{machine()}")
            for name in sys.argv[1:] or RUNS:
                RUNS[name]()
