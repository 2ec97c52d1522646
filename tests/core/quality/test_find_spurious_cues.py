"""Strengths counted by hand, and classes whose pictures differ by one planted property."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.images.properties import NAMES
from image_curation.core.quality.find_spurious_cues import (
    SpuriousParams,
    accident,
    find_spurious_cues,
    named,
    strengths,
    told_apart,
)
from PIL import Image, ImageFilter


def picture(rng: np.random.Generator, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """Coloured blocks of varying brightness under noise."""
    blocks = rng.integers(0, 256, (5, 6, 3)) * rng.uniform(0.6, 0.9) + rng.integers(0, 25)
    large = Image.fromarray(blocks.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    noisy = np.asarray(large).astype(int) + rng.integers(-15, 15, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def pasted(image: Image.Image, corner: tuple[int, int]) -> Image.Image:
    """The picture, a quarter as large, on a grey ground."""
    ground = Image.new("RGB", image.size, (128, 128, 128))
    ground.paste(image.resize((image.width // 2, image.height // 2)), corner)
    return ground


def run(folder: Path, images: list[Image.Image], labels: list[str | None], **given: object) -> Columns:
    paths = [str(folder / f"{number:03d}.png") for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    inputs = Inputs(n=len(images), paths=paths, labels=GivenLabels.of(labels))
    return find_spurious_cues(inputs, SpuriousParams(**given), silent)


def test_strengths__two_classes_by_hand() -> None:
    """1, 3 against 2, 4: of the four comparisons one is higher (3 > 2), AUC 1/4. Level values count half: AUC 1/2."""
    codes = np.array([0, 0, 1, 1])
    values = np.array([[1.0, 7], [3, 7], [2, 7], [4, 7]])
    assert strengths(values, codes).tolist() == [[-0.5, 0.0], [0.5, 0.0]]


def test_strengths__every_other_class_counts_the_same() -> None:
    """Class 0 lies above class 1 and below class 2, which has a hundred times the samples: no net difference."""
    codes = np.repeat([0, 1, 2], [10, 2, 200])
    values = np.repeat([5.0, 1.0, 9.0], [10, 2, 200])[:, None]
    assert strengths(values, codes)[:, 0] == pytest.approx([0.0, -1.0, 1.0])


def test_strengths__against_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), [20, 7, 50])
    values = rng.integers(0, 6, (77, 2)) + codes[:, None]
    for place in range(2):
        for code in range(3):
            auc = [
                roc_auc_score(codes[pair] == code, values[pair, place])
                for other in range(3)
                if other != code
                for pair in [np.flatnonzero((codes == code) | (codes == other))]
            ]
            assert strengths(values, codes)[code, place] == pytest.approx(2 * np.mean(auc) - 1)


def test_accident__random_values_stay_below() -> None:
    """In 200 sets of random values, about 5 in 100 have any strength beyond the limit; 12 in 100 would be odd."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(4), [10, 40, 15, 30])
    limit = accident(np.bincount(codes), 4 * 5)[:, None]
    beyond = [(np.abs(strengths(rng.standard_normal((95, 5)), codes)) > limit).any() for _ in range(200)]
    assert 0 < np.mean(beyond) < 0.12


def test_named__the_general_property_first() -> None:
    """Of 0.90 and 0.93 the first listed is named, as they are nearly equal; of 0.80 and 0.93 the stronger."""
    sure = np.ones((2, 2))
    assert [cue.place for cue in named(np.array([[0.90, -0.93], [0.8, 0.93]]), sure, 0.5)] == [0, 1, 1, 0]
    assert [(cue.code, cue.place) for cue in named(np.array([[0.9, -0.93], [0.8, 0.94]]), sure, 0.5)] == [
        (1, 1),
        (1, 0),
        (0, 0),
        (0, 1),
    ]
    assert named(np.array([[0.9, 0.4]]), np.array([[0.0, 0.4]]), 0.5) == []


