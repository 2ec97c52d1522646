"""A report for programs: everything that is known, as JSON."""

from __future__ import annotations

import json
from typing import Any

from ..check import Spot
from ..report import Report


def text(report: Report) -> str:
    """One object; `findings` lists every finding, known ones with `new` false."""
    layout, new = report.checked.folder.layout, set(map(id, report.new))
    said = {
        "tool": "image-curation",
        "version": report.version,
        "folder": report.name,
        "images": len(layout.paths),
        "left_out": dict(layout.left_out),
        "missing": layout.missing,
        **report.checked.summary,
        "findings": [_finding(spot, id(spot) in new) for spot in report.checked.spots],
        "baseline": report.against or None,
        "conditions": [
            {
                "condition": one.condition.text,
                "count": one.count,
                "looked": one.looked,
                "fails": one.fails,
                "why_not": one.why_not or None,
            }
            for one in report.verdicts
        ],
        "exit_code": report.exit_code,
    }
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _finding(spot: Spot, is_new: bool) -> dict[str, Any]:
    return {
        "kind": spot.kind.name,
        "method": spot.kind.method.name,
        "severity": spot.kind.finding.severity,
        "place": spot.place,
        "sha256": spot.content or None,
        "new": is_new,
        "more": dict(spot.more),
    }
