"""Maps: UMAP on the shared graph against umap-learn's own defaults, and PCA.

The seconds of ours include the neighbour graph and the measuring of the map, which umap-learn's do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Contestant, cifar, load_package, main, mnist, synthetic

load_package()

from image_curation.core.distances import comparable  # noqa: E402
from image_curation.core.maps import MapParams, compute_map, quality  # noqa: E402
from image_curation.core.method import Inputs, silent  # noqa: E402
from image_curation.core.neighbors import build_graph  # noqa: E402


def ours(method: str) -> Contestant:
    def solve(x: Any) -> Any:
        params = MapParams(embeddings="vectors", method=method)
        return compute_map(Inputs(len(x), embeddings=x), params, silent).values[""]

    return Contestant(solve)


def umap_learn(**options: Any) -> Contestant:
    def solve(x: Any) -> Any:
        import umap

        return umap.UMAP(metric="cosine", **options).fit_transform(x)

    return Contestant(solve)


def score(x: Any, points: Any) -> dict[str, float]:
    unit = comparable(x, "cosine")
    facts = quality(unit, np.asarray(points), build_graph(x, k=15), seed=0)
    return {name: float(value) for name, value in facts.items()}


if __name__ == "__main__":
    main(
        "Maps",
        {
            "umap-learn, defaults": umap_learn(),
            "umap-learn, seeded": umap_learn(random_state=0, n_jobs=1),
            "ours, UMAP": ours("umap"),
            "ours, PCA": ours("pca"),
        },
        {"mnist": mnist, "cifar": cifar, "synthetic 30k": lambda: synthetic(30_000)},
        score,
        default=("mnist", "cifar"),
    )
