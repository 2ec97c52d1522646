"""Parameters of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.params import ParamError, Params, param
from .networks import SUGGESTED


@dataclass(frozen=True, kw_only=True)
class FinetuneParams(Params):
    """Train a network on the pictures themselves, from a pretrained one on, with predictions for held-out pictures."""

    label_field: str = param("ground_truth", "Labels, one class per sample", reads="labels")
    embeddings: str | None = param(
        None, "Embeddings by which near-duplicates are told, so that they never straddle", reads="embeddings"
    )
    model: str = param(
        "torchvision:resnet18",
        "Network: photographs, torchvision:<model> or timm:<model>",
        suggest=SUGGESTED,
    )
    weights: str | None = param(None, "Checkpoint of it on this machine; else the library's cache", path="file")
    pretrained: bool = param(True, "Start from trained weights; without, from random ones")
    allow_download: bool = param(False, "Fetch weights that are not on this machine from the network")
    epochs: int = param(5, "Passes with all layers learning; 0 trains the last layer only", at_least=0)
    folds: int = param(1, "1 holds out a share; more predict every sample, at as many times the cost", at_least=1)
    held_out: float = param(0.2, "Share that is held out with one fold", above=0, at_most=0.5)
    side: int = param(160, "Pixels a side that the network sees", at_least=32)
    augment: bool = param(True, "Crop, mirror and brighten at random while learning", advanced=True)
    class_weights: str = param(
        "none", "Balanced lets rare classes count as much as frequent ones", among=("none", "balanced"), advanced=True
    )
    learning_rate: float = param(1e-3, "Of the last layer; the others learn at a tenth of it", above=0, advanced=True)
    patience: int = param(2, "Passes without a lower loss after which training stops", at_least=1, advanced=True)
    batch_size: int = param(32, "Pictures per step", at_least=1, advanced=True)
    device: str = param("auto", "Where the network runs", among=("auto", "cpu", "cuda"), advanced=True)
    precision: str = param(
        "auto", "Arithmetic; auto is bf16 on a GPU that has it", among=("auto", "fp32", "bf16"), advanced=True
    )
    seed: int = param(51, "Seed of folds, crops and random weights", at_least=0, advanced=True)

    def check(self) -> None:
        """A network that learns from the start normalises by each batch, which one picture alone cannot give."""
        if not self.pretrained and self.batch_size == 1:
            raise ParamError("FinetuneParams.batch_size must be at least 2 where pretrained is off; got 1")
