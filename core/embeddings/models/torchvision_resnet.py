"""ResNets trained on ImageNet, through torchvision: their last features, before the classifier.

He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...base.errors import ModelError
from .base import Entry, Request
from .here import Known
from .preparation import Preparation
from .torch_engine import TorchEngine, require
from .weights import checkpoint_in, loading, local_path, published_at, state_in

VARIANTS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


class ResNetEngine(TorchEngine):
    """`torchvision:resnet18` and its larger kin; 512 numbers, from resnet50 on 2048."""

    def __init__(self, request: Request) -> None:
        network, weights, preparation = load_resnet(request, request.variant)
        super().__init__(
            request,
            model=request.model,
            weights=weights,
            network=fused(network),
            preparation=preparation,
            dim=int(network.inplanes),
        )


def load_resnet(request: Request, variant: str) -> tuple[Any, Path, Preparation]:
    """A ResNet without its classifier, its checkpoint, and how it wants pictures.

    Raises:
        ParamError: no such variant, or its weights are not here and may not be fetched.
    """
    require("torchvision", "torchvision")
    from torchvision.models import get_model_weights

    if variant not in VARIANTS:
        raise ModelError(
            "model", f"must be one of {', '.join(f'torchvision:{v}' for v in VARIANTS)}", repr(request.model)
        )
    published = get_model_weights(variant).DEFAULT
    weights = (
        checkpoint_in(local_path(request.weights))
        if request.weights
        else published_at(published.url, f"{published.meta['_file_size']:.0f} MB", request)
    )
    network = headless(variant)
    with loading(request.model, weights):
        # the classifier's weights are not used, may be missing, and of any number of classes
        network.load_state_dict({name: value for name, value in state_in(weights).items() if "fc." not in name})
    said = published.transforms()
    preparation = Preparation(
        size=(said.crop_size[0], said.crop_size[0]),
        resize=(said.resize_size[0], said.resize_size[0]),
        interpolation=said.interpolation.value,
        mean=tuple(said.mean),
        std=tuple(said.std),
    )
    return network, weights, preparation


def headless(variant: str) -> Any:
    """A ResNet with random weights, whose output is what its classifier would see."""
    import torch
    from torchvision.models import get_model

    network = get_model(variant, weights=None)
    network.fc = torch.nn.Identity()
    return network


def fused(network: Any) -> Any:
    """The same function with every batch normalisation folded into the convolution before it; a tenth faster."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network.eval()
    for block in network.modules():
        names = [name for name, _ in block.named_children()]
        for before, after in zip(names, names[1:], strict=False):
            convolution, norm = getattr(block, before), getattr(block, after)
            if isinstance(convolution, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
                setattr(block, before, fuse_conv_bn_eval(convolution, norm))
                setattr(block, after, getattr(norm, "act", torch.nn.Identity()))  # timm's norms bring theirs along
    return network


def here() -> list[Known]:
    """The variants whose weights are in torch's cache."""
    usual = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    cache = Path(os.environ.get("TORCH_HOME", str(usual))).expanduser() / "hub" / "checkpoints"
    if not cache.is_dir():
        return []  # torchvision takes seconds to load
    from torchvision.models import get_model_weights

    found = []
    for variant in VARIANTS:
        published = get_model_weights(variant).DEFAULT
        path = cache / str(published.url).rpartition("/")[2]
        if path.is_file():
            top_1 = float(published.meta["_metrics"]["ImageNet-1K"]["acc@1"])
            found.append(Known(f"torchvision:{variant}", top_1, path.stat().st_size / 1e6, "none stated"))
    return found


ENTRY = Entry(
    name="torchvision",
    models=("torchvision:resnet18", "torchvision:resnet34", "torchvision:resnet50"),
    open=ResNetEngine,
    dim="512; from resnet50 on 2048",
    licence="none stated; trained on ImageNet, whose images are for research",
    size="45 to 230 MB",
    good_at="photographs of everyday things, fast; the usual yardstick",
    here=here,
    fetches=True,
    strength=70.0,
)
