"""What class does each sample look like, by models that did not see its label? Several views and their mean.

* ridge: leave-one-out ridge regression (near-duplicates leave together), `core/probes/ridge.py`
* concepts: every class as a mixture of concepts, left out in the same way, `core/labels/class_mixtures.py`
* logistic: out-of-fold logistic probe, `core/probes/linear_probe.py`
* neighbors: vote of the nearest neighbors that are no near-duplicates, each weighted by how far its own
  label can be trusted
* predictions that were there before, such as zero-shot tags, `core/labels/outside_predictions.py`

Two rounds: the first finds how far each label can be trusted (`core/labels/noise_model.py`), the second fits ridge,
concepts and neighbors with labels weighted by that trust. How pronounced each view's probabilities are is set apart for
rows in the thick of the others, on their own, and between (`core/labels/leave_one_out_models.py`). Of the variants
tried, this one was best on average over planted noise (synthetic sets, handwritten digits, CIFAR-10 features with noise
of our own) and copied errors. The human noise of CIFAR-10N did not enter that average; its figures were printed beside
it.

Large sets (`beliefs.CELLS`) are worked on in parts, near-duplicates in one part; of what a part looks like only the
likeliest classes are kept. The logistic probe, which holds all probabilities while it trains, then has no vote.

Letters: n rows, d dimensions, C classes, k neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.inputs import Inputs
from ..base.params import ParamError
from ..neighbors.graph import shared_graph
from ..probes.folds import leaving_together
from ..probes.linear_probe import NEIGHBORS, out_of_fold, two_classes, unit_rows
from .class_probabilities import CELLS, Beliefs
from .leave_one_out_models import LEAST_TRUST, LeftOutViews, View, in_parts, sample
from .noise_model import NoiseModel
from .outside_predictions import Judge, classes_with, judges_of

if TYPE_CHECKING:
    from ..base.graph import Graph

ROUNDS = 3  # of ridge, concepts and neighbors without the probe


@dataclass(frozen=True)
class Views:
    """Class probabilities by one or more views that did not see the row's label.

    Attributes:
        classes: names of the classes: those given, and after them those that only predictions know.
        beliefs: (n, C) the mean of the views that speak; rows sum to one where `judged`.
        judged: (n,) bool, at least one view speaks.
        argmax: view → (n,) class it gives most to, -1 where it does not speak.
        groups: (n,) rows that left together.
        facts: of the probe and the temperatures.
    """

    classes: tuple[str, ...]
    beliefs: Beliefs
    judged: Array
    argmax: dict[str, Array]
    groups: Array
    facts: Facts = field(default_factory=dict)

    def agreement(self, rows: Array) -> float:
        """How far the embeddings' views agree on the best class of some rows, beyond chance: the least kappa of two.

        Wrong labels drawn at random leave views unsure and still of one mind, vectors that tell classes badly do not.
        0 where a single view speaks.
        """
        own = [best[rows] for name, best in self.argmax.items() if name not in self.facts.get("judges", {})]
        return min((kappa(one, other) for one, other in combinations(own, 2)), default=0.0)


def kappa(one: Array, other: Array) -> float:
    """Agreement of two that chose a class for each row, beyond chance: 1 for always, 0 for guessing.

    Cohen 1960, https://doi.org/10.1177/001316446002000104

    Args:
        one: (n,) classes, -1 where none was chosen; such rows do not count. other: the same.
    """
    both = (one >= 0) & (other >= 0)
    if not both.any():
        return 0.0
    size = int(max(one.max(), other.max())) + 1
    shares = [np.bincount(best[both], minlength=size) / both.sum() for best in (one, other)]
    chance = float(shares[0] @ shares[1])
    return (float((one == other)[both].mean()) - chance) / max(1 - chance, 1e-12)


def views(
    inputs: Inputs,
    which: str,
    folds: int,
    seed: int,
    progress: Progress,
    predictions: Sequence[str] = (),
    cells: float = CELLS,
) -> Views:
    """Class probabilities by one view, "probe" or "neighbors", by the "consensus" of all, or by "predictions" alone.

    Args:
        predictions: names of the predictions that the inputs hold under `predictions`; they join in, whatever is
            chosen.
        cells: n * C above which not all probabilities are held.

    Raises:
        ParamError: there are fewer than two classes, or the set is too large for the probe.
    """
    labels = two_classes(inputs)
    given = inputs.named.get("predictions") or ()
    judges = judges_of(predictions, given, labels)
    classes = classes_with(labels, given)
    large = inputs.n * len(labels.names) > cells
    own: dict[str, View] = {}
    facts: Facts = {}
    groups = np.arange(inputs.n)
    if which == "predictions":
        groups = leaving_together(inputs, None)
        parts = in_parts(groups, len(classes), cells)
    else:
        graph = shared_graph(inputs, NEIGHBORS, "cosine", progress)
        groups = leaving_together(inputs, graph)
        parts = in_parts(groups, len(labels.names), cells)
        own, facts = _own_views(inputs, which, graph, groups, parts, large, folds, seed, progress)
    beliefs = Beliefs.empty(inputs.n, len(classes), cells)
    argmax = {name: np.full(inputs.n, -1, dtype=np.int64) for name in (*own, *(judge.name for judge in judges))}
    judged = np.zeros(inputs.n, dtype=bool)
    for number, rows in enumerate(parts):
        progress(number, len(parts), "bringing the views together")
        mean, speaks = _combined(rows, own, judges, len(labels.names), len(classes), argmax)
        beliefs.put(rows, mean, labels.codes[rows])
        judged[rows] = speaks
    facts["judges"] = {judge.name: {"agreement": round(judge.agreement, 4)} for judge in judges}
    return Views(classes, beliefs, judged, argmax, groups, facts)


def _own_views(
    inputs: Inputs,
    which: str,
    graph: Graph,
    groups: Array,
    parts: list[Array],
    large: bool,
    folds: int,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, View], Facts]:
    """What the embeddings say of the labels."""
    assert inputs.labels is not None
    labels = inputs.labels
    codes, n_classes = labels.codes, len(labels.names)
    left_out = LeftOutViews(unit_rows(inputs.vectors), codes, n_classes, graph, groups, parts)
    if which == "neighbors":
        return {"neighbors": left_out.votes(_given_by([left_out.votes(None)], parts, codes))}, {}
    if which == "probe" and large:
        raise ParamError(
            f"probabilities must be consensus or neighbors for {inputs.n:,} samples of {n_classes:,} classes, "
            "which the probe cannot hold; got 'probe'"
        )
    trained: dict[str, View] = {}
    facts: Facts = {"left_out": ["logistic"]} if large else {}
    if not large:
        probe = out_of_fold(inputs, folds, seed, progress, groups)
        trained, facts = {"logistic": lambda rows: probe.probabilities[rows]}, dict(probe.facts)
    if which == "probe":
        return trained, facts
    progress(0, 2, "leaving each sample out")
    first, _ = left_out.ridge()
    early: list[View] = [first, *trained.values(), left_out.votes(_given_by([first], parts, codes))]
    trust = _true_given(early, parts, codes)
    progress(1, 2, "leaving each sample out")
    weights = np.maximum(trust, LEAST_TRUST)
    ridge, of_ridge = left_out.ridge(weights)
    concepts, of_concepts = left_out.concepts(weights)
    others = trained | {"neighbors": left_out.votes(trust)}
    recalibrated = {name: left_out.recalibrated(view) for name, view in others.items()}
    progress(2, 2, "leaving each sample out")
    return {"ridge": ridge, "concepts": concepts, **recalibrated}, facts | of_ridge | of_concepts


def _combined(
    rows: Array, own: dict[str, View], judges: list[Judge], n_given: int, n_classes: int, argmax: dict[str, Array]
) -> tuple[Array, Array]:
    """The mean of the views on some rows, and which rows any view speaks on; notes each view's best class.

    Of a class that some views do not know, those that know it decide: p(e) is their mean, for each further class e;
    what is left is shared among the given classes by the mean of all views.
    """
    inside = np.zeros((len(rows), n_given), np.float32)
    voices = np.zeros((len(rows), 1), np.float32)
    for name, view in own.items():
        p = view(rows)
        argmax[name][rows] = p.argmax(axis=1)
        inside += p
        voices += 1
    outside = np.zeros((len(rows), n_classes - n_given), np.float32)
    knowing = np.zeros_like(outside)
    for judge in judges:
        p, speaks = judge.probabilities(rows), judge.speaks[rows]
        argmax[judge.name][rows] = np.where(speaks, p.argmax(axis=1), -1)
        within = p[:, :n_given]
        inside += within / np.maximum(within.sum(axis=1, keepdims=True), 1e-6)
        voices += speaks[:, None]
        outside += p[:, n_given:]
        knowing += speaks[:, None] & judge.knows[n_given:]
    inside /= np.maximum(inside.sum(axis=1, keepdims=True), 1e-30)
    outside /= np.maximum(knowing, 1)
    outside /= np.maximum(outside.sum(axis=1, keepdims=True), 1)
    left = 1 - outside.sum(axis=1, keepdims=True)
    return np.concatenate([inside * left, outside], axis=1), voices[:, 0] > 0


def _given_by(several: list[View], parts: list[Array], codes: Array) -> Array:
    """(n,) mean probability that the views give to each row's label; 0 where there is none."""
    out = np.zeros(len(codes))
    for rows in parts:
        out[rows] = _given(sum(view(rows) for view in several) / np.float32(len(several)), codes[rows])
    return out


