"""Networks that name classes: torchvision's and timm's with their own heads, and those that were fine-tuned here.

He et al. 2016, arXiv:1512.03385 (ResNet); https://github.com/pytorch/vision; https://github.com/huggingface/pytorch-image-models.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..base.arrays import Array, Facts
from ..base.errors import ModelError
from ..base.memory import in_halves, onto
from ..base.params import ParamError
from ..embeddings.models import photographs
from ..embeddings.models.base import Request
from ..embeddings.models.preparation import IMAGENET_MEAN, IMAGENET_STD, Colour, Preparation
from ..embeddings.models.torch_engine import pick_device, require
from ..embeddings.models.weights import checkpoint_in, loading, local_path, published_at, sha256_of, state_in

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

SUGGESTED = (
    photographs.NAME,
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:mobilenet_v2",
    "torchvision:efficientnet_b0",
    "timm:mobilenetv3_small_100",
    "timm:resnet10t",
)


@dataclass(frozen=True)
class Frame:
    """What part of a picture a network sees: its middle, resized.

    Attributes:
        side: pixels of the square that the network sees.
        resize: pixels that the picture's shorter side is brought to before the square is cut out.
        mean, std: of each channel, for values in [0, 1].
        interpolation: of the resize.
    """

    side: int
    resize: int
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD
    interpolation: str = "bilinear"

    def prepare(self, image: Image) -> Array:
        """RGB picture → (3, side, side) float32, normalised."""
        return self.normalised(self.cut(image))

    def cut(self, image: Image) -> Array:
        """(side, side, 3) uint8, the square that the network sees."""
        return Preparation((self.side, self.side), (self.resize, self.resize), interpolation=self.interpolation)(image)

    def normalised(self, pixels: Array) -> Array:
        """(h, w, 3) uint8 → (3, h, w) float32."""
        x = (pixels.astype(np.float32) / 255.0 - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(x.transpose(2, 0, 1))

    def seen(self, width: int, height: int) -> tuple[float, float]:
        """Shares of the picture's width and height that the network sees, around the middle."""
        share = self.side / self.resize * min(width, height)
        return min(share / width, 1.0), min(share / height, 1.0)


@dataclass(frozen=True)
class Network:
    """A network that gives each picture one number per class.

    Attributes:
        module: a torch module, (b, 3, side, side) → (b, C) logits; frozen and in evaluation mode.
        features: the part of it whose output is the last feature map, (b, K, h, w); None where there is none.
        classes: names of the C classes.
        frame: what it sees.
        facts: `model`, `weights`, `weights_hash`, `device`.
    """

    module: Any
    features: Any
    classes: tuple[str, ...]
    frame: Frame
    facts: Facts

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self.facts["device"])

    def logits(self, batch: Array) -> Array:
        """(b, 3, side, side) → (b, C) float32; a batch that does not fit the GPU is halved until it does."""
        import torch

        def run(part: Array) -> Array:
            with torch.inference_mode():
                found = self.module(torch.from_numpy(part).to(self.device))
            return np.asarray(found.float().cpu().numpy())

        return in_halves(run, batch)


def open_network(
    model: str, weights: str | None = None, device: str = "auto", allow_download: bool = False, names: str | None = None
) -> Network:
    """A pretrained network with its own classes.

    Args:
        model: `photographs`, `torchvision:<model>` or `timm:<model>`.
        weights: checkpoint on this machine, or one that `finetune_classifier` kept; None looks in the library's cache.
        names: file with one class per line, for a checkpoint whose classes are not ImageNet's.

    Raises:
        ParamError: no such model; its weights are not here, or are another model's.
    """

    if weights is not None and is_kept(local_path(weights)):
        return open_kept(local_path(weights), device, model)
    device = pick_device(device)
    path = _checkpoint(model, weights, allow_download)
    with loading(model, path):
        state = state_of(model, path)
        outputs = _outputs(model, state)
        module = build(model, outputs)
        module.load_state_dict(state)
    frame = default_frame(model)
    facts = {"model": model, "weights": str(path), "weights_hash": sha256_of(path), "device": device}
    module = onto(device, module.eval().requires_grad_(False))
    return Network(module, feature_map(module), class_names(outputs, names), frame, facts)


