"""Who judges labels: predictions aligned by name, the user's groups, and large sets of which only part is held."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns, LabelValues
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.labels.class_probabilities import KEPT, Beliefs
from image_curation.core.labels.confident_learning import confident_issues
from image_curation.core.labels.consensus import kappa, views
from image_curation.core.labels.find_confusions import ConfusionsParams, find_confusions
from image_curation.core.labels.find_label_issues import (
    LabelIssuesParams,
    find_label_issues,
    heat_map,
    judge,
    overlapping,
)
from image_curation.core.labels.leave_one_out_models import in_parts
from image_curation.core.probes.folds import groups_of_many, joined, leaving_together
from image_curation.core.probes.ridge import GramSums, Ridge, _without_group, _without_large_group, blocks
from sklearn.metrics import average_precision_score

from ..helpers import planted


def _noisy(n: int, classes: int, seed: int = 0, sharp: float = 3.0) -> tuple[Any, Any]:
    """Probabilities and given labels, some of them wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)) + sharp * np.eye(classes)[true]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = np.where(rng.random(n) < 0.2, rng.integers(0, classes, n), true)
    given[:classes] = np.arange(classes)
    return p.astype(np.float32), given


@pytest.mark.parametrize(("n", "classes", "seed"), [(60, 2, 0), (300, 5, 1), (500, 40, 2), (400, 3, 3)])
def test_confident_issues__as_cleanlab_does(n: int, classes: int, seed: int) -> None:
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues as of_cleanlab

    p, given = _noisy(n, classes, seed)
    p64 = p.astype(np.float64)
    counts = compute_confident_joint(given, p64, calibrate=True)
    flagged, joint = confident_issues(Beliefs(classes, p), given)
    np.testing.assert_allclose(joint, estimate_joint(given, p64, confident_joint=counts), atol=1e-9)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues")
        expected = of_cleanlab(given, p64, confident_joint=counts, n_jobs=1)
    assert (flagged != expected).mean() <= 0.01  # ties are broken otherwise


@pytest.mark.slow
def test_confident_issues__likeliest_classes_are_enough() -> None:
    p, given = _noisy(2000, 60, sharp=5.0)
    kept = Beliefs.empty(2000, 60, cells=1)
    kept.put(np.arange(2000), p, given)
    assert kept.places is not None
    assert kept.values.shape == (2000, KEPT + 1)
    dense_flags, dense_joint = confident_issues(Beliefs(60, p), given)
    flags, joint = confident_issues(kept, given)
    assert (flags == dense_flags).mean() > 0.995
    np.testing.assert_allclose(joint, dense_joint, atol=1e-3)
    one, other = judge(Beliefs(60, p), given), judge(kept, given)
    np.testing.assert_allclose(one.quality, other.quality, atol=0.1)
    assert (one.other == other.other).mean() > 0.99


def test_beliefs__only_drops_classes_and_renormalises() -> None:
    p, given = _noisy(50, 40)
    kept = Beliefs.empty(50, 40, cells=1)
    kept.put(np.arange(50), p, given)
    for beliefs in (Beliefs(40, p), kept):
        left = beliefs.only(np.arange(10, 30), np.arange(0, 40, 2)).dense(np.arange(20))
        assert left.shape == (20, 20)
        assert left.sum(axis=1) == pytest.approx(1, abs=1e-5)
        wanted = beliefs.dense(np.arange(10, 30))[:, ::2]
        np.testing.assert_allclose(left, wanted / wanted.sum(axis=1, keepdims=True), atol=1e-6)


def test_in_parts__groups_stay_whole() -> None:
    groups = np.array([0, 1, 0, 2, 3, 3, 3, 4, 1, 5])
    parts = in_parts(groups, 10, cells=30)  # at most three rows, unless a group is larger
    assert np.sort(np.concatenate(parts)).tolist() == list(range(10))
    for part in parts:
        for group in np.unique(groups[part]):
            assert set(np.flatnonzero(groups == group)) <= set(part.tolist())
    assert max(map(len, parts)) <= 3
    assert len(in_parts(groups, 10, cells=100)) == 1


def test_views__in_parts_as_in_one() -> None:
    """Without the probe, which has no vote in large sets, parts change nothing but what few rows teach."""
    data = planted.with_copies(planted.with_noise(planted.clean(400, 24, classes=4), "symmetric", 0.1), 0.1)
    inputs = Inputs(n=len(data.x), embeddings=data.x, labels=GivenLabels.of(data.names))
    every = np.arange(inputs.n)
    whole = views(inputs, "neighbors", 5, 0, silent)
    parts = views(inputs, "neighbors", 5, 0, silent, cells=4 * 50)
    np.testing.assert_allclose(parts.beliefs.dense(every), whole.beliefs.dense(every), atol=1e-6)
    both = views(inputs, "consensus", 5, 0, silent, cells=4 * 50)
    assert both.facts["left_out"] == ["logistic"]
    quality = both.beliefs.dense(every)[every, inputs.labels.codes if inputs.labels else 0]
    assert average_precision_score(data.wrong, 1 - quality) > 0.75
    with pytest.raises(ParamError, match="consensus or neighbors for .* the probe cannot hold"):
        views(inputs, "probe", 5, 0, silent, cells=100)


