"""What can be explained: a network with its own classes, a classifier on a network's features, or CLIP with texts.

Each gives maps of one class per picture in the square that its network sees, and the score that the maps are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..base.arrays import Array, Facts
from ..base.errors import asked_by
from ..base.memory import in_halves
from ..base.params import ParamError
from ..classifiers.networks import Network, feature_map, last_linear, open_kept, open_network
from ..classifiers.task import head_of
from ..embeddings.models.base import Request, unit_rows
from ..embeddings.models.catalog import open_engine
from ..zero_shot.tag_zero_shot import BACKGROUND, class_vectors, text_engine
from .class_activation_maps import cam, grad_cam, is_linear
from .clip_relevance import ClipExplainer

if TYPE_CHECKING:
    from PIL.Image import Image

CNN_METHODS, CLIP_METHODS = ("cam", "grad_cam"), ("attention", "patches")
CLIP_LIBRARIES = ("open_clip", "tiny_clip")


class Explainer(Protocol):
    """Maps of pictures for classes.

    Attributes:
        classes: names of the classes that it can explain.
        method: one of CNN_METHODS or CLIP_METHODS.
        enough: pixels that a picture needs on its shorter side.
        facts: for the run record.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def method(self) -> str: ...
    @property
    def enough(self) -> int: ...
    @property
    def facts(self) -> Facts: ...

    def prepare(self, image: Image) -> Array:
        """RGB picture → (3, side, side) float32."""
        ...

    def seen(self, width: int, height: int) -> tuple[float, float]:
        """Shares of the picture's width and height that the network sees, around the middle."""
        ...

    def maps(self, batch: Array, codes: Array) -> Array:
        """(b, 3, side, side), (t, b) classes → (t, b, h, w) maps, at least 0."""
        ...

    def scores(self, batch: Array) -> Array:
        """(b, 3, side, side) → (b, C) logits."""
        ...


@dataclass(frozen=True)
class NetworkExplainer:
    """CAM and Grad-CAM of a network."""

    network: Network
    method: str

    @classmethod
    def of(cls, network: Network, method: str) -> NetworkExplainer:
        """`auto` is CAM where it applies, else Grad-CAM.

        Raises:
            ParamError: a method of CLIP's.
        """
        if method in CLIP_METHODS:
            raise ParamError(
                f"ExplainParams.method must be cam or grad_cam for {network.facts['model']}; {method} is for CLIP"
            )
        return cls(network, ("cam" if is_linear(network) else "grad_cam") if method == "auto" else method)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.network.classes

    @property
    def enough(self) -> int:
        return self.network.frame.resize

    @property
    def facts(self) -> Facts:
        return {**self.network.facts, "method": self.method}

    def prepare(self, image: Image) -> Array:
        return self.network.frame.prepare(image)

    def seen(self, width: int, height: int) -> tuple[float, float]:
        return self.network.frame.seen(width, height)

    def maps(self, batch: Array, codes: Array) -> Array:
        draw = cam if self.method == "cam" else grad_cam
        return np.stack([draw(self.network, batch, row)[0] for row in codes])

    def scores(self, batch: Array) -> Array:
        return self.network.logits(batch)


class ClipMaps:
    """Attention relevance and patch similarity of a CLIP model to texts, or to the classes of a linear classifier."""

    def __init__(
        self,
        engine: Any,
        method: str,
        classes: Sequence[str],
        vectors: Array,
        scale: float,
        templates: Sequence[str] = (),
    ) -> None:
        """
        Args:
            engine: a CLIP engine.
            vectors: (C, d) directions of the classes in the space of unit vectors.
            scale: factor on the products that gives logits.
            templates: sentences around a class that made the directions; none where no text did.
        """
        if method in CNN_METHODS:
            raise ParamError(f"ExplainParams.method must be attention or patches for a CLIP model; got {method}")
        self._engine = engine
        about = engine.describe()
        self.explainer = ClipExplainer(engine.network, about["model"], about["device"])
        self.method = "attention" if method == "auto" else method
        self.classes, self.vectors = tuple(classes), np.asarray(vectors, np.float32)
        self.enough = int(engine.enough)
        self.templates, self._scale = tuple(templates), scale
        background = engine.embed_text(list(BACKGROUND)).mean(axis=0, keepdims=True) if len(classes) == 1 else None
        self._background = None if background is None else unit_rows(background)
        self.facts: Facts = {**about, "method": self.method}

    def prepare(self, image: Image) -> Array:
        preparation = self._engine.preparation
        x: Array = np.asarray(preparation(image), np.float32) / 255.0
        x = (x - np.array(preparation.mean, np.float32)) / np.array(preparation.std, np.float32)
        return np.ascontiguousarray(x.transpose(2, 0, 1))

    def seen(self, width: int, height: int) -> tuple[float, float]:
        return min(1.0, height / width), min(1.0, width / height)  # CLIP cuts out the middle square

    def maps(self, batch: Array, codes: Array) -> Array:
        if self.method == "attention":
            return np.stack([self.explainer.attention_maps(batch, self.vectors[row]) for row in codes])
        others = self.vectors if self._background is None else self._background
        return self.explainer.patch_maps(batch, unit_rows(self.vectors)[codes], unit_rows(others))

    def scores(self, batch: Array) -> Array:
        found: Array = self._scale * self.embed(batch) @ self.vectors.T
        return found

    def embed(self, batch: Array) -> Array:
        """(b, d) unit vectors."""
        import torch

        def run(part: Array) -> Array:
            with torch.inference_mode():
                found = self._engine.network.encode_image(torch.from_numpy(part).to(self.facts["device"]))
            return unit_rows(found.float().cpu().numpy())

        return in_halves(run, batch)

    def tokenizer(self) -> Any:
        """The model's own."""
        return self._engine.tokenizer()


