"""Outliers: our score against FiftyOne Brain's uniqueness and scikit-learn's local outlier factor, on planted ones.

The 5,000 images of CIFAR-10N among which photographs are planted, MobileNetV2 features of both: 60 of COCO, of many
things; 60 of ants and bees, which keep each other company; 20 of COCO that are there five times, as near copies; and
ten tiny clusters of 4 to 9 variations of one, whose inner spread is half of the usual distance between neighbors.

    python benchmarks/outliers.py [alone] [alike] [copied] [clusters] [seeds]
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, cifar, load_package, machine, recorded
from duplicates import own_database

N = 5_000
HOW = {
    "alone": "60 photographs of many things",
    "alike": "60 photographs of ants and bees",
    "copied": "20 photographs, each five times",
    "clusters": "ten clusters of 4 to 9",
}


def planted(how: str, seed: int = 0) -> tuple[Any, Any]:
    """(n, 1280) float32 unit vectors, and (n,) bool, which of them are planted; in random order."""
    rng = np.random.default_rng(seed)
    source = "hymenoptera" if how == "alike" else "coco256"
    with np.load(SHARED / source / "embeddings_mobilenetv2.npz", allow_pickle=False) as arrays:
        foreign = next(arrays[name] for name in arrays.files if arrays[name].shape[1:] == (1280,))
    usual, foreign = unit(cifar()[:N]), unit(foreign.astype(np.float32))
    foreign = foreign[rng.permutation(len(foreign))]
    if how in ("alone", "alike"):
        strange = foreign[:60]
    elif how == "copied":
        strange = around(np.repeat(foreign[:20], 5, axis=0), 0.02, rng)
    else:
        sizes = [4, 4, 5, 5, 6, 6, 7, 8, 8, 9]
        some = usual[rng.choice(N, 300, replace=False)]
        distance = np.sort(1 - some @ usual.T, axis=1)[:, 10]  # to the tenth neighbor
        strange = around(np.repeat(foreign[: len(sizes)], sizes, axis=0), 0.5 * float(np.median(distance)), rng)
    x, wrong = np.concatenate([usual, strange]), np.arange(N + len(strange)) >= N
    order = rng.permutation(len(x))
    return x[order], wrong[order]


def unit(x: Any) -> Any:
    """Rows of length one."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def around(x: Any, distance: float, rng: Any) -> Any:
    """Variations of unit vectors, two of which are about that cosine distance apart."""
    noise = rng.normal(size=x.shape) * np.sqrt(distance / x.shape[1])
    return unit(x + noise).astype(np.float32)


def ours(x: Any) -> tuple[Any, Any]:
    """Our score, and the samples of tiny clusters."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.quality.find_outliers import OutliersParams, find_outliers

    found = find_outliers(Inputs(n=len(x), embeddings=x), OutliersParams(), silent)
    return found.values["score"], found.values["is_edge_case"]


def uniqueness(x: Any) -> tuple[Any, None]:
    """FiftyOne Brain's uniqueness; the files do not exist, and it asks for none."""
    import fiftyone as fo
    import fiftyone.brain as fob

    logging.getLogger("fiftyone").setLevel(logging.WARNING)  # it would announce itself in the table
    dataset = fo.Dataset()
    dataset.add_samples([fo.Sample(filepath=f"/nowhere/{row}.jpg") for row in range(len(x))], progress=False)
    fob.compute_uniqueness(dataset, embeddings=x.astype(np.float64))
    score = np.array(dataset.values("uniqueness"))
    dataset.delete()
    return score, None


def local_outliers(k: int) -> Callable[[Any], tuple[Any, None]]:
    """scikit-learn's local outlier factor, cosine."""

    def score(x: Any) -> tuple[Any, None]:
        from sklearn.neighbors import LocalOutlierFactor

        found = LocalOutlierFactor(n_neighbors=k, metric="cosine", algorithm="brute").fit(x)
        return -found.negative_outlier_factor_, None

    return score


CONTESTANTS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "ours, `score`": ours,
    "FiftyOne Brain, uniqueness": uniqueness,
    "scikit-learn, local outlier factor, 20 neighbors": local_outliers(20),
    "the same, 50 neighbors": local_outliers(50),
}


def compare(how: str, seed: int) -> None:
    """A row of the table per contestant."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    x, wrong = planted(how, seed)
    for name, solve in CONTESTANTS.items():
        began = time.process_time()
        score, edge = solve(x)
        seconds = time.process_time() - began
        area, precision = roc_auc_score(wrong, score), average_precision_score(wrong, score)
        print(f"| {HOW[how]}, seed {seed} | {name} | {area:.3f} | {precision:.3f} | {seconds:.1f} |", flush=True)
        if edge is not None and how == "clusters":
            print(
                f"| | ours, `is_edge_case`: {edge[wrong].sum()} of {wrong.sum()}, {edge[~wrong].sum()} others | | | |"
            )


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        with tempfile.TemporaryDirectory() as home:
            own_database(Path(home))
            print(f"## Outliers\n\n{machine()}\n")
            print("| planted | | AUROC | average precision | CPU s |\n|---|---|---|---|---|")
            names, seeds = [a for a in sys.argv[1:] if a in HOW], [int(a) for a in sys.argv[1:] if a.isdigit()]
            for seed in seeds or [0]:
                for name in names or HOW:
                    compare(name, seed)