def pretrained_state(model: str, weights: str | None, allow_download: bool) -> dict[str, Any]:
    """Tensors of a network's checkpoint, by name.

    Raises:
        ParamError: it is not here, or no checkpoint.
    """
    path = _checkpoint(model, weights, allow_download)
    with loading(model, path):
        return state_of(model, path)


def state_of(model: str, path: Path) -> dict[str, Any]:
    """Tensors of a checkpoint, under the names that `build` gives the network's layers."""
    if library_of(model) == photographs.NAME:
        return photographs.state_of(path, build(model, 1000))
    return state_in(path)


def library_of(model: str) -> str:
    """Who builds it: `torchvision`, `timm` or `photographs`."""
    return model.partition(":")[0]


def build(model: str, outputs: int) -> Any:
    """A network of that architecture with random weights.

    Raises:
        ParamError: there is no such model, or its library is not installed.
    """
    library, _, variant = model.partition(":")
    if library == "torchvision":
        require("torchvision", "torchvision")
        import torchvision.models

        _check_known(model, variant, torchvision.models.list_models(module=torchvision.models))
        extra = {"init_weights": False} if variant in ("googlenet", "inception_v3") else {}
        return torchvision.models.get_model(variant, weights=None, num_classes=outputs, **extra)
    if library == photographs.NAME:
        return photographs.architecture(photographs.variant_of(model), outputs)
    if library == "timm":
        require("timm", "timm")
        import timm

        _check_known(model, variant, timm.list_models())
        return timm.create_model(variant, pretrained=False, num_classes=outputs)
    raise _unknown(model)


def feature_map(module: Any) -> Any:
    """The part whose output is the last feature map: before pooling and head. None where there is none."""
    for name in ("layer4", "features", "bn2", "blocks", "stages"):
        part = getattr(module, name, None)
        if part is not None:
            return part
    return None


def last_linear(module: Any) -> Any:
    """The network's last fully connected layer, which gives the logits; None where there is none."""
    import torch

    return next((part for part in reversed(list(module.modules())) if isinstance(part, torch.nn.Linear)), None)


def default_frame(model: str) -> Frame:
    """What the published weights of a model were trained to see."""
    library, _, variant = model.partition(":")
    if library == "torchvision":
        from torchvision.models import get_model_weights

        t = get_model_weights(variant).DEFAULT.transforms()
        return Frame(int(t.crop_size[0]), int(t.resize_size[0]), _colour(t.mean), _colour(t.std))
    if library == photographs.NAME:
        said = photographs.preparation_of(photographs.variant_of(model))
        return Frame(said.size[0], said.resize[0], said.mean, said.std, said.interpolation)
    import timm

    cfg: Any = timm.get_pretrained_cfg(variant)
    if cfg is None:
        return Frame(224, 256)
    side = int(cfg.input_size[-1])
    return Frame(side, max(side, round(side / float(cfg.crop_pct))), _colour(cfg.mean), _colour(cfg.std))


