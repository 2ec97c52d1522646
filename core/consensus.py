"""What class does each sample look like, by models that did not see its label? Several views and their mean.

* ridge: leave-one-out ridge regression (near-duplicates leave together), `core/ridge.py`
* concepts: every class as a mixture of concepts, left out in the same way, `core/concepts.py`
* logistic: out-of-fold logistic probe, `core/probe.py`
* neighbors: vote of the nearest neighbors that are no near-duplicates, each weighted by how far its own
  label can be trusted
* predictions that were there before, such as zero-shot tags, `core/predictions.py`

Two rounds: the first finds how far each label can be trusted (`core/noise.py`), the second fits ridge, concepts and
neighbors with labels weighted by that trust. How pronounced each view's probabilities are is set apart for rows in
the thick of the others, on their own, and between (`bands_of`). Of the variants tried, this one was best on average
over planted noise (synthetic sets, handwritten digits, CIFAR-10 features with noise of our own) and copied errors. The
human noise of CIFAR-10N did not enter that average; its figures were printed beside it.

Large sets (`beliefs.CELLS`) are worked on in parts, near-duplicates in one part; of what a part looks like only the
likeliest classes are kept. The logistic probe, which holds all probabilities while it trains, then has no vote.

Letters: n rows, d dimensions, C classes, k neighbors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .beliefs import BLOCK_CELLS, CELLS, Beliefs
from .concepts import Concepts
from .folds import groups_of_many, leaving_together
from .logistic import best_temperature, softmax
from .method import Array, Facts, Inputs, Progress
from .noise import NoiseModel
from .params import ParamError
from .predictions import Judge, classes_with, judges_of
from .probe import NEIGHBORS, out_of_fold, two_classes, unit_rows
from .ridge import GramSums, Ridge, blocks, choose_penalty, leave_out

if TYPE_CHECKING:
    from .neighbors import Graph

View = Callable[[Array], Array]  # (b,) row numbers → (b, C) probabilities

ROUNDS = 3  # of ridge and neighbors without the probe
LEAST_TRUST = 0.05
TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(0.0, 6.1, 0.5))
POWERS = tuple(float(value) for value in 2.0 ** np.arange(-3.0, 1.1, 0.5))
BANDS, BAND = 3, 100  # bands of rows by how far apart they are, and the fewest rows of a band on average
CONCEPT_TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(-6.0, 1.1, 0.5))
REACH = 0.3  # of the typical distance to the last neighbor: how fast votes fade with distance
DOUBT = 0.5  # votes' worth of the overall class shares, mixed into every vote
SAMPLE = 20_000  # rows that temperatures and noise are learned on where not all are held


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
        graph = inputs.neighbors(NEIGHBORS, "cosine", progress)
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


def in_parts(groups: Array, n_classes: int, cells: float) -> list[Array]:
    """Row numbers of all rows, in one part where n * C is at most `cells`, else in parts that keep groups whole."""
    n = len(groups)
    if n * n_classes <= cells:
        return [np.arange(n)]
    most = max(int(min(BLOCK_CELLS, cells) / n_classes), 1)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    cuts, last = [], 0
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), n], strict=True):
        if end - last > most and start > last:
            cuts.append(start)
            last = start
    return np.split(order, cuts)


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

    models = LeftOut.of(unit_rows(inputs.vectors), codes, n_classes, graph, groups, parts)
    if which == "neighbors":
        return {"neighbors": models.votes(_given_by([models.votes(None)], parts, codes))}, {}
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
    first, _ = models.ridge()
    early: list[View] = [first, *trained.values(), models.votes(_given_by([first], parts, codes))]
    trust = _true_given(early, parts, codes)
    progress(1, 2, "leaving each sample out")
    weights = np.maximum(trust, LEAST_TRUST)
    ridge, of_ridge = models.ridge(weights)
    concepts, of_concepts = models.concepts(weights)
    others = {name: models.recalibrated(view) for name, view in (trained | {"neighbors": models.votes(trust)}).items()}
    progress(2, 2, "leaving each sample out")
    return {"ridge": ridge, "concepts": concepts, **others}, facts | of_ridge | of_concepts


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
    for rows in parts if len(parts) == 1 else [_sample(parts), *parts]:
        mean = sum(view(rows) for view in several) / np.float32(len(several))
        known = np.flatnonzero(codes[rows] >= 0)
        if model is None:
            model = NoiseModel.fit(mean[known], codes[rows][known])
        true = model.true_classes(mean[known], codes[rows][known])
        out[rows[known]] = true[np.arange(len(known)), codes[rows][known]]
    return out


def _sample(parts: list[Array]) -> Array:
    """About 20,000 rows from all over the set, in whole parts' heads. Row numbers."""
    share = max(SAMPLE // len(parts), 1)
    return np.concatenate([rows[:share] for rows in parts])


@dataclass(frozen=True)
class Tempered:
    """Scores of a view as probabilities: their softmax at the temperature with the least log-loss, one for each band.

    Attributes:
        scores: (b,) row numbers, groups whole → (b, C) float32, an array of the caller's own.
        bands: (n,) band of each row.
        temperatures: of each band, the factor on its scores.
        whole: probabilities of all rows, where they were computed to find the temperatures.
    """

    scores: View
    bands: Array
    temperatures: Array
    whole: Array | None = None

    @classmethod
    def of(cls, scores: View, codes: Array, bands: Array, parts: list[Array], grid: Sequence[float]) -> Tempered:
        """Choose among the temperatures of the grid, by all labelled rows or by some of each part."""
        rows = parts[0] if len(parts) == 1 else _sample(parts)
        values = scores(rows)
        temperatures = np.ones(int(bands.max()) + 1, np.float32)
        for band in range(len(temperatures)):
            known = np.flatnonzero((codes[rows] >= 0) & (bands[rows] == band))
            if len(known):
                temperatures[band], _ = best_temperature(values[known], codes[rows][known], grid)
        view = cls(scores, bands, temperatures)
        return view if len(parts) > 1 else replace(view, whole=view._softened(values, rows))

    def __call__(self, rows: Array) -> Array:
        """(b, C) float32 probabilities of some rows, groups whole."""
        return np.asarray(self.whole[rows]) if self.whole is not None else self._softened(self.scores(rows), rows)

    def _softened(self, values: Array, rows: Array) -> Array:
        for block in blocks(len(values)):
            values[block] = softmax(self.temperatures[self.bands[rows[block]]][:, None] * values[block])
        return values


def bands_of(graph: Graph, groups: Array) -> Array:
    """(n,) int64, how far apart a row is from the others: 0 in the thick of them, 2 on its own; thirds of all rows.

    By the distance to the nearest neighbor that does not leave together with it. A model knows rows better that have
    others around them, so its temperature is found for each band; sets of fewer than 300 rows have fewer bands.
    """
    other = groups[graph.indices] != groups[:, None]
    number = min(BANDS, graph.n // BAND)
    if number < 2 or not other.any():
        return np.zeros(graph.n, dtype=np.int64)
    nearest = np.where(other, graph.distances, np.inf).min(axis=1)
    return np.asarray(np.searchsorted(np.quantile(nearest, np.arange(1, number) / number, method="lower"), nearest))


@dataclass(frozen=True)
class LeftOut:
    """Labelled rows, and the models that judge each without itself and its group.

    Attributes:
        x: (n, d) float32 of unit length.
        codes: (n,) classes, -1 for none.
        n_classes: C.
        graph: cosine neighbors.
        groups: (n,) rows that leave together, and are asked for together.
        bands: (n,) how far apart rows are from others.
        parts: rows that are asked for at a time; a single part where all probabilities are held.
        unweighted: ridge regression that trusts all labels alike.
    """

    x: Array
    codes: Array
    n_classes: int
    graph: Graph
    groups: Array
    bands: Array
    parts: list[Array]
    unweighted: Ridge

    @classmethod
    def of(cls, x: Array, codes: Array, n_classes: int, graph: Graph, groups: Array, parts: list[Array]) -> LeftOut:
        """With the sums of all rows and their bands."""
        unweighted = Ridge.of(GramSums.of(x, codes, n_classes))
        return cls(x, codes, n_classes, graph, groups, bands_of(graph, groups), parts, unweighted)

    def ridge(self, trust: Array | None = None) -> tuple[Tempered, Facts]:
        """Ridge regression with the penalty of least leave-one-out error, and that penalty and the temperatures.

        Args:
            trust: (n,) weight of each label; all one by default.
        """
        sums = None if trust is None else GramSums.of(self.x, self.codes, self.n_classes, trust)
        ridge = self.unweighted if sums is None else Ridge.of(sums)
        penalty, _ = choose_penalty(ridge, self.x, self.codes, trust)

        def scores(rows: Array) -> Array:
            weights = None if trust is None else trust[rows]
            together = groups_of_many(self.groups[rows])
            return leave_out(ridge, self.x[rows], self.codes[rows], penalty, weights, together).values

        view = self.tempered(scores, TEMPERATURES)
        return view, {"ridge_penalty": penalty, "ridge_temperatures": view.temperatures.tolist()}

    def concepts(self, trust: Array) -> tuple[Tempered, Facts]:
        """Mixtures of concepts (`core/concepts.py`), and their number, the pull of their classes and the temperatures.

        Args:
            trust: (n,) positive weight of each label.
        """
        fitted = Concepts.fit(self.x, self.codes, self.groups, self.unweighted, trust)
        view = self.tempered(lambda rows: fitted.scores(rows, self.n_classes), CONCEPT_TEMPERATURES)
        facts = {"concepts": len(fitted.masses), "concept_pull": fitted.pull}
        return view, facts | {"concept_temperatures": view.temperatures.tolist()}

    def votes(self, trust: Array | None) -> View:
        """Shares of the neighbors' votes.

        Args:
            trust: (n,) in [0, 1], of each voter; all one by default.
        """
        return lambda rows: neighbor_votes(self.graph, self.groups, self.codes, self.n_classes, trust, rows)

    def recalibrated(self, view: View) -> Tempered:
        """Probabilities made more or less pronounced, band by band."""
        return self.tempered(lambda rows: np.log(view(rows) + np.float32(1e-6)), POWERS)

    def tempered(self, scores: View, grid: Sequence[float]) -> Tempered:
        """Scores as probabilities."""
        return Tempered.of(scores, self.codes, self.bands, self.parts, grid)


def untrained(inputs: Inputs, progress: Progress) -> Array:
    """(n, C) float32 class probabilities by ridge, concepts and neighbors alone: no folds, nothing trained by descent.

    Three rounds, each with labels weighted by the trust that the round before put in them; then the mean of the
    probabilities before and after the noise model, for the reason given in `core/label_issues.py`.

    Raises:
        ParamError: there are fewer than two classes.
    """
    labels = two_classes(inputs)
    codes, n_classes = labels.codes, len(labels.names)
    graph = inputs.neighbors(NEIGHBORS, "cosine", progress)
    groups = leaving_together(inputs, graph)
    everyone = np.arange(inputs.n)
    models = LeftOut.of(unit_rows(inputs.vectors), codes, n_classes, graph, groups, [everyone])
    ridge = models.ridge()[0](everyone)
    trust = _given(ridge, codes)
    mean = true = ridge
    for done in range(ROUNDS):
        progress(done, ROUNDS, "leaving each sample out")
        weights = np.maximum(trust, LEAST_TRUST)
        if done > 0:
            ridge = models.ridge(weights)[0](everyone)
        concepts = models.concepts(weights)[0](everyone)
        mean = (ridge + concepts + models.recalibrated(models.votes(trust))(everyone)) / np.float32(3)
        true = _true_classes(mean, codes)
        trust = _given(true, codes)
    progress(ROUNDS, ROUNDS, "leaving each sample out")
    return np.asarray((mean + true) / 2)


def neighbor_votes(
    graph: Graph,
    groups: Array,
    codes: Array,
    n_classes: int,
    trust: Array | None = None,
    rows: Array | None = None,
) -> Array:
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
        rows: (b,) the rows wanted; all by default.
    """
    rows = np.arange(graph.n) if rows is None else rows
    n, k = len(rows), graph.k
    share = np.bincount(codes[codes >= 0], minlength=n_classes) / max(int((codes >= 0).sum()), 1)
    out = np.tile((DOUBT * share).astype(np.float32), (n, 1))
    if k == 0:
        return np.asarray(out / np.float32(DOUBT))
    reach = REACH * max(float(np.median(graph.distances[:, -1])), 1e-12)
    for block in blocks(n):
        own = rows[block]
        voters, distance = graph.indices[own], graph.distances[own].astype(np.float64)
        weight = np.exp((distance[:, :1] - distance) / reach)
        weight *= (groups[voters] != groups[own][:, None]) & (codes[voters] >= 0)
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
