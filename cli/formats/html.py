"""A report as one HTML page with pictures: nothing is fetched, so it can be handed on as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...core.base.arrays import silent
from ...core.pages.rendering import rendered
from ...core.pages.small_pictures import small_pictures
from ..check import Spot
from ..report import Report

SHOWN = 24  # pictures of each kind
SIDE = 192  # pixels of a picture, shown at two thirds
MOST_CLASSES = 100  # that are listed

Names = Sequence[str | None]


def text(report: Report) -> str:
    """The page."""
    checked, summary = report.checked, report.checked.summary
    layout = checked.folder.layout
    issues = {issue["method"]: issue for issue in summary["issues"]}
    kinds = [
        (kind, issues[kind.method.name], len(places), places[:SHOWN])
        for kind in report.found()
        if (places := _by_place(report.spots_of(kind)))
    ]
    shown = [own[0] for *_, places in kinds for own in places]
    wanted = {name for spot in shown for name in (spot.place, *spot.beside[:1])}
    files = dict(zip(checked.folder.names, checked.folder.files, strict=True))
    splits = sorted(set(layout.splits), key=lambda split: (split is None, split or ""))
    return rendered(
        "check.html",
        title=f"Curation report of {report.name}",
        run=summary,
        images=len(layout.paths),
        left_out=", ".join(f"{count:,} {ending}" for ending, count in layout.left_out.most_common()),
        version=report.version,
        against=report.against,
        conditions=report.verdicts,
        kinds=kinds,
        pictures=small_pictures({name: files[name] for name in sorted(wanted & files.keys())}, silent, SIDE),
        classes=_classes(layout.labels, layout.splits) if any(layout.labels) else [],
        splits=splits if any(splits) else [],
        fine=summary["fine"],
        partly=summary["not_checked"],
        absent=summary["not_here"],
    )


def _by_place(spots: Sequence[Spot]) -> list[list[Spot]]:
    """Those of one place together: a file with two faults is shown once."""
    found: dict[str, list[Spot]] = {}
    for spot in spots:
        found.setdefault(spot.place, []).append(spot)
    return list(found.values())


def _classes(
    labels: Sequence[str | None], splits: Sequence[str | None]
) -> list[tuple[str | None, Counter[str | None]]]:
    """The largest classes, each with its images by split."""
    found: dict[str | None, Counter[str | None]] = {}
    for label, split in zip(labels, splits, strict=True):
        found.setdefault(label, Counter())[split] += 1
    return sorted(found.items(), key=lambda one: (-one[1].total(), one[0] or ""))[:MOST_CLASSES]
