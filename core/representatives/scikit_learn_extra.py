"""scikit-learn-extra's KMedoids (PAM) and CLARA in place of our own search; the package is optional.

PAM compares all pairs of rows. CLARA runs PAM on samples, and keeps the best medoids (Kaufman & Rousseeuw 1990,
doi:10.1002/9780470316801). https://github.com/scikit-learn-contrib/scikit-learn-extra
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.params import ParamError
from ..neighbors.distances import comparable

ENGINES = ("kmedoids", "clara")
MOST = 20_000  # rows of KMedoids, whose distances take 3.2 GB then
INSTALL = (  # its published wheels are for NumPy 1 only
    'pip install "cython<3.1" setuptools wheel, then '
    "pip install --no-build-isolation --no-binary scikit-learn-extra scikit-learn-extra"
)


def medoids(x: Array, k: int, engine: str, metric: str, seed: int) -> Array:
    """(k,) rows that are medoids.

    Args:
        x: (n, d) finite floats.
        k: 1 to n.
        engine: one of `ENGINES`.
        metric: "cosine" or "euclidean".

    Raises:
        ParamError: the package is not installed, there are too many rows, or fewer than k different ones were found.
    """
    cluster: Any = _package(engine)
    if engine == "kmedoids" and len(x) > MOST:
        raise ParamError(
            f"RepresentativesParams.engine kmedoids compares all pairs, of at most {MOST:,} samples; got {len(x):,}: "
            "choose clara or curator"
        )
    vectors = comparable(x, metric).astype(np.float64)
    given: dict[str, Any] = {"n_clusters": k, "metric": metric, "random_state": seed, "init": "build"}
    if engine == "clara":
        model = cluster.CLARA(**given, n_sampling=min(len(x), 40 + 2 * k))
    else:
        model = cluster.KMedoids(**given, method="pam")
    found = np.unique(model.fit(vectors).medoid_indices_)
    if len(found) < k:
        raise ParamError(
            f"RepresentativesParams.k must be at most what engine {engine} tells apart ({len(found)}); got {k}: "
            "choose engine curator"
        )
    return np.asarray(found, dtype=np.int64)


def _package(engine: str) -> Any:
    try:
        from sklearn_extra import cluster
    except (ImportError, ValueError) as error:  # ValueError: its binaries were built for NumPy 1
        why = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be loaded ({error})"
        raise ParamError(
            f"RepresentativesParams.engine {engine} needs scikit-learn-extra, which {why}: {INSTALL}"
        ) from None
    return cluster
