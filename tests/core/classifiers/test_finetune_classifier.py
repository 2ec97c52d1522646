"""Networks trained on the pictures, and pretrained ones with their own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import Interrupted, silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.classify_images import ClassifyParams, classify_images
from image_curation.core.classifiers.finetune_classifier import _folds, finetune_classifier
from image_curation.core.classifiers.finetune_params import FinetuneParams
from image_curation.core.classifiers.networks import Frame, class_names
from image_curation.core.explanations.explain import ExplainParams, explain
from PIL import Image

from ..helpers import quadrants

pytestmark = pytest.mark.slow  # loads torch

SMALL: dict[str, Any] = {"model": "torchvision:mobilenet_v3_small", "side": 32, "batch_size": 16}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """64 pictures of four shapes as files, three of them without a label, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("shapes")
    images, codes, _ = quadrants.pictures(64, seed=4)
    paths = []
    for number, image in enumerate(images):
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(image).save(paths[-1])
    (folder / "63.png").write_text("no image")
    names = [quadrants.SHAPES[code] if number > 2 else None for number, code in enumerate(codes)]
    return Inputs(n=64, paths=paths, labels=GivenLabels.of(names), folder=str(folder / "kept"))


@pytest.fixture(scope="module")
def checkpoint(shapes: Inputs) -> str:
    """Random weights, but with the statistics of these pictures, as a pretrained network has."""
    import torch
    from image_curation.core.classifiers.networks import build

    torch.manual_seed(0)
    module = build(SMALL["model"], 5).train()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
    pictures = np.stack([Frame(32, 37).prepare(Image.open(path)) for path in shapes.paths[:48]])
    with torch.no_grad():
        module(torch.from_numpy(pictures))
    path = Path(str(shapes.folder)).with_name("network.pth")
    torch.save(module.state_dict(), path)
    return str(path)


def test_finetune_classifier__learns_is_kept_and_is_explained(shapes: Inputs, checkpoint: str) -> None:
    params = FinetuneParams(**SMALL, weights=checkpoint, epochs=2, held_out=0.25, augment=False)
    found = finetune_classifier(shapes, params, silent)
    facts = found.facts
    held = [row for row in range(64) if found.values["fold"][row] == 0]
    assert 12 <= len(held) <= 20
    prediction = found.values["prediction"]
    assert (prediction.codes[held] >= 0).all()
    assert (prediction.codes[:3] >= 0).all(), "unlabelled ones are predicted"
    others = np.setdiff1d(np.arange(3, 64), held)
    assert (prediction.codes[others] == -1).all(), "what was learned from is not predicted"
    assert found.values["error"][63].endswith("it is text, not an image")
    assert facts["measured_on"] == len(held)
    assert facts["accuracy_interval"][0] < facts["accuracy_interval"][1]
    losses = facts["folds_trained"][0]["losses"]
    assert [one["training"] is None for one in losses] == [True, False, False]
    assert losses[2]["training"] < losses[1]["training"]
    assert not list(Path(str(shapes.folder)).glob("finetune-*")), "checkpoints go when the run is complete"
    source = {**facts, "method": "finetune_classifier", "key": "mine"}
    inputs = Inputs(n=2, paths=shapes.paths[:2], sources={"mine": source})
    maps = explain(inputs, ExplainParams(predictions="mine", target="named", classes=("disc",)), silent)
    assert maps.facts["method"] == "grad_cam", "its head has two layers"
    again = classify_images(inputs, ClassifyParams(model=SMALL["model"], weights=facts["model_file"], top_k=2), silent)
    assert again.values["prediction"].classes == tuple(sorted(quadrants.SHAPES))
    assert again.values["prediction"].codes.tolist() == prediction.codes[:2].tolist()


