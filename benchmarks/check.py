"""A whole check of a set of photographs: ours, its methods one by one, another checkout's, and the peers.

Photographs of 350 pixels, parts of real ones that lie beside the project, in two splits, with a class each, wrong
labels and copies among them. Vectors are given. Every contestant runs in a process of its own, after a check of 40 of
the pictures (imports, compiling); what is measured is the processor time of that process with its children, how much
its peak memory grows, and how often it opens an image file. The database's own processor time is not in it.

python benchmarks/check.py --beside ../before --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, SHARED, load_package, machine, recorded

WARM, SIDE, CLASSES = 40, 350, 43
WRONG, COPIED = 0.04, 0.02
CHECK, ALONE, BEFORE = "ours: check_dataset", "ours: each method by itself", "the other checkout: check_dataset"
METHODS = (
    ("find_label_issues", {"label_field": "ground_truth", "embeddings": "vectors"}),
    ("find_confusions", {"label_field": "ground_truth", "embeddings": "vectors"}),
    ("find_duplicates", {"label_field": "ground_truth", "embeddings": "vectors"}),
    ("find_leaks", {"embeddings": "vectors"}),
    ("find_quality_issues", {}),
    ("find_outliers", {"embeddings": "vectors"}),
    ("find_spurious_cues", {"label_field": "ground_truth"}),
)


def main() -> None:
    """Run the benchmark from the command line and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="another checkout, whose check runs in the same rounds")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one[0], Path(given.one[1]))))
        return
    wanted = [one for one in given.only if one != BEFORE or given.beside is not None]
    with tempfile.TemporaryDirectory() as folder:
        n = photographs(Path(folder), given.images)
        if n < given.images:
            print("left out: the data are missing")
            return
        print(f"## A whole check of {n:,} photographs\n\n{machine()}\n")
        print("| | CPU s | MB above its start | reads of image files | found |\n|---|---|---|---|---|")
        rounds = [{one: in_process(one, Path(folder), given.beside) for one in wanted} for _ in range(given.rounds)]
        for one in wanted:
            results = [results[one] for results in rounds if "cpu" in results[one]]
            if not results:
                print(f"| {one} | not installed | | | |")
                continue
            cpu, memory, reads = (
                statistics.median(result[key] for result in results) for key in ("cpu", "mb", "reads")
            )
            print(f"| {one} | {cpu:.1f} | {memory:.0f} | {reads:,.0f} | {results[0]['found']} |")


