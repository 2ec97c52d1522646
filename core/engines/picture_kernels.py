"""Inner loop of the pixel check: where one small grey picture fits best inside another."""

from __future__ import annotations

import numpy as np

from ..method import Array
from .compiled import compiled


@compiled
def best_fit(picture: Array, template: Array) -> tuple[float, int, int]:
    """The window with the largest normalised correlation: the correlation in [-1, 1], its top and its left.

    Args:
        picture: (s, s) float32, any brightness.
        template: (m, m) float32 with mean 0 and sum of squares 1, m <= s.
    """
    side, m = picture.shape[0], template.shape[0]
    best, best_top, best_left = -1.0, 0, 0
    for top in range(side - m + 1):
        for left in range(side - m + 1):
            total = np.float32(0)
            squares = np.float32(0)
            product = np.float32(0)
            for i in range(m):
                for j in range(m):
                    value = picture[top + i, left + j]
                    total += value
                    squares += value * value
                    product += value * template[i, j]
            spread = squares - total * total / (m * m)
            if spread > 1e-6:
                fit = product / np.sqrt(spread)
                if fit > best:
                    best, best_top, best_left = fit, top, left
    return best, best_top, best_left
