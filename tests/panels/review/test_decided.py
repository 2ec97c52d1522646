"""What was decided is not asked again by the next run, unless that says something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import curate
from image_curation.dataset.decisions import decisions
from image_curation.dataset.runs.record import list_runs
from image_curation.panels.review import review_queue as queue
from image_curation.panels.shared.scope import Scope

PANEL = "@image-curation/curator/review"
GIVEN = {"embeddings": "vectors", "label_field": "ground_truth"}


@pytest.fixture
def flagged() -> Iterator[Any]:
    """Thirty samples of three classes, three of them labelled wrongly and found: run `label_issues`."""
    rng = np.random.default_rng(3)
    made = fo.Dataset()
    made.add_sample_field("vectors", fo.VectorField)
    names = ("cat", "cow", "dog")
    samples = []
    for number in range(30):
        code = number % 3
        label = names[(code + 1) % 3 if number in (0, 7, 14) else code]
        vector = (np.eye(3)[code] + 0.05 * rng.standard_normal(3)).astype(np.float32)
        samples.append(
            fo.Sample(f"/pictures/{number}.png", ground_truth=fo.Classification(label=label), vectors=vector)
        )
    made.add_samples(samples, progress=False)
    del samples  # FiftyOne reads samples that are held anew, one by one
    curate(made, "find_label_issues", **GIVEN)
    yield made
    made.delete()


def test_decisions__another_run_does_not_ask_again(flagged: Any, on: Callable[..., Any]) -> None:
    wrong = flagged.match({"label_issues_is_issue": True})
    assert len(wrong) == 3
    kept, excluded, open_one = wrong.values("id")
    decisions.keep(flagged.select(kept), "ground_truth", "label_issues")
    decisions.exclude(flagged.select(excluded))  # beside the grid, in no review
    assert _left(flagged, "label_issues") == (1, 3)
    curate(flagged, "find_label_issues", key="another", **GIVEN)
    assert _left(flagged, "another") == (1, 2)  # what is excluded is not read
    curate(flagged, "find_label_issues", overwrite=True, **GIVEN)
    assert _left(flagged, "label_issues") == (1, 2)
    review = on(flagged, uri=PANEL).send("choose_source", key="another")
    assert review.data["card"]["id"] == open_one
    assert review.data["undo"] == "kept"  # made in the review of the other run
    review.send("undo")
    assert _left(flagged, "another") == (2, 2)


def test_decisions__other_evidence_is_asked_about(flagged: Any) -> None:
    one = flagged.match({"label_issues_is_issue": True}).first()
    decisions.keep(flagged.select(one.id), "ground_truth", "label_issues")
    assert _left(flagged, "label_issues") == (2, 3)
    given, said = one.ground_truth.label, one["label_issues_suggested"]
    third = next(name for name in ("cat", "cow", "dog") if name not in (given, said))
    flagged.set_values("label_issues_suggested", {one.id: third}, key_field="id")
    assert _left(flagged, "label_issues") == (3, 3)
    decisions.relabel(flagged.select(one.id), "ground_truth", third, "label_issues")
    flagged.set_values("label_issues_suggested", {one.id: given}, key_field="id")  # which a person has taken away
    assert _left(flagged, "label_issues") == (2, 3)


def test_decisions__where_nothing_was_said_do_not_answer_what_is_said_later(flagged: Any) -> None:
    one = flagged.match({"label_issues_is_issue": True}).first()
    said = one["label_issues_suggested"]
    flagged.set_values("label_issues_suggested", {one.id: None}, key_field="id")
    decisions.keep(flagged.select(one.id), "ground_truth", "label_issues")
    assert _left(flagged, "label_issues") == (2, 3)
    flagged.set_values("label_issues_suggested", {one.id: said}, key_field="id")
    assert _left(flagged, "label_issues") == (3, 3)


def test_decisions__of_earlier_versions_count(flagged: Any) -> None:
    one = flagged.match({"label_issues_is_issue": True}).first()
    decisions.keep(flagged.select(one.id), "ground_truth", "label_issues")
    flagged.clear_sample_field(decisions.FINDINGS)  # as they were filed
    assert _left(flagged, "label_issues") == (2, 3)
    curate(flagged, "find_label_issues", key="another", **GIVEN)
    assert _left(flagged, "another") == (2, 3)


def test_copies__a_further_one_is_asked_about() -> None:
    made = fo.Dataset()
    try:
        made.add_sample_field("vectors", fo.VectorField)
        vectors = np.eye(6, dtype=np.float32)[[0, 0, 1, 1, 2, 3]]
        made.add_samples([fo.Sample(f"/{at}.png", vectors=vector) for at, vector in enumerate(vectors)], progress=False)
        curate(made, "find_duplicates", embeddings="vectors")
        assert _left(made, "duplicates") == (2, 2)
        first = made.limit(2)
        decisions.keep(first, queue="duplicates")
        second = made.skip(2).limit(2)
        decisions.settle(second.limit(1), second.skip(1), queue="duplicates")
        assert _left(made, "duplicates") == (0, 2)
        curate(made, "find_duplicates", embeddings="vectors", overwrite=True)
        assert _left(made, "duplicates") == (0, 1)
        made.add_sample(fo.Sample("/new.png", vectors=vectors[0]))
        curate(made, "find_duplicates", embeddings="vectors", overwrite=True)
        assert _left(made, "duplicates") == (2, 2)
    finally:
        made.delete()


def test_leaks__a_further_one_is_asked_about() -> None:
    made = fo.Dataset()
    try:
        made.add_sample_field("vectors", fo.VectorField)
        vectors = np.eye(6, dtype=np.float32)[[0, 0, 1, 2]]
        tags = ("train", "test", "train", "test")
        made.add_samples(
            [
                fo.Sample(f"/{at}.png", vectors=vector, tags=[tag])
                for at, (vector, tag) in enumerate(zip(vectors, tags, strict=True))
            ],
            progress=False,
        )
        curate(made, "find_leaks", embeddings="vectors")
        marked = made.match({"leaks_is_leak": True})
        n = len(marked)
        decisions.keep(marked, queue="leaks")
        assert _left(made, "leaks") == (0, n)
        made.add_sample(fo.Sample("/new.png", vectors=vectors[0], tags=["train"]))
        curate(made, "find_leaks", embeddings="vectors", overwrite=True)
        left, n = _left(made, "leaks")
        assert 0 < left < n
    finally:
        made.delete()


def _left(dataset: Any, key: str) -> tuple[int, int]:
    """Undecided and all of the queue of a run."""
    runs = list_runs(dataset)
    found = queue.sources(runs, dataset.get_field_schema(), "ground_truth.label")
    source = next(one for one in found if one.key == key)
    counted = queue.left(source, Scope(dataset.view()))
    rows = queue.read(source, Scope(dataset.view()))
    assert counted == (len(rows.done) - sum(rows.done), len(rows.done))
    return counted
