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


@dataclass(frozen=True)
class Offered:
    """A model that forms offer, as its makers describe it.

    Attributes:
        megabytes: size of its weights.
        licence: of its weights.
        good_at: what to choose it for.
    """

    megabytes: int
    licence: str
    good_at: str


DINOV3 = "DINOv3's own licence: read it before commercial use"
OFFERED = {
    "open_clip:ViT-B-32/laion2b_s34b_b79k": Offered(605, "MIT", "photographs of anything; search and tags by text"),
    "open_clip:ViT-B-16/datacomp_xl_s13b_b90k": Offered(599, "MIT", "as ViT-B-32, finer, four times as slow"),
    "open_clip:ViT-L-14/datacomp_xl_s13b_b90k": Offered(1710, "MIT", "as ViT-B-16, finer; for a GPU"),
    "open_clip:ViT-B-16-SigLIP2/webli": Offered(1501, "Apache-2.0", "SigLIP 2: photographs and text, many languages"),
    "open_clip:PE-Core-B-16/meta": Offered(1791, "Apache-2.0", "Perception Encoder: photographs and text"),
    "open_clip:MobileCLIP2-S0/dfndr2b": Offered(300, "not for commercial use (Apple's own)", "small, fast, with text"),
    "open_clip:hf-hub:imageomics/bioclip-2": Offered(1710, "MIT", "BioCLIP 2: plants, animals and fungi, with text"),
    "timm:vit_small_patch14_dinov2.lvd142m": Offered(88, "apache-2.0", "DINOv2: parts, poses, fine kinds"),
    "timm:vit_base_patch14_dinov2.lvd142m": Offered(346, "apache-2.0", "DINOv2, finer"),
    "timm:vit_small_patch16_dinov3.lvd1689m": Offered(86, DINOV3, "DINOv3: as DINOv2, newer"),
    "timm:convnext_tiny.dinov3_lvd1689m": Offered(111, DINOV3, "DINOv3 in a convolutional network, fast on a CPU"),
    "timm:vit_base_patch14_reg1_tipsv2.webli": Offered(345, "apache-2.0", "TIPSv2: objects and where they are"),
    "timm:vit_base_patch16_radio_v3.c_radio": Offered(
        346, "nvidia-open-model-license", "C-RADIO: taught by several models"
    ),
}

WORTH_A_DOWNLOAD = (
    Known("open_clip:ViT-B-32/laion2b_s34b_b79k", 80.0, 605, "MIT"),
    Known("timm:vit_small_patch14_dinov2.lvd142m", 81.1, 88, "Apache-2.0"),
)


def strongest_first(models: Iterable[Known]) -> list[Known]:
    """By strength, then by name, each model once."""
    return sorted({one.model: one for one in models}.values(), key=lambda one: (-one.strength, one.model))
