"""Cleanlab: confident learning in blocks, and its scores of several labels and of boxes.

Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125; by https://github.com/cleanlab/cleanlab, version 2.9
or later (Apache-2.0). Confident learning is counted here class by class, since Cleanlab's own function wants all
probabilities at once; the tests hold it to the same flags and the same joint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.params import ParamError
from .class_probabilities import Beliefs

CLOSE = 1e-6  # probabilities this near to a threshold, or to the largest, count as equal


def confident_issues(beliefs: Beliefs, codes: Array) -> tuple[Array, Array]:
    """Rows flagged by confident learning, and the joint distribution of given and true classes.

    A row counts as truly of the class that it is likeliest of, among those whose mean probability in their own rows it
    reaches. From the counts follows how many rows of class k are truly of class j; that many rows, those with the
    largest p(j) - p(k), are flagged.

    Args:
        beliefs: out of sample, rows sum to one.
        codes: (n,) given classes; a class that nobody was given gets no rows.

    Returns:
        flagged (n,) bool, and the estimated joint (C, C), rows given, columns true, summing to one.
    """
    calibrate = module("count").calibrate_confident_joint
    counts, looks_given = _counts(beliefs, codes)
    counts = calibrate(counts, codes)
    wrong = _at_least_one_right(counts)
    flagged = np.zeros(beliefs.n, dtype=bool)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(beliefs.n_classes + 1))
    for code in range(beliefs.n_classes):
        rows = order[starts[code] : starts[code + 1]]
        others = [other for other in np.flatnonzero(wrong[code]) if other != code]
        if len(rows) < 2 or not others:
            continue
        column = beliefs.columns_of(rows)
        own = column(code)
        for other in others:
            margin = column(int(other)) - own
            flagged[rows[np.argsort(-margin, kind="stable")[: wrong[code, other]]]] = True
    total = max(float(counts.sum()), 1e-100)
    return flagged & ~looks_given, np.asarray(counts / total)


def module(name: str) -> Any:
    """A module of Cleanlab.

    Raises:
        ParamError: Cleanlab is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"cleanlab.{name}")
    except ImportError as missing:
        raise ParamError(
            "confident learning needs cleanlab, which is not installed; pip install 'cleanlab>=2.9'"
        ) from missing


def _counts(beliefs: Beliefs, codes: Array) -> tuple[Array, Array]:
    """The confident joint before calibration, (C, C) int64; and (n,) bool, the given class is among the likeliest."""
    size, n_classes = np.bincount(codes, minlength=beliefs.n_classes), beliefs.n_classes
    own, total = np.empty(beliefs.n, np.float64), np.zeros(n_classes)
    for rows in beliefs.blocks():
        own[rows] = beliefs.dense(rows)[np.arange(len(rows)), codes[rows]]
    total += np.bincount(codes, weights=own, minlength=n_classes)
    threshold = np.where(size > 0, np.maximum(total / np.maximum(size, 1), 2 * CLOSE), 2.0)
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    looks_given = np.empty(beliefs.n, dtype=bool)
    for rows in beliefs.blocks():
        p = beliefs.dense(rows)
        looks_given[rows] = p[np.arange(len(rows)), codes[rows]] >= p.max(axis=1).astype(np.float64) - CLOSE
        sure = p >= threshold - CLOSE
        times = sure.sum(axis=1)
        true = np.where(times > 1, p.argmax(axis=1), sure.argmax(axis=1))
        np.add.at(counts, (codes[rows][times > 0], true[times > 0]), 1)
    np.fill_diagonal(counts, np.maximum(np.diag(counts), 1))
    return counts, looks_given


def _at_least_one_right(counts: Array) -> Array:
    """(C, C) int64 numbers of rows to flag, given by true class, that leave one of each class unflagged."""
    right = np.diag(counts)
    short = np.maximum(right, 1) - right
    sources = np.maximum(np.count_nonzero(counts, axis=1) - 1, 1)
    return np.asarray(np.maximum(counts - (short / sources)[:, None], 0), dtype=np.int64)