def test_ridge__large_group_leaves_as_small_ones_do() -> None:
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(80, 5)), rng.integers(-1, 3, 80)
    trust = rng.uniform(0.1, 1, 80)
    ridge = Ridge.of(GramSums.of(x, codes, 3, trust))
    group = np.arange(7, 40)
    shrink = ridge.shrink(0.01)
    one = _without_group(ridge, x[group], codes[group], shrink, trust, group)
    other = _without_large_group(ridge, x[group], codes[group], shrink, trust, group)
    np.testing.assert_allclose(one, other, atol=1e-4)
    everything = _without_large_group(ridge, x, codes, shrink, trust, np.arange(80))
    np.testing.assert_allclose(everything, np.tile(ridge.prior, (80, 1)), atol=1e-6)
    assert list(blocks(3))


def test_joined__by_value_and_by_likeness() -> None:
    # rows 0 and 1 are near copies; 1 and 4 are of one patient; 3 has none
    found = joined(np.array([0, 0, 1, 2, 3]), ["p", "q", "r", None, "q"])
    assert found[0] == found[1] == found[4]
    assert len(np.unique(found)) == 3
    assert joined(np.arange(3), [None, None, None]).tolist() == [0, 1, 2]
    many = joined(np.arange(4), [1, "1", 1.0, ["a"]])
    assert len(np.unique(many)) == 4  # a number is no text


@pytest.mark.slow
def test_group_field__a_patient_does_not_judge_itself() -> None:
    """Every patient has a look of its own and one wrong label for all pictures: only others can tell."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 12)
    true = np.repeat(rng.integers(0, 2, 60), 12)
    given = np.where(patient < 8, 1 - true, true)
    look = rng.normal(size=(60, 60)) * 1.5
    x = np.concatenate([6 * np.eye(2)[true] + rng.normal(size=(720, 2)), look[patient] + rng.normal(size=(720, 60))], 1)
    labels = GivenLabels.of([str(code) for code in given])
    ap = {}
    for named in ({}, {"group_field": patient.tolist()}):
        inputs = Inputs(n=720, embeddings=x.astype(np.float32), labels=labels, named=named)
        quality = find_label_issues(inputs, LabelIssuesParams(), silent).values["quality"]
        ap[bool(named)] = average_precision_score(given != true, 1 - quality)
    assert ap[True] > 0.9
    assert ap[True] > ap[False] + 0.2
    together = leaving_together(inputs, None)
    assert {len(rows) for rows in groups_of_many(together)} == {12}


def _boars() -> tuple[list[str], LabelValues, Any]:
    """Boars and deer; some boars are cartoons, which only the zero-shot run knows; it also knows no hares."""
    rng = np.random.default_rng(0)
    names = ["boar"] * 40 + ["deer"] * 40 + ["hare"] * 10
    looks = np.array([0] * 36 + [2] * 4 + [1] * 38 + [0] * 2 + [1] * 10)
    logits = (20 * (np.eye(3)[looks] + 0.1 * rng.normal(size=(90, 3)))).astype(np.float32)
    given = LabelValues(("boar", "deer", "cartoon"), logits.argmax(axis=1), np.full(90, 0.9), logits)
    return names, given, np.flatnonzero(looks == 2)


def _judged(names: list[str | None], given: LabelValues, x: Any = None, **params: Any) -> Columns:
    inputs = Inputs(n=len(names), embeddings=x, labels=GivenLabels.of(names), named={"predictions": (given,)}, ids=[])
    chosen = {"embeddings": None, "probabilities": "predictions"} if x is None else {}
    return find_label_issues(inputs, LabelIssuesParams(**{**chosen, "predictions": ("zero_shot",), **params}), silent)


@pytest.mark.slow
def test_predictions__a_cartoon_among_the_boars() -> None:
    names, given, cartoons = _boars()
    for told in (given, LabelValues(given.classes, given.codes, given.confidence), _without_confidence(given)):
        found = _judged(list(names), told)
        flagged = np.flatnonzero(found.values["is_issue"])
        assert flagged.tolist() == [*cartoons, 78, 79]
        assert [found.values["suggested"][row] for row in flagged] == ["cartoon"] * 4 + ["boar"] * 2
        assert all("zero_shot" in found.values["detectors"][row] for row in flagged)
        assert found.rows is not None
        assert np.flatnonzero(~found.rows).tolist() == list(range(80, 90))  # it knows no hares
        assert found.facts["detectors"]["zero_shot"]["judged"] == 80


def _without_confidence(given: LabelValues) -> LabelValues:
    return LabelValues(given.classes, given.codes, np.full(len(given.codes), np.nan))


def test_predictions__join_the_consensus() -> None:
    names, given, cartoons = _boars()
    rng = np.random.default_rng(1)
    code = np.array([0] * 40 + [1] * 40 + [2] * 10)
    x = (3 * np.eye(3)[code] + 0.3 * rng.normal(size=(90, 3))).astype(np.float32)  # embeddings see no cartoons
    found = _judged(list(names), given, np.hstack([x, rng.normal(size=(90, 9)).astype(np.float32)]))
    assert found.rows is not None
    assert found.rows.all()  # the embeddings can judge the hares
    assert found.values["is_issue"][cartoons].all()
    assert {found.values["suggested"][row] for row in cartoons} == {"cartoon"}
    assert set(found.facts["detectors"]) == {
        "ridge",
        "concepts",
        "logistic",
        "neighbors",
        "zero_shot",
        "confident learning",
    }
    assert not any("zero_shot" in found.values["detectors"][row] for row in range(80, 90))


@pytest.mark.slow
def test_predictions__classes_that_most_samples_seem_to_be_are_doubted() -> None:
    """A network with twenty further classes sees one of them in every sample; its doubts are not the labels'."""
    rng = np.random.default_rng(2)
    names, classes = ["cat"] * 40 + ["dog"] * 40, ("cat", "dog", *(f"thing {number:02d}" for number in range(20)))
    code = np.repeat([0, 1], 40)
    logits = np.eye(22)[code] * 4 + np.eye(22)[rng.integers(2, 22, 80)] * 6 + 0.1 * rng.normal(size=(80, 22))
    given = LabelValues(classes, logits.argmax(axis=1), np.full(80, 0.9), logits.astype(np.float32))
    assert not _judged(list(names), given).values["is_issue"].any()
    names[0] = "dog"
    found = _judged(list(names), given, np.hstack([np.eye(2)[code], 0.1 * rng.normal(size=(80, 6))]).astype(np.float32))
    assert np.flatnonzero(found.values["is_issue"]).tolist() == [0]
    assert found.values["suggested"][0] == "cat"


