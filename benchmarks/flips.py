"""Flipped labels found by someone who looks at what attention shows: the protocol of a closed tool's demonstration.

On CIFAR-10's clean labels 200 are flipped in each of the three largest cells (true class, predicted class) of the
probe's confusion matrix. Then ten rounds: the 99 most important samples not yet seen are looked at and their labels set
right, and importance is computed again. Counted are the flips seen.

The tool's own curve ends near 199 of 600 flips where random choice finds 39, so some 15,000 images were searched. Ours
are 5,000: flips are three times as dense. The second table is the same at a third of the scale, with 198 flips and
33 samples looked at each round: as dense as theirs. There random choice finds 13, and the tool's rate would be 66.

python benchmarks/flips.py             both tables
python benchmarks/flips.py 200 99      flips per cell, samples looked at each round
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np
from common import load_package, recorded
from probe import cifar10n, split

ROUNDS, CELLS = 10, 3


def flipped(x: Any, true: Any, flips: int, seeds: int) -> list[Any]:
    """Labels with so many flips in each of the three largest confusion cells, one array per seed."""
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.probes.linear_probe import out_of_fold

    names = GivenLabels.of([f"{code:02d}" for code in true])
    predicted = out_of_fold(
        Inputs(n=len(x), embeddings=x, labels=names), groups=np.arange(len(x))
    ).probabilities.argmax(1)
    n_classes = int(true.max()) + 1
    confusion = np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(confusion, 0)
    cells = [divmod(int(cell), n_classes) for cell in np.argsort(-confusion, axis=None, kind="stable")[:CELLS]]
    draws = []
    for seed in range(seeds):
        rng, given = np.random.default_rng(seed), true.copy()
        for a, b in cells:
            given[rng.choice(np.flatnonzero((true == a) & (given == a)), flips, replace=False)] = b
        draws.append(given)
    return draws


def rounds(x: Any, given: Any, true: Any, rank: Any, number: int) -> list[int]:
    """Flips seen after each round; rows seen are given their true label.

    Args:
        x: (n, d).
        given: (n,) classes, some flipped.
        true: (n,) classes.
        rank: called with x and the labels so far; (n,) scores, high to be looked at.
        number: of samples looked at in a round.
    """
    from image_curation.core.importance.score_importance import next_to_see

    labels, seen, found = given.copy(), np.zeros(len(x), dtype=bool), []
    for _ in range(ROUNDS):
        rows = next_to_see(rank(x, labels), labels, number, seen)
        seen[rows] = True
        labels[rows] = true[rows]
        found.append(int((seen & (given != true)).sum()))
    return found


def scores(method: str) -> Any:
    """A ranking by `score_importance`. The neighbor graph is built once, since vectors stay as they are."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.importance.score_importance import ImportanceParams, score_importance
    from image_curation.core.neighbors.graph import build_graph

    graphs: dict[str, Any] = {}

    def rank(x: Any, labels: Any) -> Any:
        def graph(k: int, metric: str, progress: Any) -> Any:
            if "graph" not in graphs:
                graphs["graph"] = build_graph(x, k=k, metric=metric, progress=progress)
            return graphs["graph"]

        inputs = Inputs(
            n=len(x), embeddings=x, labels=GivenLabels.of([f"{code:02d}" for code in labels]), graph_of=graph
        )
        return score_importance(inputs, ImportanceParams(embeddings="vectors", method=method), silent).values["score"]

    return rank


def by_cleanlab(x: Any, labels: Any) -> Any:
    """Cleanlab's self-confidence on scikit-learn's 5-fold logistic regression, computed again every round."""
    from label_issues import cleanlab

    return cleanlab(np.column_stack([x, labels, labels]).astype(np.float32))[0]


def main() -> None:
    """Print the flips seen after each round, medians over three draws of flips."""
    load_package()
    x, _, true = split(cifar10n("clean"))
    rng = np.random.default_rng(0)
    contestants = {
        "random": lambda x, labels: rng.random(len(x)),
        "ours, quick attention": scores("quick_attention"),
        "ours, attention": scores("attention"),
        "Cleanlab's self-confidence": by_cleanlab,
    }
    given = [int(number) for number in sys.argv[1:]]
    for flips, number in [(given[0], given[1])] if given else [(200, 99), (66, 33)]:
        draws = flipped(x, true, flips, 3)
        print(f"\n## Flips seen of {flips * CELLS}, after each of ten rounds of {number}\n")
        print("| | " + " | ".join(str(done) for done in range(1, ROUNDS + 1)) + " | CPU seconds |")
        print("|---" * (ROUNDS + 2) + "|", flush=True)
        for name, rank in contestants.items():
            began = time.process_time()
            runs = [rounds(x, labels, true, rank, number) for labels in draws]
            medians = [f"{statistics.median(run[done] for run in runs):.0f}" for done in range(ROUNDS)]
            seconds = (time.process_time() - began) / len(draws)
            print(f"| {name} | " + " | ".join(medians) + f" | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        main()
