"""Classes as mixtures of concepts: what class a sample looks like where a class has several looks.

Digits are written in more than one way, and dogs come in breeds; a linear model knows each class by one direction only.
Here every class is a mixture of spherical Gaussians, its concepts, of one common variance (mixture discriminant
analysis, Hastie & Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02073.x, in the leading principal axes and with
spherical instead of full covariance). Concepts of few samples are drawn towards their class: the centre of a concept
of mass m is known to the class as a normal variable about the class's centre with variance t^2, so that with s^2 the
variance within concepts

    centre = (sum of its samples + p * centre of the class) / (m + p),    p = s^2 / t^2

and a new sample of it has the variance s^2 (1 + 1 / (m + p)) in each axis. Both variances are estimated by moments of
the very data (empirical Bayes).

A sample is judged without itself and its near-duplicates: masses and sums are exactly those of the rest; only how the
rest is shared out among concepts was found with the sample present.

Letters: n rows, d dimensions, r axes, C classes, k concepts of a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from ..probes.ridge import Ridge, blocks

AXES = 128
MOST = 8  # concepts of a class
LEAST = 8  # rows of a class for each of its concepts
ITERATIONS = 10
POWER_ITERATIONS = 8
AT_MOST = 100_000  # rows that concepts are found on, evenly spread over the classes; all rows then count in them
BLOCK_CELLS = 1e6  # numbers of the largest array
NONE_LEFT = -1e6  # log-likelihood of a class that has no other sample
LEAST_MASS = 1e-6
IMPOSSIBLE = -1e30


@dataclass(frozen=True)
class Concepts:
    """A mixture for every class, fitted to all labelled rows.

    Attributes:
        x: (n, d) float32.
        codes: (n,) classes, -1 for none.
        groups: (n,) rows that leave together.
        weights: (n,) weight of each label.
        mean: (d,) origin of the axes.
        axes: (d, r) orthonormal columns.
        classes: the classes that have rows, ascending.
        starts: where their concepts start among all; one more than there are classes.
        masses: total weight of each concept.
        sums: (concepts, r) float64, weighted sums of its rows.
        shares: (n, most k) float32, how each labelled row is shared out among the concepts of its class.
        variance: within concepts, of one axis.
        pull: p, the mass with which a class draws its concepts.
    """

    x: Array
    codes: Array
    groups: Array
    weights: Array
    mean: Array
    axes: Array
    classes: Array
    starts: Array
    masses: Array
    sums: Array
    shares: Array
    variance: float
    pull: float

    @classmethod
    def fit(cls, x: Array, codes: Array, groups: Array, axes_of: Ridge, weights: Array | None = None) -> Concepts:
        """Find concepts by expectation maximisation, starting from halved halves of each class.

        Args:
            x: (n, d) float32, of unit length or another common scale.
            codes: (n,) classes, -1 for none; at least one is given.
            groups: (n,) rows that leave together.
            axes_of: whose eigenbasis holds the principal axes.
            weights: (n,) positive; all one by default.
        """
        weights = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
        mean, axes = axes_of.mean, axes_of.basis[:, -AXES:]
        order = np.argsort(codes, kind="stable")
        order = order[np.searchsorted(codes[order], 0) :]
        classes, first = np.unique(codes[order], return_index=True)
        members = np.split(order, first[1:])
        spread = max(len(order) / AT_MOST, 1.0)
        seen = [rows[(np.arange(max(int(len(rows) / spread), 1)) * spread).astype(np.int64)] for rows in members]
        z = [(x[rows].astype(np.float64) - mean) @ axes for rows in seen]
        w = [weights[rows] for rows in seen]
        shares = [_halved(rows, weight) for rows, weight in zip(z, w, strict=True)]
        starts = np.append(0, np.cumsum([share.shape[1] for share in shares]))
        of_class = np.repeat(np.arange(len(classes)), np.diff(starts))
        square = sum(float(weight @ np.einsum("nr,nr->n", rows, rows)) for rows, weight in zip(z, w, strict=True))
        for _ in range(ITERATIONS):
            masses, sums = _totals(z, w, shares)
            variance, pull = _variances(masses, sums, square, of_class)
            found = _Mixture.of(masses, sums, of_class, variance, pull)
            shares = [
                found.shares(rows, slice(start, end))
                for rows, start, end in zip(z, starts[:-1], starts[1:], strict=True)
            ]
        # every row, also those that were not looked at, now counts in the concepts of its class
        most = int(np.diff(starts).max())
        everyone = np.zeros((len(x), most), np.float32)
        masses, sums = np.zeros_like(masses), np.zeros_like(sums)
        for rows, start, end in zip(members, starts[:-1], starts[1:], strict=True):
            for block in blocks(len(rows)):
                own = rows[block]
                at = (x[own].astype(np.float64) - mean) @ axes
                everyone[own, : end - start] = found.shares(at, slice(start, end))
                part = everyone[own, : end - start] * weights[own, None]
                masses[start:end] += part.sum(axis=0)
                sums[start:end] += part.T @ at
        return cls(x, codes, groups, weights, mean, axes, classes, starts, masses, sums, everyone, variance, pull)

    def scores(self, rows: Array, n_classes: int) -> Array:
        """(b, C) float32 log-likelihoods and priors, up to a constant of each row, without the row and its group.

        Args:
            rows: (b,) row numbers, groups whole; so few that b * (d + C) float64 numbers are no burden.
            n_classes: C.
        """
        out = np.full((len(rows), n_classes), NONE_LEFT, np.float32)
        of_class = np.repeat(np.arange(len(self.classes)), np.diff(self.starts))
        whole = _Mixture.of(self.masses, self.sums, of_class, self.variance, self.pull)
        z = (self.x[rows].astype(np.float64) - self.mean) @ self.axes
        out[:, self.classes] = whole.scores(z, self.starts[:-1])
        together = _Together.of(self.groups[rows])
        alone = together.size[together.number] == 1
        order = np.argsort(self.codes[rows], kind="stable")
        ends = np.searchsorted(self.codes[rows][order], [self.classes, self.classes + 1])
        for place, (start, end) in enumerate(ends.T):
            mine = order[start:end]
            one = mine[alone[mine]]
            out[one, self.classes[place]] = self._without_itself(rows[one], z[one], place)
            for changed, score in self._without_group(rows, z, place, mine[~alone[mine]], together):
                out[changed, self.classes[place]] = score
        return out

    def _without_itself(self, rows: Array, z: Array, place: int) -> Array:
        """(b,) scores of rows for their own class without them.

        With S a concept's sum, m its mass and w the part of it that leaves with row z, CS and CM those of the class and
        c = (CS - W z) / (CM - W) its centre without the row, z - centre = ((m + p) z - S - p c) / (m - w + p).
        """
        own = slice(self.starts[place], self.starts[place + 1])
        masses, sums = self.masses[own], self.sums[own]
        weight = self.weights[rows]
        left = np.maximum(masses - weight[:, None] * self.shares[rows, : len(masses)], 0)
        total = left.sum(axis=1)
        per_mass = self.pull / np.maximum(total, LEAST_MASS)[:, None]
        own_part = masses + self.pull + per_mass * weight[:, None]  # of z in the numerator
        along = z @ sums.T
        of_sums = sums @ sums.sum(axis=0)
        square = own_part**2 * np.einsum("br,br->b", z, z)[:, None]
        square -= 2 * own_part * (along + per_mass * along.sum(axis=1, keepdims=True))
        square += np.einsum("kr,kr->k", sums, sums) + 2 * per_mass * of_sums + per_mass**2 * of_sums.sum()
        square = np.maximum(square, 0) / (left + self.pull) ** 2
        return _score_left(square, left, z.shape[1], self.variance, self.pull)

    def _without_group(
        self, rows: Array, z: Array, place: int, mine: Array, together: _Together
    ) -> Iterator[tuple[Array, Array]]:
        """For one class: places among `rows` whose group has members in it, and their scores without the group.

        Args:
            mine: places among `rows` of the class.
        """
        own = slice(self.starts[place], self.starts[place + 1])
        masses, sums = self.masses[own], self.sums[own]
        mine = mine[np.argsort(together.number[mine], kind="stable")]
        leaving, first = np.unique(together.number[mine], return_index=True)
        ends = np.append(first[1:], len(mine))
        until = np.append(0, np.cumsum(together.size[leaving]))
        done = 0
        while done < len(leaving):  # as many groups at a time as have rows for a block
            fits = int(np.searchsorted(until, until[done] + BLOCK_CELLS / sums.size, side="right")) - 1
            stop = max(fits, done + 1)
            gone = mine[first[done] : ends[stop - 1]]
            part = self.shares[rows[gone], : len(masses)] * self.weights[rows[gone], None]
            at = first[done:stop] - first[done]
            left = masses - np.add.reduceat(part, at, axis=0)
            rest = sums - np.add.reduceat(part[:, :, None] * z[gone][:, None, :], at, axis=0)
            left = np.maximum(left, 0)
            centre = rest.sum(axis=1) / np.maximum(left.sum(axis=1), LEAST_MASS)[:, None]
            centres = (rest + self.pull * centre[:, None]) / (left + self.pull)[:, :, None]
            changed, which = together.rows_of(leaving[done:stop])
            apart = z[changed, None] - centres[which]
            square = np.einsum("bkr,bkr->bk", apart, apart)
            yield changed, _score_left(square, left[which], z.shape[1], self.variance, self.pull)
            done = stop


@dataclass(frozen=True)
class _Together:
    """Which of some rows leave together.

    Attributes:
        number: (b,) group of each row, from 0.
        order: (b,) rows, group by group.
        first: where in `order` each group starts.
        size: rows of each group.
    """

    number: Array
    order: Array
    first: Array
    size: Array

    @classmethod
    def of(cls, groups: Array) -> _Together:
        """From any numbers of groups."""
        _, number, size = np.unique(groups, return_inverse=True, return_counts=True)
        return cls(number, np.argsort(number, kind="stable"), np.cumsum(size) - size, size)

    def rows_of(self, some: Array) -> tuple[Array, Array]:
        """Rows of some groups, group by group, and each row's place in `some`."""
        size = self.size[some]
        start = self.first[some] - (np.cumsum(size) - size)
        return self.order[np.repeat(start, size) + np.arange(int(size.sum()))], np.repeat(np.arange(len(some)), size)


