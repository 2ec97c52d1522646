"""What is believed to be wrong: by hand on few rows, and the shape of the correction."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.labels.calibration import _raised, lowering, stand_apart, surest, trust


def test_surest__a_fifth_of_the_predictions() -> None:
    """Ten rows of two classes; the two surest give .99 and .98 to class 0, and one of them is labelled 1."""
    p = np.tile([0.6, 0.4], (10, 1))
    p[3], p[7] = (0.99, 0.01), (0.98, 0.02)
    codes = np.zeros(10, dtype=np.int64)
    codes[7] = 1
    seen, looked, unsure = surest(p, codes)
    assert (seen, looked) == (1, 2)
    assert unsure == pytest.approx(0.015 / 0.5)  # guessing between two leaves one half open
    assert surest(np.full((10, 4), 0.25), codes)[2] == pytest.approx(1)


def test_trust__grows_with_the_rows_of_a_class_and_with_errors() -> None:
    assert trust(30, 0.05) == pytest.approx(0.5)
    assert 0.5 < trust(100, 0.05) < trust(500, 0.05) <= 1
    assert trust(100, 0.3) == 1
    assert trust(1, 0.0) == 0


def test_stand_apart__small_classes_need_a_gap_that_is_all_but_empty() -> None:
    """Two of thirty that plainly do not fit are believed; of sixty with eight between, only in large classes."""
    plain = np.array([0.01, 0.02] + [0.95] * 28)
    crowded = np.array([0.05] * 9 + [0.5] * 8 + [0.95] * 43)
    assert stand_apart(plain, large=False) == stand_apart(plain) == 1
    assert stand_apart(crowded, large=False) == 0
    assert stand_apart(crowded) == 1
    assert stand_apart(np.array([0.05] * 10 + [0.95] * 20)) == 0, "more than a quarter does not fit"


def test_lowering__the_mean_is_the_share_and_the_order_stays() -> None:
    right = np.linspace(0.001, 0.999, 200)
    by = lowering(right, 0.1)
    quality = _raised(right, by)
    assert (1 - quality).mean() == pytest.approx(0.1, abs=1e-6)
    assert (np.diff(quality) > 0).all()
    assert quality[0] < 0.05, "the plainest misfits stay misfits"
