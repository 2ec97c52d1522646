"""A check of everything that applies: which methods it runs, with what, and how what they found is summed up.

Whoever checks tells what is there, by role, and what each method found; an array, a folder or a database alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .base.arrays import Facts
from .base.columns import Column
from .base.method import SEVERITIES, Method
from .base.params import ParamError, domains, roles
from .catalog import METHODS

LACKING = {
    "labels": "no given labels found",
    "splits": "no splits found",
    "label_sets": "no sets of labels found",
    "detections": "no given boxes found",
    "detected": "no predicted boxes found",
    "annotations": "no labels found",
    "numbers": "no Regressions found",
}

FAILED = "failed: "  # begins why a method broke down, where neither data nor parameters are to blame

Gap = Mapping[str, str]  # "method", "title", "why" of a method that did not look at everything


@dataclass(frozen=True)
class Found:
    """What one method of a check found.

    Attributes:
        method: it has a `finding`.
        key: names its run.
        looked: rows that it looked at.
        count: rows that it points at; of a finding about classes, classes.
        headline: as its run says it.
        why_not: why it did not look at the other rows; "" where it looked at all.
        labels: the label field that it judged, where the headline is to name it.
        expected: how many of what it points at are wrong, by the probabilities that it gives; None where it gives none.
        told_by: a sentence about classes, of a finding about classes.
        vectors: a sentence about what it compared the rows by; "" for none.
    """

    method: Method
    key: str
    looked: int
    count: int
    headline: str
    why_not: str = ""
    labels: str | None = None
    expected: int | None = None
    told_by: str | None = None
    vectors: str = ""

    def issue(self, n: int) -> dict[str, Any]:
        """As a summary lists it, of n rows."""
        finding = self.method.finding
        assert finding is not None
        return {
            "run": self.key,
            "method": self.method.name,
            "title": finding.title,
            "severity": finding.severity,
            "checked": self.looked,
            "of": n,
            **({"told_by": self.told_by} if finding.of_classes else {}),
            "count": self.count,
            "expected": self.expected,
            "said": finding.sentence + (f" {self.vectors}" if self.vectors else ""),
            "headline": self.headline,
        }


def applicable(there: Mapping[str, str | None]) -> Iterator[tuple[Method, dict[str, Any]]]:
    """Methods that find something and that can run on what is there, with the parameters that name it.

    Args:
        there: role → what there is of it; None for nothing.
    """
    for method in METHODS:
        given = _given(method, there) if method.finding is not None else None
        if given is not None:
            yield method, given


def _given(method: Method, there: Mapping[str, str | None]) -> dict[str, Any] | None:
    """The parameters of a method that name something, by role; None where it needs what is not there."""
    known = domains(method.params)
    named = {name: there.get(role) for name, role in roles(method.params).items() if not known[name].many}
    if any(name is None and not known[parameter].optional for parameter, name in named.items()):
        return None
    if any(role in LACKING and known[name].many and not there.get(role) for name, role in roles(method.params).items()):
        return None
    return {name: value for name, value in named.items() if value is not None}


def not_here(there: Mapping[str, str | None], ran: Mapping[str, Any], word: str) -> list[dict[str, str]]:
    """Gaps of the methods that need what is not there.

    Args:
        ran: the methods that can run, by name.
        word: what the rows are.
    """
    gaps = []
    for method in METHODS:
        if method.finding is not None and method.name not in ran:
            lacks = [LACKING[role] for role in method.reads if role in LACKING and not there.get(role)]
            gaps.append(gap(method, lacks[0] if lacks else f"not for {word}s"))
    return gaps


def gap(method: Method, why: str) -> dict[str, str]:
    """What a summary says of a method that did not look at everything."""
    title = method.finding.title if method.finding is not None else method.label
    return {"method": method.label, "title": title, "why": why}


def refusal(error: Exception) -> str:
    """Why a method could not run."""
    return str(error) if isinstance(error, ParamError) else f"{FAILED}{str(error) or type(error).__name__}"


def seen_column(method: Method, written: Mapping[str, Any]) -> Column:
    """A column that every row which the method looked at has a value in.

    Args:
        written: names of the columns that it wrote.
    """
    there = [column for column in method.writes if column.name in written]
    plain = [column for column in there if column.marks and column.type is bool]
    return next(iter([*plain, *(column for column in there if column.type is float), *there]))


def why_not(method: Method, n: int, looked: int, skipped: Mapping[str, int], word: str) -> str:
    """Why a method did not look at all rows: "35 of 125 samples: no vector"; "" where it did.

    Args:
        skipped: reason → rows that were left out before it ran.
    """
    if looked >= n:
        return ""
    why = [f"{count:,} {reason}" for reason, count in skipped.items()]
    declared = roles(method.params).values()
    if not why:
        why = ["no split" if "splits" in declared else "no label" if "labels" in declared else "no result"]
    return f"{n - looked:,} of {n:,} {word}s: {', '.join(why)}"


def summary(found: Sequence[Found], refused: Sequence[Gap], absent: Sequence[Gap], n: int) -> Facts:
    """What was found, the most serious and most frequent first, and how much of the rows each kind looked at.

    A kind is fine only where every row was looked at and nothing was found.

    Args:
        refused: methods that could not run.
        absent: methods that need what is not there.
        n: number of rows.
    """
    issues = [(one, one.issue(n)) for one in found if one.count]
    issues.sort(key=lambda pair: (SEVERITIES.index(pair[1]["severity"]), -pair[0].count))
    partly = [gap(one.method, one.why_not) for one in found if one.looked < n]
    gaps = [*(dict(one) for one in refused), *partly]
    return {
        "headline": _headline([one for one, _ in issues], gaps, n),
        "issues": [issue for _, issue in issues],
        "fine": [gap(one.method, "")["title"] for one in found if one.looked >= n and not one.count],
        "not_checked": gaps,
        "not_here": [dict(one) for one in absent],
    }


def _headline(issues: Sequence[Found], gaps: Sequence[Gap], n: int) -> str:
    """What was found, in what; names the labels that were judged, and the kinds that were not checked throughout."""
    found = []
    samples = [issue for issue in issues if not _of_classes(issue)]
    for issue in samples[:3]:
        inside = f" in {issue.labels!r}" if issue.labels else ""
        about = f" (about {issue.expected:,} are)" if issue.expected is not None else ""
        finding = issue.method.finding
        what = finding.counted(issue.count) if finding else f"{issue.count:,} {_lower(issue.method.label)}"
        found.append(f"{what}{inside}{about}")
    more = len(samples) - len(found)
    said = ", ".join(found) + (f" and {more} more kind{'' if more == 1 else 's'}" if more else "")
    headline = f"{said} among" if samples else "Nothing found in"
    headline += f" {n:,} samples"
    about_classes = [issue.told_by or f"{issue.count:,} classes" for issue in issues if _of_classes(issue)]
    headline = "; ".join([headline] * bool(samples or not about_classes) + about_classes)
    titles = list(dict.fromkeys(_lower(gap["title"]) for gap in gaps))
    listed = ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")
    return headline + (f"; not checked throughout: {listed}" if titles else "")


def _of_classes(issue: Found) -> bool:
    return issue.method.finding is not None and issue.method.finding.of_classes


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
