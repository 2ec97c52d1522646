"""A report for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..check import Kind, Spot
from ..report import Report

SHOWN = 5  # files of each kind


def text(report: Report) -> str:
    """What was found, the most serious first, with the first files of each; what was not checked; the conditions."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    layout, summary = report.checked.folder.layout, report.checked.summary
    yield f"{report.name}: {', '.join(_counts(report))}"
    if layout.left_out:
        yield f"Left out: {', '.join(f'{count:,} {ending}' for ending, count in layout.left_out.most_common())}"
    if layout.missing:
        yield f"Missing: {len(layout.missing):,} images that label files name"
    yield f"{summary['headline']}."
    if report.against:
        yield f"New since {report.against}: {len(report.new):,} of {len(report.checked.spots):,} findings."
    issues = {issue["method"]: issue for issue in summary["issues"]}
    for kind in report.found():
        if kind.method.name in issues:
            yield ""
            yield from _issue(kind, issues[kind.method.name], report.spots_of(kind), bool(report.against))
    yield ""
    if summary["fine"]:
        yield f"Nothing found: {', '.join(summary['fine'])}"
    for said, gaps in (("Not checked throughout", summary["not_checked"]), ("Not checked", summary["not_here"])):
        for why in dict.fromkeys(gap["why"] for gap in gaps):
            yield f"{said}: {', '.join(gap['title'] for gap in gaps if gap['why'] == why)} ({why})"
    yield from (f"Condition {verdict.said}" for verdict in report.verdicts)


def _counts(report: Report) -> Iterator[str]:
    layout = report.checked.folder.layout
    yield f"{len(layout.paths):,} image{'' if len(layout.paths) == 1 else 's'}"
    if classes := {label for label in layout.labels if label is not None}:
        yield f"{len(classes):,} class{'' if len(classes) == 1 else 'es'}"
    if splits := Counter(split for split in layout.splits if split is not None):
        yield f"splits {', '.join(f'{name} {count:,}' for name, count in splits.items())}"


def _issue(kind: Kind, issue: dict[str, int | str], spots: list[Spot], only_new: bool) -> Iterator[str]:
    new = f", {len({spot.place for spot in spots}):,} new" if only_new else ""
    yield f"{issue['severity']}: {issue['title']} ({kind.name}), {issue['count']:,}{new}. {issue['said']}"
    places = dict.fromkeys(spot.place for spot in spots)
    for place in list(places)[:SHOWN]:
        yield f"  {place}  {'; '.join(_more(spot, kind) for spot in spots if spot.place == place)}".rstrip()
    if len(places) > SHOWN:
        yield f"  and {len(places) - SHOWN:,} more; --table and --format json list all"


def _more(spot: Spot, kind: Kind) -> str:
    own = [spot.kind.name] if spot.kind.name != kind.name else []
    return ", ".join([*own, *(f"{name}: {value}" for name, value in spot.more.items())])