def test_predictions__must_meet_the_labels_by_name() -> None:
    _, given, _ = _boars()
    with pytest.raises(ParamError, match="must know at least two of the given classes by name; they know 0"):
        _judged([*["cat"] * 45, *["dog"] * 45], given)
    with pytest.raises(ParamError, match="predictions must name at least one"):
        LabelIssuesParams(probabilities="predictions")
    with pytest.raises(ParamError, match="embeddings must be named where probabilities is consensus"):
        LabelIssuesParams(embeddings=None, predictions=("zero_shot",))


def test_find_confusions__by_predictions() -> None:
    names, given, _ = _boars()
    inputs = Inputs(n=90, labels=GivenLabels.of(names), named={"predictions": given})
    found = find_confusions(inputs, ConfusionsParams(embeddings=None, predictions="zero_shot"), silent)
    pairs = {(pair["given"], pair["predicted"]): pair["samples"] for pair in found.facts["pairs"]}
    assert pairs == {("boar", "cartoon"): 4, ("deer", "boar"): 2}
    assert found.facts["matrix"]["classes"] == ["boar", "deer", "hare", "cartoon"]
    assert found.facts["matrix"]["counts"][0] == [36, 0, 0, 4]
    with pytest.raises(ParamError, match="embeddings must be named where predictions is nothing"):
        ConfusionsParams(embeddings=None)


@pytest.mark.slow
def test_find_label_issues__a_thousand_classes_of_two() -> None:
    """No warning, no crash; and where classes are that rare, few are flagged without cause."""
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(1000, 32))
    x = (np.repeat(centre, 2, axis=0) + 0.5 * rng.normal(size=(2000, 32))).astype(np.float32)
    names = [f"class {code:04d}" for code in np.repeat(np.arange(1000), 2)]
    names[0], names[2] = names[2], names[0]
    inputs = Inputs(n=2000, embeddings=x, labels=GivenLabels.of(names))
    found = find_label_issues(inputs, LabelIssuesParams(probabilities="neighbors"), silent)
    assert found.values["is_issue"].sum() < 100
    assert len(found.facts["joint"]["classes"]) == 30


def test_overlapping_and_heat_map__by_hand() -> None:
    joint = np.array([[0.4, 0.1, 0.0], [0.05, 0.25, 0.0], [0.0, 0.0, 0.2]])
    assert overlapping(joint, ("a", "b", "c"), 100) == [{"classes": ["a", "b"], "samples": 15.0}]
    assert heat_map(joint * 100, ("a", "b", "c"), np.array([50, 30, 20])) == {
        "classes": ["a", "b", "c"],
        "counts": [[40, 10, 0], [5, 25, 0], [0, 0, 20]],
    }


def test_kappa__by_hand() -> None:
    """Four rows, three the same; one gives each class to half, so chance is one half: (3/4 - 1/2) / (1/2) = 1/2."""
    assert kappa(np.array([0, 0, 1, 1, -1]), np.array([0, 0, 1, 0, 1])) == pytest.approx((3 / 4 - 1 / 2) / (1 / 2))
    assert kappa(np.array([0, 1, 2]), np.array([0, 1, 2])) == 1
    assert kappa(np.array([-1, -1]), np.array([0, 1])) == 0
