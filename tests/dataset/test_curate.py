"""A method run on a real dataset: fields, record, errors, staleness."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.errors import Interrupted
from image_curation.core.base.params import ParamError
from image_curation.dataset.curate import curate, rerun
from image_curation.dataset.runs import freshness
from image_curation.dataset.runs.forget import forget
from image_curation.dataset.runs.freshness import stale_reason
from image_curation.dataset.runs.record import cancel, get_run, list_runs

curate_module = sys.modules["image_curation.dataset.curate"]  # the package's name of it is the function


def test_curate__writes_fields_and_record(dataset: Any) -> None:
    run = curate(dataset, "find_neighbors", embeddings="vectors", k=3)
    assert run.status == "done"
    assert (run.n, run.skipped) == (12, 0)
    assert run.writes == {
        "ids": "neighbors_ids",
        "similarities": "neighbors_similarities",
        "distance": "neighbors_distance",
    }
    first = dataset.first()
    labels = {dataset[other].ground_truth.label for other in first.neighbors_ids}
    assert labels == {"red"}
    field = dataset.get_field("neighbors_distance")
    assert field.description
    assert field.info == {"run": "neighbors", "column": "distance", "best": None}
    assert get_run(dataset, "neighbors") == run
    assert run.params == {"embeddings": "vectors", "k": 3, "metric": "cosine"}
    assert run.reads["embeddings"]["field"] == "vectors"
    assert run.facts["headline"]


def test_curate__skips_samples_without_usable_vectors(dataset: Any) -> None:
    first, second = dataset.limit(2)
    first["vectors"] = None
    second["vectors"] = np.array([np.nan, 0, 0], np.float32)
    first.save()
    second.save()
    run = curate(dataset, "find_neighbors", embeddings="vectors", k=2)
    assert (run.n, run.skipped) == (10, 2)
    assert run.facts["skipped"] == {"no vector": 1, "vector with NaN or infinite numbers": 1}
    assert dataset.first().neighbors_ids is None


def test_curate__refuses_a_taken_key_and_replaces_on_request(dataset: Any) -> None:
    curate(dataset, "find_neighbors", embeddings="vectors", k=3)
    with pytest.raises(
        ParamError,
        match="The key 'neighbors' holds a run of 'Find neighbors' already; choose another key, such as 'neighbors_2'",
    ):
        curate(dataset, "find_neighbors", embeddings="vectors", k=2)
    run = curate(dataset, "find_neighbors", embeddings="vectors", k=2, overwrite=True)
    assert run.params["k"] == 2
    assert len(dataset.first().neighbors_ids) == 2
    assert [other.key for other in list_runs(dataset)] == ["neighbors"]


def test_curate__key_that_is_a_field(dataset: Any) -> None:
    with pytest.raises(ParamError, match="'ground_truth' is taken by a field"):
        curate(dataset, "find_neighbors", embeddings="vectors", key="ground_truth")


def test_curate__key_that_is_no_identifier(dataset: Any) -> None:
    with pytest.raises(ParamError, match="got '2 b'"):
        curate(dataset, "find_neighbors", embeddings="vectors", key="2 b")


def test_curate__field_of_the_same_name_exists(dataset: Any) -> None:
    dataset.add_sample_field("neighbors_ids", type(dataset.get_field("filepath")))
    with pytest.raises(ParamError, match="'neighbors_ids' exists already"):
        curate(dataset, "find_neighbors", embeddings="vectors")
    assert dataset.get_field("neighbors_distance") is None
    assert list_runs(dataset) == [], "a run that was refused leaves no record"
    dataset.delete_sample_field("neighbors_ids")
    assert curate(dataset, "find_neighbors", embeddings="vectors").status == "done"


def test_curate__empty_target(dataset: Any) -> None:
    with pytest.raises(ParamError, match="needs at least 1 sample, and the target has 0"):
        curate(dataset.limit(12).match_tags("none"), "find_neighbors", embeddings="vectors")


def test_curate__unknown_embeddings(dataset: Any) -> None:
    with pytest.raises(ParamError, match="no embeddings run or vector field 'clip'; it has: vectors"):
        curate(dataset, "find_neighbors", embeddings="clip")


def test_curate__unknown_method_and_parameter(dataset: Any) -> None:
    with pytest.raises(ParamError, match="did you mean find_neighbors"):
        curate(dataset, "find_nighbors")
    with pytest.raises(ParamError, match="did you mean metric"):
        curate(dataset, "find_neighbors", metrik="cosine")


def test_curate__vectors_of_two_lengths(dataset: Any) -> None:
    sample = dataset.first()
    sample["vectors"] = np.zeros(5, np.float32)
    sample.save()
    with pytest.raises(ParamError, match="differ in length: 3 numbers on 11 samples, 5 numbers on 1 samples"):
        curate(dataset, "find_neighbors", embeddings="vectors")


def test_curate__one_sample(dataset: Any) -> None:
    run = curate(dataset.limit(1), "find_neighbors", embeddings="vectors")
    assert run.n == 1
    assert run.target == "view"


def test_stale_reason__samples_added_and_embeddings_made_again(dataset: Any) -> None:
    curate(dataset, "compute_embeddings", model="descriptor")
    curate(dataset, "find_neighbors", embeddings="embeddings")
    run = get_run(dataset, "neighbors")
    assert stale_reason(dataset, run) is None
    curate(dataset, "compute_embeddings", model="descriptor", overwrite=True)
    assert stale_reason(dataset, run) == "its embeddings came from 'embeddings', which has been computed again"
    rerun(dataset, "neighbors")
    dataset.delete_samples(dataset.first())
    assert stale_reason(dataset, get_run(dataset, "embeddings")) == "1 sample was removed"


def test_forget__leaves_nothing_behind(dataset: Any) -> None:
    before = set(dataset.get_field_schema())
    curate(dataset, "find_neighbors", embeddings="vectors")
    assert forget(dataset, "neighbors") == {"fields": 3, "samples": 12}
    assert set(dataset.get_field_schema()) == before
    assert list_runs(dataset) == []
    with pytest.raises(ParamError, match="There is no run 'neighbors'"):
        get_run(dataset, "neighbors")


def test_rerun__on_a_view(dataset: Any) -> None:
    curate(dataset.limit(5), "find_neighbors", embeddings="vectors")
    again = rerun(dataset, "neighbors")
    assert (again.n, again.target) == (5, "view")


def test_curate__a_running_record_says_how_far_it_is(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate_module, "NOTE_SECONDS", 0.0)
    seen = []

    def look(done: int, total: int, doing: str = "") -> None:
        dataset.reload()
        seen.append(dict(get_run(dataset, "representatives").progress))

    run = curate(dataset, "find_representatives", embeddings="vectors", k=3, progress=look)
    assert len(seen) > 1
    assert seen[0] == {}
    assert all(0 <= one["share"] <= 1 and one["doing"] for one in seen[1:])
    dataset.reload()
    assert get_run(dataset, "representatives") == run
    assert run.progress == {}


def test_curate__cancelled_leaves_one_line_and_what_was_there(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate_module, "NOTE_SECONDS", 0.0)

    def stop(done: int, total: int, doing: str = "") -> None:
        assert cancel(dataset, "representatives")

    with pytest.raises(Interrupted):
        curate(dataset, "find_representatives", embeddings="vectors", k=3, progress=stop)
    (left,) = list_runs(dataset)
    assert left.is_cancelled
    assert (left.status, left.error, left.writes) == ("failed", "Cancelled", {})
    run = curate(dataset, "find_representatives", embeddings="vectors", k=3)
    clusters = dataset.values("representatives_cluster")
    with pytest.raises(Interrupted):
        curate(dataset, "find_representatives", embeddings="vectors", k=5, overwrite=True, progress=stop)
    assert list_runs(dataset) == [run]
    assert dataset.values("representatives_cluster") == clusters


def test_freshness__remembers_until_a_sample_changes(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    curate(dataset, "find_label_issues", embeddings="vectors", label_field="ground_truth")
    monkeypatch.setattr(freshness, "SETTLED", timedelta(0))
    reads = []
    plain = type(dataset).values
    monkeypatch.setattr(
        type(dataset), "values", lambda self, *args, **more: reads.append(1) or plain(self, *args, **more)
    )

    def reason() -> str | None:
        return freshness.Freshness(dataset).stale_reason("label_issues")

    assert reason() is None
    known = len(reads)
    assert known > 0
    assert reason() is None
    assert len(reads) == known
    sample = dataset.first()
    sample.ground_truth.label = "blue"
    sample.save()
    assert reason() == "labels in 'ground_truth.label' have changed"
    sample.ground_truth.label = "red"
    sample.save()
    assert reason() is None
    dataset.delete_samples(sample)
    assert reason() == "1 sample was removed"


def test_freshness__what_changed_a_moment_ago_is_not_remembered(dataset: Any) -> None:
    curate(dataset, "find_label_issues", embeddings="vectors", label_field="ground_truth")
    for label in ("blue", "green", "blue"):  # faster than the database's clock can be sure to tell
        dataset.set_values("ground_truth.label", [label] * 12)
        assert "have changed" in (freshness.Freshness(dataset).stale_reason("label_issues") or "")
    assert all(place[0] != str(dataset._doc.id) for place in freshness._READ)


def test_curate__slices_of_one_scan_have_one_range(tmp_path: Any) -> None:
    """Ten slices hold negative numbers and ten do not: none is called dark, and the embeddings say the range."""
    import fiftyone as fo
    import tifffile

    rng = np.random.default_rng(0)
    dataset = fo.Dataset()
    for number in range(20):
        values = rng.integers(0, 3_000, (32, 32)) - (1_000 if number % 2 else 0)
        path = str(tmp_path / f"{number}.tif")
        tifffile.imwrite(path, values.astype(np.int16))
        dataset.add_sample(fo.Sample(filepath=path))
    run = curate(dataset, "compute_embeddings", model="descriptor")
    assert run.facts["picture_ranges"] == {"int16": [-1_000, 3_000]}
    issues = curate(dataset, "find_quality_issues")
    assert not any("dark" in (own or []) for own in dataset.values(issues.writes["issues"]))
