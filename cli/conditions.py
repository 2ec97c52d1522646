"""What makes a check fail: conditions such as `leaks>0, wrong_labels>1%`, on findings that no baseline knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..core.base.method import SEVERITIES
from ..core.base.params import ParamError
from ..core.checking import FAILED
from .check import Checked, Kind, Spot, kinds

FORM = re.compile(r"(?P<name>[a-z_]+)\s*>\s*(?P<bound>\d+(?:\.\d+)?)\s*(?P<percent>%?)")


@dataclass(frozen=True)
class Condition:
    """More than so many findings of a kind.

    Attributes:
        text: as the user wrote it.
        kinds: what counts: one kind, or all kinds of a severity.
        bound: more than this fails.
        is_share: the bound is a percentage of the images that were looked at.
    """

    text: str
    kinds: tuple[Kind, ...]
    bound: float
    is_share: bool


@dataclass(frozen=True)
class Verdict:
    """What became of a condition.

    Attributes:
        condition: what was asked.
        count: findings that count.
        looked: images that were looked at.
        why_not: why nothing can be said; "" where it can.
    """

    condition: Condition
    count: int
    looked: int
    why_not: str = ""

    @property
    def fails(self) -> bool:
        """The findings are more than the bound, even if not all could be looked for."""
        share = 100 * self.count / self.looked if self.looked else 0.0
        return (share if self.condition.is_share else self.count) > self.condition.bound

    @property
    def said(self) -> str:
        """In a line."""
        if self.why_not and not self.fails:
            return f"{self.condition.text}: cannot be judged, {self.why_not}"
        share = f" of {self.looked:,} ({self.count / self.looked:.1%})" if self.looked else ""
        return f"{self.condition.text}: {'failed' if self.fails else 'passed'}, found {self.count:,}{share}"


def parse(text: str) -> list[Condition]:
    """Conditions, separated by commas.

    Raises:
        ParamError: one is not of the form NAME>NUMBER or NAME>NUMBER%, or its name is unknown.
    """
    known: dict[str, tuple[Kind, ...]] = {kind.name: (kind,) for kind in kinds()}
    for severity in SEVERITIES:
        known[severity] = tuple(kind for kind in kinds() if kind.finding.severity == severity and is_main(kind))
    found = []
    for part in (part.strip() for part in text.split(",")):
        match = FORM.fullmatch(part)
        if match is None:
            raise ParamError(
                f"--fail-on must list conditions such as leaks>0 or wrong_labels>1%, separated by commas; got {part!r}"
            )
        name = match["name"]
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the names are {', '.join(known)}"
            raise ParamError(f"--fail-on knows no finding {name!r}; {hint}")
        found.append(Condition(part, known[name], float(match["bound"]), bool(match["percent"])))
    return found


def is_main(kind: Kind) -> bool:
    """A method's finding itself, not one of the method's own checks."""
    return kind.name in (kind.finding.name, kind.method.key)


def judged(conditions: Sequence[Condition], checked: Checked, spots: Sequence[Spot]) -> list[Verdict]:
    """What became of each condition.

    Args:
        spots: the findings that count.
    """
    return [_judged(condition, checked, spots) for condition in conditions]


def _judged(condition: Condition, checked: Checked, spots: Sequence[Spot]) -> Verdict:
    names = {kind.name for kind in condition.kinds}
    methods = {kind.method.name for kind in condition.kinds if is_main(kind)}
    looked = max((checked.looked.get(kind.name, 0) for kind in condition.kinds), default=0)
    places = {
        (spot.kind.method.name, spot.place)
        for spot in spots
        if spot.kind.name in names or spot.kind.method.name in methods
    }
    return Verdict(condition, len(places), looked, _why_not(condition.kinds, looked, checked.summary))


def _why_not(kinds: Sequence[Kind], looked: int, summary: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    """Why nothing can be said of these kinds: none was looked for, or one of their methods broke down."""
    gaps = {gap["method"]: gap["why"] for gap in (*summary["not_here"], *summary["not_checked"])}
    mine = [gaps[kind.method.label] for kind in kinds if kind.method.label in gaps]
    broken = (why for why in mine if why.startswith(FAILED))
    return next(broken, "" if looked else next(iter(mine), "no image was looked at"))