@dataclass(frozen=True)
class _Mixture:
    """Centres, variances and shares that follow from masses and sums."""

    centres: Array
    constants: Array
    variances: Array
    class_masses: Array

    @classmethod
    def of(cls, masses: Array, sums: Array, of_class: Array, variance: float, pull: float) -> _Mixture:
        """Args: masses (K,), sums (K, r), of_class (K,) ascending places of their classes."""
        axes = sums.shape[1]
        count = np.bincount(of_class)
        class_masses = np.bincount(of_class, weights=masses)
        first = np.append(0, np.cumsum(count)[:-1])
        class_centres = np.add.reduceat(sums, first, axis=0) / np.maximum(class_masses, LEAST_MASS)[:, None]
        centres = (sums + pull * class_centres[of_class]) / (masses + pull)[:, None]
        variances = variance * (1 + 1 / (masses + pull))
        share = (masses + 1) / (class_masses + count)[of_class]
        return cls(centres, np.log(share) - axes / 2 * np.log(variances / variance), variances, class_masses)

    def terms(self, z: Array, concepts: slice) -> Array:
        """(b, k) log of share times density of some concepts at z (b, r), up to a constant."""
        centres = self.centres[concepts]
        square = np.einsum("nr,nr->n", z, z)[:, None] - 2 * z @ centres.T + np.einsum("kr,kr->k", centres, centres)
        return np.asarray(self.constants[concepts] - np.maximum(square, 0) / (2 * self.variances[concepts]))

    def scores(self, z: Array, starts: Array) -> Array:
        """(b, C) float32 log-likelihoods and priors at z (b, r).

        Classes of fewer concepts than others are filled up with impossible ones, and rows lie along the last axis, so
        that the concepts of all classes and rows are added at once.

        Args:
            starts: (C,) where the concepts of each class start.
        """
        count = np.diff(starts, append=len(self.constants))
        most = int(count.max())
        place = np.repeat(np.arange(len(starts)) * most - starts, count) + np.arange(len(self.constants))
        sharpness = 0.5 / self.variances
        factors = np.zeros((len(starts) * most, z.shape[1]), np.float32)
        factors[place] = 2 * sharpness[:, None] * self.centres
        constants = np.full((len(factors), 1), IMPOSSIBLE, np.float32)
        constants[place, 0] = self.constants - sharpness * np.einsum("kr,kr->k", self.centres, self.centres)
        of_square = np.zeros((len(factors), 1), np.float32)
        of_square[place, 0] = sharpness
        prior = np.log(np.maximum(self.class_masses, LEAST_MASS)).astype(np.float32)
        out = np.empty((len(z), len(starts)), np.float32)
        for block in blocks(len(z), max(int(BLOCK_CELLS / len(factors)), 1)):
            terms = factors @ z[block].T.astype(np.float32)
            terms += constants
            terms -= of_square * np.einsum("br,br->b", z[block], z[block]).astype(np.float32)
            of_class = terms.reshape(len(starts), most, -1)
            highest = of_class.max(axis=1)
            of_class -= highest[:, None]
            np.exp(terms, out=terms)
            out[block] = (highest + np.log(of_class.sum(axis=1))).T + prior
        return out

    def shares(self, z: Array, concepts: slice) -> Array:
        """(b, k) chances of each concept of one class, rows summing to one."""
        terms = self.terms(z, concepts)
        terms = np.exp(terms - terms.max(axis=1, keepdims=True))
        return np.asarray(terms / terms.sum(axis=1, keepdims=True))


