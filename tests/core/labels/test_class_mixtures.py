"""Classes as mixtures of concepts: each row judged exactly by the masses and sums of the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from image_curation.core.labels.class_mixtures import Concepts
from image_curation.core.probes.ridge import GramSums, Ridge
from scipy.special import logsumexp

from ..helpers import planted


def _fit(x, codes, groups=None, weights=None):
    groups = np.arange(len(x)) if groups is None else groups
    return Concepts.fit(x, codes, groups, Ridge.of(GramSums.of(x, codes, int(codes.max()) + 1)), weights)


def _plainly(found: Concepts, row: int, label: int) -> float:
    """Score of one row for one class, from the rows of other groups alone, formula by formula."""
    (place,) = np.flatnonzero(found.classes == label)
    k = found.starts[place + 1] - found.starts[place]
    rest = np.flatnonzero((found.codes == label) & (found.groups != found.groups[row]))
    z = (found.x.astype(np.float64) - found.mean) @ found.axes
    weight = found.weights[rest, None] * found.shares[rest, :k].astype(np.float64)
    centre = (weight.sum(axis=1) @ z[rest]) / weight.sum()
    terms = []
    for concept in range(k):
        mass = weight[:, concept].sum()
        at = (weight[:, concept] @ z[rest] + found.pull * centre) / (mass + found.pull)
        variance = found.variance * (1 + 1 / (mass + found.pull))
        density = -((z[row] - at) ** 2).sum() / (2 * variance) - len(at) / 2 * np.log(variance / found.variance)
        terms.append(np.log((mass + 1) / (weight.sum() + k)) + density)
    return float(logsumexp(terms) + np.log(weight.sum()))


@pytest.mark.parametrize("block_cells", [4e6, 2000])
def test_scores__as_if_fitted_without_the_group(monkeypatch: pytest.MonkeyPatch, block_cells: float) -> None:
    monkeypatch.setattr("image_curation.core.labels.class_mixtures.BLOCK_CELLS", block_cells)
    data = planted.clean(120, 6, classes=3, seed=4)
    rng = np.random.default_rng(0)
    codes = data.true.astype(np.int64)
    codes[[5, 17]] = -1  # without a label; row 5 has a group that has
    groups = np.arange(120)
    groups[[5, 6, 7, 8]] = 5  # of several classes
    groups[np.flatnonzero(codes == 1)[:9]] = 60
    found = _fit(data.x, codes, groups, rng.uniform(0.1, 1, 120))
    scores = found.scores(np.arange(120), 3)
    expected = [[_plainly(found, row, label) for label in range(3)] for row in range(120)]
    np.testing.assert_allclose(scores, expected, rtol=2e-5, atol=2e-4)
    whole = np.flatnonzero(np.isin(groups, groups[[5, 30]]))  # some rows, groups whole
    np.testing.assert_allclose(found.scores(whole, 3), scores[whole], rtol=1e-5, atol=1e-4)


def test_fit__finds_concepts_that_no_line_parts() -> None:
    """Two classes of four clusters each at the corners of a cube, alternating: linear models are at chance."""
    rng = np.random.default_rng(1)
    corner = rng.integers(0, 2, (800, 3))
    x = (corner - 0.5 + 0.12 * rng.normal(size=(800, 3))).astype(np.float32)
    codes = corner.sum(axis=1) % 2
    found = _fit(x, codes)
    assert (found.scores(np.arange(800), 2).argmax(axis=1) == codes).mean() > 0.98
    assert found.variance == pytest.approx(0.12**2, rel=0.1)
    assert found.masses.sum() == pytest.approx(800)


def test_fit__concepts_of_chance_are_pulled_to_their_class() -> None:
    """Where classes have no concepts, the pull is strong and the score that of one Gaussian a class."""
    rng = np.random.default_rng(2)
    codes = np.repeat([0, 1], 400)
    x = (np.eye(2)[codes] @ rng.normal(size=(2, 12)) + rng.normal(size=(800, 12))).astype(np.float32)
    apart = np.concatenate([x[:400] + 3 * np.sign(x[:400, :1]), x[400:]])
    assert _fit(x, codes).pull > 3 * _fit(apart, codes).pull


def test_fit__any_order_and_only_some_rows_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    data = planted.clean(900, 16, classes=4, seed=6)
    codes = data.true.astype(np.int64)
    scores = _fit(data.x, codes).scores(np.arange(900), 4)
    order = np.random.default_rng(0).permutation(900)
    again = _fit(data.x[order], codes[order]).scores(np.arange(900), 4)
    np.testing.assert_allclose(again, scores[order], rtol=1e-3, atol=1e-2)
    monkeypatch.setattr("image_curation.core.labels.class_mixtures.AT_MOST", 300)
    some = _fit(data.x, codes)
    assert some.masses.sum() == pytest.approx(900)
    right = [(found.argmax(axis=1) == codes).mean() for found in (some.scores(np.arange(900), 4), scores)]
    assert right[0] > right[1] - 0.05 > 0.7


def test_scores__a_class_without_others_is_never_likely() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 5)).astype(np.float32)
    codes = np.array([0] * 14 + [1] * 14 + [2, 3])  # class 4 has no rows at all
    found = _fit(x, codes)
    scores = found.scores(np.arange(30), 5)
    assert np.isfinite(scores).all()
    assert scores[28, 2] < -1e5
    assert scores[28, 3] > -1e5
    assert (scores[:, 4] < -1e5).all()
    together = replace(found, groups=np.where(codes == 1, 7, np.arange(30) + 100))
    assert (together.scores(np.arange(30), 5)[codes == 1, 1] < -1e5).all()


@pytest.mark.parametrize("x", [np.ones((40, 3)), np.zeros((40, 3)), np.eye(40), np.tile(np.eye(2), (20, 1))])
def test_fit__degenerate(x: np.ndarray) -> None:
    codes = np.arange(40) % 2
    found = _fit(x.astype(np.float32), codes)
    scores = found.scores(np.arange(40), 2)
    assert np.isfinite(scores).all()
    assert found.pull > 0
    assert len(found.masses) <= 2 * (20 // 8)
