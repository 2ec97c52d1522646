"""A check runs what applies, keeps what holds, sums up by severity; its page leads to the grid and to the review."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import act, curate, export_recipe, get_run, list_runs, stale_reason
from image_curation.core.base.errors import Interrupted
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.check_dataset import CheckDatasetParams, steps
from image_curation.dataset.runs.freshness import Freshness
from image_curation.panels.curation import check_page as checkup
from image_curation.panels.curation.findings import found_in
from image_curation.panels.curation.home import state_of
from PIL import Image


def _names(dataset: Any, **params: Any) -> list[str]:
    return [name for name, _ in steps(dataset, CheckDatasetParams(**params))]


def test_steps__what_there_is_decides(dataset: Any) -> None:
    alone = fo.Dataset()
    alone.add_samples([fo.Sample(filepath=path) for path in dataset.values("filepath")], progress=False)
    assert _names(alone) == ["compute_embeddings", "find_quality_issues", "find_duplicates", "find_outliers"]
    alone.delete()
    labelled = [
        "find_annotation_issues",
        "find_label_issues",
        "find_confusions",
        "find_quality_issues",
        "find_spurious_cues",
    ]
    assert _names(dataset) == [*labelled, "find_duplicates", "find_outliers"]
    dataset.limit(6).tag_samples("train")
    assert "find_leaks" not in _names(dataset)
    dataset.skip(6).tag_samples("test")
    assert "find_leaks" in _names(dataset)
    dataset.set_values("age", [fo.Regression(value=row) for row in range(12)])
    assert "find_regression_issues" in _names(dataset)
    dataset.set_values("many", [fo.Classifications(classifications=[])] * 12)
    dataset.set_values("boxes", [fo.Detections(detections=[])] * 12)
    assert "find_multilabel_issues" in _names(dataset)
    assert "find_detection_issues" not in _names(dataset)
    dataset.set_values("predictions", [fo.Detections(detections=[])] * 12)
    assert "find_detection_issues" in _names(dataset)


def test_check_dataset__sums_up_by_severity(dataset: Any) -> None:
    copy = Path(dataset.first().filepath).with_name("copy.png")
    shutil.copy(dataset.first().filepath, copy)
    twin = fo.Sample(filepath=str(copy), vectors=dataset.first().vectors, ground_truth=fo.Classification(label="red"))
    dataset.add_sample(twin)
    broken = copy.with_name("broken.png")
    broken.write_text("no image")
    label = fo.Classification(label="blue")
    dataset.add_sample(fo.Sample(filepath=str(broken), vectors=np.ones(3, np.float32), ground_truth=label))
    dataset.limit(8).tag_samples("train")
    dataset.skip(8).tag_samples("test")
    summary = act(dataset, "check_dataset")
    run = get_run(dataset, "check")
    issues = {issue["run"]: issue for issue in run.facts["issues"]}
    assert (issues["leaks"]["count"], issues["leaks"]["severity"]) == (2, "serious")
    assert (issues["duplicates"]["count"], issues["duplicates"]["severity"]) == (1, "moderate")
    assert issues["quality"]["count"] >= 1
    order = [("serious", "moderate", "minor").index(issue["severity"]) for issue in run.facts["issues"]]
    assert order == sorted(order)
    assert summary["headline"] == run.headline
    assert "copies in two splits" in run.headline
    assert stale_reason(dataset, run) is None

    before = {one.key: one.finished for one in list_runs(dataset) if one.key != "check"}
    act(dataset, "check_dataset")  # what holds is kept
    assert {one.key: one.finished for one in list_runs(dataset) if one.key != "check"} == before
    assert "check_dataset" not in export_recipe(dataset)

    kinds = {kind["key"]: kind for kind in _kinds(dataset)}
    assert [kind["severity"] for kind in kinds.values()][:2] == ["serious", "serious"]
    leaks = kinds["leaks"]
    assert (leaks["now"], leaks["title"]) == (2, "Copies in two splits")
    assert leaks["pictures"][0]["path"] in dataset.values("filepath")
    assert (leaks["action"]["event"], leaks["action"]["params"]) == ("review", {"key": "leaks"})
    act(dataset, "forget_run", key="leaks", confirm=True)
    assert "leaks" not in {kind["key"] for kind in _kinds(dataset)}
    assert "was forgotten" in str(stale_reason(dataset, get_run(dataset, "check")))


def _kinds(dataset: Any) -> list[dict[str, Any]]:
    """What the check's page shows, kind by kind."""
    runs = list_runs(dataset)
    kinds = found_in(dataset.view(), runs, Freshness(dataset, runs), "ground_truth.label")
    return list(checkup.page(get_run(dataset, "check"), None, kinds, runs)["kinds"])


def test_check_dataset__takes_over_copies_that_were_found_without_labels(dataset: Any) -> None:
    """As the starter recipe finds them; labels only help to choose which copy stays."""
    curate(dataset, "compute_embeddings", model="descriptor")
    made = curate(dataset, "find_duplicates", embeddings="embeddings")
    act(dataset, "check_dataset")
    (run,) = [run for run in list_runs(dataset) if run.method == "find_duplicates"]
    assert (run.key, run.finished) == ("duplicates", made.finished)
    assert "duplicates" in get_run(dataset, "check").reads


