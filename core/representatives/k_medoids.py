"""k-medoids: k rows that lie, in sum, nearest to all rows. The quality of FasterPAM without its n x n matrix.

Small sets: FasterPAM on all distances (Schubert & Rousseeuw 2021, https://doi.org/10.1016/j.is.2021.101804); where
there are few enough choices of k rows, all are tried, and of some hundred rows the best of
20 starts is taken. Large sets are searched three times, each time nearer the truth:

1. FasterPAM on one batch of columns, each weighted by how many rows it is nearest to (OneBatchPAM, de Mathelin et al.
   2025, https://arxiv.org/abs/2501.19285). It over-fits its batch by a share of about k / batch.
2. LocalPAM (`local_pam.py`) until it settles, along the leading directions of the vectors: products of different rows
   hardly differ in what is left out, and cost a fourth to a seventh. Of many rows a sample takes part.
3. LocalPAM on the vectors themselves.

Beyond 200,000 rows a sample of 100,000 is searched, and all rows are assigned at the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.blocks import blocks
from ..base.threads import blas_threads, cores, in_threads
from ..neighbors.distances import comparable, distance_block
from .local_pam import Effort, local_swaps, two_nearest_of

FULL_UP_TO = 4_000  # rows whose n x n distances are held: 64 MB
CHOICES = 5_000  # sets of k rows that are all tried
SMALL = 1_000  # rows up to which the best of all starts is taken; with twice as many, of a fourth of them
SEARCHED = 100_000  # rows that take part in the search when there are more than twice as many
ROUGH_ROWS = (20_000, 100)  # rows of the first two searches: at least so many, and at least so many for each medoid
CANDIDATES = 40_000
BATCH = (1_000, 4_000)


@dataclass(frozen=True)
class Search:
    """How large sets are searched.

    Attributes:
        directions: along which the first two searches see the vectors, where these have half as many more.
        rough: effort of the second search.
        exact: effort of the third; None leaves it out.
        starts: of small sets, the best of which is taken: one alone may end 2 % above it.
    """

    directions: int
    rough: Effort
    exact: Effort | None
    starts: int = 1


# A visit gains about a tenth of what the one before it gained: the exact search ends with a thousandth to be had.
QUICK = Search(160, Effort(6, around=6, tried=32, enough=3e-3), Effort(6, around=5, tried=12, enough=0.02), starts=20)
THOROUGH = Search(
    192, Effort(6, around=10, tried=64, enough=1e-3), Effort(6, around=8, tried=48, enough=2e-3), starts=60
)

# With few dimensions there is no third search, and distances are cheap: the second one looks farther around.
ALONE = Effort(6, around=20, tried=64, enough=2e-4)


@dataclass(frozen=True)
class Medoids:
    """k medoids of n rows.

    Attributes:
        indices: (k,) int64 rows that are medoids, that of the largest cluster first, ties by row.
        cluster: (n,) int32, position in `indices` of each row's nearest medoid; a medoid is in its own cluster.
        distance: (n,) float32 to it.
    """

    indices: Array
    cluster: Array
    distance: Array

    @property
    def loss(self) -> float:
        """Sum of the distances."""
        return float(self.distance.sum(dtype=np.float64))

    @property
    def sizes(self) -> Array:
        """(k,) rows in each cluster."""
        return np.bincount(self.cluster, minlength=len(self.indices))


@dataclass(frozen=True)
class _Batch:
    """Distances of candidate rows to a batch of columns that stand for all rows.

    Attributes:
        rows: (c,) rows that may become medoids, sorted; the columns are among them.
        columns: (m,) positions in `rows`.
        weights: (m,) float32, how many candidates each column is nearest to.
        distances: (c, m) float32.
        complete: every row is a candidate and a column.
    """

    rows: Array
    columns: Array
    weights: Array
    distances: Array
    complete: bool


def k_medoids(
    x: Array,
    k: int,
    *,
    metric: str = "cosine",
    fixed: Sequence[int] = (),
    seed: int = 51,
    progress: Progress = silent,
    thorough: bool = False,
) -> Medoids:
    """Choose k rows that minimise the sum of distances of all rows to the nearest of them.

    Args:
        x: (n, d) finite floats.
        k: 1 to n, the fixed ones included.
        metric: "cosine" (1 - cos) or "euclidean".
        fixed: rows that are medoids already and stay so.
        seed: of the random start; the same seed gives the same medoids.
        thorough: search large sets longer.
    """
    vectors = _centred(comparable(x, metric), metric)
    (medoids,) = _path(vectors, [k], metric, fixed, seed, progress, THOROUGH if thorough else QUICK)
    return _assign(vectors, medoids, metric)


def around(x: Array, medoids: Array, metric: str) -> Medoids:
    """Clusters of all rows around medoids that are known.

    Args:
        x: (n, d) finite floats.
        medoids: (k,) different rows.
    """
    return _assign(_centred(comparable(x, metric), metric), medoids, metric)


def medoid_losses(
    x: Array, ks: Sequence[int], *, metric: str = "cosine", seed: int = 51, progress: Progress = silent
) -> list[float]:
    """Mean distance to the nearest of k medoids for each of several k.

    The batch's distances are computed once, and the search for each k begins with the medoids of the one before. Large
    sets go without the last of the three searches: what it gains is too little to move the knee.

    Args:
        x: (n, d) finite floats.
        ks: rising, each 1 to n.
    """
    vectors = _centred(comparable(x, metric), metric)
    return [
        float(two_nearest_of(vectors, vectors[medoids], metric)[2].mean(dtype=np.float64))
        for medoids in _path(vectors, ks, metric, (), seed, progress, replace(QUICK, exact=None, starts=1))
    ]


def _path(
    x: Array, ks: Sequence[int], metric: str, fixed: Sequence[int], seed: int, progress: Progress, search: Search
) -> Iterator[Array]:
    """The rows of the medoids for each k in turn."""
    rng = np.random.default_rng(seed)
    rows, medoids = np.arange(len(x)), np.array(sorted(set(fixed)), dtype=np.int64)
    if len(x) > 2 * SEARCHED and max(ks) < SEARCHED // 2:
        rows = np.union1d(rng.choice(len(x), SEARCHED, replace=False), medoids)
        x, medoids = x[rows], np.searchsorted(rows, medoids)
    n, kept = len(x), len(medoids)
    first, second = search.rough.sweeps, search.exact.sweeps if search.exact else 0
    progress(0, first + second, "choosing a first set of representatives")
    complete = n <= FULL_UP_TO or (n <= 2 * FULL_UP_TO and max(ks) > n // 10)
    some, heads = (np.arange(n), x) if complete else _rough(x, max(ks), medoids, search.directions, rng)
    chosen = np.searchsorted(some, medoids)
    batch = _all_distances(x, metric) if complete else _batch(heads, max(ks), metric, chosen, rng)
    for k in ks:
        if k == n:
            medoids = np.arange(n)
        elif complete and math.comb(n - kept, k - kept) <= CHOICES:
            medoids = chosen = _every_choice(batch.distances, k, chosen[:kept])
        elif k == 1 and not complete:
            medoids = medoids if kept else _centre(x, metric, rng)
        elif k > kept:
            starts = int(np.clip(search.starts * SMALL**2 // n**2, 1, search.starts)) if complete else 1
            chosen = _best_of(batch, chosen, k, kept, starts, rng)
            if not complete:
                told, effort = _later(progress, 0, first + second), ALONE if heads is x else search.rough
                chosen = local_swaps(heads, metric, chosen, kept, rng, told, effort)
            medoids = some[chosen]
            if search.exact and heads is not x:
                told = _later(progress, first, first + second)
                medoids = local_swaps(x, metric, medoids, kept, rng, told, search.exact)
        yield rows[medoids]


def _best_of(batch: _Batch, chosen: Array, k: int, kept: int, starts: int, rng: np.random.Generator) -> Array:
    """Rows of k medoids, the best of several searches, each from a start of its own."""
    found = []
    for _ in range(starts):
        grown = _grown(batch, chosen, k, rng)
        found.append(batch.rows[_swapped(batch, np.searchsorted(batch.rows, grown), kept, rng)])
    if starts == 1:
        return found[0]
    losses = [batch.distances[np.searchsorted(batch.rows, rows)].min(axis=0).sum(dtype=np.float64) for rows in found]
    return found[int(np.argmin(losses))]


def _later(progress: Progress, begun: int, steps: int) -> Progress:
    """Progress of a part that begins after `begun` of all steps."""

    def told(done: int, total: int, doing: str = "") -> None:
        progress(begun + done, steps, doing)

    return told


def _rough(x: Array, k: int, fixed: Array, directions: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rows that take part in the first two searches, sorted, and their coordinates along the leading directions."""
    n, d = x.shape
    some, most = np.arange(n), max(ROUGH_ROWS[0], ROUGH_ROWS[1] * k)
    if n > most:
        some = np.union1d(rng.choice(n, most, replace=False), fixed)
    if 2 * d <= 3 * directions:
        return some, x[some] if n > most else x
    seen = x[np.sort(rng.choice(n, min(n, 2_000), replace=False))]
    axes = rng.standard_normal((d, directions)).astype(np.float32)
    with blas_threads(1):
        for _ in range(2):  # subspace iteration: Halko, Martinsson & Tropp 2011, https://doi.org/10.1137/090771806
            axes = np.linalg.qr(seen.T @ (seen @ axes))[0]
    heads = np.empty((len(some), directions), np.float32)

    def project(part: slice) -> None:
        heads[part] = x[some[part]] @ axes

    in_threads(project, blocks(len(some), 1024))
    return some, heads


