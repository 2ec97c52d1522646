"""Representatives: real samples that stand for the rest, each with the samples it stands for (k-medoids)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.columns import Column, Columns
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..neighbors.distances import METRICS, comparable, copies
from . import scikit_learn_extra
from .k_medoids import Medoids, around, k_medoids


@dataclass(frozen=True, kw_only=True)
class RepresentativesParams(Params):
    """Pick k typical samples, each standing for a group of similar ones."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k: int = param(20, "How many samples to pick", at_least=1)
    metric: str = param("cosine", "Distance between embeddings", among=METRICS)
    within: str | None = param(
        None, "Label field: pick in each class, in proportion to its size, at least one", reads="labels"
    )
    thorough: bool = param(False, "Search longer: 1.5 times the time for a result 0.1 to 0.2 % better", advanced=True)
    engine: str = param(
        "curator",
        "Who searches: curator itself, or scikit-learn-extra's kmedoids or clara, where it is installed",
        among=("curator", *scikit_learn_extra.ENGINES),
        advanced=True,
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
        found = _search(x, params.k, params, progress)
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
    different = len(np.unique(copies(comparable(x[rows], params.metric))))
    headline = f"{params.k:,} typical samples of {labelled:,}; the largest group has {int(sizes[0]):,}"
    if different < params.k:
        headline += f"; only {different:,} of them differ" if different > 1 else "; all of them are equal"
    facts = {
        "medoids": params.k,
        "different": different,
        "loss": found.loss,
        "mean_distance": found.loss / labelled,
        "sizes": sizes.tolist(),
        **by_class,
        "headline": headline,
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


def _search(x: Array, k: int, params: RepresentativesParams, progress: Progress) -> Medoids:
    if params.engine != "curator":
        medoids = scikit_learn_extra.medoids(x, k, params.engine, params.metric, params.seed)
        return around(x, medoids, params.metric)
    return k_medoids(x, k, metric=params.metric, seed=params.seed, progress=progress, thorough=params.thorough)


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
        found = _search(x[rows[members]], k, params, silent)
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
            "Cluster number, largest cluster first; numbered class by class with a label field",
            group=True,
        ),
        Column("is_medoid", bool, "The sample represents its cluster", role="mark"),
        Column("distance", float, "Distance to the representative of its cluster", best="low"),
        Column("cluster_size", int, "Samples in the cluster"),
    ),
    cite="Schubert & Rousseeuw 2021, https://doi.org/10.1016/j.is.2021.101804",
    why_now="A few typical samples make a large dataset readable.",
)