def _score_left(square: Array, masses: Array, axes: int, variance: float, pull: float) -> Array:
    """(b,) score of a class from each row's squared distances to its concepts and what they weigh without the row.

    Args:
        square: (b, k).
        masses: (b, k).
        axes: r.
    """
    total = masses.sum(axis=1)
    variances = variance * (1 + 1 / (masses + pull))
    terms = np.log((masses + 1) / (total + masses.shape[1])[:, None]) - axes / 2 * np.log(variances / variance)
    terms -= square / (2 * variances)
    highest = terms.max(axis=1)
    score = highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1)) + np.log(np.maximum(total, LEAST_MASS))
    return np.where(total > LEAST_MASS, score, NONE_LEFT)


def _totals(z: list[Array], w: list[Array], shares: list[Array]) -> tuple[Array, Array]:
    """(K,) masses and (K, r) sums of all concepts."""
    parts = [share * weight[:, None] for share, weight in zip(shares, w, strict=True)]
    masses = np.concatenate([part.sum(axis=0) for part in parts])
    return masses, np.concatenate([part.T @ rows for part, rows in zip(parts, z, strict=True)])


def _variances(masses: Array, sums: Array, square: float, of_class: Array) -> tuple[float, float]:
    """Variance within concepts, of one axis, and the pull of the class, by the method of moments.

    With W the total mass, of the scatter between concepts and their class's centre
    (K - C) s^2 is due to chance, and W - sum of m^2 / M times t^2 to concepts being apart, in each axis.
    """
    axes = sums.shape[1]
    held = np.maximum(masses, 1e-12)
    class_masses = np.bincount(of_class, weights=held)
    first = np.flatnonzero(np.diff(of_class, prepend=-1))
    class_sums = np.add.reduceat(sums, first, axis=0)
    by_concepts = float((np.einsum("kr,kr->k", sums, sums) / held).sum())
    by_classes = float((np.einsum("cr,cr->c", class_sums, class_sums) / class_masses).sum())
    weight = float(held.sum())
    variance = max((square - by_concepts) / (max(weight - len(masses), 1.0) * axes), 1e-9 * square / weight, 1e-12)
    apart = weight - float((held**2 / class_masses[of_class]).sum())
    between = (by_concepts - by_classes) / axes - variance * (len(masses) - len(class_masses))
    return variance, variance / max(between / max(apart, 1e-9), 1e-3 * variance)


