"""Parameters of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.params import ParamError, Params, param
from .networks import SUGGESTED


@dataclass(frozen=True, kw_only=True)
class FinetuneParams(Params):
    """Fine-tune a pretrained network on the images, with predictions for held-out images."""

    label_field: str = param("ground_truth", "Labels, one class per sample", reads="labels")
    embeddings: str | None = param(
        None, "Embeddings to find near-duplicates by, which are held out together; empty: none", reads="embeddings"
    )
    model: str = param(
        "torchvision:resnet18",
        "Network: photographs, torchvision:<model> or timm:<model>",
        suggest=SUGGESTED,
    )
    weights: str | None = param(None, "Checkpoint file on this machine; empty: the library's cache", path="file")
    pretrained: bool = param(True, "Start from pretrained weights, not from random ones")
    allow_download: bool = param(False, "Download weights that are not on this machine")
    epochs: int = param(5, "Passes over the images; 0 trains the last layer only", at_least=0)
    folds: int = param(1, "1: hold out a share; more: predict every sample, at that many times the cost", at_least=1)
    held_out: float = param(0.2, "Share to hold out with one fold", above=0, at_most=0.5)
    side: int = param(160, "Image size in pixels", at_least=32)
    augment: bool = param(True, "Crop, mirror and brighten images at random", advanced=True)
    class_weights: str = param(
        "none", "balanced: rare classes count as much as frequent ones", among=("none", "balanced"), advanced=True
    )
    learning_rate: float = param(
        1e-3, "Learning rate of the last layer; the others use a tenth", above=0, advanced=True
    )
    patience: int = param(2, "Stop after this many passes without a lower loss", at_least=1, advanced=True)
    batch_size: int = param(32, "Images per step", at_least=1, advanced=True)
    device: str = param("auto", "Where the network runs", among=("auto", "cpu", "cuda"), advanced=True)
    precision: str = param(
        "auto", "Number format; auto: bf16 on a GPU that has it", among=("auto", "fp32", "bf16"), advanced=True
    )
    seed: int = param(51, "Random seed", at_least=0, advanced=True)

    def check(self) -> None:
        """A network that learns from the start normalises by each batch, which one picture alone cannot give."""
        if not self.pretrained and self.batch_size == 1:
            raise ParamError("FinetuneParams.batch_size must be at least 2 where pretrained is off; got 1")
