"""How well a subset covers a set: measured, and measured again on random subsets of the same size.

No figure about a subset means much alone: a random subset of a tenth touches most clusters too. So everything here
comes with the mean and the spread over random subsets of the same candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.threads import blas_threads
from ..neighbors.distances import comparable
from ..probes.logistic import Design, solve
from ..representatives.k_medoids import k_medoids
from .greedy import nearest_of

MEASURED = 5_000  # rows whose distance to a subset is measured, evenly spread
RARE = 0.1  # the smallest clusters that together hold at most this share of the rows are rare
HELD_OUT = 0.25
PENALTY = 1e-4  # of the probes; on 30 to 400 rows of four sets no other power of ten was better on average
ROWS_PER_CLUSTER = 40
CLUSTERS = (8, 400)
SEEDS = 5

MEASURES = {
    "mean_distance": ("Mean distance of a sample to the nearest selected one", "low"),
    "far_distance": ("Distance to the nearest selected one that 99 % of the samples do not exceed", "low"),
    "largest_distance": ("Largest distance of a sample to the nearest selected one", "low"),
    "clusters": ("Share of the clusters with a selected sample", "high"),
    "rare_clusters": ("Share of the rare clusters with a selected sample", "high"),
    "evenness": ("How even the classes are: entropy of their shares, 1 for all alike", "high"),
    "duplicates": ("Share of the selected samples that have a near-duplicate among them", "low"),
    "importance": ("Share of the total importance that is selected", "high"),
    "accuracy": ("Accuracy on held-out samples of a probe trained on the subset", "high"),
    "balanced_accuracy": ("The same, as the mean over the classes", "high"),
}


@dataclass(frozen=True)
class Ground:
    """A set that subsets are measured against.

    Attributes:
        x: (n, d) unit rows.
        cluster: (n,) int64 clusters, or groups known otherwise.
        codes: (n,) int64 classes, -1 for none; None without labels.
        duplicate_group: (n,) int64, near-duplicates share a number; None where they were not looked for.
        importance: (n,) scores of at least 0, NaN for none; None without.
        beside: (m,) rows that every subset has beside it: chosen before.
        held_out: (n,) bool, rows that probes are tested on and never trained on.
        design: of the probes; None where fewer than two classes are there.
    """

    x: Array
    cluster: Array
    codes: Array | None = None
    duplicate_group: Array | None = None
    importance: Array | None = None
    beside: Array = field(default_factory=lambda: np.empty(0, np.int64))
    held_out: Array = field(default_factory=lambda: np.empty(0, np.bool_))
    design: Design | None = None

    @property
    def measured(self) -> Array:
        """Rows whose distances are measured."""
        return np.linspace(0, len(self.x) - 1, min(len(self.x), MEASURED)).astype(np.int64)

    @property
    def sizes(self) -> Array:
        """Rows in each cluster."""
        return np.bincount(self.cluster)

    @property
    def rare(self) -> Array:
        """Numbers of the rare clusters: at least one."""
        sizes = self.sizes
        present = np.flatnonzero(sizes)
        order = present[np.argsort(sizes[present], kind="stable")]
        return np.asarray(order[: max(1, int((np.cumsum(sizes[order]) <= RARE * len(self.x)).sum()))])


def ground(
    x: Array,
    *,
    codes: Array | None = None,
    duplicate_group: Array | None = None,
    importance: Array | None = None,
    beside: Array | None = None,
    cluster: Array | None = None,
    seed: int = 51,
    progress: Progress = silent,
) -> Ground:
    """Prepare a set for measuring: clusters are k-medoids, and a quarter of the labelled rows is held out for probes.

    Args:
        x: (n, d) finite floats.
        cluster: (n,) known groups, instead of k-medoids.
        seed: of the clusters and the held-out rows.
    """
    vectors = comparable(x, "cosine")
    n = len(vectors)
    if cluster is None:
        k = int(np.clip(n // ROWS_PER_CLUSTER, min(CLUSTERS[0], n), CLUSTERS[1]))
        cluster = k_medoids(vectors, k, seed=seed, progress=progress).cluster.astype(np.int64)
    held_out, design = np.zeros(n, dtype=np.bool_), None
    if codes is not None and len(np.unique(codes[codes >= 0])) >= 2:
        labelled = np.flatnonzero(codes >= 0)
        some = np.random.default_rng(seed).permutation(labelled)[: round(HELD_OUT * len(labelled))]
        held_out[some] = True
        with blas_threads(1):
            design = Design.of(vectors) if len(some) else None
    nobody = np.empty(0, np.int64)
    return Ground(
        vectors, cluster, codes, duplicate_group, importance, nobody if beside is None else beside, held_out, design
    )


def measure(on: Ground, rows: Array) -> dict[str, float]:
    """All measures of one subset that the set allows; what they mean is in `MEASURES`.

    Args:
        rows: (m,) different row numbers.
    """
    chosen = np.union1d(rows, on.beside)
    distance = nearest(on.x, on.measured, chosen)
    touched = np.zeros(int(on.cluster.max()) + 1, dtype=np.bool_)
    touched[on.cluster[chosen]] = True
    found = {
        "mean_distance": float(distance.mean(dtype=np.float64)),
        "far_distance": float(np.quantile(distance, 0.99)),
        "largest_distance": float(distance.max()),
        "clusters": float(touched[on.sizes > 0].mean()),
        "rare_clusters": float(touched[on.rare].mean()),
    }
    if on.codes is not None:
        found["evenness"] = evenness(on.codes, rows)
    if on.duplicate_group is not None and len(rows):
        found["duplicates"] = float((np.bincount(on.duplicate_group[rows])[on.duplicate_group[rows]] > 1).mean())
    if on.importance is not None and np.nansum(on.importance) > 0:
        found["importance"] = float(np.nansum(on.importance[rows]) / np.nansum(on.importance))
    if on.design is not None:
        found |= accuracy(on, chosen)
    return found


def random_subsets(candidates: Array, size: int, seeds: int) -> list[Array]:
    """Random subsets of the candidates, one for each seed from 0."""
    return [np.sort(np.random.default_rng(seed).choice(candidates, size, replace=False)) for seed in range(seeds)]


def against_random(
    on: Ground, rows: Array, candidates: Array, seeds: int = SEEDS, progress: Progress = silent
) -> dict[str, Any]:
    """Measures of a subset beside those of random subsets of the same size.

    Args:
        rows: (m,) the subset.
        candidates: (c,) rows that random subsets are drawn from.
        seeds: random subsets.

    Returns:
        measure → {"value", "random_mean", "random_spread" (standard deviation), "random" (each)}; plain JSON values.
    """
    own = measure(on, rows)
    others = []
    for done, subset in enumerate(random_subsets(candidates, len(rows), seeds)):
        progress(done, seeds, "measuring random subsets")
        others.append(measure(on, subset))
    return {
        name: {
            "value": round(value, 6),
            "random_mean": round(float(np.mean([other[name] for other in others])), 6),
            "random_spread": round(float(np.std([other[name] for other in others])), 6),
            "random": [round(other[name], 6) for other in others],
        }
        for name, value in own.items()
    }


def distance_against_random(
    x: Array, rows: Array, candidates: Array, beside: Array, seeds: int = SEEDS, measured: int = 2_000
) -> dict[str, float]:
    """Mean distance to the nearest selected row, beside that of random subsets: the one measure that needs no `Ground`.

    Args:
        x: (n, d) unit rows.
        rows: (m,) the subset; candidates: (c,) rows that random subsets are drawn from.
        beside: rows that every subset has beside it.
        measured: rows whose distance is measured, evenly spread.

    Returns:
        {"value", "random_mean", "random_spread"}
    """
    some = np.linspace(0, len(x) - 1, min(len(x), measured)).astype(np.int64)
    subsets = [rows, *random_subsets(candidates, len(rows), seeds)]
    means = [float(nearest(x, some, np.union1d(subset, beside)).mean(dtype=np.float64)) for subset in subsets]
    return {
        "value": round(means[0], 6),
        "random_mean": round(float(np.mean(means[1:])), 6),
        "random_spread": round(float(np.std(means[1:])), 6),
    }


def curve(
    on: Ground, ranked: Array, candidates: Array, sizes: Sequence[int], seeds: int = SEEDS, progress: Progress = silent
) -> list[dict[str, Any]]:
    """The measures over the size of the subset, to choose a size by: every prefix of a ranked selection is one.

    Args:
        ranked: (m,) rows in the order of their rank.
        sizes: lengths of the prefixes, each at most m.

    Returns:
        for each size {"n", "subset": measures, "random": means of the measures, "spread": their standard deviations}
    """
    found = []
    for done, size in enumerate(sizes):
        progress(done, len(sizes), "measuring along the curve")
        others = [measure(on, subset) for subset in random_subsets(candidates, size, seeds)]
        found.append(
            {
                "n": int(size),
                "subset": measure(on, ranked[:size]),
                "random": {name: float(np.mean([other[name] for other in others])) for name in others[0]},
                "spread": {name: float(np.std([other[name] for other in others])) for name in others[0]},
            }
        )
    return found


def touched_by_size(on: Ground, rows: Array) -> list[dict[str, Any]]:
    """Share of the clusters touched, in thirds of the clusters by their size, small ones first.

    Returns:
        three times {"clusters": number, "smallest": rows, "largest": rows, "touched": share}; fewer for few clusters.
    """
    sizes = on.sizes
    present = np.flatnonzero(sizes)
    order = present[np.argsort(sizes[present], kind="stable")]
    touched = np.bincount(on.cluster[np.union1d(rows, on.beside)], minlength=len(sizes)) > 0
    return [
        {
            "clusters": len(third),
            "smallest": int(sizes[third].min()),
            "largest": int(sizes[third].max()),
            "touched": float(touched[third].mean()),
        }
        for third in np.array_split(order, 3)
        if len(third)
    ]


def accuracy(on: Ground, rows: Array, tested: Array | None = None) -> dict[str, float]:
    """Accuracy of a probe trained on the rows that are not held out, on rows that are.

    Args:
        rows: (m,) training rows; held-out ones and those without a label are passed over.
        tested: (n,) bool, held-out rows to test on; all by default.
    """
    assert on.design is not None
    assert on.codes is not None
    train = rows[(on.codes[rows] >= 0) & ~on.held_out[rows]]
    test = np.flatnonzero(on.held_out if tested is None else on.held_out & tested)
    given = on.codes[test]
    classes = np.unique(on.codes[train])
    if len(test) == 0:
        return {}
    if len(classes) > 1:
        codes = np.searchsorted(classes, on.codes[train])
        with blas_threads(1):
            fit = solve(on.design, train, codes, len(classes), PENALTY)
            predicted = classes[on.design.probabilities(test, fit).argmax(axis=1)]
    else:
        predicted = np.full(len(test), classes[0] if len(classes) else -1)
    right = predicted == given
    by_class = [float(right[given == code].mean()) for code in np.unique(given)]
    return {"accuracy": float(right.mean()), "balanced_accuracy": float(np.mean(by_class))}


def evenness(codes: Array, rows: Array) -> float:
    """Entropy of the class shares of some rows over that of even shares of the set's classes, in [0, 1]."""
    classes = len(np.unique(codes[codes >= 0]))
    counts = np.bincount(codes[rows][codes[rows] >= 0])
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(share * np.log(share)).sum() / np.log(classes)) if classes > 1 and len(share) else 0.0


def nearest(x: Array, measured: Array, chosen: Array) -> Array:
    """(len(measured),) float32 cosine distance of rows to the nearest chosen one; 2 where none is chosen."""
    found = nearest_of(x[measured], x[chosen])
    found[np.isin(measured, chosen)] = 0
    return found
