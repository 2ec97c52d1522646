"""Label issues of many samples of many classes, without holding their probabilities: time, memory, what is found.

Vectors around class centres, a tenth of the labels wrong. The neighbor graph is given: ten samples of the own class and
as many of others by chance, so that what is measured is the judging alone.

    python benchmarks/large_labels.py [samples] [classes]
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np
from common import load_package, machine

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


def main(n: int, classes: int) -> None:
    """Judge and report."""
    from image_curation.core.label_issues import LabelIssuesParams, find_label_issues
    from image_curation.core.method import GivenLabels, Inputs, silent
    from image_curation.core.neighbors import Graph
    from sklearn.metrics import average_precision_score, f1_score

    x, true, given, indices = made(n, classes)
    distances = np.tile(np.linspace(0.3, 0.8, 24, dtype=np.float32), (n, 1))
    names = tuple(f"class {code:04d}" for code in range(classes))
    inputs = Inputs(
        n=n,
        embeddings=x,
        labels=GivenLabels(names, given),
        graph_of=lambda k, metric, progress: Graph(indices, distances),
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, worked = time.perf_counter(), time.process_time()
    found = find_label_issues(inputs, LabelIssuesParams(), silent)
    wall, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wrong = given != true
    print(
        f"\n{n:,} samples of {classes:,} classes, {D} dimensions; "
        f"one matrix of probabilities would be {4e-6 * n * classes:,.0f} MB"
    )
    print(f"memory before {before:,.0f} MB, at its peak {peak:,.0f} MB; {wall:.0f} s wall, {cpu:.0f} s CPU")
    print(f"average precision {average_precision_score(wrong, 1 - found.values['quality']):.3f}, ", end="")
    print(f"F1 {f1_score(wrong, found.values['is_issue']):.3f}; left out: {found.facts['probe'].get('left_out')}")


if __name__ == "__main__":
    load_package()
    print(f"## Label issues in large\n\n{machine()}")
    main(*(int(number) for number in sys.argv[1:] or ("1000000", "1000")))