def test_finetune_classifier__goes_on_after_an_interruption(shapes: Inputs) -> None:
    params = FinetuneParams(**SMALL, pretrained=False, epochs=2, seed=7)
    told: list[str] = []

    def stop(done: int, total: int, doing: str = "") -> None:
        if doing.startswith("pass 2"):
            raise Interrupted

    with pytest.raises(Interrupted):
        finetune_classifier(shapes, params, stop)
    found = finetune_classifier(shapes, params, lambda done, total, doing="": told.append(doing))
    passes = [doing for doing in told if doing.startswith("pass")]
    assert passes[0].startswith("pass 2 of 2, loss ")
    assert passes[0].endswith(" left")
    assert "features of the frozen network" not in told
    assert len(passes) == len(range(0, 43, 16)), "the first pass is not made again"
    assert [one["training"] is None for one in found.facts["folds_trained"][0]["losses"]] == [True, False, False]


def test_folds__one_fold_holds_out_a_share_and_copies_stay_together() -> None:
    from image_curation.core.classifiers.task import Task

    task = Task(("a", "b"), np.arange(40) % 2, np.ones(40, bool))
    fold = _folds(task, np.arange(40) // 2, FinetuneParams(held_out=0.2))
    assert (fold == 0).sum() == 8
    assert (fold[::2] == fold[1::2]).all()


def test_finetune_classifier__weights_of_another_network(tmp_path: Path, shapes: Inputs) -> None:
    import torch
    from image_curation.core.classifiers.networks import build

    path = tmp_path / "other.pth"
    torch.save(build("torchvision:resnet18", 5).state_dict(), path)
    with pytest.raises(ParamError, match="weights must be a checkpoint of torchvision:mobilenet_v3_small"):
        finetune_classifier(shapes, FinetuneParams(**SMALL, weights=str(path)), silent)
    with pytest.raises(ParamError, match="must end in a linear layer"):
        finetune_classifier(
            shapes, FinetuneParams(**{**SMALL, "model": "torchvision:squeezenet1_1"}, pretrained=False), silent
        )


def test_classify_images__top_classes_of_imagenet(tmp_path: Path) -> None:
    import torch
    from image_curation.core.classifiers.networks import build

    path = tmp_path / "net.pth"
    torch.save(build(SMALL["model"], 1000).state_dict(), path)
    Image.new("L", (40, 60), 200).save(tmp_path / "grey.png")
    (tmp_path / "broken.png").write_text("no")
    inputs = Inputs(n=2, paths=[str(tmp_path / "grey.png"), str(tmp_path / "broken.png")])
    found = classify_images(inputs, ClassifyParams(model=SMALL["model"], weights=str(path)), silent)
    assert len(found.values["top_classes"][0]) == 5
    shares = found.values["top_probabilities"][0]
    assert shares == sorted(shares, reverse=True)
    assert found.values["confidence"][0] == pytest.approx(shares[0])
    assert found.values["top_classes"][1] is None
    assert found.values["prediction"].codes[1] == -1
    assert {"tench", "toilet tissue"} <= set(found.facts["classes"])
    assert len(set(found.facts["classes"])) == 1000, "names that ImageNet gives twice are told apart"
    (tmp_path / "names.txt").write_text("ant\nbee\n")
    given = {"model": SMALL["model"], "weights": str(path), "class_names": str(tmp_path / "names.txt")}
    with pytest.raises(ParamError, match=r"ClassifyParams.class_names must name the 1000 classes .* has 2"):
        classify_images(inputs, ClassifyParams(**given), silent)


def test_class_names__background_first() -> None:
    assert class_names(1001)[:2] == ("background", "tench")
    assert class_names(2) == ("class 0", "class 1")


def test_frame__sees_the_middle() -> None:
    image = Image.new("RGB", (80, 40), "black")
    image.paste((255, 255, 255), (18, 0, 62, 40))
    frame = Frame(32, 32)
    assert frame.cut(image).min() == 255
    assert frame.seen(80, 40) == (0.5, 1.0)
    assert Frame(28, 32).seen(40, 80) == (0.875, 0.4375)
