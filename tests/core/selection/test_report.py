"""The report on a subset: figures against brute force, verdicts against planted subsets, and odd subsets."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.selection.report import ReportParams, report, verdict


def blobs(n=400, groups=8, seed=0, even=False):
    """(n, 16) rows around `groups` centres, most of very different sizes, and their group."""
    rng = np.random.default_rng(seed)
    share = np.ones(groups) if even else 2.0 ** -np.arange(groups)
    member = np.sort(rng.choice(groups, n, p=share / share.sum()))
    x = 3 * rng.normal(size=(groups, 16))[member] + 0.3 * rng.normal(size=(n, 16))
    return x.astype(np.float32), member


def told(x, subset, codes=None, rank=None, **more):
    member = np.zeros(len(x), dtype=bool)
    member[subset] = True
    named = {"subset": member, **more}
    if rank is not None:
        named["rank_field"] = rank
    labels = GivenLabels(tuple(f"c{code}" for code in range(codes.max() + 1)), codes) if codes is not None else None
    inputs = Inputs(n=len(x), ids=[f"id{row}" for row in range(len(x))], embeddings=x, labels=labels, named=named)
    given = ReportParams(rank_field="rank" if rank is not None else None)
    return report(inputs, given, silent)


@pytest.mark.slow
def test_report__one_of_each_group_beats_random_and_a_lump_loses():
    x, member = blobs(groups=40, even=True)
    spread = np.array([np.flatnonzero(member == group)[0] for group in np.unique(member)])
    lump = np.flatnonzero(member == 0)[: len(spread)]
    good, bad = (told(x, rows, codes=member) for rows in (spread, lump))
    verdicts = {one["name"]: one["verdict"] for one in good.facts["measures"]}
    assert verdicts["mean_distance"] == verdicts["accuracy"] == verdicts["evenness"] == "better"
    assert {one["name"]: one["verdict"] for one in bad.facts["measures"]}["mean_distance"] == "worse"
    assert "worse in" in bad.facts["headline"]
    assert "better than random in" in good.facts["headline"]


def test_report__distances_and_counts_are_those_of_brute_force():
    x, member = blobs(120)
    subset = np.array([3, 40, 77, 119])
    found = told(x, subset, codes=member)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    truth = (1 - unit @ unit[subset].T).min(axis=1)
    np.testing.assert_allclose(found.values["distance"], np.maximum(truth, 0), atol=1e-5)
    named = {one["name"]: one for one in found.facts["measures"]}
    assert named["mean_distance"]["value"] == pytest.approx(truth.mean(), abs=1e-4)
    assert named["mean_distance"]["random_mean"] == pytest.approx(np.mean(named["mean_distance"]["random"]), abs=1e-6)
    cluster = found.values["cluster"]
    assert named["clusters"]["value"] == pytest.approx(len(set(cluster[subset])) / len(set(cluster)), abs=1e-6)
    assert {one["name"]: (one["set"], one["subset"]) for one in found.facts["classes"]} == {
        f"c{code}": (int((member == code).sum()), int((member[subset] == code).sum())) for code in np.unique(member)
    }
    for kind in found.facts["clusters"].values():
        for one in kind:
            rows = np.flatnonzero(cluster == one["cluster"])
            assert one["size"] == len(rows)
            assert one["chosen"] == np.isin(rows, subset).sum()
            assert set(one["examples"]) <= {f"id{row}" for row in rows}
    assert all(one["chosen"] == 0 for one in found.facts["clusters"]["missed"])


def test_report__curve_goes_through_the_prefixes():
    x, _ = blobs(200)
    order = np.random.default_rng(1).permutation(200)[:50]
    rank = np.full(200, None)
    rank[order] = np.arange(1, 51)
    points = told(x, order, rank=list(rank)).facts["curve"]
    assert [point["n"] for point in points] == [5, 10, 18, 25, 38, 50]
    distances = [point["subset"]["mean_distance"] for point in points]
    assert distances == sorted(distances, reverse=True)


@pytest.mark.slow
def test_report__all_figures_stand_beside_random_subsets():
    x, member = blobs(100)
    member = member % 2
    order = np.random.default_rng(1).permutation(100)[:12]
    rank = np.full(100, None)
    rank[order] = np.arange(1, 13)
    facts = told(x, order, codes=member, rank=list(rank)).facts
    drawn = [np.random.default_rng(seed).choice(100, 12, replace=False) for seed in range(5)]
    for one in facts["classes"]:
        counts = [int((member[rows] == int(one["name"][1:])).sum()) for rows in drawn]
        assert one["random"] == pytest.approx(np.mean(counts), abs=0.01)
        assert one["random_spread"] == pytest.approx(np.std(counts), abs=0.01)
    assert sum(one["random"] for one in facts["classes"]) == pytest.approx(12, abs=0.1)
    assert all(0 <= third["random_spread"] <= 0.5 for third in facts["by_cluster_size"])
    last = next(one for one in facts["measures"] if one["name"] == "mean_distance")
    assert facts["curve"][-1]["random"]["mean_distance"] == pytest.approx(last["random_mean"], abs=1e-6)
    assert facts["curve"][-1]["spread"]["mean_distance"] == pytest.approx(last["random_spread"], abs=1e-6)


def test_report__what_was_chosen_before_counts_for_all():
    x, member = blobs(200)
    before = np.isin(np.arange(200), np.arange(0, 200, 4))
    found = told(x, np.array([1, 2, 3]), already_selected=(before,))
    assert found.facts["beside"] == 50
    assert found.facts["size"] == 3
    assert (found.values["distance"][before] < 1e-6).all()
    half = np.arange(200) < 100
    within = told(x, np.array([1, 2, 3, 150]), where=(half,))
    assert within.facts["size"] == 3
    assert np.array_equal(within.rows, half)


@pytest.mark.parametrize("n", [1, 2, 12])
def test_report__few_samples(n):
    x, _ = blobs(n)
    found = told(x, np.arange(n))
    assert found.facts["size"] == n
    assert np.allclose(found.values["distance"], 0)
    assert {one["verdict"] for one in found.facts["measures"]} == {"alike"}


def test_report__all_alike():
    found = told(np.ones((30, 4), np.float32), np.array([2]), codes=np.arange(30) % 2)
    assert np.isfinite([one["value"] for one in found.facts["measures"]]).all()


def test_report__refusals():
    x, _ = blobs(30)
    with pytest.raises(ParamError, match="must name at least one of the 30 samples"):
        told(x, [])
    with pytest.raises(ParamError, match="must hold a number for each of the 2 samples"):
        told(x, [1, 2], rank=[None] * 30)
    inputs = Inputs(
        n=30,
        ids=list(map(str, range(30))),
        embeddings=x,
        named={"subset": np.ones(30, bool), "importance_field": [-1.0] * 30},
    )
    with pytest.raises(ParamError, match="importance_field must hold numbers of at least 0"):
        report(inputs, ReportParams(importance_field="score"), silent)


def test_verdict__is_told_only_beyond_the_spread():
    assert verdict("mean_distance", 0.2, 0.3, 0.01) == "better"
    assert verdict("mean_distance", 0.29, 0.3, 0.01) == "alike"
    assert verdict("accuracy", 0.2, 0.3, 0.01) == "worse"


def test_report__classes_of_one_sample_and_no_label_in_the_subset():
    x, _ = blobs(40)
    codes = np.where(np.arange(40) < 20, np.arange(40), -1)
    found = told(x, np.array([30, 35]), codes=codes)
    named = {one["name"]: one for one in found.facts["measures"]}
    assert named["evenness"]["value"] == 0
    assert named["accuracy"]["value"] == 0, "nothing was learned"
    assert all(one["subset"] == 0 for one in found.facts["classes"])
