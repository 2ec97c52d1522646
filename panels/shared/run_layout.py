"""Which parts a run's page has, worked out from the method's declaration and the fields that are there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ...core.base.columns import Column, Label, Labels, Point, Role
from ...core.base.params import roles
from ...dataset.runs.record import Run
from . import wording
from .patches import seen


@dataclass(frozen=True)
class Part:
    """One column of a run, with the field that holds it.

    Attributes:
        path: what to match and count: the field, or the label inside it.
    """

    column: Column
    path: str

    @property
    def name(self) -> str:
        """The column's name; events use it."""
        return self.column.name

    @property
    def title(self) -> str:
        """The column's name as a heading; its field's where it has none, as with one column per run."""
        return self.column.title or wording.title(self.column.name or self.path.split(".")[0])

    @property
    def holds_many(self) -> bool:
        """Whether a sample may have several of its values, such as classes or issues."""
        return self.column.type in (Labels, list[str])

    @property
    def said(self) -> str:
        """What the column means and which end is good, in sentences."""
        good = f" {self.column.best.capitalize()} is good." if self.column.best else ""
        return wording.sentence(self.column.description) + good


@dataclass(frozen=True)
class Layout:
    """The parts of a run's page.

    Attributes:
        scores: number columns, the main one first.
        groups: columns whose values are groups: clusters, classes, kinds; classes always are.
        flags: true-or-false columns.
        marks: columns that tell the samples to look at.
        rank: place in the order in which samples were chosen, 1 the first.
        label: the class that the run gives each sample, such as a suggested label.
        given: path of the labels that the run read.
        split: path of the splits that the run read; "tags" for the tags that name them.
        labels: path of the labels that samples are told apart by: those, or else the dataset's own.
        has_map: whether the run made points that the Curation Map shows.
        has_order: whether the run put similar images side by side.
        gone: fields that the run wrote and that are no longer there.
    """

    scores: tuple[Part, ...] = ()
    groups: tuple[Part, ...] = ()
    flags: tuple[Part, ...] = ()
    marks: tuple[Part, ...] = ()
    rank: Part | None = None
    label: Part | None = None
    given: str | None = None
    split: str | None = None
    labels: str | None = None
    has_map: bool = False
    has_order: bool = False
    gone: tuple[str, ...] = ()

    def score(self, name: str | None) -> Part | None:
        """The score of that name, or the main one."""
        return next((part for part in self.scores if part.name == name), self.scores[0] if self.scores else None)

    @property
    def marking(self) -> Part | None:
        """The part that tells the samples to look at: of several, the first that is a mark."""
        marks = [part for part in self.marks if part.column.role in ("mark", "interest")]
        return next(iter([*marks, *self.marks]), None)

    def named(self, name: str) -> Part:
        """The part of that column.

        Raises:
            KeyError: the run has no such part.
        """
        for part in (*self.scores, *self.groups, *self.flags):
            if part.name == name:
                return part
        raise KeyError(name)


def layout(run: Run, fields: Collection[str], labels: str | None = None) -> Layout:
    """The layout of a run's page.

    Args:
        fields: the fields that the dataset has.
        labels: path of the dataset's own labels, for runs that read none.
    """
    declared = run.declaration
    if declared is None:
        return Layout()
    parts = [
        Part(column, _path(column, seen(run, run.writes[column.name])))
        for column in declared.writes
        if column.name in run.writes and is_there(run, column.name, fields)
    ]
    scores = [part for part in parts if part.column.type is float]
    read = (run.reads.get("labels") or {}).get("field")
    read = seen(run, read) if read and read.split(".")[0] in fields else None
    is_split = "splits" in roles(declared.params).values()  # which are no labels to compare or correct
    given = None if is_split else read
    classes = [part for part in parts if part.column.type is Label]
    classes += [part for part in parts if part.column.role == "suggestion"]
    return Layout(
        scores=tuple(sorted(scores, key=lambda part: part.column.best is None)),
        groups=tuple(part for part in parts if part.column.group or part.column.type in (Label, Labels)),
        flags=tuple(part for part in parts if part.column.type is bool),
        marks=tuple(part for part in parts if part.column.marks),
        rank=next((part for part in parts if part.column.role == "rank"), None),
        label=classes[0] if classes else None,
        given=given,
        split=read if is_split else None,
        labels=given or labels,
        has_map=any(part.column.type is Point for part in parts),
        has_order=any(part.column.role == "position" for part in parts),
        gone=tuple(path for name, path in run.writes.items() if not is_there(run, name, fields)),
    )


def path_of(run: Run, role: Role, fields: Collection[str]) -> str | None:
    """Path of the run's first column of that role, as the view of its rows has it; None where it has none."""
    declared = run.declaration.writes if run.declaration else ()
    names = (column.name for column in declared if column.role == role and column.name in run.writes)
    return next((seen(run, run.writes[name]) for name in names if is_there(run, name, fields)), None)


def is_there(run: Run, column: str, fields: Collection[str]) -> bool:
    """Whether the field of a column is there; attributes of objects are with their field."""
    return (run.patches_field or run.writes[column]) in fields


def _path(column: Column, field: str) -> str:
    if column.type is Label:
        return f"{field}.label"
    return f"{field}.classifications.label" if column.type is Labels else field
