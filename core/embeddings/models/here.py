"""Which models are on this machine, and which one more would be worth a download. No network, nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A model that could be opened.

    Attributes:
        model: its name, as `EmbeddingsParams.model` takes it.
        strength: how well its vectors tell things in photographs as a rule: accuracy on ImageNet that its makers
            publish, of a linear classifier on its vectors where it has none of its own.
        megabytes: size of its weights; 0 where it has none.
        licence: of its weights.
    """

    model: str
    strength: float
    megabytes: float
    licence: str


WORTH_A_DOWNLOAD = (
    Known("open_clip:ViT-B-32/laion2b_s34b_b79k", 80.0, 605, "MIT"),
    Known("timm:vit_small_patch14_dinov2.lvd142m", 81.1, 88, "Apache-2.0"),
)


def strongest_first(models: Iterable[Known]) -> list[Known]:
    """By strength, then by name, each model once."""
    return sorted({one.model: one for one in models}.values(), key=lambda one: (-one.strength, one.model))
