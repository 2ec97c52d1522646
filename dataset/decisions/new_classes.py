"""A class that no label has yet needs a yes: most are misspelled ones."""

from __future__ import annotations

from collections.abc import Collection

import fiftyone as fo

from ...core.base.class_names import closest
from ...core.base.params import ParamError
from ..fields.curated_labels import curated_path, has_curated
from ..fields.rows import every

MOST = 1_000  # classes that are offered
SHOWN = 5  # classes in a sentence


class NewClassError(ParamError):
    """Labels of a class that is not there yet, and nobody has said that it shall be.

    Attributes:
        label: the new class.
        meant: the class that it is probably a misspelling of, if any.
    """

    def __init__(self, label: str, meant: str | None, field: str, known: list[str]) -> None:
        self.label, self.meant = label, meant
        there = ", ".join(known[:SHOWN]) + (f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else "")
        guess = f": did you mean {meant!r}?" if meant else f" ({there})."
        super().__init__(f"{label!r} is no class of {field!r} yet{guess} Pass new_class=True to make it one")


def classes_of(dataset: fo.Dataset, given: str) -> list[str]:
    """The classes of a label field: those given, those that people have added, and those the dataset declares.

    Args:
        given: path of the given labels, as `ground_truth.label`.
    """
    found = set(every(dataset).distinct(given))
    if has_curated(dataset, given):
        found |= set(every(dataset).distinct(curated_path(given)))
    field = given.partition(".")[0]
    return sorted(found | set(dataset.classes.get(field) or dataset.default_classes or ()))


def expect_known(dataset: fo.Dataset, given: str, labels: Collection[str]) -> None:
    """All of these are classes already; where there are none yet, any will do.

    Raises:
        NewClassError: one is not.
    """
    known = classes_of(dataset, given)
    new = sorted({label.strip() for label in labels} - set(known) - {""})
    if known and new:
        raise NewClassError(new[0], closest(new[0], known), given.partition(".")[0], known)
