"""A report as JUnit XML, which CI servers show as tests: one for each condition, and one for each kind of finding.

Only conditions fail; what is found beyond them stands in a test's output.
https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from ..check import Spot
from ..report import Report

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML cannot hold


def text(report: Report) -> str:
    """The document, with its declaration."""
    suite = Xml.Element("testsuite", name=f"image-curation {report.name}")
    for verdict in report.verdicts:
        case = Xml.SubElement(suite, "testcase", classname="image-curation.conditions", name=verdict.condition.text)
        if verdict.fails:
            spots = [spot for kind in verdict.condition.kinds for spot in report.spots_of(kind)]
            Xml.SubElement(case, "failure", message=_clean(verdict.said), type="findings").text = _listed(spots)
        elif verdict.why_not:
            Xml.SubElement(case, "error", message=_clean(verdict.said), type="not checked")
    for kind in report.found():
        case = Xml.SubElement(suite, "testcase", classname="image-curation.findings", name=kind.name)
        if spots := report.spots_of(kind):
            Xml.SubElement(case, "system-out").text = _listed(spots)
    gaps = (*report.checked.summary["not_checked"], *report.checked.summary["not_here"])
    for gap in gaps:
        case = Xml.SubElement(suite, "testcase", classname="image-curation.not-checked", name=_clean(gap["title"]))
        Xml.SubElement(case, "skipped", message=_clean(gap["why"]))
    counts = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    whole = Xml.Element("testsuites", name="image-curation")
    for element in (whole, suite):
        element.attrib |= {name: str(count) for name, count in counts.items()}
    whole.append(suite)
    Xml.indent(whole)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(whole, encoding="unicode")}\n'


def _listed(spots: Sequence[Spot]) -> str:
    return _clean("\n".join(f"{spot.place}: {spot.said}" for spot in spots))


def _clean(said: str) -> str:
    return UNPRINTABLE.sub("\ufffd", said)
