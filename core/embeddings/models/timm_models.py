"""Networks through timm: DINOv2, ConvNeXt and a thousand more, each with its own preparation of pictures.

Wightman 2019, PyTorch Image Models, https://github.com/huggingface/pytorch-image-models (Apache-2.0);
Oquab et al. 2023, DINOv2, arXiv:2304.07193; Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545.
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Any

from ...base.errors import ModelError
from ...base.params import ParamError
from .base import Entry, Request
from .here import OFFERED, Known
from .preparation import Preparation
from .torch_engine import TorchEngine, require, size_of
from .weights import (
    cached_from_hub,
    cached_repositories,
    checkpoint_in,
    loading,
    local_path,
    on_the_hub,
    published_at,
    state_in,
)

STRENGTH = 81.1  # DINOv2 small with a linear classifier on ImageNet, as published
EXAMPLE = "timm:vit_small_patch14_dinov2.lvd142m"


class TimmEngine(TorchEngine):
    """`timm:<model>` with its published weights, or with a checkpoint on this machine."""

    def __init__(self, request: Request) -> None:
        require("timm", "timm")
        import timm

        name = request.variant
        _check_name(request)
        weights = checkpoint_in(local_path(request.weights)) if request.weights else _published(request)
        with loading(request.model, weights):
            network: Any = timm.create_model(
                name, pretrained=True, num_classes=0, pretrained_cfg_overlay={"state_dict": state_in(weights)}
            )
        super().__init__(
            request,
            model=request.model,
            weights=weights,
            network=network,
            preparation=_preparation(network),
            dim=int(getattr(network, "head_hidden_size", network.num_features)),
        )


def _check_name(request: Request) -> None:
    import timm

    name = request.variant
    models = timm.list_models()
    architecture, _, tag = name.partition(".")
    if architecture not in models:
        near = difflib.get_close_matches(architecture, models, n=1)
        hint = f"did you mean timm:{near[0]}?" if near else f"such as {EXAMPLE}"
        raise ModelError("model", "must name a timm model", f"{request.model!r}, {hint}")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(architecture + "*")]
    if tag and name not in timm.list_pretrained(architecture + ".*"):
        near = difflib.get_close_matches(tag, tags, n=1, cutoff=0.0)
        hint = f"did you mean timm:{architecture}.{near[0]}?" if near else "it has none"
        raise ModelError("model", f"must name weights that {architecture} has", f"{request.model!r}, {hint}")


def _published(request: Request) -> Path:
    """The model's own weights: in the library's caches, or fetched if that is allowed."""
    import timm

    config: Any = timm.get_pretrained_cfg(request.variant)
    if config is None or not (config.hf_hub_id or config.url):
        raise ParamError(
            f"timm publishes no weights for {request.variant}; set weights to a checkpoint on this machine"
        )
    size = f"{_size(request.variant)}, licence {config.license or 'not stated'}"
    if config.hf_hub_id:
        names = [config.hf_hub_filename] if config.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
        return on_the_hub(config.hf_hub_id, names, size, request)
    return published_at(config.url, size, request)


def _size(name: str) -> str:
    """Roughly how large the checkpoint is: the architecture is laid out without memory and its numbers counted."""
    import timm
    import torch

    with torch.device("meta"):
        return size_of(timm.create_model(name, pretrained=False))


def _preparation(network: Any) -> Preparation:
    """What timm's own evaluation transform does, from the model's data configuration."""
    import timm.data

    read_config: Any = timm.data.resolve_data_config  # type: ignore[attr-defined]
    said = read_config(model=network)
    height, width = said["input_size"][1:]
    mean = tuple(said["mean"])
    red, green, blue = (round(255 * value) for value in mean)
    return Preparation(
        size=(height, width),
        resize=(math.floor(height / said["crop_pct"]), math.floor(width / said["crop_pct"])),
        fit={"squash": "squash", "border": "pad"}.get(said["crop_mode"], "crop"),
        interpolation=said["interpolation"],
        mean=mean,
        std=tuple(said["std"]),
        fill=(red, green, blue),
    )


def licence_of(name: str) -> str:
    """The licence that timm states for a model's weights."""
    import timm

    config: Any = timm.get_pretrained_cfg(name) if timm.is_model(name.partition(".")[0]) else None
    return (config.license if config is not None else None) or "not stated"


def here() -> list[Known]:
    """The models of timm that Hugging Face's cache holds whole."""
    names = cached_repositories("timm")
    if not names:
        return []
    import timm

    found = []
    for name in names:
        config: Any = timm.get_pretrained_cfg(name) if timm.is_model(name.partition(".")[0]) else None
        path = cached_from_hub(f"timm/{name}", ("model.safetensors", "pytorch_model.bin"))
        if config is not None and path is not None:
            licence = config.license or "not stated"
            found.append(Known(f"timm:{name}", STRENGTH, path.stat().st_size / 1e6, licence))
    return found


ENTRY = Entry(
    name="timm",
    models=tuple(name for name in OFFERED if name.startswith("timm:")),
    open=TimmEngine,
    dim="384 (DINOv2 small), 768 (DINOv2 base, ConvNeXt tiny)",
    licence="the model's own: Apache-2.0 (DINOv2), MIT (ConvNeXt); some are for research only",
    size="88 MB (DINOv2 small), 346 MB (base)",
    good_at="photographs without text: parts, poses, fine kinds (DINOv2)",
    here=here,
    fetches=True,
    strength=STRENGTH,
)
