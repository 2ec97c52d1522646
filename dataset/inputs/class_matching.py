"""Predictions meet the given labels by the names of their classes: matched with a word about it, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...core.base.arrays import Array
from ...core.base.class_matching import are_numbers, classes_of_numbers, in_words, same_classes
from ...core.base.columns import LabelValues
from ...core.base.inputs import GivenBoxes, GivenLabels, GivenSets
from ...core.base.params import ParamError
from ...core.labels.box_precision import overlaps
from .roles import RoleInput

GIVEN = ("labels", "label_sets", "detections")  # roles of what people gave
PREDICTED = ("predictions", "detected")  # and of what models say of it
AGREES = 0.5  # overlap of two boxes of one object
SHOWN = 5  # classes in a sentence
Given = GivenLabels | GivenSets | GivenBoxes


def matched(
    found: Mapping[str, list[RoleInput]], roles: Mapping[str, str]
) -> tuple[dict[str, list[RoleInput]], list[str]]:
    """Predictions with the names of the given classes where they are written another way; and sentences that say so.

    Args:
        found: what was read, by parameter, or by role where it is the main one.
        roles: name in `found` → role.

    Raises:
        ParamError: predictions and labels have no class in common.
    """
    given = next((inputs[0] for name, inputs in found.items() if roles.get(name) in GIVEN), None)
    if given is None or not _names(given.value):
        return dict(found), []
    said: list[str] = []
    out = {}
    for name, inputs in found.items():
        out[name] = [_aligned(one, given, said) for one in inputs] if roles.get(name) in PREDICTED else inputs
    return out, said


def _aligned(one: RoleInput, given: RoleInput, said: list[str]) -> RoleInput:
    value, known = one.value, _names(given.value)
    names = _names(value)
    if not names:
        return one
    found = same_classes(known, names)
    if are_numbers(names) and not are_numbers(known):
        found = classes_of_numbers(known, names, _together(value, given.value)) or {}
    if not ({*names, *found.values()} & {*known}):
        raise ParamError(
            f"The predictions in {_place(one)!r} ({_listed(names)}) and the labels in {_place(given)!r} "
            f"({_listed(known)}) have no class in common; name the predictions' classes as the labels do"
        )
    if not found:
        return one
    said.append(f"classes of {_place(one)!r}: {in_words(found)}")
    return replace(one, value=_renamed(value, [found.get(name, name) for name in names]))


def _names(value: Given | LabelValues) -> tuple[str, ...]:
    return value.classes if isinstance(value, LabelValues) else value.names


def _renamed(value: LabelValues | GivenBoxes, names: Sequence[str]) -> LabelValues | GivenBoxes:
    if isinstance(value, LabelValues):
        return replace(value, classes=tuple(names))
    order = sorted(range(len(names)), key=lambda code: names[code])
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return replace(value, names=tuple(names[code] for code in order), codes=place[value.codes])


def _together(value: LabelValues | GivenBoxes, given: Given) -> Array:
    """(predicted classes, given classes) how often they stand at one row, or on one box."""
    table = np.zeros((len(_names(value)), len(given.names)), dtype=np.int64)
    if isinstance(value, GivenBoxes) and isinstance(given, GivenBoxes):
        starts = [np.searchsorted(boxes.rows, np.arange(len(given.known) + 1)) for boxes in (value, given)]
        for row in range(len(given.known)):
            own, other = (slice(*some[row : row + 2]) for some in starts)
            pairs = np.nonzero(overlaps(_corners(value.boxes[own]), _corners(given.boxes[other])) >= AGREES)
            np.add.at(table, (value.codes[own][pairs[0]], given.codes[other][pairs[1]]), 1)
    elif isinstance(value, LabelValues) and isinstance(given, GivenLabels) and value.codes.ndim == 1:
        both = (value.codes >= 0) & (given.codes >= 0)
        np.add.at(table, (value.codes[both], given.codes[both]), 1)
    return table


def _corners(boxes: Array) -> Array:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _place(one: RoleInput) -> str:
    """The run or field that a sentence names."""
    return str(one.source.get("run") or str(one.source.get("field")).partition(".")[0])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
