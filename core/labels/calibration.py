"""From how well a label fits to the probability that it is right, learnt without knowing a single true label.

The models did not see a row's own label, so each row can be asked how well every *other* label would have fitted: these
are errors whose answer is known. Labels that people mistake are alike, so an other label is drawn as often as the
models take the row for it. With f1 the density of the fit among these simulated errors and f that among the given
labels, f / f1 is

    r(s) = m + (1 - m) exp(a + b s),    s = log odds of the fit

and m is the share of given labels that fit no better than an error does. By Bayes' rule a label of fit s is then one of
these with probability m / r(s). All three are fitted by maximum likelihood, each row of a simulated error weighted by
the probability that its own label is right; (a, b) apart for small classes, whose labels fit worse for being few.

Not every label that does not fit is wrong: vectors that tell classes badly, and classes of few rows, leave right ones
like this too. The share w of wrong labels lies between two numbers that can be seen:

* m from above, for no wrong label fits better than an error;
* from below r, the share of the surest fifth of the predictions that their labels contradict, drawn towards 1 in 100
  where these are few, and less some of what the models themselves expect to miss. There models hardly err;
  people do less than elsewhere, for what is plain to the models mostly is to them.

w is r^(1 - t) m^t, where the trust t in m grows with the rows of a class and with r itself (`trust`). The odds of all
labels being wrong are then lowered alike until the mean is w: the plainest misfits stay misfits. Where fewer than three
of the surest are contradicted, or hardly more than half as many as the models expect to miss, or where classes are
small, nothing speaks for wrong labels, and 1 in 100 is assumed. Where even the surest are not sure, the vectors cannot
tell, and nothing that does not fit is believed to be wrong. Many wrong labels leave every prediction unsure too; but
then models of different kinds still choose the same class, where weak vectors set them at odds. Labels that do not fit
and stand apart from all others are believed without any of this; in small classes too, if hardly any label lies
between. The share cannot be read off the data alone: these are assumptions, and an audit replaces them
(`core/labels/audit.py`).

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
SUREST = 0.2
FEWEST = 3  # of the surest that their labels contradict: fewer prove nothing
DOUBTED = 0.6  # as many as the models themselves expect to miss among the surest, times this, prove nothing either
MISSED = 0.3  # of what the models expect to miss among the surest is taken for their own errors
PRIOR_ROWS = 60  # of the surest, of which LEAST are contradicted: what is believed before any is looked at
UNSURE = 0.35  # of what guessing would leave open; if more is open even among the surest, the vectors cannot tell,
OF_ONE_MIND = 0.65  # unless views agree so far: then it is the labels that leave it open
FEW_ROWS = 20  # of a class on average, below which nothing is believed
TRUST, TRUSTED_AT, TRUST_GAIN = 0.5, 30, 0.41  # in m at so many rows a class; gained when they are ten times as many
MANY_SURE, MANY_GAIN = 0.1, 5.0  # r above which trust grows too, and how fast
APART = 0.2  # labels of a fit below it do not fit, above 1 - 0.2 they do
TILT = 12.0  # towards the largest share of misfits that explains labels which stand apart
CLEAR = 0.1  # of all labels: where classes are small and more lie between, none is believed to stand apart
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
        tells: the surest predictions are sure; else nothing that does not fit is believed to be wrong.
        supported: something speaks for wrong labels, beyond the share that is assumed.
        lowered: by how much log odds of being wrong are lowered, for the expected share; and for the least that the
            surest predictions prove.
    """

    misfits: Array
    weights: Array
    curves: Array
    share: float
    low: float
    high: float
    tells: bool
    supported: bool
    lowered: tuple[float, float]

    @classmethod
    def fit(
        cls,
        fit: Array,
        others: Array,
        p: Array,
        codes: Array,
        sizes: Array,
        agreement: float = 0.0,
        least: float = LEAST,
    ) -> Calibration:
        """Learn from labelled rows.

        Args:
            fit: (n,) in [0, 1], how well each given label fits.
            others: (n, C), how well each label would have fitted.
            p: (n, C) class probabilities by models that did not see the row.
            codes: (n,) given classes.
            sizes: (n,) rows of that class.
            agreement: of independent views on the likeliest class, beyond chance; 0 where it is not known.
            least: share of wrong labels that is assumed where nothing speaks for more.
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
        large = n >= FEW_ROWS * n_classes
        apart = stand_apart(fit, large)
        if apart > 0:  # any m up to theirs explains them as well: all of them are believed
            weights = weights * SHARES ** (TILT * apart)
            weights /= weights.sum()
            wrong = 1 - _right(s, band, SHARES, weights, curves)
        misfits = float(wrong.mean())
        high = float(np.interp(0.975, np.cumsum(weights), SHARES))
        seen, looked, unsure = surest(p, codes)
        tells = unsure <= UNSURE or agreement >= OF_ONE_MIND
        enough = max(FEWEST, DOUBTED * looked * unsure * (1 - 1 / n_classes))
        missed = MISSED * looked * unsure * (1 - 1 / n_classes)
        proved = min((seen - missed + least * PRIOR_ROWS) / (looked + PRIOR_ROWS), misfits)
        if not (tells and large and seen >= enough):
            proved = 0.0
        share = min(least, misfits)
        if proved:
            t = trust(n / n_classes, proved)
            share = max(proved ** (1 - t) * misfits**t, apart * misfits)
        elif tells:
            share = max(share, apart * misfits)
        supported = tells and (proved > 0 or apart > 0)
        shown = max(min(proved, share), apart * misfits) if supported else share
        spread = 1.96 * np.sqrt(max(share, 1 / n) / n) + SYSTEMATIC * share
        ends = max(min(shown, share) - spread, 0.0), min(max(high, share) + spread, 1.0)
        lowered = (
            (lowering(1 - wrong, share), lowering(1 - wrong, shown)) if tells else (share / max(misfits, 1e-12),) * 2
        )
        return cls(SHARES, weights, curves, share, *ends, tells, supported, lowered)

    def right(self, fit: Array, sizes: Array, at_least: bool = False) -> Array:
        """(n,) float64 probability that labels are right; grows with the fit among classes of like size.

        Args:
            fit: (n,) in [0, 1]. sizes: (n,) rows of the class.
            at_least: if no more labels were wrong than the surest predictions prove.
        """
        out, band = np.empty(len(fit)), bands(sizes)
        for start in range(0, len(fit), 50_000):
            rows = slice(start, start + 50_000)
            out[rows] = _right(log_odds(fit[rows]), band[rows], self.misfits, self.weights, self.curves)
        by = self.lowered[int(at_least)]
        return _raised(out, by) if self.tells else 1 - by * (1 - out)


_BANDS = len(SMALL_CLASSES) + 1


def bands(sizes: Array) -> Array:
    """(n,) 0 for rows of the smallest classes, 2 for those of classes with rows enough."""
    return np.asarray(np.searchsorted(SMALL_CLASSES, sizes, side="right"))


def log_odds(share: Array) -> Array:
    """log(q / (1 - q)), finite."""
    q = np.clip(share.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(q / (1 - q)))


def surest(p: Array, codes: Array) -> tuple[int, int, float]:
    """Of the surest fifth of the predictions: how many their labels contradict, how many there are, and how unsure they
    are: 0 for certain, 1 for guessing."""
    n, n_classes = p.shape
    highest = p.max(axis=1)
    rows = np.argsort(-highest, kind="stable")[: max(int(SUREST * n), 1)]
    seen = int((p[rows].argmax(axis=1) != codes[rows]).sum())
    return seen, len(rows), float((1 - highest[rows]).mean()) / (1 - 1 / n_classes)


def trust(rows: float, proved: float) -> float:
    """In [0, 1]: how far the misfits are wrong labels, by the rows of a class and the errors among the surest."""
    by_size = TRUST + TRUST_GAIN * np.log10(rows / TRUSTED_AT)
    return float(np.clip(np.clip(by_size, 0, 1) + MANY_GAIN * max(proved - MANY_SURE, 0), 0, 1))


def lowering(right: Array, share: float) -> float:
    """By how much log odds are to be lowered so that the mean probability of being wrong is a share."""
    low, high = -30.0, 30.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(1 - _raised(right, middle).mean()) > share else (low, middle)
    return (low + high) / 2


def _raised(right: Array, by: float) -> Array:
    """Probabilities of being right when the odds of being wrong are lowered; no two become equal that were not."""
    p = np.clip(right, 1e-15, 1 - 1e-15)
    return np.asarray(1 / (1 + (1 - p) / p * np.exp(-by)))


def stand_apart(fit: Array, large: bool = True) -> float:
    """In [0, 1]: how far labels that do not fit stand apart from the others, with hardly any between.

    Vectors that tell classes badly leave many labels between; of those that do not fit there are then fewer. Where
    more than a quarter does not fit, classes are too small to say.

    Args:
        large: classes have rows enough for the shares above to be steady; else hardly any label may lie between.
    """
    low, between = int((fit < APART).sum()), int(((fit >= APART) & (fit <= 1 - APART)).sum())
    if low > len(fit) / 4 or (not large and between > CLEAR * len(fit)):
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
