"""What models and tags that Curator did not train say of the labels: zero-shot tags, a model's own predictions.

Their classes meet the given ones by name. They may know classes that nobody was given: a "cartoon" among the boars
then becomes a suggestion. A model that does not know the class of a label has nothing to say about that label.
Most samples are what somebody called them. So one that sees classes nobody was given in most of them, as networks with
a thousand classes do, is believed the less about these: their odds are scaled until the usual sample's are 1 : 20.

Letters: n rows, C given classes, E further classes that only predictions know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array
from ..base.columns import LabelValues
from ..base.inputs import GivenLabels
from ..probes.logistic import best_temperature, softmax

TEMPERATURES = tuple(float(value) for value in 2.0 ** np.arange(-7.0, 7.1, 1.0))
FOREIGN = 0.05  # odds of the usual sample, at most, that it is of a class nobody was given
LOOKED_AT = 5_000  # labelled samples whose odds are looked at
SURE = 0.99  # probability of a prediction that comes without one, at most
UNSURE = 1.001  # times an equal share: the least that a class which was named has, so that it stays the likeliest


@dataclass(frozen=True)
class Judge:
    """One source of predictions, its classes aligned with the given ones.

    Attributes:
        name: key of its run, or its field.
        knows: (C + E,) bool.
        speaks: (n,) bool: it predicted something, and knows the class that was given (or none was).
        agreement: share of the labels that it can judge and agrees with.
    """

    name: str
    knows: Array
    speaks: Array
    agreement: float
    _given: LabelValues
    _places: Array
    _temperature: float
    _further: int  # E
    _foreign: float = 1.0  # factor on their probabilities

    def probabilities(self, rows: Array) -> Array:
        """(b, C + E) float32 of some rows; rows sum to one where it speaks, to zero elsewhere."""
        out = np.zeros((len(rows), len(self.knows)), np.float32)
        given, speaks = self._given, self.speaks[rows]
        if given.logits is not None:
            logits = np.nan_to_num(given.logits[rows], nan=-np.inf, neginf=-np.inf)
            logits[~np.isfinite(logits).any(axis=1)] = 0.0
            out[:, self._places] = softmax(np.float32(self._temperature) * logits)
        else:
            known = max(len(self._places), 2)
            confidence = np.where(np.isfinite(given.confidence[rows]), given.confidence[rows], self.agreement)
            confidence = np.clip(confidence, UNSURE / known, SURE)
            out[:, self._places] = ((1 - confidence) / (known - 1))[:, None]
            at = np.flatnonzero(given.codes[rows] >= 0)
            out[at, self._places[given.codes[rows][at]]] = confidence[at]
        out[:, len(self.knows) - self._further :] *= np.float32(self._foreign)
        out /= np.maximum(out.sum(axis=1, keepdims=True), 1e-30)
        out[~speaks] = 0.0
        return out


def classes_with(labels: GivenLabels, predictions: Sequence[LabelValues]) -> tuple[str, ...]:
    """The given classes, and after them those that only predictions know."""
    further = {name for given in predictions for name in given.classes} - set(labels.names)
    return (*labels.names, *sorted(further))


def judges_of(names: Sequence[str], predictions: Sequence[LabelValues], labels: GivenLabels) -> list[Judge]:
    """Align predictions with the labels. Logits get the temperature at which the given labels are likeliest.

    Args:
        names: of the predictions, in their order.
    """
    classes = classes_with(labels, predictions)
    place = {name: code for code, name in enumerate(classes)}
    judges = []
    for name, given in zip(names, predictions, strict=True):
        places = np.array([place[known] for known in given.classes], dtype=np.int64)
        knows = np.zeros(len(classes), dtype=bool)
        knows[places] = True
        said = given.codes >= 0 if given.logits is None else np.isfinite(given.logits).any(axis=1)
        knows_label = knows[np.maximum(labels.codes, 0)] | (labels.codes < 0)
        speaks = said & knows_label
        rows = np.flatnonzero(speaks & (labels.codes >= 0))
        own = np.full(len(classes), -1, dtype=np.int64)
        own[places] = np.arange(len(places))
        wanted = own[labels.codes[rows]]
        temperature, guess = 1.0, given.codes[rows]
        if given.logits is not None and len(rows):
            logits = np.nan_to_num(given.logits[rows], nan=-np.inf, neginf=-np.inf)
            temperature, guess = best_temperature(logits, wanted, TEMPERATURES)[0], logits.argmax(axis=1)
        agreement = float((guess == wanted).mean()) if len(rows) else 0.5
        further = len(classes) - len(labels.names)
        judge = Judge(name, knows, speaks, agreement, given, places, temperature, further)
        judges.append(replace(judge, _foreign=_believed(judge, rows)))
    return judges


def _believed(judge: Judge, rows: Array) -> float:
    """The factor that brings the usual odds of further classes down to `FOREIGN`; 1 where they are lower."""
    if not judge._further or not len(rows):
        return 1.0
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(np.int64)]
    p = judge.probabilities(some)
    outside = p[:, p.shape[1] - judge._further :].sum(axis=1, dtype=np.float64)
    usual = float(np.median(outside / np.maximum(1 - outside, 1e-9)))
    return min(1.0, FOREIGN / max(usual, 1e-30))
