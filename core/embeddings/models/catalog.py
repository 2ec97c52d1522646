"""Every engine, by the first word of a model's name. To add one: write its file, add it here."""

from __future__ import annotations

from ...base.errors import ModelError
from . import barlow_twins, clip, descriptor, onnx, photographs, timm_models
from . import own_module as module
from . import torchvision_resnet as resnet
from . import visual_words as words
from .base import Engine, Entry, Request
from .here import OFFERED

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


def here() -> set[str]:
    """Names of the models on this machine."""
    return {known.model for entry in ENGINES.values() for known in entry.here()}


def licence_of(model: str) -> str:
    """The licence of a model's weights, as its makers or its library state it."""
    if model in OFFERED:
        return OFFERED[model].licence
    name, _, variant = model.partition(":")
    if name == "timm":
        return timm_models.licence_of(variant)
    if name == "open_clip" and "/" in variant and not variant.startswith(clip.HUB):
        return clip.licence_of(*variant.split("/", 1))
    return ENGINES[name].licence if name in ENGINES else "not stated"


def explained(model: str) -> str:
    """What a model is good at, its size and licence, and whether it is on this machine; a line for the form."""
    if model == "auto":
        return "What suits these images best of the models on this machine; never downloads"
    entry = ENGINES.get(model.partition(":")[0])
    if entry is None:
        return ""
    offered = OFFERED.get(model)
    said = f"{offered.good_at}. {offered.megabytes:,} MB" if offered else f"{entry.good_at}. {entry.size}"
    licence = licence_of(model) if offered else entry.licence
    where = "on this machine" if model in here() else "would download" if entry.fetches else "built in"
    return f"{said}; {licence}; {where}"
