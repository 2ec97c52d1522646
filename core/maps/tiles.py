"""Which points of a large map are drawn: a share of every tile, so that what is rare stays visible.

The map is cut into tiles, as fine as leaves no more tiles than points may be drawn; every tile keeps at least one,
and only tiles that hold more than their share lose some. Random thinning would lose the rare points first. What is not
drawn is counted per tile, so that density can be shown behind the points.

Points are sorted along the Morton curve (Morton 1966), which visits the tiles of every size one after another: one sort
serves all sizes, and evenly spaced places of a tile's stretch are spread over the tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array

BITS = {2: 26, 3: 20}  # halvings of each axis: a key of all axes fits into 64 bits
SHADES = {2: 6, 3: 4}  # halvings for the counts of what is not drawn: 64 x 64 or 16 x 16 x 16 tiles


@dataclass(frozen=True)
class Frame:
    """The square or cube that holds a map; all axes have one scale, so that shapes stay what they are.

    Attributes:
        low: (dims,) its lowest corner, in the map's units.
        span: its side.
    """

    low: Array
    span: float

    @classmethod
    def of(cls, points: Array) -> Frame:
        """The smallest one around (n, dims) points, with their middle in its middle."""
        low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
        span = float((high - low).max()) or 1.0
        return cls((low + high - span) / 2, span)

    def unit(self, points: Array) -> Array:
        """(n, dims) float64 shares of the side, in [0, 1]."""
        return np.clip((points - self.low) / self.span, 0.0, 1.0)

    def units(self, shares: Array) -> Array:
        """The map's own units of shares of the side."""
        return self.low + np.asarray(shares, dtype=np.float64) * self.span


@dataclass(frozen=True)
class Choice:
    """Points to draw.

    Attributes:
        rows: their row numbers, rising.
        tile: longest side of a tile as a share of the map's. A point without another within a tile's diagonal is among
            the rows.
    """

    rows: Array
    tile: float


def choose(unit: Array, most: int, first: Array | None = None) -> Choice:
    """Choose at most so many points, an equal share of every tile.

    Args:
        unit: (n, dims) in [0, 1], from `Frame.unit`.
        first: (n,) bool, points that are to be seen above all: three quarters of the places are theirs if they need
            them, and what they leave goes to the others.
    """
    if len(unit) <= most:
        return Choice(np.arange(len(unit)), 0.0)
    if first is None or first.all() or not first.any():
        return _choose(unit, most)
    above, others = np.flatnonzero(first), np.flatnonzero(~first)
    places = max(most - len(others), most * 3 // 4)
    ours = choose(unit[above], places)
    theirs = choose(unit[others], most - len(ours.rows))
    return Choice(np.sort(np.concatenate([above[ours.rows], others[theirs.rows]])), max(ours.tile, theirs.tile))


def shade(unit: Array, drawn: Array) -> tuple[Array, Array]:
    """How many points of each tile are not drawn.

    Args:
        unit: (n, dims) in [0, 1].
        drawn: rows that are.

    Returns:
        middles: (t, dims) float64 in [0, 1], of the tiles that hide points.
        counts: (t,) int64, at least 1.
    """
    dims = unit.shape[1]
    side = 1 << SHADES[dims]
    cells = np.minimum((unit * side).astype(np.int64), side - 1)
    index = np.ravel_multi_index(tuple(cells.T), (side,) * dims)
    hidden = np.bincount(index, minlength=side**dims) - np.bincount(index[drawn], minlength=side**dims)
    tiles = np.flatnonzero(hidden)
    middles = (np.stack(np.unravel_index(tiles, (side,) * dims), axis=1) + 0.5) / side
    return middles, hidden[tiles]


def inside(points: Array, polygon: Array) -> Array:
    """(n,) bool: which points of the plane lie inside a polygon, by the even-odd rule.

    Args:
        points: (n, 2).
        polygon: (m, 2) corners in order, m >= 3; closed by itself.
    """
    found = np.zeros(len(points), dtype=bool)
    near = ((points >= polygon.min(axis=0)) & (points <= polygon.max(axis=0))).all(axis=1)
    x, y = points[near].T
    odd = np.zeros(len(x), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    found[near] = odd
    return found


def projected(unit: Array, matrix: Array) -> Array:
    """(n, 2) places on the screen, [-1, 1] on both axes where visible; NaN behind the eye.

    Args:
        unit: (n, 3).
        matrix: (4, 4), from places to clip coordinates, as OpenGL has it: rows times column vectors.
    """
    clip = unit @ matrix[:, :3].T + matrix[:, 3]
    depth = np.where(clip[:, 3] > 0, clip[:, 3], np.nan)
    return np.asarray(clip[:, :2] / depth[:, None])


def _choose(unit: Array, most: int) -> Choice:
    keys = morton(unit)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    dims, bits = unit.shape[1], unit.shape[1] * BITS[unit.shape[1]]
    cuts, beyond = 0, bits + 1  # the finest cut with no more tiles than points: each halves all tiles, axis by axis
    while beyond - cuts > 1:
        middle = (cuts + beyond) // 2
        fits = _breaks(keys, bits - middle).sum() < most
        cuts, beyond = (middle, beyond) if fits else (cuts, middle)
    starts = np.concatenate([[0], np.flatnonzero(_breaks(keys, bits - cuts)) + 1])
    counts = np.diff(np.append(starts, len(keys)))
    tile = np.repeat(np.arange(len(counts)), counts)
    place, count = np.arange(len(keys)) - starts[tile], counts[tile]
    share = shares(counts, most)[tile]
    kept = (place + 1) * share // count > place * share // count  # as many as the share, evenly spaced
    return Choice(np.sort(order[kept]), 2.0 ** -(cuts // dims))


def shares(counts: Array, most: int) -> Array:
    """How many points each tile may keep: all, or else the same number everywhere, `most` in sum.

    Args:
        counts: (t,) points of each tile, at least 1, `most` or more in sum; t <= most.
    """
    rising = np.sort(counts)
    before = np.concatenate([[0], np.cumsum(rising)[:-1]])
    equal = (most - before) // np.arange(len(counts), 0, -1)  # for the tiles from here on, when all before keep theirs
    full = np.flatnonzero(equal < rising)
    if not len(full):
        return counts
    share = np.minimum(counts, int(equal[full[0]]))
    wanting = np.flatnonzero(counts > share)
    share[wanting[: most - int(share.sum())]] += 1
    return share


def morton(unit: Array) -> Array:
    """(n,) uint64 keys whose leading bits name the tile of every size that a place lies in.

    Args:
        unit: (n, 2) or (n, 3) in [0, 1].
    """
    dims, bits = unit.shape[1], BITS[unit.shape[1]]
    cells = np.minimum((unit * (1 << bits)).astype(np.uint64), np.uint64((1 << bits) - 1))
    key = np.zeros(len(unit), dtype=np.uint64)
    for axis in range(dims):
        key |= _apart(cells[:, axis], dims) << np.uint64(axis)
    return key


# A number's bits moved apart by doubling steps, to leave room for those of the other axes.
STEPS = {
    2: (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ),
    3: (
        (32, 0x001F00000000FFFF),
        (16, 0x001F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ),
}


def _apart(bits: Array, dims: int) -> Array:
    for step, mask in STEPS[dims]:
        bits = (bits | (bits << np.uint64(step))) & np.uint64(mask)
    return bits


def _breaks(keys: Array, shift: int) -> Array:
    """Where a sorted key and the next lie in different tiles."""
    tiles = keys >> np.uint64(shift)
    return np.asarray(tiles[1:] != tiles[:-1])
