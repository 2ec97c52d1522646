"""Candidates for the neighbor graph: rows are put into cells, and each row meets the rows of the cells nearest to it.

This is the inverted file of similarity search (Sivic & Zisserman 2003, https://doi.org/10.1109/ICCV.2003.1238663),
asked for all rows at once: rows that lie close together ask the same cells, so that the comparisons are products of
matrices. They are made along the leading principal axes only; candidates need not be in the right order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .distances import blocks
from .method import Array, Progress, silent
from .threads import in_threads

ENERGY = 0.95  # share of the variance that the leading axes hold
FEWEST_AXES = 64
SAMPLE = 20_000  # rows that the axes are found on
CELL = 384  # rows in a cell, at most
BRANCHES = 64  # parts that a cell too large is cut into, at most
STEPS = 6  # of Lloyd's algorithm in each cut
ASKING = 2048  # rows that ask together


@dataclass(frozen=True)
class Sketch:
    """Rows along their leading principal axes, in cells.

    Attributes:
        order: (n,) int32 rows of x, cell by cell. Everything else here is in that order; `place` numbers it.
        head: (n, m) float32 coordinates along the leading axes, from the mean.
        rest: (n,) float32 length of what the head leaves out: |a - b|^2 >= |head a - head b|^2 + (rest a - rest b)^2.
        starts: (c + 1,) the places where cells begin.
        centres: (c, m) float32 mean head of each cell.
    """

    order: Array
    head: Array
    rest: Array
    starts: Array
    centres: Array


def sketch(x: Array, seed: int) -> Sketch:
    """Find the axes and the cells.

    Args:
        x: (n, d) float32, of moderate size (`comparable`, and centred under the Euclidean metric).
        seed: of the rows that axes and cells are learned from.
    """
    rng = np.random.default_rng(seed)
    mean, axes = _axes(x, rng)
    head, rest = np.empty((len(x), axes.shape[1]), np.float32), np.empty(len(x), np.float32)

    def project(rows: slice) -> None:
        moved = x[rows] - mean
        head[rows] = moved @ axes
        left = np.einsum("ij,ij->i", moved, moved) - np.einsum("ij,ij->i", head[rows], head[rows])
        rest[rows] = np.sqrt(np.maximum(left, 0))

    in_threads(project, blocks(len(x)))
    cells = _cells(head, rng)
    order = np.concatenate(cells)
    starts = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])])
    head, rest = head[order], rest[order]
    centres = np.add.reduceat(head, starts[:-1], axis=0) / np.diff(starts)[:, None].astype(np.float32)
    return Sketch(order.astype(np.int32), head, rest, starts, centres)


def meet(given: Sketch, width: int, cells: int, skip: int = 0, progress: Progress = silent) -> Array:
    """Each row's nearest among the rows of the cells nearest to it, by what the sketch tells of their distance.

    Args:
        width: rows kept for each, at most n - 1.
        cells: nearest ones that each row asks, without the `skip` nearest.

    Returns:
        (n, width) int32 places, nearest first, -1 where fewer were met.
    """
    from .engines.neighbor_kernels import merge_members

    n = len(given.head)
    cells = min(cells, len(given.centres))
    wanted = cells - min(skip, cells)
    half = (np.einsum("ij,ij->i", given.head, given.head) + given.rest**2) / np.float32(2)
    far = np.einsum("ij,ij->i", given.centres, given.centres) / np.float32(2)
    found = np.full((n, width), -1, dtype=np.int32)
    if wanted == 0:
        return found

    def ask(rows: slice) -> None:
        heads = given.head[rows]
        distance = far - heads @ given.centres.T
        near = np.argpartition(distance, cells - 1, axis=1)[:, :cells]
        if skip:
            nearer = np.argpartition(np.take_along_axis(distance, near, axis=1), skip - 1, axis=1)
            near = np.take_along_axis(near, nearer, axis=1)[:, skip:]
        near = near.ravel()
        by_cell = np.argsort(near, kind="stable")
        asked, first = np.unique(near[by_cell], return_index=True)
        members = np.split((by_cell // wanted).astype(np.int32), first[1:])
        keys = np.full((len(heads), width), np.inf, dtype=np.float32)
        for cell, asking in zip(asked, members, strict=True):
            columns = slice(given.starts[cell], given.starts[cell + 1])
            products = heads[asking] @ given.head[columns].T
            merge_members(products, half[columns], asking, rows.start, columns.start, keys, found[rows])

    in_threads(ask, blocks(n, ASKING), progress, "comparing samples")
    return found


def _axes(x: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """(d,) mean and (d, m) leading principal axes, from a sample of the rows."""
    rows = np.sort(rng.choice(len(x), min(SAMPLE, len(x)), replace=False))
    chosen = x[rows]
    mean = chosen.mean(axis=0)
    chosen = chosen - mean
    values, axes = np.linalg.eigh((chosen.T @ chosen).astype(np.float64))
    values, axes = np.maximum(values[::-1], 0), axes[:, ::-1]
    share = np.cumsum(values) / max(float(values.sum()), 1e-300)
    m = min(len(values), max(FEWEST_AXES, int(np.searchsorted(share, ENERGY)) + 1))
    return mean, np.ascontiguousarray(axes[:, :m], dtype=np.float32)


def _cells(head: Array, rng: np.random.Generator) -> list[Array]:
    """Rows of each cell: k-means, cut again wherever a cell is too large."""
    large, small = [np.arange(len(head))], []
    while large:
        rows = large.pop()
        if len(rows) <= CELL:
            small.append(rows)
            continue
        parts = _cut(head, rows, min(BRANCHES, -(-2 * len(rows) // CELL)), rng)
        if len(parts) == 1:  # all alike: any cut is as good
            parts = [rows[part] for part in blocks(len(rows), CELL)]
        large += parts[::-1]
    return small


def _cut(head: Array, rows: Array, k: int, rng: np.random.Generator) -> list[Array]:
    """k-means with at most k parts, learned from a sample of the rows."""
    sample = rows if len(rows) <= 100 * k else np.sort(rng.choice(rows, 100 * k, replace=False))
    learned = head[sample]
    centres = learned[rng.choice(len(learned), k, replace=False)].copy()
    for _ in range(STEPS):
        nearest = _nearest(learned, centres)
        counts = np.bincount(nearest, minlength=k)
        members = np.argsort(nearest, kind="stable")
        filled = np.flatnonzero(counts)
        begin = np.concatenate([[0], np.cumsum(counts[filled])[:-1]])
        centres[filled] = np.add.reduceat(learned[members], begin, axis=0) / counts[filled, None].astype(np.float32)
    member = np.empty(len(rows), dtype=np.int64)

    def assign(part: slice) -> None:
        member[part] = _nearest(head[rows[part]], centres)

    in_threads(assign, blocks(len(rows)))
    by_part = np.argsort(member, kind="stable")
    cuts = np.searchsorted(member[by_part], np.arange(1, k))
    return [part for part in np.split(rows[by_part], cuts) if len(part)]


def _nearest(x: Array, centres: Array) -> Array:
    half = np.einsum("ij,ij->i", centres, centres) / np.float32(2)
    return np.asarray((x @ centres.T - half).argmax(axis=1))
