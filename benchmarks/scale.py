"""The whole chain on a large synthetic dataset: time and memory of each method, database included.

    python benchmarks/scale.py                   100,000 samples x 512
    python benchmarks/scale.py --rows 20000

Every method runs through `curate`, as in the App: it reads the fields, computes, and writes its own. The images are not
there, since no method of this list opens them. Memory is the largest that the process held during the method,
less what it held before the first, which is little more than the libraries. CPU seconds are this process's; the
database has its own.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from common import load_package, machine, recorded, synthetic

# The starter recipe on vectors that are there already, and what else reads them; the slowest last.
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("import_embeddings", {}),
    ("find_neighbors", {}),
    ("find_representatives", {"k": 100}),
    ("find_label_issues", {}),
    ("score_importance", {}),
    ("find_duplicates", {"exact": False, "confirm": False}),  # there are no files
    ("find_outliers", {}),
    ("select_subset", {"purpose": "cover_everything"}),
    ("order_by_similarity", {}),
    ("split_dataset", {}),
    ("compute_map", {"method": "pca"}),
    ("compute_map", {"method": "umap"}),
)
CLASSES = 10


def main() -> None:
    """Make the dataset, run the steps, print a table."""
    parser = argparse.ArgumentParser(description="Time and memory of each method on a large dataset")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    given = parser.parse_args()
    from database import start_database

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        start_database(Path(folder) / "database")
        load_package()
        print(f"## Scale: {given.rows:,} x {given.dim}\n\n{machine()}\n")
        print(
            "| method | CPU seconds | seconds | of them computing | peak MB above the start |\n" + "|---" * 5 + "|",
            flush=True,
        )
        _run(given.rows, given.dim, Path(folder))


def _run(rows: int, dim: int, folder: Path) -> None:
    import fiftyone as fo
    from image_curation import curate

    fo.config.default_dataset_dir = str(folder / "datasets")
    fo.config.show_progress_bars = False
    dataset, path = _dataset(rows, dim, folder)
    base = _resident()
    for method, params in STEPS:
        extra = {"path": str(path)} if method == "import_embeddings" else {}
        key = f"{method}_{params.get('method', '')}".strip("_") if method != "import_embeddings" else "embeddings"
        began, worked = time.perf_counter(), time.process_time()
        with _watched() as peak:
            run = curate(dataset, method, key=key, **params, **extra)
        name = " ".join([method, *map(str, params.values())])
        cells = [time.process_time() - worked, time.perf_counter() - began, run.facts["seconds"]]
        shown = " | ".join(f"{cell:.1f}" for cell in cells)
        print(f"| {name} | {shown} | {max(peak) - base:,.0f} |", flush=True)
    dataset.delete()


def _dataset(rows: int, dim: int, folder: Path) -> tuple[Any, Path]:
    """Samples without images, a label each, one in ten wrong; and their vectors as a file."""
    import fiftyone as fo
    from image_curation.core.embeddings.vector_files import write_npz

    rng = np.random.default_rng(0)
    x = synthetic(rows, dim)
    codes = (x @ rng.standard_normal((dim, CLASSES)).astype(np.float32)).argmax(axis=1)
    wrong = rng.random(rows) < 0.1
    codes[wrong] = rng.integers(CLASSES, size=int(wrong.sum()))
    paths = [f"/nowhere/{row:07}.jpg" for row in range(rows)]
    write_npz(str(folder / "vectors.npz"), x, paths)
    del x
    dataset = fo.Dataset()
    for begin in range(0, rows, 10_000):
        part = range(begin, min(begin + 10_000, rows))
        dataset.add_samples(
            [fo.Sample(filepath=paths[i], ground_truth=fo.Classification(label=str(codes[i]))) for i in part],
            progress=False,
        )
    return dataset, folder / "vectors.npz"


def _resident() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


@contextmanager
def _watched() -> Iterator[list[float]]:
    """Samples this process's memory, in MB, twenty times a second."""
    seen = [_resident()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            seen.append(_resident())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    with recorded(__file__):
        main()
