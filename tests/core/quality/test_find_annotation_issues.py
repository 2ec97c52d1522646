"""Faults planted in labels of known geometry; what is named must be what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenAnnotations, Inputs
from image_curation.core.images.reading import read_image
from image_curation.core.quality.annotations.boxes import overlapping
from image_curation.core.quality.annotations.faults import KINDS
from image_curation.core.quality.annotations.shapes import crosses_itself
from image_curation.core.quality.find_annotation_issues import (
    AnnotationIssuesParams,
    _size_of,
    find_annotation_issues,
)
from PIL import Image


def _given(n: int, rows: Any, names: Any, **kinds: Any) -> GivenAnnotations:
    m, sizes = len(rows), np.full((n, 2), np.nan)
    ids = [str(number) for number in range(m)]
    fields = {"known": np.ones(n, dtype=bool), "used": np.ones(m, dtype=bool), "sizes": sizes, **kinds}
    return GivenAnnotations("objects", True, np.array(rows, dtype=np.int64), ids, list(names), **fields)


def _issues(given: GivenAnnotations, *checks: str) -> list[str | None]:
    """The worst fault of each label."""
    inputs = Inputs(n=len(given.known), paths=[""] * len(given.known), named={"label_field": (given,)})
    params = AnnotationIssuesParams(**({"checks": checks} if checks else {}))
    return list(find_annotation_issues(inputs, params, silent).values["issue:objects"].values)


def _set_of_boxes(n: int, seed: int) -> tuple[Any, list[str], Any]:
    """Four boxes in each of n images, each in its own quarter; the two classes have sizes and shapes of their own."""
    rng = np.random.default_rng(seed)
    rows, kind = np.repeat(np.arange(n), 4), np.tile([0, 1, 0, 1], n)
    size = np.array([0.30, 0.15])[kind] * np.exp(rng.normal(0, 0.15, 4 * n))
    shape = np.array([0.3, -0.4])[kind] + rng.normal(0, 0.15, 4 * n)
    sides = np.stack([size * np.exp(shape / 2), size * np.exp(-shape / 2)], axis=1)
    corner = np.tile([[0, 0], [0.5, 0], [0, 0.5], [0.5, 0.5]], (n, 1)) + rng.uniform(0, 0.02, (4 * n, 2))
    return rows, [("wide", "high")[one] for one in kind], np.concatenate([corner, np.minimum(sides, 0.47)], axis=1)


def _recall_and_precision(found: list[str | None], truth: dict[int, str], kind: str) -> tuple[float, float]:
    flagged = {number for number, one in enumerate(found) if one == kind}
    planted = {number for number, one in truth.items() if one == kind}
    return len(flagged & planted) / len(planted), len(flagged & planted) / max(len(flagged), 1)


def test_boxes__every_exact_kind_is_found_and_nothing_else() -> None:
    rows, names, boxes = _set_of_boxes(200, seed=0)
    truth: dict[int, str] = {}
    for place, kind in enumerate(["no_area", "negative_size", "outside", "malformed", "no_class"]):
        for number in range(place * 40, place * 40 + 40, 4):
            truth[number] = kind
    for number, kind in truth.items():
        if kind == "no_area":
            boxes[number, 2 + number % 8 // 4] = 0
        elif kind == "negative_size":
            boxes[number, 2 + number % 8 // 4] *= -1
        elif kind == "outside":
            boxes[number, number % 8 // 4] = -0.1
        elif kind == "malformed":
            boxes[number, 1] = np.nan
        else:
            names[number] = ""
    twice = np.arange(400, 480, 4)
    rows, boxes = np.concatenate([rows, rows[twice]]), np.concatenate([boxes, boxes[twice]])
    other = {"wide": "high", "high": "wide"}
    names += [names[number] if place < 10 else other[names[number]] for place, number in enumerate(twice)]
    truth |= {800 + place: "doubled" if place < 10 else "doubled_other_class" for place in range(20)}
    order = np.argsort(rows, kind="stable")
    given = _given(200, rows[order], [names[number] for number in order], boxes=boxes[order])
    exact = [kind for kind, one in KINDS.items() if not one.statistical]
    found = _issues(given, *exact)
    assert {int(order[place]): kind for place, kind in enumerate(found) if kind} == truth


@pytest.mark.parametrize("seed", range(3))
def test_boxes__statistical_kinds(seed: int) -> None:
    rows, names, boxes = _set_of_boxes(250, seed)
    rng = np.random.default_rng(10 + seed)
    chosen = rng.choice(1000, 80, replace=False)
    truth: dict[int, str] = {}
    for place, number in enumerate(chosen.tolist()):
        if place < 25:
            boxes[number, 2:] /= rng.uniform(4, 10)
            truth[number] = "odd_size"
        elif place < 50:
            boxes[number, 2:] *= (0.3, 3.3) if names[number] == "wide" else (3.3, 0.3)
            boxes[number, 2:] = np.minimum(boxes[number, 2:], 0.98 - boxes[number, :2])
            truth[number] = "odd_shape"
        else:
            names[number] = {"wide": "wdie", "high": "hihg"}[names[number]]
            truth[number] = "class_name"
    found = _issues(_given(250, rows, names, boxes=boxes))
    for kind in ("odd_size", "odd_shape", "class_name"):
        recall, precision = _recall_and_precision(found, truth, kind)
        assert recall >= 0.9, kind
        assert precision >= 0.9, kind


def test_boxes__near_and_nested_ones() -> None:
    box = np.array([0.2, 0.2, 0.4, 0.4])
    near, child, small = box + [0.01, 0, 0, 0.01], [0.21, 0.21, 0.33, 0.33], [0.3, 0.3, 0.1, 0.1]
    boxes = np.array([box, near, box, child, box, small, box, near])
    names = ["a", "a", "a", "a", "a", "a", "a", "b"]
    found = _issues(_given(4, [0, 0, 1, 1, 2, 2, 3, 3], names, boxes=boxes))
    # overlaps: near .93, child .68 and wholly inside, small .06; the last pair are two classes
    assert found == [None, "near_equal", None, "nested", None, None, None, None]


def test_boxes__two_classes_that_always_coincide_are_meant_to() -> None:
    rows, names, boxes = _set_of_boxes(40, seed=1)
    animals = [number for number, name in enumerate(names) if name == "high"]
    order = np.argsort(np.concatenate([rows, rows[animals]]), kind="stable")
    every = np.concatenate([boxes, boxes[animals]])[order]
    given = _given(
        40, np.sort(np.concatenate([rows, rows[animals]])), [[*names, *["animal"] * 80][i] for i in order], boxes=every
    )
    assert set(_issues(given)) == {None}


def test_boxes__tiny_and_covering() -> None:
    rows, names, boxes = _set_of_boxes(50, seed=2)
    boxes[0, 2:] = 0.001
    boxes[5] = 0, 0, 1, 1
    found = _issues(_given(50, rows, names, boxes=boxes), "tiny", "covers_image")
    assert {number: kind for number, kind in enumerate(found) if kind} == {0: "tiny", 5: "covers_image"}
    small = _given(1, [0, 0], ["a", "b"], boxes=np.array([[0.1, 0.1, 0.0015, 0.2], [0.3, 0.3, 0.2, 0.2]]))
    assert _issues(small) == ["tiny", None]
    known = _given(1, [0], ["a"], boxes=np.array([[0.1, 0.1, 0.0015, 0.2]]), sizes=np.array([[4000.0, 3000.0]]))
    assert _issues(known) == [None]  # six pixels wide


def test_overlapping__equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    rows = np.sort(rng.integers(0, 6, 80))
    boxes = np.concatenate([rng.uniform(0, 0.7, (80, 2)), rng.uniform(0.01, 0.3, (80, 2))], axis=1)
    found = {}
    for one, other, overlap, _ in overlapping(boxes, rows):
        found |= {
            tuple(sorted(pair)): share
            for *pair, share in zip(one.tolist(), other.tolist(), overlap.tolist(), strict=True)
        }
    expected = {}
    for i in range(80):
        for j in range(i + 1, 80):
            wide = min(boxes[i, 0] + boxes[i, 2], boxes[j, 0] + boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            tall = min(boxes[i, 1] + boxes[i, 3], boxes[j, 1] + boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            if rows[i] == rows[j] and wide > 0 and tall > 0:
                shared = wide * tall
                expected[i, j] = shared / (boxes[i, 2:].prod() + boxes[j, 2:].prod() - shared)
    assert found == pytest.approx(expected)


def test_keypoints__sides_swapped_by_the_class_itself() -> None:
    """A standing figure of six points; every third looks the other way. With names and without them."""
    rng = np.random.default_rng(0)
    figure = np.array([[-0.1, 0], [0.1, 0], [-0.15, 0.3], [0.15, 0.3], [-0.1, 0.6], [0.1, 0.6]])
    points = 0.5 + (figure + rng.normal(0, 0.01, (120, 6, 2))) * rng.uniform(0.3, 0.6, (120, 1, 1))
    wrong = [3, 50, 99]
    points[wrong] = points[wrong][:, [1, 0, 3, 2, 5, 4]]
    one_pair = [10, 60]
    points[one_pair] = points[one_pair][:, [0, 1, 3, 2, 4, 5]]
    parts = ("left eye", "right eye", "left hand", "right hand", "left foot", "right foot")
    for names in ((), parts):
        given = _given(120, range(120), ["person"] * 120, keypoints=points.tolist(), parts=names)
        found = [number for number, kind in enumerate(_issues(given)) if kind == "swapped_sides"]
        assert found == sorted([*wrong, *one_pair])
    both = points.copy()
    both[::2] = both[::2][:, [1, 0, 3, 2, 5, 4]]  # half of them are seen from behind
    given = _given(120, range(120), ["person"] * 120, keypoints=both.tolist(), parts=parts)
    assert [number for number, kind in enumerate(_issues(given)) if kind] == sorted(one_pair)


def test_keypoints__missing_ones() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0.4, 0.6, (60, 4, 2)).tolist()
    points[7][2] = [np.nan, np.nan]
    points[8] = points[8][:3]
    points[9] = [[np.nan, np.nan]] * 4
    found = _issues(_given(60, range(60), ["a"] * 60, keypoints=points), "missing_points", "empty", "outside")
    assert {number: kind for number, kind in enumerate(found) if kind} == {
        7: "missing_points",
        8: "missing_points",
        9: "empty",
    }


@pytest.mark.parametrize(
    ("points", "closed", "crosses"),
    [
        ([(0, 0), (1, 1), (1, 0), (0, 1)], True, True),  # an hourglass
        ([(0, 0), (1, 0), (1, 1), (0, 1)], True, False),
        ([(0, 0), (1, 1), (1, 0), (0, 1)], False, True),
        ([(0, 0), (1, 0), (1, 1), (0, 1)], False, False),
        ([(0, 0), (4, 0), (4, 4), (3, 4), (3, 1), (3, 4), (0, 4)], True, False),  # a seam there and back
        ([(0, 0), (1, 1)], False, False),
    ],
)
def test_crosses_itself(points: Any, closed: bool, crosses: bool) -> None:
    assert crosses_itself(np.array(points, dtype=float), closed) is crosses


def test_images__without_labels_where_nearly_all_have_some() -> None:
    rows = np.repeat(np.arange(18), 2)
    boxes = np.tile([[0.1, 0.1, 0.2, 0.2], [0.6, 0.6, 0.2, 0.2]], (18, 1))
    inputs = Inputs(n=20, paths=[""] * 20, named={"label_field": (_given(20, rows, ["a"] * 36, boxes=boxes),)})
    found = find_annotation_issues(inputs, AnnotationIssuesParams(), silent)
    assert found.values["kinds"] == [[]] * 18 + [["no_labels"]] * 2
    half = Inputs(n=40, paths=[""] * 40, named={"label_field": (_given(40, rows, ["a"] * 36, boxes=boxes),)})
    assert not find_annotation_issues(half, AnnotationIssuesParams(), silent).values["is_issue"].any()


def test_classes__rare_ones_and_a_long_tail() -> None:
    names = ["cat"] * 60 + ["dog"] * 50 + ["horse"] * 30 + ["zebra"]
    found = _issues(_given(141, range(141), names))
    assert found == [None] * 140 + ["rare_class"]
    tail = [f"{chr(97 + number % 26)}{chr(97 + number // 26)} species" for number in range(100)]
    assert set(_issues(_given(160, range(160), names[:60] + tail))) == {None}


def test_params__one_field_by_its_name_and_the_same_labels_in_another_order() -> None:
    assert AnnotationIssuesParams(label_field="objects").label_field == ("objects",)
    rows, names, boxes = _set_of_boxes(60, seed=4)
    boxes[::9, 2:] /= 6
    found = _issues(_given(60, rows, names, boxes=boxes))
    turned = [4 * (59 - number // 4) + number % 4 for number in range(240)]  # images from last to first
    again = _issues(_given(60, rows, [names[i] for i in turned], boxes=boxes[turned]))
    assert [again[place] for place in np.argsort(turned)] == found


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_size_of__as_the_picture_is_read(tmp_path: Path, ending: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = str(tmp_path / f"turned.{ending}")
    Image.new("RGB", (40, 20), (200, 30, 30)).save(path, exif=exif)
    assert _size_of(path) == read_image(path).size
