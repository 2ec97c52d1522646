"""Which labels to look at to know how many are wrong: a draw by design, to be decided about one by one.

How it is drawn and what the answers say: `core/labels/audit.py`. The answers are evaluated by the action
`evaluate_audit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs, JudgedLabels
from ..base.method import Method
from ..base.params import ParamError, Params, param
from .audit import draw, strata
from .find_label_issues import PRESETS


@dataclass(frozen=True, kw_only=True)
class AuditParams(Params):
    """Draw 20 to 100 labels to look at, so that you know how many of all are wrong.

    Decide about them in the Review, then evaluate: the number of wrong labels with an interval, how often each preset's
    flags are right, and a quality that your answers have corrected.
    """

    run: str = param("label_issues", "Run of find_label_issues to audit", reads="judged")
    label_field: str = param("ground_truth", "Labels that this run judged", reads="labels")
    count: int = param(
        50, "How many labels to look at; twice as many halve no more than a third", at_least=20, at_most=100
    )
    seed: int = param(51, "Seed of the draw", at_least=0, advanced=True)


def audit_labels(inputs: Inputs, params: AuditParams, progress: Progress) -> Columns:
    """Draw from the labels that the run judged and nobody has decided about. Columns as declared in `METHOD`."""
    judged: JudgedLabels = inputs.named["run"]
    facts = inputs.sources[params.run]
    if facts.get("label_field") != params.label_field:
        raise ParamError(
            f"AuditParams.label_field must be {facts.get('label_field')!r}, which the run {params.run!r} judged; "
            f"got {params.label_field!r}"
        )
    population = np.isfinite(judged.quality) & (judged.decided == JudgedLabels.OPEN)
    rows = np.flatnonzero(population)
    if len(rows) < 2:
        raise ParamError(
            f"An audit needs at least 2 labels that {params.run!r} judged and nobody has decided about; "
            f"got {len(rows)}: run find_label_issues again, or audit another run"
        )
    stratum = np.full(inputs.n, -1, dtype=np.int64)
    stratum[rows] = strata(1 - judged.quality[rows], params.count)
    drawn = rows[draw(stratum[rows], params.count, params.seed)]
    turn: list[int | None] = [None] * inputs.n
    label: list[str | None] = [None] * inputs.n
    suggested: list[str | None] = [None] * inputs.n
    for place, row in enumerate(drawn.tolist(), start=1):
        turn[row], label[row], suggested[row] = place, judged.labels[row], judged.suggested[row]
    is_drawn = np.zeros(inputs.n, dtype=bool)
    is_drawn[drawn] = True
    known = np.isfinite(judged.quality)
    counts = {
        "samples": int(known.sum()),
        "drawn": len(drawn),
        "decided_before": int((known & (judged.decided >= 0)).sum()),
        "left_out": int((known & (judged.decided == JudgedLabels.SETTLED)).sum()),
        "strata": len(np.unique(stratum[rows])),
    }
    said = f"{len(drawn):,} samples to look at; decide about them in the Review, then evaluate the audit"
    values = {
        "is_drawn": is_drawn,
        "turn": turn,
        "quality": judged.quality,
        "stated": judged.quality,
        "stratum": [None if one < 0 else int(one) for one in stratum],
        "label": label,
        "suggested": suggested,
        "flagged_by": flagged_by(judged, facts.get("thresholds") or {}),
    }
    return Columns(values, {**counts, "headline": said}, known & (judged.decided != JudgedLabels.SETTLED))


def flagged_by(judged: JudgedLabels, thresholds: Mapping[str, float | None]) -> list[str | None]:
    """The narrowest preset that flags each row: its quality is within that of the preset's flags, and it looks like
    another class.

    Args:
        thresholds: preset → highest quality of a label that it flags; None where it flags nothing.
    """
    narrowest: list[str | None] = [None] * len(judged.quality)
    for preset in reversed(PRESETS):
        highest = thresholds.get(preset)
        if highest is None:
            continue
        for row in np.flatnonzero(judged.quality <= highest).tolist():
            if judged.suggested[row] != judged.labels[row]:
                narrowest[row] = preset
    return narrowest


def within(narrowest: list[str | None]) -> dict[str, Array]:
    """Preset → (n,) bool, the rows that it flags, for each preset that flags any."""
    place = np.array([PRESETS.index(one) if one else len(PRESETS) for one in narrowest])
    found: dict[str, Any] = {preset: place <= number for number, preset in enumerate(PRESETS)}
    return {preset: rows for preset, rows in found.items() if rows.any()}


METHOD = Method(
    name="audit_labels",
    version=1,
    label="Audit labels",
    stage="clean",
    key="audit",
    params=AuditParams,
    run=audit_labels,
    reads=("labels", "judged"),
    on_all_rows=True,
    as_given=True,
    writes=(
        Column("is_drawn", bool, "A person is to say whether this label is right", role="mark", title="To look at"),
        Column("turn", int, "Place in the order in which to look at them", role="turn"),
        Column(
            "quality",
            float,
            "Probability that the given label is right, corrected by the answers once they are evaluated",
            best="high",
            role="quality",
        ),
        Column("stated", float, "The same as the run said it", best="high", title="Quality as stated"),
        Column("stratum", int, "Part of the samples, of like quality, that was drawn from; 0 the doubtful ones"),
        Column("label", str, "Label that is looked at", title="Label looked at"),
        Column("suggested", str, "Class it looks most like", role="suggestion"),
        Column("flagged_by", str, "Narrowest preset that flags the label", group=True),
    ),
    cite="Neyman 1934, https://doi.org/10.2307/2342192; Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, "
    "arXiv:2301.09633",
)
