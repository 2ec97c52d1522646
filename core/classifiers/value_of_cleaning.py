"""What curating is for: accuracy on trusted samples against the cleanliness and the size of what is learned from.

A classifier learns from growing shares of the other samples: with their labels as given, without those that
`find_label_issues` suspects, with these relabelled, and without as many at random; and from a chosen subset beside a
random one of its size. Near-duplicates of trusted samples are learned from by none.

Letters: n rows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.curves import CurveLine
from ..base.inputs import GivenLabels, Inputs
from ..base.params import ParamError
from ..labels.find_label_issues import LabelIssuesParams, find_label_issues
from ..probes.metrics import wilson

SHARES = (0.25, 0.5, 1.0)
LEAST = 20  # samples to learn from, below which a point of the curve says nothing
GIVEN, WITHOUT, RELABELLED = "labels as given", "suspects left out", "suspects relabelled"
FEWER, SUBSET, RANDOM = "as many left out at random", "the subset", "a random subset of its size"

Learn = Callable[[Array, Array], Array]  # rows, their codes → (n, C) logits of all rows by a classifier of these rows
Made = tuple[Array, Array]  # rows and their codes


def curating_curve(
    x: Array,
    codes: Array,
    groups: Array,
    trusted: Array,
    learn: Learn,
    subset: Array | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Facts:
    """Measure on the trusted rows what is learned from the others.

    Args:
        x: (n, d) vectors.
        codes: (n,) classes, -1 for none; those of trusted rows are taken as true.
        groups: (n,) near-duplicates.
        trusted: (n,) bool.
        learn: trains a classifier.
        subset: (n,) bool, rows to learn from beside as many at random; None for no such point.

    Returns:
        {"held_out": trusted rows with a label, "copies_left_out": their near-duplicates, "curve": [{"learned_from",
        "n", "suspects", "accuracy", "interval"}]}, shares ascending. Plain JSON values.

    Raises:
        ParamError: no trusted row has a label, or fewer than 20 other rows of two classes have one.
    """
    known = codes >= 0
    held = np.flatnonzero(trusted & known)
    copies = known & ~trusted & np.isin(groups, groups[trusted])
    pool = np.flatnonzero(known & ~trusted & ~copies)
    if len(held) == 0 or len(pool) < LEAST or len(np.unique(codes[pool])) < 2 or len(np.unique(groups[pool])) < 2:
        raise ParamError(
            f"ClassifierParams.trusted must hold labelled samples, and leave at least {LEAST} others of two classes to "
            f"learn from; got {len(held)}, with {len(pool)} others that are no copies of them"
        )
    order = np.random.default_rng(seed).permutation(pool)
    points: list[dict[str, Any]] = []

    def point(name: str, made: Made, suspects: int | None) -> None:
        rows, told = made
        if len(rows) < LEAST or len(np.unique(told)) < 2 or len(np.unique(groups[rows])) < 2:
            return
        hits = int((learn(rows, told)[held].argmax(axis=1) == codes[held]).sum())
        measured = {"accuracy": hits / len(held), "interval": wilson(hits, len(held))}
        points.append({"learned_from": name, "n": len(rows), "suspects": suspects, **measured})

    for done, share in enumerate(SHARES):
        progress(done, len(SHARES), "measuring what cleaning is worth")
        some = order[: round(share * len(order))]
        made = variants(x, codes, some, seed)
        suspects = len(some) - len(made[WITHOUT][0]) if WITHOUT in made else None
        for name, one in made.items():
            point(name, one, suspects)
    if subset is not None:
        chosen = pool[subset[pool]]
        point(SUBSET, (chosen, codes[chosen]), None)
        point(RANDOM, (order[: len(chosen)], codes[order[: len(chosen)]]), None)
    return {"held_out": len(held), "copies_left_out": int(copies.sum()), "curve": points}


def variants(x: Array, codes: Array, some: Array, seed: int) -> Mapping[str, Made]:
    """Name → rows to learn from and their labels, out of some rows; the given ones alone where nobody can be judged."""
    told = codes[some]
    made: dict[str, Made] = {GIVEN: (some, told)}
    labels = GivenLabels.of([f"{code:09d}" for code in told])
    try:
        found = find_label_issues(
            Inputs(n=len(some), embeddings=x[some], labels=labels), LabelIssuesParams(seed=seed), silent
        ).values
    except ParamError:  # too few of each class: this share has no suspects
        return made
    issue = np.array([value is True or value == 1 for value in found["is_issue"]], dtype=bool)
    mended = told.copy()
    for row in np.flatnonzero(issue):
        if found["suggested"][row] is not None:
            mended[row] = int(found["suggested"][row])
    fewer = np.sort(np.random.default_rng(seed).permutation(len(some))[: int((~issue).sum())])
    made[WITHOUT] = some[~issue], told[~issue]
    made[RELABELLED] = some, mended
    made[FEWER] = some[fewer], told[fewer]
    return made


def lines(facts: Facts) -> list[CurveLine]:
    """What was learned from, each a line; dashed where it was left to chance."""
    names = list(dict.fromkeys(one["learned_from"] for one in facts["curve"]))
    found: list[CurveLine] = []
    for name in names:
        points = sorted((one for one in facts["curve"] if one["learned_from"] == name), key=lambda one: one["n"])
        low, high = zip(*(one["interval"] for one in points), strict=True)
        found.append(
            {
                "name": name,
                "dashed": name in (FEWER, RANDOM),
                "sizes": [one["n"] for one in points],
                "values": [one["accuracy"] for one in points],
                "low": list(low),
                "high": list(high),
            }
        )
    return found


def said(facts: Facts) -> str:
    """The curve's end in words."""
    last = {one["learned_from"]: one for one in facts["curve"]}
    parts = [f"{last[name]['accuracy']:.1%} {word}" for name, word in _WORDS.items() if name in last]
    return f"{facts['held_out']:,} trusted samples: " + ", ".join(parts)


_WORDS = {GIVEN: "with all labels as given", WITHOUT: "without suspects", RELABELLED: "with suspects relabelled"}
