"""What a classifier is to learn: rows, targets, groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.arrays import Array
from ..base.class_names import closest
from ..base.inputs import GivenLabels, Inputs
from ..base.params import ParamError
from .classifier_params import ClassifierParams


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes:
        names: the C classes.
        codes: (n,) classes, -1 for none; or (n, C) bool, which classes hold.
        known: (n,) bool, the row has labels.
    """

    names: tuple[str, ...]
    codes: Array
    known: Array

    @property
    def many(self) -> bool:
        """Whether a row may have any number of classes."""
        return self.codes.ndim == 2

    def balance(self, rows: Array) -> Array:
        """(m,), or (m, C), how much each answer counts so that all classes count alike; 1 on average."""
        codes = self.codes[rows]
        if self.many:
            share = np.clip(codes.mean(axis=0), 1 / (2 * len(rows)), 1 - 1 / (2 * len(rows)))
            return np.asarray(np.where(codes, 0.5 / share, 0.5 / (1 - share)), dtype=np.float32)
        counts = np.bincount(codes, minlength=len(self.names))
        return np.asarray(len(rows) / ((counts > 0).sum() * counts[codes]), dtype=np.float32)


def task_of(inputs: Inputs, params: ClassifierParams) -> Task:
    """The classes, and who has them.

    Raises:
        ParamError: see `train_classifier`.
    """
    if params.label_sets:
        given = inputs.named["label_sets"]
        names, codes, known = given.names, given.present, given.known
        if not names:
            raise ParamError(f"ClassifierParams.label_sets must hold classes; {params.label_sets!r} has none here")
    else:
        labels = inputs.labels or GivenLabels((), np.full(inputs.n, -1))
        names, codes, known = labels.names, labels.codes, labels.codes >= 0
    if params.classes:
        names, codes = _restricted(names, codes, params.classes)
        known = known if params.label_sets else codes >= 0
    task = Task(names, codes, known)
    least = 1 if task.many else 2
    if len(names) < least or not known.any():
        raise ParamError(
            f"train_classifier needs at least {least} classes; the labels hold {len(names)}: "
            f"{', '.join(names) or 'none'}"
        )
    return task


def head_of(path: str | Path) -> dict[str, Array]:
    """A kept model: arrays `mean`, `first`, `first_bias` on unit vectors, and `second`, `second_bias` after a tanh.

    Raises:
        ParamError: the file is gone or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ParamError(f"The trained classifier cannot be read from {path} ({error}); train it again") from None


def _restricted(names: tuple[str, ...], codes: Array, wanted: tuple[str, ...]) -> tuple[tuple[str, ...], Array]:
    """Names and codes of the wanted classes only."""
    missing = [name for name in wanted if name not in names]
    if missing:
        meant = closest(missing[0], names)
        raise ParamError(
            f"ClassifierParams.classes must be classes that a sample has; none has {missing[0]!r}"
            f"{f' (did you mean {meant!r}?)' if meant else ''}. There are: {', '.join(names[:20]) or 'none'}"
        )
    kept = [names.index(name) for name in sorted(wanted)]
    if codes.ndim == 2:
        return tuple(sorted(wanted)), codes[:, kept]
    new = np.full(len(names) + 1, -1)
    new[kept] = np.arange(len(kept))
    return tuple(sorted(wanted)), new[codes]
