"""Groups of rows with more errors than their classes explain: looked for on one half of the rows, proved on the other.

A group (a slice) is a rule on vectors alone, so that the errors of the rows that it is proved on have no say in who
belongs: the rows, of a given class or of all, that lie nearest to one of several centres. Centres are those of k-means,
of the errors and the right rows of the half that is looked at, apart and together. A whole given class comes after
these, if it fails on what they leave. A predicted class is no slice: a rare one holds many errors of frequent classes
even where errors are shared out at random.

The proof is exact. Within a given class errors are shared out over the rows at random if the slice means nothing; so
the errors inside follow a sum of hypergeometric distributions (Fisher 1922,
doi:10.2307/2340521, conditions on margins in the same way). Both halves are looked at and proved on in turn, and
Benjamini & Hochberg (1995, doi:10.1111/j.2517-6161.1995.tb02031.x) keep the share of false slices among those named at
the level asked for, half of which goes to each of the two kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..base.arrays import Array, Progress
from ..base.blocks import blocks

FEWEST = 3  # errors of a slice, on either half
PARTS = (1, 2, 4, 8)  # centres of the errors of a stratum, and as many of its right rows
EVERYWHERE = (5, 10, 20)  # centres of all rows
ASKED = 30  # slices of one half that are put to the proof
ALIKE = 3  # of these, about the same rows
MOST = 20_000  # rows of a half that are looked at, and that are proved on
AXES = 64  # principal axes that k-means goes along
OVERLAP = 0.5  # share of the errors of a slice that an earlier one may hold


@dataclass(frozen=True)
class Rule:
    """Who belongs to a slice.

    Attributes:
        code: the given class; -1 for all rows.
        centres: (c, d) unit vectors, at least two; none where the slice is the whole class.
        which: the centre that the slice's rows lie nearest to.
    """

    code: int
    centres: Array
    which: int

    def margins(self, x: Array, given: Array) -> Array:
        """(n,) how much nearer each row lies to the slice's centre than to any other, in cosines; -inf outside.

        All rows of a whole class lie 0 deep in it.
        """
        rows = np.arange(len(x)) if self.code < 0 else np.flatnonzero(given == self.code)
        out = np.full(len(x), -np.inf)
        if not len(self.centres):
            out[rows] = 0.0
            return out
        for block in blocks(len(rows)):
            near = x[rows[block]] @ self.centres.T
            own = near[:, self.which].copy()
            near[:, self.which] = -np.inf
            own -= near.max(axis=1)
            out[rows[block]] = np.where(own >= 0, own, -np.inf)
        return out


@dataclass(frozen=True)
class Slice:
    """A group that holds up.

    Attributes:
        rule: who belongs.
        rows: (m,) all rows of it: first its errors, then the others, those deepest inside first.
        margins: (m,) how deep.
        proved_on: rows of the other half that are in it, one of each group.
        errors: of these.
        expected: errors that their classes explain.
        p: chance of as many errors if the slice means nothing, corrected for all that were put to the proof.
    """

    rule: Rule
    rows: Array
    margins: Array
    proved_on: int
    errors: int
    expected: float
    p: float

    @property
    def surprise(self) -> float:
        """How much more than expected: twice the log-likelihood ratio of the two rates."""
        n = self.proved_on
        parts = ((self.errors, self.expected), (n - self.errors, n - self.expected))
        return 2.0 * sum(found * math.log(found / expected) for found, expected in parts if found > 0)


@dataclass(frozen=True)
class _Proof:
    n: int
    errors: int
    expected: float
    p: float


def failure_slices(
    x: Array,
    given: Array,
    wrong: Array,
    groups: Array,
    rate: float,
    top: int,
    seed: int,
    progress: Progress,
) -> list[Slice]:
    """The slices that hold up: parts first, the most surprising ones before the others; then whole classes.

    Args:
        x: (n, d) unit vectors.
        given: (n,) classes.
        wrong: (n,) bool, the errors.
        groups: (n,) of rows that belong together: none is looked at in one half and proved on in the other.
        rate: share of false slices among the named ones, at most, on average.
        top: how many slices, at most.
    """
    data = _Data(x, given, wrong)
    halves = _halves(groups, seed)
    proving = [data.only(_one_of_each(half, groups, seed)) for half in halves]
    rules: list[list[Rule]] = []
    for number, half in enumerate(halves):
        progress(number, 2, "looking for groups with many errors")
        rules.append(_promising(data.only(half), seed))
    progress(2, 2, "proving them on the other half")
    parts = [(rule, proving[1 - half]) for half in (0, 1) for rule in rules[half]]
    kept = _apart(_proved(parts, data, rate / 2), wrong, top)
    whole = [Rule(code, np.zeros((0, x.shape[1]), x.dtype), 0) for code in _classes(data)]
    left = [one.without(kept) for one in proving]
    kept += _apart(_proved([(rule, left[half]) for half in (0, 1) for rule in whole], data, rate / 2), wrong, top, kept)
    return kept[:top]


@dataclass(frozen=True)
class _Data:
    x: Array
    given: Array
    wrong: Array

    def only(self, rows: Array) -> _Data:
        return _Data(self.x[rows], self.given[rows], self.wrong[rows])

    def without(self, slices: Sequence[Slice]) -> _Data:
        """The rows that are in none of the slices."""
        outside = np.ones(len(self.x), dtype=bool)
        for one in slices:
            outside &= ~self.inside(one.rule)
        return self.only(np.flatnonzero(outside))

    def inside(self, rule: Rule) -> Array:
        return np.isfinite(rule.margins(self.x, self.given))


def _halves(groups: Array, seed: int) -> tuple[Array, Array]:
    """Rows of two halves; groups stay together, the larger ones shared out first."""
    rng = np.random.default_rng(seed)
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    side, filled = np.zeros(len(sizes), dtype=np.int64), [0, 0]
    for group in order:
        side[group] = int(filled[1] < filled[0]) if filled[0] != filled[1] else int(rng.integers(2))
        filled[side[group]] += int(sizes[group])
    halves = [np.flatnonzero(side[groups] == half) for half in (0, 1)]
    first, second = (rng.choice(half, MOST, replace=False) if len(half) > MOST else half for half in halves)
    return np.sort(first), np.sort(second)


def _one_of_each(rows: Array, groups: Array, seed: int) -> Array:
    """One row of each group, at random: copies fail together, and prove no more than one of them."""
    mixed = np.random.default_rng(seed).permutation(rows)
    return np.sort(mixed[np.unique(groups[mixed], return_index=True)[1]])


def _promising(data: _Data, seed: int) -> list[Rule]:
    """The rules with the most surprising errors on the half that they were found on, the most surprising first."""
    tried: list[tuple[float, int, int, Rule]] = []
    for rule in _rules(data, seed):
        proof = _proof(rule, data)
        if proof.errors >= FEWEST and proof.errors > proof.expected:
            tried.append((proof.p, -proof.errors, len(tried), rule))
    chosen: list[Rule] = []
    times = np.zeros(len(data.x), dtype=np.int64)  # how many of the chosen hold each row
    for *_, rule in sorted(tried, key=lambda one: one[:3]):
        errors = data.inside(rule) & data.wrong
        if len(chosen) < ASKED and (times[errors] >= ALIKE).mean() <= OVERLAP:
            chosen.append(rule)
            times += data.inside(rule)
    return chosen


def _rules(data: _Data, seed: int) -> Iterator[Rule]:
    x, wrong, axes = data.x, data.wrong, _axes(data.x)
    failed, right = np.flatnonzero(wrong), np.flatnonzero(~wrong)
    for k in EVERYWHERE:
        if min(len(failed), len(right)) >= k * FEWEST:
            centres = np.concatenate([_centres(x, axes, failed, k, seed), _centres(x, axes, right, k, seed)])
            yield from (Rule(-1, centres, which) for which in range(len(centres)))
        if len(x) >= 2 * k * FEWEST:
            centres = _centres(x, axes, np.arange(len(x)), k, seed)
            yield from (Rule(-1, centres, which) for which in range(len(centres)))
    for code in _classes(data):
        rows = np.flatnonzero(data.given == code)
        failed, right = rows[wrong[rows]], rows[~wrong[rows]]
        for k in PARTS:
            if len(failed) < k * FEWEST:
                break
            if len(right) >= k:
                centres = np.concatenate([_centres(x, axes, failed, k, seed), _centres(x, axes, right, k, seed)])
                yield from (Rule(code, centres, which) for which in range(len(centres)))
            if k > 1:
                centres = _centres(x, axes, rows, k, seed)
                yield from (Rule(code, centres, which) for which in range(len(centres)))


def _classes(data: _Data) -> list[int]:
    """The given classes with enough errors."""
    return [int(code) for code in np.flatnonzero(np.bincount(data.given[data.wrong]) >= FEWEST)]


def _axes(x: Array) -> Array:
    """(n, at most 64) the rows, along their principal axes where they have more."""
    from sklearn.decomposition import PCA

    k = min(AXES, len(x))
    if x.shape[1] <= k:
        return x
    return np.asarray(PCA(k, svd_solver="randomized", random_state=0).fit_transform(x), dtype=np.float32)


def _centres(x: Array, axes: Array, rows: Array, k: int, seed: int) -> Array:
    """(at most k, d) unit means of the clusters of some rows."""
    from sklearn.cluster import KMeans

    k = min(k, len(np.unique(axes[rows], axis=0)))
    if k == 1:
        return _mean(x, rows)[None]
    clusters = KMeans(k, n_init=2, random_state=seed).fit_predict(axes[rows])
    return np.stack([_mean(x, rows[clusters == which]) for which in range(k) if (clusters == which).any()])


def _mean(x: Array, rows: Array) -> Array:
    mean = x[rows].mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=x.dtype)


def _proved(asked: Sequence[tuple[Rule, _Data]], data: _Data, rate: float) -> list[Slice]:
    """Those of the rules that hold up on the rows that they are proved on."""
    proofs = [_proof(rule, where) for rule, where in asked]
    corrected = stats.false_discovery_control([one.p for one in proofs]) if proofs else []
    found = []
    for (rule, _), proof, p in zip(asked, proofs, corrected, strict=True):
        if p <= rate and proof.errors >= FEWEST:
            margins = rule.margins(data.x, data.given)
            rows = np.flatnonzero(np.isfinite(margins))
            rows = rows[np.lexsort((-margins[rows], ~data.wrong[rows]))]
            found.append(Slice(rule, rows, margins[rows], proof.n, proof.errors, proof.expected, float(p)))
    return found


def _proof(rule: Rule, data: _Data) -> _Proof:
    """How many errors a slice has here, how many are expected, and the chance of as many.

    A whole class is compared with all rows; a part of them with the rest, given class by given class.
    """
    inside = data.inside(rule)
    errors = int(data.wrong[inside].sum())
    strata = data.given if len(rule.centres) else np.zeros(len(data.x), dtype=np.int64)
    chances, expected = np.ones(1), 0.0
    for code in np.unique(strata[inside]):
        rows = strata == code
        n, hits, drawn = int(rows.sum()), int(data.wrong[rows].sum()), int((rows & inside).sum())
        expected += drawn * hits / n
        chances = np.convolve(chances, stats.hypergeom.pmf(np.arange(min(hits, drawn) + 1), n, hits, drawn))
    p = float(np.clip(chances[errors:].sum(), 0.0, 1.0))
    return _Proof(int(inside.sum()), errors, float(expected), p)


def _apart(found: Sequence[Slice], wrong: Array, top: int, before: Sequence[Slice] = ()) -> list[Slice]:
    """The most surprising slices first, none of which mostly repeats the earlier ones."""
    kept: list[Slice] = []
    taken = np.zeros(len(wrong), dtype=bool)
    for one in before:
        taken[one.rows] = True
    for one in sorted(found, key=lambda each: -each.surprise):
        errors = one.rows[wrong[one.rows]]
        if len(kept) < top and taken[errors].mean() <= OVERLAP:
            kept.append(one)
            taken[one.rows] = True
    return kept
