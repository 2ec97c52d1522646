"""A check of a folder: every method that applies, in the catalog's order, and what they found, file by file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import checking
from ..core.base.arrays import Progress
from ..core.base.columns import Column
from ..core.base.errors import Interrupted, ModelError
from ..core.base.method import SEVERITIES, Finding, Method
from ..core.catalog import METHODS, method_named
from ..core.checking import Found, Gap
from ..core.embeddings.choose_model import AUTO
from ..core.probes.evidence import in_words
from .folder import EMBEDDINGS, ImageFolder
from .running import Ran, run_method

TOLD = ("checks", "suggestion", "pair", "partners", "problem")  # roles of columns that say more of a row
BYTES = 1 << 20


@dataclass(frozen=True)
class Kind:
    """Something that can be wrong, as conditions, reports and baselines name it.

    Attributes:
        name: such as wrong_labels; of one of a method's own checks such as unreadable.
        method: the method that finds it.
        finding: how it reads.
        said: what it means.
    """

    name: str
    method: Method
    finding: Finding
    said: str


@dataclass(frozen=True)
class Spot:
    """One thing that was found.

    Attributes:
        kind: what it is.
        place: the path of the image below the folder, with / between the parts; of a finding about a class, the class.
        content: SHA-256 of the file; "" for a class, and for a file that cannot be read.
        more: what else the method says of it, name → text.
        beside: places of the images that it is a copy of.
    """

    kind: Kind
    place: str
    content: str
    more: Mapping[str, str]
    beside: Sequence[str] = ()

    @property
    def said(self) -> str:
        """In one line: what it is, and what else is known."""
        more = "; ".join(f"{name}: {text}" for name, text in self.more.items())
        return f"{self.kind.said} {more}".strip() if more else self.kind.said


@dataclass(frozen=True)
class Checked:
    """A folder that was checked.

    Attributes:
        folder: what was checked.
        ran: the methods that ran.
        summary: as `checking.summary` gives it.
        looked: kind → rows that its method looked at; kinds that nothing could be said about are absent.
        spots: all that was found, the most serious first, then by place.
    """

    folder: ImageFolder
    ran: Sequence[Ran]
    summary: Mapping[str, Any]
    looked: Mapping[str, int]
    spots: Sequence[Spot]


def kinds() -> list[Kind]:
    """Everything that a check can find, in the catalog's order; a method's own checks follow it."""
    found = []
    for method in METHODS:
        if (finding := method.finding) is not None:
            found.append(Kind(finding.name or method.key, method, finding, f"{finding.title}. {finding.sentence}"))
            found += [
                Kind(column.name, method, finding, f"{finding.title}, {_words(column.name)}. {column.said}.")
                for column in method.writes
                if column.role == "check"
            ]
    return found


def check_folder(folder: ImageFolder, progress: Progress, model: str = AUTO) -> Checked:
    """Embed the images, then run every method that finds something and that applies; one's failure stops no other.

    Args:
        model: that embeds them.

    Raises:
        ParamError: the model cannot be had.
    """
    plan = [(method_named("compute_embeddings"), {"model": model}), *checking.applicable(folder.there)]
    ran: list[Ran] = []
    refused: list[Gap] = []
    for number, (method, given) in enumerate(plan):
        within = _within(progress, number, len(plan), method.label)
        within(0, 1)
        try:
            ran.append(run_method(folder, method, method.params.from_dict(given), within))
        except (Interrupted, ModelError):
            raise
        except Exception as error:  # noqa: BLE001 - one method's failure, whatever it is, stops no other
            refused.append(checking.gap(method, checking.refusal(error)))
    progress(1, 1, "summing up")
    found = [_found(folder, one) for one in ran if one.marking is not None]
    absent = checking.not_here(folder.there, {method.name: given for method, given in plan}, "image")
    summary = checking.summary(found, refused, absent, len(folder))
    return checked_of(folder, ran, summary)


def checked_of(folder: ImageFolder, ran: Sequence[Ran], summary: Mapping[str, Any]) -> Checked:
    """What methods found, file by file."""
    by_method = {one.method.name: _found(folder, one).looked for one in ran if one.marking is not None}
    looked = {kind.name: by_method[kind.method.name] for kind in kinds() if kind.method.name in by_method}
    spots = [spot for one in ran for spot in _spots(folder, one)]
    spots.sort(key=lambda spot: SEVERITIES.index(spot.kind.finding.severity))
    return Checked(folder, ran, summary, looked, spots)


def _found(folder: ImageFolder, ran: Ran) -> Found:
    """What one method found, in numbers."""
    method, marked, finding = ran.method, ran.marked(), ran.method.finding
    assert finding is not None
    assert ran.marking is not None
    seen = checking.seen_column(method, ran.columns)
    looked = sum(value is not None for value in ran.columns[seen.name])
    count = len(marked)
    if finding.of_classes:
        count = len({ran.marking[row] for row in marked})
    told = ran.facts.get("evidence") if ran.facts.get("evidence_strength") else None
    return Found(
        method,
        method.key,
        looked,
        count,
        ran.headline,
        checking.why_not(method, len(folder), looked, ran.skipped, "image"),
        expected=_expected_wrong(ran, marked) if count and not finding.of_classes else None,
        told_by=ran.facts.get("told_by"),
        vectors=f"The vectors of {EMBEDDINGS} {in_words(told)}." if told else "",
    )


def _expected_wrong(ran: Ran, marked: Sequence[int]) -> int | None:
    """How many of the marked rows are wrong, by the probabilities that the method gives; None where it gives none."""
    for _, quality in ran.with_role("quality"):
        return round(len(marked) - sum(quality[row] or 0.0 for row in marked))
    return None


def _spots(folder: ImageFolder, ran: Ran) -> Iterator[Spot]:
    """What one method points at, by path; each of its own checks is a kind by itself."""
    if ran.marking is None or ran.method.finding is None:
        return
    known = {kind.name: kind for kind in kinds() if kind.method is ran.method}
    main = next(iter(known.values()))
    if ran.method.finding.of_classes:
        for text in sorted({ran.marking[row] for row in ran.marked()}):
            yield Spot(main, text, "", {})
        return
    checks = next((values for _, values in ran.with_role("checks")), None)
    kept = _kept_of(ran, folder.names)
    partners = next((values for _, values in ran.with_role("partners")), None)
    for row in ran.marked():
        beside = kept.get(row) or (partners[row] if partners is not None else None) or ()
        copy = {"copy of": kept[row][0]} if row in kept else {}
        names = (checks[row] or ()) if checks is not None else ()
        content = content_of(folder.files[row])
        for kind in dict.fromkeys(known.get(name, main) for name in names) or (main,):
            yield Spot(kind, folder.names[row], content, _more(ran, row, kind, folder) | copy, beside)


def _kept_of(ran: Ran, names: Sequence[str]) -> dict[int, list[str]]:
    """Row of a surplus copy → the one of its group that is proposed to stay."""
    groups, keep = (next((values for _, values in ran.with_role(role)), None) for role in ("group", "keep"))
    if groups is None or keep is None:
        return {}
    stays = {group: names[row] for row, group in enumerate(groups) if group is not None and keep[row]}
    return {row: [stays[groups[row]]] for row in ran.marked() if groups[row] in stays}


def _more(ran: Ran, row: int, kind: Kind, folder: ImageFolder) -> dict[str, str]:
    """What the columns say of a row beside that it is marked."""
    found = {}
    label = folder.layout.labels[row]
    if label is not None and "labels" in ran.method.reads:
        found["label"] = label
    for column, values in ran.with_role(*TOLD):
        value = values[row]
        if value and (column.role != "checks" or not any(name in ran.columns for name in value)):
            found[_title(column)] = ", ".join(value) if isinstance(value, list) else str(value)
    if kind.name in ran.columns and isinstance(score := ran.columns[kind.name][row], float):
        found["score"] = f"{score:.3f}"
    return found


def content_of(path: str) -> str:
    """SHA-256 of a file, in hexadecimal digits; "" where it cannot be read."""
    state = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while part := file.read(BYTES):
                state.update(part)
    except OSError:
        return ""
    return state.hexdigest()


def _title(column: Column) -> str:
    return column.title or _words(column.name)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _within(progress: Progress, number: int, count: int, label: str) -> Progress:
    """Progress of one step as progress of the whole."""

    def said(done: int, total: int, doing: str = "") -> None:
        progress(1000 * number + 1000 * done // max(total, 1), 1000 * count, f"{label}: {doing}" if doing else label)

    return said