def test_check_dataset__says_what_it_could_not_check(dataset: Any) -> None:
    dataset.set_values("ground_truth.label", ["one"] * 12)
    act(dataset, "check_dataset")
    refused = {one["method"]: one["why"] for one in get_run(dataset, "check").facts["not_checked"]}
    assert "at least two classes" in refused["Find label issues"]


def test_check_dataset__refuses_in_a_sentence(dataset: Any) -> None:
    dataset.add_sample_field("check", fo.StringField)
    with pytest.raises(ParamError, match="The name 'check' is taken"):
        act(dataset, "check_dataset")
    with pytest.raises(ParamError, match="at least 1 sample"):
        act(dataset.limit(0), "check_dataset")


def _raising(error: Exception, label: str) -> Any:
    """Progress that stops the method of that name."""

    def told(done: int, total: int, doing: str = "") -> None:
        if doing.startswith(f"{label}: ") and doing != f"{label}: ":
            raise error

    return told


def test_check_dataset__a_method_that_fails_is_named_and_the_others_are_done(dataset: Any) -> None:
    act(dataset, "check_dataset", progress=_raising(RuntimeError("no more memory"), "Find outliers"))
    check = get_run(dataset, "check")
    assert check.status == "done"
    assert {one["method"]: one["why"] for one in check.facts["not_checked"]}[
        "Find outliers"
    ] == "failed: no more memory"
    assert "Outliers" not in check.facts["fine"]
    assert get_run(dataset, "outliers").status == "failed"
    assert {"duplicates", "quality"} <= set(check.reads)
    act(dataset, "check_dataset")
    assert [run.status for run in list_runs(dataset) if run.method == "find_outliers"] == ["done"], "under the same key"
    assert get_run(dataset, "check").facts["not_checked"] == []


def test_check_dataset__cancelled(dataset: Any, empty: Any) -> None:
    with pytest.raises(Interrupted):
        act(dataset, "check_dataset", progress=_raising(Interrupted("Cancelled"), "Find outliers"))
    check = get_run(dataset, "check")
    assert check.is_cancelled
    assert state_of(check, None)[1] == "Cancelled. Try it again, or forget it."
    act(dataset, "check_dataset")
    assert {run.status for run in list_runs(dataset)} == {"done"}
    with pytest.raises(ParamError):
        act(dataset, "check_dataset", embeddings="none_of_that_name")
    with pytest.raises(ParamError):
        act(dataset, "check_dataset", label_field="none_of_that_name")
    with pytest.raises(ParamError):
        act(empty, "check_dataset")
    assert {run.status for run in list_runs(dataset)} == {"done"}
    assert list_runs(empty) == []


def test_check_dataset__a_shortcut_is_about_classes(dataset: Any) -> None:
    """Red, green and blue pictures: each class can be told by its colour alone."""
    sizes = {"red": 16, "green": 40, "blue": 16}
    for sample in dataset:
        with Image.open(sample.filepath) as image:
            image.resize((sizes[sample.ground_truth.label], 16)).save(sample.filepath)
    more = []
    for sample in dataset:
        for number in range(4):  # accidents are ruled out by numbers
            path = sample.filepath.replace(".png", f"_{number}.png")
            shutil.copy(sample.filepath, path)
            more.append(fo.Sample(filepath=path, ground_truth=sample.ground_truth.copy(), vectors=sample.vectors))
    dataset.add_samples(more, progress=False)
    summary = act(dataset, "check_dataset")
    run = get_run(dataset, "spurious")
    cues = {one for one in dataset.values("spurious_cue") if one}
    assert cues
    assert run.facts["told_by"].startswith(f"{len(cues)} of 3 classes can be told by ")
    assert run.headline.startswith(run.facts["told_by"])
    assert summary["headline"].split("; ")[1] == run.facts["told_by"]
    assert summary["spurious"] == len(cues)
    kind = next(one for one in _kinds(dataset) if one["key"] == "spurious")
    assert (kind["now"], kind["action"]["event"]) == (len(cues), "open_run")
    assert kind["text"].startswith(run.facts["told_by"])
    (entry,) = get_run(dataset, "check").facts["history"]
    assert (entry["found"]["find_spurious_cues"], entry["left"]["find_spurious_cues"]) == (len(cues), 0)


def test_found_in__a_run_whose_marks_are_gone_does_not_say_none_found(dataset: Any) -> None:
    act(dataset, "check_dataset")
    assert "outliers" in {kind["key"] for kind in _kinds(dataset)}
    dataset.delete_sample_field("outliers_is_outlier")
    assert "outliers" not in {kind["key"] for kind in _kinds(dataset)}
    assert "is gone" in str(stale_reason(dataset, get_run(dataset, "outliers")))
