"""Inner loops of the pixel check: grey pictures shrunk to many sizes, and where one fits best inside another.

Pictures lie flat, 32 numbers a row. A template of m x m pixels has zeros to the right of each row, so that its product
with a window is one dot product of 32 m numbers in a row: what the window holds beyond the template counts for nothing.
"""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..base.compiled import compiled

WIDTH = 32  # of the pictures compared: numbers a row, and the first of the sides


@compiled
def prepare(greys: Array, wholes: Array, templates: Array, scales: Array) -> None:
    """Fill what `fit_pairs` needs of each picture.

    Args:
        greys: (b, 64, 64) uint8.
        wholes: (b, 2, 1056) float32, written: 32 x 32 pixels in [-0.5, 0.5], upright and mirrored, by averages over
            areas. The last 32 must be zero.
        templates: (b, s, 1024) float32, written: shrunk to 32, 31, ... pixels a side, mean 0, sum of squares 1. Must
            be zero before.
        scales: (b, s, s, s) float32, written: 1 over the root of the sum of squares about the mean, of the window of
            that side at that top and left; 0 for a flat one. Must be zero before.
    """
    size = greys.shape[1]
    line = np.empty(size, np.float32)
    for b in range(len(greys)):
        for s in range(templates.shape[1]):
            m = WIDTH - s
            template = templates[b, s]
            step = size / m
            total = 0.0
            for i in range(m):
                line[:] = 0
                for y in range(int(i * step), min(int(np.ceil((i + 1) * step)), size)):
                    weight = np.float32((min((i + 1) * step, y + 1) - max(i * step, y)) / (step * step * 255))
                    for x in range(size):
                        line[x] += weight * greys[b, y, x]
                for j in range(m):
                    value = 0.0
                    for x in range(int(j * step), min(int(np.ceil((j + 1) * step)), size)):
                        value += (min((j + 1) * step, x + 1) - max(j * step, x)) * line[x]
                    template[WIDTH * i + j] = value
                    total += value
            mean = total / (m * m)
            if s == 0:
                for i in range(m):
                    for j in range(m):
                        wholes[b, 0, WIDTH * i + j] = template[WIDTH * i + j] - np.float32(0.5)
                        wholes[b, 1, WIDTH * i + m - 1 - j] = template[WIDTH * i + j] - np.float32(0.5)
            squares = 0.0
            for i in range(m):
                for j in range(m):
                    template[WIDTH * i + j] -= mean
                    squares += template[WIDTH * i + j] ** 2
            template *= np.float32(1 / max(np.sqrt(squares), 1e-6))
        _window_scales(wholes[b, 0], scales[b])


@compiled
def _window_scales(whole: Array, scales: Array) -> None:
    """See `prepare`; by sums over all that is above and to the left."""
    sums = np.zeros((2, WIDTH + 1, WIDTH + 1))
    for i in range(WIDTH):
        for j in range(WIDTH):
            value = np.float64(whole[WIDTH * i + j])
            sums[0, i + 1, j + 1] = value + sums[0, i, j + 1] + sums[0, i + 1, j] - sums[0, i, j]
            sums[1, i + 1, j + 1] = value * value + sums[1, i, j + 1] + sums[1, i + 1, j] - sums[1, i, j]
    for s in range(len(scales)):
        m = WIDTH - s
        for top in range(s + 1):
            for left in range(s + 1):
                right, bottom = left + m, top + m
                window = sums[:, bottom, right] - sums[:, top, right] - sums[:, bottom, left] + sums[:, top, left]
                spread = window[1] - window[0] * window[0] / (m * m)
                if spread > 1e-6:
                    scales[s, top, left] = 1 / np.sqrt(spread)


@compiled
def fit_pairs(
    one: Array, other: Array, wholes: Array, templates: Array, scales: Array, enough: float, found: Array
) -> None:
    """How well one picture of each pair fits into the other, where it fits best: by details, in [-1, 1].

    The place is that of the largest normalised correlation over all sides, tops and lefts, upright and mirrored, of
    either picture inside the other. That a template is mirrored is the same as that the picture it is laid on is.

    Args:
        one, other: (p,) int64 numbers of prepared pictures.
        enough: no better place is looked for once this is reached at full size.
        found: (p,) float64, written.
    """
    for p in range(len(one)):
        best, fit, s, place, host, guest, side = -1.0, 0.0, 0, 0, one[p], other[p], 0
        for shrunk in range(templates.shape[1]):
            m = WIDTH - shrunk
            for mirrored in range(2):
                for turn in range(1 if shrunk == 0 else 2):  # at full size both directions are the same
                    a, b = (one[p], other[p]) if turn == 0 else (other[p], one[p])
                    whole, template = wholes[a, mirrored], templates[b, shrunk]
                    for top in range(shrunk + 1):
                        for left in range(shrunk + 1):
                            scale = scales[a, shrunk, top, shrunk - left if mirrored else left]
                            start = WIDTH * top + left
                            product = np.float32(0)
                            for at in range(WIDTH * m):
                                product += whole[start + at] * template[at]
                            if scale > 0 and product * scale > best:
                                best = product * scale
                                s, place, host, guest, side = shrunk, start, a, b, mirrored
                if shrunk == 0 and mirrored == 0:
                    fit = _detail(wholes[host, 0], place, templates[guest, 0], m)
                    if fit >= enough:
                        break
            if shrunk == 0 and fit >= enough:
                break
        found[p] = fit if fit >= enough else _detail(wholes[host, side], place, templates[guest, s], WIDTH - s)


@compiled
def _detail(whole: Array, start: int, template: Array, m: int) -> float:
    """Correlation of the differences between neighboring pixels of a window and a template, in [-1, 1]."""
    product, squares, own = 0.0, 0.0, 0.0
    for i in range(m):
        for j in range(m):
            at = WIDTH * i + j
            for reach in (1, WIDTH):
                if (reach == 1 and j + 1 < m) or (reach == WIDTH and i + 1 < m):
                    window = np.float64(whole[start + at + reach] - whole[start + at])
                    step = np.float64(template[at + reach] - template[at])
                    product += window * step
                    squares += window * window
                    own += step * step
    return float(product / max(np.sqrt(squares * own), 1e-9))
