"""Splits: shares met, units whole, the proof by brute force, and refusals in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.neighbors.distances import comparable
from image_curation.core.neighbors.graph import build_graph
from image_curation.core.selection.split_dataset import (
    SplitParams,
    assign,
    crossing,
    distribution_distance,
    largest_across,
    split_dataset,
)


def cloud(n=400, copies=40, seed=0):
    """Samples of four classes in clusters, and near copies of the first of them."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(12, size=n)
    x = rng.normal(size=(12, 16))[cluster] + 0.4 * rng.normal(size=(n, 16))
    x = np.concatenate([x, x[:copies] + 0.002 * rng.normal(size=(copies, 16))])
    source = np.concatenate([np.arange(n), np.arange(copies)])
    labels = [f"class {code % 4}" for code in cluster[source]]
    return x.astype(np.float32), labels, source


def run(x, labels=None, named=None, **params):
    given = None if labels is None else GivenLabels.of(labels)
    inputs = Inputs(n=len(x), embeddings=x, labels=given, named=named or {})
    if labels is not None:
        params["label_field"] = "ground_truth"
    return split_dataset(inputs, SplitParams(embeddings="e", **params), silent)


def test_split_dataset__shares_classes_and_copies():
    x, labels, source = cloud()
    found = run(x, labels)
    split = np.array(found.values[""])
    assert found.facts["sizes"] == {"train": 352, "val": 44, "test": 44}
    assert found.facts["met_exactly"]
    for name in set(labels):
        own = split[np.array(labels) == name]
        assert (own == "train").sum() == pytest.approx(0.8 * len(own), abs=1.5)
        assert (own == "test").sum() == pytest.approx(0.1 * len(own), abs=1.5)
    assert all(split[row] == split[source[row]] for row in range(400, 440)), "near copies stay together"
    assert found.facts["near_duplicates_across"] == 0
    assert found.facts["near_duplicates_across_random"] > 5
    assert found.facts["largest_similarity_across"] < found.facts["largest_similarity_across_random"]
    spread = found.facts["distribution_distance_random_spread"]
    assert found.facts["distribution_distance"] < found.facts["distribution_distance_random"] + 3 * spread


def test_split_dataset__groups_and_copies_found_before_are_whole():
    x, labels, _ = cloud(copies=0)
    video: list[Any] = [f"v{i // 8}" if i < 300 else None for i in range(400)]
    copies: list[Any] = [i % 50 if 100 <= i < 150 or i >= 350 else None for i in range(400)]
    named = {"group_field": video, "duplicate_field": copies}
    split = np.array(run(x, labels, named, group_field="video", duplicate_field="dup").values[""])
    for key in (video, copies):
        for name in {value for value in key if value is not None}:
            assert len(set(split[[i for i in range(400) if key[i] == name]])) == 1


@pytest.mark.slow
def test_split_dataset__a_group_larger_than_its_split_is_told():
    x, labels, _ = cloud(copies=0)
    video = ["long"] * 200 + [f"v{i}" for i in range(200)]
    found = run(x, labels, {"group_field": video}, group_field="video", fractions=["a=0.4", "b=0.6"])
    assert len({name for name, one in zip(found.values[""], video, strict=True) if one == "long"}) == 1
    found = run(x, labels, {"group_field": video}, group_field="video", fractions=["a=0.34", "b=0.33", "c=0.33"])
    assert not found.facts["met_exactly"]
    assert "the largest group that stays together has" in found.facts["notes"][0]
    assert "not everything could be met exactly" in found.facts["headline"]


def test_split_dataset__a_class_that_groups_hold_together_is_told():
    x, labels, _ = cloud(200, 0)
    labels = ["a"] * 100 + ["b"] * 100
    video = [None] * 100 + ["long"] * 70 + [f"v{i}" for i in range(30)]
    found = run(x, labels, {"group_field": video}, group_field="video", fractions=["one=0.5", "two=0.5"])
    assert sorted(found.facts["classes"]["b"].values()) == [30, 70]
    assert any("cannot be shared out as asked for" in note and "such as b" in note for note in found.facts["notes"])
    assert not found.facts["met_exactly"]


