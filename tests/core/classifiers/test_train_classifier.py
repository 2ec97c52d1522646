"""A classifier of one's own: nested folds, calibration, any number of classes, figures with intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, GivenSets, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.classifier_params import ClassifierParams
from image_curation.core.classifiers.task import Task, head_of
from image_curation.core.classifiers.train_classifier import train_classifier
from image_curation.core.classifiers.value_of_cleaning import FEWER, GIVEN, curating_curve, lines
from image_curation.core.probes.linear_probe import unit_rows
from image_curation.core.probes.logistic import Design, losses_and_error, solve
from image_curation.core.probes.metrics import average_precision, reliability, single_label_report, wilson
from image_curation.core.probes.mlp import solve_mlp
from image_curation.core.probes.nested_cross_validation import cross_validate
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from ..helpers import planted


def trained(x: Any, names: list[str | None], folder: Path | None = None, **params: Any) -> Columns:
    inputs = Inputs(
        n=len(x),
        embeddings=np.asarray(x, np.float32),
        labels=GivenLabels.of(names),
        folder=None if folder is None else str(folder),
    )
    return train_classifier(inputs, ClassifierParams(**params), silent)


def trained_on_sets(x: Any, present: Any, known: Any = None, **params: Any) -> Columns:
    names = tuple(f"c{code}" for code in range(present.shape[1]))
    known = np.ones(len(x), bool) if known is None else known
    inputs = Inputs(
        n=len(x),
        embeddings=np.asarray(x, np.float32),
        named={"label_sets": GivenSets(names, present, known)},
    )
    return train_classifier(inputs, ClassifierParams(label_sets="sets", **params), silent)


@pytest.mark.slow
def test_train_classifier__predicts_held_out_and_unlabelled_rows() -> None:
    data = planted.clean(600, 32, classes=4, spread=0.5)
    names: list[str | None] = list(data.names)
    for row in range(60):
        names[row] = None
    columns = trained(data.x, names)
    prediction = columns.values["prediction"]
    assert prediction.classes == ("class 00", "class 01", "class 02", "class 03")
    assert prediction.logits.shape == (600, 4)
    assert (prediction.codes[:60] == data.true[:60]).mean() > 0.9, "unlabelled ones are predicted too"
    assert columns.facts["labelled"] == 540
    assert columns.values["fold"][:60] == [None] * 60
    assert columns.values["is_correct"][:60] == [None] * 60
    assert np.isnan(columns.values["given_probability"][:60]).all()
    low, high = columns.facts["accuracy_interval"]
    assert low < columns.facts["accuracy"] < high
    assert columns.facts["accuracy"] == np.mean(columns.values["is_correct"][60:])
    assert [row["samples"] for row in columns.facts["per_class"]] == np.bincount(data.true[60:]).tolist()


@pytest.mark.slow
def test_train_classifier__what_a_row_is_told_has_no_part_in_its_prediction() -> None:
    """A row with a wrong label and no near kin is predicted as what it is: its own label did not reach its model."""
    data = planted.clean(300, 16, classes=3, spread=0.3)
    names: list[str | None] = list(data.names)
    names[7] = f"class {(data.true[7] + 1) % 3:02d}"
    columns = trained(data.x, names)
    assert columns.values["prediction"].codes[7] == data.true[7]
    assert columns.values["is_correct"][7] is False


def test_train_classifier__labels_at_random_are_not_learned() -> None:
    """Without nested folds and with copies across folds this would come out above chance."""
    rng = np.random.default_rng(0)
    data = planted.with_copies(planted.clean(250, 24), 0.3, copies=2)
    names = np.array([f"{code}" for code in rng.integers(0, 2, 250)])[data.source]
    facts = trained(data.x, names.tolist()).facts
    assert facts["near_duplicates_across_folds"] < 0.02
    assert facts["near_duplicates_across_plain_folds"] > 0.3
    low, high = facts["balanced_accuracy_interval"]
    assert low < 0.5 < high


def test_train_classifier__is_calibrated() -> None:
    data = planted.clean(1500, 32, classes=5, spread=1.2)
    facts = trained(data.x, data.names).facts
    assert facts["temperature"] > 1.3, "the strong penalty that agrees best is too unsure"
    assert facts["calibration_error"] < 0.04
    assert sum(row["n"] for row in facts["reliability"]) == 1500


@pytest.mark.slow
def test_train_classifier__hidden_layer_learns_what_no_plane_parts() -> None:
    """Four clusters at the corners of a square, classes along its diagonals."""
    rng = np.random.default_rng(1)
    corner = rng.integers(0, 2, (400, 2))
    x = np.column_stack([2 * corner - 1 + 0.2 * rng.standard_normal((400, 2)), np.full(400, 0.5)])
    names = [f"{a ^ b}" for a, b in corner]
    assert trained(x, names, model="mlp", hidden=8).facts["accuracy"] > 0.97
    assert trained(x, names).facts["accuracy"] < 0.8


@pytest.mark.slow
def test_train_classifier__balanced_weights_find_the_rare_class() -> None:
    rng = np.random.default_rng(2)
    code = (np.arange(600) < 30).astype(int)
    x = np.column_stack([code + 0.6 * rng.standard_normal(600), rng.standard_normal(600), np.full(600, 2.0)])
    names = ["common", "rare"]
    recall = {}
    for weights in ("none", "balanced"):
        facts = trained(x, [names[one] for one in code], class_weights=weights).facts
        recall[weights] = facts["per_class"][1]["recall"]
    assert recall["balanced"] > recall["none"] + 0.2


@pytest.mark.slow
def test_train_classifier__any_number_of_classes() -> None:
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((3, 20))
    present = rng.random((500, 3)) < [0.5, 0.3, 0.1]
    x = present @ directions + 0.5 * rng.standard_normal((500, 20))
    known = np.arange(500) >= 40
    columns = trained_on_sets(x, present, known)
    assert columns.facts["micro_f1"] > 0.9
    assert columns.facts["micro_f1_interval"][0] < columns.facts["micro_f1"]
    assert columns.facts["mean_average_precision"] > 0.93
    assert columns.facts["calibration_error"] < 0.05
    predictions = columns.values["predictions"]
    assert predictions.codes.shape == predictions.confidence.shape == (500, 3)
    assert (predictions.codes[:40] == present[:40]).mean() > 0.9
    assert "prediction" not in columns.values
    mlp = trained_on_sets(x, present, known, model="mlp", hidden=8, class_weights="balanced")
    assert mlp.facts["macro_f1"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_train_classifier__keeps_its_model(model: str, tmp_path: Path) -> None:
    """The kept arrays give the logits of unlabelled rows by three lines of NumPy."""
    data = planted.clean(200, 12, classes=3)
    columns = trained(data.x, [*data.names[:150], *[None] * 50], tmp_path, model=model)
    head = head_of(columns.facts["model_file"])
    assert columns.facts["files"] == [columns.facts["model_file"]]
    scores = (unit_rows(data.x[150:]) - head["mean"]) @ head["first"] + head["first_bias"]
    if model == "mlp":
        scores = np.tanh(scores) @ head["second"] + head["second_bias"]
    np.testing.assert_allclose(scores, columns.values["prediction"].logits[150:], atol=2e-3)
    Path(columns.facts["model_file"]).write_bytes(b"gone wrong")
    with pytest.raises(ParamError, match="train it again"):
        head_of(columns.facts["model_file"])


def test_train_classifier__two_samples() -> None:
    columns = trained([[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
    assert columns.values["prediction"].codes.tolist() == [1, 0], "each model knows the other class only"
    assert columns.facts["accuracy"] == 0.0


@pytest.mark.slow
def test_train_classifier__class_of_one_sample_is_named() -> None:
    data = planted.clean(60, 8, classes=2)
    facts = trained(data.x, ["alone", *data.names[1:]]).facts
    assert facts["classes_of_few"] == ["alone"]
    assert facts["per_class"][0]["recall"] == 0.0


@pytest.mark.parametrize(
    ("names", "params", "message"),
    [
        (["a"] * 4, {}, "at least 2 classes; the labels hold 1: a"),
        ([None] * 4, {}, "at least 2 classes; the labels hold 0: none"),
        (["a", "b", "a", "b"], {"classes": ["a", "lion"]}, "none has 'lion'. There are: a, b"),
        (["a", "b", "a", "b"], {"classes": ["a"]}, "at least 2 classes; the labels hold 1: a"),
    ],
)
def test_train_classifier__classes_that_are_not_there(
    names: list[str | None], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParamError, match=message):
        trained(np.eye(4), names, **params)


def test_train_classifier__only_copies() -> None:
    with pytest.raises(ParamError, match="not near-duplicates of each other; got 1"):
        trained(np.ones((4, 3)), ["a", "b", "a", "b"])


def test_classifier_params__one_kind_of_labels() -> None:
    assert ClassifierParams(label_sets="tags").to_dict()["label_field"] is None
    with pytest.raises(ParamError, match="label_field or label_sets; got neither"):
        ClassifierParams(label_field=None)
    with pytest.raises(ParamError, match="different names"):
        ClassifierParams(classes=("a", "a"))


def test_cross_validate__each_choice_is_blind_to_its_fold() -> None:
    """A fit that reports its rows: nothing of fold k is ever in the models that choose for or predict fold k."""
    fold = np.arange(20) % 4
    codes = np.arange(20) % 2
    seen: list[tuple[set[int], set[int]]] = []

    def fit(rows: Any, penalty: float, which: int) -> Any:
        def scores(asked: Any) -> Any:
            seen.append(({int(f) for f in fold[rows]}, {int(f) for f in fold[asked]}))
            return np.eye(2, dtype=np.float32)[codes[asked]]

        return scores

    nested = cross_validate(fit, (1.0, 0.1), codes, fold, 4, 2, silent)
    assert all(not trained & asked for trained, asked in seen)
    # 4 * 3 / 2 = 6 pairs, judged on both their folds for 2 penalties, then 4 predictions
    assert len(seen) == 6 * 2 * 2 + 4
    assert nested.penalties.tolist() == [1.0] * 4, "ties go to the first, the strongest"


def test_losses_and_error__slopes_are_those_of_the_losses() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((5, 3))
    several, one = rng.random((5, 3)) < 0.5, np.array([0, 1, 2, 1, 0])
    for codes, counts in ((one, np.arange(1.0, 6.0)[:, None]), (several, rng.random((5, 3)))):
        _, slope = losses_and_error(scores.copy(), codes, counts)
        step = np.zeros_like(scores)
        step[2, 1] = 1e-5
        rise = losses_and_error(scores + step, codes, counts)[0] - losses_and_error(scores - step, codes, counts)[0]
        assert slope[2, 1] == pytest.approx(rise.sum() / 2e-5, rel=1e-3)
        assert rise[[0, 1, 3, 4]].tolist() == [0] * 4, "the logits of a row are its own"


def test_solve__weighted_and_sigmoid_as_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((150, 4)).astype(np.float32)
    y = (x[:, 0] + 0.5 * rng.standard_normal(150) > 0.8).astype(int)
    design = Design.of(x)
    penalty = 0.01
    task = Task(("no", "yes"), y[:, None] == 1, np.ones(150, bool))
    fit = solve(design, np.arange(150), y[:, None] == 1, 1, penalty, importance=task.balance(np.arange(150)))
    # their loss is C * sum of losses + |w|² / 2, ours the mean + penalty * total / 2 * |w|²
    theirs = LogisticRegression(C=1 / (150 * design.ridge(penalty)), class_weight="balanced", tol=1e-8)
    theirs.fit(design.z, y)
    p = 1 / (1 + np.exp(-design.scores(np.arange(150), fit)[:, 0]))
    np.testing.assert_allclose(p, theirs.predict_proba(design.z)[:, 1], atol=3e-3)


def test_solve_mlp__same_seed_same_model() -> None:
    design = Design.of(np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32))
    rows, codes = np.arange(40), np.arange(40) % 2
    one, two = (solve_mlp(design, rows, codes, 2, 1e-3, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.first, two.first)


def test_average_precision__as_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    scores, present = rng.integers(0, 6, 50) / 6, rng.random(50) < 0.3
    assert average_precision(scores, present) == pytest.approx(average_precision_score(present, scores))
    assert average_precision(scores, np.zeros(50, bool)) is None


def test_wilson__known_values() -> None:
    # 8 of 10 from Newcombe 1998, table I: 0.4902 to 0.9433 (method 3, without continuity correction)
    assert wilson(8, 10) == pytest.approx([0.4902, 0.9433], abs=2e-4)
    assert wilson(0, 0) is None


def test_single_label_report__by_hand() -> None:
    """Three of four right; the wrong one is a 'b' taken for an 'a'."""
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    found = single_label_report(p, np.array([0, 0, 1, 1]), ["a", "b"], np.arange(4), seed=0)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["brier"] == pytest.approx((0.02 + 0.18 + 0.72 + 0.08) / 4)
    # bins: 0.9 right (gap .1), 0.7 right (.3), 0.6 wrong (.6), 0.8 right (.2)
    assert found["calibration_error"] == pytest.approx((0.1 + 0.3 + 0.6 + 0.2) / 4)
    assert [row["precision"] for row in found["per_class"]] == [pytest.approx(2 / 3), 1.0]
    assert [row["n"] for row in reliability(p.max(axis=1), np.array([1, 1, 0, 1]))] == [1, 1, 1, 1]


def test_single_label_report__copies_widen_the_interval() -> None:
    """Forty copies of each of ten pictures are ten pieces of evidence, not four hundred."""
    right = np.repeat(np.arange(10) % 2, 40)
    p = np.column_stack([1 - 0.2 - 0.6 * right, 0.2 + 0.6 * right])
    codes = np.ones(400, int)
    codes[:40] = 0
    widths = []
    for groups in (np.arange(400), np.repeat(np.arange(10), 40)):
        low, high = single_label_report(p, codes, ["a", "b"], groups, 0)["balanced_accuracy_interval"]
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def curated(noise: float, **params: Any) -> tuple[Any, Columns]:
    """600 samples to learn from, some with another label than their own, and 400 trusted ones."""
    data = planted.with_noise(planted.clean(1000, 32, classes=4, spread=0.9), "symmetric", noise)
    trusted = np.arange(1000) < 400
    names = [f"class {code:02d}" for code in np.where(trusted, data.true, data.given)]
    inputs = Inputs(
        n=1000,
        embeddings=np.asarray(data.x, np.float32),
        labels=GivenLabels.of(names),
        named={"trusted": trusted, "subset": (data.given == data.true) & ~trusted if params.get("subset") else None},
    )
    return data, train_classifier(inputs, ClassifierParams(trusted="trusted", **params), silent)


@pytest.mark.slow
def test_train_classifier__what_cleaning_is_worth() -> None:
    """With one label of five wrong, leaving out the suspects brings back half of what the wrong ones cost.

    To one of the 400 samples that it is told on.
    """
    _, columns = curated(0.2, subset="clean")
    found = columns.facts["curating"]
    assert (found["held_out"], found["copies_left_out"]) == (400, 0)
    whole = {one["learned_from"]: one for one in found["curve"] if one["n"] > 300 or one["suspects"] is None}
    assert whole["labels as given"]["n"] == 600
    assert 75 < whole["labels as given"]["suspects"] < 165, "120 are wrong"
    raw, clean = (whole[name]["accuracy"] for name in ("labels as given", "the subset"))
    assert clean > raw + 0.01
    assert whole["suspects left out"]["accuracy"] > (raw + clean) / 2 - 1 / 400
    assert whole["suspects left out"]["accuracy"] > whole["as many left out at random"]["accuracy"]
    assert whole["the subset"]["n"] == whole["a random subset of its size"]["n"]
    sizes = [one["n"] for one in found["curve"] if one["learned_from"] == "labels as given"]
    assert sizes == [150, 300, 600]
    for one in found["curve"]:
        assert one["interval"][0] < one["accuracy"] < one["interval"][1]
    assert "; 400 trusted samples: " in columns.facts["headline"]


@pytest.mark.slow
def test_curating_curve__copies_of_trusted_rows_teach_nobody() -> None:
    """Rows to learn from that are copies of trusted ones would tell the answers."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(40), np.arange(20), np.arange(40, 80)])
    trusted = np.arange(100) < 40
    codes = rng.integers(0, 2, 100)
    taught: list[set[int]] = []

    def learn(rows: Any, told: Any) -> Any:
        taught.append(set(rows.tolist()))
        return np.zeros((100, 2))

    found = curating_curve(rng.normal(size=(100, 8)).astype(np.float32), codes, groups, trusted, learn)
    assert found["copies_left_out"] == 20
    assert set.union(*taught) <= set(range(60, 100))
    assert all(one["accuracy"] == np.mean(codes[:40] == 0) for one in found["curve"])


@pytest.mark.slow
def test_train_classifier__trusted_samples_that_leave_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    inputs = Inputs(n=30, embeddings=x, labels=GivenLabels.of(["a", "b"] * 15))
    for trusted, counts in ((np.zeros(30, bool), "got 0, with 30 others"), (np.arange(30) < 15, "got 15, with 15 oth")):
        with pytest.raises(ParamError, match=counts):
            train_classifier(replace(inputs, named={"trusted": trusted}), ClassifierParams(trusted="t"), silent)
    with pytest.raises(ParamError, match="subset needs trusted"):
        ClassifierParams(subset="s")
    with pytest.raises(ParamError, match="trusted needs one class per sample"):
        ClassifierParams(trusted="t", label_sets="sets")


def test_lines__points_by_size_and_dashed_by_chance() -> None:
    points = [
        {"learned_from": name, "n": n, "accuracy": 0.5, "interval": [0.4, 0.6]}
        for name, n in ((GIVEN, 40), (FEWER, 30), (GIVEN, 20))
    ]
    first, second = lines({"curve": points})
    assert (first["name"], first["dashed"], first["sizes"]) == (GIVEN, False, [20, 40])
    assert (second["name"], second["dashed"], second["high"]) == (FEWER, True, [0.6])
