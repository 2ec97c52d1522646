"""How well embeddings tell classes, as the newest runs that judged labels by them have measured it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ...core.probes.evidence import in_words
from ..runs.record import Run

Strength = Literal["good", "weak", "none"]
STRENGTHS: tuple[Strength, ...] = get_args(Strength)


@dataclass(frozen=True)
class Measured:
    """What a run says of its embeddings.

    Attributes:
        embeddings: their name.
        labels: the field whose classes they were to tell.
        told: `value`, `low`, `high` and `chance`, as `Evidence.facts` has them.
        strength: good, weak or none, wrong labels allowed for.
    """

    embeddings: str
    labels: str
    told: Mapping[str, Any]
    strength: Strength

    @property
    def sentence(self) -> str:
        """In a sentence without its end: how often, the interval, and what shuffled labels give."""
        return in_words(self.told)


def measured_by(run: Run) -> Measured | None:
    """What a run has measured; None for runs that are not done or measure nothing of the kind."""
    told, strength = run.facts.get("evidence"), run.facts.get("evidence_strength")
    named = run.params.get("embeddings")
    if run.status != "done" or not told or not named or strength not in STRENGTHS:
        return None
    return Measured(str(named), str(run.params.get("label_field")), told, strength)


def measured(runs: Iterable[Run]) -> list[Measured]:
    """What runs have measured, the newest of each embeddings and labels; the newest first.

    Nothing is said of embeddings that were made again since.

    Args:
        runs: of a dataset, the oldest first.
    """
    runs = list(runs)
    made = {run.key: run.finished or "" for run in runs}
    found: dict[tuple[str, str], Measured] = {}
    for run in runs:
        if (one := measured_by(run)) is not None and made.get(one.embeddings, "") <= (run.finished or ""):
            found.pop((one.embeddings, one.labels), None)
            found[one.embeddings, one.labels] = one
    return list(found.values())[::-1]


def best_told_first(names: Sequence[str], found: Sequence[Measured]) -> list[str]:
    """Names of embeddings, those that were measured on the same labels in the order of what was measured.

    The labels are those that most embeddings were measured on, the newest of equals. All other names keep their places.

    Args:
        names: in the order that holds where nothing was measured.
    """
    of_labels: dict[str, dict[str, float]] = {}
    for one in found:
        if one.embeddings in names:
            of_labels.setdefault(one.labels, {})[one.embeddings] = float(one.told["value"])
    value = max(of_labels.values(), key=len, default={})
    ranked = iter(sorted((name for name in names if name in value), key=lambda name: -value[name]))
    return [next(ranked) if name in value else name for name in names]
