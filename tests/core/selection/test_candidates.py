"""What is chosen from: who counts as an outlier, which is never picked for lying far away."""

from __future__ import annotations

import numpy as np
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.selection.candidates import candidates_of
from image_curation.core.selection.subset_params import SubsetParams


def test_candidates__one_in_two_hundred_is_an_outlier() -> None:
    """398 rows in four clusters on four axes, and two alone on axes of their own: these two of 400, and no others."""
    rng = np.random.default_rng(0)
    x = np.zeros((400, 6), dtype=np.float32)
    x[np.arange(398), np.arange(398) % 4] = 1
    x[:398, :4] += 0.1 * rng.normal(size=(398, 4)).astype(np.float32)
    x[398, 4] = x[399, 5] = 1
    found = candidates_of(Inputs(n=400, embeddings=x), SubsetParams(purpose="cover_everything", n=10), silent)
    assert np.flatnonzero(~found.pool.inlier).tolist() == [398, 399]
