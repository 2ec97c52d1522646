"""The engines on torch: real networks with random weights, real checkpoints, no network connection."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.base.threads import cores
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings, open_engine
from image_curation.core.embeddings.models.base import Request, TextEngine
from image_curation.core.embeddings.models.clip import TINY, published_preparation
from image_curation.core.embeddings.models.preparation import Preparation
from image_curation.core.embeddings.models.torch_engine import TorchEngine, require
from PIL import Image

pytestmark = pytest.mark.slow  # loading torch takes seconds

NOT_CACHED = "open_clip:ViT-B-32/commonpool_s_s13m_b4k"  # weights that nobody keeps


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(0, 255, (5, 7, 3)).astype(np.uint8)) for _ in range(4)]
    return [image.resize((350, 250), Image.Resampling.BICUBIC) for image in small]


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet18 with random weights, as a training script with one GPU wrapper and five classes would save it."""
    import torch
    from torchvision.models import resnet18

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("resnet") / "checkpoint.pth"
    state = {f"module.{name}": value for name, value in resnet18(num_classes=5).state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def tiny_architecture(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Registers `tiny-of-the-tests` with open_clip, so that checkpoints can be named by their architecture."""
    import open_clip

    config: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    folder = tmp_path_factory.mktemp("configs")
    (folder / "tiny-of-the-tests.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return config


def embedded(engine: Any, pictures: list[Image.Image]) -> np.ndarray:
    return np.asarray(engine.embed(np.stack([engine.prepare(image) for image in pictures])))


def test_resnet__equals_torchvision(resnet_file: Path, pictures: list[Image.Image]) -> None:
    """The vector is what reaches the classifier, caught by a hook on a network that torchvision built itself."""
    import torch
    from torchvision.models import ResNet18_Weights, resnet18

    network = resnet18(num_classes=5)
    state = torch.load(resnet_file, weights_only=True)["state_dict"]
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    network.eval()
    seen: list[torch.Tensor] = []
    network.fc.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    transform = ResNet18_Weights.DEFAULT.transforms()
    with torch.inference_mode():
        network(torch.stack([transform(image) for image in pictures]))

    engine = open_engine(Request("torchvision:resnet18", str(resnet_file), device="cpu", precision="fp32"))
    assert (engine.dim, engine.enough) == (512, 256)
    np.testing.assert_allclose(embedded(engine, pictures), seen[0].numpy(), atol=1e-5)
    facts = engine.describe()
    assert facts["weights_hash"] == hashlib.sha256(resnet_file.read_bytes()).hexdigest()
    assert (facts["model"], facts["device"], facts["text"]) == ("torchvision:resnet18", "cpu", False)


def test_resnet__bf16_keeps_directions(resnet_file: Path, pictures: list[Image.Image]) -> None:
    full, half = (
        embedded(open_engine(Request("torchvision:resnet18", str(resnet_file), device="cpu", precision=p)), pictures)
        for p in ("fp32", "bf16")
    )
    cosine = (full * half).sum(axis=1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.999


def test_resnet__finds_the_librarys_cache(resnet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ParamError) as caught:
        open_engine(Request("torchvision:resnet18"))
    assert str(caught.value) == (
        "The weights of torchvision:resnet18 are not on this machine; set allow_download to fetch them from "
        "https://download.pytorch.org/models/resnet18-f37072fd.pth (45 MB), or set weights to a checkpoint file of it, "
        "such as resnet18-f37072fd.pth"
    )
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / "resnet18-f37072fd.pth").symlink_to(resnet_file)
    assert open_engine(Request("torchvision:resnet18")).describe()["weights"] == str(cache / "resnet18-f37072fd.pth")


def test_resnet__download_that_fails_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on port 9, so an allowed download ends at once and leaves no file behind."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ParamError, match=r"could not be fetched from https://download\.pytorch\.org/.*set weights to"):
        open_engine(Request("torchvision:resnet18", allow_download=True))
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_weights__of_the_wrong_kind(tiny_architecture: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    (tmp_path / "text.pth").write_text("not weights")
    save_file({"layer.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    torch.save({"code": Path("pickled, and not a tensor")}, tmp_path / "pickled.pth")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:-4])
    (tmp_path / "empty").mkdir()
    for model in ("torchvision:resnet18", "open_clip:tiny-of-the-tests"):
        for name in ("text.pth", "other.safetensors", "pickled.pth", "cut.safetensors"):
            with pytest.raises(ParamError, match=rf"^weights must be a checkpoint of {model}; got .*{name}"):
                open_engine(Request(model, str(tmp_path / name)))
        with pytest.raises(ParamError, match="must be an existing file or folder"):
            open_engine(Request(model, str(tmp_path / "missing.pth")))
        with pytest.raises(ParamError, match="must be a checkpoint or a folder with one"):
            open_engine(Request(model, str(tmp_path / "empty")))


def test_open_clip__says_what_would_be_fetched() -> None:
    with pytest.raises(ParamError) as caught:
        open_engine(Request(NOT_CACHED))
    said = str(caught.value)
    assert said.startswith(
        f"The weights of {NOT_CACHED} are not on this machine; set allow_download to fetch them from "
    )
    assert "huggingface.co/" in said
    assert "(about 605 MB)" in said
    assert "set weights to" in said


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("open_clip:ViT-B32", "did you mean open_clip:ViT-B-32"),
        ("open_clip:ViT-B-32/laion", "did you mean open_clip:ViT-B-32/laion"),
        ("open_clip", "such as open_clip:ViT-B-32/laion2b_s34b_b79k"),
        ("torchvision:vgg", "must be one of torchvision:resnet18"),
    ],
)
def test_open_engine__unknown_variant(model: str, sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        open_engine(Request(model))


def test_open_clip__file_for_a_named_architecture(
    tiny_architecture: dict[str, Any], tmp_path: Path, pictures: list[Image.Image]
) -> None:
    """A checkpoint file plus the name of its architecture; open_clip's own model with them is the reference."""
    import open_clip
    import torch

    torch.manual_seed(0)
    network = open_clip.CLIP(**tiny_architecture).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    engine = open_engine(
        Request("open_clip:tiny-of-the-tests", str(tmp_path / "weights.pt"), device="cpu", precision="fp32")
    )
    assert isinstance(engine, TextEngine)
    transform = open_clip.image_transform(32, is_train=False)
    with torch.inference_mode():
        images = network.encode_image(torch.stack([transform(image) for image in pictures]), normalize=True)
        texts = network.encode_text(open_clip.tokenize(["a cat", "two dogs"], context_length=12), normalize=True)
    # a pixel in a thousand rounds the other way, for ours is cut before it is resized
    np.testing.assert_allclose(embedded(engine, pictures), images.numpy(), atol=1e-4)
    np.testing.assert_allclose(engine.embed_text(["a cat", "two dogs"]), texts.numpy(), atol=1e-5)
    assert engine.logit_scale == pytest.approx(1 / 0.07)


def test_open_clip__image_towers_of_timm(tmp_path: Path, pictures: list[Image.Image]) -> None:
    """MobileCLIP and SigLIP take their image tower from timm, and SigLIP squashes pictures to a square."""
    import open_clip
    import torch

    config = {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "resnet10t",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": 64,
        },
        "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    torch.manual_seed(0)
    network = open_clip.CustomTextCLIP(**config).eval()
    torch.save(network.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    said = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    written = {"model_cfg": {**config, "custom_text": True}, "preprocess_cfg": said}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(written))
    engine = open_engine(Request("open_clip", str(tmp_path), device="cpu", precision="fp32"))
    transform = open_clip.image_transform(64, is_train=False, mean=(0.5,) * 3, std=(0.5,) * 3, resize_mode="squash")
    with torch.inference_mode():
        expected = network.encode_image(torch.stack([transform(image) for image in pictures]), normalize=True)
    assert (embedded(engine, pictures) * expected.numpy()).sum(axis=1).min() > 0.9999


def test_open_clip__a_file_without_a_tag_is_shown_pictures_as_its_architecture_wants_them() -> None:
    """SigLIP's mean is one half and it squashes, MobileCLIP takes none off, CLIP is OpenAI's; others say nothing."""
    siglip, mobile = published_preparation("ViT-B-16-SigLIP"), published_preparation("MobileCLIP-S1")
    assert (tuple(siglip["mean"]), siglip["resize_mode"]) == ((0.5,) * 3, "squash")
    assert (tuple(mobile["mean"]), tuple(mobile["std"])) == ((0,) * 3, (1,) * 3)
    assert published_preparation("ViT-B-32")["mean"][0] == pytest.approx(0.48145466)
    assert published_preparation("an architecture of one's own") == {}


def test_open_clip__folder_with_its_configuration(pictures: list[Image.Image]) -> None:
    """The shipped folder, named as a user would name one of theirs, gives the same vectors as `tiny_clip`."""
    ours = open_engine(Request("tiny_clip", device="cpu", precision="fp32"))
    folder = open_engine(Request("open_clip", str(TINY), device="cpu", precision="fp32"))
    assert np.array_equal(embedded(ours, pictures), embedded(folder, pictures))
    assert folder.describe()["model"] == "open_clip:tiny_clip"
    assert (ours.describe()["model"], ours.describe()["text"]) == ("tiny_clip", True)


def test_tiny_clip__bf16_keeps_directions(pictures: list[Image.Image]) -> None:
    full, half = (
        embedded(open_engine(Request("tiny_clip", device="cpu", precision=p)), pictures) for p in ("fp32", "bf16")
    )
    assert (full * half).sum(axis=1).min() > 0.999


def test_compute_embeddings__records_the_weights(tmp_path: Path, pictures: list[Image.Image]) -> None:
    paths = []
    for i, image in enumerate(pictures):
        paths.append(str(tmp_path / f"{i}.png"))
        image.save(paths[-1])
    inputs = Inputs(n=len(paths), paths=paths)
    one, two = (
        compute_embeddings(inputs, EmbeddingsParams(model="tiny_clip", precision="fp32", batch_size=b), silent)
        for b in (1, 3)
    )
    np.testing.assert_allclose(one.values[""], two.values[""], atol=1e-5)
    assert one.facts["weights_hash"] == hashlib.sha256((TINY / "open_clip_model.safetensors").read_bytes()).hexdigest()
    assert one.facts["precision"] == "fp32"
    assert one.facts["dim"] == 64


def test_lanes__leave_torch_with_the_threads_it_had(resnet_file: Path) -> None:
    import torch

    before = torch.get_num_threads()
    engine = open_engine(Request("torchvision:resnet18", str(resnet_file), device="cpu"))
    with engine.lanes() as lanes:
        assert 1 <= lanes <= 8
        assert torch.get_num_threads() * lanes <= max(cores(), 8)
    assert torch.get_num_threads() == before


def test_pick_device__no_cuda(pictures: list[Image.Image]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ParamError, match="must be auto or cpu here"):
        open_engine(Request("tiny_clip", device="cuda"))
    assert open_engine(Request("tiny_clip")).describe()["device"] == "cpu"


def test_require__says_what_to_install() -> None:
    with pytest.raises(ParamError, match=r"needs no-such-library, which is not installed; pip install no-such-library"):
        require("no_such_library", "no-such-library")


def test_precision__auto_keeps_half_only_where_it_agrees(resnet_file: Path, pictures: list[Image.Image]) -> None:
    """A network whose vectors hang on differences that bf16 rounds away stays in fp32; both say what they measured."""
    import torch

    class Rounding(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rough = x.flatten(1)[:, :64] * 1000 + 1000
            return rough - rough.bfloat16().to(rough.dtype)

    def half(**how: Any) -> TorchEngine:
        request = Request("trial", device="cpu", precision="bf16")
        return TorchEngine(request, model="trial", weights=None, preparation=Preparation((8, 8)), **how)

    batch = np.stack([np.asarray(image.resize((8, 8))) for image in pictures])
    rounding = half(network=Rounding(), dim=64)
    rounding._wanted = "auto"  # as on hardware that multiplies bf16
    vectors = rounding.embed(batch)
    assert rounding.describe()["precision"] == "fp32"
    assert rounding.describe()["cosine_to_fp32"] < 0.999
    assert np.abs(vectors).max() > 0

    convolution = half(network=torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten()), dim=144)
    convolution._wanted = "auto"
    convolution.learn([batch], 0, silent)
    assert convolution.describe()["precision"] == "bf16"
    assert convolution.describe()["cosine_to_fp32"] > 0.999
    joined = half(network=torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten()), dim=144)
    joined.restore(rounding.state())
    assert joined.describe()["precision"] == "fp32"


@pytest.mark.parametrize("size", [(350, 250), (250, 350), (64, 64), (33, 400), (20, 9)])
@pytest.mark.parametrize(
    ("fit", "interpolation", "target"),
    [("crop", "bicubic", 64), ("crop", "bilinear", 224), ("squash", "bicubic", 64), ("pad", "bicubic", 64)],
)
def test_preparation__is_what_open_clip_does(size: tuple[int, int], fit: str, interpolation: str, target: int) -> None:
    import open_clip

    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (9, 9, 3)).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    transform = open_clip.image_transform(
        target,
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode={"crop": "shortest", "squash": "squash", "pad": "longest"}[fit],
        interpolation=interpolation,
        fill_color=7,
    )
    ours = Preparation((target, target), fit=fit, interpolation=interpolation, fill=(7, 7, 7))(picture)
    assert np.abs(ours - 255 * transform(picture).numpy().transpose(1, 2, 0)).max() <= 1


@pytest.mark.parametrize("size", [(350, 250), (250, 351), (100, 400)])
def test_preparation__is_what_timm_does_with_oblong_input(size: tuple[int, int]) -> None:
    from timm.data import create_transform

    picture = Image.effect_noise(size, 90).convert("RGB")
    for mode, fit in (("center", "crop"), ("squash", "squash"), ("border", "pad")):
        transform = create_transform(
            (3, 48, 64), crop_pct=0.9, crop_mode=mode, interpolation="bicubic", mean=(0.5,) * 3, std=(1,) * 3
        )
        ours = Preparation((48, 64), (53, 71), fit=fit, fill=(128, 128, 128))(picture)
        assert np.abs(ours - 255 * (0.5 + transform(picture).numpy().transpose(1, 2, 0))).max() <= 1