def _centred(x: Array, metric: str) -> Array:
    """Products of vectors far from the origin lose digits; moving them changes no Euclidean distance."""
    return x if metric == "cosine" else (x - x.mean(axis=0, dtype=np.float64)).astype(np.float32)


def _all_distances(x: Array, metric: str) -> _Batch:
    n = len(x)
    wide = x.astype(np.float64)
    with blas_threads(cores()):
        distances = distance_block(wide, wide, metric).astype(np.float32)
    np.fill_diagonal(distances, 0)
    return _Batch(np.arange(n), np.arange(n), np.ones(n, np.float32), distances, True)


def _batch(x: Array, k: int, metric: str, fixed: Array, rng: np.random.Generator) -> _Batch:
    n = len(x)
    m = min(n, max(BATCH[0], min(15 * k, BATCH[1])))
    columns = np.sort(rng.choice(n, m, replace=False))
    rows = np.arange(n)
    if n > CANDIDATES:
        rows = np.union1d(rng.choice(n, CANDIDATES, replace=False), np.concatenate([columns, fixed]))
    at = np.searchsorted(rows, columns)
    distances, nearest = np.empty((len(rows), m), np.float32), np.empty(len(rows), np.int64)

    def fill(part: slice) -> None:
        distances[part] = distance_block(x[rows[part]], x[columns], metric)
        nearest[part] = distances[part].argmin(axis=1)

    in_threads(fill, blocks(len(rows), 512))
    distances[at, np.arange(m)] = 0
    weights = np.bincount(nearest, minlength=m).astype(np.float32)
    return _Batch(rows, at, weights, distances, False)


