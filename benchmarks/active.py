"""Active learning in rounds, simulated with real labels: accuracy after each round against random batches, five seeds.

A seed draws what is held out (a third) and the random batches. Labels of chosen samples are revealed round by round.
The probe that is scored is scikit-learn's logistic regression, another one than the method's own. Vectors of more than
128 dimensions are cut to their 128 strongest, by singular values, for time.

python benchmarks/active.py
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from common import load_package, machine, recorded
from selection import SETS, Table, few_dimensions

ROUNDS = 8
SEEDS = 5
BATCH = {
    "CIFAR-10": 50,
    "CIFAR-10, long-tailed": 20,
    "digits": 15,
    "planted groups": 40,
    "ants and bees, descriptor": 10,
}
STRATEGIES: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, balanced": {"balanced": True},
    "always typical": {"stage": "typical"},
    "always uncertain": {"stage": "uncertain"},
}


def accuracy(pool: Table, test: Table, rows: Any) -> tuple[float, float]:
    """Of logistic regression on the labelled rows: accuracy and balanced accuracy."""
    from sklearn.linear_model import LogisticRegression

    given = pool.classes[rows]
    if len(np.unique(given)) < 2:
        predicted = np.full(len(test.x), given[0])
    else:
        predicted = LogisticRegression(C=1.0, max_iter=200).fit(10 * pool.x[rows], given).predict(10 * test.x)
    right = predicted == test.classes
    return float(right.mean()), float(np.mean([right[test.classes == c].mean() for c in np.unique(test.classes)]))


def ours(pool: Table, test: Table, batch: int, graph: Any, **params: Any) -> list[tuple[float, float]]:
    """Accuracies after each round of `select_next_batch`."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.selection.select_next_batch import NextBatchParams, select_next_batch

    rows, found = np.empty(0, np.int64), []
    for _ in range(ROUNDS):
        known = np.zeros(len(pool.x), dtype=bool)
        known[rows] = True
        labels = [f"{code:02d}" if is_known else None for code, is_known in zip(pool.classes, known, strict=True)]
        field = "labels" if known.any() else None
        inputs = Inputs(
            n=len(pool.x), embeddings=pool.x, labels=GivenLabels.of(labels), graph_of=lambda k, metric, progress: graph
        )
        own = params if field else {}
        values = select_next_batch(inputs, NextBatchParams(n=batch, label_field=field, **own), silent).values
        rows = np.union1d(rows, np.flatnonzero(values["selected"]))
        found.append(accuracy(pool, test, rows))
    return found


def main(names: list[str]) -> None:
    """Print a table per set: balanced accuracy per round."""
    from image_curation.core.neighbors.graph import build_graph
    from threadpoolctl import threadpool_limits

    print(f"## Next batch\n\n{machine()}")
    for name in names or BATCH:
        whole, batch = few_dimensions(SETS[name]()), BATCH[name]
        results: dict[str, list[Any]] = {}
        began = time.process_time()
        for seed in range(SEEDS):
            order = np.random.default_rng(seed).permutation(len(whole.x))
            cut = len(order) // 3
            test = Table(whole.x[order[:cut]], whole.classes[order[:cut]])
            pool = Table(np.ascontiguousarray(whole.x[order[cut:]]), whole.classes[order[cut:]])
            with threadpool_limits(1):
                graph = build_graph(pool.x, k=24)
                draw = np.random.default_rng(100 + seed).permutation(len(pool.x))
                random = [accuracy(pool, test, draw[: batch * (step + 1)]) for step in range(ROUNDS)]
                results.setdefault("random", []).append(random)
                for strategy, params in STRATEGIES.items():
                    results.setdefault(strategy, []).append(ours(pool, test, batch, graph, **params))
        print(f"\n### {name}: {ROUNDS} rounds of {batch}, {time.process_time() - began:.0f} CPU s in all\n")
        steps = " | ".join(f"{batch * (step + 1)}" for step in range(ROUNDS))
        print(f"| accuracy (balanced) with labels | {steps} |\n|---" + "|---" * ROUNDS + "|")
        for strategy, runs in results.items():
            mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0)[:, 0].mean()
            cells = " | ".join(f"{100 * one:.1f} ({100 * two:.1f})" for one, two in mean)
            print(f"| {strategy} ± {100 * spread:.1f} | {cells} |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        main(sys.argv[1:])
