"""Candidates for the neighbor graph: rows are put into cells, and each row meets the rows of the cells nearest to it.

This is the inverted file of similarity search (Sivic & Zisserman 2003, https://doi.org/10.1109/ICCV.2003.1238663),
asked for all rows at once: rows that lie close together ask the same cells, so that the comparisons are products of
matrices. They are made along the leading principal axes only; candidates need not be in the right order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.blocks import ROWS, blocks
from ..base.threads import in_threads

SAMPLE = 20_000  # rows that the axes are found on
CELL = 384  # rows in a cell, at most
BRANCHES = 64  # parts that a cell too large is cut into, at most
STEPS = 6  # of Lloyd's algorithm in each cut
ASKING = 512  # rows that ask together where all do
FEW = 256  # and where some do
# Cosine that the parts of two near rows beyond the leading axes are taken to have: they are neither unrelated nor
# parallel. With 1/2 the 32 best of 96 axes hold .966 of the 15 nearest of CIFAR-10's features (with 0 .941, with 1
# .901), of MNIST's with 48 axes .986 (.965, .978), of synthetic clusters' with 96 .936 (.882, .945).
ALIKE = 0.5


@dataclass(frozen=True)
class Axes:
    """What rows vary along most.

    Attributes:
        mean: (d,) of the rows.
        directions: (d, d) float32 orthonormal columns, the one of most variance first.
    """

    mean: Array
    directions: Array


@dataclass(frozen=True)
class Heads:
    """Rows along some leading axes: half[b] - head[a] . head[b] ranks the rows b by their likely distance from a.

    Attributes:
        head: (n, m + 1) float32 coordinates from the mean, and the length of what they leave out, times a factor.
        half: (n,) float32 half the squared distance from the mean.
    """

    head: Array
    half: Array


@dataclass(frozen=True)
class Cells:
    """Rows in cells.

    Attributes:
        order: (n,) int32 rows of x, cell by cell. `heads` is in that order too; a row's number in it is its place.
        heads: of the rows.
        starts: (c + 1,) the places where cells begin.
        centres: (c, m + 1) float32 mean head of each cell.
    """

    order: Array
    heads: Heads
    starts: Array
    centres: Array


def principal_axes(x: Array, seed: int) -> Axes:
    """The axes of x, (n, d) float32 of moderate size, by a sample of the rows."""
    rng = np.random.default_rng(seed)
    chosen = x[np.sort(rng.choice(len(x), min(SAMPLE, len(x)), replace=False))]
    mean = chosen.mean(axis=0)
    chosen = chosen - mean
    axes = np.linalg.eigh((chosen.T @ chosen).astype(np.float64))[1][:, ::-1]
    return Axes(mean, np.ascontiguousarray(axes, dtype=np.float32))


def heads(x: Array, axes: Axes, m: int) -> Heads:
    """The rows of x along the first m axes."""
    head, half = np.empty((len(x), m + 1), np.float32), np.empty(len(x), np.float32)
    directions = np.ascontiguousarray(axes.directions[:, :m])

    def project(rows: slice) -> None:
        moved = x[rows] - axes.mean
        part = head[rows, :m] = moved @ directions
        squares = np.einsum("ij,ij->i", moved, moved)
        half[rows] = squares / 2
        head[rows, m] = np.sqrt(ALIKE * np.maximum(squares - np.einsum("ij,ij->i", part, part), 0))

    in_threads(project, blocks(len(x)))
    return Heads(head, half)


def in_cells(given: Heads, seed: int) -> Cells:
    """Put rows into cells of rows that lie close together."""
    cells = _cells(given.head, np.random.default_rng(seed))
    order = np.concatenate(cells)
    starts = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])])
    head = given.head[order]
    centres = np.add.reduceat(head, starts[:-1], axis=0) / np.diff(starts)[:, None].astype(np.float32)
    return Cells(order.astype(np.int32), Heads(head, given.half[order]), starts, centres)


def as_they_come(given: Heads) -> Cells:
    """Rows in cells as they follow one another: good only to ask all cells."""
    n = len(given.head)
    starts = np.append(np.arange(0, n, ROWS), n)
    return Cells(np.arange(n, dtype=np.int32), given, starts, np.zeros((len(starts) - 1, 1), np.float32))


def meet(
    given: Cells, width: int, cells: int | None = None, places: Array | None = None, progress: Progress = silent
) -> Array:
    """What is likely nearest to each row among the rows of the cells nearest to it.

    Args:
        width: rows kept for each.
        cells: nearest ones that each row asks; all when None.
        places: (p,) those that ask; all in turn when None.

    Returns:
        (p, width) int32 rows of x in no order, -1 where fewer were met; never the row itself.
    """
    from .kernels import merge_members

    many, head, half = len(given.centres), given.heads.head, given.heads.half
    cells = many if cells is None else min(cells, many)
    asking = np.arange(len(head)) if places is None else places
    found = np.full((len(asking), width), -1, dtype=np.int32)
    far = np.einsum("ij,ij->i", given.centres, given.centres) / np.float32(2)

    def ask(rows: slice) -> None:
        own = asking[rows]
        heads = head[own]
        if cells < many:
            distance = far - heads @ given.centres.T
            near = np.argpartition(distance, cells - 1, axis=1)[:, :cells].ravel()
        else:
            near = np.tile(np.arange(many), len(own))
        by_cell = np.argsort(near, kind="stable")
        asked, first, times = np.unique(near[by_cell], return_index=True, return_counts=True)
        lines = np.split(by_cell // cells, first[1:])
        keys = np.full((len(own), width), np.inf, dtype=np.float32)
        met = np.full((len(own), width), -1, dtype=np.int32)
        for at in np.argsort(
            -times, kind="stable"
        ):  # the cells asked most often first: they hold the nearest rows, so that later ones seldom enter the lists
            columns = slice(given.starts[asked[at]], given.starts[asked[at] + 1])
            members = lines[at]
            products = heads[members] @ head[columns].T
            merge_members(products, half[columns], members, own[members], columns.start, keys, met)
        found[rows] = np.where(met < 0, -1, given.order[met])

    in_threads(ask, blocks(len(asking), ASKING if places is None else FEW), progress, "comparing samples")
    return found


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
