"""PaCMAP: a map from near, mid-near and far pairs, several times faster than UMAP from a cold start.

Wang, Huang, Rudin & Shaposhnik 2021, https://jmlr.org/papers/v22/20-1061.html; by https://github.com/YingfanWang/PaCMAP,
version 0.9 or later (Apache-2.0).
"""

from __future__ import annotations

import logging

import numpy as np

from ..base.arrays import Array
from ..base.params import ParamError


def pacmap_layout(x: Array, neighbors: Array, start: Array, seed: int) -> Array:
    """PaCMAP's layout of vectors whose neighbors are known.

    Args:
        x: (n, d) from `comparable`, n >= 20.
        neighbors: (n, k) the nearest other rows.
        start: (n, dims) where the layout starts.

    Returns:
        (n, dims) float32.

    Raises:
        ParamError: the package is not installed.
    """
    try:
        from pacmap import PaCMAP
    except ImportError as missing:
        raise ParamError(
            "MapParams.method 'pacmap' needs the package pacmap, which is not installed; pip install 'pacmap>=0.9'"
        ) from missing
    n = len(x)
    k = min(neighbors.shape[1], (n - 1) // 4)  # leaves enough others for its mid-near and far pairs
    pairs = np.stack([np.repeat(np.arange(n), k), neighbors[:, :k].ravel()], axis=1).astype(np.int32)
    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns that a seed was set
    layout = PaCMAP(start.shape[1], k, pair_neighbors=pairs, random_state=seed % 2**30)  # its seeds are int32
    return np.asarray(layout.fit_transform(x, init=start), dtype=np.float32)
