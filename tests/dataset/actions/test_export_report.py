"""Reports as files: figures, pictures and names in one page, and the same figures as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from image_curation import act, curate
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.export_report import examples, places


@pytest.fixture
def reported(dataset: Any) -> Any:
    """Two selections with a report on each."""
    for key, purpose in (("wide", "cover_everything"), ("typical", "label_first")):
        run = curate(dataset, "select_subset", key=key, embeddings="vectors", n=8, purpose=purpose)
        curate(
            dataset,
            "report",
            key=f"report_{key}",
            embeddings="vectors",
            subset=run.writes["selected"],
            rank_field=run.writes["rank"],
            label_field="ground_truth",
        )
    return dataset


def test_export_report__one_page_with_everything_inside(reported: Any, tmp_path: Path) -> None:
    said = act(reported, "export_report", run="report_wide", compared_with="report_typical", path=str(tmp_path))
    page = Path(said["path"]).read_text()
    assert Path(said["path"]).name == "report_wide.html"
    assert not re.search(r"(?:src|href)=\"(?!data:)", page), "something is fetched"
    assert "<script" not in page
    assert page.count("data:image/jpeg;base64,") >= len(examples(reported_run(reported)))
    for text in ("wide_selected", "typical_selected", "Against random subsets", "<svg", "red", "Sparse clusters"):
        assert text in page
    with pytest.raises(ParamError, match="exists already"):
        act(reported, "export_report", run="report_wide", path=said["path"])


def test_export_report__json_holds_the_figures(reported: Any, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    act(reported, "export_report", run="report_wide", path=str(path))
    (found,) = json.loads(path.read_text())
    assert found["facts"]["measures"] == reported_run(reported).facts["measures"]


def test_export_report__names_are_escaped_and_broken_pictures_left_out(reported: Any, tmp_path: Path) -> None:
    reported.name = "<b>bold</b> & co"
    for path in places(reported, reported_run(reported)).values():
        Path(path).write_text("broken")
    said = act(reported, "export_report", run="report_wide", path=str(tmp_path / "r.html"))
    page = Path(said["path"]).read_text()
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co" in page
    assert "base64" not in page


def test_export_report__refusals(reported: Any, tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="'wide' is no finished report; the reports are: report_wide, report_typical"):
        act(reported, "export_report", run="wide", path=str(tmp_path / "r.html"))
    with pytest.raises(ParamError, match=r"must end in .html or .json"):
        act(reported, "export_report", run="report_wide", path=str(tmp_path / "r.pdf"))


def reported_run(dataset: Any) -> Any:
    from image_curation import get_run

    return get_run(dataset, "report_wide")


def test_export_report__of_a_classifier(dataset: Any, tmp_path: Path) -> None:
    """Figures with intervals and a row per class; and with facts of a curve, its chart and the points beside it."""
    from image_curation.dataset.pages import classifier_page

    run = curate(dataset, "train_classifier", embeddings="vectors")
    page = Path(act(dataset, "export_report", run="classifier", path=str(tmp_path))["path"]).read_text()
    assert "<script" not in page
    assert "What cleaning is worth" not in page
    for text in (run.headline, "Right, every class counting alike", "95 % interval", "<td>blue</td>"):
        assert text in page
    points = [
        {"learned_from": name, "n": n, "suspects": None, "accuracy": right, "interval": [right - 0.1, right + 0.1]}
        for name, n, right in (
            ("labels as given", 40, 0.6), ("labels as given", 20, 0.5), ("as many left out at random", 30, 0.55),
            ("the <b>subset", 10, 0.4),
        )
    ]  # fmt: skip
    run.facts["curating"] = {"held_out": 100, "copies_left_out": 3, "curve": points}
    page = classifier_page.page("digits", run)
    assert page.count("<polyline") == 1, "two points make a line"
    assert page.count("<circle") == 2, "one point is a dot"
    assert '<td class="number">20</td><td class="number">50.0%</td><td class="number">40.0% to 60.0%</td>' in page
    assert "the &lt;b&gt;subset" in page
    with pytest.raises(ParamError, match="'classifier' is no finished report"):
        act(dataset, "export_report", run="classifier", compared_with="classifier", path=str(tmp_path / "r.html"))