def test_split_dataset__classes_of_one_sample_and_one_cluster():
    x, labels, _ = cloud(60, 0)
    labels[0] = "alone"
    found = run(x, labels)
    assert sum(found.facts["classes"]["alone"].values()) == 1
    assert any("too small" in note and "alone" in note for note in found.facts["notes"])
    tight = np.ones((40, 4), np.float32) + 0.01 * np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    assert run(tight, near_duplicates=False).facts["sizes"] == {"train": 32, "val": 4, "test": 4}
    some = [label if i % 3 else None for i, label in enumerate(labels)]
    assert run(x, some).facts["without_label"] == 20


def test_split_dataset__same_seed_same_split():
    x, labels, _ = cloud(120, 10)
    assert run(x, labels, seed=3).values[""] == run(x, labels, seed=3).values[""]
    assert run(x, labels, seed=3).values[""] != run(x, labels, seed=4).values[""]


@pytest.mark.parametrize(
    ("fractions", "sentence"),
    [
        (["train=0.8", "test=0.3"], r"must sum to 1; train=0.8, test=0.3 sum to 1\.1"),
        (["train=1"], "must name at least 2 different splits; got train"),
        (["train=0.5", "train=0.5"], r"entries such as train=0.8, .*; got \['train=0.5', 'train=0.5'\]"),
        (["train", "test=0.5"], r"must be entries such as train=0.8, each a number above 0; got \['train'"),
        (["train=1", "test=0"], r"got \['train=1', 'test=0'\]"),
        (["train=half", "test=0.5"], "each a number"),
        (["train=nan", "test=0.5"], "each a number"),
        ([], "got none"),
    ],
)
def test_split_dataset__bad_fractions(fractions, sentence):
    with pytest.raises(ParamError, match=sentence):
        SplitParams(fractions=fractions)


def test_split_dataset__fewer_units_than_splits():
    with pytest.raises(ParamError, match=r"groups that stay together \(1\); got 3: name fewer splits"):
        run(np.ones((30, 3), np.float32))
    with pytest.raises(ParamError, match=r"\(2\); got 3"):
        run(np.eye(2, dtype=np.float32))


@pytest.mark.parametrize("k", [2, 5, 29])
def test_largest_across__equals_brute_force(k):
    rng = np.random.default_rng(k)
    x = comparable(np.repeat(rng.normal(size=(6, 4)), 5, axis=0) + 0.05 * rng.normal(size=(30, 4)), "cosine")
    split = np.repeat([0, 1, 0, 1, 2, 2], 5)
    similarity = x @ x.T
    similarity[split[:, None] == split[None, :]] = -1
    found, complete = largest_across(x, build_graph(x, k=k), split)
    assert found == pytest.approx(float(similarity.max()), abs=1e-5)
    assert complete


def test_crossing__counts_those_outside_the_majority():
    assert crossing(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])) == 1


def test_distribution_distance__by_hand():
    # Split 0 at 0 and 2, split 1 at 1 and 1: 2 * 1 - 2 - 0 = 0; moved away by 5 it grows.
    line = np.array([[0.0], [2.0], [1.0], [1.0]], np.float32)
    split = np.array([0, 0, 1, 1])
    assert distribution_distance(line, split) == pytest.approx(0, abs=1e-6)
    assert distribution_distance(line + 5 * split[:, None].astype(np.float32), split) == pytest.approx(8, abs=1e-5)


def test_assign__levels_what_classes_cannot_divide():
    # Ten classes of three rows, halves: each class gives one or two to either, and the whole comes out even.
    codes = np.repeat(np.arange(10), 3)
    split = assign(np.arange(30), codes, np.zeros(30, np.int64), np.array([0.5, 0.5]), seed=0)
    assert np.bincount(split).tolist() == [15, 15]
    assert all(1 <= split[codes == code].sum() <= 2 for code in range(10))
