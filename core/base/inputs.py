"""What a method reads: rows, labels, sets of classes, boxes, and vectors of earlier calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .arrays import Array, Progress
from .graph import Graph
from .shared import Shared


class Kept(Protocol):
    """What is on disk for one run: made by earlier calls, and added to as the run goes. The dataset layer has it."""

    def model(self) -> str | None:
        """The model of what was made before: of an interrupted run of this key, else of the one that it replaces."""
        ...

    def begin(self, identity: Mapping[str, Any], reuse: bool) -> None:
        """Choose what fits: vectors of the engine with this identity; nothing of before where `reuse` is False."""
        ...

    def state(self) -> dict[str, Array]:
        """What the engine had learned; empty where nothing fits."""
        ...

    def keep_state(self, state: Mapping[str, Array]) -> None:
        """Keep what the engine has learned; vectors made with another state are given up."""
        ...

    def find(self, marks: Sequence[bytes]) -> Iterator[tuple[Array, Array]]:
        """(m,) rows and their (m, dim) vectors, part by part, for the marks that are known."""
        ...

    def add(self, marks: Sequence[bytes], vectors: Array) -> None:
        """Keep (m, dim) vectors that were just made. They survive the death of the process."""
        ...

    def room(self, n: int, dim: int) -> Array:
        """(n, dim) float32 to be filled: a file's, mapped into memory, where the vectors are to be kept in a file."""
        ...

    def made(self, marks: Sequence[bytes]) -> None:
        """Remember the marks of all rows of the complete run."""
        ...


@dataclass(frozen=True)
class GivenLabels:
    """Labels of n rows as they stand on the dataset.

    Attributes:
        names: the C class names, sorted.
        codes: (n,) int64 index into `names`; -1 where a sample has no label.
    """

    names: tuple[str, ...]
    codes: Array

    @classmethod
    def of(cls, values: Sequence[str | None]) -> GivenLabels:
        """Encode names; `None` is a missing label."""
        names = tuple(sorted({value for value in values if value is not None}))
        index = {name: code for code, name in enumerate(names)}
        return cls(names, np.array([-1 if value is None else index[value] for value in values], dtype=np.int64))


@dataclass(frozen=True)
class GivenSets:
    """Classes of n rows, any number for each, as they stand on the dataset.

    Attributes:
        names: the C class names, sorted.
        present: (n, C) bool.
        known: (n,) bool, False where the sample has no such label at all; an empty one is known.
    """

    names: tuple[str, ...]
    present: Array
    known: Array


@dataclass(frozen=True)
class GivenBoxes:
    """Boxes of n images, one after another, as they stand on the dataset.

    Attributes:
        names: the C class names, sorted.
        rows: (m,) int64, the image of each box, ascending.
        codes: (m,) int64 index into `names`.
        boxes: (m, 4) float64 left, top, width, height as shares of the image's sides.
        confidence: (m,) in [0, 1]; NaN where none was given.
        known: (n,) bool, False where the image has no such label at all; an empty one is known.
    """

    names: tuple[str, ...]
    rows: Array
    codes: Array
    boxes: Array
    confidence: Array
    known: Array


@dataclass(frozen=True)
class JudgedLabels:
    """What a run said of n labels, and what people have decided about them.

    Attributes:
        labels: the label that each row has now; None for none.
        quality: (n,) probability that the given label is right; NaN where the run did not judge it.
        suggested: the class that the run would give each row.
        decided: (n,) int64: RIGHT or WRONG, as people said of the judged label; OPEN where nobody has said; SETTLED
            for rows that were excluded, or corrected before they were judged: these say nothing about the run.
    """

    labels: Sequence[str | None]
    quality: Array
    suggested: Sequence[str | None]
    decided: Array

    RIGHT, WRONG, OPEN, SETTLED = 0, 1, -1, -2


@dataclass(frozen=True)
class GivenAnnotations:
    """All labels of n images in one field, one after another, as they stand on the dataset, whatever their kind.

    Attributes:
        field: its name.
        is_list: an image may have several, which are labels of their own.
        rows: (m,) int64, the image of each label, ascending.
        ids: (m,) of the labels.
        names: (m,) the class of each; None for none.
        has_classes: labels of this kind have a class; masks of whole scenes have none.
        known: (n,) bool, False where the image has no such label at all; an empty list is known.
        used: (m,) bool, False for labels that people excluded.
        sizes: (n, 2) width and height of the images in pixels; NaN where not known.
        boxes: (m, 4) float64 left, top, width, height as shares of the image's sides, NaN for none; None where labels
            of this kind have no boxes.
        outlines: for each label its shapes, each a list of (x, y) as shares of the image's sides; of polylines only.
        closed: (m,) bool, an outline's last point is joined to its first.
        keypoints: for each label its points (x, y), NaN for one that is not seen.
        parts: names of the keypoints, where they are known.
        masks: gives number and mask of each label that may have one, one by one: (h, w), or why it cannot be read.
    """

    field: str
    is_list: bool
    rows: Array
    ids: Sequence[str]
    names: Sequence[str | None]
    known: Array
    used: Array
    sizes: Array
    boxes: Array | None = None
    outlines: Sequence[Any] | None = None
    closed: Array | None = None
    keypoints: Sequence[Any] | None = None
    parts: tuple[str, ...] = ()
    masks: Callable[[], Iterator[tuple[int, Array | str | None]]] | None = None
    has_classes: bool = True


@dataclass(frozen=True)
class Inputs:
    """What a method reads, row by row: row i of every array is the same sample.

    Rows without one of the inputs a method cannot do without (vectors) were left out before; labels may
    have gaps (code -1), so that a method can still say something about unlabelled samples.

    Attributes:
        n: number of rows.
        ids: sample ids, in row order.
        paths: image files, in row order.
        embeddings: (n, d) float32, finite.
        labels: given labels.
        named: parameter → what it names, for parameters of other roles: `values`, a list with None for no value;
            `numbers`, (n,) float64 with NaN for none; `predictions`, a `LabelValues`; `label_sets`, a `GivenSets`;
            `detections`, a `GivenBoxes`; `annotations`, a tuple of `GivenAnnotations`; several `embeddings`, a tuple of
            (n, d_i) arrays; `members`, an (n,) bool array; `judged`, a `JudgedLabels`. None, or an absent entry, where
            the parameter names nothing.
        sources: "embeddings", or a run's key → what is known about the run that made that input (`model`, …).
        kept: vectors of earlier calls that need not be made again, for methods that make vectors of files.
        graph_of: fetches the graph of the k nearest neighbors of these embeddings, or builds it; None where it is not
            shared. `neighbors.graph.shared_graph` asks it.
        shared: where work is kept that several methods need; None where nothing is shared.
        folder: where a method may keep files, such as trained models; those it names in `facts["files"]` go when the
            run is forgotten. None where nothing can be kept.
    """

    n: int
    ids: Sequence[str] = ()
    paths: Sequence[str] = ()
    embeddings: Array | None = None
    labels: GivenLabels | None = None
    named: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kept: Kept | None = None
    graph_of: Callable[[int, str, Progress], Graph] | None = None
    shared: Shared | None = None
    folder: str | None = None

    @property
    def vectors(self) -> Array:
        """The embeddings of a method that declares that it reads them."""
        assert self.embeddings is not None, "the method does not declare that it reads embeddings"
        return self.embeddings
