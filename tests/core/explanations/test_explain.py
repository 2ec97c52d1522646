"""Heatmaps: by hand on small networks, on planted evidence, and by hiding what they point at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import LabelValues
from image_curation.core.base.inputs import GivenBoxes, GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.classifier_params import ClassifierParams
from image_curation.core.classifiers.train_classifier import train_classifier
from image_curation.core.explanations.explain import (
    GRID,
    ExplainParams,
    boxes_on_grid,
    energy_outside,
    explain,
    over_picture,
)
from image_curation.core.explanations.faithfulness import curves
from image_curation.core.images.digits import NAMES, load_digits, picture
from image_curation.core.probes.logistic import softmax

from ..helpers import quadrants

slow = pytest.mark.slow  # loads torch


def test_over_picture__middle_of_a_wide_picture() -> None:
    """A picture twice as wide as high: the square seen takes the middle half of the width and all of the height."""
    full = over_picture(np.array([[[1.0, 0.0], [0.0, 0.0]]]), (0.5, 1.0), grid=8)[0]
    assert (full[:, :2] == 0).all()
    assert (full[:, 6:] == 0).all()
    assert full[0, 2] == pytest.approx(1.0)
    assert full[0, 2] > full[0, 3] > full[0, 4]
    np.testing.assert_allclose(over_picture(np.ones((1, 1, 1)), (1.0, 1.0), grid=4), np.ones((1, 4, 4)))


def test_energy_outside__by_hand() -> None:
    maps = np.zeros((3, 4, 4))
    maps[0, 0, 0], maps[0, 3, 3] = 3.0, 1.0
    maps[1, 1, 1] = 2.0
    inside = np.stack([boxes_on_grid(np.array([[0, 0, 0.5, 0.5]]), 4)] * 3)
    assert energy_outside(maps, inside)[:2].tolist() == [0.25, 0.0]
    assert np.isnan(energy_outside(maps, inside)[2]), "an empty map"
    assert np.isnan(energy_outside(maps, np.zeros((3, 4, 4)))).all(), "no object known"


def test_boxes_on_grid__overlapping_boxes_count_once_and_cells_are_shared() -> None:
    covered = boxes_on_grid(np.array([[0, 0, 0.5, 1], [0.25, 0, 0.25, 1], [0.9, 0.9, 5, 5], [-1, 0, 1.125, 0.25]]), 4)
    assert covered[1:3, :2].min() == 1.0
    assert covered[0, 3] == 0.0
    assert covered.sum() == pytest.approx(8 + (2 / 4) ** 2, abs=0.2)
    assert boxes_on_grid(np.zeros((0, 4)), 4).sum() == 0


def test_explain_params__what_goes_together() -> None:
    for given, message in (
        ({}, "either predictions"),
        ({"model": "x", "predictions": "y"}, "either predictions"),
        ({"model": "x", "target": "named"}, "1 to 4 classes; got 0"),
        ({"model": "x", "target": "given"}, "label_field must name"),
        ({"model": "x", "templates": ["no place"]}, "must each contain {}"),
    ):
        with pytest.raises(ParamError, match=message):
            ExplainParams(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cnn() -> Any:
    return quadrants.trained_cnn()


@pytest.fixture(scope="module")
def planted_shapes() -> tuple[Any, Any, Any]:
    images, shapes, places = quadrants.pictures(200, seed=9)
    return quadrants.batch_of(images), shapes, places


@slow
def test_cam__by_hand() -> None:
    """Two channels that pass red and green through, weights 2 and -1: the map is ReLU(2 red - green)."""
    import torch
    from image_curation.core.classifiers.networks import Frame, Network
    from image_curation.core.explanations.class_activation_maps import cam, grad_cam
    from torch import nn

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 2, 1, bias=False)
            self.fc = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return self.fc(self.features(x).mean(dim=(2, 3)))

    module = Two().requires_grad_(False)
    module.features.weight[:] = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[:, :, None, None]
    module.fc.weight[:] = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    network = Network(module, module.features, ("a", "b"), Frame(2, 2), {"model": "two", "device": "cpu"})
    red, green = np.array([[1.0, 2], [3, 4]]), np.array([[4.0, 1], [1, 0]])
    batch = np.stack([red, green, np.zeros((2, 2))])[None].astype(np.float32)
    maps, logits = cam(network, batch, np.array([0]))
    np.testing.assert_allclose(maps[0], [[0, 3], [5, 8]])
    # sum over places of 2 red - green, without the ReLU, is four times the logit less its bias
    assert 4 * (logits[0, 0] - float(module.fc.bias[0])) == pytest.approx(2 * red.sum() - green.sum(), rel=1e-5)
    # d logit / d A_k = w_k / 4 at each place, so Grad-CAM is CAM / 4
    np.testing.assert_allclose(grad_cam(network, batch, np.array([0]))[0][0], maps[0] / 4, rtol=1e-6)
    np.testing.assert_allclose(cam(network, batch, np.array([1]))[0][0], (red + green) / 2)


@slow
def test_grad_cam__by_hand_without_average() -> None:
    """Logit = sum of 1, 2, 3, 4 times the places of one channel: its weight is the mean slope, 2.5."""
    import torch
    from image_curation.core.classifiers.networks import Frame, Network
    from image_curation.core.explanations.class_activation_maps import cam, grad_cam, is_linear
    from torch import nn

    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 1, 1, bias=False)
            self.fc = nn.Linear(4, 1, bias=False)

        def forward(self, x: Any) -> Any:
            return self.fc(self.features(x).flatten(1))

    module = Flat().requires_grad_(False)
    module.features.weight[:] = torch.tensor([1.0, 0, 0])[None, :, None, None]
    module.fc.weight[:] = torch.tensor([[1.0, 2, 3, 4]])
    network = Network(module, module.features, ("only",), Frame(2, 2), {"model": "flat", "device": "cpu"})
    batch = np.zeros((1, 3, 2, 2), np.float32)
    batch[0, 0] = [[1, -2], [0, 3]]
    np.testing.assert_allclose(grad_cam(network, batch, np.array([0]))[0][0], [[2.5, 0], [0, 7.5]])
    assert not is_linear(network)
    with pytest.raises(ParamError, match="choose grad_cam"):
        cam(network, batch, np.array([0]))


@slow
def test_cam__planted_shapes_light_up_their_quadrant(cnn: Any, planted_shapes: tuple[Any, Any, Any]) -> None:
    from image_curation.core.explanations.class_activation_maps import cam, grad_cam, is_linear

    batch, shapes, places = planted_shapes
    assert is_linear(cnn)
    for draw in (cam, grad_cam):
        maps, logits = draw(cnn, batch, shapes)
        assert (logits.argmax(axis=1) == shapes).mean() > 0.95
        assert (quadrants.lit(maps) == places).mean() >= 0.95


@slow
def test_curves__maps_beat_their_shuffled_selves(cnn: Any, planted_shapes: tuple[Any, Any, Any]) -> None:
    from image_curation.core.explanations.class_activation_maps import cam

    batch, shapes, _ = planted_shapes
    batch, shapes = batch[:60], shapes[:60]
    maps, _ = cam(cnn, batch, shapes)
    areas = curves(batch, maps, lambda some: softmax(cnn.logits(some))[np.arange(60), shapes], seed=0)
    assert areas["deletion"].mean() < areas["deletion_shuffled"].mean() - 0.2
    assert areas["insertion"].mean() > areas["insertion_shuffled"].mean() + 0.1


@slow
def test_rolled__chefer_by_hand() -> None:
    """Two layers, one head, two tokens: R1 = I + (g1 a1)+, R2 = R1 + (g2 a2)+ R1."""
    import torch
    from image_curation.core.explanations.clip_relevance import _rolled

    a1, a2 = [[0.5, 0.5], [0.25, 0.75]], [[0.2, 0.8], [1.0, 0.0]]
    g1, g2 = [[2.0, -1.0], [4.0, 0.0]], [[0.0, 5.0], [1.0, 1.0]]
    # (g1 a1)+ = [[1, 0], [1, 0]], R1 = [[2, 0], [1, 1]]; (g2 a2)+ = [[0, 4], [1, 0]], R2 = R1 + [[4, 4], [2, 0]]
    seen, slopes = ([torch.tensor(one)[None, None] for one in two] for two in ((a1, a2), (g1, g2)))
    np.testing.assert_allclose(_rolled(seen, slopes)[0], [[6, 4], [3, 1]])


@pytest.fixture(scope="module")
def tiny() -> Any:
    from image_curation.core.explanations.explainers import of_texts

    return of_texts("tiny_clip", None, "cpu", "attention", NAMES, ("a photo of the digit {}",))


@slow
def test_attention__model_is_left_as_it_was(tiny: Any) -> None:
    """Attention in the open gives the model's own vectors, and the model computes as before afterwards."""
    import torch
    from image_curation.core.explanations.clip_relevance import _recorded

    batch = torch.randn(3, 3, 32, 32, generator=torch.manual_seed(0))
    network = tiny._engine.network
    before = network.encode_image(batch)
    with _recorded(list(network.visual.transformer.resblocks)) as seen:
        during = network.encode_image(batch)
    assert [tuple(one.shape) for one in seen] == [(3, 4, 17, 17)] * 4
    torch.testing.assert_close(during, before, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(network.encode_image(batch), before, atol=1e-6, rtol=1e-5)
    assert all("attention" not in vars(block) for block in network.visual.transformer.resblocks)


@slow
def test_attention__parts_of_the_tokens_add_up(tiny: Any) -> None:
    """What the tokens add to the class token is what all layers' attention gives it, but for the biases."""
    import torch
    from image_curation.core.explanations.clip_relevance import _parts_of

    batch = torch.randn(2, 3, 32, 32, generator=torch.manual_seed(1))
    network = tiny._engine.network
    blocks = list(network.visual.transformer.resblocks)
    kept: list[Any] = []
    handles = [
        block.attn.out_proj.register_forward_hook(lambda part, given, out: kept.append(out[:, 0])) for block in blocks
    ]
    try:
        with torch.inference_mode(), _parts_of(blocks) as parts:
            network.encode_image(batch)
    finally:
        for handle in handles:
            handle.remove()
    assert len(kept) == len(blocks) == 4
    biases = sum(block.attn.out_proj.bias for block in blocks)
    torch.testing.assert_close(parts[0].sum(dim=1) + biases, sum(kept), atol=1e-5, rtol=1e-4)
    assert all("attention" not in vars(block) for block in blocks)


@slow
@pytest.mark.parametrize("method", ["attention", "patches"])
def test_clip__planted_digits_light_up_their_quadrant(tiny: Any, method: str) -> None:
    """Digits that the model never saw, for their own class and for the one that it takes them for."""
    images, digits, places = quadrants.digits_in_quadrants(200)
    batch = np.stack([tiny.prepare(image) for image in images])
    said = tiny.scores(batch).argmax(axis=1)
    assert (said == digits).mean() >= 0.5, "the model sees the digit where it is, one of ten, small as it is"
    for codes in (digits, said):
        maps = _drawn(tiny, method, batch, codes)
        assert maps.shape == (200, 4, 4)
        assert (quadrants.lit(maps) == places).mean() >= 0.95


@slow
@pytest.mark.parametrize("method", ["attention", "patches"])
def test_curves__clip_maps_beat_their_shuffled_selves(tiny: Any, method: str) -> None:
    """What is hidden becomes paper, 1 once normalised: 0 as `curves` has it after 1 is taken away."""
    images, _, _ = quadrants.digits_in_quadrants(60, seed=1)
    batch = np.stack([tiny.prepare(image) for image in images])
    said = tiny.scores(batch).argmax(axis=1)

    def score(some: Any) -> Any:
        return softmax(tiny.scores(np.asarray(some + 1, np.float32)))[np.arange(60), said]

    areas = curves(batch - 1, _drawn(tiny, method, batch, said), score, seed=0)
    assert areas["deletion"].mean() < areas["deletion_shuffled"].mean() - 0.1
    assert areas["insertion"].mean() > areas["insertion_shuffled"].mean() + 0.15


@slow
@pytest.mark.parametrize("method", ["attention", "patches"])
def test_clip__of_two_digits_the_one_asked_for(tiny: Any, method: str) -> None:
    """Where the ink is would not do: the map must hold more on the digit asked for than on the other one."""
    images, digits, places = quadrants.two_digits(150)
    batch, rows = np.stack([tiny.prepare(image) for image in images]), np.arange(150)
    held = quadrants.energy(_drawn(tiny, method, batch, digits))
    assert (held[rows, places[:, 0]] > held[rows, places[:, 1]]).mean() > 0.7


def _drawn(tiny: Any, method: str, batch: Any, codes: Any) -> Any:
    if method == "attention":
        return tiny.explainer.attention_maps(batch, tiny.vectors[codes])
    return tiny.explainer.patch_maps(batch, tiny.vectors[codes[None]], tiny.vectors)[0]


@slow
def test_explain__clip_from_files_with_words_and_classes_side_by_side(tmp_path: Path) -> None:
    digits = load_digits()
    rows = np.flatnonzero(digits.held_out & (digits.labels == 7))[:6]
    for row in rows:
        picture(digits.grids[row]).convert("L").save(tmp_path / f"{row}.png")  # one channel
    (tmp_path / "broken.png").write_text("no image")
    paths = [str(tmp_path / f"{row}.png") for row in rows] + [str(tmp_path / "broken.png")]
    params = ExplainParams(
        model="tiny_clip", target="named", classes=("seven", "one"), words=True,
        templates=("a photo of the digit {}",), checked=4, batch_size=4,
    )  # fmt: skip
    found = explain(Inputs(n=7, paths=paths), params, silent)
    first, second = found.values["heatmap"], found.values["heatmap_2"]
    assert first.maps.shape == (7, GRID, GRID)
    assert first.known.tolist() == [True] * 6 + [False]
    assert (np.maximum(first.maps[:6], second.maps[:6]).max(axis=(1, 2)) == 255).all(), "on one scale"
    assert found.values["error"][-1] == "broken.png cannot be read: it is text, not an image"
    spelled = found.facts["words"]["seven"]
    assert spelled["words"] == ["a", "photo", "of", "the", "digit", "seven"]
    assert int(np.argmax(spelled["mean"])) == 5
    assert sum(found.values["word_relevance"][0]) == pytest.approx(1.0, abs=1e-5)
    assert found.values["word_relevance"][-1] is None
    assert {"deletion", "insertion", "deletion_shuffled"} <= set(found.facts)
    assert found.facts["images_per_second"] > 0
    fast = explain(Inputs(n=6, paths=paths[:6]), replace(params, method="patches", words=False, checked=0), silent)
    assert fast.facts["method"] == "patches"


@slow
def test_explain__predicted_by_clip_is_the_likeliest_text(tmp_path: Path) -> None:
    digits = load_digits()
    rows = np.flatnonzero(digits.held_out)[:10]
    for row in rows:
        picture(digits.grids[row]).save(tmp_path / f"{row}.png")
    paths = [str(tmp_path / f"{row}.png") for row in rows]
    boxes = GivenBoxes(
        names=("seven",), rows=np.array([0, 1]), codes=np.zeros(2, int),
        boxes=np.array([[0, 0, 1, 1], [0, 0, 1e-9, 1e-9]]), confidence=np.full(2, np.nan), known=np.arange(10) < 2,
    )  # fmt: skip
    params = ExplainParams(model="tiny_clip", classes=NAMES, templates=("the digit {}",), object_boxes="boxes")
    found = explain(Inputs(n=10, paths=paths, named={"object_boxes": boxes}), params, silent)
    names = [NAMES[digits.labels[row]] for row in rows]
    assert np.mean([one == two for one, two in zip(found.values["explained"], names, strict=True)]) >= 0.9
    outside = found.values["outside"]
    assert outside[0] == pytest.approx(0.0), "the box holds all"
    assert np.isnan(outside[1:]).all(), "a box of no size, and pictures without one"
    assert found.facts["measured_outside"] == 1


@slow
def test_explain__classifier_on_clip_vectors(tmp_path: Path) -> None:
    """What was trained on the embeddings is explained through the network that made them."""
    from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings

    digits = load_digits()
    rows = np.flatnonzero(digits.held_out & (digits.labels < 3))[:60]
    for row in rows:
        picture(digits.grids[row]).save(tmp_path / f"{row}.png")
    paths = [str(tmp_path / f"{row}.png") for row in rows]
    vectors = compute_embeddings(Inputs(n=60, paths=paths), EmbeddingsParams(model="tiny_clip"), silent)
    inputs = Inputs(
        n=60, paths=paths, embeddings=vectors.values[""], sources={"embeddings": vectors.facts},
        labels=GivenLabels.of([NAMES[digits.labels[row]] for row in rows]), folder=str(tmp_path),
    )  # fmt: skip
    run = train_classifier(inputs, ClassifierParams(), silent)
    source = {**run.facts, "method": "train_classifier", "key": "mine"}
    named = {"predictions": run.values["prediction"]}
    found = explain(
        Inputs(n=60, paths=paths, named=named, sources={"mine": source}), ExplainParams(predictions="mine"), silent
    )
    prediction: LabelValues = run.values["prediction"]
    assert found.values["explained"] == [prediction.classes[code] for code in prediction.codes]
    assert found.values["heatmap"].known.all()
    assert found.facts["without_evidence"] < 6
    Path(run.facts["model_file"]).unlink()
    with pytest.raises(ParamError, match="is no longer at .*; train it again"):
        explain(Inputs(n=1, paths=paths[:1], sources={"mine": source}), ExplainParams(predictions="mine"), silent)


@slow
def test_explain__classes_the_model_does_not_have(tmp_path: Path) -> None:
    import torch
    from image_curation.core.classifiers.networks import build

    module = build("torchvision:resnet18", 3)
    torch.save(module.state_dict(), tmp_path / "three.pth")
    weights = str(tmp_path / "three.pth")
    one = Inputs(n=1, paths=[str(tmp_path / "x.png")], labels=GivenLabels.of(["lion"]))
    for given, message in (
        ({"target": "named", "classes": ("lion",)}, "has no 'lion'. It has: class 0, class 1, class 2"),
        ({"target": "given", "label_field": "labels"}, "has none of lion"),
        ({"method": "attention"}, "must be cam or grad_cam for torchvision:resnet18; attention is for CLIP"),
        ({"words": True}, "words needs a CLIP model"),
        ({"model": "torchvision:resnet50"}, "weights must be a checkpoint of torchvision:resnet50"),
        ({"model": "torchvision:resnot18"}, "did you mean torchvision:resnet18"),
        ({"model": "torchvision:vit_b_16", "weights": None}, "set allow_download|are not on this machine"),
        ({"model": "tiny_clip", "weights": None}, "classes must name what to look for"),
        ({"model": "tiny_clip", "weights": None, "classes": ("a",), "method": "cam"}, "attention or patches"),
    ):
        params = {"model": "torchvision:resnet18", "weights": weights, **given}
        with pytest.raises(ParamError, match=message):
            explain(one, ExplainParams(**params), silent)  # type: ignore[arg-type]
