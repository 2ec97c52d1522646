"""The loop closes: what is decided counts from then on, in every run, and only where it was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate, get_run, run_recipe, stale_reason
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.recipes import export_recipe
from image_curation.dataset.fields.curated_labels import corrections
from image_curation.dataset.fields.rows import Rows
from image_curation.dataset.fields.working_set import Choice, labels

WRONG = 6


def _stale(dataset: Any) -> dict[str, str | None]:
    return {key: stale_reason(dataset, get_run(dataset, key)) for key in dataset.list_runs()}


@pytest.fixture
def wrong(dataset: Any) -> Any:
    """Sixty samples of three classes in vectors, the first six labelled wrongly; with text labels in `words` too."""
    made = fo.Dataset()
    rng = np.random.default_rng(0)
    codes = np.arange(60) % 3
    vectors = (4 * np.eye(3, 8)[codes] + 0.5 * rng.standard_normal((60, 8))).astype(np.float32)
    given = ["abc"[(code + (row < WRONG)) % 3] for row, code in enumerate(codes)]
    made.add_sample_field("vectors", fo.VectorField)
    made.add_samples(
        [
            fo.Sample(filepath=f"missing/{row}.png", vectors=vectors[row], ground_truth=fo.Classification(label=label))
            for row, label in enumerate(given)
        ],
        progress=False,
    )
    made.set_values("words", given)
    yield made
    made.delete()


@pytest.mark.parametrize("field", ["ground_truth", "words"])
def test_loop__a_correction_is_read_by_the_next_run_and_undone(wrong: Any, field: str) -> None:
    path = "words" if field == "words" else "ground_truth.label"
    given = wrong.values(path)
    by = {"embeddings": "vectors"}
    first = curate(wrong, "find_label_issues", label_field=field, **by)
    curate(wrong, "find_outliers", **by)
    flagged = wrong.match(F("label_issues_is_issue"))
    assert set(flagged.values("id")) >= set(wrong.limit(WRONG).values("id"))
    assert first.working == {"include_excluded": False, "given_labels": False, "excluded": 0, "corrected": 0}
    act(flagged, "relabel", label_field=field, from_field="label_issues_suggested", run="label_issues")
    count = len(flagged)
    assert _stale(wrong) == {"label_issues": f"{count} labels in {field!r} corrected since", "outliers": None}
    act(wrong, "undo")
    assert _stale(wrong) == {"label_issues": None, "outliers": None}

    act(flagged, "relabel", label_field=field, from_field="label_issues_suggested", run="label_issues")
    act(wrong, "rerun", key="label_issues")
    again = get_run(wrong, "label_issues")
    assert again.facts["issues"] == 0, "what is left"
    assert again.facts["working_set"] == f"60 samples, {count} labels corrected"
    assert _stale(wrong)["label_issues"] is None
    assert wrong.values(path) == given, "the given labels are never touched"
    act(wrong, "undo")
    assert f"the correction of {count} labels" in str(_stale(wrong)["label_issues"])
    act(wrong, "rerun", key="label_issues")
    assert get_run(wrong, "label_issues").facts["issues"] == first.facts["issues"]


def test_loop__given_labels_are_read_where_they_are_wanted(wrong: Any) -> None:
    act(wrong.limit(WRONG), "relabel", label_field="ground_truth", label="a")
    run = curate(wrong, "find_label_issues", embeddings="vectors", given_labels=True)
    assert (run.working["given_labels"], run.working["corrected"]) == (True, 0)
    act(wrong.limit(WRONG), "relabel", label_field="ground_truth", label="b")
    assert stale_reason(wrong, run) is None, "it has not read them"
    act(wrong, "rerun", key="label_issues")
    assert get_run(wrong, "label_issues").working["given_labels"]
    assert "given_labels: true" in export_recipe(wrong)
    step = {"method": "find_label_issues", "given_labels": True, "params": {"embeddings": "vectors"}}
    assert run_recipe(wrong, {"steps": [step]})[0].finished == get_run(wrong, "label_issues").finished, "kept"


def test_loop__excluded_samples_are_left_out_until_they_are_wanted(wrong: Any) -> None:
    curate(wrong, "find_outliers", embeddings="vectors")
    curate(wrong.limit(30), "find_outliers", key="of_view", embeddings="vectors")
    act(wrong.limit(10), "mark", decision="exclude")
    assert _stale(wrong) == dict.fromkeys(("outliers", "of_view"), "10 samples were excluded since")
    act(wrong, "undo")
    assert _stale(wrong) == {"outliers": None, "of_view": None}
    act(wrong.limit(10), "mark", decision="exclude")
    act(wrong, "rerun", key="outliers")
    run = get_run(wrong, "outliers")
    assert (run.n, run.working["excluded"], run.target) == (50, 10, "dataset")
    assert run.facts["working_set"] == "50 of 60 samples"
    assert wrong.limit(10).values("outliers_score") == [None] * 10
    act(wrong, "undo")
    assert stale_reason(wrong, run) == "10 samples were brought back since"
    act(wrong.limit(10), "mark", decision="exclude")
    every = curate(wrong, "find_outliers", key="every", embeddings="vectors", include_excluded=True)
    assert (every.n, "working_set" in every.facts) == (60, False)
    act(wrong.limit(12), "mark", decision="exclude")
    assert stale_reason(wrong, every) is None
    with pytest.raises(ParamError, match="all 5 of the target are excluded; widen the target, or pass include_exc"):
        curate(wrong.limit(5), "find_outliers", key="none", embeddings="vectors")


def test_loop__embeddings_are_of_all_samples_and_stay(dataset: Any) -> None:
    curate(dataset, "compute_embeddings", model="descriptor")
    curate(dataset, "find_outliers")
    act(dataset.limit(3), "mark", decision="exclude")
    assert _stale(dataset) == {"embeddings": None, "outliers": "3 samples were excluded since"}
    assert curate(dataset, "compute_embeddings", model="descriptor", overwrite=True).n == 12


def test_loop__tags_that_are_no_split_leave_runs_about_splits_alone(dataset: Any) -> None:
    dataset.limit(6).tag_samples("valid")
    dataset.skip(6).tag_samples("holdout")
    run = curate(dataset, "find_leaks", embeddings="vectors", split_field="tags")
    assert run.reads["labels"]["role"] == "splits"
    dataset.limit(3).tag_samples("favourite")
    assert stale_reason(dataset, run) is None
    dataset.limit(1).untag_samples("valid")
    assert stale_reason(dataset, run) == "values in 'tags' have changed"


def test_loop__objects(dataset: Any, tmp_path: Path) -> None:
    boxes = [[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]
    for sample in dataset:
        label = sample.ground_truth.label
        sample["objects"] = fo.Detections(detections=[fo.Detection(label=label, bounding_box=box) for box in boxes])
        sample.save()
    curate(dataset, "compute_embeddings", model="descriptor", patches_field="objects")
    run = curate(dataset, "find_outliers", embeddings="embeddings")
    patches = dataset.to_patches("objects")
    act(patches.limit(3), "mark", decision="exclude")
    assert stale_reason(dataset, run) == "3 objects were excluded since"
    act(dataset.limit(3), "mark", decision="exclude")  # with all their objects
    act(dataset, "rerun", key="outliers")
    again = get_run(dataset, "outliers")
    assert (again.n, again.facts["working_set"]) == (18, "18 of 24 objects")
    act(
        dataset.to_patches("objects").skip(6).limit(2), "relabel", label_field="objects", label="violet", new_class=True
    )
    issues = curate(dataset, "find_spurious_cues", label_field="objects", patches_field="objects")
    assert issues.facts["working_set"] == "18 of 24 objects, 2 labels corrected"


def test_read__a_view_that_maps_or_filters_is_no_run_of_the_dataset(wrong: Any) -> None:
    mapped = wrong.map_labels("ground_truth", {"a": "b"})
    run = curate(mapped, "find_label_issues", embeddings="vectors")
    assert run.target == "view"
    assert curate(wrong.sort_by("words"), "find_outliers", embeddings="vectors").target == "dataset"


def test_read__what_a_view_hides_is_there(wrong: Any) -> None:
    assert curate(wrong.select_fields("tags"), "find_outliers", embeddings="vectors").n == 60
    assert curate(wrong.exclude_fields("ground_truth"), "find_confusions", embeddings="vectors").n == 60


def test_freshness__fields_that_are_gone_or_empty(wrong: Any) -> None:
    run = curate(wrong, "find_label_issues", embeddings="vectors")
    wrong.clear_sample_field("label_issues_is_issue")
    assert stale_reason(wrong, run) == "its field 'label_issues_is_issue' is empty"
    wrong.delete_sample_field("label_issues_is_issue")
    assert stale_reason(wrong, run) == "its field 'label_issues_is_issue' is gone"


def test_export_list__leaves_excluded_out_and_writes_working_labels(wrong: Any, tmp_path: Path) -> None:
    act(wrong.limit(10), "mark", decision="exclude")
    act(wrong.skip(10).limit(2), "relabel", label_field="ground_truth", label="z", new_class=True)
    path = tmp_path / "list.csv"
    made = act(wrong, "export_list", path=str(path), fields=["ground_truth"])
    rows = path.read_text().splitlines()[1:]
    assert (made["count"], [row.split(",")[1] for row in rows[:2]]) == (50, ["z", "z"])
    assert "50 of 60 samples, 2 labels corrected" in made["headline"]
    given = {"include_excluded": True, "given_labels": True, "overwrite": True}
    act(wrong, "export_list", path=str(path), fields=["ground_truth"], **given)
    rows = path.read_text().splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == wrong.values("ground_truth.label")


def test_labels__a_given_label_edited_later_is_no_correction(dataset: Any) -> None:
    """One picture is relabelled; then an annotator edits the given labels of that one and of another."""
    first, second, third = dataset.limit(3).values("id")
    act(dataset.select(first), "relabel", label_field="ground_truth", label="green")
    dataset.select([first, second]).set_values("ground_truth.label", ["blue", "blue"])
    rows = Rows(dataset.view(), None)
    working, corrected = labels(rows, "ground_truth.label", Choice())
    assert (working[:3], corrected) == (["green", "blue", "red"], 1)
    assert corrections(dataset, "ground_truth.label") == [(first, "green")]
    act(dataset.select(third), "mark", decision="keep")
    act(dataset.select(third), "relabel", label_field="ground_truth", label="red")  # somebody says that it is right
    assert dataset.limit(3).values("ground_truth_curated.label") == ["green", "blue", "red"], "copies follow"
    dataset.select(third).set_values("ground_truth.label", ["blue"])
    assert corrections(dataset, "ground_truth.label") == [(first, "green"), (third, "red")]
    act(dataset, "undo")
    assert corrections(dataset, "ground_truth.label") == [(first, "green")]
