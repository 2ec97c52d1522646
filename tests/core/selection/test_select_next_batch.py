"""Rounds of labelling: what counts as labelled, stages, balance, rounds kept, and refusals in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.neighbors.distances import comparable
from image_curation.core.selection.select_next_batch import NextBatchParams, believe, lateness, select_next_batch


def cloud(n=400, seed=0):
    """Four classes of uneven sizes in clusters."""
    rng = np.random.default_rng(seed)
    cluster = rng.choice(8, size=n, p=[0.25, 0.2, 0.15, 0.15, 0.1, 0.06, 0.05, 0.04])
    x = rng.normal(size=(8, 10))[cluster] + 0.35 * rng.normal(size=(n, 10))
    return x.astype(np.float32), np.array([f"class {code // 2}" for code in cluster])


def run(x, labels=None, named=None, **params):
    given = None if labels is None else GivenLabels.of(labels)
    if labels is not None:
        params["label_field"] = "ground_truth"
    inputs = Inputs(n=len(x), embeddings=x, labels=given, named=named or {})
    return select_next_batch(inputs, NextBatchParams(embeddings="e", **params), silent)


def chosen(found):
    return np.flatnonzero(found.values["selected"])


def some(labels, rows):
    known = np.zeros(len(labels), bool)
    known[rows] = True
    return [label if is_known else None for label, is_known in zip(labels.tolist(), known.tolist(), strict=True)]


def test_select_next_batch__first_round_covers_the_clusters():
    x, labels = cloud()
    found = run(x, n=12)
    rows = chosen(found)
    assert len(rows) == 12
    assert len(set(labels[rows].tolist())) == 4
    assert [found.values["round"][row] for row in rows] == [1] * 12
    assert found.facts["weight_of_uncertainty"] == 0
    assert np.isnan(found.values["uncertainty"]).all()
    assert "typical ones first" in found.facts["headline"]


def test_select_next_batch__rounds_go_on_and_labels_count():
    x, labels = cloud()
    first = run(x, n=20)
    rows = chosen(first)
    second = run(x, some(labels, rows), {"earlier_rounds": first.values["round"]}, n=20, earlier_rounds="batch_round")
    more = chosen(second)
    assert not set(rows.tolist()) & set(more.tolist())
    kept = second.values["round"]
    assert {kept[row] for row in rows} == {1}
    assert {kept[row] for row in more} == {2}
    assert second.facts["labelled"] == 20
    assert second.facts["mean_distance_after"] < second.facts["mean_distance_before"]
    assert np.isnan(second.values["uncertainty"][rows]).all()
    assert np.isfinite(second.values["uncertainty"][more]).all()


def test_select_next_batch__rows_of_an_earlier_round_wait_for_their_labels():
    x, labels = cloud()
    rounds = [1 if i < 30 else None for i in range(400)]
    found = run(x, some(labels, range(10)), {"earlier_rounds": rounds}, n=10, earlier_rounds="r")
    assert chosen(found).min() >= 30
    assert found.facts["waiting_for_labels"] == 20


def test_select_next_batch__labelled_says_whose_label_counts():
    x, labels = cloud()
    checked = np.arange(400) < 40
    found = run(x, labels.tolist(), {"labelled": (checked,)}, labelled=["checked"], n=15)
    assert found.facts["labelled"] == 40
    assert chosen(found).min() >= 40


def test_select_next_batch__late_rounds_ask_for_uncertain_ones():
    x, labels = cloud(600)
    known = some(labels, range(300))
    typical, uncertain = run(x, known, n=30, stage="typical"), run(x, known, n=30, stage="uncertain")
    assert (
        uncertain.values["uncertainty"][chosen(uncertain)].mean()
        > typical.values["uncertainty"][chosen(typical)].mean() + 0.05
    )
    assert "the probe says" in uncertain.values["why"][chosen(uncertain)[0]]
    assert run(x, known, n=30).facts["weight_of_uncertainty"] == 3.0  # 75 labels per class


def test_select_next_batch__balanced_evens_out():
    x, labels = cloud(600)
    known = np.arange(120)
    counts = {
        balanced: np.unique(
            labels[np.union1d(known, chosen(run(x, some(labels, known), n=60, balanced=balanced)))], return_counts=True
        )[1]
        for balanced in (False, True)
    }
    assert counts[True].min() > counts[False].min()


def test_select_next_batch__where_exclude_and_the_same_again():
    x, _ = cloud()
    inside, bad = np.arange(400) < 200, np.arange(400) % 2 == 0
    named = {"where": (inside,), "exclude": (bad,)}
    found = run(x, None, named, n=25, where=["w"], exclude=["e"])
    rows = chosen(found)
    assert np.all(inside[rows] & ~bad[rows])
    assert rows.tolist() == chosen(run(x, None, named, n=25, where=["w"], exclude=["e"])).tolist()


def test_select_next_batch__refusals():
    x, labels = cloud(50)
    with pytest.raises(ParamError, match=r"without a label that may be chosen \(0\); got 5"):
        run(x, labels.tolist(), n=5)
    with pytest.raises(ParamError, match=r"may be chosen \(50\); got 51"):
        run(x, n=51)
    with pytest.raises(ParamError, match=r"n must be a whole number of at least 1; got 0"):
        run(x, n=0)
    with pytest.raises(ParamError, match="balanced needs labels of at least two classes"):
        run(x, n=5, balanced=True)
    with pytest.raises(ParamError, match="balanced needs labels of at least two classes"):
        run(x, ["a"] * 10 + [None] * 40, n=5, balanced=True)
    with pytest.raises(ParamError, match=r"may be chosen \(0\); got 5"):
        run(x, None, {"exclude": (np.ones(50, bool),)}, n=5, exclude=["all"])
    with pytest.raises(ParamError, match="earlier_rounds must hold numbers; 'r' does not"):
        run(x, None, {"earlier_rounds": ["one"] * 50}, n=5, earlier_rounds="r")


def test_select_next_batch__odd_sets():
    assert chosen(run(np.ones((1, 3), np.float32), n=1)).tolist() == [0]
    same = run(np.ones((20, 3), np.float32), n=5)
    assert len(chosen(same)) == 1
    assert "near-duplicates" in same.facts["headline"]
    x, labels = cloud(60)
    alone = [f"class {row}" if row < 6 else None for row in range(60)]
    assert len(chosen(run(x, alone, n=6, balanced=True))) == 6, "classes of one sample each"


def test_believe__between_two_classes_is_uncertain():
    angle = np.concatenate([np.linspace(0, 0.4, 10), np.linspace(1.2, 1.6, 10), [0.8]])
    x = comparable(np.stack([np.cos(angle), np.sin(angle)], axis=1), "cosine")
    belief = believe(x, np.array([0] * 10 + [3] * 10 + [-1]))
    assert belief.uncertainty.argmax() == 20
    assert belief.first[0] == 0
    assert belief.first[19] == 3
    assert belief.second[19] == 0
    assert np.isnan(believe(x, np.full(21, -1)).uncertainty).all()


def test_lateness__between_five_and_fifty_labels_per_class():
    assert lateness("auto", np.full(9, -1)) == 0
    assert lateness("auto", np.repeat([0, 1], 5)) == 0
    assert lateness("auto", np.repeat([0, 1], 50)) == 1
    assert lateness("auto", np.repeat([0, 1], 16)) == pytest.approx(np.log(3.2) / np.log(10))
    assert lateness("uncertain", np.full(9, -1)) == 1
