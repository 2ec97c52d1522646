"""Every engine, by the first word of a model's name. To add one: write its file, add it here."""

from __future__ import annotations

from ...base.errors import ModelError
from . import barlow_twins, clip, descriptor, onnx, photographs, timm_models
from . import own_module as module
from . import torchvision_resnet as resnet
from . import visual_words as words
from .base import Engine, Entry, Request

ENGINES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        descriptor.ENTRY,
        photographs.ENTRY,
        clip.ENTRY,
        timm_models.ENTRY,
        resnet.ENTRY,
        words.ENTRY,
        barlow_twins.ENTRY,
        module.ENTRY,
        onnx.ENTRY,
        clip.TINY_ENTRY,
    )
}


def register(entry: Entry) -> None:
    """Add an engine that lives outside the core, as the dataset layer's zoo models do."""
    ENGINES[entry.name] = entry


def open_engine(request: Request) -> Engine:
    """The engine that `request.model` names, with its weights loaded.

    Raises:
        ParamError: there is no such engine or variant, or its weights are not on this machine and may not be fetched.
    """
    name = request.model.partition(":")[0]
    if name not in ENGINES:
        raise ModelError(
            "model",
            f"must begin with one of {', '.join(ENGINES)}, such as open_clip:ViT-B-32/laion2b_s34b_b79k",
            repr(request.model),
        )
    return ENGINES[name].open(request)
