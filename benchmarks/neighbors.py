"""Nearest neighbors: the graph that the methods share against scikit-learn, faiss and pynndescent.

Recall is the share of the 15 true neighbors found, on 500 random rows searched exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Contestant, cifar, load_package, main, mnist, recorded, synthetic

load_package()

from image_curation.core.neighbors.distances import comparable  # noqa: E402
from image_curation.core.neighbors.graph import build_graph, certified_recall, nearest  # noqa: E402

K = 24


def ours(x: Any) -> Any:
    return build_graph(x, k=K).indices


def warm_ours(x: Any) -> None:
    build_graph(x, k=K)
    build_graph(x, k=K, exact_up_to=0)


def brute_force(x: Any) -> Any:
    """What FiftyOne Brain does."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=K + 1, metric="cosine", algorithm="brute").fit(x).kneighbors(x)[1]


def faiss_flat(x: Any) -> Any:
    import faiss

    unit = comparable(x, "cosine")
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    return index.search(unit, K + 1)[1]


def pynndescent(neighbors: int) -> Contestant:
    def solve(x: Any) -> Any:
        from pynndescent import NNDescent

        unit = comparable(x, "cosine")
        index = NNDescent(unit, metric="euclidean", n_neighbors=neighbors, random_state=0, low_memory=True, n_jobs=2)
        return index.neighbor_graph[0]

    return Contestant(solve)


def score(x: Any, indices: Any) -> dict[str, float]:
    """Recall at 15, the row itself left out."""
    unit = comparable(x, "cosine")
    rows = np.sort(np.random.default_rng(1).choice(len(x), 500, replace=False))
    truth = nearest(unit[rows], unit, 15, "cosine", own=rows)[1]
    found = np.full((500, 15), np.inf)
    for line, row in enumerate(rows):
        others = indices[row][(indices[row] != row) & (indices[row] >= 0)][:15]
        found[line, : len(others)] = np.square(unit[others] - unit[row], dtype=np.float64).sum(axis=1) / 2
    return {"recall@15": certified_recall(np.sort(found, axis=1), truth)}


if __name__ == "__main__":
    with recorded(__file__):
        main(
            "Neighbor graph",
            {
                "scikit-learn brute force": Contestant(brute_force, most=30_000),
                "ours": Contestant(ours, warm=warm_ours),
                "faiss flat": Contestant(faiss_flat, most=30_000),
                "pynndescent, 24 neighbors": pynndescent(24),
                "pynndescent, 32 neighbors": pynndescent(32),
            },
            {
                "synthetic 20k": lambda: synthetic(20_000),
                "mnist": mnist,
                "cifar": cifar,
                "synthetic 100k": lambda: synthetic(100_000),
                "synthetic 1M": lambda: synthetic(1_000_000),
            },
            score,
            default=("synthetic 20k", "mnist", "cifar", "synthetic 100k"),
        )
