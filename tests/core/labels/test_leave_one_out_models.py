"""Views that leave rows out: bands by how far apart rows are, and a temperature for each."""

from __future__ import annotations

import numpy as np
from image_curation.core.base.graph import Graph
from image_curation.core.labels.leave_one_out_models import TEMPERATURES, Tempered, bands_of, neighbor_votes
from image_curation.core.probes.logistic import softmax


def _graph(nearest, second) -> Graph:
    """Every row's neighbors are the two rows after it, at these distances."""
    n = len(nearest)
    indices = (np.arange(n)[:, None] + [1, 2]) % n
    return Graph(indices.astype(np.int32), np.column_stack([nearest, second]).astype(np.float32))


def test_bands_of__by_the_nearest_row_that_stays() -> None:
    n = 900
    nearest = np.tile([0.1, 0.1, 0.2, 0.2, 0.3, 0.3], n // 6)  # of odd and even rows as many
    alone = np.arange(n)
    expected = np.searchsorted([0.15, 0.25], nearest)
    assert bands_of(_graph(nearest, np.full(n, 0.9)), alone).tolist() == expected.tolist()
    pairs = alone // 2  # the even rows' nearest leaves with them, so that the other one counts
    bands = bands_of(_graph(np.full(n, 0.05), nearest), pairs)
    assert (bands[1::2] == 0).all()
    assert (bands[::2] == 1 + np.searchsorted([0.15], nearest[::2])).all()


def test_bands_of__few_rows_or_nobody_left() -> None:
    near = np.linspace(0.1, 0.9, 250)
    assert sorted(set(bands_of(_graph(near, near), np.arange(250)).tolist())) == [0, 1]
    assert not bands_of(_graph(near[:150], near[:150]), np.arange(150)).any()
    assert not bands_of(_graph(np.tile(near, 2), np.tile(near, 2)), np.zeros(500, np.int64)).any()


def test_tempered__each_band_its_own() -> None:
    """Labels drawn with the chances that scores times 1, 4 and 16 tell: those factors are found."""
    rng = np.random.default_rng(1)
    n = 6000
    bands = np.arange(n) % 3
    factors = np.array([1.0, 4.0, 16.0])
    scores = rng.normal(size=(n, 4)).astype(np.float32)
    chances = softmax(factors[bands][:, None] * scores)
    codes = (rng.random(n)[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    codes[:600] = -1
    parts = [np.arange(n)]
    view = Tempered.of(lambda rows: scores[rows].copy(), codes, bands, parts, TEMPERATURES)
    assert np.allclose(np.log2(view.temperatures / factors), 0, atol=0.6)
    rows = np.array([5, 700, 4001])
    np.testing.assert_allclose(view(rows), softmax(view.temperatures[bands[rows]][:, None] * scores[rows]), rtol=1e-5)
    halves = Tempered.of(lambda rows: scores[rows].copy(), codes, bands, np.split(np.arange(n), 2), TEMPERATURES)
    assert halves.whole is None
    np.testing.assert_allclose(halves(rows), view(rows), rtol=1e-5)


def test_neighbor_votes__of_distrusted_labels_count_a_twentieth() -> None:
    """Both neighbors of row 0 are as near: a vote of trust 1 weighs 1.05, one of trust 0 weighs .05, and each class has
    half a vote times its share of the labels, 2/3 and 1/3."""
    graph = _graph(np.full(3, 0.2), np.full(3, 0.2))
    codes, trust = np.array([0, 0, 1]), np.array([1.0, 0.0, 1.0])
    votes = neighbor_votes(graph, np.arange(3), codes, 2, trust)
    first, second = 0.5 * 2 / 3 + 0.05, 0.5 / 3 + 1.05
    np.testing.assert_allclose(votes[0], [first / (first + second), second / (first + second)], rtol=1e-6)
    even = neighbor_votes(graph, np.arange(3), codes, 2)[0]
    np.testing.assert_allclose(even, [(1 / 3 + 1) / 2.5, (1 / 6 + 1) / 2.5], rtol=1e-6)
