"""Confusion counted by hand, bounds against published values, and classes whose mix-up is planted."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns, LabelValues
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.labels.find_confusions import (
    ConfusionsParams,
    confusion,
    find_confusions,
    known_elsewhere,
    largest_cells,
    mix_ups,
)
from image_curation.core.probes.metrics import wilson_low

NAMES = ("ant", "bee", "cat")


def run(x: np.ndarray, labels: list[str | None], **given: object) -> Columns:
    inputs = Inputs(n=len(x), embeddings=x.astype(np.float32), labels=GivenLabels.of(labels))
    return find_confusions(inputs, ConfusionsParams(embeddings="vectors", **given), silent)


def blobs(sizes: list[int], seed: int = 0, d: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Well separated classes: unit axes with a little noise."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(d)[codes] + 0.1 * rng.standard_normal((len(codes), d)), codes


def test_confusion__counts_by_hand() -> None:
    """Two ants right, one taken for a bee; a bee right; a cat that could be an ant or a bee; an ant-or-bee ant."""
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.4, 0.4, 0.2], [0.5, 0.5, 0.0]]
    )
    found = confusion(probabilities, np.array([0, 0, 0, 1, 2, 0]))
    assert found.counts.tolist() == [[2.5, 1.5, 0], [0, 1, 0], [0.5, 0.5, 0]]
    assert found.predicted.tolist() == [0, 0, 1, 1, -1, -1]
    assert found.confused.tolist() == [False, False, True, False, True, False]
    assert found.rates.tolist() == [[0.625, 0.375, 0], [0, 1, 0], [0.5, 0.5, 0]]


def test_confusion__class_without_samples() -> None:
    found = confusion(np.array([[0.9, 0.1]]), np.array([0]))
    assert found.rates.tolist() == [[1, 0], [0, 0]]
    assert found.rates_at_least[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("hits", "n", "low"),
    # R: prop.test(correct = FALSE) prints these lower ends
    [(0, 10, 0.0), (5, 10, 0.2366), (1, 2, 0.0945), (2, 2, 0.3424), (40, 100, 0.3094), (81, 263, 0.2553)],
)
def test_wilson_low__published(hits: int, n: int, low: float) -> None:
    assert wilson_low(np.array(hits), np.array(n)) == pytest.approx(low, abs=6e-5)


def test_largest_cells__certainty_before_rate() -> None:
    """1 of 2 cats (0.09 at least) comes after 40 of 100 ants (0.31 at least), and needs fewest = 1 to be listed."""
    found = confusion(np.repeat(np.eye(3), [62, 41, 1], axis=0), np.array([0] * 60 + [1, 2] + [0] * 40 + [1] + [2]))
    # ants: 60 right, 40 as bees; bees: one as ant, one right; cats: one as ant, one right
    assert largest_cells(found, NAMES, 20, 1) == [(0, 1), (1, 0), (2, 0)]
    assert largest_cells(found, NAMES, 2, 1) == [(0, 1), (1, 0)]  # bees and cats tie: alphabetical
    assert largest_cells(found, NAMES, 20, 2) == [(0, 1)]


def test_largest_cells__equal_rates_the_larger_class_first() -> None:
    counts = np.array([[50.0, 50, 0], [0, 5, 5], [0, 0, 9]])
    found = confusion(np.eye(3), np.arange(3))
    both = largest_cells(type(found)(counts, found.predicted, found.confused), NAMES, 20, 2)
    assert both == [(0, 1), (1, 2)]


def test_mix_ups__guessing_is_a_half() -> None:
    """Of 1e6 samples each, half taken for the other class: 0.5. Never taken for it: 0. Swallowed: 0.5 too."""
    many = 1e6
    assert mix_ups(np.array([[many, many], [many, many]]))[0, 1] == pytest.approx(0.5, abs=1e-3)
    assert mix_ups(np.array([[many, 0], [0, many]]))[0, 1] == 0.0
    assert mix_ups(np.array([[many, 0], [many, 0]]))[0, 1] == pytest.approx(0.5, abs=1e-3)
    assert mix_ups(np.array([[1.0, 1], [1, 1]]))[0, 1] < 0.1, "four samples prove nothing"


def test_known_elsewhere__by_hand() -> None:
    codes, fold = np.array([0, 0, 1, 1, 2, -1]), np.array([0, 1, 0, 0, 1, -1])
    assert known_elsewhere(codes, fold).tolist() == [True, True, False, False, False, False]


def test_find_confusions__planted_direction() -> None:
    """A quarter of the ants lies among the bees, none of the bees among the ants."""
    x, codes = blobs([120, 80, 80])
    labels: list[str | None] = [NAMES[code] for code in codes]
    x[:30] = blobs([0, 30], seed=1)[0]
    found = run(x, labels)
    assert found.facts["pairs"][0]["given"] == "ant"
    assert found.facts["pairs"][0]["predicted"] == "bee"
    assert found.facts["pairs"][0]["rate"] == pytest.approx(0.25, abs=0.03)
    assert found.facts["pairs"][0]["rate_at_least"] == pytest.approx(0.18, abs=0.03)  # Wilson, 30 of 120: 0.181
    assert found.facts["pairs"][0]["back"] <= 0.03
    there = [place for place, pair in enumerate(found.values["pair"]) if pair == "ant → bee"]
    assert len(there) == found.facts["pairs"][0]["samples"]
    assert len(set(there) & set(range(30))) >= 27
    assert found.values["is_confused"][there].all()
    assert "ant → bee" in found.facts["headline"]
    assert found.facts["merge_candidates"] == []


def test_find_confusions__a_class_split_at_random_is_a_merge_candidate() -> None:
    x, codes = blobs([200, 100])
    labels: list[str | None] = [
        ["kitten", "cat"][place % 2] if code == 0 else "dog" for place, code in enumerate(codes)
    ]
    found = run(x, labels)
    assert found.facts["merge_candidates"] == ["cat + kitten"]
    assert {(pair["given"], pair["predicted"]) for pair in found.facts["pairs"]} == {
        ("cat", "kitten"),
        ("kitten", "cat"),
    }
    assert "merge candidates: cat + kitten" in found.facts["headline"]


def test_find_confusions__nothing_confused() -> None:
    x, codes = blobs([30, 30])
    found = run(x, [NAMES[code] for code in codes])
    assert not found.values["is_confused"].any()
    assert found.values["pair"] == [None] * 60
    assert found.facts["headline"].startswith("No two classes")
    assert found.facts["pairs"] == []


def test_find_confusions__unlabelled_and_classes_of_one() -> None:
    x, codes = blobs([20, 20, 1, 5])
    labels = [("ant", "bee", "cat", None)[code] for code in codes]
    found = run(x, labels)
    assert found.rows is not None
    assert found.rows.tolist() == [True] * 40 + [False] * 6
    assert found.facts["unlabelled"] == 5
    assert found.facts["classes_of_one"] == ["cat"]


@pytest.mark.slow
def test_find_confusions__many_classes_of_two() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((100, 32))
    x = np.repeat(centres, 2, axis=0) + 0.7 * rng.standard_normal((200, 32))
    found = run(x, [f"{place // 2:04d}" for place in range(200)])
    assert len(found.facts["pairs"]) <= 20
    assert found.facts["merge_candidates"] == []


def test_find_confusions__all_identical() -> None:
    with pytest.raises(ParamError, match="not near-duplicates of each other; got 1"):
        run(np.ones((12, 4)), ["ant", "bee"] * 6)


def test_find_confusions__top_limits_what_is_listed() -> None:
    x, codes = blobs([100, 50, 50])
    x[:20], x[20:50] = blobs([0, 20], seed=1)[0], blobs([0, 0, 30], seed=2)[0]
    found = run(x, [NAMES[code] for code in codes], top=1)
    assert {pair for pair in found.values["pair"] if pair} == {"ant → cat"}
    assert found.values["is_confused"].sum() >= 48


def test_find_confusions__a_named_class_counts_however_unsure() -> None:
    """Confidences below an equal share do not make a prediction undecided."""
    codes = np.arange(60) % 3
    said = np.where(np.arange(60) < 6, (codes + 1) % 3, codes)
    predictions = LabelValues(NAMES, said, np.full(60, 0.1))
    inputs = Inputs(n=60, labels=GivenLabels.of([NAMES[code] for code in codes]), named={"predictions": predictions})
    found = find_confusions(inputs, ConfusionsParams(embeddings=None, predictions="model"), silent)
    assert found.facts["undecided"] == 0
    assert found.values["is_confused"].tolist() == [row < 6 for row in range(60)]
