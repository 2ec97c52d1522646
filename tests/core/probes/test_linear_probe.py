"""Folds, near-duplicates and out-of-fold probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.neighbors.graph import build_graph
from image_curation.core.probes import penalty_path as penalty_walk
from image_curation.core.probes.folds import groups_of_many, near_duplicate_groups, stratified_folds
from image_curation.core.probes.linear_probe import out_of_fold, unit_rows
from image_curation.core.probes.logistic import Design, FoldFits, solve
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from ..helpers import planted


def _inputs(x: Any, names: list[str | None]) -> Inputs:
    return Inputs(n=len(x), embeddings=np.asarray(x, dtype=np.float32), labels=GivenLabels.of(names))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 12)), min_size=1, max_size=60),
    st.integers(2, 6),
    st.integers(0, 3),
)
def test_stratified_folds__groups_stay_whole(rows: list[tuple[int, int]], folds: int, seed: int) -> None:
    codes, groups = (np.array(part) for part in zip(*rows, strict=True))
    fold = stratified_folds(codes, groups, folds, seed)
    assert ((fold >= 0) == (codes >= 0)).all()
    assert fold.max() < folds
    for part in groups_of_many(groups):
        assert len(np.unique(fold[part][codes[part] >= 0])) <= 1


def test_stratified_folds__classes_are_even() -> None:
    codes = np.repeat([0, 1, 2], [10, 23, 2])
    fold = stratified_folds(codes, np.arange(35), 5, seed=0)
    counts = np.stack([np.bincount(fold[codes == c], minlength=5) for c in range(3)])
    # 10 rows over 5 folds are 2 each, 23 are 4 or 5, 2 are in two different folds; sizes differ by one at most
    assert (counts[0] == 2).all()
    assert set(counts[1]) == {4, 5}
    assert set(counts[2]) == {0, 1}
    assert set(counts.sum(axis=0)) == {7}


def test_stratified_folds__same_seed_same_folds() -> None:
    codes, groups = np.arange(60) % 4, np.arange(60) // 2
    np.testing.assert_array_equal(stratified_folds(codes, groups, 5, 7), stratified_folds(codes, groups, 5, 7))


def test_near_duplicate_groups__finds_planted_copies() -> None:
    data = planted.with_copies(planted.clean(600, 32), 0.1, copies=2)
    groups = near_duplicate_groups(build_graph(data.x, k=24))
    copied = groups_of_many(data.source)
    assert len(copied) == 60
    assert all(len(np.unique(groups[part])) == 1 for part in copied)
    # at most one in a hundred other rows is grouped by mistake
    assert sum(len(part) for part in groups_of_many(groups)) <= 3 * 60 + 6


def test_near_duplicate_groups__finds_many_copies_of_each() -> None:
    # 16 rows in each of 60 groups: of most rows, 15 of the 24 neighbors are copies
    data = planted.with_copies(planted.clean(600, 32), 0.1, copies=15)
    groups = near_duplicate_groups(build_graph(data.x, k=24))
    assert all(len(np.unique(groups[part])) == 1 for part in groups_of_many(data.source))
    assert sum(len(part) for part in groups_of_many(groups)) <= 16 * 60 + 6


def test_near_duplicate_groups__digits_are_different_images() -> None:
    from sklearn.datasets import load_digits

    groups = near_duplicate_groups(build_graph(load_digits().data.astype(np.float32), k=24))
    assert len(groups_of_many(groups)) <= 2


@pytest.mark.parametrize("n", [1, 2, 5])
def test_near_duplicate_groups__all_identical(n: int) -> None:
    groups = near_duplicate_groups(build_graph(np.ones((n, 3), np.float32), k=24))
    assert len(np.unique(groups)) == 1


@pytest.mark.slow
def test_out_of_fold__as_accurate_as_scikit_learn() -> None:
    data = planted.with_noise(planted.clean(800, 64, spread=1.3), "symmetric", 0.1)
    ours = out_of_fold(_inputs(data.x, data.names))
    centred = data.x - data.x.mean(axis=0)
    accuracy, loss = [], []
    for c in (1.0, 10.0, 100.0):
        peer = cross_val_predict(
            LogisticRegression(C=c, max_iter=500), centred, data.given, cv=5, method="predict_proba"
        )
        accuracy.append((peer.argmax(axis=1) == data.true).mean())
        loss.append(-np.log(peer[np.arange(800), data.given]).mean())
    assert (ours.probabilities.argmax(axis=1) == data.true).mean() >= max(accuracy) - 0.01
    assert ours.facts["log_loss"] <= min(loss) + 0.01


def test_solve__solves_the_penalised_problem() -> None:
    data = planted.clean(200, 8, classes=3, spread=2.0)
    design = Design.of(unit_rows(data.x))
    codes, penalty = data.given, 1e-3
    fit = solve(design, np.arange(200), codes, 3, penalty)
    # scikit-learn minimises C * sum of losses + |w|^2 / 2
    peer = LogisticRegression(C=1 / (200 * design.ridge(penalty)), tol=1e-8, max_iter=2000).fit(design.z, codes)
    np.testing.assert_allclose(design.probabilities(np.arange(200), fit), peer.predict_proba(design.z), atol=0.01)


def test_together__each_fold_as_if_alone_and_as_scikit_learn() -> None:
    data = planted.clean(210, 8, classes=3, spread=2.0)
    design, codes, fold = Design.of(unit_rows(data.x)), data.given, np.arange(210) % 3
    teaches = (fold[:, None] != np.arange(3)).astype(np.float32)
    together = FoldFits(design, design.z, codes, 3, teaches)
    strong = together.fit(1e-1, [None] * 3)
    weak = together.fit(1e-3, strong)  # with what was learnt at the stronger penalty
    for held_out in range(3):
        rows, at = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        expected = design.probabilities(at, solve(design, rows, codes[rows], 3, 1e-3))
        np.testing.assert_allclose(design.probabilities(at, weak[held_out]), expected, atol=0.01)
        peer = LogisticRegression(C=1 / (140 * design.ridge(1e-3)), tol=1e-8, max_iter=2000)
        peer.fit(design.z[rows], codes[rows])
        np.testing.assert_allclose(
            design.probabilities(at, weak[held_out]), peer.predict_proba(design.z[at]), atol=0.01
        )


def test_refined__same_scores_as_the_coarse_fit() -> None:
    x = np.random.default_rng(0).standard_normal((400, 300)).astype(np.float32) * np.linspace(0.1, 2, 300)
    design = Design.of(x.astype(np.float32))
    coarse, rows = design.coarse(), np.arange(400)
    assert 0 < len(coarse.variance) < len(design.variance)
    fit = solve(coarse, rows, rows % 3, 3, 1e-2)
    np.testing.assert_allclose(design.scores(rows, design.refined(fit)), coarse.scores(rows, fit), atol=1e-4)


def test_out_of_fold__sampled_rows_and_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    # 300 rows, 16 directions, 3 classes: 4,800 cells leave each fold 100 rows, the path a tenth of the work
    monkeypatch.setattr(penalty_walk, "WORK", 4_800.0)
    data = planted.clean(300, 16, classes=3, spread=0.5)
    one, two = (out_of_fold(_inputs(data.x, data.names)) for _ in range(2))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert one.facts["training_rows"] == 100
    assert one.facts["agreement"] > 0.9


def test_out_of_fold__columns_follow_names() -> None:
    data = planted.clean(200, 64, classes=3, spread=0.5)
    names = [("zebra", "ant", "moose")[c] for c in data.true]
    found = out_of_fold(_inputs(data.x, names))
    assert found.classes == ("ant", "moose", "zebra")
    assert (
        np.mean([found.classes[c] == name for c, name in zip(found.probabilities.argmax(1), names, strict=True)]) > 0.95
    )


def test_out_of_fold__rows_sum_to_one_with_gaps_and_rare_classes() -> None:
    data = planted.clean(120, 16, classes=3)
    names: list[str | None] = list(data.names)
    names[0], names[1], names[2] = None, "alone", None
    names[3] = names[4] = "two"
    found = out_of_fold(_inputs(data.x, names))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert (found.fold[[0, 2]] == -1).all()
    assert found.fold[3] != found.fold[4]
    # the model that judges the only sample of a class has never seen that class
    assert found.probabilities[1, found.classes.index("alone")] < 0.05


def test_out_of_fold__fewer_samples_than_folds() -> None:
    found = out_of_fold(_inputs([[1, 0], [0.9, 0.3], [0, 1]], ["a", "a", "b"]))
    assert found.facts["folds"] == 3


def test_out_of_fold__near_duplicates_do_not_cross() -> None:
    data = planted.with_copies(planted.clean(600, 32), 0.1, copies=2)
    facts = out_of_fold(_inputs(data.x, data.names)).facts
    assert facts["near_duplicates"] >= 180
    assert facts["near_duplicates_across_folds"] == 0
    assert facts["near_duplicates_across_plain_folds"] > 0.1


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([None, None, None], "has no labels"),
        (["a", "a", None], "got one, 'a'"),
    ],
)
def test_out_of_fold__needs_two_classes(names: list[str | None], words: str) -> None:
    with pytest.raises(ParamError, match=words):
        out_of_fold(_inputs(np.eye(3), names))


def test_out_of_fold__all_rows_identical() -> None:
    with pytest.raises(ParamError, match="not near-duplicates of each other"):
        out_of_fold(_inputs(np.ones((4, 3)), ["a", "b", "a", "b"]))


def test_unit_rows__large_and_zero_rows() -> None:
    x = unit_rows(np.array([[3e38, 3e38], [0, 0], [1e-30, 0]], dtype=np.float32))
    np.testing.assert_allclose(x, [[0.5**0.5, 0.5**0.5], [0, 0], [1, 0]], rtol=1e-6)
