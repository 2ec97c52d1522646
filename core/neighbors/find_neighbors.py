"""The nearest neighbors of each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Progress
from ..base.columns import Column, Columns, Neighbors
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.number_text import number
from ..base.params import Params, param
from .distances import METRICS
from .graph import shared_graph


@dataclass(frozen=True, kw_only=True)
class NeighborsParams(Params):
    """Find the samples most like each sample."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k: int = param(15, "How many neighbors", at_least=1)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS)


def find_neighbors(inputs: Inputs, params: NeighborsParams, progress: Progress) -> Columns:
    """Nearest neighbors of each sample, from the graph that all methods share. Columns as declared in `METHOD`."""
    graph = shared_graph(inputs, params.k, params.metric, progress)
    alone = np.full(graph.n, np.nan)
    distance = graph.distances.mean(axis=1, dtype=np.float64) if graph.k else alone
    typical = float(np.median(distance)) if graph.k else None
    facts = {
        **graph.facts,
        "k": graph.k,
        "median_distance": typical,
        "headline": f"{graph.k} neighbors of each of {graph.n:,} samples"
        + (f", at a mean {params.metric} distance of {number(typical, typical)}" if typical is not None else ""),
    }
    return Columns(
        {"ids": graph.indices, "similarities": graph.similarities.tolist(), "distance": distance},
        facts,
    )


METHOD = Method(
    name="find_neighbors",
    version=1,
    label="Find neighbors",
    stage="understand",
    key="neighbors",
    params=NeighborsParams,
    run=find_neighbors,
    reads=("embeddings",),
    writes=(
        Column("ids", Neighbors, "The most similar samples, nearest first; exact copies are listed once"),
        Column(
            "similarities",
            list[float],
            "Similarity of each of them: the cosine, or 1 / (1 + Euclidean distance)",
        ),
        Column("distance", float, "Mean distance to these neighbors; large where a sample is unusual"),
    ),
    cite="Sivic & Zisserman 2003, https://doi.org/10.1109/ICCV.2003.1238663",
)
