"""Reading vectors back: from the database as FiftyOne gives them, as we stream them, and from a memory-mapped file.

    python benchmarks/storage.py                  20,000 x 512 of each, and opening 1,000,000 x 512 float16
    python benchmarks/storage.py --rows 100000

Each reader runs in a process of its own, on a dataset that is made once; its CPU seconds and the memory that it takes
beyond what the process held before are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import load_package, machine, recorded

DIM = 512


def fiftyones_values(dataset: Any) -> Any:
    """What a script does: all values as a list, then an array of them."""
    return np.stack(dataset.values("field"))


def streamed(dataset: Any) -> Any:
    """Ours, from the field."""
    from image_curation.dataset.fields.rows import Rows

    return Rows(dataset.view(), None).vectors("field")[0]


def from_file(dataset: Any) -> Any:
    """Ours, from the file."""
    from image_curation.dataset.fields.rows import Rows
    from image_curation.dataset.runs.record import get_run
    from image_curation.dataset.storage import vectors as vector_store

    facts = get_run(dataset, "filed").facts
    return vector_store.read(facts["stored"], Rows(dataset.view(), None).values("filed"), "filed")[0]


READERS: dict[str, Callable[[Any], Any]] = {
    "dataset.values and np.stack": fiftyones_values,
    "ours, from the field": streamed,
    "ours, from the file (float16)": from_file,
}


def make(n: int) -> Any:
    """A dataset whose vectors are in a field, and in the file of a run."""
    import fiftyone as fo
    from image_curation import curate

    dataset = fo.Dataset(f"storage_{n}", persistent=True)
    dataset.add_samples([fo.Sample(filepath=f"{row}.png") for row in range(n)], progress=False)
    x = np.random.default_rng(0).standard_normal((n, DIM)).astype(np.float32)
    path = Path(tempfile.mkdtemp()) / "x.npy"
    np.save(path, x)
    curate(dataset, "import_embeddings", key="field", path=str(path))
    _file(dataset, x)
    return dataset


def _file(dataset: Any, x: Any) -> None:
    """A run whose vectors are in a file, without pictures to make them of."""
    import fiftyone as fo
    from image_curation.dataset.runs import record as runs
    from image_curation.dataset.storage import vectors as vector_store

    dataset.add_sample_field("filed", fo.IntField)
    dataset.set_values("filed", list(range(len(x))))
    stored = vector_store.save(dataset, "filed", "1", dataset.values("id"), x, np.arange(len(x)), "float16")
    run = runs.start(dataset, runs.Run(key="filed", method="compute_embeddings"))
    runs.finish(
        dataset, runs.Run(**{**run.__dict__, "writes": {"": "filed"}, "n": len(x), "facts": {"stored": stored}})
    )


def measure(reader: str, name: str) -> None:
    """Print what one reader costs, as JSON."""
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    dataset.values("filepath")  # the connection
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    READERS[reader](dataset)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu": cpu, "wall": time.perf_counter() - began, "peak_mb": after.ru_maxrss / 1024}))


def million() -> str:
    """Opening a file of 1,000,000 vectors and reading 1,000 of them, spread over it."""
    import fiftyone as fo
    from image_curation.dataset.storage import arrays as store
    from image_curation.dataset.storage import vectors as vector_store

    dataset = fo.Dataset()
    x = np.lib.stride_tricks.as_strided(np.ones(DIM, np.float16), (1_000_000, DIM), (0, 2))
    began = time.perf_counter()
    stored = vector_store.save(dataset, "big", "1", ["0" * 24] * len(x), x, np.arange(len(x)), "float16")
    written = time.perf_counter() - began
    began = time.perf_counter()
    vectors = vector_store.open_vectors(stored, "big")
    opened = time.perf_counter() - began
    vector_store.read(stored, list(range(0, 1_000_000, 1_000)), "big")
    read = time.perf_counter() - began - opened
    vector_store.drop(dataset, "big")
    assert not list(store.folder(dataset).glob("vectors_*"))
    return (
        f"{vectors.shape[0]:,} x {DIM} float16: written in {written:.1f} s, opened in {1000 * opened:.1f} ms, "
        f"1,000 rows read in {1000 * read:.0f} ms"
    )


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    load_package()
    if given.measure:
        measure(*given.measure)
        return
    from database import start_database

    with tempfile.TemporaryDirectory() as folder:
        os.environ["FIFTYONE_DEFAULT_DATASET_DIR"] = str(Path(folder) / "datasets")
        os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"
        start_database(Path(folder) / "database")
        _tables(given.rows)


def _tables(n: int) -> None:
    dataset = make(n)
    print(f"## Reading vectors back\n\n{machine()}")
    print(f"\n| {n:,} x {DIM} | CPU s | wall s | peak MB of the process |\n|---|---|---|---|")
    for reader in READERS:
        command = [sys.executable, __file__, "--measure", reader, dataset.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"| {reader} | {found['cpu']:.2f} | {found['wall']:.2f} | {found['peak_mb']:.0f} |")
    print("\n" + million())
    dataset.delete()


if __name__ == "__main__":
    with recorded(__file__):
        main()