def of_run(source: Mapping[str, Any], method: str, device: str) -> Explainer:
    """What explains a run's predictions.

    Args:
        source: parameters and facts of the run.

    Raises:
        ParamError: the run's network cannot be explained, or is gone.
    """
    made_by = source.get("method")
    if made_by == "finetune_classifier":
        return NetworkExplainer.of(open_kept(_path(source), device), method)
    if made_by == "classify_images":
        return NetworkExplainer.of(
            open_network(source["model"], source["weights"], device, names=source.get("class_names")), method
        )
    if made_by == "train_classifier":
        return _of_head(source, method, device)
    if made_by == "tag_zero_shot":
        return _of_tags(source, method, device)
    raise ParamError(
        f"ExplainParams.predictions must be a run of train_classifier, finetune_classifier, classify_images or "
        f"tag_zero_shot, whose network is known; got {source.get('key') or 'a plain field'}"
    )


def _of_tags(source: Mapping[str, Any], method: str, device: str) -> ClipMaps:
    """A run of zero-shot tags: its model, its classes, its sentences."""
    model = source.get("model")
    if not isinstance(model, str) or model.partition(":")[0] not in CLIP_LIBRARIES:
        raise ParamError(
            f"ExplainParams.predictions must be tags by open_clip or tiny_clip, whose attention can be read; "
            f"those of {source.get('key')!r} are by {model or 'an unknown model'}"
        )
    about = {"model": model, "weights": source.get("weights"), "weights_hash": source.get("text_encoder"), "text": True}
    with asked_by("ExplainParams", embeddings="predictions"):
        engine: Any = text_engine(about, device=device)
    classes, templates = source["classes"], source["templates"]
    texts = class_vectors(engine, classes, templates)
    return ClipMaps(engine, method, classes, texts, 1.0 / float(source["temperature"]), templates)


def of_texts(
    model: str, weights: str | None, device: str, method: str, classes: Sequence[str], templates: Sequence[str]
) -> ClipMaps:
    """What explains a CLIP model's agreement with texts."""
    if not classes:
        raise ParamError("ExplainParams.classes must name what to look for in the pictures with a CLIP model; got none")
    engine: Any = open_engine(Request(model, weights, device=device, precision="fp32"))
    return ClipMaps(
        engine, method, classes, class_vectors(engine, classes, templates), float(engine.logit_scale), templates
    )


def _of_head(source: Mapping[str, Any], method: str, device: str) -> Explainer:
    about = source.get("network") or {}
    model, weights = about.get("model"), about.get("weights")
    if not isinstance(model, str):
        raise ParamError(
            f"ExplainParams.predictions must come from a classifier on embeddings of a network; those of "
            f"{source.get('key')!r} have no known model: compute them here"
        )
    head = head_of(_path(source))
    classes = tuple(str(name) for name in head["classes"])
    library = model.partition(":")[0]
    if library in CLIP_LIBRARIES:
        if "second" in head:
            raise ParamError(
                "ExplainParams.predictions must be a linear classifier on CLIP's vectors; got one with a layer"
            )
        engine: Any = open_engine(Request(model, weights, device=device, precision="fp32"))
        return ClipMaps(engine, method, classes, head["first"].T, 1.0)
    if library not in ("torchvision", "timm"):
        raise ParamError(
            f"ExplainParams.predictions must come from a classifier on embeddings of torchvision, timm or CLIP; "
            f"{model} has no regions to show"
        )
    network = open_network(model, weights, device)
    module = _Headed(network.module, head).module
    return NetworkExplainer.of(
        replace(network, module=module, features=feature_map(network.module), classes=classes), method
    )


class _Headed:
    """A network whose last layer is replaced by a classifier that was trained on its unit-length features."""

    def __init__(self, trunk: Any, head: Mapping[str, Array]) -> None:
        import torch

        last = last_linear(trunk)
        name = next(name for name, part in trunk.named_modules() if part is last)
        trunk.set_submodule(name, torch.nn.Identity())
        device = next(trunk.parameters()).device
        arrays = {key: torch.from_numpy(head[key]).to(device) for key in head if key != "classes"}

        class Module(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.trunk = trunk

            def forward(self, batch: Any) -> Any:
                x = torch.nn.functional.normalize(self.trunk(batch), dim=1) - arrays["mean"]
                x = x @ arrays["first"] + arrays["first_bias"]
                return x if "second" not in arrays else torch.tanh(x) @ arrays["second"] + arrays["second_bias"]

        self.module = Module().eval()


def _path(source: Mapping[str, Any]) -> Any:
    from pathlib import Path

    path = source.get("model_file")
    if not path or not Path(path).is_file():
        raise ParamError(f"The network of {source.get('key')!r} is no longer at {path}; train it again")
    return Path(path)
