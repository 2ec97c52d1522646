"""FiftyOne's zoo models as an engine, `zoo:<name>`. The core knows no FiftyOne, so this adds itself to the list."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.base.arrays import Array, Facts
from ..core.base.errors import ModelError
from ..core.embeddings.models.base import Engine, Entry, Request
from ..core.embeddings.models.catalog import register
from ..core.embeddings.models.torch_engine import hash_of, pick_device
from ..core.embeddings.models.weights import consent

if TYPE_CHECKING:
    from PIL.Image import Image

EXAMPLE = "zoo:clip-vit-base32-torch"


class ZooEngine(Engine):
    """A zoo model with embeddings, run on torch as FiftyOne runs it, with FiftyOne's own preparation of pictures."""

    batch = 16

    def __init__(self, request: Request) -> None:
        from PIL import Image

        if request.weights is not None:
            raise ModelError("weights", "must be nothing with a zoo model, which has its own", repr(request.weights))
        self._name = request.variant
        self._device = pick_device(request.device)
        self._model = _loaded(request, self._device)
        self._model.preprocess = False  # we call its transforms in the reading threads
        self.enough = 10**6  # some models see pictures at their full size
        self.dim = int(self.embed(self.prepare(Image.new("RGB", (256, 256), "grey"))[None]).shape[1])

    def prepare(self, image: Image) -> Array:
        """RGB picture → (3, h, w) float32; of many models h and w are the picture's own."""
        return np.asarray(self._model.transforms(image), dtype=np.float32)

    def embed(self, batch: Array) -> Array:
        """(b, 3, h, w) → (b, dim) float32."""
        import torch

        with torch.inference_mode():
            found = self._model.embed_all(torch.from_numpy(batch))
        return np.asarray(found, dtype=np.float32).reshape(len(batch), -1)

    def describe(self) -> Facts:
        """See `Engine`. The hash is that of the loaded tensors, for FiftyOne does not tell the file."""
        network = getattr(self._model, "_model", None)
        return {
            "model": f"zoo:{self._name}",
            "weights": None,
            "weights_hash": hash_of(network) if hasattr(network, "state_dict") else None,
            "device": self._device,
            "precision": "fp32",
            "text": False,
        }


def _loaded(request: Request, device: str) -> Any:
    """The model, fetched if that is allowed.

    Raises:
        ParamError: there is no such model, it has no embeddings or does not run on torch, or it is not on this machine.
    """
    import fiftyone.core.models as fom
    import fiftyone.zoo.models as fozm

    name = request.variant
    known = fozm.list_zoo_models()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean zoo:{near[0]}?" if near else f"such as {EXAMPLE}"
        raise ModelError("model", "must name a FiftyOne zoo model", f"{request.model!r}, {hint}")
    entry = fozm.get_zoo_model(name)
    here = entry.manager is not None and fozm.is_zoo_model_downloaded(name) and _torchvision_has(entry)
    if not here and not request.allow_download:
        size = f"{entry.size_bytes / 1e6:,.0f} MB" if entry.size_bytes else "size unknown"
        raise consent(request.model, str(entry.source), size, "nothing, and fetch it with fiftyone.zoo.load_zoo_model")
    model = fozm.load_zoo_model(name, download_if_necessary=request.allow_download, device=device)
    if not isinstance(model, fom.TorchModelMixin) or not model.has_embeddings:
        raise ModelError(
            "model", "must be a zoo model on torch that has embeddings", f"{request.model!r}, a {type(model).__name__}"
        )
    return model


def _torchvision_has(entry: Any) -> bool:
    """Whether weights that torchvision itself loads are in torch's cache; FiftyOne's own copy does not serve it."""
    import torch
    from torchvision.models import get_weight

    arguments = (entry.default_deployment_config_dict or {}).get("config", {}).get("entrypoint_args") or {}
    weights = arguments.get("weights")
    if not isinstance(weights, str) or "." not in weights:
        return True
    url = str(get_weight(weights).url)
    return (Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]).is_file()


register(
    Entry(
        name="zoo",
        fetches=True,
        models=(EXAMPLE,),
        open=ZooEngine,
        dim="the model's",
        licence="the model's; `fiftyone zoo models info <name>` tells",
        size="the model's",
        good_at="vectors equal to those that FiftyOne's own `compute_embeddings` makes",
    )
)
