"""Representatives: k-medoids against FasterPAM on the full matrix, OneBatchPAM, alternation and k-means.

The loss is the mean cosine distance to the nearest medoid. Peers, for development only: pip install kmedoids onebatch

scikit-learn-extra is not maintained and has no wheel for NumPy 2, but builds from source in an environment of its own,
of the same Python; SKLEARN_EXTRA names the packages there:

    python -m venv extra && extra/bin/pip install "cython<3.1" numpy scipy scikit-learn setuptools wheel
    extra/bin/pip install --no-build-isolation --no-binary scikit-learn-extra scikit-learn-extra
    SKLEARN_EXTRA=extra/lib/python3.11/site-packages python benchmarks/representatives.py
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
from common import Contestant, cifar, load_package, main, mnist, recorded, synthetic

load_package()

from image_curation.core.neighbors.distances import comparable, distance_block  # noqa: E402
from image_curation.core.representatives.k_medoids import k_medoids  # noqa: E402
from image_curation.core.representatives.local_pam import two_nearest_of  # noqa: E402
from image_curation.core.representatives.scikit_learn_extra import medoids  # noqa: E402


def cosine_matrix(x: Any) -> Any:
    unit = comparable(x, "cosine")
    distances = distance_block(unit, unit, "cosine")
    np.fill_diagonal(distances, 0)
    return distances


def ours(k: int, thorough: bool = False) -> Contestant:
    return Contestant(
        lambda x: k_medoids(x, min(k, len(x) // 4), thorough=thorough).indices,
        warm=lambda x: k_medoids(np.tile(x, (4, 1)), 20),
    )


def fasterpam(k: int) -> Contestant:
    def solve(x: Any) -> Any:
        import kmedoids

        return kmedoids.fasterpam(cosine_matrix(x), min(k, len(x) // 4), random_state=0).medoids

    return Contestant(solve, most=20_000)


def alternate(k: int) -> Contestant:
    """The method that scikit-learn-extra's KMedoids runs by default, here in `kmedoids`' faster implementation."""

    def solve(x: Any) -> Any:
        import kmedoids

        return kmedoids.alternating(cosine_matrix(x), min(k, len(x) // 4), random_state=0).medoids

    return Contestant(solve, most=20_000)


def sklearn_extra(k: int) -> Contestant:
    """scikit-learn-extra's KMedoids as it is by default: alternation from a heuristic start."""

    def solve(x: Any) -> Any:
        sys.path.append(os.environ["SKLEARN_EXTRA"])  # last, so that all else is ours
        from sklearn_extra.cluster import KMedoids

        return KMedoids(n_clusters=min(k, len(x) // 4), metric="cosine", random_state=0).fit(x).medoid_indices_

    return Contestant(solve, most=20_000)


def clara(k: int) -> Contestant:
    """scikit-learn-extra's CLARA, as `engine="clara"` runs it."""

    def solve(x: Any) -> Any:
        sys.path.append(os.environ["SKLEARN_EXTRA"])
        return medoids(x, min(k, len(x) // 4), "clara", "cosine", 0)

    return Contestant(solve, most=20_000)


def one_batch(k: int) -> Contestant:
    def solve(x: Any) -> Any:
        from onebatch import OneBatchPAM

        model = OneBatchPAM(n_medoids=min(k, len(x) // 4), distance="cosine", random_state=0)
        model.fit(x)
        return np.asarray(model.medoid_indices_)

    return Contestant(solve)


def k_means(k: int) -> Contestant:
    """The row nearest to each of faiss's k-means centres."""

    def solve(x: Any) -> Any:
        import faiss

        unit = comparable(x, "cosine")
        means = faiss.Kmeans(x.shape[1], min(k, len(x) // 4), niter=25, seed=0, max_points_per_centroid=10**6)
        means.min_points_per_centroid = 1
        means.train(unit)
        return np.unique(nearest_rows(unit, means.centroids))

    return Contestant(solve)


def nearest_rows(x: Any, centres: Any) -> Any:
    best = np.full(len(centres), -np.inf)
    rows = np.zeros(len(centres), dtype=np.int64)
    for start in range(0, len(x), 20_000):
        products = x[start : start + 20_000] @ centres.T - (centres**2).sum(axis=1) / 2
        at = products.argmax(axis=0)
        value = products[at, np.arange(len(centres))]
        rows[value > best], best = (at + start)[value > best], np.maximum(best, value)
    return rows


def score(x: Any, medoids: Any) -> dict[str, float]:
    unit = comparable(x, "cosine")
    return {"loss": float(two_nearest_of(unit, unit[medoids], "cosine")[2].mean(dtype=np.float64))}


def contestants(k: int) -> dict[str, Contestant]:
    return {
        f"FasterPAM, full matrix, k={k}": fasterpam(k),
        f"ours, k={k}": ours(k),
        f"ours, thorough, k={k}": ours(k, thorough=True),
        f"OneBatchPAM, k={k}": one_batch(k),
        f"alternate, k={k}": alternate(k),
        f"k-means, nearest row, k={k}": k_means(k),
    } | (
        {f"scikit-learn-extra, k={k}": sklearn_extra(k), f"scikit-learn-extra's CLARA, k={k}": clara(k)}
        if "SKLEARN_EXTRA" in os.environ
        else {}
    )


if __name__ == "__main__":
    with recorded(__file__):
        main(
            "Representatives",
            contestants(100) | contestants(1000),
            {
                "mnist": mnist,
                "cifar": cifar,
                "synthetic 10k": lambda: synthetic(10_000),
                "synthetic 100k": lambda: synthetic(100_000),
                "synthetic 100k, 4,000 groups": lambda: synthetic(100_000, clusters=4_000),
                "synthetic 1M": lambda: synthetic(1_000_000),
            },
            score,
            default=("mnist", "cifar", "synthetic 10k"),
        )