def _halved(z: Array, weights: Array) -> Array:
    """(n, k) start of one class's shares: the part with the most scatter is halved, across its longest axis, again and
    again (PCA-Part, Su & Dy 2004). Depends on no order and no chance."""
    most = max(min(MOST, len(z) // LEAST), 1)
    parts, scatters = [np.arange(len(z))], [_scatter(z, weights)]
    while len(parts) < most and max(scatters) > 0:
        widest = int(np.argmax(scatters))
        rows = parts[widest]
        apart = z[rows] - np.average(z[rows], axis=0, weights=weights[rows])
        beyond = apart @ _longest_axis(apart, weights[rows]) > 0
        if beyond.all() or not beyond.any():
            scatters[widest] = 0.0
            continue
        parts[widest : widest + 1] = [rows[beyond], rows[~beyond]]
        scatters[widest : widest + 1] = [_scatter(z[part], weights[part]) for part in (rows[beyond], rows[~beyond])]
    shares = np.zeros((len(z), len(parts)))
    for number, rows in enumerate(parts):
        shares[rows, number] = 1
    return shares


def _scatter(z: Array, weights: Array) -> float:
    apart = z - np.average(z, axis=0, weights=weights)
    return float(weights @ np.einsum("nr,nr->n", apart, apart))


def _longest_axis(apart: Array, weights: Array) -> Array:
    """(r,) about the direction of the most scatter, by power iteration from the row farthest out."""
    direction = apart[int(np.argmax(np.einsum("nr,nr->n", apart, apart)))]
    for _ in range(POWER_ITERATIONS):
        direction = direction / max(float(np.linalg.norm(direction)), 1e-30)
        direction = (weights * (apart @ direction)) @ apart
    return np.asarray(direction)
