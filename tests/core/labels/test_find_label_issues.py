"""Planted wrong labels are found; right labels are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings import compute_embeddings
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams
from image_curation.core.labels.find_label_issues import LabelIssuesParams, find_label_issues, judge
from image_curation.core.labels.noise_model import NoiseModel
from image_curation.core.probes.metrics import expected_calibration_error
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score

from ..helpers import planted


def _run(x: Any, names: list[str | None], **params: Any) -> Columns:
    inputs = Inputs(n=len(x), embeddings=np.asarray(x, dtype=np.float32), labels=GivenLabels.of(names))
    return find_label_issues(inputs, LabelIssuesParams(embeddings="vectors", **params), silent)


def _one_hot(codes: Any, sure: float, n_classes: int) -> Any:
    """Probabilities that give `sure` to one class and share the rest."""
    p = np.full((len(codes), n_classes), (1 - sure) / (n_classes - 1), dtype=np.float32)
    p[np.arange(len(codes)), codes] = sure
    return p


@pytest.mark.slow
@pytest.mark.parametrize("probabilities", ["consensus", "probe", "neighbors"])
def test_find_label_issues__planted(probabilities: str) -> None:
    data = planted.with_noise(planted.clean(600, 64), "symmetric", 0.1)
    found = _run(data.x, data.names, probabilities=probabilities)
    assert average_precision_score(data.wrong, 1 - found.values["quality"]) > 0.9
    assert f1_score(data.wrong, found.values["is_issue"]) > 0.8
    flagged = np.flatnonzero(found.values["is_issue"] & data.wrong)
    right = [found.values["suggested"][row] == f"class {data.true[row]:02d}" for row in flagged]
    assert np.mean(right) > 0.9


@pytest.mark.slow
def test_find_label_issues__copied_errors() -> None:
    data = planted.with_copies(planted.with_noise(planted.clean(700, 64), "symmetric", 0.08), 0.1, copies=3)
    found = _run(data.x, data.names)
    assert average_precision_score(data.wrong, 1 - found.values["quality"]) > 0.9
    assert found.facts["probe"]["near_duplicates_across_folds"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["conservative", "balanced", "broad"])
def test_judge__given_label_is_always_the_argmax(preset: str) -> None:
    codes = np.repeat([0, 1, 2], 20)
    for sure in (0.4, 0.6, 0.99):
        assert not judge(_one_hot(codes, sure, 3), codes).flagged[preset].any()


def test_judge__swapped_labels() -> None:
    codes = np.repeat([0, 1, 2], 150)
    probabilities = _one_hot(codes, 0.99, 3)
    codes[[5, 200, 210]] = 2  # look like class 0 and class 1
    verdict = judge(probabilities, codes)
    assert np.flatnonzero(verdict.flagged["balanced"]).tolist() == [5, 200, 210]
    assert verdict.other[[5, 200, 210]].tolist() == [0, 1, 1]
    assert set(verdict.quality.argsort()[:3]) == {5, 200, 210}


@pytest.mark.slow
def test_find_label_issues__presets_are_nested() -> None:
    data = planted.with_noise(planted.clean(500, 32, spread=1.0), "symmetric", 0.15)
    few, some, many = (
        _run(data.x, data.names, preset=preset).values["is_issue"] for preset in ("conservative", "balanced", "broad")
    )
    assert 0 < few.sum() <= some.sum() <= many.sum()
    assert (some | ~few).all()
    assert (many | ~some).all()
    assert data.wrong[few].mean() >= data.wrong[some].mean() >= data.wrong[many].mean()


@pytest.mark.slow
def test_find_label_issues__ranks_and_ranges() -> None:
    data = planted.with_noise(planted.clean(400, 32), "pair", 0.1)
    values = _run(data.x, data.names).values
    quality, issue = values["quality"], values["is_issue"]
    assert ((quality >= 0) & (quality <= 1)).all()
    ranks = [rank for rank in values["rank"] if rank is not None]
    assert sorted(ranks) == list(range(1, issue.sum() + 1))
    worst = values["rank"].index(1)
    assert quality[worst] == quality[issue].min()
    assert all((rank is not None) == flag for rank, flag in zip(values["rank"], issue, strict=True))
    assert all(values["suggested"][row] != data.names[row] for row in np.flatnonzero(issue))


@pytest.mark.slow
def test_find_label_issues__names_in_any_order() -> None:
    """Renaming classes so that they sort differently changes names only."""
    data = planted.with_noise(planted.clean(400, 32, classes=3), "symmetric", 0.1)
    one, other = (dict(enumerate(names)) for names in (("a", "b", "c"), ("z", "m", "b")))
    first = _run(data.x, [one[code] for code in data.given])
    second = _run(data.x, [other[code] for code in data.given])
    swap = dict(zip(one.values(), other.values(), strict=True))
    agree = [
        swap[name] == renamed
        for name, renamed in zip(first.values["suggested"], second.values["suggested"], strict=True)
    ]
    # the folds are drawn class by class in the order of names, so a few borderline samples may differ
    assert np.mean(agree) > 0.97
    assert abs(first.values["is_issue"].sum() - second.values["is_issue"].sum()) <= 5


def test_find_label_issues__gaps_and_classes_of_one() -> None:
    data = planted.clean(200, 16, classes=3)
    names: list[str | None] = list(data.names)
    names[0], names[1] = None, "alone"
    found = _run(data.x, names)
    assert found.rows is not None
    assert np.flatnonzero(~found.rows).tolist() == [0, 1]
    assert found.values["suggested"][0] is None
    assert found.facts["classes_of_one"] == ["alone"]
    assert found.facts["unlabelled"] == 1
    assert found.facts["samples"] == 198


@pytest.mark.slow
def test_find_label_issues__facts() -> None:
    data = planted.with_noise(planted.clean(600, 64), "pair", 0.2)
    facts = _run(data.x, data.names).facts
    assert facts["estimated_noise"] == pytest.approx(0.2, abs=0.05)
    assert facts["headline"].startswith(
        f"{facts['issues']:,} likely label issues among 600 samples; many labels are wrong"
    )
    assert facts["expected_wrong"]["low"] < data.wrong.sum() < facts["expected_wrong"]["high"]
    assert facts["evidence_strength"] == "good"
    assert sum(row["issues"] for row in facts["classes"]) == facts["issues"]
    # "pair" writes the next class: what is given as class c looks like class c - 1
    top = facts["pairs"][0]
    assert (int(top["given"][-2:]) - int(top["suggested"][-2:])) % 10 == 1


def test_find_label_issues__says_when_embeddings_hardly_tell_the_classes() -> None:
    """All labels are right, but two clusters overlap by a third: nothing is flagged, and the sentence says why."""
    rng = np.random.default_rng(0)
    codes = np.arange(400) % 2
    x = (np.where(codes, 1.0, -1.0)[:, None] * np.eye(1, 8) * 0.5 + rng.normal(size=(400, 8))).astype(np.float32)
    facts = _run(x, ["ab"[code] for code in codes]).facts
    assert facts["issues"] == 0
    assert facts["evidence_strength"] == "weak"
    assert facts["labels_that_fit"] == pytest.approx(0.69, abs=0.06)  # Phi(0.5) = 0.69 of each side
    assert "weak evidence, so take a stronger model" in facts["headline"]


@pytest.mark.parametrize("classes", [2, 10])
def test_find_label_issues__random_vectors_flag_nothing(classes: int) -> None:
    rng = np.random.default_rng(classes)
    found = _run(rng.normal(size=(300, 32)), [f"{code:02d}" for code in rng.integers(0, classes, 300)])
    assert not found.values["is_issue"].any()
    assert found.values["quality"].mean() > 0.9
    assert "cannot tell these classes" in found.facts["headline"]


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 300])
def test_find_label_issues__clean_small_sets_are_left_alone(n: int) -> None:
    data = planted.clean(n, 32)
    found = _run(data.x, data.names)
    assert found.values["is_issue"].mean() <= 0.02
    assert found.values["quality"].mean() > 0.95


@pytest.mark.slow
def test_find_label_issues__many_random_errors() -> None:
    """600 rows of 4 classes, 4 in 10 labels wrong: flagged; weak vectors leave models as unsure, and flag nothing."""
    data = planted.with_noise(planted.clean(600, 64, classes=4), "symmetric", 0.4)
    found = _run(data.x, data.names)
    assert f1_score(data.wrong, found.values["is_issue"]) > 0.9
    assert "many labels are wrong" in found.facts["headline"]
    blurred = data.x + 0.6 * np.random.default_rng(0).normal(size=data.x.shape)
    weak = _run(blurred, [f"class {code:02d}" for code in data.true])
    assert weak.facts["issues"] == 0
    assert weak.facts["evidence_strength"] == "weak"
    assert "many labels are wrong" not in weak.facts["headline"]


@pytest.mark.slow
def test_find_label_issues__quality_and_suggestions_are_probabilities() -> None:
    data = planted.with_noise(planted.clean(1000, 64), "symmetric", 0.1)
    values = _run(data.x, data.names).values
    assert expected_calibration_error(values["quality"], ~data.wrong) < 0.05
    names = np.array([f"class {code:02d}" for code in data.true])
    right = np.array(values["suggested"]) == names
    assert expected_calibration_error(values["chance"], right) < 0.1


@pytest.mark.slow
def test_find_label_issues__small_classes_are_not_flagged_more() -> None:
    """A clean long tail: the rows of classes under five samples are flagged at most twice as often as others."""
    data = planted.clean(900, 32)
    rng = np.random.default_rng(0)
    kept = np.concatenate(
        [rng.permutation(np.flatnonzero(data.true == code))[:size] for code, size in enumerate([80] * 6 + [4, 4, 3, 3])]
    )
    issue = _run(data.x[kept], [data.names[row] for row in kept]).values["is_issue"]
    small = data.true[kept] >= 6
    assert issue[small].mean() <= max(2 * issue[~small].mean(), 0.02)


@pytest.mark.slow
def test_find_label_issues__same_seed_same_columns() -> None:
    data = planted.with_noise(planted.clean(300, 16), "symmetric", 0.1)
    one, other = (_run(data.x, data.names).values for _ in range(2))
    np.testing.assert_array_equal(one["quality"], other["quality"])
    assert one["suggested"] == other["suggested"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([None] * 4, "has no labels"),
        (["a"] * 4, "got one, 'a'"),
        (["a", "a", "b", "c"], "two classes of two or more"),
    ],
)
def test_find_label_issues__too_few_labels(names: list[str | None], words: str) -> None:
    with pytest.raises(ParamError, match=words):
        _run(np.eye(4), names)


def test_noise_model__recovers_the_transition() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 3000)
    chances = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.1, 0.1, 0.8]])
    given = np.array([rng.choice(3, p=chances[c]) for c in true])
    fitted = NoiseModel.fit(_one_hot(true, 0.95, 3), given)
    np.testing.assert_allclose(fitted.chances, chances, atol=0.05)


@pytest.mark.parametrize(
    ("labels", "ap", "f1"), [("aggre", 0.75, 0.58), ("random1", 0.857, 0.75), ("worst", 0.93, 0.815)]
)
@pytest.mark.slow
def test_find_label_issues__human_noise(shared_data: Any, labels: str, ap: float, f1: float) -> None:
    """Average precision and F1 that the project promises on CIFAR-10N (Wei et al. 2022)."""
    data = np.load(shared_data / "cifar10n" / "cifar10n_5k.npz")
    wrong = data[labels] != data["clean"]
    found = _run(data["mobilenetv2"], [str(data["class_names"][code]) for code in data[labels]]).values
    assert average_precision_score(wrong, 1 - found["quality"]) >= ap
    assert f1_score(wrong, found["is_issue"]) >= f1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "labels", "strength", "many"),
    [
        ("good", "clean", "good", False),
        ("good", "worst", "good", True),
        ("descriptor", "clean", "weak", False),
        ("descriptor", "worst", "weak", False),
        ("blurred", "clean", "weak", False),
        ("blurred", "worst", "weak", False),
        ("random", "clean", "none", False),
    ],
)
def test_find_label_issues__weak_vectors_and_wrong_labels_are_two_things(
    shared_data: Any, tmp_path: Path, kind: str, labels: str, strength: str, many: bool
) -> None:
    """CIFAR-10N: good vectors, the descriptor's, vectors drowned in noise, random ones; right and many wrong labels."""
    data = np.load(shared_data / "cifar10n" / "cifar10n_5k.npz")
    rows = np.random.default_rng(7).choice(5000, 1000, replace=False)
    x, rng = data["mobilenetv2"][rows].astype(np.float32), np.random.default_rng(0)
    if kind == "descriptor":
        paths = [str(tmp_path / f"{row}.png") for row in rows]
        for image, path in zip(data["images"][rows], paths, strict=True):
            Image.fromarray(image).save(path)
        inputs = Inputs(n=len(rows), paths=paths)
        x = compute_embeddings.METHOD.run(inputs, EmbeddingsParams(model="descriptor"), silent).values[""]
    elif kind == "blurred":
        x = x + 4 * x.std() * rng.normal(size=x.shape)
    elif kind == "random":
        x = rng.normal(size=x.shape)
    facts = _run(x, [str(data["class_names"][code]) for code in data[labels][rows]]).facts
    said = facts["evidence_strength"], facts["issues"] > 20, "many labels are wrong" in facts["headline"]
    assert said == (strength, many, many)


@pytest.mark.parametrize(("n", "wrong", "spread"), [(300, 15, 0.5), (300, 30, 0.25), (120, 8, 0.5), (300, 0, 0.5)])
def test_find_label_issues__errors_between_classes_that_lie_far_apart(n: int, wrong: int, spread: float) -> None:
    """All wrong labels are of one kind, so the models take them for likely; they stand apart all the same."""
    rng = np.random.default_rng(4)
    codes = np.arange(n) % 5
    x = (rng.normal(size=(5, 32))[codes] + spread * rng.normal(size=(n, 32))).astype(np.float32)
    given = [str((code + (row < wrong)) % 5) for row, code in enumerate(codes)]
    found = _run(x, given)
    assert np.flatnonzero(found.values["is_issue"]).tolist() == list(range(wrong))
