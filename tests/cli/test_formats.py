"""Reports in the forms that other programs read, against the structure that these forms have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as Xml

import pytest
from image_curation.cli.check import Checked
from image_curation.cli.conditions import judged, parse
from image_curation.cli.formats import as_json, html, junit, sarif, text
from image_curation.cli.report import Report


@pytest.fixture
def report(checked: Checked) -> Report:
    """One leak is known, and one condition of each outcome."""
    new = [spot for spot in checked.spots if (spot.kind.name, spot.place) != ("leaks", "train/red/0.png")]
    verdicts = judged(parse("leaks>0, unreadable>1, detection_issues>0"), checked, new)
    return Report("colors", "1.2.3", checked, new, "known.json", verdicts)


def test_text__tells_the_new_ones(report: Report) -> None:
    said = text.text(report)
    every = len(report.checked.spots)
    assert f"New since known.json: {every - 1} of {every} findings." in said
    assert "(leaks), 2, 1 new." in said
    assert "  train/red/0.png  leak of" not in said


def test_json(report: Report) -> None:
    said = json.loads(as_json.text(report))
    assert said["exit_code"] == 1
    assert said["images"] == 35
    assert [one["fails"] for one in said["conditions"]] == [True, False, False]
    leaks = {one["place"]: one["new"] for one in said["findings"] if one["kind"] == "leaks"}
    assert leaks == {"test/red/leak.png": True, "train/red/0.png": False}


def test_html(report: Report) -> None:
    """One page that fetches nothing; a copy is shown beside the one that stays, and what is known is left out."""
    said = html.text(report)
    assert re.findall(r"(?:src|href)=\"(?!data:image/jpeg;base64,)", said) == []
    assert "<h2>" in said
    assert "<figcaption>test/red/leak.png<br>leak of: train/red/0.png</figcaption>" in said
    assert "<figcaption>train/red/0.png<br>leak of" not in said
    assert said.count('<div class="two"><img alt="" src=') >= 2
    assert "<figcaption>train/red/broken.png<br>unreadable<br>error: " in said
    assert "<td>red</td>" in said


def test_junit(report: Report) -> None:
    whole = Xml.fromstring(junit.text(report))
    assert whole.tag == "testsuites"
    (suite,) = whole
    cases = suite.findall("testcase")
    for element in (whole, suite):
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[name]) == len(suite.findall(f"testcase/{tag}"))
        assert int(element.attrib["tests"]) == len(cases)
    assert all({"classname", "name"} <= case.attrib.keys() for case in cases)
    assert all(len(case) <= 1 for case in cases)
    outcome = {
        case.attrib["name"]: [one.tag for one in case] for case in cases if "conditions" in case.attrib["classname"]
    }
    assert outcome == {"leaks>0": ["failure"], "unreadable>1": [], "detection_issues>0": ["error"]}
    failed = suite.find("testcase/failure")
    assert failed is not None
    assert failed.text is not None
    assert [line.partition(":")[0] for line in failed.text.split("\n")] == ["test/red/leak.png"]


@pytest.mark.parametrize("form", [junit.text, sarif.text, text.text, as_json.text, html.text])
def test_formats__odd_names(report: Report, form: Callable[[Report], str]) -> None:
    """Names that XML and addresses cannot hold as they are."""
    odd = "a b/<&\"'>\x01%20é.png"
    spot = replace(report.new[0], place=odd)
    said = form(replace(report, new=[spot], checked=replace(report.checked, spots=[spot])))
    if form is junit.text:
        assert "a b/<&\"'>\ufffd%20é.png: " in "".join(Xml.fromstring(said).itertext())
    if form is sarif.text:
        (result,) = json.loads(said)["runs"][0]["results"]
        address = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"file://[A-Za-z0-9/._~%-]+", address)
        assert unquote(address).endswith(odd)


def test_sarif(report: Report, planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SARIF 2.1.0 requires of a log, and what GitHub requires beside that."""
    monkeypatch.chdir(planted.parent)
    log = json.loads(sarif.text(report))
    assert log["version"] == "2.1.0"
    assert log["$schema"].startswith("https://")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "image-curation"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    assert all(rule["shortDescription"]["text"] and rule["fullDescription"]["text"] for rule in driver["rules"])
    assert run["invocations"][0]["exitCode"] == 1
    assert len(run["results"]) == len(report.checked.spots)
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        assert result["baselineState"] in ("new", "unchanged")
        assert re.fullmatch("[0-9a-f]{64}", result["partialFingerprints"]["kindPlaceContent/v1"])
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["region"]["startLine"] == 1
        assert (planted.parent / unquote(place["artifactLocation"]["uri"])).exists()
    assert sum(result["baselineState"] == "unchanged" for result in run["results"]) == 1


def test_sarif__a_folder_elsewhere(
    report: Report, planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = json.loads(sarif.text(report))["runs"][0]["results"][0]
    address = unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    assert Path(address.removeprefix("file://")).is_file()
