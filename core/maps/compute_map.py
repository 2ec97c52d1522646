"""Maps: every sample as a point in the plane or in space, so that similar samples lie close.

UMAP (McInnes, Healy & Melville 2018, https://arxiv.org/abs/1802.03426) reads the shared neighbor graph and starts from
the principal components: its own spectral start can take hours on a graph in pieces. PaCMAP (Wang, Huang, Rudin &
Shaposhnik 2021, https://jmlr.org/papers/v22/20-1061.html) is the quick preview where its package is installed; PCA and
t-SNE (van der Maaten & Hinton 2008) are the plain alternatives. Of very many samples some are landmarks, which are laid
out, and the others are placed among them. Copies have one place. How far a map can be trusted is measured and kept
beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.blocks import blocks
from ..base.columns import Column, Columns, Point
from ..base.graph import Graph
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import Params, param
from ..neighbors.distances import METRICS, comparable
from ..neighbors.graph import build_graph, shared_graph
from .one_place import beside, leaders
from .placement import spread
from .trust import FEWEST, NEIGHBORHOOD, quality
from .umap_layout import umap_layout

LISTED = 24  # neighbors by which samples are placed among landmarks: a tenth of them are expected to be some
SHOWN = {"umap": "UMAP", "pacmap": "PaCMAP", "pca": "PCA", "tsne": "t-SNE"}
# Samples below which the layout has nothing to learn from: the map is PCA's. PaCMAP draws far pairs without return.
FEWEST_FOR = {"umap": FEWEST, "tsne": FEWEST, "pacmap": 20, "pca": 0}


@dataclass(frozen=True, kw_only=True)
class MapParams(Params):
    """Lay out all samples on a map, similar ones close together."""

    embeddings: str = param("embeddings", "Embeddings to lay out", reads="embeddings")
    method: str = param(
        "umap",
        "Layout method: umap (best groups), pacmap (quick), pca (fastest), tsne",
        among=("umap", "pacmap", "pca", "tsne"),
    )
    dims: int = param(2, "2 for a plane, 3 for space", at_least=2, at_most=3)
    neighbors: int = param(
        15, "Neighbors that UMAP and PaCMAP keep close; perplexity of t-SNE", at_least=2, advanced=True
    )
    min_dist: float = param(0.1, "How tightly UMAP may pack points", at_least=0, at_most=1, advanced=True)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS, advanced=True)
    landmarks: int = param(
        100_000,
        "In sets more than twice this large, lay out only this many and place the others among them",
        at_least=100,
        advanced=True,
    )
    seed: int = param(51, "Seed of the layout", at_least=0, at_most=2**32 - 1, advanced=True)


def compute_map(inputs: Inputs, params: MapParams, progress: Progress) -> Columns:
    """Points of all samples, (n, dims) float32, and how far the map can be trusted. Columns as declared in `METHOD`."""
    x = comparable(inputs.vectors, params.metric)
    n = len(x)
    few = n <= 2 * params.landmarks
    graph = shared_graph(inputs, max(params.neighbors - 1, NEIGHBORHOOD if few else LISTED), params.metric, progress)
    components, explained = principal_components(x, params.dims)
    leader = leaders(x, graph)
    own = np.flatnonzero(leader == np.arange(n))
    method = params.method if len(own) >= FEWEST_FOR[params.method] and graph.distances.max(initial=0) > 0 else "pca"
    progress(1, 3, f"computing the {SHOWN[method]} map")
    placed: Facts = {}
    if method == "pca":
        points = np.ascontiguousarray(components, dtype=np.float32)
    elif few and len(own) == n:
        points = _layout(x, graph, components, method, params)
    elif few:
        among = build_graph(x[own], k=graph.k, metric=params.metric, progress=progress, seed=params.seed)
        points = beside(_layout(x[own], among, components[own], method, params), leader, params.seed)
        placed = {"copies": n - len(own)}
    else:
        points, placed = _landmark_layout(x, graph, components, leader, method, params, progress)
    progress(2, 3, "measuring how far the map can be trusted")
    facts: Facts = {
        "method": method,
        "explained_variance": explained,
        **placed,
        **quality(x, points, graph, params.seed),
    }
    facts["headline"] = _headline(n, params.dims, facts)
    return Columns({"": points}, facts)


def _layout(x: Array, graph: Graph, start: Array, method: str, params: MapParams) -> Array:
    """(n, dims) float32 points of all rows of x."""
    if method == "umap":
        points = umap_layout(graph.first(params.neighbors - 1), start, params.min_dist, params.seed)
    elif method == "pacmap":
        from .pacmap import pacmap_layout

        points = pacmap_layout(x, graph.first(params.neighbors).indices, start, params.seed)
    else:
        points = tsne_layout(x, start, params)
    return np.ascontiguousarray(points, dtype=np.float32)


def _landmark_layout(
    x: Array, graph: Graph, start: Array, leader: Array, method: str, params: MapParams, progress: Progress
) -> tuple[Array, Facts]:
    """Random rows are laid out by a graph of their own; the shared graph then tells where the others belong.

    No two landmarks share a place, and what follows another row is put beside it in the end.
    """
    own = np.flatnonzero(leader == np.arange(len(x)))
    most = min(params.landmarks, len(own))
    rows = np.sort(own[np.random.default_rng(params.seed).choice(len(own), most, replace=False)])
    k = max(params.neighbors - 1, NEIGHBORHOOD)
    among = build_graph(x[rows], k=k, metric=params.metric, progress=progress, seed=params.seed)
    points = np.full((len(x), params.dims), np.nan, dtype=np.float32)
    points[rows] = _layout(x[rows], among, start[rows], method, params)
    progress(1, 3, "placing the other samples")
    places = beside(spread(points, x, graph)[own], leader, params.seed)
    return places, {"landmarks": len(rows), "placed": len(x) - len(rows)}


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
    for rows in blocks(n):
        part = x[rows] - mean
        covariance += part.T @ part
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1][:dims], 0), vectors[:, ::-1][:, :dims]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    total = float(np.trace(covariance))
    points = np.zeros((n, dims))
    for rows in blocks(n if total > 0 else 0):
        points[rows, : vectors.shape[1]] = (x[rows] - mean) @ vectors
    shares = (values / total).tolist() if total > 0 else [0.0] * len(values)
    return points, [round(float(share), 4) for share in shares] + [0.0] * (dims - len(values))


def tsne_layout(x: Array, start: Array, params: MapParams) -> Array:
    """t-SNE of the first 50 principal components, Barnes-Hut, started from the first ones."""
    from sklearn.manifold import TSNE

    reduced = principal_components(x, 50)[0] if x.shape[1] > 50 else x
    deviation = max(float(start[:, 0].std()), 1e-12)
    points = start
    for exaggeration in (12.0, 1.0):  # where no row stands out, the first may draw all points together for good
        layout = TSNE(
            params.dims,
            perplexity=min(params.neighbors, (len(x) - 1) / 3),
            init=(start / deviation * 1e-4).astype(np.float32),
            random_state=params.seed,
            learning_rate=max(len(x) / 48, 10),  # scikit-learn's own is at least 50, which scatters a hundred points
            early_exaggeration=exaggeration,
        )
        points = np.asarray(layout.fit_transform(np.ascontiguousarray(reduced, dtype=np.float32)))
        if points.std() > 1e-3:
            break
    return points


def _headline(n: int, dims: int, facts: Facts) -> str:
    said = f"{SHOWN[facts['method']]} map of {n:,} samples in {dims}D"
    if "landmarks" in facts:
        said += f", {facts['landmarks']:,} laid out and {facts['placed']:,} placed among them"
    if "trustworthiness" in facts:
        said += f"; trustworthiness {facts['trustworthiness']:.2f}, {facts['neighbors_kept']:.0%} of neighbors kept"
    return said


METHOD = Method(
    name="compute_map",
    version=2,
    label="Compute a map",
    stage="understand",
    key="map",
    params=MapParams,
    run=compute_map,
    reads=("embeddings",),
    writes=(Column("", Point, "Position on the map; close means similar"),),
    cite="McInnes, Healy & Melville 2018, https://arxiv.org/abs/1802.03426",
    why_now="A map shows at a glance which kinds of images there are, and which stand alone.",
)
