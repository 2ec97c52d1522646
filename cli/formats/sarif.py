"""A report as SARIF 2.1.0, which GitHub and editors show beside the files.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..check import Kind, Spot, kinds
from ..report import Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"serious": "error", "moderate": "warning", "minor": "note"}


def text(report: Report) -> str:
    """The log with one run. Paths are relative to the working directory where the folder lies below it."""
    every, new = kinds(), set(map(id, report.new))
    places = {kind.name: number for number, kind in enumerate(every)}
    base = _base(report.checked.folder.root)
    gaps = (*report.checked.summary["not_checked"], *report.checked.summary["not_here"])
    results = []
    for spot in report.checked.spots:
        state = {"baselineState": "new" if id(spot) in new else "unchanged"} if report.against else {}
        results.append(_result(spot, places[spot.kind.name], base) | state)
    run = {
        "tool": {
            "driver": {
                "name": "image-curation",
                "version": report.version,
                "rules": [_rule(kind) for kind in every],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": report.exit_code,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": f"Not checked: {gap['title']} ({gap['why']})"}}
                    for gap in gaps
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def _rule(kind: Kind) -> dict[str, Any]:
    return {
        "id": kind.name,
        "shortDescription": {"text": kind.finding.title},
        "fullDescription": {"text": kind.said},
        "defaultConfiguration": {"level": LEVELS[kind.finding.severity]},
        "properties": {"tags": [kind.method.name, kind.finding.severity]},
    }


def _result(spot: Spot, rule: int, base: str) -> dict[str, Any]:
    place = "" if spot.kind.finding.of_classes else spot.place
    said = f"{spot.place}. {spot.said}" if spot.kind.finding.of_classes else spot.said
    mark = hashlib.sha256("\0".join((spot.kind.name, spot.place, spot.content)).encode()).hexdigest()
    address = "/".join(part for part in (base, quote(place)) if part) or "."
    return {
        "ruleId": spot.kind.name,
        "ruleIndex": rule,
        "level": LEVELS[spot.kind.finding.severity],
        "message": {"text": said},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": address}, "region": {"startLine": 1}}},
        ],
        "partialFingerprints": {"kindPlaceContent/v1": mark},
    }


def _base(root: Path) -> str:
    """Address of the folder from the working directory; a whole one where the folder does not lie below that."""
    place = os.path.relpath(root.absolute(), Path.cwd())
    if place == os.curdir:
        return ""
    return root.resolve().as_uri() if place.startswith(os.pardir) else quote(Path(place).as_posix())
