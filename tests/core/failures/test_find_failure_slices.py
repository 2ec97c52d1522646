"""Slices that are planted are found, and where errors are shared out at random none are; the proof is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns, LabelValues
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.failures.find_failure_slices import FailureSlicesParams, find_failure_slices
from image_curation.core.failures.slices import Rule, _Data, _halves, _proof, failure_slices
from scipy import stats

CLASSES = ("cat", "dog")


def blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 16) unit vectors in eight clusters, and the cluster of each."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(8, size=n)
    x = np.eye(8, 16)[cluster] + 0.15 * rng.normal(size=(n, 16))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), cluster


def run(x: np.ndarray, given: Any, predicted: Any, **more: Any) -> Columns:
    """Slices of predictions without probabilities."""
    said = LabelValues(CLASSES, np.asarray(predicted), np.full(len(x), np.nan))
    labels = GivenLabels.of([CLASSES[code] for code in given])
    inputs = Inputs(n=len(x), embeddings=x, labels=labels, named={"predictions": said})
    return find_failure_slices(inputs, FailureSlicesParams(embeddings="v", predictions="p", **more), silent)


def test_a_planted_slice_is_found_and_named() -> None:
    x, cluster = blobs(800)
    rng = np.random.default_rng(1)
    given = cluster % 2
    wrong = rng.random(800) < np.where(cluster == 2, 0.6, 0.05)
    found = run(x, given, np.where(wrong, 1 - given, given))
    (one,) = found.facts["slices"]
    inside = np.array([name is not None for name in found.values["slice"]])
    assert (inside == (cluster == 2)).mean() > 0.98
    assert set(found.values["slice"]) == {None, "cat → dog"}
    assert found.values["is_error"].tolist() == wrong.tolist()
    assert one["interval"][0] <= wrong[cluster == 2].mean() <= one["interval"][1]
    assert one["rate_expected"] < one["rate"] / 2
    assert found.facts["headline"] == (
        f"1 slice holds {int((wrong & inside).sum())} of {int(wrong.sum())} errors among 800 samples"
    )
    assert np.isfinite(found.values["depth"]).tolist() == inside.tolist()


def test_a_class_that_fails_as_a_whole_is_one_slice() -> None:
    x, cluster = blobs(800)
    given = cluster % 2
    wrong = np.random.default_rng(3).random(800) < np.where(given == 1, 0.5, 0.05)
    found = run(x, given, np.where(wrong, 1 - given, given))
    assert any(one["classes"].keys() == {"dog"} and one["samples"] == given.sum() for one in found.facts["slices"])


def test_errors_at_random_make_no_slice() -> None:
    """Each class has a rate of its own, which is no slice of it. Of 60 such sets a few are accidents."""
    named = 0
    for seed in range(60):
        x, cluster = blobs(240, seed)
        rng = np.random.default_rng(1_000 + seed)
        given = cluster % 2
        wrong = rng.random(240) < 0.2
        named += bool(failure_slices(x, given, wrong, np.arange(240), 0.05, 10, 0, silent))
    assert named <= stats.binom.ppf(0.999, 60, 0.05)


def test_errors_at_random_make_no_slice_of_a_rare_class_that_frequent_ones_are_taken_for() -> None:
    """One in nine is a dog: of what is called a dog many are wrong, wherever the errors lie."""
    named = 0
    for seed in range(10):
        x, cluster = blobs(240, seed)
        rng = np.random.default_rng(seed)
        given = (rng.random(240) < 0.11).astype(np.int64)
        wrong = rng.random(240) < 0.2
        named += bool(run(x, given, np.where(wrong, 1 - given, given)).facts["slices"])
    assert named <= stats.binom.ppf(0.999, 10, 0.05)


def test_an_unsure_prediction_is_one() -> None:
    """Confidences below one in two, the model's classes being two, and a class that nobody was given."""
    x, cluster = blobs(120)
    given, predicted = cluster % 2, (cluster % 2 + (np.arange(120) % 3 == 0)) % 3
    said = LabelValues((*CLASSES, "fox"), predicted, np.full(120, 0.1))
    labels = GivenLabels.of([CLASSES[code] for code in given])
    inputs = Inputs(n=120, embeddings=x, labels=labels, named={"predictions": said})
    found = find_failure_slices(inputs, FailureSlicesParams(embeddings="v", predictions="p"), silent)
    assert found.values["is_error"].tolist() == (given != predicted).tolist()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_errors_and_nothing_but_errors(share: float) -> None:
    x, cluster = blobs(60)
    given = cluster % 2
    found = run(x, given, given if share == 0 else 1 - given)
    assert found.facts["slices"] == []
    assert found.facts["headline"].startswith("No group of similar images has more errors than its classes explain")


def test_a_group_counts_once_and_is_never_parted() -> None:
    """Forty frames of one video fail together: that is one failure, and proves nothing."""
    x, cluster = blobs(300)
    given = cluster % 2
    video = np.flatnonzero(cluster == 2)[:40]
    wrong = np.random.default_rng(4).random(300) < 0.05
    wrong[video] = True
    groups = np.arange(300)
    assert failure_slices(x, given, wrong, groups, 0.05, 10, 0, silent)
    groups[video] = video[0]
    assert failure_slices(x, given, wrong, groups, 0.05, 10, 0, silent) == []
    halves = _halves(groups, 0)
    assert not set(groups[halves[0]]) & set(groups[halves[1]])


def test_proof__as_by_fishers_exact_test() -> None:
    """With one class inside, the chance is that of Fisher's exact test, one-sided."""
    x = np.array([[1, 0]] * 12 + [[0, 1]] * 20, dtype=np.float32)
    given = np.zeros(32, dtype=np.int64)
    wrong = np.zeros(32, dtype=bool)
    wrong[[0, 1, 2, 3, 4, 5, 30, 31]] = True
    proof = _proof(Rule(0, np.eye(2, dtype=np.float32), 0), _Data(x, given, wrong))
    exact = stats.fisher_exact([[6, 6], [2, 18]], alternative="greater").pvalue
    assert (proof.n, proof.errors, proof.expected) == (12, 6, pytest.approx(3.0))
    assert proof.p == pytest.approx(exact)


def test_proof__two_classes_by_counting_all_ways() -> None:
    """Errors of each class are shared out among its own rows."""
    rng = np.random.default_rng(0)
    x = np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 1, 0, 0, 0, 1, 1]]
    given = np.array([0] * 5 + [1] * 5)
    wrong = np.array([1, 1, 0, 0, 0, 1, 1, 0, 1, 0], dtype=bool)
    proof = _proof(Rule(-1, np.eye(2, dtype=np.float32), 0), _Data(x, given, wrong))
    inside, drawn = x[:, 0] == 1, []
    for _ in range(20_000):
        shared = np.concatenate([rng.permutation(wrong[:5]), rng.permutation(wrong[5:])])
        drawn.append(int(shared[inside].sum()))
    assert proof.errors == 4
    assert proof.p == pytest.approx(np.mean(np.array(drawn) >= 4), abs=0.01)


def test_a_probe_stands_in_for_a_model() -> None:
    x, cluster = blobs(400)
    labels = [CLASSES[code % 2] for code in cluster]
    inputs = Inputs(n=400, embeddings=x, labels=GivenLabels.of(labels))
    found = find_failure_slices(inputs, FailureSlicesParams(embeddings="v"), silent)
    assert found.facts["samples"] == 400
    assert "probe" in found.facts
