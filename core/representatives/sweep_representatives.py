"""How many representatives a set needs: the loss for several k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Progress
from ..base.columns import Columns
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..neighbors.distances import METRICS
from .k_medoids import medoid_losses


@dataclass(frozen=True, kw_only=True)
class SweepParams(Params):
    """Find out how many representatives are enough: the loss for a range of k, and where it levels off."""

    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    k_min: int = param(5, "Fewest representatives", at_least=1)
    k_max: int = param(50, "Most representatives", at_least=1)
    step: int = param(5, "Step from one number to the next", at_least=1)
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


METHOD = Method(
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
