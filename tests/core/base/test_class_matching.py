"""Names of classes that people write in different ways are one class; what is not sure is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.class_matching import classes_of_numbers, in_words, same_classes


@pytest.mark.parametrize(
    ("given", "other"),
    [("cat", "Cat"), ("polar bear", "polar_bear"), ("polar bear", "Polar-Bears"), ("cherry", "Cherries"),
     ("boxes", "box"), ("glass", "Glasses"), ("stop sign", "stopSign"), ("straße", "STRASSE")],
)  # fmt: skip
def test_same_classes__another_spelling(given: str, other: str) -> None:
    assert same_classes([given, "dog"], [other, "dog"]) == {other: given}


def test_same_classes__left_alone() -> None:
    assert same_classes(["cat", "Cat"], ["CAT"]) == {}  # fits two
    assert same_classes(["cat"], ["cat", "Cat"]) == {}  # the class is taken by its own name
    assert same_classes(["cat"], ["Cat", "CAT"]) == {}  # two would become one
    assert same_classes(["glass", "bus"], ["gla", "bu"]) == {}
    assert same_classes(["C", "C++"], ["c"]) == {}
    assert same_classes(["猫"], ["犬"]) == {}


def test_classes_of_numbers__only_what_is_proved() -> None:
    table = np.array([[0, 9, 1], [8, 1, 0], [1, 0, 9]])
    assert classes_of_numbers(["a", "b", "c"], ["0", "1", "2"], table) == {"0": "b", "1": "a", "2": "c"}
    assert classes_of_numbers(["a", "b", "c"], ["0", "1", "2"], np.ones((3, 3), int)) is None
    assert classes_of_numbers(["a", "b"], ["0", "1"], np.zeros((2, 2), int)) is None
    assert classes_of_numbers(["a"], ["0", "1"], np.array([[5], [4]])) is None


def test_in_words() -> None:
    assert in_words({}) == ""
    assert in_words({"Cat": "cat"}) == "'Cat' was read as 'cat'"
    five = {letter.upper(): letter for letter in "abcde"}
    assert in_words(five).endswith("'C' was read as 'c', and 2 more classes likewise")
