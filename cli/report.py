"""What a check says, whatever the format it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .check import Checked, Kind, Spot, kinds
from .conditions import Verdict, is_main

FINE, FOUND, BAD_USE, COULD_NOT = 0, 1, 2, 3  # exit codes


@dataclass(frozen=True)
class Report:
    """A check, and what it was judged by.

    Attributes:
        name: the folder, as the user named it.
        version: of this package.
        checked: what was checked, and everything that was found.
        new: the findings that count: those that the baseline does not have.
        against: the baseline; "" for none.
        verdicts: what became of the conditions.
    """

    name: str
    version: str
    checked: Checked
    new: Sequence[Spot]
    against: str
    verdicts: Sequence[Verdict]

    @property
    def exit_code(self) -> int:
        """0 fine, 1 a condition fails, 3 a condition cannot be judged and none fails."""
        if any(one.fails for one in self.verdicts):
            return FOUND
        return COULD_NOT if any(one.why_not for one in self.verdicts) else FINE

    def spots_of(self, kind: Kind) -> list[Spot]:
        """The findings that count of a kind; of a method's finding itself, all that the method found."""
        if is_main(kind):
            return [spot for spot in self.new if spot.kind.method is kind.method]
        return [spot for spot in self.new if spot.kind.name == kind.name]

    def found(self) -> list[Kind]:
        """The methods' findings that were looked for, in the order of the summary, then those that found nothing."""
        there = [kind for kind in kinds() if is_main(kind) and kind.name in self.checked.looked]
        order = [issue["method"] for issue in self.checked.summary["issues"]]
        last = len(order)
        return sorted(there, key=lambda kind: order.index(kind.method.name) if kind.method.name in order else last)
