"""The status as JSON says what the panel's first page says, at every stage of the work."""

from __future__ import annotations

import json
from typing import Any

import fiftyone as fo
from image_curation import act, curate, get_run, status


def test_status__from_nothing_to_something_decided(dataset: Any) -> None:
    told = status(dataset)
    assert (told["dataset"], told["summary"], told["runs"], told["findings"]) == (dataset.name, "12 samples", [], [])
    assert told["next"]["operator"] == "check_dataset"
    wrong = dataset.first()
    wrong["ground_truth"] = fo.Classification(label="green")
    wrong.save()
    curate(dataset, "find_outliers", embeddings="vectors")
    curate(dataset, "find_annotation_issues", label_field="ground_truth")
    act(dataset.limit(1), "mark", decision="exclude")
    told = json.loads(json.dumps(status(dataset)))
    assert [run["key"] for run in told["runs"]] == ["outliers", "annotations"]
    assert told["summary"] == "11 of 12 samples in use · 1 excluded"
    assert told["runs"][0]["state"] == "stale"
    assert told["runs"][0]["why"].startswith("Out of date")


def test_status__numbers_of_a_check_are_those_of_the_database(dataset: Any) -> None:
    act(dataset, "check_dataset", embeddings="vectors")
    told = json.loads(json.dumps(status(dataset)))
    for found in told["findings"]:
        run = next(run for run in told["runs"] if run["key"] == found["run"])
        assert run["state"] == "done"
        assert 0 <= found["left"] <= found["found"] <= run["samples"]
    assert len(told["not_checked"]) == len(get_run(dataset, "check").facts["not_checked"])
    assert told["next"]["state"] in ("to review", "done", "more to see")


def test_status__empty_dataset(empty: Any) -> None:
    assert status(empty)["summary"] == "0 samples"
