"""Maps: every sample as a point in the plane or in space, so that similar samples lie close.

UMAP (McInnes, Healy & Melville 2018, https://arxiv.org/abs/1802.03426) reads the shared neighbour graph and starts from
the principal components: its own spectral start can take hours on a graph in pieces. PCA and t-SNE (van der Maaten &
Hinton 2008) are the plain alternatives. How far a map can be trusted is measured and kept beside it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .distances import METRICS, comparable, distance_block
from .method import Array, Column, Columns, Facts, Inputs, Method, Point, Progress
from .neighbors import Graph
from .params import Params, param

FEWEST = 5  # samples, and different vectors, below which neighbourhoods say nothing: the map is PCA's
NEIGHBORHOOD = 15
SHOWN = {"umap": "UMAP", "pca": "PCA", "tsne": "t-SNE"}


@dataclass(frozen=True, kw_only=True)
class MapParams(Params):
    """Lay all samples out on a map where similar ones lie close."""

    embeddings: str = param("embeddings", "Embeddings to lay out", reads="embeddings")
    method: str = param("umap", "How the map is made", among=("umap", "pca", "tsne"))
    dims: int = param(2, "2 for a plane, 3 for space", at_least=2, at_most=3)
    neighbors: int = param(15, "Neighbours kept close by UMAP; perplexity of t-SNE", at_least=2, advanced=True)
    min_dist: float = param(0.1, "How tightly UMAP may pack points", at_least=0, at_most=1, advanced=True)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS, advanced=True)
    seed: int = param(51, "Seed of the layout", at_least=0, at_most=2**32 - 1, advanced=True)


def compute_map(inputs: Inputs, params: MapParams, progress: Progress) -> Columns:
    """Points of all samples, (n, dims) float32, and how far the map can be trusted. Columns as declared in `METHOD`."""
    x = comparable(inputs.vectors, params.metric)
    n = len(x)
    graph = inputs.neighbors(max(params.neighbors - 1, NEIGHBORHOOD), params.metric, progress)
    components, explained = principal_components(x, params.dims)
    method = params.method if n >= FEWEST and graph.distances.max() > 0 else "pca"
    progress(1, 3, f"computing the {SHOWN[method]} map")
    if method == "umap":
        points = umap_layout(graph.first(params.neighbors - 1), components, params)
    elif method == "tsne":
        points = tsne_layout(x, components, params)
    else:
        points = components
    points = np.ascontiguousarray(points, dtype=np.float32)
    progress(2, 3, "measuring how far the map can be trusted")
    facts: Facts = {"method": method, "explained_variance": explained, **quality(x, points, graph, params.seed)}
    facts["headline"] = _headline(n, params.dims, facts)
    return Columns({"": points}, facts)


def principal_components(x: Array, dims: int) -> tuple[Array, list[float]]:
    """Coordinates along the directions of largest variance; each axis points to its largest loading's side.

    Args:
        x: (n, d) float32.

    Returns:
        points: (n, dims) float64, centred; zeros where x has fewer directions than `dims`.
        explained: share of the variance along each axis, in [0, 1].
    """
    n, d = x.shape
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((d, d))
    for start in range(0, n, 8192):
        part = x[start : start + 8192] - mean
        covariance += part.T @ part
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1][:dims], 0), vectors[:, ::-1][:, :dims]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    total = float(np.trace(covariance))
    points = np.zeros((n, dims))
    points[:, : vectors.shape[1]] = (x - mean) @ vectors if total > 0 else 0
    shares = (values / total).tolist() if total > 0 else [0.0] * len(values)
    return points, [round(float(share), 4) for share in shares] + [0.0] * (dims - len(values))


def umap_layout(graph: Graph, start: Array, params: MapParams) -> Array:
    """UMAP's layout of a neighbour graph.

    The steps of `umap.UMAP.fit`, called one by one: the class searches neighbours again on small sets and warns
    about what we mean to do.

    Args:
        graph: neighbours to keep close.
        start: (n, dims) where the layout starts.
    """
    with warnings.catch_warnings():  # umap-learn says on import that a part we do not use lacks TensorFlow
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap.umap_ import (
            find_ab_params,
            fuzzy_simplicial_set,
            simplicial_set_embedding,
        )

    n = graph.n
    random = np.random.RandomState(params.seed)  # noqa: NPY002 -- umap-learn takes no Generator
    itself = np.arange(n, dtype=np.int32)[:, None]
    indices = np.hstack([itself, graph.indices])  # umap counts a row as its own first neighbour
    distances = np.hstack([np.zeros((n, 1), np.float32), graph.distances])
    shape: Any = np.empty((n, 1), np.float32)
    weights, _, _ = fuzzy_simplicial_set(
        shape, indices.shape[1], random, graph.metric, knn_indices=indices, knn_dists=distances
    )
    a, b = find_ab_params(1.0, params.min_dist)
    spread = start / max(float(np.abs(start).max()), 1e-12) * 10
    points, _ = simplicial_set_embedding(
        shape,
        weights,
        params.dims,
        1.0,
        a,
        b,
        1.0,
        5,
        None,
        (spread + random.normal(scale=1e-4, size=spread.shape)).astype(np.float32),  # copies must be able to part
        random,
        graph.metric,
        {},
        False,
        {},
        False,
        parallel=False,  # threads would race, and the same seed would give different maps
    )
    return np.asarray(points)


def tsne_layout(x: Array, start: Array, params: MapParams) -> Array:
    """t-SNE of the first 50 principal components, Barnes-Hut, started from the first ones."""
    from sklearn.manifold import TSNE

    reduced = principal_components(x, 50)[0] if x.shape[1] > 50 else x
    deviation = max(float(start[:, 0].std()), 1e-12)
    layout = TSNE(
        params.dims,
        perplexity=min(params.neighbors, (len(x) - 1) / 3),
        init=(start / deviation * 1e-4).astype(np.float32),
        random_state=params.seed,
        learning_rate=max(len(x) / 48, 10),  # scikit-learn's own is at least 50, which scatters a hundred points
    )
    return np.asarray(layout.fit_transform(np.ascontiguousarray(reduced, dtype=np.float32)))


def quality(x: Array, points: Array, graph: Graph, seed: int) -> Facts:
    """How far a map can be trusted, each in [0, 1], high = good; what few samples cannot say is left out.

    * trustworthiness (Venna & Kaski 2001): 1 when the 15 neighbours on the map are neighbours in truth, .5 at random.
    * neighbors_kept: share of the 15 nearest in the graph that are among the 15 nearest on the map.
    * triplet_accuracy: of random triples, the share whose order of the two distances is the same on the map.

    Measured on a random sample of rows, against all rows.

    Args:
        x: (n, d) from `comparable`; points: (n, dims).
    """
    n = len(x)
    k = min(NEIGHBORHOOD, graph.k, (n - 1) // 2 - 1)
    facts: Facts = {}
    if n < FEWEST:
        return facts
    rng = np.random.default_rng(seed)
    facts["triplet_accuracy"] = round(_triplets(x, points, rng), 4)
    if k < 1:
        return facts
    from scipy.spatial import cKDTree

    rows = np.sort(rng.choice(n, min(n, 2_000), replace=False))
    near = _nearest_on_map(cKDTree(points), points, rows, k)
    kept = [len(np.intersect1d(a, b)) for a, b in zip(near, graph.indices[rows, :k], strict=True)]
    facts["neighbors_kept"] = round(float(np.mean(kept)) / k, 4)
    fewer = np.arange(len(rows))[:: max(1, len(rows) * n // 20_000_000)]
    facts["trustworthiness"] = round(_trustworthiness(x, rows[fewer], near[fewer], graph.metric), 4)
    return facts


def _nearest_on_map(tree: Any, points: Array, rows: Array, k: int) -> Array:
    """(r, k) nearest other points of some points."""
    found = tree.query(points[rows], k=k + 1, workers=-1)[1]
    itself = found == rows[:, None]
    itself[~itself.any(axis=1), -1] = True  # among copies the row may not be in its own list
    others: Array = found[~itself].reshape(len(rows), k)
    return others


def _trustworthiness(x: Array, rows: Array, near: Array, metric: str) -> float:
    n, k = len(x), near.shape[1]
    excess = 0.0
    for start in range(0, len(rows), 64):
        part = slice(start, start + 64)
        distances = distance_block(x[rows[part]], x, metric)
        distances[np.arange(len(distances)), rows[part]] = -1
        ordered = np.sort(distances, axis=1)
        for line, row in zip(ordered, np.take_along_axis(distances, near[part], axis=1), strict=True):
            excess += int(np.maximum(np.searchsorted(line, row) - k, 0).sum())  # the row itself has rank 0
    return float(1 - excess * 2 / (len(rows) * k * (2 * n - 3 * k - 1)))


def _triplets(x: Array, points: Array, rng: np.random.Generator) -> float:
    n = len(x)
    a = rng.integers(n, size=min(5 * n, 50_000))
    b, c = (a + rng.integers(1, n, size=len(a))) % n, (a + rng.integers(1, n, size=len(a))) % n
    a, b, c = a[b != c], b[b != c], c[b != c]
    true = np.sign(_apart(x, a, b) - _apart(x, a, c))
    shown = np.sign(_apart(points, a, b) - _apart(points, a, c))
    return float(np.mean(true == shown)) if len(a) else 1.0


def _apart(x: Array, a: Array, b: Array) -> Array:
    return np.concatenate(
        [
            np.square(x[a[start : start + 4096]] - x[b[start : start + 4096]], dtype=np.float64).sum(axis=1)
            for start in range(0, len(a), 4096)
        ]
        or [np.empty(0)]
    )


def _headline(n: int, dims: int, facts: Facts) -> str:
    said = f"{SHOWN[facts['method']]} map of {n:,} samples in {dims}D"
    if "trustworthiness" in facts:
        said += f"; trustworthiness {facts['trustworthiness']:.2f}, {facts['neighbors_kept']:.0%} of neighbors kept"
    return said


METHOD = Method(
    name="compute_map",
    version=1,
    label="Compute a map",
    stage="understand",
    key="map",
    params=MapParams,
    run=compute_map,
    reads=("embeddings",),
    writes=(Column("", Point, "Place on the map; close means similar"),),
    cite="McInnes, Healy & Melville 2018, https://arxiv.org/abs/1802.03426",
)
