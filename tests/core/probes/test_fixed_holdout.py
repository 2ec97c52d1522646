"""The same rows are held out whatever else is there, and right labels are worth more than wrong ones."""

from __future__ import annotations

import numpy as np
from image_curation.core.probes.fixed_holdout import held_out_accuracy, is_held_out


def test_is_held_out__goes_by_the_name_alone() -> None:
    names = [f"{number:024x}" for number in range(1000)]
    held = is_held_out(names)
    assert 0.15 < held.mean() < 0.25
    assert (is_held_out(names[500:]) == held[500:]).all()


def test_held_out_accuracy__falls_with_wrong_labels() -> None:
    rng = np.random.default_rng(1)
    true = np.arange(600) % 3
    x = (np.eye(3)[true] + 0.3 * rng.standard_normal((600, 3))).astype(np.float32)
    held = is_held_out([f"{number:024x}" for number in range(600)])
    told = np.where(rng.random(600) < 0.4, (true + 1) % 3, true)
    right = held_out_accuracy(x, true, true, held)
    assert right is not None
    assert right.low < right.accuracy < right.high
    assert right.accuracy > 0.9
    assert right.n == held.sum()
    noisy = held_out_accuracy(x, told, told, held)
    assert noisy is not None
    assert noisy.accuracy < right.accuracy - 0.2


def test_held_out_accuracy__too_few_says_nothing() -> None:
    x, codes = np.eye(30, dtype=np.float32), np.arange(30) % 2
    assert held_out_accuracy(x, codes, codes, np.arange(30) < 5) is None
    assert (
        held_out_accuracy(np.ones((100, 2), np.float32), np.zeros(100, int), np.zeros(100, int), np.arange(100) < 30)
        is None
    )
