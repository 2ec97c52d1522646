"""A folder on the command line and the same folder in FiftyOne: the same methods find the same in the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from image_curation import act, curate, get_run, import_images
from image_curation.cli.check import Checked
from image_curation.cli.main import main
from image_curation.cli.table import table_of

COUNTED = ("run", "severity", "checked", "of", "count", "expected")
MARKS = ("leaks_is_leak", "label_issues_is_issue", "quality_is_issue", "outliers_is_outlier", "annotations_is_issue")


@pytest.mark.slow
def test_check__as_in_fiftyone(empty: Any, planted: Path, checked: Checked) -> None:
    import_images(empty, directory=str(planted))
    curate(empty, "compute_embeddings", model="descriptor")
    act(empty, "check_dataset")
    facts = get_run(empty, "check").facts
    there, here = ({one["method"]: one for one in issues} for issues in (facts["issues"], checked.summary["issues"]))
    assert [*there] == [*here]
    for method, issue in there.items():
        assert {name: issue[name] for name in COUNTED} == {name: here[method][name] for name in COUNTED}, method
    assert facts["headline"].replace(" in 'ground_truth'", "") == checked.summary["headline"]
    assert facts["fine"] == checked.summary["fine"]
    columns = {name: column.values for name, column in table_of(checked.folder, checked.ran).items()}
    names = [str(Path(path).relative_to(planted)) for path in empty.values("filepath")]
    assert names == columns["path"]
    for mark in MARKS:
        assert empty.values(mark) == columns[mark], mark


@pytest.mark.slow
def test_dataset__is_checked_by_its_name(
    empty: Any, planted: Path, checked: Checked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a folder's check finds, it finds; excluded images are not looked at."""
    import_images(empty, directory=str(planted))
    curate(empty, "compute_embeddings", model="descriptor")
    out, table = tmp_path / "report.json", tmp_path / "table.json"
    options = ["--format", "json", "--out", str(out), "--table", str(table)]
    assert main(["check", "--dataset", empty.name, "--fail-on", "leaks>0", *options]) == 1
    said = json.loads(out.read_text())
    places = [(spot.kind.name, spot.place, spot.content) for spot in checked.spots]
    assert [(one["kind"], one["place"], one["sha256"] or "") for one in said["findings"]] == places
    assert [row["path"] for row in json.loads(table.read_text())] == list(checked.folder.names)
    leak = next(one for one in said["findings"] if one["place"] == "test/red/leak.png")
    assert leak["more"] == {"leak of": "train/red/0.png"}

    copy = empty.select_by("filepath", str(planted / "test/red/leak.png"))
    act(copy, "mark", decision="exclude", reason="leak")
    assert main(["check", "--dataset", empty.name, "--fail-on", "leaks>0", *options]) == 0
    assert json.loads(out.read_text())["images"] == 34
    capsys.readouterr()


def test_dataset__that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--dataset", "no such set"]) == 2
    assert "There is no dataset 'no such set'" in capsys.readouterr().err