def _true_given(several: list[View], parts: list[Array], codes: Array) -> Array:
    """(n,) how far each label can be trusted: its probability under a noise model fitted to the mean of the views."""
    out = np.zeros(len(codes))
    model: NoiseModel | None = None
    for rows in parts if len(parts) == 1 else [sample(parts), *parts]:
        mean = sum(view(rows) for view in several) / np.float32(len(several))
        known = np.flatnonzero(codes[rows] >= 0)
        if model is None:
            model = NoiseModel.fit(mean[known], codes[rows][known])
        true = model.true_classes(mean[known], codes[rows][known])
        out[rows[known]] = true[np.arange(len(known)), codes[rows][known]]
    return out


def untrained(inputs: Inputs, progress: Progress) -> Array:
    """(n, C) float32 class probabilities by ridge, concepts and neighbors alone: no folds, nothing trained by descent.

    Three rounds, each with labels weighted by the trust that the round before put in them; then the mean of the
    probabilities before and after the noise model, for the reason given in `core/labels/find_label_issues.py`.

    Raises:
        ParamError: there are fewer than two classes.
    """
    labels = two_classes(inputs)
    codes, n_classes = labels.codes, len(labels.names)
    graph = shared_graph(inputs, NEIGHBORS, "cosine", progress)
    groups = leaving_together(inputs, graph)
    everyone = np.arange(inputs.n)
    left_out = LeftOutViews(unit_rows(inputs.vectors), codes, n_classes, graph, groups, [everyone])
    ridge = left_out.ridge()[0](everyone)
    trust = _given(ridge, codes)
    mean = true = ridge
    for done in range(ROUNDS):
        progress(done, ROUNDS, "leaving each sample out")
        weights = np.maximum(trust, LEAST_TRUST)
        if done > 0:
            ridge = left_out.ridge(weights)[0](everyone)
        concepts = left_out.concepts(weights)[0](everyone)
        mean = (ridge + concepts + left_out.recalibrated(left_out.votes(trust))(everyone)) / np.float32(3)
        true = _true_classes(mean, codes)
        trust = _given(true, codes)
    progress(ROUNDS, ROUNDS, "leaving each sample out")
    return np.asarray((mean + true) / 2)


def _given(probabilities: Array, codes: Array) -> Array:
    """(n,) probability of the given class; 0 where there is none."""
    return np.asarray(np.where(codes >= 0, probabilities[np.arange(len(codes)), np.maximum(codes, 0)], 0.0))


def _true_classes(probabilities: Array, codes: Array) -> Array:
    """(n, C) probabilities of the true class under a fitted noise model; unlabelled rows as they are."""
    known = np.flatnonzero(codes >= 0)
    out = probabilities.astype(np.float32)
    out[known] = NoiseModel.fit(probabilities[known], codes[known]).true_classes(probabilities[known], codes[known])
    return out
