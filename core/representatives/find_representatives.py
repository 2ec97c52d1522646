"""Representatives: real samples that stand for the rest, each with the samples it stands for (k-medoids)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.method import Array, Column, Columns, Facts, GivenLabels, Inputs, Method, Progress
from ..base.params import ParamError, Params, param
from ..neighbors.distances import METRICS
from .k_medoids import Medoids, k_medoids, medoid_losses


@dataclass(frozen=True, kw_only=True)
class RepresentativesParams(Params):
    """Choose k samples that stand for the rest."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k: int = param(20, "How many representatives", at_least=1)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS)
    within: str | None = param(
        None, "Label field: choose inside each class, in proportion to its size but at least one", reads="labels"
    )
    thorough: bool = param(
        False, "Search longer: half as much time again, for a loss a thousandth or two lower", advanced=True
    )
    seed: int = param(51, "Seed of the random start", at_least=0, advanced=True)


def find_representatives(inputs: Inputs, params: RepresentativesParams, progress: Progress) -> Columns:
    """Medoids of all samples, or of each class apart. Columns as declared in `METHOD`.

    With `within`, samples without a label belong to no class and get no values.

    Raises:
        ParamError: k is more than the samples, or less than the classes.
    """
    x = inputs.vectors
    if params.within is None:
        _must_be_at_most(params, "samples", len(x))
        found = k_medoids(
            x, params.k, metric=params.metric, seed=params.seed, progress=progress, thorough=params.thorough
        )
        rows = np.ones(len(x), dtype=np.bool_)
        by_class: Facts = {}
    else:
        assert inputs.labels is not None, "the method reads the labels it is told to choose within"
        rows = inputs.labels.codes >= 0
        found, by_class = _within_classes(x, inputs.labels, params, progress)
    sizes = found.sizes
    labelled = len(found.cluster)
    cluster = np.full(len(x), -1, dtype=np.int64)
    distance, size = np.full(len(x), np.nan), np.zeros(len(x), dtype=np.int64)
    cluster[rows], distance[rows], size[rows] = found.cluster, found.distance, sizes[found.cluster]
    is_medoid = np.zeros(len(x), dtype=np.bool_)
    is_medoid[np.flatnonzero(rows)[found.indices]] = True
    facts = {
        "medoids": params.k,
        "loss": found.loss,
        "mean_distance": found.loss / labelled,
        "sizes": sizes.tolist(),
        **by_class,
        "headline": f"{params.k:,} representatives of {labelled:,} samples; the first stands for {int(sizes[0]):,}",
    }
    values = {"cluster": cluster, "is_medoid": is_medoid, "distance": distance, "cluster_size": size}
    return Columns(values, facts, None if rows.all() else rows)


def shares(sizes: Array, k: int) -> Array:
    """Divide k among groups in proportion to their sizes: at least 1 each, never more than a group has.

    Each next one goes to the group with the largest size / (given + 1/2) (Webster's rule), ties to the first group.

    Args:
        sizes: (g,) positive, g <= k <= their sum.

    Returns:
        (g,) int64, sums to k.
    """
    given = np.ones(len(sizes), dtype=np.int64)
    for _ in range(k - len(sizes)):
        claim = np.where(given < sizes, sizes / (given + 0.5), -1)
        given[int(np.argmax(claim))] += 1
    return given


