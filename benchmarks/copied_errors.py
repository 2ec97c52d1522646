"""Wrong labels that near-duplicates copy, as frames of a shot or scraped copies of a photograph share one label.

Two kinds of sets in 512 dimensions. *Concepts*: ten classes of twelve concepts each, of heavy-tailed sizes
(`tests/core/helpers/planted.py`). *Scattered*: clusters of clusters of heavy-tailed sizes (`common.synthetic_clusters`,
600 of them), and each of ten classes a union of clusters by chance. A class is written wrongly for 8 % of the 1,500
originals, evenly over the other classes, and then originals are copied, label included: some of them, as scraping
gives, or all, as the frames of shots.

The peer is Cleanlab's self-confidence on five-fold logistic regression of unit vectors, with C = 10 and with C of least
cross-validated log-loss among three; its folds are stratified, or also keep together what our `core/probes/folds.py`
takes for near-duplicates. How we tell copies was mended on such a set of another seed.

python benchmarks/copied_errors.py                 three seeds, which draw the set, the wrong labels and the folds
python benchmarks/copied_errors.py "scattered, 30%"      those whose names start so
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from common import over_seeds, recorded, synthetic_clusters
from label_issues import ours, planted_module
from probe import split

ORIGINALS, DIMENSIONS, CLUSTERS, CLASSES = 1500, 512, 600, 10
WRONG = 0.08  # of the originals
JITTER = 0.05  # length of a copy's difference from its original, relative to it
GRID = (1.0, 10.0, 100.0)


def concepts(seed: int) -> tuple[Any, Any]:
    """Originals of *concepts* and their true classes."""
    made = planted_module().clean(ORIGINALS, DIMENSIONS, CLASSES, spread=2.5, seed=seed)
    return made.x, made.true


def scattered(seed: int) -> tuple[Any, Any]:
    """Originals of *scattered* and their true classes."""
    x, member = synthetic_clusters(ORIGINALS, DIMENSIONS, CLUSTERS, seed)
    return x, np.random.default_rng(seed).integers(CLASSES, size=CLUSTERS)[member]


def copied(originals: Callable[[int], tuple[Any, Any]], copied_share: float, group: int, seed: int) -> Any:
    """(n, 514) vectors, given and true class.

    Args:
        originals: from a seed, their vectors and true classes.
        copied_share: of the originals that have copies.
        group: rows of an original and its copies together.
        seed: of everything.
    """
    rng = np.random.default_rng(seed)
    x, true = originals(seed)
    given = true.copy()
    wrong = rng.choice(ORIGINALS, round(WRONG * ORIGINALS), replace=False)
    given[wrong] = (given[wrong] + rng.integers(1, CLASSES, len(wrong))) % CLASSES
    several = rng.choice(ORIGINALS, round(copied_share * ORIGINALS), replace=False)
    rows = np.concatenate([np.arange(ORIGINALS), np.repeat(several, group - 1)])
    step = rng.normal(size=(len(rows), DIMENSIONS))
    step *= JITTER / np.linalg.norm(step, axis=1, keepdims=True)
    step[:ORIGINALS] = 0
    y = x[rows] + step
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return np.column_stack([y, given[rows], true[rows]]).astype(np.float32)


def self_confidence(table: Any, seed: int, grid: tuple[float, ...], grouped: bool) -> Any:
    """Cleanlab's badness of each label, 1 - p(given label), on five folds."""
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    x, given, _ = split(table)
    if grouped:
        found = near_duplicates(x)
        folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(x, given, found))
    else:
        folds = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(x, given))
    best = np.inf, np.empty(0)
    with threadpool_limits(1):
        for c in grid:
            model = LogisticRegression(C=c, max_iter=1000)
            probabilities = cross_val_predict(model, x, given, cv=folds, method="predict_proba")
            best = min(best, (log_loss(given, probabilities), probabilities), key=lambda pair: pair[0])
    return 1 - get_label_quality_scores(given, best[1])


def near_duplicates(x: Any) -> Any:
    """Our groups of rows that no fold may part."""
    from image_curation.core.neighbors.graph import build_graph
    from image_curation.core.probes.folds import near_duplicate_groups
    from image_curation.core.probes.linear_probe import NEIGHBORS

    return near_duplicate_groups(build_graph(x, k=NEIGHBORS))


def score(table: Any, badness: Any) -> dict[str, float]:
    """Average precision of the ranking for wrong labels."""
    from sklearn.metrics import average_precision_score

    _, given, true = split(table)
    return {"average precision": float(average_precision_score(given != true, badness))}


def _seeded(make: Callable[[int], tuple[Any, Any]], share: float, group: int, seed: int) -> Any:
    return copied(make, share, group, 100 + seed)


CONTESTANTS = {
    "stratified, C = 10": lambda table, seed: self_confidence(table, seed, (10.0,), False),
    "stratified, C by log-loss": lambda table, seed: self_confidence(table, seed, GRID, False),
    "our groups, C = 10": lambda table, seed: self_confidence(table, seed, (10.0,), True),
    "ours": lambda table, seed: ours(table, seed=seed)[0],
}
DATA = {
    f"{make.__name__}, {share:.0%} copied, groups of {group}": functools.partial(_seeded, make, share, group)
    for make in (concepts, scattered)
    for share, group in ((0.3, 4), (0.3, 8), (0.1, 16), (1.0, 4))
}

if __name__ == "__main__":
    with recorded(__file__):
        chosen = {name: make for name, make in DATA.items() if not sys.argv[1:] or name.startswith(sys.argv[1])}
        over_seeds(CONTESTANTS, chosen, score)
