"""Chunks and updates against doing it all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.importance import streaming
from image_curation.core.importance.score_importance import ImportanceParams, score_importance
from image_curation.core.importance.streaming import Stream

from ..helpers import planted

DATA = planted.with_noise(planted.clean(900, 32, classes=4), "pair", 0.1)
X, CODES = DATA.x, np.where(np.arange(900) % 50 == 7, -1, DATA.given)


def _chunks(*ends: int) -> Callable[[], Iterator[Any]]:
    starts = (0, *ends[:-1])
    return lambda: ((X[a:b], CODES[a:b]) for a, b in zip(starts, ends, strict=True))


def _at_once(x: Any, codes: Any) -> Any:
    names = [None if code < 0 else f"{code}" for code in codes]
    inputs = Inputs(n=len(x), embeddings=x, labels=GivenLabels.of(names))
    params = ImportanceParams(embeddings="vectors", method="quick_attention")
    return score_importance(inputs, params, silent).values["score"]


@pytest.mark.parametrize("ends", [(900,), (300, 600, 900), (1, 2, 899, 900)])
@pytest.mark.parametrize("penalty_rows", [20_000, 50])
def test_stream__scores_equal_one_shot(ends: tuple[int, ...], penalty_rows: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(streaming, "PENALTY_ROWS", penalty_rows)
    chunks = _chunks(*ends)
    stream = Stream.fit(chunks, 4)
    scores = np.concatenate(list(stream.scores(chunks())))
    if penalty_rows == 20_000:
        np.testing.assert_allclose(scores, _at_once(X, CODES), atol=1e-6)
    else:
        whole = Stream.fit(_chunks(900), 4)
        assert whole.penalty == stream.penalty
        np.testing.assert_allclose(scores, next(whole.scores(_chunks(900)())), atol=1e-6)
    assert (np.isnan(scores) == (CODES < 0)).all()


def _same(one: Stream, other: Stream) -> None:
    """Both give the same predictions at the penalty of the first."""
    other = Stream(other.sums, other.ridge, one.penalty)
    codes = np.full(len(X), -1)
    np.testing.assert_allclose(one.left_out((X, codes)).values, other.left_out((X, codes)).values, atol=1e-6)


def test_stream__add_and_remove_equal_fitting_again() -> None:
    first, both = Stream.fit(_chunks(600), 4), Stream.fit(_chunks(900), 4)
    _same(first.add((X[600:], CODES[600:])), both)
    _same(both.remove((X[600:], CODES[600:])), first)


@pytest.mark.parametrize(("old", "new"), [(0, 2), (0, -1), (-1, 2)])
def test_stream__relabel_equals_fitting_again(old: int, new: int) -> None:
    place = int(np.flatnonzero(np.equal(CODES, old))[0])
    changed = CODES.copy()
    changed[place] = new
    again = Stream.fit(lambda: [(X, changed)], 4)
    _same(Stream.fit(_chunks(900), 4).relabel(X[place], old, new), again)


def test_stream__relabelled_predictions_equal_computing_them_again() -> None:
    place = int(np.flatnonzero(CODES == 1)[0])
    changed = CODES.copy()
    changed[place] = 3
    before = Stream.fit(_chunks(900), 4)
    after = before.relabel(X[place], 1, 3)
    left = before.left_out((X, CODES))
    expected = after.left_out((X, changed)).values
    np.testing.assert_allclose(after.relabelled(left, X, X[place], 1, 3, place).values, expected, atol=1e-6)
    part = slice(place + 1, None)
    elsewhere = before.left_out((X[part], CODES[part]))
    found = after.relabelled(elsewhere, X[part], X[place], 1, 3, None).values
    np.testing.assert_allclose(found, expected[part], atol=1e-6)
