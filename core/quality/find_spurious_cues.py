"""Can a class be told from the picture's properties alone? Then a model may learn the properties instead of the class.

A cue is a property (`core/images/properties.py`) by which one class differs from the others. Its strength is how much
more often than not a sample of the class lies on that side of a sample of another class, 2 AUC - 1: 0 for no
difference, 1 if all do. Every other class counts the same, however many samples it has (Hand & Till 2001,
doi:10.1023/A:1010920819831), so that class frequencies do not enter. A cue is named if it is strong and no accident at
the 5 % level among all properties and classes (Bonferroni).

All properties together are judged by a linear discriminant with equal priors on their ranks and squared ranks,
trained on other samples than it judges: per class, how much of the way from guessing to certainty it comes.

Letters: n rows, P properties, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, param
from ..base.shared_params import ObjectParams
from ..base.threads import blas_threads
from ..images.glances import measure_files
from ..images.properties import PROPERTIES, Measured
from ..labels.find_confusions import known_elsewhere
from ..probes.folds import stratified_folds
from ..probes.linear_probe import two_classes

RISK = 0.05  # that one accident among all properties and classes is named
NEARLY = 0.05  # of two cues this equally strong the more general property is named
SHRINK = 0.05  # of the pooled covariance towards independent properties
MOST_CUES = 50
MOST_WORDS = 3  # properties that a sentence lists


@dataclass(frozen=True, kw_only=True)
class SpuriousParams(ObjectParams):
    """Find classes that can be guessed from brightness, color, size, shape, sharpness or edges alone."""

    label_field: str = param("ground_truth", "Labels to check", reads="labels")
    at_least: float = param(
        0.5,
        "Report cues at least this strong: 0 is no difference, 1 separates the class perfectly",
        at_least=0,
        at_most=1,
    )
    folds: int = param(5, "Folds of the cross-validation", at_least=2, at_most=50, advanced=True)
    seed: int = param(51, "Seed of the folds", at_least=0, advanced=True)


@dataclass(frozen=True)
class Cue:
    """A property by which a class differs.

    Attributes:
        code: of the class.
        place: of the property in `PROPERTIES`.
        strength: -1 to 1; negative where the class has less of it.
        surely: the strength that is no accident, 0 to 1.
    """

    code: int
    place: int
    strength: float
    surely: float

    @property
    def direction(self) -> str:
        """Such as "darker"."""
        one = PROPERTIES[self.place]
        return one.higher if self.strength > 0 else one.lower


def find_spurious_cues(inputs: Inputs, params: SpuriousParams, progress: Progress) -> Columns:
    """Compare the classes of all labelled files that can be read. Columns as declared in `METHOD`."""
    labels = two_classes(inputs)
    labelled = np.flatnonzero(labels.codes >= 0)
    found = measure_files([inputs.paths[int(row)] for row in labelled], progress, inputs.shared)
    rows = labelled[found.readable]
    present = np.unique(labels.codes[rows])
    if len(present) < 2:
        raise ParamError(
            f"SpuriousParams.label_field must hold at least two classes whose images can be read; got {len(present)}"
        )
    names = tuple(labels.names[code] for code in present)
    codes = np.searchsorted(present, labels.codes[rows])
    values = np.where(np.isnan(found.values), np.nanmedian(_at_least_one(found), axis=0), found.values)[found.readable]
    strength = strengths(values, codes)
    surely = np.maximum(np.abs(strength) - accident(np.bincount(codes), strength.size)[:, None], 0.0)
    cues = named(strength, surely, params.at_least)
    with blas_threads(1):
        chance = told_apart(values, codes, params.folds, params.seed)
    score = np.full(inputs.n, np.nan)
    score[rows] = chance
    main = {cue.code: f"{names[cue.code]}: {cue.direction}" for cue in reversed(cues)}
    cue_of: list[str | None] = [None] * inputs.n
    for row, code in zip(rows, codes, strict=True):
        cue_of[row] = main.get(int(code))
    progress(1, 1, "comparing classes")
    facts = _facts(names, codes, values, strength, cues, chance)
    facts |= {"unlabelled": inputs.n - len(labelled), "unreadable": len(labelled) - len(rows)}
    readable = np.zeros(inputs.n, dtype=bool)
    readable[rows] = True
    return Columns({"score": score, "cue": cue_of}, facts, readable)


def strengths(values: Array, codes: Array) -> Array:
    """(C, P) float64 in [-1, 1]: 2 AUC - 1 of each class against every other class, the mean over those.

    With F(i) the weight of rows below row i plus half of those level with it, each class weighing 1, the mean of F
    over class c is 1/2 for the class itself plus the sum of its AUCs against the other C - 1.

    Args:
        values: (n, P), finite.
        codes: (n,) classes, each of the C at least once.
    """
    counts = np.bincount(codes)
    weight = 1.0 / counts[codes]
    out = np.empty((len(counts), values.shape[1]))
    for place in range(values.shape[1]):
        _, level = np.unique(values[:, place], return_inverse=True)
        here = np.bincount(level, weight)
        below = (np.cumsum(here) - here / 2.0)[level]
        mean = np.bincount(codes, below) / counts
        out[:, place] = 2.0 * (mean - 0.5) / (len(counts) - 1) - 1.0
    return out


def accident(counts: Array, comparisons: int) -> Array:
    """(C,) strength that random values exceed in no more than `RISK` of such sets, by the normal approximation.

    The variance of an AUC of m against n random values is (1/m + 1/n) / 12 (Mann & Whitney 1947, m and n large);
    the mean over the C - 1 other classes shares the first part.

    Args:
        counts: (C,) samples per class.
        comparisons: how many strengths are looked at.
    """
    each = 1.0 / counts
    others = (each.sum() - each) / (len(counts) - 1) ** 2
    limit = NormalDist().inv_cdf(1.0 - RISK / (2 * comparisons))
    return np.asarray(2.0 * limit * np.sqrt((each + others) / 12.0))


def named(strength: Array, surely: Array, at_least: float) -> list[Cue]:
    """The cues worth naming, the strongest class first; within a class the one that names it first.

    Args:
        strength: (C, P) in [-1, 1].
        surely: (C, P), 0 where the strength may be an accident.
        at_least: least strength.
    """
    worth = (np.abs(strength) >= at_least) & (surely > 0)
    cues: list[Cue] = []
    for code in np.argsort(-np.abs(np.where(worth, strength, 0.0)).max(axis=1), kind="stable"):
        places = [int(place) for place in np.flatnonzero(worth[code])]
        places.sort(key=lambda place: -abs(strength[code, place]))
        nearly = [place for place in places if abs(strength[code, place]) >= abs(strength[code, places[0]]) - NEARLY]
        first = min(nearly, default=-1)  # properties are listed from general to special
        places.sort(key=lambda place: place != first)
        cues += [Cue(int(code), at, float(strength[code, at]), float(surely[code, at])) for at in places]
    return cues


def told_apart(values: Array, codes: Array, folds: int, seed: int) -> Array:
    """(n,) chance of each row's own class, from its properties alone; NaN where no other fold has the class.

    Copies, told by equal properties, share a fold. Where all rows are copies nothing can be learnt: 1 / C.

    Args:
        values: (n, P), finite.
        codes: (n,) classes, each of the C at least once.
    """
    n_classes = int(codes.max()) + 1
    groups = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
    used = min(folds, int(groups.max()) + 1)
    if used < 2:
        return np.full(len(codes), 1.0 / n_classes)
    fold = stratified_folds(codes, groups, used, seed)
    x = _ranked(values)
    chance = np.full(len(codes), np.nan)
    for held_out in range(used):
        test, train = np.flatnonzero(fold == held_out), np.flatnonzero(fold != held_out)
        if len(test) and len(train):
            chance[test] = _discriminant(x[train], codes[train], x[test], n_classes)[np.arange(len(test)), codes[test]]
    return np.asarray(np.where(known_elsewhere(codes, fold), chance, np.nan))


def _ranked(values: Array) -> Array:
    """(n, 2P) ranks from -1 to 1, ties sharing theirs, and their squares: so that a class in the middle is told too."""
    ranks = np.empty(values.shape)
    for place in range(values.shape[1]):
        _, level, counts = np.unique(values[:, place], return_inverse=True, return_counts=True)
        ranks[:, place] = (2.0 * (np.cumsum(counts) - counts / 2.0) / len(values) - 1.0)[level]
    return np.hstack([ranks, ranks**2 - (ranks**2).mean(axis=0)])


def _discriminant(x: Array, codes: Array, asked: Array, n_classes: int) -> Array:
    """(m, C) probabilities by linear discriminant analysis with equal priors; 0 for classes not trained on."""
    counts = np.bincount(codes, minlength=n_classes)
    present = np.flatnonzero(counts)
    means = np.zeros((n_classes, x.shape[1]))
    np.add.at(means, codes, x)
    means[present] /= counts[present, None]
    inside = x - means[codes]
    spread = inside.T @ inside / max(len(x) - len(present), 1)
    # a property in which no class varies would tell all by rounding errors, so each has a hundredth of its whole spread
    independent = np.diag(np.diag(spread) + 0.01 * x.var(axis=0) + 1e-9)
    whitened = np.linalg.solve((1.0 - SHRINK) * spread + SHRINK * independent, means[present].T)
    logits = asked @ whitened - 0.5 * np.einsum("cd,dc->c", means[present], whitened)
    logits -= logits.max(axis=1, keepdims=True)
    out = np.zeros((len(asked), n_classes))
    out[:, present] = np.exp(logits)
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def _at_least_one(found: Measured) -> Array:
    """The measured values, zeros where a property does not exist for any file, so that medians exist."""
    values: Array = found.values.copy()
    values[:, np.isnan(values).all(axis=0)] = 0.0
    return values


def _facts(
    names: tuple[str, ...], codes: Array, values: Array, strength: Array, cues: list[Cue], chance: Array
) -> Facts:
    n_classes = len(names)
    counts = np.bincount(codes)
    means = np.array([values[codes == code].mean(axis=0) for code in range(n_classes)])
    told = _corrected(codes, chance, n_classes)
    first = {cue.code: cue for cue in reversed(cues)}
    known = told[np.isfinite(told)]
    overall = float(known.mean()) if len(known) else 0.0
    return {
        "headline": _headline(names, cues, first, overall),
        **({"told_by": _told_by(n_classes, first)} if first else {}),
        "told_apart": round(overall, 4),
        "cues": [_said(names, cue, means) for cue in cues[:MOST_CUES]],
        "named": [f"{names[cue.code]}: {cue.direction}" for cue in first.values()][::-1],
        "classes": [
            {
                "class": name,
                "samples": int(counts[code]),
                "told_apart": None if np.isnan(told[code]) else round(float(told[code]), 4),
                "cue": first[code].direction if code in first else None,
            }
            for code, name in enumerate(names)
        ],
        "strengths": {  # in the order of `classes`
            one.name: [round(float(value), 3) for value in strength[:, place]] for place, one in enumerate(PROPERTIES)
        },
    }


def _said(names: tuple[str, ...], cue: Cue, means: Array) -> dict[str, Any]:
    others = np.delete(means[:, cue.place], cue.code).mean()
    return {
        "class": names[cue.code],
        "property": PROPERTIES[cue.place].name,
        "direction": cue.direction,
        "strength": round(abs(cue.strength), 4),
        "strength_beyond_accident": round(cue.surely, 4),
        "mean": round(float(means[cue.code, cue.place]), 4),
        "mean_of_others": round(float(others), 4),
    }


def _corrected(codes: Array, chance: Array, n_classes: int) -> Array:
    """(C,) mean chance of the own class, from 0 for guessing to 1; below 0 worse than that. NaN if none was judged."""
    out = np.full(n_classes, np.nan)
    judged = np.isfinite(chance)
    counts = np.bincount(codes[judged], minlength=n_classes)
    total = np.bincount(codes[judged], chance[judged], minlength=n_classes)
    out[counts > 0] = (total[counts > 0] / counts[counts > 0] - 1.0 / n_classes) / (1.0 - 1.0 / n_classes)
    return out


def _headline(names: tuple[str, ...], cues: list[Cue], first: dict[int, Cue], overall: float) -> str:
    end = f"all properties together get {max(overall, 0.0):.0%} of the way from guessing to certainty"
    if not cues:
        return f"No class can be guessed from a property of its images; {end}"
    return f"{_told_by(len(names), first)}, most of all {names[cues[0].code]}: {cues[0].direction}; {end}"


def _told_by(n_classes: int, first: dict[int, Cue]) -> str:
    """A sentence about classes: "3 of 40 classes can be told by size or shape alone"."""
    words = list(dict.fromkeys(PROPERTIES[cue.place].word for cue in reversed(first.values())))
    listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    by = f"{listed} alone" if len(words) <= MOST_WORDS else "one property of their images"
    return f"{len(first):,} of {n_classes:,} classes can be told by {by}"


METHOD = Method(
    name="find_spurious_cues",
    version=1,
    label="Find spurious cues",
    stage="clean",
    key="spurious",
    params=SpuriousParams,
    run=find_spurious_cues,
    reads=("labels", "paths"),
    writes=(
        Column("score", float, "How well image properties alone predict the label, in [0, 1]", best="low"),
        Column("cue", str, "Property by which the sample's class stands out", group=True, role="mark"),
    ),
    finding=Finding(
        "Classes that a shortcut gives away",
        "moderate",
        "These classes can be guessed from brightness, color or size alone; a model may learn that instead.",
        of_classes=True,
    ),
    cite="Hand & Till 2001, https://doi.org/10.1023/A:1010920819831",
)