def class_names(outputs: int, file: str | None = None) -> tuple[str, ...]:
    """Names of a head's classes: from a file, ImageNet's where their number is ImageNet's, else numbers.

    Raises:
        ParamError: the file cannot be read or has another number of lines.
    """
    if file is not None:
        try:
            names = [line.strip() for line in Path(file).expanduser().read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError("class_names", f"must be a text file with one class per line ({error})") from None
        names = [name for name in names if name]
        if len(names) != outputs:
            raise ModelError(
                "class_names",
                f"must name the {outputs} classes of the network, one per line; {file!r} has {len(names)}",
            )
        return _different(names)
    if outputs in (1000, 1001):
        from torchvision.models import ResNet18_Weights

        found = list(ResNet18_Weights.DEFAULT.meta["categories"])
        return _different(["background"] * (outputs - 1000) + found)
    return tuple(f"class {number}" for number in range(outputs))


def keep(path: Path, module: Any, model: str, classes: Sequence[str], frame: Frame) -> None:
    """Write a network as a safetensors file that says what it is."""
    from safetensors.torch import save_file

    about = {
        "model": model,
        "classes": list(classes),
        "side": frame.side,
        "resize": frame.resize,
        "mean": list(frame.mean),
        "std": list(frame.std),
        "interpolation": frame.interpolation,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    save_file(state, path, metadata={"curator": json.dumps(about)})


def is_kept(path: Path) -> bool:
    """Whether `keep` wrote that file."""
    return path.suffix == ".safetensors" and path.is_file() and bool(_about(path))


def open_kept(path: Path, device: str = "auto", model: str | None = None) -> Network:
    """A network that `keep` wrote.

    Raises:
        ParamError: the file is gone or damaged, or holds another model than the one asked for.
    """
    about = _about(path)
    if not about:
        raise ParamError(f"The trained network cannot be read from {path}; train it again")
    if model is not None and model != about["model"]:
        raise ModelError("weights", f"must be a checkpoint of {model}; {path} holds {about['model']}")
    device = pick_device(device)
    with loading(about["model"], path):
        module = build(about["model"], len(about["classes"]))
        module.load_state_dict(state_in(path))
    how = about.get("interpolation", "bilinear")  # files from before it was kept
    frame = Frame(about["side"], about["resize"], _colour(about["mean"]), _colour(about["std"]), how)
    facts = {"model": about["model"], "weights": str(path), "weights_hash": sha256_of(path), "device": device}
    module = onto(device, module.eval().requires_grad_(False))
    return Network(module, feature_map(module), tuple(about["classes"]), frame, facts)


def _checkpoint(model: str, weights: str | None, allow_download: bool) -> Path:
    return checkpoint_in(local_path(weights)) if weights is not None else _published(model, allow_download)


def _published(model: str, allow_download: bool) -> Path:
    """The library's own checkpoint: from its cache, or fetched if that is allowed."""
    library, _, variant = model.partition(":")
    if library == photographs.NAME:
        return photographs.checkpoint_of(model)
    places = {"torchvision": _torchvision_url, "timm": _timm_url}
    if library not in places:
        raise _unknown(model)
    url, size = places[library](variant)
    return published_at(url, size, Request(model, allow_download=allow_download))


def _unknown(model: str) -> ParamError:
    return ModelError("model", "must be photographs, torchvision:<model> or timm:<model>", repr(model))


def _colour(values: Sequence[float]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _torchvision_url(variant: str) -> tuple[str, str]:
    import torchvision.models

    _check_known(f"torchvision:{variant}", variant, torchvision.models.list_models(module=torchvision.models))
    published = torchvision.models.get_model_weights(variant).DEFAULT
    return str(published.url), f"{published.meta['_file_size']:.0f} MB"


def _timm_url(variant: str) -> tuple[str, str]:
    require("timm", "timm")
    import timm

    _check_known(f"timm:{variant}", variant, timm.list_models())
    cfg = timm.get_pretrained_cfg(variant)
    if cfg is None or not cfg.url:
        raise ParamError(
            f"timm publishes timm:{variant} on huggingface.co only; set weights to a checkpoint of it on this machine"
        )
    return str(cfg.url), "size unknown"


def _check_known(model: str, variant: str, known: Sequence[str]) -> None:
    if variant not in known:
        near = difflib.get_close_matches(variant, known, n=1)
        library = model.partition(":")[0]
        hint = f"did you mean {library}:{near[0]}?" if near else f"such as {SUGGESTED[0]}"
        raise ModelError("model", f"must name a model that {library} has", f"{model!r}, {hint}")


def _outputs(model: str, state: dict[str, Any]) -> int:
    """Number of classes of a checkpoint of that model."""
    module = build(model, 1000)
    last = last_linear(module)
    name = next((name for name, part in module.named_modules() if part is last), "")
    if f"{name}.weight" not in state:
        raise ValueError(f"it holds no {name}.weight")
    return len(state[f"{name}.weight"])


def _about(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            found: dict[str, Any] = json.loads((file.metadata() or {}).get("curator", "{}"))
            return found
    except (OSError, SafetensorError, ValueError):
        return {}


def _different(names: Sequence[str]) -> tuple[str, ...]:
    """Names with a number where one comes twice, as ImageNet's crane and maillot do."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(out)
