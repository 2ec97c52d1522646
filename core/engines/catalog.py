"""Every engine, by the first word of a model's name. To add one: write its file, add it here."""

from __future__ import annotations

from collections.abc import Callable

from ..params import ParamError
from .base import Engine, Request
from .clip import ClipEngine, TinyClipEngine
from .descriptor import Descriptor
from .resnet import ResNetEngine

ENGINES: dict[str, Callable[[Request], Engine]] = {
    "descriptor": Descriptor,
    "tiny_clip": TinyClipEngine,
    "open_clip": ClipEngine,
    "torchvision": ResNetEngine,
}


def open_engine(request: Request) -> Engine:
    """The engine that `request.model` names, with its weights loaded.

    Raises:
        ParamError: there is no such engine or variant, or its weights are not on this machine and may not be fetched.
    """
    name = request.model.partition(":")[0]
    if name not in ENGINES:
        raise ParamError(
            f"EmbeddingsParams.model must begin with one of {', '.join(ENGINES)}, such as "
            f"open_clip:ViT-B-32/laion2b_s34b_b79k; got {request.model!r}"
        )
    return ENGINES[name](request)
