"""Label issues of many samples of many classes, without holding their probabilities: time, memory, what is found.

Vectors around class centres, a tenth of the labels wrong. The neighbor graph is given: ten samples of the own class and
as many of others by chance, so that what is measured is the judging alone.

    python benchmarks/large_labels.py [samples] [classes] [cells that may be held]
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np
from common import load_package, machine, recorded

D = 64


def made(n: int, classes: int, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """Vectors, true and given classes, neighbors."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(classes, D)).astype(np.float32)
    true = np.sort(rng.integers(0, classes, n))
    x = np.empty((n, D), np.float32)
    for start in range(0, n, 50_000):
        rows = slice(start, start + 50_000)
        x[rows] = centre[true[rows]] + 1.2 * rng.standard_normal((len(true[rows]), D)).astype(np.float32)
    given = np.where(rng.random(n) < 0.1, rng.integers(0, classes, n), true)
    starts = np.searchsorted(true, np.arange(classes + 1))
    size = np.diff(starts)[true]
    own = starts[true][:, None] + rng.integers(0, size[:, None], (n, 12))
    return x, true, given, np.concatenate([own, rng.integers(0, n, (n, 12))], axis=1).astype(np.int32)


def main(n: int, classes: int, cells: float) -> None:
    """Judge and report."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.graph import Graph
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.labels.consensus import views
    from image_curation.core.labels.find_label_issues import judge
    from sklearn.metrics import average_precision_score, f1_score

    x, true, given, indices = made(n, classes)
    graph = Graph(indices, np.tile(np.linspace(0.3, 0.8, 24, dtype=np.float32), (n, 1)))
    labels = GivenLabels(tuple(f"class {code:04d}" for code in range(classes)), given)
    inputs = Inputs(n=n, embeddings=x, labels=labels, graph_of=lambda k, metric, progress: graph)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, worked = time.perf_counter(), time.process_time()
    seen = views(inputs, "consensus", 5, 51, silent, cells=cells)
    verdict = judge(seen.beliefs.only(np.arange(n), np.arange(classes)), given)
    wall, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    matrix, kept = 4e-6 * n * classes, seen.beliefs.values.shape[1]
    print(
        f"\n{n:,} samples of {classes:,} classes, {D} dimensions; a matrix of probabilities would be {matrix:,.0f} MB"
    )
    print(f"kept of each sample: {kept} classes; left out: {seen.facts.get('left_out')}")
    print(f"memory before {before:,.0f} MB, at its peak {peak:,.0f} MB; {wall:.0f} s wall, {cpu:.0f} s CPU")
    wrong = given != true
    print(f"average precision {average_precision_score(wrong, 1 - verdict.quality):.3f}, ", end="")
    print(f"F1 {f1_score(wrong, verdict.flagged['balanced']):.3f}")


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        print(f"## Label issues in large\n\n{machine()}")
        size = [int(number) for number in sys.argv[1:3]] or [1_000_000, 1000]
        main(size[0], size[1], float(sys.argv[3]) if len(sys.argv) > 3 else 2e8)
