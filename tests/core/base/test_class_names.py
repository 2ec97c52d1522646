"""Misspelled class names, by hand; and names that are alike and are not meant."""

from __future__ import annotations

import pytest
from image_curation.core.base.class_names import closest, misspellings, most_alike, plain, singular, slips


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("crar", "car"),
        ("Car", "car"),
        ("traffic_light", "traffic light"),
        ("trafficlight", "Traffic-Light"),
        ("persons", "person"),
        ("bowels", "bowesl"),
        ("giraff", "giraffe"),
        ("elehpant", "elephant"),
        ("refridgerater", "refrigerator"),
        (" dog", "dog"),
    ],
)
def test_most_alike__the_same_class(one: str, other: str) -> None:
    assert most_alike(one, other) == most_alike(other, one) > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "car"),
        ("boat", "goat"),
        ("type 1", "type 2"),
        ("grade a", "grade b"),
        ("class10", "class11"),
        ("dog", "horse"),
        ("mouse", "house"),
        ("", "car"),
        ("car", "car"),
    ],
)
def test_most_alike__two_classes(one: str, other: str) -> None:
    assert most_alike(one, other) == most_alike(other, one) == 0


def test_misspellings__the_rarer_means_the_more_frequent() -> None:
    counts = {"car": 40, "crar": 5, "Car": 50, "cat": 3, "carr": 1, "truck": 20, "trucks": 15, "boxes": 2, "box": 9}
    # "car" is "Car" with more labels; trucks are too many for a slip of the plural
    assert misspellings(counts) == {"car": "Car", "crar": "Car", "carr": "Car", "boxes": "box"}


def test_misspellings__as_many_labels_of_both() -> None:
    assert misspellings({"Dog": 4, "dog": 4}) == {"Dog": "dog"}
    assert misspellings({"plane": 10, "plant": 10}) == {}


def test_closest__one_answer_or_none() -> None:
    assert closest("Persn", ["person", "parson"]) == "person"
    assert closest("persan", ["person", "persun"]) is None
    assert closest("dog", ["cat"]) is None


def test_plain_singular_slips() -> None:
    assert plain(" Traffic_Light ") == "trafficlight"
    assert [singular(name) for name in ("berries", "glasses", "bus", "cats", "is")] == [
        "berry",
        "glass",
        "bus",
        "cat",
        "is",
    ]
    assert (slips("crar", "car"), slips("elehpant", "elephant"), slips("abc", "abc")) == (1, 1, 0)


@pytest.mark.slow
def test_misspellings__of_many_names() -> None:
    letters = "abcdefghijklmnopqrst"
    counts = {f"{a}{b}{c}idae magna": 30 for a in letters for b in letters for c in letters[:2]}
    assert misspellings(counts) == {}
    assert misspellings({**counts, "abbidea magna": 1}) == {"abbidea magna": "abbidae magna"}