def photographs(folder: Path, count: int) -> int:
    """Write the pictures, their vectors, classes and splits; returns how many."""
    from PIL import Image

    load_package()
    rng = np.random.default_rng(0)
    real = [path for ending in ("hymenoptera/**/*.jpg", "coco256/**/*.jpg") for path in sorted(SHARED.glob(ending))]
    pictures = folder / "pictures"
    pictures.mkdir()
    paths: list[str] = []
    while len(paths) < (1 - COPIED) * count and real:
        for path in real:
            with Image.open(path) as image:
                whole = image.convert("RGB")
            width, height = (int(side * rng.uniform(0.45, 0.6)) for side in whole.size)
            left, top = int(rng.integers(whole.width - width)), int(rng.integers(whole.height - height))
            part = whole.crop((left, top, left + width, top + height))
            part = part.resize(
                (SIDE, max(1, SIDE * height // width)) if width >= height else (SIDE * width // height, SIDE)
            )
            paths.append(str(pictures / f"{len(paths):05d}.jpg"))
            part.save(paths[-1], quality=90)
            if len(paths) >= (1 - COPIED) * count:
                break
    for source in rng.choice(len(paths), count - len(paths), replace=False).tolist() if paths else ():
        paths.append(str(pictures / f"{len(paths):05d}.jpg"))
        with Image.open(paths[source]) as image:
            image.save(paths[-1], quality=75)
    if paths:
        x = vectors(paths)
        np.savez(folder / "set.npz", x=x, codes=classes(x, rng), test=rng.random(len(paths)) < 0.25)
    return len(paths)


def vectors(paths: list[str]) -> Any:
    """(n, d) float32 of the network for photographs."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.embeddings.compute_embeddings import METHOD

    inputs = Inputs(n=len(paths), paths=paths)
    return METHOD.run(inputs, METHOD.params(model="photographs"), silent).values[""]


def classes(x: Any, rng: Any) -> Any:
    """(n,) clusters of the vectors as classes, some of them wrong."""
    from sklearn.cluster import KMeans

    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    codes = KMeans(CLASSES, n_init=1, random_state=0).fit_predict(unit)
    wrong = rng.random(len(x)) < WRONG
    codes[wrong] = rng.integers(CLASSES, size=int(wrong.sum()))
    return codes


def ours(dataset: Any) -> Callable[[Any], Any]:
    """`check_dataset`."""
    from image_curation.sdk import act

    given = {"embeddings": "vectors", "label_field": "ground_truth"}
    return lambda view: act(view, "check_dataset", **given)["headline"]


def alone(dataset: Any) -> Callable[[Any], Any]:
    """Its methods, each without what others left for it."""
    import shutil

    from image_curation.dataset.curate import curate
    from image_curation.dataset.storage import arrays

    def run(view: Any) -> str:
        for name, given in METHODS:
            curate(view, name, overwrite=True, **given)
            shutil.rmtree(arrays.folder(dataset), ignore_errors=True)
        return ""

    return run


def cleanvision(dataset: Any) -> Callable[[Any], Any]:
    """CleanVision's checks, duplicates included, in this process."""
    from cleanvision import Imagelab

    def run(view: Any) -> str:
        lab = Imagelab(filepaths=view.values("filepath"))
        lab.find_issues(n_jobs=1, verbose=False)
        return f"{int((lab.issue_summary['num_images'] > 0).sum())} kinds"

    return run


def datalab(dataset: Any) -> Callable[[Any], Any]:
    """Datalab with features, and probabilities of a cross-validated logistic regression."""
    from cleanlab import Datalab
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    def run(view: Any) -> str:
        x, labels = np.stack(view.values("vectors")), view.values("ground_truth.label")
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        p = cross_val_predict(LogisticRegression(C=30.0, max_iter=200), x, labels, cv=3, method="predict_proba")
        lab = Datalab({"label": labels}, label_name="label", verbosity=0)
        lab.find_issues(pred_probs=p, features=x)
        return f"{int(lab.get_issues('label')['is_label_issue'].sum())} label issues"

    return run


def brain(dataset: Any) -> Callable[[Any], Any]:
    """FiftyOne Brain: exact and near duplicates, leaks, uniqueness and hardness of the labels by probabilities."""
    import fiftyone.brain as fob

    def run(view: Any) -> str:
        exact = fob.compute_exact_duplicates(view)
        fob.compute_near_duplicates(view, embeddings="vectors")
        fob.compute_leaky_splits(view, splits=["train", "test"], embeddings="vectors")
        fob.compute_uniqueness(view, embeddings="vectors")
        return f"{len(exact)} exact copies"

    return run


CONTESTANTS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    CHECK: ours,
    BEFORE: ours,
    ALONE: alone,
    "CleanVision": cleanvision,
    "Datalab with a logistic regression": datalab,
    "FiftyOne Brain": brain,
}


def measured(contestant: str, folder: Path) -> dict[str, Any]:
    """One contestant, in this process."""
    sys.path.insert(0, str(Path.cwd() / "scripts"))
    if contestant == BEFORE:
        sys.modules.pop("checkout", None)
    from checkout import load_package as load

    with tempfile.TemporaryDirectory() as home:
        database(Path(home))
        load()
        import fiftyone as fo

        dataset = made(fo, folder, None)
        try:
            run = CONTESTANTS[contestant]
            few = made(fo, folder, WARM)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                run(few)(few.view())
        except ImportError:
            return {}
        reads = 0

        def heard(event: str, arguments: Any) -> None:
            nonlocal reads
            reads += event == "open" and str(arguments[0]).startswith(str(folder / "pictures"))

        begin = run(dataset)
        sys.addaudithook(heard)
        peak, worked = memory(), cpu()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = begin(dataset.view())
        return {"cpu": cpu() - worked, "mb": memory() - peak, "reads": reads, "found": found}


def made(fo: Any, folder: Path, count: int | None) -> Any:
    """The dataset, or a small one to warm up on."""
    with np.load(folder / "set.npz", allow_pickle=False) as arrays:
        x, codes, test = (arrays[name][:count] for name in ("x", "codes", "test"))
    paths = sorted((folder / "pictures").iterdir())[:count]
    if count is not None:
        codes = np.arange(len(codes)) % 2
    dataset = fo.Dataset()
    dataset.add_sample_field("vectors", fo.VectorField)
    samples = [
        fo.Sample(
            filepath=str(path),
            tags=["test" if in_test else "train"],
            vectors=vector,
            ground_truth=fo.Classification(label=f"class {code}"),
        )
        for path, vector, code, in_test in zip(paths, x, codes, test, strict=True)
    ]
    dataset.add_samples(samples, progress=False)
    return dataset


def database(home: Path) -> None:
    """A database and a home of the contestant's own."""
    from database import start_database

    os.environ.update(
        FIFTYONE_DEFAULT_DATASET_DIR=str(home / "datasets"),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
    )
    start_database(home / "database")


def cpu() -> float:
    """Processor seconds of this process, the database it started left out."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory() -> float:
    """Megabytes: the most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_process(contestant: str, folder: Path, beside: Path | None) -> dict[str, Any]:
    """What a process of its own measured; empty where the peer is not installed."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "--one", contestant, str(folder)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=beside if contestant == BEFORE else ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{contestant} failed:\n{done.stderr}")
    said = [line for line in done.stdout.splitlines() if line.startswith("{")]  # others speak too, also at the end
    result: dict[str, Any] = json.loads(said[-1])
    return result


if __name__ == "__main__":
    with recorded(__file__):
        main()
