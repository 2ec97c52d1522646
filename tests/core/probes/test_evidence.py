"""Vectors that tell classes are told from those that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.core.probes.evidence import PENALTIES, _area, _out_of_fold, evidence

from ..helpers import planted


def _random(n: int, d: int, classes: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(np.float32), rng.integers(0, classes, n)


def test_evidence__clusters_are_told() -> None:
    data = planted.clean(200, 32, classes=4)
    found = evidence(data.x, data.true)
    assert found.low > 0.9
    assert abs(found.chance - 0.5) < 0.06
    assert found.tells


def test_evidence__random_vectors_tell_nothing() -> None:
    found = [evidence(*_random(120, 24, 3, seed)) for seed in range(12)]
    assert sum(each.low <= 0.5 <= each.high for each in found) >= 10  # 95 % intervals
    assert sum(each.tells for each in found) <= 1


def test_evidence__copies_do_not_tell_their_own_label() -> None:
    x, codes = _random(150, 24, 3, 0)
    x, codes = np.concatenate([x, x]), np.concatenate([codes, codes])
    assert not evidence(x, codes).tells
    assert evidence(x, codes, groups=np.arange(300)).tells


def test_evidence__wrong_labels_lower_it_as_stated() -> None:
    data = planted.clean(800, 32, classes=4)
    wrong = planted.with_noise(data, "symmetric", 0.3)
    share = wrong.wrong.mean()
    clean, noisy = evidence(data.x, data.true).value, evidence(wrong.x, wrong.given).value
    assert noisy == pytest.approx(0.5 + (1 - share * 4 / 3) * (clean - 0.5), abs=0.03)


def test_evidence__several_classes_of_a_row() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 12)).astype(np.float32)
    present = x[:, :3] > 0
    assert evidence(x, present).low > 0.9
    assert not evidence(x, present[rng.permutation(200)]).tells


def test_evidence__unlabelled_rows_and_lengths_do_not_count() -> None:
    data = planted.clean(150, 16, classes=3)
    some = data.true.copy()
    some[:20] = -1
    scaled = data.x * np.random.default_rng(0).uniform(0.1, 10, (150, 1))
    assert evidence(data.x, some).value == pytest.approx(evidence(scaled, some).value, abs=1e-6)
    assert evidence(data.x, some).samples == 130


def test_evidence__one_class() -> None:
    with pytest.raises(ParamError, match="at least 2 classes"):
        evidence(np.eye(5, dtype=np.float32), np.zeros(5, dtype=np.int64))


@pytest.mark.parametrize("d", [5, 60])
def test_out_of_fold__is_ridge_regression(d: int) -> None:
    """Against scikit-learn, with fewer dimensions than rows and with more."""
    from sklearn.linear_model import Ridge

    x, codes = _random(40, d, 2, 1)
    fold, y = np.arange(40) % 4, np.eye(2, dtype=bool)[codes]
    expected = {}
    for penalty in PENALTIES:
        scores = np.empty((40, 2))
        for number in range(4):
            rest = fold != number
            centred = x[rest] - x[rest].mean(axis=0)
            alpha = penalty * float((centred.astype(float) ** 2).sum()) / d
            scores[~rest] = Ridge(alpha=alpha).fit(x[rest].astype(float), y[rest].astype(float)).predict(x[~rest])
        expected[float(((scores - y) ** 2).sum())] = scores
    np.testing.assert_allclose(_out_of_fold(x, [y], fold)[0], expected[min(expected)], atol=1e-5)


@pytest.mark.slow
def test_area__is_the_area_under_the_curve() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores = rng.integers(0, 9, (60, 3)).astype(float)  # with ties
    present = np.eye(3, dtype=bool)[rng.integers(0, 3, 60)]
    value, spread = _area(scores, present, np.arange(60))
    assert value == pytest.approx(roc_auc_score(present, scores, average="macro"))
    draws = [rng.integers(60, size=60) for _ in range(300)]
    drawn = np.std([roc_auc_score(present[rows], scores[rows], average="macro") for rows in draws])
    assert spread == pytest.approx(drawn, rel=0.2)
