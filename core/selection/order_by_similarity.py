"""Similar images side by side: one order of all samples, so that wrong ones stand out in rows judged at a glance.

The idea is MLfix's (github.com/collabora/MLfix); its chain of nearest unseen images costs n^2. Here short edges of
the shared neighbor graph are joined to fragments, shortest first (greedy matching, Bentley 1992,
https://doi.org/10.1287/ijoc.4.4.387), the ends of fragments are joined in the same way level by level, and exchanges of
two or three edges shorten the path (Lin & Kernighan 1973), helped on by kicks (Martin, Otto & Felten 1991). In many
dimensions a few rows are near to very many, and cannot stand beside them all; so exchanges are tried in the order of
lengths less penalties that make such rows dear (Held & Karp 1970, Helsgaun 2000,
https://doi.org/10.1016/S0377-2217(99)00284-2). Where the path still jumps, a new section begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.columns import Column, Columns
from ..base.graph import Graph
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import Params, param
from ..neighbors.distances import comparable, distance_block
from ..neighbors.graph import build_graph, shared_graph

K = 24
NEAR = 8  # of them, those that moves are tried with: with the shortest edges less penalties
TREE = 6  # of them, the nearest, whose edges the spanning tree is made of
TURNS = 30  # of the subgradient that finds the penalties
STEP, DECAY, MOMENTUM = 0.025, 0.87, 0.3  # of the subgradient: first step as a share of the mean edge
AT_ONCE = 600  # fragments that are joined with all distances between their ends
TURNED = 3_000  # places that rows of one move may be apart: all that 6,000 need; beyond, turning takes most of the time
KICK = 3  # rows, at most, of each of the runs that change places
DIMENSIONS, FEW = 512, 4_000  # beyond so many dimensions, or below so many rows, there is more than one kick for a row
SHORTEST_SECTION = 3


@dataclass(frozen=True, kw_only=True)
class OrderParams(Params):
    """Put similar images side by side: one order of all samples, cut into sections where it jumps."""

    embeddings: str = param(
        "embeddings",
        "Embeddings to compare samples by",
        reads="embeddings",
    )
    within: str | None = param(
        None, "Label field: order within each class, similar classes next to each other", reads="labels"
    )
    section_size: int = param(30, "Average number of samples in a section", at_least=2)


def order_by_similarity(inputs: Inputs, params: OrderParams, progress: Progress) -> Columns:
    """Order the samples. Columns as declared in `METHOD`."""
    x = comparable(inputs.vectors, "cosine")
    if params.within is None:
        graph = shared_graph(inputs, K, "cosine", progress) if inputs.n > 1 else None
        order, part = similarity_order(x, graph, progress), np.zeros(inputs.n, dtype=np.int64)
    else:
        assert inputs.labels is not None, "the method reads the labels it is told to order within"
        order, part = _within_classes(x, inputs.labels, progress)
    steps = step_lengths(x, order)
    section = sections(steps, part[order], params.section_size)
    position = np.empty(inputs.n, dtype=np.int64)
    position[order] = np.arange(inputs.n) + 1
    of_row, similarity = np.empty(inputs.n, dtype=np.int64), np.full(inputs.n, np.nan)
    of_row[order] = section
    similarity[order[1:]] = 1 - steps**2 / 2
    values: dict[str, Any] = {"position": position, "section": of_row, "step_similarity": similarity}
    facts: Facts = {
        "length": float(steps.sum()),
        "median_step": float(np.median(steps)) if len(steps) else None,
        "longest_step": float(steps.max()) if len(steps) else None,
        "sections": int(section.max()) + 1,
        "headline": f"{inputs.n:,} samples ordered by similarity, in {int(section.max()) + 1:,} sections",
    }
    return Columns(values, facts)


def similarity_order(x: Array, graph: Graph | None, progress: Progress = silent) -> Array:
    """(n,) int64 every row once, such that the sum of Euclidean distances from one to the next is small.

    Args:
        x: (n, d) unit rows, from `comparable`.
        graph: of their neighbors, or None to build it here.
    """
    from .ordering_kernels import shorten

    n = len(x)
    if n < 3:
        return np.arange(n)
    graph = build_graph(x, k=K, progress=progress) if graph is None else graph
    progress(0, 2, "joining similar samples")
    order = _joined(x, graph)
    progress(1, 2, "shortening the order")
    near, edges = graph.indices[:, :K], np.sqrt(2 * np.maximum(graph.distances[:, :K].astype(np.float64), 0))
    penalty = _penalties(order, near[:, :TREE], edges[:, :TREE], step_lengths(x, order))
    by_length = np.argsort(edges - penalty[near], axis=1, kind="stable")[:, :NEAR]
    ring = np.append(order, n).astype(np.int32)
    shorten(
        x, np.take_along_axis(near, by_length, axis=1).astype(np.int32), penalty, ring, TURNED, _kicks(n, x.shape[1])
    )
    gap = int(np.flatnonzero(ring == n)[0])
    return np.concatenate([ring[gap + 1 :], ring[:gap]]).astype(np.int64)


def step_lengths(x: Array, order: Array) -> Array:
    """(n - 1,) float64 Euclidean distance of each row to the one before it in the order."""
    steps = np.empty(max(len(order) - 1, 0))
    for begin in range(0, len(steps), 8_192):
        some = slice(begin, min(begin + 8_192, len(steps)))
        difference = x[order[begin + 1 : some.stop + 1]].astype(np.float64) - x[order[some]]
        steps[some] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return steps


def sections(steps: Array, part: Array, size: int) -> Array:
    """(n,) int64 section of each place in the order, from 0.

    A section begins where a part begins, and at the longest steps, n / size sections in all; but at no step that is not
    longer than the median, and none with fewer than three samples, so that single strange ones do not each begin one.

    Args:
        steps: (n - 1,) lengths.
        part: (n,) class, or one number for all, along the order.
        size: samples of a section on average.
    """
    n = len(part)
    begins = np.zeros(n + 1, dtype=np.bool_)
    begins[0] = begins[n] = True
    begins[1:n] = part[1:] != part[:-1]
    wanted = n // size - int(begins[1:n].sum()) - 1
    typical = float(np.median(steps)) if len(steps) else 0.0
    for at in (np.argsort(-steps, kind="stable") + 1).tolist():
        if wanted <= 0 or steps[at - 1] <= typical:
            break
        if not begins[max(at - SHORTEST_SECTION + 1, 0) : at + SHORTEST_SECTION].any():
            begins[at] = True
            wanted -= 1
    return np.asarray(np.cumsum(begins[:n]) - 1)


def _joined(x: Array, graph: Graph) -> Array:
    """A path through all rows by short edges: level by level between the ends of what is joined already."""
    from .ordering_kernels import join_edges, walk

    n = len(x)
    ends, links = np.arange(n, dtype=np.int32), np.full((n, 2), -1, dtype=np.int32)
    join_edges(*_edges(np.arange(n), graph.indices[:, :K], graph.distances[:, :K]), ends, links)
    while True:
        open_rows = np.flatnonzero(links[:, 1] < 0)
        fragments = len(open_rows) - int((links[open_rows, 0] < 0).sum())  # rows alone count twice in what follows
        fragments = (fragments + 2 * int((links[open_rows, 0] < 0).sum())) // 2
        if fragments == 1:
            break
        if fragments <= AT_ONCE:
            distances = distance_block(x[open_rows], x[open_rows], "cosine")
            one, other = np.triu_indices(len(open_rows), 1)
            by_length = np.argsort(distances[one, other], kind="stable")
            rows = open_rows.astype(np.int32)
            join_edges(rows[one[by_length]], rows[other[by_length]], ends, links)
            continue
        near = build_graph(x[open_rows], k=2 * K)
        partner = ends[open_rows[near.indices]] == open_rows[:, None]  # the other end of the own fragment
        lengths = np.where(partner, np.inf, near.distances)
        if join_edges(*_edges(open_rows, near.indices, lengths, open_rows), ends, links) < fragments // 50:
            first = open_rows[ends[open_rows] >= open_rows]  # stuck: fragments in row order, one after another
            join_edges(ends[first[:-1]], first[1:].astype(np.int32), ends, links)
    order = np.empty(n, dtype=np.int64)
    walk(links, int(np.flatnonzero(links[:, 1] < 0)[0]), order, 0)
    return order


def _penalties(order: Array, near: Array, edges: Array, steps: Array) -> Array:
    """(n,) float64 penalties under which the rows of a minimum spanning tree have degrees as near to two as they can.

    Held & Karp 1970, https://doi.org/10.1287/opre.18.6.1138, on the edges of the neighbor table and of a path.

    Args:
        order: (n,) the path; steps: (n - 1,) its lengths.
        near, edges: (n, k) neighbors and lengths.
    """
    from .ordering_kernels import degrees

    n = len(order)
    one = np.concatenate([np.repeat(np.arange(n), near.shape[1]), order[:-1]])
    other = np.concatenate([near.ravel(), order[1:]])
    first = np.unique(np.minimum(one, other) * n + np.maximum(one, other), return_index=True)[1]  # each pair once
    one, other = one[first].astype(np.int32), other[first].astype(np.int32)
    lengths = np.concatenate([edges.ravel(), steps])[first]
    penalty, before = np.zeros(n), np.zeros(n)
    step = STEP * float(lengths.mean())
    for _ in range(TURNS):
        by_length = np.argsort(lengths - penalty[one] - penalty[other], kind="stable")
        over = degrees(one, other, by_length, n) - 2.0
        penalty -= step * ((1 - MOMENTUM) * over + MOMENTUM * before)
        before, step = over, step * DECAY
    return penalty


def _kicks(n: int, d: int) -> Array:
    """(q, 3) int64 rows after which two runs change places, and the sizes of the runs: always the same for n and d.

    One for each row; more in many dimensions, where the graph takes longer too, and for few rows, to which it is cheap.
    """
    q = int(n * max(1.0, d / DIMENSIONS, min(10.0, FEW / n)))
    rng = np.random.default_rng(51)
    rows = np.concatenate([rng.permutation(n) for _ in range(-(-q // n))])[:q]
    return np.column_stack([rows, rng.integers(1, min(KICK, (n - 1) // 2) + 1, (q, 2))])


def _edges(rows: Array, near: Array, lengths: Array, names: Array | None = None) -> tuple[Array, Array]:
    """Edges of a neighbor table, shortest first, each pair once; infinite ones are left out."""
    one = np.repeat(rows, near.shape[1])
    other = near.ravel() if names is None else names[near.ravel()]
    flat = lengths.ravel()
    kept = np.flatnonzero(np.isfinite(flat) & (one != other))
    order = kept[np.lexsort((other[kept], one[kept], flat[kept]))]
    return one[order].astype(np.int32), other[order].astype(np.int32)


def _within_classes(x: Array, labels: GivenLabels, progress: Progress) -> tuple[Array, Array]:
    """The order of each class, classes in the order of their means; rows without a label come last."""
    present = np.unique(labels.codes)
    means = comparable(np.stack([x[labels.codes == code].mean(axis=0, dtype=np.float64) for code in present]), "cosine")
    tour = present[similarity_order(means, None)]
    tour = np.concatenate([tour[tour >= 0], tour[tour < 0]])
    orders = []
    for done, code in enumerate(tour.tolist()):
        progress(done, len(tour), "ordering class by class")
        rows = np.flatnonzero(labels.codes == code)
        orders.append(rows[similarity_order(np.ascontiguousarray(x[rows]), None)])
    return np.concatenate(orders), labels.codes


METHOD = Method(
    name="order_by_similarity",
    version=1,
    label="Order by similarity",
    stage="select",
    key="order",
    params=OrderParams,
    run=order_by_similarity,
    reads=("embeddings",),
    writes=(
        Column(
            "position",
            int,
            "Position in the order, from 1; sort by it to see similar images side by side",
            role="position",
        ),
        Column(
            "section",
            int,
            "Number of its section of similar images, from 0",
            group=True,
            role="section",
        ),
        Column("step_similarity", float, "Cosine similarity to the previous sample, in [-1, 1]; none for the first"),
    ),
    cite="Bentley 1992, https://doi.org/10.1287/ijoc.4.4.387; the idea from MLfix, https://github.com/collabora/MLfix",
)
