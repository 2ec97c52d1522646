"""Attention finds planted errors, sensitivity cannot; coresets keep the counts and the loss, and few wrong labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.importance.coreset import (
    calibrated,
    class_sizes,
    draw,
    inclusion,
    pick,
    pilot_loss,
    representatives,
    worst_fitted,
)
from image_curation.core.importance.score_importance import ImportanceParams, class_ranks, next_to_see, score_importance
from sklearn.metrics import average_precision_score

from ..helpers import planted


def _run(x: Any, names: list[str | None] | None, **params: Any) -> Columns:
    labels = None if names is None else GivenLabels.of(names)
    inputs = Inputs(n=len(x), embeddings=np.asarray(x, dtype=np.float32), labels=labels)
    if names is None:
        params |= {"label_field": None, "method": "sensitivity"}
    return score_importance(inputs, ImportanceParams(embeddings="vectors", **params), silent)


def test_score_importance__attention_finds_wrong_labels() -> None:
    data = planted.with_noise(planted.clean(600, 64), "symmetric", 0.1)
    score = _run(data.x, data.names).values["score"]
    assert average_precision_score(data.wrong, score) > 0.95
    assert (score[data.wrong] > 0.5).mean() > 0.9
    assert (score[~data.wrong] < 0.5).mean() > 0.9


def test_score_importance__neighbors_help_where_one_class_is_taken_for_another() -> None:
    data = planted.with_noise(planted.clean(600, 64, spread=2.0), "pair", 0.3)
    found, quick = (
        _run(data.x, data.names, method=method).values["score"] for method in ("attention", "quick_attention")
    )
    assert average_precision_score(data.wrong, found) > average_precision_score(data.wrong, quick) + 0.03
    assert ((found > 0) & (found < 1)).all()


def test_score_importance__sensitivity_is_blind_to_labels() -> None:
    data = planted.with_noise(planted.clean(600, 64), "symmetric", 0.1)
    blind = _run(data.x, None).values["score"]
    np.testing.assert_array_equal(blind, _run(data.x, data.names, method="sensitivity").values["score"])
    assert average_precision_score(data.wrong, blind) < 0.15


def test_score_importance__sensitivity_is_high_far_out() -> None:
    # directions 0 to 9 are common, direction 10 occurs once
    x = np.zeros((101, 11))
    x[np.arange(100), np.arange(100) % 10] = 1
    x[100, 10] = 1
    score = _run(x, None).values["score"]
    assert score.argmax() == 100
    assert (score <= 1).all()


def test_score_importance__scale_of_the_vectors_does_not_matter() -> None:
    data = planted.with_noise(planted.clean(200, 16), "pair", 0.1)
    one, other = (_run(data.x * factor, data.names).values["score"] for factor in (1, 1000))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_class_ranks__by_hand() -> None:
    score = np.array([0.1, 0.9, 0.5, 0.5, np.nan])
    assert class_ranks(score, np.array([0, 0, 1, 1, -1])) == [2, 1, 1, 2, None]


def test_next_to_see__by_hand() -> None:
    score = np.array([0.9, 0.8, 0.7, np.nan, 0.6, 0.5])
    codes = np.array([0, 0, 1, 1, 1, 2])
    seen = np.array([True, False, False, False, False, False])
    assert next_to_see(score, codes, 2, seen).tolist() == [1, 2]
    assert next_to_see(score, codes, 9, seen).tolist() == [1, 2, 4, 5]
    # one of class 1, and what is left from the classes that are not named
    assert next_to_see(score, codes, 2, seen, {1: 1}).tolist() == [1, 2]
    assert next_to_see(score, codes, 2, seen, {1: None}).tolist() == [2, 4]
    assert next_to_see(score, codes, 3, seen, {1: 0, 2: 1}).tolist() == [1, 5]


@pytest.mark.slow
def test_score_importance__unlabelled_rows_get_nothing() -> None:
    data = planted.clean(60, 8, classes=3)
    names: list[str | None] = list(data.names)
    names[7] = None
    found = _run(data.x, names, coreset_size=20)
    assert found.rows is not None
    assert np.flatnonzero(~found.rows).tolist() == [7]
    assert found.values["class_rank"][7] is None
    assert not found.values["in_coreset"][7]
    assert found.values["in_coreset"].sum() == 20


@pytest.mark.slow
def test_score_importance__coreset_of_everything_is_everything() -> None:
    data = planted.clean(40, 8, classes=2)
    values = _run(data.x, data.names, coreset_size=40).values
    assert values["in_coreset"].all()
    np.testing.assert_allclose(values["weight"], 1.0)


@pytest.mark.slow
def test_score_importance__what_the_coreset_teaches() -> None:
    data = planted.clean(800, 16, classes=4)
    facts = _run(data.x, data.names, coreset_size=80).facts
    found = facts["coreset"]["training"]
    assert facts["held_out_accuracy"].startswith(
        f"Accuracy trained on all: {found['full']:.1%}; on a coreset of {found['sizes'][0]['n']} (1%)"
    )
    assert found["held_out"] == 200
    assert [size["n"] for size in found["sizes"]] == [6, 30, 60]
    assert found["full"] > 0.7
    assert found["sizes"][2]["coreset"] > found["sizes"][2]["random"] - 0.02
    assert all(size["coreset"] <= found["full"] + 0.05 for size in found["sizes"])


@pytest.mark.slow
def test_score_importance__class_size() -> None:
    data = planted.clean(200, 8, classes=3)
    facts = _run(data.x, data.names, coreset_size=100, class_size=("class 00=all", "class 01=5")).facts
    sizes = facts["coreset"]["per_class"]
    assert sizes["class 00"] == (data.true == 0).sum()
    assert sizes["class 01"] == 5
    assert sum(sizes.values()) == 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=40), st.data())
def test_inclusion__chances_sum_to_size(shares: list[float], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(shares)))
    chance = inclusion(np.array(shares), size)
    assert chance.sum() == pytest.approx(size)
    assert ((chance > 0) & (chance <= 1)).all()
    drawn = draw(np.array(shares), size, np.random.default_rng(0), np.argsort(shares))
    assert len(drawn.rows) == size


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.integers(1, 70),
    st.integers(0, 5),
)
def test_class_sizes__sum_and_limits(codes: list[int], size: int, at_least: int) -> None:
    counts = np.bincount(codes, minlength=5)
    sizes = class_sizes(np.array(codes), 5, size, at_least, {})
    assert sizes.sum() == min(size, len(codes))
    assert (sizes <= counts).all()
    if size >= at_least * 5:
        assert (sizes >= np.minimum(counts, at_least)).all() or size >= len(codes)


def test_draw__weighted_sums_are_unbiased() -> None:
    rng = np.random.default_rng(0)
    values, shares = rng.random(200), rng.random(200) + 0.05
    shares /= shares.sum()
    estimates = []
    for seed in range(500):
        coreset = draw(shares, 30, np.random.default_rng(seed), np.argsort(shares))
        estimates.append(coreset.weights @ values[coreset.rows])
    error = np.std(estimates) / 500**0.5
    assert abs(np.mean(estimates) - values.sum()) < 4 * error


def test_worst_fitted__a_tenth_or_none() -> None:
    loss = np.arange(20.0)
    assert np.flatnonzero(worst_fitted(loss, np.ones(20))).tolist() == [18, 19]
    assert not worst_fitted(np.ones(20), np.ones(20)).any()
    # the last row stands for two of the 21 samples, and a tenth is 2.1
    assert np.flatnonzero(worst_fitted(loss, np.append(np.ones(19), 2))).tolist() == [19]


def test_representatives__by_hand() -> None:
    # a crowd of five around 0, a pair at 10 and an outlier at 90: the cells of three; the crowd's middle is 0
    x = np.array([[-2.0], [-1], [0], [1], [2.1], [10], [10.5], [90]])
    found = representatives(x, np.ones(8), 3)
    assert found.rows.tolist() == [2, 5, 7]
    assert found.weights.tolist() == [5, 2, 1]
    # with all the weight on its right end, the crowd is stood for by that
    heavy = representatives(x, np.array([1.0, 1, 1, 1, 100, 1, 1, 1]), 3)
    assert heavy.rows.tolist() == [4, 5, 7]
    assert heavy.weights.tolist() == [104, 2, 1]


def test_representatives__first_cut_is_the_best_of_all_cuts() -> None:
    x = np.random.default_rng(0).normal(size=(12, 1))
    weights = np.random.default_rng(1).random(12) + 0.1

    def spread(rows: Any) -> float:
        return float(weights[rows] @ (x[rows, 0] - np.average(x[rows, 0], weights=weights[rows])) ** 2)

    order = np.argsort(x[:, 0])
    best = min(range(1, 12), key=lambda cut: spread(order[:cut]) + spread(order[cut:]))
    found = representatives(x, weights, 2)
    np.testing.assert_allclose(
        sorted(found.weights), sorted([weights[order[:best]].sum(), weights[order[best:]].sum()])
    )


@pytest.mark.parametrize("size", [0, 1, 4, 7])
@pytest.mark.parametrize("x", [np.ones((7, 2)), np.arange(14.0).reshape(7, 2)], ids=["identical", "apart"])
def test_representatives__size_and_weight(x: Any, size: int) -> None:
    found = representatives(x, np.ones(7), size)
    assert len(np.unique(found.rows)) == size
    assert found.weights.sum() == (7 if size else 0)


def test_pick__knows_the_counts_and_the_pilots_loss() -> None:
    data = planted.with_noise(planted.clean(900, 24, classes=4), "symmetric", 0.1)
    loss = pilot_loss(data.x, data.given, 4)
    assert loss[data.wrong].mean() > 4 * loss[~data.wrong].mean()
    assert not pilot_loss(data.x, np.zeros(900, dtype=np.int64), 1).any()
    sizes = class_sizes(data.given, 4, 90, 5, {})
    for seed in range(3):
        found = pick(data.x, loss, data.given, sizes, seed)
        np.testing.assert_array_equal(np.bincount(data.given[found.rows]), sizes)
        assert (found.weights >= 1).all()
        assert found.weights @ loss[found.rows] == pytest.approx(loss.sum(), rel=0.01)
        counts = np.bincount(data.given[found.rows], weights=found.weights)
        np.testing.assert_allclose(counts, np.bincount(data.given), rtol=0.01)
        # a tenth of the labels is wrong, of the rows that are learnt far fewer
        assert data.wrong[found.rows].mean() < 0.08


def test_pick__doubted_rows_are_drawn_without_bias() -> None:
    """Over seeds, before adjusting, drawn rows estimate sums over all doubted rows: here their number by class."""
    from image_curation.core.importance.coreset import _drawn

    data = planted.with_noise(planted.clean(400, 16, classes=3), "symmetric", 0.1)
    loss = pilot_loss(data.x, data.given, 3)
    doubted, sizes = worst_fitted(loss, np.ones(400)), np.array([60, 60, 60])
    assert doubted.sum() == 40
    draws = [_drawn(doubted, loss, data.given, sizes, np.ones(400), seed) for seed in range(400)]
    counts = np.array([np.bincount(data.given[one.rows], weights=one.weights, minlength=3) for one in draws])
    error = counts.std(axis=0) / 20
    # the weights are scaled to sum to 40 exactly, a ratio estimator: its bias is within a twentieth
    assert (np.abs(counts.mean(axis=0) - np.bincount(data.given[doubted], minlength=3)) < 4 * error + 2).all()


def test_calibrated__totals_are_met_and_bounds_kept() -> None:
    rng = np.random.default_rng(0)
    known = np.stack([np.ones(40), rng.random(40)], axis=1)
    weights = rng.random(40) + 1.0
    totals = np.array([70.0, 33.0])
    found = calibrated(weights, np.ones(40), known, totals, weights)
    np.testing.assert_allclose(known.T @ found, totals, rtol=1e-4)
    assert (found >= 1).all()
    np.testing.assert_allclose(calibrated(weights, np.ones(40), known, known.T @ weights, weights), weights)


@pytest.mark.slow
def test_score_importance__same_seed_same_coreset() -> None:
    data = planted.clean(150, 8)
    one, other, third = (_run(data.x, data.names, coreset_size=30, seed=seed).values["weight"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)


def test_score_importance__classes_of_interest_are_marked_where_doubtful() -> None:
    data = planted.with_noise(planted.clean(600, 64), "symmetric", 0.1)
    some = sorted(set(data.names))[:6]
    values = _run(data.x, data.names, classes_of_interest=tuple(some)).values
    of_them = np.isin(data.names, some)
    assert values["of_interest"].tolist() == (of_them & (values["score"] > 0.5)).tolist()
    assert data.wrong[values["of_interest"]].mean() > 0.9
    assert "of_interest" not in _run(data.x, data.names).values


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"classes_of_interest": ("a",), "method": "sensitivity"}, "needs a method that reads labels"),
        ({"label_field": None}, "needed by method 'attention'"),
        ({"coreset_size": 0}, r"coreset_size must be a whole number of at least 1, or empty; got 0"),
        ({"coreset_size": 5, "class_size": ("cat",)}, "entries such as"),
        ({"class_size": ("cat=3",)}, "needs coreset_size"),
    ],
)
def test_params__refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError, match=words):
        ImportanceParams(embeddings="vectors", **params)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"coreset_size": 7}, r"at most the number of samples \(6\); got 7"),
        ({"classes_of_interest": ("dog",)}, "names the class 'dog'; the classes are a, b"),
        ({"coreset_size": 6, "class_size": ("dog=1",)}, "names the class 'dog'; the classes are a, b"),
    ],
)
def test_score_importance__refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError, match=words):
        _run(np.eye(6), ["a", "b"] * 3, **params)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["attention", "quick_attention", "sensitivity"])
@pytest.mark.parametrize("x", [np.ones((6, 3)), np.zeros((6, 3)), np.eye(6)], ids=["identical", "zero", "d = n"])
def test_score_importance__degenerate(x: Any, method: str) -> None:
    values = _run(x, ["a", "b"] * 3, coreset_size=4, method=method).values
    assert np.isfinite(values["score"]).all()
    assert values["in_coreset"].sum() == 4


def test_score_importance__one_sample_without_labels() -> None:
    assert _run(np.ones((1, 3)), None).values["class_rank"] == [1]


@pytest.mark.slow
def test_score_importance__a_class_of_one_sample_is_in_the_coreset() -> None:
    data = planted.clean(150, 8)
    found = _run(data.x, ["alone", *data.names[1:]], coreset_size=30)
    assert found.values["in_coreset"][0]
    assert found.facts["coreset"]["training"]["sizes"]
