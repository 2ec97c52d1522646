"""An audit draws by design, and what it says of all labels holds about as often as it promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.labels.audit import draw, estimate, strata


def _population(n: int = 4000, seed: int = 0, shift: float = 0.0) -> tuple[Any, Any]:
    """Probabilities of being wrong, said too high by shift, and labels that are wrong with the true ones."""
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(n) < 0.15, rng.beta(2, 2, n), rng.beta(0.5, 30, n))
    wrong = (rng.random(n) < p).astype(np.int64)
    odds = np.log(np.clip(p, 1e-6, 1 - 1e-6) / np.clip(1 - p, 1e-6, 1)) + shift
    return 1 / (1 + np.exp(-odds)), wrong


def _asked(wrong: Any, truth: Any, count: int, seed: int, answered: int | None = None) -> Any:
    stratum = strata(wrong, count)
    rows = draw(stratum, count, seed)
    drawn, answers = np.zeros(len(truth), dtype=bool), np.full(len(truth), -1)
    drawn[rows], answers[rows[:answered]] = True, truth[rows[:answered]]
    return stratum, drawn, answers


def test_strata__the_doubtful_ones_are_drawn_from_more_often() -> None:
    wrong, _ = _population()
    stratum, drawn, _ = _asked(wrong, np.zeros(4000, dtype=int), 50, 1)
    assert drawn.sum() == 50
    counts = np.bincount(stratum[drawn], minlength=int(stratum.max()) + 1)
    assert counts.min() == counts.max() == 2
    assert drawn[wrong > 0.3].mean() > 5 * drawn[wrong < 0.01].mean() > 0


def test_draw__any_beginning_is_spread_over_the_strata() -> None:
    stratum = np.repeat(np.arange(5), [3, 40, 100, 400, 1000])
    rows = draw(stratum, 20, 7)
    assert len(set(rows.tolist())) == 20
    for begin in range(0, 15, 5):
        assert sorted(stratum[rows[begin : begin + 5]]) in ([0, 1, 2, 3, 4], [1, 2, 3, 4, *[1, 2, 3, 4]][:5])
    assert np.bincount(stratum[rows], minlength=5)[0] == 3
    assert (draw(stratum, 20, 7) == rows).all()
    assert len(draw(np.zeros(12, dtype=np.int64), 50, 7)) == 12


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-1.5, 0.0, 1.5])
def test_estimate__the_interval_holds(shift: float) -> None:
    """Of 200 audits of other draws 95 % hold; the sampling error of that share is 1.5 %. Also where the quality is off
    by a factor of 4.5."""
    said, truth = _population(seed=3, shift=shift)
    held, middles, widths = [], [], []
    for seed in range(200):
        found = estimate(said, *_asked(said, truth, 50, seed)).wrong
        held.append(found.low <= truth.sum() <= found.high)
        middles.append(found.count)
        widths.append(found.high - found.low)
    assert np.mean(held) >= 0.91
    assert np.mean(middles) == pytest.approx(truth.sum(), rel=0.1)
    share = truth.mean()
    assert np.mean(widths) < 0.65 * 2 * 1.96 * np.sqrt(share * (1 - share) / 50) * len(truth)


def test_estimate__quality_and_parts_are_corrected() -> None:
    said, truth = _population(seed=5, shift=2.0)
    found = estimate(said, *_asked(said, truth, 100, 1), parts={"sure": said > 0.5})
    assert abs(said.mean() - truth.mean()) > 0.1
    assert abs((1 - found.quality).mean() - truth.mean()) < 0.03
    assert found.shift < -0.5
    sure = found.within["sure"]
    assert sure.low <= truth[said > 0.5].sum() <= sure.high
    assert found.sizes == {"sure": int((said > 0.5).sum())}


def test_estimate__known_labels_are_counted_and_say_nothing_of_others() -> None:
    said, truth = _population(seed=6)
    stratum, drawn, answers = _asked(said, truth, 50, 2)
    plain = estimate(said, stratum, drawn, answers)
    worst = np.argsort(-said)[:100]
    answers[worst] = truth[worst]
    more = estimate(said, stratum, drawn, answers)
    assert (more.quality[worst] == 1 - truth[worst]).all()
    others = np.setdiff1d(np.flatnonzero(~drawn), worst)
    assert more.quality[others] == pytest.approx(plain.quality[others])
    assert more.wrong.high - more.wrong.low < plain.wrong.high - plain.wrong.low
    assert more.wrong.low >= (answers == 1).sum()


def test_estimate__some_answers_are_missing() -> None:
    said, truth = _population(seed=8)
    found = [estimate(said, *_asked(said, truth, 50, seed, answered=15)).wrong for seed in range(25)]
    assert np.mean([one.low <= truth.sum() <= one.high for one in found]) >= 0.88


def test_estimate__nothing_is_wrong() -> None:
    said, _ = _population(seed=9)
    found = estimate(said, *_asked(said, np.zeros(4000, dtype=int), 50, 1)).wrong
    assert found.low == 0
    assert found.count < 0.03 * 4000


def test_estimate__twelve_rows_all_looked_at() -> None:
    said = np.linspace(0.05, 0.9, 12)
    truth = (np.arange(12) % 3 == 0).astype(np.int64)
    found = estimate(said, *_asked(said, truth, 20, 1)).wrong
    assert (found.low, found.count, found.high) == (4, 4, 4)
