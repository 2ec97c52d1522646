"""ResNets trained on ImageNet, through torchvision: their last features, before the classifier.

He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..method import Array, Facts
from ..params import ParamError
from .base import Engine, Request, checkpoint_in, local_path, sha256_of
from .torch_device import consent, fetch_failed, forward, loading, pick_device, pick_precision, require

if TYPE_CHECKING:
    from PIL.Image import Image

VARIANTS = ("resnet18", "resnet34", "resnet50")


class ResNetEngine(Engine):
    """`torchvision:resnet18`, `resnet34` or `resnet50`; 512, 512 or 2048 numbers."""

    def __init__(self, request: Request) -> None:
        require("torchvision", "torchvision")
        import torch
        from torchvision.models import get_model, get_model_weights

        if request.variant not in VARIANTS:
            raise ParamError(
                f"EmbeddingsParams.model must be one of {', '.join(f'torchvision:{v}' for v in VARIANTS)}; "
                f"got {request.model!r}"
            )
        published = get_model_weights(request.variant).DEFAULT
        self._model_name = request.model
        self._device = pick_device(request.device)
        self._precision = pick_precision(request.precision, self._device)
        self._weights = (
            checkpoint_in(local_path(request.weights)) if request.weights else _cached_or_fetched(published, request)
        )
        network = get_model(request.variant, weights=None)
        with loading(self._model_name, self._weights):
            network.load_state_dict(_state(self._weights, network))
        self.dim = int(network.fc.in_features)
        network.fc = torch.nn.Identity()
        network.eval().requires_grad_(False)
        self._transform = published.transforms()
        self.enough = int(self._transform.resize_size[0])
        if self._precision == "bf16":
            network.bfloat16()
        self._network = network.to(self._device)

    def prepare(self, image: Image) -> Array:
        """RGB picture → (3, 224, 224) float32, resized, cropped and normalised as in training."""
        return np.asarray(self._transform(image).numpy())

    def embed(self, batch: Array) -> Array:
        """(b, 3, 224, 224) → (b, dim) float32, averaged over the picture."""
        return forward(self._network, batch, self._device, self._precision)

    def describe(self) -> Facts:
        """See `Engine`."""
        return {
            "model": self._model_name,
            "weights": str(self._weights),
            "weights_hash": sha256_of(self._weights),
            "device": self._device,
            "precision": self._precision,
            "text": False,
        }


def _cached_or_fetched(published: Any, request: Request) -> Path:
    """torchvision's own checkpoint: from torch's cache, or fetched if that is allowed."""
    import torch

    path: Path = Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(published.url)
    if path.is_file():
        return path
    if not request.allow_download:
        size = f"{published.meta['_file_size']:.0f} MB"
        raise consent(request.model, published.url, size, f"a checkpoint file of it, such as {path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(published.url, str(path), hash_prefix=path.stem.split("-")[-1])
    except (OSError, RuntimeError) as error:
        raise fetch_failed(request.model, published.url, error) from None
    return path


def _state(path: Path, network: Any) -> dict[str, Any]:
    """Weights by name; the classifier's, which are not used, may be missing or of any number of classes."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state: dict[str, Any] = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    state = {name.removeprefix("module."): value for name, value in state.items() if "fc." not in name}
    return {**state, **{f"fc.{name}": value for name, value in network.fc.state_dict().items()}}
