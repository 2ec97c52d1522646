"""The neighbor graph and the map of very many vectors: time, memory and how good they are.

python benchmarks/million.py                                 1,000,000 synthetic vectors of 512 dimensions
python benchmarks/million.py --rows 50000 --landmarks 5000   as large a share laid out as of a million
python benchmarks/million.py --rows 50000 --landmarks 50000  all of them: what laying out a few loses

Memory is the largest that the process has held so far, the vectors included. The recall is measured on 500 rows that
had no say in how the graph was searched.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from common import load_package, machine, recorded, synthetic

load_package()

from image_curation.core.base.arrays import silent  # noqa: E402
from image_curation.core.base.inputs import Inputs  # noqa: E402
from image_curation.core.maps.compute_map import LISTED, MapParams, compute_map  # noqa: E402
from image_curation.core.neighbors.graph import build_graph, certified_recall, nearest  # noqa: E402


def main() -> None:
    """Build the graph, then the map on it, and print both."""
    parser = argparse.ArgumentParser(description="Neighbor graph and map of very many vectors")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--landmarks", type=int, default=100_000)
    given = parser.parse_args()
    build_graph(synthetic(3_000, 40), k=LISTED, exact_up_to=0)  # compiles
    x = synthetic(given.rows, given.dim)
    print(f"## {given.rows:,} x {given.dim}\n\n{machine()}\n", flush=True)
    with _told("graph"):
        graph = build_graph(x, k=LISTED)
    rows = np.sort(np.random.default_rng(1).choice(len(x), 500, replace=False))
    truth = nearest(x[rows], x, 15, "cosine", own=rows)[1]
    print(graph.facts, f"recall on other rows {certified_recall(graph.distances[rows, :15], truth):.4f}", flush=True)
    params = MapParams(embeddings="vectors", landmarks=given.landmarks)
    inputs = Inputs(len(x), embeddings=x, graph_of=lambda k, metric, progress: graph)
    with _told("map"):
        facts = compute_map(inputs, params, silent).facts
    print(facts)


@contextmanager
def _told(what: str) -> Iterator[None]:
    wall, worked = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, cpu = time.perf_counter() - wall, time.process_time() - worked
    print(f"{what}: {cpu:.0f} CPU seconds, {seconds:.0f} seconds of wall time, peak {peak:,.0f} MB", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        main()