@dataclass(frozen=True, kw_only=True)
class SweepParams(Params):
    """See how many representatives are enough: the loss for a range of k, and the k at its knee."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k_min: int = param(5, "Fewest representatives", at_least=1)
    k_max: int = param(50, "Most representatives", at_least=1)
    step: int = param(5, "From one number of representatives to the next", at_least=1)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS)
    seed: int = param(51, "Seed of the random start", at_least=0, advanced=True)

    def check(self) -> None:
        if self.k_max < self.k_min:
            raise ParamError(f"SweepParams.k_max must be at least k_min ({self.k_min}); got {self.k_max}")


def sweep_representatives(inputs: Inputs, params: SweepParams, progress: Progress) -> Columns:
    """Mean distance to the nearest representative for each k, and the k at the knee. Facts only, no columns.

    Raises:
        ParamError: k_max is more than the samples.
    """
    x = inputs.vectors
    if params.k_max > len(x):
        raise ParamError(f"SweepParams.k_max must be at most the number of samples ({len(x)}); got {params.k_max}")
    ks = list(range(params.k_min, params.k_max + 1, params.step))
    losses = medoid_losses(x, ks, metric=params.metric, seed=params.seed, progress=progress)
    k = knee(ks, losses)
    return Columns(
        {},
        {
            "k": ks,
            "mean_distance": losses,
            "suggested_k": k,
            "rule": KNEE_RULE,
            "headline": f"{k:,} representatives suggested for {len(x):,} samples, at the knee of the loss "
            f"from {ks[0]:,} to {ks[-1]:,}",
        },
    )


KNEE_RULE = "the k whose loss lies farthest below the straight line from the first to the last k"


def knee(ks: Sequence[int], losses: Sequence[float]) -> int:
    """The k whose loss lies farthest below the straight line from the first to the last k; the first of equals.

    Kneedle (Satopaa et al. 2011, https://doi.org/10.1109/ICDCSW.2011.20) without its smoothing. The answer belongs to
    the range: a wider one has a later knee.
    """
    line = np.interp(ks, [ks[0], ks[-1]], [losses[0], losses[-1]])
    return int(ks[int(np.argmax(np.round(line - np.asarray(losses), 12)))])


def _within_classes(
    x: Array, labels: GivenLabels, params: RepresentativesParams, progress: Progress
) -> tuple[Medoids, Facts]:
    """Medoids of each class over the labelled rows only; clusters are numbered class by class."""
    rows = np.flatnonzero(labels.codes >= 0)
    codes = labels.codes[rows]
    present, sizes = np.unique(codes, return_counts=True)
    _must_be_at_most(params, "labelled samples", len(rows))
    if params.k < len(present):
        raise ParamError(
            f"RepresentativesParams.k must be at least the number of classes ({len(present)}), one for each; "
            f"got {params.k}"
        )
    cluster, distance = np.empty(len(rows), np.int32), np.empty(len(rows), np.float32)
    indices: list[Array] = []
    given = shares(sizes, params.k)
    for done, (code, k) in enumerate(zip(present, given.tolist(), strict=True)):
        progress(done, len(present), f"choosing representatives of {labels.names[code]}")
        members = np.flatnonzero(codes == code)
        found = k_medoids(x[rows[members]], k, metric=params.metric, seed=params.seed, thorough=params.thorough)
        cluster[members] = found.cluster + sum(map(len, indices))
        distance[members] = found.distance
        indices.append(members[found.indices])
    names = [labels.names[code] for code in present]
    return Medoids(np.concatenate(indices), cluster, distance), {
        "medoids_by_class": dict(zip(names, given.tolist(), strict=True))
    }


def _must_be_at_most(params: RepresentativesParams, what: str, n: int) -> None:
    if params.k > n:
        raise ParamError(f"RepresentativesParams.k must be at most the number of {what} ({n}); got {params.k}")


METHOD = Method(
    name="find_representatives",
    version=1,
    label="Find representatives",
    stage="understand",
    key="representatives",
    params=RepresentativesParams,
    run=find_representatives,
    reads=("embeddings",),
    writes=(
        Column(
            "cluster",
            int,
            "Number of the sample's cluster, the largest first; class by class when chosen within a label field",
            group=True,
        ),
        Column("is_medoid", bool, "The sample stands for its cluster"),
        Column("distance", float, "Distance to the representative that stands for it", best="low"),
        Column("cluster_size", int, "Samples in the cluster"),
    ),
    cite="Schubert & Rousseeuw 2021, https://doi.org/10.1016/j.is.2021.101804",
    why_now="A few real samples that stand for the rest make a large dataset readable.",
)

SWEEP_METHOD = Method(
    name="sweep_representatives",
    version=1,
    label="Sweep the number of representatives",
    stage="understand",
    key="sweep",
    params=SweepParams,
    run=sweep_representatives,
    reads=("embeddings",),
    writes=(),
    cite="Satopaa, Albrecht, Irwin & Raghavan 2011, https://doi.org/10.1109/ICDCSW.2011.20",
)
