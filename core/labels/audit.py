"""How many labels are wrong, from a few that a person looked at: which to ask about, and what the answers say of all.

*Drawing.* Rows are put in strata by the probability w that their label is wrong, so that each stratum holds the same
share of the sum of sqrt(w (1 - w)), its spread; from each the same number is drawn at random (Neyman 1934,
doi:10.2307/2342192). Doubtful labels are drawn often, plain ones seldom, and none never. The order in which they are
asked about goes through the strata in turns, so that any beginning of it is such a draw too.

*Estimating.* Two ways, and their mean:

* the answers correct the probabilities: logit P(wrong) = a + b logit(w), by Bayes' rule on a grid of a and b with weak
  priors. The sum of these is the narrower guess; it leans on the curve.
* the same sum, and of each stratum the mean difference between answers and curve, times its size: prediction-powered
  inference (Angelopoulos et al. 2023, arXiv:2301.09633), an old acquaintance of survey sampling (the difference
  estimator; Särndal, Swensson & Wretman 1992). It does not lean on the curve.

Rows that were decided before the draw are known, and not drawn from. A row decided later, and not drawn, is counted as
it was decided, but says nothing of others: people decide about the worst first.

Letters: n rows, m answers, H strata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array

PER_STRATUM = 2
PLAIN = 0.005  # labels surer than this are drawn as if they were not: nobody knows how sure the sure ones are
CLIP = 1e-4  # of probabilities, before their log odds
SHIFT, SLOPE = 1.5, 0.4  # spread of the priors of a and log b: quality off by a factor of 4 is nothing odd
GRID = (np.linspace(-5, 5, 81), np.exp(np.linspace(np.log(0.1), np.log(3.0), 25)))
BINS = 200
DRAWS = 2_000
LOW, HIGH = 0.025, 0.975


@dataclass(frozen=True)
class Estimate:
    """A number of wrong labels with its 95 % interval."""

    count: float
    low: float
    high: float


@dataclass(frozen=True)
class Answered:
    """What the answers say.

    Attributes:
        wrong: number of wrong labels among all rows.
        within: name → wrong labels within a part of the rows, and `sizes` how many rows the part has.
        quality: (n,) float64 probability that each label is right, recalibrated; 0 or 1 where a person has decided.
        shift, slope: a and b, their posterior means.
    """

    wrong: Estimate
    within: dict[str, Estimate]
    sizes: dict[str, int]
    quality: Array
    shift: float
    slope: float


def strata(wrong: Array, count: int) -> Array:
    """(n,) int64 stratum of each row, 0 the likeliest to be wrong; each of the same spread.

    Args:
        wrong: (n,) probability that the label is wrong.
        count: rows to be drawn in all.
    """
    order = np.argsort(-wrong, kind="stable")
    p = np.clip(wrong[order], PLAIN, 1 - PLAIN)
    spread = np.cumsum(np.sqrt(p * (1 - p)))
    number = max(min(count // PER_STRATUM, len(wrong)), 1)
    stratum = np.empty(len(wrong), dtype=np.int64)
    stratum[order] = np.minimum(((spread / spread[-1]) * number - 1e-9).astype(np.int64), number - 1)
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)


def draw(stratum: Array, count: int, seed: int) -> Array:
    """Row numbers in the order in which they are to be asked about: at random within strata, the strata in turns."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(stratum))
    rows = rows[np.argsort(stratum[rows], kind="stable")]
    starts = np.searchsorted(stratum[rows], np.arange(int(stratum.max()) + 1))
    turn = np.arange(len(rows)) - starts[stratum[rows]]
    within = rng.permutation(int(stratum.max()) + 1)  # which stratum comes first in a turn says nothing
    return np.asarray(rows[np.lexsort((within[stratum[rows]], turn))][:count])


