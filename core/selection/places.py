"""What was taken at one place or in one go: bursts, sessions and regions of like pictures, beyond near-duplicates.

A model that is tested where it was trained looks better than it will be elsewhere. Three things tell that pictures
belong together: one camera within minutes, by the time in the file; file names that count on, where the pictures are
also as near to each other as nearest neighbors usually are; and near-duplicates. Regions are coarser: clusters of all
vectors that cut none of these. Holding out whole regions shows what a probe loses on what it has not seen the like of
(leave-cluster-out; Meredig et al. 2018, https://doi.org/10.1039/C8ME00012C).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.graph import Graph
from ..probes.folds import connected, groups_of_many, stratified_folds
from ..representatives.k_medoids import k_medoids

SESSION = 600  # seconds between two pictures of one camera, at most
STEP = 3  # by how much names that count on may grow
TOO_MANY = 0.5  # of the samples: where so many share one session, the clock tells nothing
ROWS_PER_REGION, MOST_REGIONS = 20, 200
FOLDS = 5
FEWEST, MOST = 50, 3_000  # labelled rows that a probe is measured on
NUMBERED = re.compile(r"^(.*?)(\d+)(\D*)$")
TAKEN, MODEL, DETAILS, TAKEN_ORIGINALLY = 306, 272, 0x8769, 0x9003  # tags of EXIF


def places(paths: Sequence[str], x: Array, graph: Graph, together: Array) -> tuple[Array, Facts]:
    """(n,) int64 place of each row, from 0, and how many belong together by what. Plain JSON values.

    Args:
        paths: of the image files; may be empty.
        x: (n, d) unit vectors.
        graph: of x.
        together: (n,) groups that are at one place in any case.
    """
    by_time, by_name = _by_time(paths), _by_name(paths, x, graph)
    links = [pair for rows in groups_of_many(together) for pair in zip(rows[:-1], rows[1:], strict=True)]
    pairs = np.array([*links, *by_time, *by_name], dtype=np.int64).reshape(-1, 2)
    place = connected(len(x), pairs[:, 0], pairs[:, 1])
    sizes = np.bincount(place)
    return place, {
        "places_of_many": int((sizes > 1).sum()),
        "samples_in_places_of_many": int(sizes[sizes > 1].sum()),
        "pairs_by_time": len(by_time),
        "pairs_by_name": len(by_name),
    }


def regions(x: Array, place: Array, seed: int, progress: Progress) -> Array:
    """(n,) int64 region of each row: its cluster, or that of the first row of its place. No place is cut."""
    k = int(np.clip(len(x) // ROWS_PER_REGION, 1, MOST_REGIONS))
    cluster = k_medoids(x, k, seed=seed, progress=progress).cluster.astype(np.int64)
    _, first = np.unique(place, return_index=True)
    return np.asarray(cluster[first][place])


def expected_gap(x: Array, codes: Array, together: Array, region: Array, seed: int) -> Facts:
    """Accuracy of a probe in folds that cut no group, in folds that cut no region, and the difference.

    Args:
        x: (n, d) unit vectors.
        codes: (n,) classes, -1 for none.
        together: (n,) groups that the split does not cut.
        region: (n,) of `regions`.

    Returns:
        Nothing where there are too few labels, classes or regions to tell.
    """
    rows = np.flatnonzero(codes >= 0)
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    several = len(np.unique(codes[rows])) > 1 and len(np.unique(region[rows])) >= 2 * FOLDS
    if len(rows) < FEWEST or not several:
        return {}
    usual, elsewhere = (_accuracy(x[rows], codes[rows], group[rows], seed) for group in (together, region))
    return {
        "accuracy_expected": round(usual, 4),
        "accuracy_in_new_places": round(elsewhere, 4),
        "accuracy_lost_in_new_places": round(usual - elsewhere, 4),
    }


def _accuracy(x: Array, codes: Array, groups: Array, seed: int) -> float:
    """Share of rows that ridge regression on the other folds gets right; folds cut no group."""
    from sklearn.linear_model import RidgeClassifier

    fold = stratified_folds(codes, np.unique(groups, return_inverse=True)[1], FOLDS, seed)
    right = np.zeros(len(x), dtype=bool)
    for one in range(FOLDS):
        test = fold == one
        if test.any() and len(np.unique(codes[~test])) > 1:
            right[test] = RidgeClassifier().fit(x[~test], codes[~test]).predict(x[test]) == codes[test]
    return float(right.mean())


def _by_time(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of rows that one camera took one after the other, within ten minutes."""
    taken: list[tuple[str, datetime, int]] = []
    for row, path in enumerate(paths):
        if (found := _taken(path)) is not None:
            taken.append((*found, row))
    taken.sort()
    pairs = [
        (one[2], other[2])
        for one, other in zip(taken, taken[1:], strict=False)
        if one[0] == other[0] and (other[1] - one[1]).total_seconds() <= SESSION
    ]
    linked = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    largest = int(np.bincount(connected(len(paths), linked[:, 0], linked[:, 1])).max(initial=0))
    return pairs if largest <= TOO_MANY * len(paths) else []


def _taken(path: str) -> tuple[str, datetime] | None:
    """Camera and time of a picture, where its file tells both the day and the minute."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            tags = image.getexif()
            when = tags.get_ifd(DETAILS).get(TAKEN_ORIGINALLY) or tags.get(TAKEN)
            model = tags.get(MODEL)
        return str(model or ""), datetime.strptime(str(when)[:19], "%Y:%m:%d %H:%M:%S")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _by_name(paths: Sequence[str], x: Array, graph: Graph) -> list[tuple[int, int]]:
    """Pairs of rows whose names count on, and that are as near as half of all rows are to their nearest."""
    numbered: list[tuple[str, str, str, int, int]] = []
    for row, path in enumerate(paths):
        folder, name = os.path.split(path)
        if (parts := NUMBERED.match(os.path.splitext(name)[0])) is not None:
            numbered.append((folder, parts[1], parts[3], int(parts[2]), row))
    numbered.sort()
    near = float(np.median(graph.distances[:, 0])) if graph.k else 0.0
    return [
        (one[4], other[4])
        for one, other in zip(numbered, numbered[1:], strict=False)
        if one[:3] == other[:3] and other[3] - one[3] <= STEP and 1 - float(x[one[4]] @ x[other[4]]) <= near
    ]
