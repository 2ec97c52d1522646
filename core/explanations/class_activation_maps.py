"""Where in a picture a convolutional network found its class: class-activation maps and their generalisation.

CAM: Zhou et al. 2016, Learning Deep Features for Discriminative Localization, arXiv:1512.04150, eq. 2.
Grad-CAM: Selvaraju et al. 2017, arXiv:1610.02391, eqs. 1 and 2.

Letters: b pictures, K channels, (h, w) cells of the last feature map, C classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.memory import in_halves
from ..base.params import ParamError
from ..classifiers.networks import Network, last_linear

FITS = 1e-3  # relative: logits that CAM's sum explains


def forward_with_map(network: Network, batch: Any) -> tuple[Any, Any]:
    """(b, C) logits, and the (b, K, h, w) feature map that they depend on, with gradients from there on only.

    Raises:
        ParamError: the network has no feature map.
    """
    kept: list[Any] = []

    def cut(part: Any, given: Any, out: Any) -> Any:
        if not hasattr(out, "ndim") or out.ndim != 4:
            raise ParamError(
                f"{network.facts['model']} has no map of features with a place in the picture; choose a convolutional "
                "network such as torchvision:resnet18, or CLIP"
            )
        kept.append(out.detach().requires_grad_(True))
        return kept[0]

    if network.features is None:
        raise ParamError(
            f"{network.facts['model']} has no last feature map that is known here; choose torchvision:resnet18 or alike"
        )
    handle = network.features.register_forward_hook(cut)
    try:
        logits = network.module(batch)
    finally:
        handle.remove()
    return logits, kept[0]


def grad_cam(network: Network, batch: Array, classes: Array) -> tuple[Array, Array]:
    """Grad-CAM of one class per picture: ReLU(sum_k a_k A_k), a_k = mean over places of d logit / d A_k.

    Args:
        batch: (b, 3, side, side).
        classes: (b,) which class.

    Returns:
        (b, h, w) maps, at least 0; (b, C) logits.
    """
    import torch

    def run(rows: Array) -> Array:
        logits, features = forward_with_map(network, torch.from_numpy(batch[rows]).to(network.device))
        chosen = logits[torch.arange(len(rows)), torch.from_numpy(classes[rows]).to(logits.device)]
        (slopes,) = torch.autograd.grad(chosen.sum(), features)
        maps = (slopes.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1).relu()
        return _joined(maps, logits)

    return _parted(in_halves(run, np.arange(len(batch))), len(network.classes))


def cam(network: Network, batch: Array, classes: Array) -> tuple[Array, Array]:
    """CAM of one class per picture: the positive part of sum_k w_k A_k, with w the class's row of the last layer.

    Summed over places and divided by their number, sum_k w_k A_k is the class's logit less its bias.

    Raises:
        ParamError: the network is not an average over places followed by one linear layer.
    """
    import torch

    head = last_linear(network.module)

    def run(rows: Array) -> Array:
        with torch.no_grad():
            logits, features = forward_with_map(network, torch.from_numpy(batch[rows]).to(network.device))
            check_linear(network, head, features, logits)
            weights = head.weight[torch.from_numpy(classes[rows]).to(head.weight.device)]
            maps = torch.einsum("bk,bkhw->bhw", weights, features).relu()
        return _joined(maps, logits)

    return _parted(in_halves(run, np.arange(len(batch))), len(network.classes))


def is_linear(network: Network) -> bool:
    """Whether CAM applies to the network."""
    import torch

    side = network.frame.side
    batch = torch.linspace(-1, 1, 2 * 3 * side * side).reshape(2, 3, side, side).to(network.device)
    with torch.no_grad():
        logits, features = forward_with_map(network, batch)
        try:
            check_linear(network, last_linear(network.module), features, logits)
        except ParamError:
            return False
    return True


def check_linear(network: Network, head: Any, features: Any, logits: Any) -> None:
    """Refuse networks whose logits are not those of an average over places and one linear layer."""
    if head is not None and head.in_features == features.shape[1]:
        expected = head(features.mean(dim=(2, 3)))
        if expected.shape == logits.shape and (expected - logits).abs().max() <= FITS * (1 + logits.abs().max()):
            return
    raise ParamError(
        f"ExplainParams.method cam needs a network that ends in an average over places and one linear layer, such as "
        f"torchvision:resnet18; {network.facts['model']} does not: choose grad_cam"
    )


def _joined(maps: Any, logits: Any) -> Array:
    """Maps and logits as one array, so that halves of a batch can be put together."""
    flat = np.concatenate(
        [maps.detach().float().cpu().numpy().reshape(len(maps), -1), logits.detach().float().cpu()], 1
    )
    return np.asarray(flat, dtype=np.float32)


def _parted(joined: Array, n_classes: int) -> tuple[Array, Array]:
    cells = joined.shape[1] - n_classes
    side = round(cells**0.5)  # networks see squares
    return joined[:, :cells].reshape(-1, side, side), joined[:, cells:]
