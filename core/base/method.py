"""A curation method, declared once: its parameters, its function, the inputs it reads and the columns it writes.

The operator's form, the SDK call, the sample fields, the run record, the panel's page and the README's row
are all derived from the `METHOD` at the foot of each capability's file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from .params import Params

if TYPE_CHECKING:
    from ..embeddings.reuse import Kept
    from ..neighbors.graph import Graph

Array = npt.NDArray[Any]
Facts = dict[str, Any]

STAGES = ("import", "understand", "clean", "select", "act", "runs")


class Progress(Protocol):
    """Called by a method as it goes: `progress(done, total, "what is being done")`.

    It may raise `Interrupted`, which a method lets pass.
    """

    def __call__(self, done: int, total: int, doing: str = "") -> None: ...


class Interrupted(Exception):  # noqa: N818 - an interruption is no error
    """The user stopped the run."""


def silent(done: int, total: int, doing: str = "") -> None:
    """Progress that nobody watches."""


class Vector:
    """Kind of a column: one float32 vector per row, an (n, d) array."""


class Point:
    """Kind of a column: one point per row, (n, 2) or (n, 3); 2-D ones also feed the built-in Embeddings panel."""


class Neighbors:
    """Kind of a column: other rows, an (n, k) integer array of row numbers, -1 for none; stored as sample ids."""


class Label:
    """Kind of a column: a class with its confidence, given as `LabelValues`; stored as a Classification."""


class Labels:
    """Kind of a column: any number of classes per row, given as `LabelValues`; stored as Classifications."""


class Heatmap:
    """Kind of a column: a map over the picture, given as `HeatmapValues`; stored as a Heatmap."""


@dataclass(frozen=True)
class HeatmapValues:
    """Maps of n rows over their pictures.

    Attributes:
        maps: (n, h, w) uint8, stretched over the picture.
        known: (n,) bool, the row has a map.
        folder: where the maps become PNG files; None keeps them in the database.
    """

    maps: Array
    known: Array
    folder: str | None = None


@dataclass(frozen=True)
class LabelValues:
    """Predicted classes of n rows.

    Attributes:
        classes: names of the C classes.
        codes: (n,) index into `classes`, -1 for no label (with `Label`); or (n, C) bool (with `Labels`).
        confidence: (n,), or (n, C) with `Labels`; in [0, 1].
        logits: (n, C) float32, in the order of `classes`; kept so that tags can be recomputed.
    """

    classes: tuple[str, ...]
    codes: Array
    confidence: Array
    logits: Array | None = None


@dataclass(frozen=True)
class Column:
    """What a method writes for each sample; it becomes the field `<key>_<name>`, or `<key>` when the name is empty.

    Attributes:
        name: Python identifier, or "" for a method's single main column.
        type: bool, int, float, str, `list[float]`, `list[str]`, or one of the kinds above.
        description: what the value means; shown in the App next to the field.
        best: for scores, the good end: "high" or "low".
        group: the values are groups worth listing (clusters, classes, kinds).
        optional: the method writes it only with some parameters.
    """

    name: str
    type: Any
    description: str
    best: Literal["high", "low"] | None = None
    group: bool = False
    optional: bool = False

    def field(self, key: str) -> str:
        """Name of the sample field that holds this column in run `key`."""
        return f"{key}_{self.name}" if self.name else key

    @property
    def said(self) -> str:
        """The description with its direction."""
        return self.description + (f" ({self.best} is good)" if self.best else "")


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
            `predictions`, a `LabelValues`; `label_sets`, a `GivenSets`; `detections`, a `GivenBoxes`; several
            `embeddings`, a tuple of (n, d_i) arrays; `members`, an (n,) bool array. None, or an absent entry, where the
            parameter names nothing.
        sources: "embeddings", or a run's key → what is known about the run that made that input (`model`, …).
        kept: vectors of earlier calls that need not be made again, for methods that make vectors of files.
        graph_of: builds or fetches the k-nearest-neighbor graph of these embeddings.
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
    folder: str | None = None

    @property
    def vectors(self) -> Array:
        """The embeddings of a method that declares that it reads them."""
        assert self.embeddings is not None, "the method does not declare that it reads embeddings"
        return self.embeddings

    def neighbors(self, k: int, metric: str = "cosine", progress: Progress = silent) -> Graph:
        """The shared graph of the k nearest neighbors of each row: built once per set of vectors.

        Args:
            k: neighbors wanted; the graph returned has min(k, n - 1).
            metric: "cosine" or "euclidean".
        """
        from ..neighbors.graph import build_graph

        if self.graph_of is not None:
            return self.graph_of(k, metric, progress).first(k)
        return build_graph(self.vectors, k=k, metric=metric, progress=progress)


@dataclass(frozen=True)
class Columns:
    """What a method returns.

    Attributes:
        values: column name → n values. NaN in floats and vectors, and None in lists, stand for "no value".
        facts: summary for the run record, plain JSON values; `headline` is the sentence the App shows.
        rows: (n,) bool, the rows that have values; the others get none. All rows when None.
        kept: name → array, of any length: what `Method.move` needs to give the same columns for another threshold.
            It lies on disk beside the dataset; without it the method has to run again.
    """

    values: Mapping[str, Any]
    facts: Facts = field(default_factory=dict)
    rows: Array | None = None
    kept: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """One curation capability. See the module's docstring.

    Attributes:
        name: of the operator and in the SDK.
        version: grows when the meaning of the output changes; runs of an older version are stale, unless
            `holds_from` says that theirs has not changed.
        label: name that people read.
        key: default key of its runs.
        reads: what `run` gets beside its parameters, and cannot do without: roles that its parameters declare
            (`params.ROLES`), and "paths" of the image files.
        cite: paper or documentation that the method comes from.
        why_now: for methods that everyone should run, why, as the Curation panel tells a newcomer; they are
            urged in the catalog's order once what they need is there. The others are offered.
        holds_from: `holds_from(params)`: the version since which the output has meant the same with these parameters,
            as a run's record has them. The newest one when None.
        move: `move(kept, params, threshold)`: the columns for another threshold, without a new search.
    """

    name: str
    version: int
    label: str
    stage: Literal["import", "understand", "clean", "select"]
    key: str
    params: type[Params]
    run: Callable[[Inputs, Any, Progress], Columns]
    writes: tuple[Column, ...]
    reads: tuple[str, ...] = ()
    cite: str = ""
    why_now: str = ""
    holds_from: Callable[[Mapping[str, Any]], int] | None = None
    move: Callable[[Mapping[str, Array], Any, float], Columns] | None = None

    @property
    def help(self) -> str:
        """The first paragraph of the parameters' docstring."""
        return " ".join((self.params.__doc__ or "").split("\n\n")[0].split())

    def outdates(self, version: int, params: Mapping[str, Any]) -> bool:
        """Whether a run of that version with these parameters would come out differently now."""
        oldest = self.version if self.holds_from is None else self.holds_from(params)
        return not oldest <= version <= self.version

    @property
    def makes_vectors(self) -> bool:
        """Whether its runs are embeddings that other methods can read."""
        return any(column.type is Vector and not column.name for column in self.writes)

    def column(self, name: str) -> Column:
        """The declared column of that name."""
        return next(column for column in self.writes if column.name == name)
