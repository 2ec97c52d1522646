"""Whether a map tells what the model looks at: the score falls as its peaks are hidden, and rises as they are shown.

Petsiuk, Das & Saenko 2018, RISE, arXiv:1806.07421, section 4: deletion and insertion. The area under the curve of the
score against the share of pixels hidden (small is good) or shown (large is good), beside that of the same map with its
cells shuffled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.arrays import Array

STEPS = 12


def curves(
    batch: Array, maps: Array, score: Callable[[Array], Array], seed: int, steps: int = STEPS
) -> dict[str, Array]:
    """Areas under the curves of each picture.

    Args:
        batch: (b, 3, side, side) normalised, so that 0 is the mean colour, which hides.
        maps: (b, h, w).
        score: batch → (b,) of the class that the maps are about.
        seed: of the shuffled maps.

    Returns:
        `deletion`, `insertion` and the same with `_shuffled`: (b,).
    """
    rng = np.random.default_rng(seed)
    cells = maps.reshape(len(maps), -1)
    shuffled = rng.permuted(cells, axis=1).reshape(maps.shape)
    found: dict[str, Array] = {}
    for suffix, some in (("", maps), ("_shuffled", shuffled)):
        rank = _ranks(some, batch.shape[-1], rng)
        values: dict[str, list[Array]] = {"deletion": [], "insertion": []}
        for step in range(steps + 1):
            hidden = (rank < step / steps)[:, None]
            values["deletion"].append(score(np.where(hidden, np.float32(0), batch)))
            values["insertion"].append(score(np.where(hidden, batch, np.float32(0))))
        for name, points in values.items():
            curve = np.stack(points)
            found[name + suffix] = ((curve[1:] + curve[:-1]) / 2).mean(axis=0)
    return found


def _ranks(maps: Array, side: int, rng: np.random.Generator) -> Array:
    """(b, side, side) in [0, 1): the order of pixels, highest cell first; cells of equal height in random order."""
    b, h, w = maps.shape
    order = np.lexsort((rng.random((b, h * w)), -maps.reshape(b, -1)), axis=1)
    rank = np.empty((b, h * w))
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(h * w) / (h * w), (b, h * w)), axis=1)
    rows, columns = np.arange(side) * h // side, np.arange(side) * w // side
    return np.asarray(rank.reshape(b, h, w)[:, rows][:, :, columns])
