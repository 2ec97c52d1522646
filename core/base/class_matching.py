"""Which classes of predictions are which given classes, where they are written another way.

"Polar Bear", "polar_bear" and "polar bears" are one class to a person. Classes that are numbers are those of a list
that nobody kept: which is which is found from the labels themselves, or refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from .arrays import Array
from .class_names import plain, singular

PROVED = 0.5  # share of rows that must agree with the classes found for numbers
SHOWN = 3  # classes in a sentence


def same_classes(given: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Other names → the given class that they are another spelling of. Names that are equal are not listed.

    A spelling that fits two given classes, or that two other names share, is left alone.
    """
    found: dict[str, str] = {}
    for form in (plain, singular):
        free = [name for name in given if name not in {*others, *found.values()}]
        left = [name for name in others if name not in given and name not in found]
        of_given, of_others = _by_form(free, form), _by_form(left, form)
        for shape, names in of_others.items():
            if len(names) == len(of_given.get(shape, ())) == 1:
                found[names[0]] = of_given[shape][0]
    return found


def _by_form(names: Sequence[str], form: Callable[[str], str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name in names:
        grouped.setdefault(form(name), []).append(name)
    return grouped


def are_numbers(names: Sequence[str]) -> bool:
    """Whether these classes are numbers of a list: 0, 1, 2."""
    return bool(names) and all(re.fullmatch(r"\d+(\.0+)?", name.strip()) for name in names)


def classes_of_numbers(given: Sequence[str], others: Sequence[str], table: Array) -> dict[str, str] | None:
    """Numbers → the given classes that they stand for, found from the rows that have both; None where it is not proved.

    Args:
        table: (number of others, number of given) rows that have both.
    """
    seen = table.sum(axis=1) > 0
    if not seen.any():
        return None
    place, code = linear_sum_assignment(-table)
    agree = table[place, code].sum() / table.sum()
    clear = all(
        table[one, own] > np.delete(table[one], own).max(initial=0)
        for one, own in zip(place, code, strict=True)
        if seen[one]
    )
    if agree <= PROVED or not clear or seen.sum() > len(given):
        return None
    return {others[one]: given[own] for one, own in zip(place, code, strict=True) if seen[one]}


def in_words(matched: Mapping[str, str]) -> str:
    """ "Cat" was read as "cat" and 2 more classes; "" for none."""
    if not matched:
        return ""
    shown = ", ".join(f"{other!r} was read as {own!r}" for other, own in list(matched.items())[:SHOWN])
    more = len(matched) - SHOWN
    return shown + (f", and {more:,} more class{'es' if more > 1 else ''} likewise" if more > 0 else "")
