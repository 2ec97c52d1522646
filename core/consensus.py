"""What class does each sample look like, by models that did not see its label? Three views and their mean.

* ridge: leave-one-out ridge regression (near-duplicates leave together), `core/ridge.py`
* logistic: out-of-fold logistic probe, `core/probe.py`
* neighbors: vote of the nearest neighbors that are no near-duplicates, each weighted by how far its own
  label can be trusted

Two rounds: the first finds how far each label can be trusted (`core/noise.py`), the second fits ridge and neighbors
again with labels weighted by that trust. Of the variants tried, this one was best on average over planted noise
(synthetic sets, handwritten digits, CIFAR-10 features with noise of our own). The human noise of CIFAR-10N did not
enter that average; its figures were printed beside it.

Letters: n rows, d dimensions, C classes, k neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .folds import groups_of_many, near_duplicate_groups
from .logistic import best_temperature, softmax
from .method import Array, Facts, Inputs, Progress
from .noise import NoiseModel
from .probe import NEIGHBORS, out_of_fold, two_classes, unit_rows
from .ridge import GramSums, Ridge, blocks, choose_penalty, leave_out

if TYPE_CHECKING:
    from .neighbors import Graph

ROUNDS = 3  # of ridge and neighbors without the probe
LEAST_TRUST = 0.05
TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(0.0, 6.1, 0.5))
REACH = 0.3  # of the typical distance to the last neighbor: how fast votes fade with distance
DOUBT = 0.5  # votes' worth of the overall class shares, mixed into every vote


@dataclass(frozen=True)
class Views:
    """Class probabilities by one or more views that did not see the row's label.

    Attributes:
        classes: names of the C classes.
        mean: (n, C) float32, rows sum to one.
        argmax: view → (n,) class it gives most to.
        groups: (n,) near-duplicate groups.
        facts: of the probe and the temperatures.
    """

    classes: tuple[str, ...]
    mean: Array
    argmax: dict[str, Array]
    groups: Array
    facts: Facts = field(default_factory=dict)


def views(inputs: Inputs, which: str, folds: int, seed: int, progress: Progress) -> Views:
    """Class probabilities by one view, "probe" or "neighbors", or by the "consensus" of all.

    Raises:
        ParamError: there are fewer than two classes.
    """
    labels = two_classes(inputs)
    graph = inputs.neighbors(NEIGHBORS, "cosine", progress)
    groups = near_duplicate_groups(graph)
    n_classes = len(labels.names)
    if which == "neighbors":
        plain = neighbor_votes(graph, groups, labels.codes, n_classes)
        mean = neighbor_votes(graph, groups, labels.codes, n_classes, _given(plain, labels.codes))
        return Views(labels.names, mean, {"neighbors": mean.argmax(axis=1)}, groups)
    probe = out_of_fold(inputs, folds, seed, progress, groups)
    if which == "probe":
        return Views(
            labels.names, probe.probabilities, {"logistic": probe.probabilities.argmax(1)}, groups, probe.facts
        )
    x = unit_rows(inputs.vectors)
    progress(0, 2, "leaving each sample out")
    ridge, _ = ridge_probabilities(x, labels.codes, n_classes, groups)
    votes = neighbor_votes(graph, groups, labels.codes, n_classes, _given(ridge, labels.codes))
    trust = _given(_true_classes((ridge + probe.probabilities + votes) / 3, labels.codes), labels.codes)
    progress(1, 2, "leaving each sample out")
    ridge, found = ridge_probabilities(x, labels.codes, n_classes, groups, np.maximum(trust, LEAST_TRUST))
    votes = neighbor_votes(graph, groups, labels.codes, n_classes, trust)
    progress(2, 2, "leaving each sample out")
    argmax = {
        "ridge": ridge.argmax(axis=1),
        "logistic": probe.probabilities.argmax(axis=1),
        "neighbors": votes.argmax(axis=1),
    }
    mean = (ridge + probe.probabilities + votes) / np.float32(3)
    return Views(labels.names, mean, argmax, groups, probe.facts | found)


def untrained(inputs: Inputs, progress: Progress) -> Array:
    """(n, C) float32 class probabilities by ridge and neighbors alone: closed form, no folds, no training.

    Three rounds, each with labels weighted by the trust that the round before put in them; then the mean of the
    probabilities before and after the noise model, for the reason given in `core/label_issues.py`.

    Raises:
        ParamError: there are fewer than two classes.
    """
    labels = two_classes(inputs)
    codes, n_classes = labels.codes, len(labels.names)
    graph = inputs.neighbors(NEIGHBORS, "cosine", progress)
    groups = near_duplicate_groups(graph)
    x = unit_rows(inputs.vectors)
    ridge, _ = ridge_probabilities(x, codes, n_classes, groups)
    trust = _given(ridge, codes)
    mean = true = ridge
    for done in range(ROUNDS):
        progress(done, ROUNDS, "leaving each sample out")
        if done > 0:
            ridge, _ = ridge_probabilities(x, codes, n_classes, groups, np.maximum(trust, LEAST_TRUST))
        mean = (ridge + neighbor_votes(graph, groups, codes, n_classes, trust)) / np.float32(2)
        true = _true_classes(mean, codes)
        trust = _given(true, codes)
    progress(ROUNDS, ROUNDS, "leaving each sample out")
    return np.asarray((mean + true) / 2)


def ridge_probabilities(
    x: Array, codes: Array, n_classes: int, groups: Array, trust: Array | None = None
) -> tuple[Array, Facts]:
    """Leave-one-out ridge predictions as probabilities: their softmax at the temperature with the least log-loss.

    Args:
        x: (n, d) float32.
        codes: (n,) classes, -1 for none.
        n_classes: C.
        groups: (n,) rows that leave together.
        trust: (n,) weight of each label; all one by default.

    Returns:
        probabilities (n, C) float32, and the penalty and temperature.
    """
    ridge = Ridge.of(GramSums.of(x, codes, n_classes, trust))
    penalty, _ = choose_penalty(ridge, x, codes, trust)
    values = leave_out(ridge, x, codes, penalty, trust, groups_of_many(groups)).values
    known = np.flatnonzero(codes >= 0)
    temperature, _ = best_temperature(values[known], codes[known], TEMPERATURES)
    for block in blocks(len(values)):
        values[block] = softmax(np.float32(temperature) * values[block])
    return values, {"ridge_penalty": penalty, "ridge_temperature": temperature}


def neighbor_votes(graph: Graph, groups: Array, codes: Array, n_classes: int, trust: Array | None = None) -> Array:
    """(n, C) float32 share of the neighbors' votes for each class.

    A vote fades with the distance beyond the nearest neighbor's, counts by the trust in the voter's own
    label, and not at all for near-duplicates of the row. Without the weights: Zhu, Dong & Liu 2022 (SimiFeat),
    arXiv:2110.06283.

    Args:
        graph: cosine neighbors.
        groups: (n,) near-duplicate groups.
        codes: (n,) classes, -1 for none, which do not vote.
        n_classes: C.
        trust: (n,) in [0, 1]; all one by default.
    """
    n, k = graph.indices.shape
    share = np.bincount(codes[codes >= 0], minlength=n_classes) / max(int((codes >= 0).sum()), 1)
    out = np.tile((DOUBT * share).astype(np.float32), (n, 1))
    if k == 0:
        return np.asarray(out / np.float32(DOUBT))
    reach = REACH * max(float(np.median(graph.distances[:, -1])), 1e-12)
    for block in blocks(n):
        voters, distance = graph.indices[block], graph.distances[block].astype(np.float64)
        weight = np.exp((distance[:, :1] - distance) / reach)
        weight *= (groups[voters] != groups[block][:, None]) & (codes[voters] >= 0)
        if trust is not None:
            weight *= LEAST_TRUST + trust[voters]
        votes, row = out[block], np.arange(len(voters))
        for j in range(k):
            votes[row, np.maximum(codes[voters[:, j]], 0)] += weight[:, j].astype(np.float32)
        votes /= votes.sum(axis=1, keepdims=True)
    return out


def _given(probabilities: Array, codes: Array) -> Array:
    """(n,) probability of the given class; 0 where there is none."""
    return np.asarray(np.where(codes >= 0, probabilities[np.arange(len(codes)), np.maximum(codes, 0)], 0.0))


def _true_classes(probabilities: Array, codes: Array) -> Array:
    """(n, C) probabilities of the true class under a fitted noise model; unlabelled rows as they are."""
    known = np.flatnonzero(codes >= 0)
    out = probabilities.astype(np.float32)
    out[known] = NoiseModel.fit(probabilities[known], codes[known]).true_classes(probabilities[known], codes[known])
    return out
