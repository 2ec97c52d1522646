"""Sets of labels: planted missing and surplus classes are found, right ones are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenSets, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.labels.find_multilabel_issues import (
    MultilabelIssuesParams,
    curve,
    find_multilabel_issues,
    judge_answers,
)
from image_curation.core.probes.metrics import expected_calibration_error
from sklearn.metrics import average_precision_score


def run(x: Any, present: Any, known: Any = None, patient: Any = None, preset: str = "balanced") -> Columns:
    n = len(x)
    names = tuple(f"class {c}" for c in range(present.shape[1]))
    given = GivenSets(names, present, np.ones(n, dtype=bool) if known is None else known)
    named = {"label_field": given} | ({} if patient is None else {"group_field": list(patient)})
    inputs = Inputs(n=n, embeddings=x.astype(np.float32), named=named)
    return find_multilabel_issues(inputs, MultilabelIssuesParams(preset=preset), silent)


def scenes(n: int = 500, classes: int = 5, seed: int = 0) -> tuple[Any, Any]:
    """Vectors that are sums of the directions of the classes present."""
    rng = np.random.default_rng(seed)
    true = rng.random((n, classes)) < 0.35
    direction = np.linalg.qr(rng.normal(size=(24, classes)))[0].T
    return 2 * true @ direction + 0.25 * rng.normal(size=(n, 24)) + 0.3, true


def test_find_multilabel_issues__planted() -> None:
    x, true = scenes()
    rng = np.random.default_rng(1)
    given = true.copy()
    rows = rng.choice(len(x), 40, replace=False)
    flipped = rng.integers(0, 5, 40)
    given[rows, flipped] ^= True
    found = run(x, given)
    wrong = np.zeros(len(x), dtype=bool)
    wrong[rows] = True
    assert average_precision_score(wrong, 1 - found.values["quality"]) > 0.9
    flagged = found.values["is_issue"]
    assert wrong[flagged].mean() > 0.8
    assert flagged[wrong].mean() > 0.8
    named = [
        f"class {c}" in (found.values["missing" if true[row, c] else "surplus"][row])
        for row, c in zip(rows, flipped, strict=True)
    ]
    assert np.mean(named) > 0.8
    assert found.facts["issues"] == flagged.sum()
    assert sum(row["missing"] + row["surplus"] for row in found.facts["classes"]) == (
        found.facts["missing"] + found.facts["surplus"]
    )


def test_find_multilabel_issues__copies_do_not_vouch_for_each_other() -> None:
    x, true = scenes(300)
    given = true.copy()
    given[0, 0] ^= True
    x = np.vstack([x, x[[0] * 4] + 1e-4 * np.random.default_rng(0).normal(size=(4, 24))])
    given = np.vstack([given, given[[0] * 4]])
    assert run(x, given).values["is_issue"][[0, 300, 301, 302, 303]].all()


def test_find_multilabel_issues__a_patient_does_not_judge_itself() -> None:
    """Every patient has a look of its own, and some one wrong answer on all pictures: only others can tell."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 10)
    _, true = scenes(60, classes=3)
    wrong = np.zeros((60, 3), dtype=bool)
    wrong[np.arange(8), rng.integers(0, 3, 8)] = True
    given = (true ^ wrong)[patient]
    look = rng.normal(size=(60, 60)) * 1.5
    x = np.concatenate([6 * true[patient] + rng.normal(size=(600, 3)), look[patient] + rng.normal(size=(600, 60))], 1)
    truth = wrong.any(axis=1)[patient]
    alone, together = (run(x, given, patient=of).values["is_issue"] for of in (None, patient))
    assert alone[truth].mean() < 0.1
    assert together[truth].mean() > 0.5
    assert truth[together].mean() > 0.8
    with pytest.raises(ParamError, match="got 600 that belong together: label more, or name a group_field"):
        run(x, given, patient=np.zeros(600, dtype=int))


def test_find_multilabel_issues__rare_classes_and_gaps() -> None:
    x, true = scenes(200)
    true = np.column_stack([true, np.arange(200) < 2, np.ones(200, dtype=bool)])  # one too rare, one everywhere
    known = np.arange(200) >= 10
    found = run(x, true, known)
    assert found.facts["not_judged"] == ["class 5", "class 6"]
    assert found.facts["unlabelled"] == 10
    assert found.rows is not None
    assert found.rows.tolist() == known.tolist()
    with pytest.raises(
        ParamError, match="must hold a class that at least 3 pictures have and 3 have not; got 1 classes"
    ):
        run(x, np.ones((200, 1), dtype=bool))


@pytest.mark.parametrize("n", [30, 300])
def test_find_multilabel_issues__clean_random_and_few(n: int) -> None:
    """Right sets, with vectors that tell classes and that do not: at most 1 in 50 flagged."""
    x, true = scenes(n)
    rng = np.random.default_rng(0)
    for vectors in (x, x + 3 * rng.normal(size=x.shape), rng.normal(size=x.shape)):
        assert run(vectors, true).values["is_issue"].mean() <= 0.02


def test_find_multilabel_issues__quality_is_a_probability_and_presets_nest() -> None:
    x, true = scenes()
    rng = np.random.default_rng(3)
    given, rows = true.copy(), rng.choice(len(x), 60, replace=False)
    given[rows, rng.integers(0, 5, 60)] ^= True
    wrong = (given != true).any(axis=1)
    found = {preset: run(x, given, preset=preset) for preset in ("conservative", "balanced", "broad")}
    issue = {preset: columns.values["is_issue"] for preset, columns in found.items()}
    assert expected_calibration_error(found["balanced"].values["quality"], ~wrong) < 0.05
    assert (issue["balanced"] >= issue["conservative"]).all()
    assert (issue["broad"] >= issue["balanced"]).all()
    facts = found["balanced"].facts
    assert facts["issues_by_preset"] == {preset: flags.sum() for preset, flags in issue.items()}
    assert facts["expected_wrong"]["low"] <= 60 <= facts["expected_wrong"]["high"]
    assert wrong[issue["balanced"]].mean() > facts["expected_precision"] - 0.05 > 0.8
    assert facts["evidence_strength"] == "good"


def test_judge_answers__product_and_silence() -> None:
    """Forty pictures with two answers that fit as well as an error would: nothing is flagged, all is likely right."""
    answers = judge_answers(np.full((40, 2), 0.5), np.arange(80).reshape(40, 2) % 3 == 0)
    assert not any(rows.any() for rows in answers.flagged.values())
    np.testing.assert_allclose(answers.quality, answers.right[:, 0] * answers.right[:, 1])
    assert answers.quality.mean() == pytest.approx(0.99, abs=0.005)


def test_curve__perfectly_told_and_not_at_all() -> None:
    y = np.arange(100) % 2 == 0
    p = curve(np.where(y, 1.0, 0.0)[:, None], y)
    assert p[y].min() > 0.9 > 0.1 > p[~y].max()
    assert curve(np.zeros((100, 1)), y) == pytest.approx(np.full(100, 0.5))