PLANTED: dict[str, tuple[Callable[[Image.Image], Image.Image], str, str]] = {
    "darker": (lambda image: image.point(lambda level: int(0.55 * level)), "brightness", "darker"),
    "brighter": (lambda image: image.point(lambda level: 120 + level // 2), "brightness", "brighter"),
    "redder": (
        lambda image: Image.merge(
            "RGB",
            [image.getchannel("R").point(lambda level: level // 2 + 127)] + [image.getchannel(name) for name in "GB"],
        ),
        "warmth",
        "redder",
    ),
    "blurrier": (lambda image: image.filter(ImageFilter.GaussianBlur(3)), "sharpness", "blurrier"),
    "larger": (lambda image: image.resize((96, 80), Image.Resampling.NEAREST), "size", "larger"),
    "wider": (lambda image: image.crop((0, 0, 48, 20)), "aspect", "wider"),
    "left": (lambda image: pasted(image, (0, 10)), "edge_x", "with its edges further left"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_find_spurious_cues__planted(planted: str, tmp_path: Path) -> None:
    """Sixty cats, and thirty dogs whose pictures alone were changed: the change is named with its direction."""
    change, name, direction = PLANTED[planted]
    rng = np.random.default_rng(3)
    images = [picture(rng) for _ in range(60)] + [change(picture(rng)) for _ in range(30)]
    found = run(tmp_path, images, ["cat"] * 60 + ["dog"] * 30)
    cues = {(cue["class"], cue["property"]): cue for cue in found.facts["cues"]}
    assert cues["dog", name]["direction"] == direction
    assert cues["dog", name]["strength"] > 0.7
    assert found.facts["told_apart"] > 0.8
    assert np.nanmedian(found.values["score"]) > 0.9
    if planted in ("darker", "brighter"):
        assert set(found.values["cue"][60:]) == {f"dog: {direction}"}
        assert f"dog: {direction}" in found.facts["named"]


def test_find_spurious_cues__one_dark_class_of_four(tmp_path: Path) -> None:
    """The largest class is the dark one; only it is named, and only its samples carry the cue."""
    rng = np.random.default_rng(4)
    labels: list[str | None] = ["ant"] * 60 + ["bee"] * 20 + ["cat"] * 20 + ["dog"] * 20
    images = [picture(rng) for _ in labels]
    images[:60] = [image.point(lambda level: level // 3) for image in images[:60]]
    found = run(tmp_path, images, labels, at_least=0.7)
    assert found.facts["named"] == ["ant: darker"]
    assert found.values["cue"] == ["ant: darker"] * 60 + [None] * 60
    assert found.facts["told_by"] == "1 of 4 classes can be told by brightness alone"
    assert found.facts["headline"].startswith("1 of 4 classes can be told by brightness alone, most of all ant: darker")
    told = {row["class"]: row["told_apart"] for row in found.facts["classes"]}
    assert told["ant"] > 0.9
    assert max(told[name] for name in ("bee", "cat", "dog")) < 0.5


def test_find_spurious_cues__nothing_planted(tmp_path: Path) -> None:
    """Random labels, nine of ten the same: no cue, and no class told by its frequency."""
    rng = np.random.default_rng(5)
    labels: list[str | None] = ["cat" if place % 10 else "dog" for place in range(120)]
    found = run(tmp_path, [picture(rng) for _ in labels], labels)
    assert found.facts["cues"] == []
    assert found.values["cue"] == [None] * 120
    assert abs(found.facts["told_apart"]) < 0.25
    assert found.facts["headline"].startswith("No class can be guessed")


def test_find_spurious_cues__all_identical(tmp_path: Path) -> None:
    """Nothing differs, so nothing tells: chances are one half."""
    found = run(tmp_path, [Image.new("L", (8, 8), 77)] * 12, ["cat", "dog"] * 6)
    assert found.values["score"].tolist() == [0.5] * 12
    assert found.facts["told_apart"] == 0.0
    assert all(strength == 0 for one in found.facts["strengths"].values() for strength in one)


def test_find_spurious_cues__gaps(tmp_path: Path) -> None:
    """Unlabelled and unreadable samples get no values and change nothing."""
    rng = np.random.default_rng(6)
    images = [picture(rng) for _ in range(20)]
    images[:10] = [image.point(lambda level: level // 3) for image in images[:10]]
    labels: list[str | None] = ["cat"] * 9 + [None] + ["dog"] * 10
    whole = run(tmp_path, images, labels)
    assert whole.rows is not None
    assert whole.rows.tolist() == [True] * 9 + [False] + [True] * 10
    (tmp_path / "000.png").write_text("no picture")
    paths = [str(tmp_path / f"{number:03d}.png") for number in range(20)]
    found = find_spurious_cues(Inputs(n=20, paths=paths, labels=GivenLabels.of(labels)), SpuriousParams(), silent)
    assert (found.facts["unlabelled"], found.facts["unreadable"]) == (1, 1)
    assert np.isnan(found.values["score"][[0, 9]]).all()
    assert np.isfinite(np.delete(found.values["score"], [0, 9])).all()


def test_find_spurious_cues__classes_of_two_and_one(tmp_path: Path) -> None:
    """Two samples never prove a cue, and a class of one is not judged."""
    rng = np.random.default_rng(7)
    labels: list[str | None] = [f"{place // 2:02d}" for place in range(40)] + ["single"]
    found = run(tmp_path, [picture(rng) for _ in labels], labels)
    assert found.facts["cues"] == []
    assert np.isnan(found.values["score"][40])
    assert {row["class"]: row["told_apart"] for row in found.facts["classes"]}["single"] is None


def test_find_spurious_cues__nothing_readable(tmp_path: Path) -> None:
    inputs = Inputs(n=2, paths=[str(tmp_path / "a"), str(tmp_path / "b")], labels=GivenLabels.of(["cat", "dog"]))
    with pytest.raises(ParamError, match="two classes whose images can be read; got 0"):
        find_spurious_cues(inputs, SpuriousParams(), silent)


def test_told_apart__copies_share_a_fold() -> None:
    """Every row has one copy. Were they in different folds, each would be told by its copy."""
    rng = np.random.default_rng(8)
    values = np.repeat(rng.standard_normal((40, len(NAMES))), 2, axis=0)
    codes = np.repeat(rng.integers(0, 2, 40), 2)
    assert np.nanmean(told_apart(values, codes, 5, 0)) < 0.65
