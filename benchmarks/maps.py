"""Maps: UMAP on the shared graph against umap-learn's own defaults, PaCMAP as the quick preview, and PCA.

The seconds of ours include the neighbor graph and the measuring of the map, which umap-learn's do not. "A quarter
laid out" places the other rows among them, as maps of very many samples are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Contestant, cifar, load_package, main, mnist, recorded, synthetic

load_package()

from image_curation.core.base.arrays import silent  # noqa: E402
from image_curation.core.base.inputs import Inputs  # noqa: E402
from image_curation.core.maps.compute_map import MapParams, compute_map  # noqa: E402
from image_curation.core.maps.trust import quality  # noqa: E402
from image_curation.core.neighbors.distances import comparable  # noqa: E402
from image_curation.core.neighbors.graph import build_graph  # noqa: E402


def ours(method: str, laid_out: int = 1) -> Contestant:
    """All rows laid out, or one in `laid_out`."""

    def solve(x: Any) -> Any:
        landmarks = len(x) // laid_out if laid_out > 1 else len(x)
        params = MapParams(embeddings="vectors", method=method, landmarks=max(landmarks, 100))
        return compute_map(Inputs(len(x), embeddings=x), params, silent).values[""]

    return Contestant(solve)


def umap_learn(**options: Any) -> Contestant:
    def solve(x: Any) -> Any:
        import umap

        return umap.UMAP(metric="cosine", **options).fit_transform(x)

    return Contestant(solve, most=100_000)


def score(x: Any, points: Any) -> dict[str, float]:
    unit = comparable(x, "cosine")
    facts = quality(unit, np.asarray(points), build_graph(x, k=15), seed=0)
    return {name: float(value) for name, value in facts.items()}


if __name__ == "__main__":
    with recorded(__file__):
        main(
            "Maps",
            {
                "umap-learn, defaults": umap_learn(),
                "umap-learn, seeded": umap_learn(random_state=0, n_jobs=1),
                "ours, UMAP": ours("umap"),
                "ours, UMAP, a quarter laid out": ours("umap", laid_out=4),
                "ours, PaCMAP": ours("pacmap"),
                "ours, PCA": ours("pca"),
            },
            {
                "mnist": mnist,
                "cifar": cifar,
                "synthetic 30k": lambda: synthetic(30_000),
                "synthetic 1M": lambda: synthetic(1_000_000),
            },
            score,
            default=("mnist", "cifar"),
        )
