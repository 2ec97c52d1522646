"""What several annotators mean together: the class of each sample, and how far each annotator can be believed.

Dawid & Skene 1979, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
https://doi.org/10.2307/2346806: every annotator has a confusion matrix, and the true class of a sample is what explains
its labels best. Where class probabilities are known from elsewhere, such as those of a model that did not see the
sample, they take the place of the classes' shares (Raykar et al. 2010, "Learning from crowds").

Letters: n samples, m annotators, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array

ROUNDS = 50
STILL = 1e-4  # mean change of the probabilities at which the rounds end
SMOOTHING = 1.0  # labels that each row of a confusion matrix is given beforehand, most of them right
RIGHT = 0.7  # share of those that are


@dataclass(frozen=True)
class Consensus:
    """What the labels of all annotators say together.

    Attributes:
        probabilities: (n, C) of the true class, rows sum to one; the classes' shares where there is no label.
        confusion: (m, C, C) probability of each label, given the true class.
        shares: (C,) of the classes.
    """

    probabilities: Array
    confusion: Array
    shares: Array

    @property
    def accuracy(self) -> Array:
        """(m,) how often each annotator would be right on this set."""
        return np.asarray(np.einsum("mcc,c->m", self.confusion, self.shares))


def majority(codes: Array, n_classes: int) -> Array:
    """(n, C) share of the annotators who chose each class; zeros where nobody labelled.

    Args:
        codes: (n, m) class by each annotator, -1 for none.
    """
    votes = np.zeros((len(codes), n_classes))
    for own in codes.T:
        known = np.flatnonzero(own >= 0)
        votes[known, own[known]] += 1
    return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1))


def consensus(codes: Array, n_classes: int, beliefs: Array | None = None, weight: float = 1.0) -> Consensus:
    """The likeliest classes, and what each annotator makes of each class.

    Args:
        codes: (n, m) class by each annotator, -1 for none.
        beliefs: (n, C) class probabilities from elsewhere.
        weight: power that the beliefs are taken to.
    """
    start = majority(codes, n_classes)
    said = start.sum(axis=1) > 0
    shares = start[said].mean(axis=0) if said.any() else np.full(n_classes, 1 / n_classes)
    p = np.where(said[:, None], start, shares)
    prior = None if beliefs is None else weight * np.log(np.maximum(beliefs.astype(np.float64), 1e-6))
    if prior is not None:
        p = p * np.exp(prior)
        p /= p.sum(axis=1, keepdims=True)
    confusion = np.zeros((codes.shape[1], n_classes, n_classes))
    for _ in range(ROUNDS):
        shares = p[said].mean(axis=0) if said.any() else shares
        confusion = _confusion(codes, p, n_classes)
        score = np.log(np.maximum(shares, 1e-9))[None] + np.zeros_like(p) if prior is None else prior.copy()
        for own, table in zip(codes.T, np.log(confusion), strict=True):
            known = np.flatnonzero(own >= 0)
            score[known] += table[:, own[known]].T
        score -= score.max(axis=1, keepdims=True)
        new = np.exp(score)
        new /= new.sum(axis=1, keepdims=True)
        change = float(np.abs(new - p).sum(axis=1).mean()) if len(p) else 0.0
        p = new
        if change < STILL:
            break
    return Consensus(p, confusion, shares)


def _confusion(codes: Array, p: Array, n_classes: int) -> Array:
    """(m, C, C) of each annotator; one with few labels is drawn to all annotators' mean."""
    counts = np.zeros((codes.shape[1], n_classes, n_classes))
    for place, own in enumerate(codes.T):
        known = np.flatnonzero(own >= 0)
        np.add.at(counts[place].T, own[known], p[known])
    wrong = (1 - RIGHT) / max(n_classes - 1, 1)
    before = np.full((n_classes, n_classes), wrong)
    np.fill_diagonal(before, RIGHT if n_classes > 1 else 1.0)
    every = counts.sum(axis=0) + SMOOTHING * before
    every /= every.sum(axis=1, keepdims=True)
    strength = n_classes * SMOOTHING
    counts += strength * every
    return np.asarray(counts / counts.sum(axis=2, keepdims=True))