def estimate(
    wrong: Array,
    stratum: Array,
    drawn: Array,
    answers: Array,
    parts: Mapping[str, Array] | None = None,
    seed: int = 51,
) -> Answered:
    """What answers say of all rows.

    Args:
        wrong: (n,) probability that the label is wrong, as it was said before.
        stratum: (n,) of each row; -1 for rows that were known before the draw.
        drawn: (n,) bool.
        answers: (n,) 1 for a wrong label, 0 for a right one, -1 where nobody has decided. At least one drawn row is
            answered.
        parts: name → (n,) bool, rows whose wrong labels are counted too.
        seed: of the draws from the posterior, for the interval.
    """
    x = _log_odds(wrong)
    told, known = drawn & (answers >= 0), answers >= 0
    curves, weights = _posterior(x[told], answers[told])
    edges = np.linspace(x.min() - 1e-9, x.max() + 1e-9, BINS + 1)
    cell = np.clip(np.digitize(x, edges) - 1, 0, BINS - 1)
    middle = np.bincount(cell, x, BINS) / np.maximum(np.bincount(cell, minlength=BINS), 1)
    p_of = 1 / (1 + np.exp(-(curves[:, :1] + curves[:, 1:] * middle)))  # (curves, BINS)
    p = (weights @ p_of)[cell]
    which = np.random.default_rng(seed).choice(len(weights), DRAWS, p=weights)
    merged = _merged(stratum, told)

    def total(rows: Array) -> Estimate:
        return _total(rows, p_of, which, weights, cell, p, merged, told, answers)

    named = dict(parts or {})
    quality = np.where(known, 1.0 - answers, 1 - p)
    return Answered(
        total(np.ones(len(x), dtype=bool)),
        {name: total(rows) for name, rows in named.items()},
        {name: int(rows.sum()) for name, rows in named.items()},
        quality,
        *(float(value) for value in weights @ curves),
    )


def _total(
    rows: Array,
    p_of: Array,
    which: Array,
    weights: Array,
    cell: Array,
    p: Array,
    stratum: Array,
    told: Array,
    answers: Array,
) -> Estimate:
    """Wrong labels among some rows: the mean of both estimates, with an interval as wide as theirs are on average."""
    known = answers >= 0
    found, right = int((answers[rows] == 1).sum()), int((answers[rows] == 0).sum())
    left = np.bincount(cell[rows & ~known], minlength=BINS)
    sums, noise = p_of @ left, np.sqrt((p_of * (1 - p_of)) @ left)
    normal = np.random.default_rng(len(which)).standard_normal(len(which))
    drawn = found + sums[which] + noise[which] * normal
    by_curve = found + float(weights @ sums)
    spread = max(float(drawn.std()), 1e-9)
    # what each stratum's answers differ from the curve by, for those of its rows that nobody has decided about
    inside, asked = rows & ~known & (stratum >= 0), rows & told
    number = int(stratum.max()) + 1
    size, answered = np.bincount(stratum[inside], minlength=number), np.bincount(stratum[asked], minlength=number)
    differ = np.bincount(stratum[asked], answers[asked] - p[asked], number) / np.maximum(answered, 1)
    variance = np.bincount(stratum[inside], (p * (1 - p))[inside], number) / np.maximum(size, 1)
    by_answers = by_curve + float((size * differ)[answered > 0].sum())
    corrected = size**2 / np.maximum(answered, 1) * variance + size * variance
    other = float(np.sqrt(np.where(answered > 0, corrected, 0).sum()))
    least, most = float(found), float(rows.sum() - right)
    middle = float(np.clip((by_curve + by_answers) / 2, least, most))
    wider = (spread + max(other, spread)) / (2 * spread)
    low, high = (by_curve - wider * (by_curve - float(np.quantile(drawn, end))) for end in (LOW, HIGH))
    shift = middle - by_curve
    low = 0.0 if not found else low + shift
    return Estimate(middle, float(np.clip(low, least, middle)), float(np.clip(high + shift, middle, most)))


def _posterior(x: Array, y: Array) -> tuple[Array, Array]:
    """(k, 2) shifts and slopes that answers leave possible, and (k,) how probable each is."""
    a, b = (axis.ravel() for axis in np.meshgrid(*GRID, indexing="ij"))
    odds = a[:, None] + b[:, None] * x
    likelihood = (y * odds - np.logaddexp(0, odds)).sum(axis=1)
    likelihood -= 0.5 * (a / SHIFT) ** 2 + 0.5 * (np.log(b) / SLOPE) ** 2
    weights = np.exp(likelihood - likelihood.max())
    kept = weights > 1e-5 * weights.sum()
    return np.stack([a, b], axis=1)[kept], weights[kept] / weights[kept].sum()


def _merged(stratum: Array, told: Array) -> Array:
    """(n,) strata, those without an answer joined with the next one that has any; -1 as before."""
    number = int(stratum.max()) + 1
    has = np.flatnonzero(np.bincount(stratum[told & (stratum >= 0)], minlength=number))
    if not len(has):
        return np.where(stratum >= 0, 0, -1)
    joined = np.minimum(np.searchsorted(has, np.arange(number)), len(has) - 1)
    return np.where(stratum >= 0, joined[np.maximum(stratum, 0)], -1)


def _log_odds(share: Array) -> Array:
    """log(w / (1 - w)), finite."""
    w = np.clip(share.astype(np.float64), CLIP, 1 - CLIP)
    return np.asarray(np.log(w / (1 - w)))
