"""From scores of classes to tags: which class, how sure, and when none. What zero-shot tags and their retagging share.

Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599 (temperature, expected calibration error).

Letters: n rows, C classes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts
from ..base.columns import LabelValues
from ..base.inputs import GivenLabels
from ..base.params import ParamError
from ..probes.metrics import expected_calibration_error, wilson_low

BLOCK = 1 << 21  # numbers worked on at once
CALIBRATION_ROWS = 10_000
THRESHOLD = re.compile(r"\s*(\S.*?)\s*=\s*(\d*\.?\d+)\s*(?:,|$)")


@dataclass(frozen=True)
class Rules:
    """When a class becomes a tag.

    Attributes:
        multi_label: each class is judged by itself; else the best one only.
        threshold: confidence below which there is no tag; None for 0, or 0.5 with `multi_label`.
        thresholds: class → its own threshold.
        top_k: tags kept per row at most.
        relative: logits are relative to what no class is, so that a row whose best is below 0 gets no tag.
    """

    multi_label: bool = False
    threshold: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    top_k: int | None = None
    relative: bool = False

    def bars(self, classes: Sequence[str]) -> Array:
        """(C,) float64 threshold of each class."""
        usual = self.threshold if self.threshold is not None else 0.5 if self.multi_label else 0.0
        return np.array([self.thresholds.get(name, usual) for name in classes])


def parse_thresholds(text: str | None, place: str, classes: Sequence[str] | None = None) -> dict[str, float]:
    """Read `cat=0.4, dog=0.6`.

    Args:
        place: parameter that holds the text, for the error's sentence.
        classes: names that may occur; any when None.

    Raises:
        ParamError: other text, a threshold outside [0, 1], or a name that is no class.
    """
    found, at = {}, 0
    while text and text[at:].strip():
        match = THRESHOLD.match(text, at)
        if match is None or not 0 <= float(match[2]) <= 1:
            raise ParamError(f"{place} must read like cat=0.4, dog=0.6, each in [0, 1]; got {text[at:].strip()!r}")
        found[match[1]] = float(match[2])
        at = match.end()
    for name in found if classes is not None else ():
        if name not in (classes or ()):
            near = difflib.get_close_matches(name, list(classes or ()), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(list(classes or ())[:10])}"
            raise ParamError(f"{place} must name classes of this run; got {name!r}, {hint}")
    return found


def tag_columns(classes: Sequence[str], logits: Array, rules: Rules) -> tuple[dict[str, Any], Facts]:
    """Columns of the tags that follow from logits.

    p = softmax(logits) over the classes, or sigmoid of each with `multi_label`.

    Args:
        logits: (n, C) float32.

    Returns:
        the columns `confidence`, `margin`, `entropy`, and `tag` or `tags` or both; `logits` where a row has no tag
        to keep them in. And facts: how many rows are tagged, and how often each class is.
    """
    names = tuple(classes)
    n, count = logits.shape
    bars = rules.bars(names)
    most = min(rules.top_k or (count if rules.multi_label else 1), count)
    several = rules.multi_label or most > 1
    best, confidence, margin, entropy = np.zeros(n, np.int64), np.zeros(n), np.zeros(n), np.zeros(n)
    every = np.zeros((n, count), np.float32) if several else None
    kept = np.zeros((n, count), bool) if several else None
    near = logits.max(axis=1) >= 0 if rules.relative else np.ones(n, bool)
    size = max(1, BLOCK // count)
    for start in range(0, n, size):
        rows = slice(start, start + size)
        p = probabilities(logits[rows], rules.multi_label)
        best[rows] = p.argmax(axis=1)
        top = -np.partition(-p, min(1, count - 1), axis=1)[:, :2]
        confidence[rows] = top[:, 0]
        margin[rows] = top[:, 0] - (top[:, 1] if count > 1 else 0.0)
        entropy[rows] = _entropy(p, rules.multi_label)
        if every is not None and kept is not None:
            every[rows] = p
            order = np.argsort(-p, axis=1, kind="stable")[:, :most]
            np.put_along_axis(kept[rows], order, True, axis=1)
            kept[rows] &= p >= bars
            kept[rows] &= near[rows, None]
    tagged = kept.any(axis=1) if rules.multi_label and kept is not None else (confidence >= bars[best]) & near
    values: dict[str, Any] = {"confidence": confidence, "margin": margin, "entropy": entropy}
    if not rules.multi_label:
        values["tag"] = LabelValues(names, np.where(tagged, best, -1), confidence, logits)
        if not tagged.all():
            values["logits"] = logits
    if kept is not None and every is not None:
        values["tags"] = LabelValues(names, kept, every, logits if rules.multi_label else None)
    often = kept.sum(axis=0) if kept is not None else np.bincount(best[tagged], minlength=count)
    return values, {
        "tagged": int(tagged.sum()),
        "tags_per_class": {name: int(times) for name, times in zip(names, often, strict=True)},
    }


def against_labels(
    classes: Sequence[str], logits: Array, multi_label: bool, labels: GivenLabels | None, temperature: float
) -> Facts:
    """Accuracy where a given label names one of the classes, meeting by name; calibration where there is one tag each.

    Args:
        logits: (n, C).
        temperature: what the logits were divided by.
    """
    if labels is None:
        return {}
    index = {name: code for code, name in enumerate(classes)}
    to_class = np.array([index.get(name, -1) for name in labels.names] + [-1])  # the last is code -1: no label
    given = to_class[labels.codes]
    rows = np.flatnonzero(given >= 0)
    facts: Facts = {
        "labelled": len(rows),
        "labels_not_in_classes": int(((labels.codes >= 0) & (given < 0)).sum()),
    }
    if not len(rows):
        return facts
    given = given[rows]
    right = logits[rows].argmax(axis=1) == given
    facts["accuracy"] = float(right.mean())
    hits, most = np.array([right.sum(), (~right).sum()]), np.array([len(rows), len(rows)])
    low, rest = wilson_low(hits, most)
    facts["accuracy_interval"] = [float(low), float(1 - rest)]
    tags = logits[rows].argmax(axis=1)
    shares = [np.bincount(codes, minlength=len(classes)) / len(rows) for codes in (tags, given)]
    facts["chance"] = float(shares[0] @ shares[1])  # of tags that know nothing of the picture and are as frequent
    facts["accuracy_per_class"] = {classes[code]: float(right[given == code].mean()) for code in np.unique(given)}
    if not multi_label:
        step = -(-len(rows) // CALIBRATION_ROWS)  # evenly spread rows tell the temperature of any number
        some, some_given, some_right = logits[rows[::step]], given[::step], right[::step]
        confidence = probabilities(some, False).max(axis=1)
        facts["calibration_error"] = expected_calibration_error(confidence, some_right)
        facts["calibrated_temperature"] = temperature * _calibrated(some, some_given)
    return facts


def agreement_said(facts: Facts) -> str:
    """How many tags agree with the given labels, with interval and chance, for the headline."""
    low, high = facts["accuracy_interval"]
    said = (
        f", {facts['accuracy']:.1%} as labelled ({low:.1%} to {high:.1%}; {facts['chance']:.1%} would agree by chance)"
    )
    return said + (", which could be chance: look before you use them" if low <= facts["chance"] else "")


def probabilities(logits: Array, multi_label: bool) -> Array:
    """(n, C) float64: softmax over the classes, or the sigmoid of each by itself."""
    if multi_label:
        return np.asarray(1.0 / (1.0 + np.exp(-logits.astype(np.float64))))
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _calibrated(logits: Array, given: Array) -> float:
    """The factor on the temperature, from 1/16 to 16, at which the given labels are likeliest."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    wanted = shifted[np.arange(len(given)), given]
    factors = np.geomspace(1 / 16, 16, 65)
    losses = [(np.log(np.exp(shifted / np.float32(f)).sum(axis=1)) - wanted / f).mean() for f in factors]
    return float(factors[int(np.argmin(losses))])


def _entropy(p: Array, multi_label: bool) -> Array:
    """(n,) in [0, 1]: of the distribution, or the mean over the classes' yes-or-no with several labels."""
    q = np.clip(p, 1e-300, 1.0)
    if multi_label:
        no = np.clip(1.0 - p, 1e-300, 1.0)
        return np.asarray(-(q * np.log2(q) + no * np.log2(no)).mean(axis=1))
    return np.asarray(-(q * np.log(q)).sum(axis=1) / np.log(p.shape[1]))
