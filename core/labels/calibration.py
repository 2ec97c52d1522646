"""From how well a label fits to the probability that it is right, learnt without knowing a single true label.

The models did not see a row's own label, so each row can be asked how well every *other* label would have fitted: these
are errors whose answer is known. Labels that people mistake are alike, so an other label is drawn as often as the
models take the row for it. With f1 the density of the fit among these simulated errors and f that among the given
labels, f / f1 is

    r(s) = m + (1 - m) exp(a + b s),    s = log odds of the fit

and m is the share of given labels that fit no better than an error does. By Bayes' rule a label of fit s is then one of
these with probability m / r(s). All three are fitted by maximum likelihood, each row of a simulated error weighted by
the probability that its own label is right; (a, b) apart for small classes, whose labels fit worse for being few.

Not every label that does not fit is wrong: vectors that tell classes badly leave right ones like this too. So m is cut
to the share w of wrong labels,

* by what weak vectors explain: with v the evidence (`core/probes/evidence.py`) and v0 that of clean labels,
  m = w + (1 - w) 0.9 (1 - v0) and v - 1/2 = (1 - w C / (C - 1)) (v0 - 1/2);
* by what is seen where the models are surest. If labels are wrong, some of the surest fifth are, about as many as the
  models themselves expect or more; where vectors are weak they are fewer.

Where the labels that do not fit stand apart from all others, they are believed to be wrong without either.

Where nothing speaks for more, 1 in 100 is assumed. The share cannot be read off the data alone: these are assumptions.

Letters: n rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array

CELLS = 1e6  # n * C that simulated errors are looked at
SHARES = np.exp(np.linspace(np.log(0.002), np.log(0.6), 32))  # m that are tried
EDGES = np.linspace(-16.2, 16.2, 325)  # bins of s
SMALL_CLASSES = (5, 20)  # classes with fewer rows have their own (a, b)
ROUNDS = 3
UNTOLD = 0.9  # of 1 - v0: right labels that fit no better than errors
SUREST = 0.2
EXPECTED_MORE = 2.0  # errors among the surest, added to those expected: few rows say little
DOUBTED, BELIEVED = 0.5, 0.7  # share of the expected errors seen: nothing is believed below, all above
APART = 0.2  # labels of a fit below it do not fit, above 1 - 0.2 they do
TILT = 12.0  # towards the largest share of misfits that explains labels which stand apart
FEW_APART = 0.6  # as many that do not fit as lie between are believed, this share of it is not
LEAST = 0.01  # share of wrong labels that is assumed where nothing speaks for more
SYSTEMATIC = 0.15  # of the expected number: what the interval allows for people's errors being unlike ours


@dataclass(frozen=True)
class Calibration:
    """How likely labels are wrong, by how well they fit.

    Attributes:
        misfits: (k,) values of m, and `weights` (k,) how probable each is.
        curves: (bands, k, 2) a and b.
        share: expected share of wrong labels.
        low, high: its 95 % interval.
        believed: in [0, 1], how much of m counts as wrong labels rather than as weak vectors.
    """

    misfits: Array
    weights: Array
    curves: Array
    share: float
    low: float
    high: float
    believed: float

    @classmethod
    def fit(
        cls, fit: Array, others: Array, p: Array, codes: Array, sizes: Array, evidence: float | None
    ) -> Calibration:
        """Learn from labelled rows.

        Args:
            fit: (n,) in [0, 1], how well each given label fits.
            others: (n, C), how well each label would have fitted.
            p: (n, C) class probabilities by models that did not see the row.
            codes: (n,) given classes.
            sizes: (n,) rows of that class.
            evidence: how well the vectors tell the classes; None where there are none.
        """
        n, n_classes = p.shape
        s, band = log_odds(fit), bands(sizes)
        place = np.digitize(log_odds(others), EDGES)
        drawn = p + 1e-6
        drawn[np.arange(n), codes] = 0
        drawn /= drawn.sum(axis=1, keepdims=True)
        given = [np.bincount(np.digitize(s[band == b], EDGES), minlength=len(EDGES) + 1) for b in range(_BANDS)]
        wrong = np.zeros(n)
        for _ in range(ROUNDS):
            weight = drawn * (1 - wrong)[:, None]
            simulated = [
                np.bincount(place[band == b].ravel(), weight[band == b].ravel(), minlength=len(EDGES) + 1)
                for b in range(_BANDS)
            ]
            weights, curves = _curves(given, simulated)
            wrong = 1 - _right(s, band, SHARES, weights, curves)
        apart = stand_apart(fit)
        if apart > 0:  # any m up to theirs explains them as well: all of them are believed
            weights = weights * SHARES ** (TILT * apart)
            weights /= weights.sum()
            wrong = 1 - _right(s, band, SHARES, weights, curves)
        share = float(weights @ SHARES)
        low, high = (float(np.interp(at, np.cumsum(weights), SHARES)) for at in (0.025, 0.975))
        left = share if evidence is None else beyond_weakness(share, evidence, n_classes)
        left = min(share, max(left * surest_are_wrong(p, codes), share * apart, LEAST))
        believed = left / share
        expected = believed * float(wrong.mean())
        spread = 1.96 * np.sqrt(max(expected, 1 / n) / n) + SYSTEMATIC * expected
        low = max(min(low / share * expected, expected) - spread, 0.0)
        high = min(max(high / share * expected, expected) + spread, 1.0)
        return cls(SHARES, weights, curves, expected, low, high, believed)

    def right(self, fit: Array, sizes: Array) -> Array:
        """(n,) float64 probability that labels are right; grows with the fit among classes of like size.

        Args:
            fit: (n,) in [0, 1]. sizes: (n,) rows of the class.
        """
        out, band = np.empty(len(fit)), bands(sizes)
        for start in range(0, len(fit), 50_000):
            rows = slice(start, start + 50_000)
            out[rows] = _right(log_odds(fit[rows]), band[rows], self.misfits, self.weights, self.curves)
        return 1 - self.believed + self.believed * out


_BANDS = len(SMALL_CLASSES) + 1


def bands(sizes: Array) -> Array:
    """(n,) 0 for rows of the smallest classes, 2 for those of classes with rows enough."""
    return np.asarray(np.searchsorted(SMALL_CLASSES, sizes, side="right"))


def log_odds(share: Array) -> Array:
    """log(q / (1 - q)), finite."""
    q = np.clip(share.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(q / (1 - q)))


def beyond_weakness(misfits: float, evidence: float, n_classes: int) -> float:
    """The largest share of wrong labels that, with vectors of that evidence, leaves no more misfits than there are."""
    wrong = np.linspace(0, 0.6, 601)
    left = np.maximum(1 - wrong * n_classes / (n_classes - 1), 0.05)
    clean = np.clip(0.5 + (evidence - 0.5) / left, 0.5, 1.0)
    expected = wrong + (1 - wrong) * UNTOLD * (1 - clean)
    possible = np.flatnonzero(expected <= misfits)
    return float(wrong[possible[-1]]) if len(possible) else 0.0


def surest_are_wrong(p: Array, codes: Array) -> float:
    """In [0, 1]: how far the labels that the surest predictions contradict speak for wrong labels."""
    highest = p.max(axis=1)
    surest = np.argsort(-highest, kind="stable")[: max(int(SUREST * len(p)), 1)]
    seen = float((p[surest].argmax(axis=1) != codes[surest]).sum())
    ratio = seen / (float((1 - highest[surest]).sum()) + EXPECTED_MORE)
    return float(np.clip((ratio - DOUBTED) / (BELIEVED - DOUBTED), 0, 1))


def stand_apart(fit: Array) -> float:
    """In [0, 1]: how far labels that do not fit stand apart from the others, with hardly any between.

    Vectors that tell classes badly leave many labels between; of those that do not fit there are then fewer. Where
    more than a quarter does not fit, classes are too small to say.
    """
    low, between = int((fit < APART).sum()), int(((fit >= APART) & (fit <= 1 - APART)).sum())
    if low > len(fit) / 4:
        return 0.0
    return float(np.clip((low / (between + 1) - FEW_APART) / (1 - FEW_APART), 0, 1))


def _right(s: Array, band: Array, misfits: Array, weights: Array, curves: Array) -> Array:
    """(n,) 1 - m / r(s), the mean over what m may be."""
    out = np.zeros(len(s))
    for k in np.flatnonzero(weights > 1e-6):
        grown = np.exp(np.clip(curves[band, k, 0] + curves[band, k, 1] * s, -60, 60))
        fits = (1 - misfits[k]) * grown
        out += weights[k] * fits / (misfits[k] + fits)
    return np.asarray(out / weights[weights > 1e-6].sum())


def _curves(given: list[Array], simulated: list[Array]) -> tuple[Array, Array]:
    """How probable each m is, and (bands, k, 2) the likeliest a and b under it, from two histograms of s a band."""
    from scipy.optimize import minimize

    middle = np.append(EDGES, EDGES[-1] + 0.1) - 0.05
    curves = np.tile([0.0, 1.0], (_BANDS, len(SHARES), 1))
    likelihood = np.log(SHARES)  # the shares are spaced evenly in their logarithm
    for b in range(_BANDS):
        seen = (given[b] + simulated[b]) > 0
        if not given[b].any() or not simulated[b].any():
            continue
        ours, errors, at = given[b][seen], simulated[b][seen], middle[seen]
        start = np.array([0.0, 0.0])
        errors = errors * (ours.sum() / errors.sum())
        for k in range(len(SHARES) - 1, -1, -1):
            found = minimize(
                _loss,
                start,
                (at, ours, errors, float(SHARES[k])),
                method="Nelder-Mead",
                options={"xatol": 1e-3, "fatol": 1e-3, "maxiter": 200},
            )
            start = found.x
            curves[b, k] = found.x[0], _slope(found.x)
            likelihood[k] -= found.fun
    weights = np.exp(likelihood - likelihood.max())
    return weights / weights.sum(), curves


def _slope(theta: Array) -> float:
    return float(np.exp(np.clip(theta[1], -8, 3)))


def _loss(theta: Array, at: Array, ours: Array, errors: Array, m: float) -> float:
    """Negative log-likelihood of telling given labels from as many simulated errors, with weak priors on a and b."""
    r = m + (1 - m) * np.exp(np.clip(theta[0] + _slope(theta) * at, -60, 60))
    fit = float((ours * np.log(r) - (ours + errors) * np.log1p(r)).sum())
    return -fit + 0.5 * (_slope(theta) - 0.5) ** 2 + 0.5 * (float(theta[0]) / 3) ** 2
