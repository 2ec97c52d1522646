"""What a method writes: columns, and the kinds of values that they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .arrays import Array, Facts

Role = Literal[
    "mark",  # the rows to look at: those where it is true, or of another type than bool, where it has a value
    "interest",  # a mark of rows worth a look though nothing is wrong with them, the highest score first
    "good",  # the opposite of a mark: the rows to look at are the others
    "keep",  # of copies: the one proposed to stay; the others are the ones to look at
    "suggestion",  # the class that the method would give the row
    "pair",  # given and suggested class in one text
    "chance",  # how probably the suggested class is right
    "quality",  # a score: how probably the given label is right
    "importance",  # a score: how much the row matters to a model
    "group",  # a number that copies share
    "partners",  # other rows that are copies of this one
    "position",  # place in an order in which similar images stand side by side
    "section",  # the part of that order which the row is in
    "rank",  # place in an order of choice, 1 the first
    "turn",  # place in the order in which rows are to be decided about, 1 the first
    "checks",  # names of the checks that found something
    "check",  # the score of one of these checks, named as it is
    "problem",  # why the row could not be read
]


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
class OfLabels:
    """Values of the labels that images hold in one field.

    Attributes:
        rows: (m,) the image of each label.
        ids: (m,) of the labels.
        values: (m,) None for no value.
    """

    rows: Array
    ids: Sequence[str]
    values: Sequence[Any]


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
        role: what the value is for. Review, pages and checks go by it, never by the column's name.
        title: heading of the value; made of the name where it is empty.
        on_labels: of a run on images, the value belongs to the labels that they hold. The method gives it for each
            field as `<name>:<field>`, an `OfLabels`; it becomes an attribute of these labels.
    """

    name: str
    type: Any
    description: str
    best: Literal["high", "low"] | None = None
    group: bool = False
    optional: bool = False
    role: Role | None = None
    title: str = ""
    on_labels: bool = False

    @property
    def marks(self) -> bool:
        """Whether it tells the rows to look at from the others."""
        return self.role in ("mark", "interest", "good", "keep")

    def field(self, key: str) -> str:
        """Name of the sample field that holds this column in run `key`."""
        return f"{key}_{self.name}" if self.name else key

    def plain(self, values: Any, names: Sequence[str]) -> Callable[[int], Any]:
        """Row → its value in plain Python, None for no value; of numbers, texts, lists of them, points and neighbors.

        Args:
            names: (n,) of the rows, which neighbors are told by.
        """
        if self.type is Neighbors:
            return lambda row: [names[other] for other in values[row] if other >= 0]
        if self.type in (Point, list[float]):
            return lambda row: None if values[row] is None else [float(value) for value in values[row]]
        if self.type == list[str]:
            return lambda row: None if values[row] is None else [str(value) for value in values[row]]
        cast: Callable[[Any], Any] = self.type
        return lambda row: None if values[row] is None or values[row] != values[row] else cast(values[row])

    @property
    def said(self) -> str:
        """The description with its direction."""
        return self.description + (f" ({self.best} is good)" if self.best else "")


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
