"""Cleanlab's confident learning: which given labels are wrong, from out-of-sample probabilities.

Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125; by https://github.com/cleanlab/cleanlab, version 2.9
or later (Apache-2.0).
"""

from __future__ import annotations

import numpy as np

from ..method import Array
from ..params import ParamError


def confident_issues(probabilities: Array, codes: Array) -> tuple[Array, Array]:
    """Rows flagged by confident learning, and the joint distribution of given and true classes.

    Args:
        probabilities: (n, C) out of sample, rows sum to one.
        codes: (n,) given classes, every one of the C given at least once.

    Returns:
        flagged (n,) bool, and the estimated joint (C, C), rows given, columns true, summing to one.
    """
    try:
        from cleanlab.count import compute_confident_joint, estimate_joint
        from cleanlab.filter import find_label_issues
    except ImportError as missing:
        raise ParamError(
            "confident learning needs cleanlab, which is not installed; pip install 'cleanlab>=2.9'"
        ) from missing
    p = probabilities.astype(np.float64)
    counts = compute_confident_joint(codes, p, calibrate=True)
    flagged = find_label_issues(codes, p, confident_joint=counts, n_jobs=1)
    return np.asarray(flagged, dtype=bool), np.asarray(estimate_joint(codes, p, confident_joint=counts))
