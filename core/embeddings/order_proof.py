"""Whether row i of a file is the vector of image i: neighbors among the vectors should look alike.

Some hundred images are described by their pixels. Where vectors and images belong together, each image looks more like
those that its vector's neighbors belong to than like others; how much more comes by chance, random orders tell. Tools
that list a folder read it by name, so the images' file names give two more orders: as text (1, 10, 2) and by their
numbers (1, 2, 10). An order that looks clearly better than the one that was asked for contradicts it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from ..images.reading import UnreadableImage, read_images
from .models.base import Request, unit_rows
from .models.descriptor import DIM, SIDE, Descriptor, Whitening

CHECKED = 400  # images that are read
FEWEST = 24  # fewer prove nothing
NEIGHBORS = 5
ORDERS = 999  # random ones
CHANCE = 0.002  # share of random orders that may look as good
CLEARLY = 4.0  # standard errors by which another order must look better


@dataclass(frozen=True)
class Proof:
    """What the pixels say of an order.

    Attributes:
        checked: images that were compared.
        likeness: mean cosine between the pixels of images whose vectors are neighbors, in [-1, 1].
        by_chance: the same in random orders.
        p: share of random orders that look at least as good, in (0, 1]; 1.0 where nothing could be compared.
        better: another order that looks clearly better, in words; empty where there is none.
        its_likeness: of that order; NaN where there is none.
    """

    checked: int = 0
    likeness: float = float("nan")
    by_chance: float = float("nan")
    p: float = 1.0
    better: str = ""
    its_likeness: float = float("nan")

    @property
    def holds(self) -> bool:
        """Whether the vectors fit their images better than by chance, and no other order fits better."""
        return self.p <= CHANCE and not self.better


def check_order(vectors: Array, paths: Sequence[str], progress: Progress, seed: int = 0) -> Proof:
    """Compare the neighbors of vectors with the pixels of the images that they stand beside.

    Args:
        vectors: (n, d) float32, row i of the file; rows may hold NaN.
        paths: (n,) image files, row i asked to be image i.
        seed: of the images that are read, and of the random orders.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(paths), min(CHECKED, len(paths)), replace=False))
    looks, seen = _described([paths[row] for row in rows.tolist()], progress)
    rows = rows[seen]
    if len(rows) < FEWEST:
        return Proof(len(rows))
    alike = looks @ looks.T
    likeness, near = _of_each(vectors[rows], alike)
    usual = []
    for _ in range(ORDERS):
        order = random.permutation(len(rows))
        usual.append(float(alike[order[:, None], order[near]].mean()))
    p = (1 + sum(one >= float(likeness.mean()) for one in usual)) / (1 + ORDERS)
    proof = Proof(len(rows), float(likeness.mean()), float(np.mean(usual)), p)
    for words, places in _orders(paths):
        if np.array_equal(places[rows], rows):
            continue
        its = _of_each(vectors[places[rows]], alike)[0]
        gain = its - likeness
        better = gain.mean() > CLEARLY * gain.std() / np.sqrt(len(gain))
        if better and not its.mean() <= proof.its_likeness:
            proof = replace(proof, better=words, its_likeness=float(its.mean()))
    return proof


def _described(paths: Sequence[str], progress: Progress) -> tuple[Array, Array]:
    """(s, 128) float32 of unit length for the s images that can be read, and (m,) bool, which these are."""
    engine = Descriptor(Request("descriptor"))
    pictures, seen = [], np.zeros(len(paths), dtype=bool)
    for row, picture in enumerate(read_images(paths, engine.prepare, enough=SIDE)):
        if not isinstance(picture, UnreadableImage):
            pictures.append(picture)
            seen[row] = True
        progress(row + 1, len(paths), "comparing with the images")
    if len(pictures) < 2:
        return np.zeros((len(pictures), DIM), np.float32), seen
    raw = engine.raw(np.stack(pictures))
    return Whitening.learned(raw, DIM)(raw), seen


def _of_each(vectors: Array, alike: Array) -> tuple[Array, Array]:
    """(m,) mean likeness of each image to its vector's neighbors, and (m, 5) these.

    Args:
        vectors: (m, d); a row that holds NaN or infinity has neighbors by chance.
        alike: (m, m) cosines of the images' pixels.
    """
    good = np.isfinite(vectors).all(axis=1)
    centred = np.zeros(vectors.shape, dtype=np.float32)
    centred[good] = vectors[good] - vectors[good].mean(axis=0, keepdims=True) if good.any() else 0.0
    units = unit_rows(centred)
    similar = units @ units.T
    np.fill_diagonal(similar, -np.inf)
    near = np.argsort(-similar, axis=1, kind="stable")[:, :NEIGHBORS]
    return np.take_along_axis(alike, near, axis=1).mean(axis=1), near


def _orders(paths: Sequence[str]) -> list[tuple[str, Array]]:
    """Orders that files are written in, each with the (n,) place that every image has in it."""
    plain = [path.replace("\\", "/") for path in paths]
    keys: dict[str, list[Any]] = {
        "by path": plain,
        "by path, numbers by their size": [_by_numbers(path) for path in plain],
        "by file name": [os.path.basename(path) for path in plain],
        "by file name, numbers by their size": [_by_numbers(os.path.basename(path)) for path in plain],
    }
    found = []
    for words, key in keys.items():
        places = np.empty(len(plain), dtype=np.int64)
        places[sorted(range(len(plain)), key=key.__getitem__)] = np.arange(len(plain))
        found.append((words, places))
    return found


def _by_numbers(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]
