"""Engines that learn from the set, or run a network of the user's own: random weights, tiny networks, no connection."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings
from image_curation.core.embeddings.models import visual_words as words
from image_curation.core.embeddings.models.barlow_twins import BarlowTwins, Training, barlow_loss, distorted
from image_curation.core.embeddings.models.base import Engine, Request
from image_curation.core.embeddings.models.catalog import ENGINES, open_engine
from image_curation.core.embeddings.models.own_module import offer
from image_curation.core.embeddings.models.preparation import Preparation
from image_curation.core.embeddings.pipeline import Source, embed_stream, learn
from PIL import Image

pytestmark = pytest.mark.slow  # loading torch takes seconds

DECLARED = {"size": 8, "mean": [0, 0, 0], "std": [1, 1, 1]}


@pytest.fixture(scope="module")
def textures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """24 pictures: eight each of stripes across, stripes down and checks, each beginning elsewhere, with some noise."""
    folder, rng = tmp_path_factory.mktemp("textures"), np.random.default_rng(0)
    down, right = np.mgrid[:64, :64]
    paths = []
    for number in range(24):
        phase = rng.integers(0, 8)
        kinds = [(down + phase) // 4 % 2, (right + phase) // 4 % 2, ((down + phase) // 4 + right // 4) % 2]
        pixels = 60 + 120 * kinds[number // 8][..., None] + rng.integers(-20, 20, (64, 64, 3))
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(pixels.astype(np.uint8)).save(paths[-1])
    return paths


def embedded(engine: Engine, paths: list[str], seed: int = 51) -> np.ndarray:
    sources = [Source(path, (row,)) for row, path in enumerate(paths)]
    learn(engine, sources, seed)
    return np.stack([np.asarray(vector) for _, vector in embed_stream(engine, sources)])


def own_kind_first(x: np.ndarray) -> float:
    """Share of the 24 pictures whose most similar other picture is of the same kind."""
    similar = x @ x.T
    np.fill_diagonal(similar, -2)
    return float((similar.argmax(axis=1) // 8 == np.arange(24) // 8).mean())


def network() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())


def saved_script(path: Path, module: Any) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and still the only format that is safe to open
        torch.jit.trace(module.eval(), torch.zeros(1, 3, 8, 8)).save(str(path))


def test_module__offered_in_python_and_as_a_file_are_the_network(tmp_path: Path, textures: list[str]) -> None:
    """A map of features is averaged over its places; the module that was offered stays as it was."""
    import torch

    given = network().train()
    offer("small", given, Preparation((8, 8), mean=(0, 0, 0), std=(1, 1, 1)))
    saved_script(tmp_path / "net.pt", network())
    (tmp_path / "net.pt.json").write_text(json.dumps(DECLARED))
    pictures = [Image.open(path).convert("RGB").resize((8, 8), Image.Resampling.BICUBIC) for path in textures[:3]]
    x = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = network()(x).mean(dim=(2, 3)).numpy()
    for request in (
        Request("module:small", precision="fp32"),
        Request(f"module:{tmp_path / 'net.pt'}", precision="fp32"),
        Request("module", str(tmp_path / "net.pt"), precision="fp32"),
    ):
        engine = open_engine(request)
        assert engine.dim == 4
        np.testing.assert_allclose(embedded(engine, textures[:3]), expected, atol=1e-5)
    assert engine.describe()["weights_hash"] == hashlib.sha256((tmp_path / "net.pt").read_bytes()).hexdigest()
    assert len(open_engine(Request("module:small")).describe()["weights_hash"]) == 64
    assert given.training
    half = open_engine(Request("module", str(tmp_path / "net.pt"), precision="bf16"))
    np.testing.assert_allclose(embedded(half, textures[:3]), expected, atol=0.02)


def test_module__refuses(tmp_path: Path) -> None:
    import torch

    saved_script(tmp_path / "net.pt", network())
    torch.save(network(), tmp_path / "pickled.pt")
    for name in ("net.pt", "pickled.pt"):
        (tmp_path / f"{name}.json").write_text(json.dumps(DECLARED))
    offer("flat", torch.nn.Flatten(0), Preparation((8, 8)))
    cases = [
        ("module", None, "must be the network's file, or model be module:<file>; got neither"),
        ("module:nobody", None, "must be an existing file or folder; got 'nobody'"),
        ("module", str(tmp_path), "must be a file; got the folder"),
        ("module", str(tmp_path / "pickled.pt"), "must be a checkpoint of TorchScript; got .*pickled.pt"),
        (
            "module:flat",
            None,
            r"module:flat must make \(b, d\) vectors of \(b, 3, 8, 8\) pictures; it made \(384,\) of 2",
        ),
    ]
    for model, weights, sentence in cases:
        with pytest.raises(ParamError, match=sentence):
            open_engine(Request(model, weights))
    beside = tmp_path / "net.pt.json"
    for content, sentence in (
        ("{", "net.pt.json must say how net.pt wants pictures, such as"),
        ('{"mean": [0, 0, 0]}', "of which size is required; got no size"),
        ('{"size": 8, "crop": 1}', "it takes fill, fit, .*; got crop"),
        ('{"size": 8, "std": [0, 0, 0]}', "std must be above 0"),
        ('{"size": 8, "fit": "stretch"}', "fit must be one of crop, squash, pad"),
        ('{"size": [8, 8, 8]}', "size must be 2 numbers"),
    ):
        beside.write_text(content)
        with pytest.raises(ParamError, match=sentence):
            open_engine(Request("module", str(tmp_path / "net.pt")))
    beside.unlink()
    with pytest.raises(ParamError, match="net.pt needs net.pt.json beside it, which says how it wants pictures"):
        open_engine(Request("module", str(tmp_path / "net.pt")))
    with pytest.raises(ParamError, match="A network's name must be letters"):
        offer("my net", network(), Preparation((8, 8)))


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("last", [False, True])
def test_onnx__computes_what_the_file_says(tmp_path: Path, textures: list[str], batch: int | None, last: bool) -> None:
    """Mean red, green and blue as a ReduceMean, channels first and last, any batch and a fixed batch of two."""
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    make = onnx.helper
    shape = [batch or "b", 8, 8, 3] if last else [batch or "b", 3, 8, 8]
    axes = make.make_tensor("axes", onnx.TensorProto.INT64, [2], [1, 2] if last else [2, 3])
    graph = make.make_graph(
        [make.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)],
        "mean",
        [make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [batch or "b", 3])],
        [axes],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(tmp_path / "mean.onnx"))
    (tmp_path / "mean.onnx.json").write_text(json.dumps(DECLARED))
    engine = open_engine(Request(f"onnx:{tmp_path / 'mean.onnx'}"))
    assert (engine.dim, engine.describe()["precision"]) == (3, "fp32")
    pixels = [np.asarray(Image.open(path).resize((8, 8), Image.Resampling.BICUBIC)) for path in textures[:3]]
    expected = np.stack(pixels).mean(axis=(1, 2)) / 255
    np.testing.assert_allclose(embedded(engine, textures[:3]), expected, atol=1e-5)
    (tmp_path / "mean.onnx.json").write_text(json.dumps({**DECLARED, "size": 16}))
    with pytest.raises(ParamError, match=r"must take one batch of float pictures, \(b, 3, 16, 16\) or .*; it takes x"):
        open_engine(Request(f"onnx:{tmp_path / 'mean.onnx'}"))
    (tmp_path / "mean.onnx").write_text("no network")
    with pytest.raises(ParamError, match="must be a checkpoint of ONNX; got"):
        open_engine(Request(f"onnx:{tmp_path / 'mean.onnx'}"))


def test_words__kinds_of_texture_share_words(textures: list[str]) -> None:
    """Stripes across, stripes down and checks, wherever they begin, are most similar to their own kind."""
    x = embedded(open_engine(Request("words:descriptor")), textures)
    assert x.shape == (24, 512)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)
    assert own_kind_first(x) > 0.9
    assert np.array_equal(x, embedded(open_engine(Request("words:descriptor")), textures))


def test_words__of_a_layer(tmp_path: Path, textures: list[str]) -> None:
    import torch
    from torchvision.models import resnet18

    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), tmp_path / "r.pth")
    engine = open_engine(Request("words:resnet18/layer2", str(tmp_path / "r.pth"), precision="fp32"))
    x = embedded(engine, textures)
    assert own_kind_first(x) > 0.9
    facts = engine.describe()
    assert (facts["model"], facts["words"], engine.state()["words"].shape) == ("words:resnet18/layer2", 512, (512, 128))
    joined = open_engine(Request("words:resnet18/layer2", str(tmp_path / "r.pth"), precision="fp32"))
    joined.restore(engine.state())
    (row,) = embed_stream(joined, [Source(textures[5], (0,))])
    np.testing.assert_allclose(row[1], x[5], atol=1e-5)


@pytest.mark.parametrize("model", ["words", "words:vgg/layer1", "words:resnet18", "words:resnet18/fc"])
def test_words__unknown_features(model: str) -> None:
    with pytest.raises(ParamError, match="must be words:descriptor or words:<network>/<layer>"):
        open_engine(Request(model))


def test_words__none_readable(tmp_path: Path) -> None:
    paths = [str(tmp_path / "missing.png")]
    columns = compute_embeddings(Inputs(n=1, paths=paths), EmbeddingsParams(model="words:descriptor"), silent)
    assert np.isnan(columns.values[""]).all()


def test_found_words__are_the_centres() -> None:
    """Two heaps of points: every word lies on one of the two means, and nearest words tell the heaps apart."""
    features = np.repeat(np.array([[1, 0], [0, 1]], np.float32), 300, axis=0)
    found = words.found_words(features, seed=0)
    assert found.shape == (512, 2)
    assert {tuple(word) for word in found.tolist()} == {(1.0, 0.0), (0.0, 1.0)}


def test_packed_bits__by_hand() -> None:
    bits = words.packed_bits(np.array([[0.5, 0, 0.1, 0, 0, 0, 0, 0.2], [0, 0, 0, 0, 0, 0, 0, 0]]))
    assert bits.tolist() == [[0b10100001], [0]]


def test_barlow_loss__by_hand() -> None:
    """Independent numbers, alike in both views: c = 1 on the diagonal and 0 elsewhere. Swapped, it is the other way."""
    import torch

    z = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert float(barlow_loss(z, z)) == pytest.approx(0, abs=1e-6)
    assert float(barlow_loss(z, z[:, [1, 0]])) == pytest.approx(2 + 2 * 0.005, abs=1e-4)


def test_distorted__same_seed_same_views() -> None:
    import torch

    pixels = torch.randint(0, 255, (6, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    one, again, other = (distorted(pixels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == (6, 3, 64, 64)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.isfinite(one).all()


def test_barlow_twins__learns_keeps_and_takes_its_weights(tmp_path: Path, textures: list[str]) -> None:
    seen: list[str] = []
    params = EmbeddingsParams(model="barlow_twins", epochs=3, precision="fp32", device="cpu")
    inputs = Inputs(n=24, paths=textures, folder=str(tmp_path / "kept"))
    first = compute_embeddings(inputs, params, lambda done, total, doing="": seen.append(doing))
    (weights,) = (tmp_path / "kept").iterdir()
    assert first.facts["files"] == [str(weights)] == [first.facts["weights"]]
    assert first.facts["weights_hash"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert first.facts["loss"] < first.facts["first_loss"]
    assert any(doing.startswith("training, epoch 3 of 3, loss ") for doing in seen)
    seen.clear()
    again = compute_embeddings(inputs, params, lambda done, total, doing="": seen.append(doing))
    assert not any("training" in doing for doing in seen)
    assert np.array_equal(first.values[""], again.values[""])
    other = Inputs(n=2, paths=textures[:2])  # too few to train on, but the weights are given
    given = compute_embeddings(
        other, EmbeddingsParams(model="barlow_twins", weights=str(weights), precision="fp32", device="cpu"), silent
    )
    np.testing.assert_allclose(given.values[""], first.values[""][:2], atol=1e-4)
    engine, joined = (BarlowTwins(Request("barlow_twins", precision="fp32", device="cpu")) for _ in range(2))
    assert engine.describe() == joined.describe()  # so that a run which was killed knows that it may go on
    assert engine.describe()["weights_hash"] is None
    engine.restore({"weights": np.array(str(weights)), "weights_hash": np.array(first.facts["weights_hash"])})
    joined.restore(engine.state())
    (row,) = embed_stream(joined, [Source(textures[7], (0,))])
    np.testing.assert_allclose(row[1], first.values[""][7], atol=1e-4)
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(ParamError, match="have changed since"):
        joined.restore(engine.state())


def test_barlow_twins__killed_and_resumed_ends_with_the_same_weights(tmp_path: Path) -> None:
    import torch

    pixels = np.random.default_rng(0).integers(0, 255, (16, 64, 64, 3)).astype(np.uint8)
    whole = Training(pixels, 5, 2, "cpu")
    losses = whole.run(None, silent)

    def killed(done: int, total: int, doing: str = "") -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(pixels, 5, 2, "cpu").run(tmp_path / "checkpoint.part", killed)
    resumed = Training(pixels, 5, 2, "cpu")
    assert resumed.run(tmp_path / "checkpoint.part", silent) == losses
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_barlow_twins__refuses(tmp_path: Path, textures: list[str]) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ParamError, match="must not be barlow_twins with fewer than 16 readable images.*; got 3"):
        embedded(open_engine(Request("barlow_twins")), textures[:3])
    with pytest.raises(ParamError, match="must be barlow_twins alone"):
        open_engine(Request("barlow_twins:50"))
    with pytest.raises(ParamError, match=r"must be a checkpoint of barlow_twins \(a ResNet18\); got .*text.pth"):
        open_engine(Request("barlow_twins", str(tmp_path / "text.pth")))


@pytest.mark.parametrize("model", ["timm:resnet10t", "timm:vit_tiny_patch16_224", "timm:convnext_atto"])
def test_timm__equals_timm(tmp_path: Path, textures: list[str], model: str) -> None:
    """A checkpoint with a classifier of five classes, as a training script saves it; timm's transform and features."""
    import timm
    import torch
    from timm.data import create_transform, resolve_data_config

    torch.manual_seed(0)
    name = model.partition(":")[2]
    theirs = timm.create_model(name, pretrained=False, num_classes=5).eval()
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "w.pth")
    engine = open_engine(Request(model, str(tmp_path / "w.pth"), precision="fp32", device="cpu"))
    transform = create_transform(**resolve_data_config({}, model=theirs))
    with torch.inference_mode():
        x = torch.stack([transform(Image.open(path).convert("RGB")) for path in textures[:3]])
        expected = theirs.forward_head(theirs.forward_features(x), pre_logits=True).numpy()
    assert engine.dim == expected.shape[1]
    found = embedded(engine, textures[:3])  # a pixel may round the other way, which random weights make much of
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / lengths).min() > 0.9999


def test_timm__sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "text.pth").write_text("no weights")
    cases = [
        ("timm:resnet10", None, "must name a timm model; got 'timm:resnet10', did you mean timm:resnet"),
        ("timm", None, "must name a timm model; got 'timm', such as timm:vit_small_patch14_dinov2.lvd142m"),
        ("timm:resnet18.a1_in2k", None, "did you mean timm:resnet18.a1_in1k"),
        ("timm:resnet10t", str(tmp_path / "text.pth"), "must be a checkpoint of timm:resnet10t; got .*text.pth"),
        (
            "timm:vit_small_patch14_reg4_dinov2.lvd142m",
            None,
            r"allow_download to fetch them from huggingface.co/timm/.* \(about 88 MB, licence apache-2.0\)",
        ),
    ]
    for model, weights, sentence in cases:
        with pytest.raises(ParamError, match=sentence):
            open_engine(Request(model, weights))


def test_engines__are_declared_whole() -> None:
    for name, entry in ENGINES.items():
        assert entry.name == name
        assert all(model.partition(":")[0] == name for model in entry.models)
        assert all((entry.dim, entry.licence, entry.size, entry.good_at))
