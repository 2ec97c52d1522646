"""Quick attention of more samples than are held in memory: time and peak memory by number of samples.

Chunks of 20,000 x 512 in 100 classes are made anew for every pass, so memory holds one; making them is not counted.

python benchmarks/streaming.py             250,000 and 1,000,000 samples
python benchmarks/streaming.py 100000      so many
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from common import load_package, recorded

CHUNK, DIMS, CLASSES = 20_000, 512, 100


class Source:
    """Chunks of clustered vectors, ten of a hundred labels wrong; the same in every pass."""

    def __init__(self, n: int) -> None:
        self.n, self.making = n, 0.0
        self.centres = np.random.default_rng(0).normal(size=(CLASSES, DIMS)).astype(np.float32)

    def __call__(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, self.n, CHUNK):
            began = time.process_time()
            rng = np.random.default_rng([1, start])
            size = min(CHUNK, self.n - start)
            true = rng.integers(0, CLASSES, size)
            x = self.centres[true] + 3 * rng.standard_normal((size, DIMS), dtype=np.float32)
            codes = np.where(rng.random(size) < 0.1, rng.integers(0, CLASSES, size), true)
            self.making += time.process_time() - began
            yield x, codes


def measure(n: int) -> None:
    """Print a row of the table."""
    from image_curation.core.importance.streaming import Stream

    source = Source(n)
    wall, worked = time.perf_counter(), time.process_time()
    stream = Stream.fit(source, CLASSES)
    fitted = time.process_time() - worked - source.making
    scored = sum(len(score) for score in stream.scores(source()))
    worked = time.process_time() - worked - source.making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = [f"{scored:,}", f"{time.perf_counter() - wall:.0f}", f"{fitted:.1f}", f"{worked:.1f}"]
    print("| " + " | ".join([*cells, f"{peak:.0f}"]) + " |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        print("## Streaming\n")
        print("| samples | seconds, making them included | CPU seconds to fit | CPU seconds in all | peak MB |")
        print("|---" * 5 + "|")
        for number in [int(given) for given in sys.argv[1:]] or [250_000, 1_000_000]:
            measure(number)