def _grown(batch: _Batch, medoids: Array, k: int, rng: np.random.Generator) -> Array:
    """The given medoids and others up to k: columns drawn in proportion to their distance from those before."""
    chosen = np.searchsorted(batch.rows, medoids).tolist()
    weights = batch.weights.astype(np.float64)
    nearest = batch.distances[chosen].min(axis=0) if chosen else np.ones(len(weights), np.float32)
    while len(chosen) < (k if batch.complete else min(k, len(weights) // 2)):
        chance = weights * nearest
        chance[np.isin(batch.columns, chosen)] = 0
        total = chance.sum()
        if total <= 0:
            break  # every column has a copy among the medoids
        new = int(batch.columns[rng.choice(len(chance), p=chance / total)])
        nearest = np.minimum(nearest, batch.distances[new]) if chosen else batch.distances[new]
        chosen.append(new)
    others = np.setdiff1d(np.arange(len(batch.rows)), chosen)
    chosen += rng.choice(others, k - len(chosen), replace=False).tolist()
    grown: Array = batch.rows[chosen]
    return grown


def _every_choice(distances: Array, k: int, fixed: Array) -> Array:
    """The best of all sets of k rows that contain the fixed ones; the first in lexicographic order among equals."""
    free = np.setdiff1d(np.arange(len(distances)), fixed)
    best, best_loss = fixed, math.inf
    for chosen in itertools.combinations(free.tolist(), k - len(fixed)):
        rows = np.concatenate([fixed, np.array(chosen, dtype=np.int64)])
        loss = float(distances[rows].min(axis=0).sum(dtype=np.float64))
        if loss < best_loss * (1 - 1e-7):
            best, best_loss = rows, loss
    return best


def _swapped(batch: _Batch, medoids: Array, fixed: int, rng: np.random.Generator) -> Array:
    """FasterPAM's swaps on the batch, from the given positions on; the first `fixed` stay."""
    from .kernels import eager_swaps, two_nearest

    c, m = batch.distances.shape
    if len(medoids) == 1:
        return medoids if fixed else np.array([int(np.argmin(batch.distances @ batch.weights))])
    if len(medoids) > m // 2 and not batch.complete:
        return medoids  # a batch this small says nothing about which rows to take
    medoids = medoids.astype(np.int64)
    movable = np.arange(len(medoids)) >= fixed
    n1, n2 = np.empty(m, np.int32), np.empty(m, np.int32)
    d1, d2 = np.empty(m, np.float32), np.empty(m, np.float32)
    two_nearest(np.ascontiguousarray(batch.distances[medoids].T), n1, n2, d1, d2)
    sweeps = 100 if batch.complete else 2
    order = rng.permutation(c)
    eager_swaps(batch.distances, batch.weights, medoids, movable, order, sweeps, n1, n2, d1, d2)
    return medoids


def _centre(x: Array, metric: str, rng: np.random.Generator) -> Array:
    """Medoid of all rows: the best of 128 rows near the mean and 128 others, by exact sums."""
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    near = np.argsort(distance_block(x, mean[None], "euclidean")[:, 0], kind="stable")[:128]
    rows = np.union1d(near, rng.choice(len(x), 128, replace=False))
    sums = np.zeros(len(rows))
    for part in blocks(len(x)):
        sums += distance_block(x[rows], x[part], metric).sum(axis=1, dtype=np.float64)
    return np.array([rows[int(np.argmin(sums))]])


def _assign(x: Array, medoids: Array, metric: str) -> Medoids:
    """Assign all rows, number clusters by size, and measure distances to the medoid without rounding of products."""
    from ..neighbors.kernels import rerank

    medoids = np.sort(medoids)
    nearest = two_nearest_of(x, x[medoids], metric)[0]
    nearest[medoids] = np.arange(len(medoids))
    order = np.argsort(-np.bincount(nearest, minlength=len(medoids)), kind="stable")
    position = np.empty(len(medoids), np.int32)
    position[order] = np.arange(len(medoids))
    indices, cluster = medoids[order], position[nearest]
    distance = np.empty((len(x), 1), np.float32)
    rerank(x, x, indices[cluster][:, None], metric == "cosine", np.empty((len(x), 1), np.int32), distance)
    return Medoids(indices, cluster, distance[:, 0])
