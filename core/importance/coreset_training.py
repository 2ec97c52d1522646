"""What a weighted coreset teaches: probes trained on coresets of 1, 5 and 10 %, beside all rows and random ones.

A quarter of the labelled rows is held out before anything is drawn, so that no probe, and no coreset, has seen them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from ..base.threads import blas_threads
from ..probes.logistic import Design, solve
from ..selection.coverage import HELD_OUT, PENALTY
from .coreset import class_sizes, pick, pilot_loss

SHARES = (0.01, 0.05, 0.1)
SEEDS = 5
MOST = 50_000  # rows of the probe that all rows train


def coreset_training(
    x: Array, codes: Array, n_classes: int, class_at_least: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Accuracy on held-out rows of probes trained on weighted coresets, on random rows and on all rows.

    Args:
        x: (n, d) unit rows.
        codes: (n,) classes, all at least 0.
        n_classes: C.
        class_at_least: coreset rows of even the smallest class.
        seed: of the rows held out and of the coresets.

    Returns:
        {"held_out": rows, "full": accuracy of all rows, at most 50,000 of them, "sizes": for each share {"share", "n",
        "coreset", "random", "random_spread"}}; accuracies are means of five draws. Plain JSON values. Empty where there
        are too few rows to hold any out.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    cut = round(HELD_OUT * len(x))
    held, train = np.sort(order[:cut]), np.sort(order[cut:])
    if cut == 0 or len(np.unique(codes[train])) < 2:
        return {}
    own, known = x[train], codes[train]
    with blas_threads(1):
        loss = pilot_loss(own, known, n_classes)
        design = Design.of(x)

        def score(rows: Array, weights: Array | None = None) -> float:
            counts = None if weights is None else (weights / weights.mean()).astype(np.float32)
            fit = solve(design, train[rows], known[rows], n_classes, PENALTY, importance=counts)
            return float((design.probabilities(held, fit).argmax(axis=1) == codes[held]).mean())

        whole = np.arange(len(own)) if len(own) <= MOST else np.sort(rng.choice(len(own), MOST, replace=False))
        found: list[dict[str, Any]] = []
        for done, share in enumerate(SHARES):
            progress(done, len(SHARES), "training probes on coresets")
            m = min(len(own), max(n_classes, round(share * len(own))))
            sizes = class_sizes(known, n_classes, m, class_at_least, {})
            ours, random = [], []
            for number in range(SEEDS):
                coreset = pick(own, loss, known, sizes, seed + number)
                ours.append(score(coreset.rows, coreset.weights))
                random.append(score(rng.choice(len(own), m, replace=False)))
            found.append(
                {
                    "share": share,
                    "n": m,
                    "coreset": round(float(np.mean(ours)), 4),
                    "random": round(float(np.mean(random)), 4),
                    "random_spread": round(float(np.std(random)), 4),
                }
            )
        return {"held_out": cut, "full": round(score(whole), 4), "sizes": found}


def said_of_training(training: dict[str, Any]) -> str:
    """What `coreset_training` found, in a sentence."""
    sizes = [
        f"a coreset of {one['n']:,} ({one['share']:.0%}): {one['coreset']:.1%}, "
        f"as many at random: {one['random']:.1%} ± {one['random_spread']:.1%}"
        for one in training["sizes"]
    ]
    return f"Accuracy trained on all: {training['full']:.1%}; on " + "; ".join(sizes)
