"""What a pretrained network says a picture shows: its likeliest classes, ImageNet's as a rule, with probabilities.

Deng et al. 2009, ImageNet: a large-scale hierarchical image database, doi:10.1109/CVPR.2009.5206848.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, Label, LabelValues
from ..base.errors import asked_by
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import Params, param
from ..embeddings.models import photographs
from ..images.reading import UnreadableImage, read_images
from ..probes.logistic import softmax
from .networks import SUGGESTED, open_network


@dataclass(frozen=True, kw_only=True)
class ClassifyParams(Params):
    """List what a pretrained network sees in each image: its likeliest classes with probabilities."""

    model: str = param(
        photographs.NAME,
        "Network: photographs, torchvision:<model> or timm:<model>",
        suggest=SUGGESTED,
    )
    weights: str | None = param(
        None,
        "Checkpoint file on this machine, also of a fine-tuned network; empty: the library's cache",
        path="file",
    )
    allow_download: bool = param(False, "Download weights that are not on this machine")
    class_names: str | None = param(None, "Text file with one class per line, if they are not ImageNet's", path="file")
    top_k: int = param(5, "How many classes to list per image", at_least=1)
    batch_size: int = param(32, "Images at once", at_least=1, advanced=True)
    device: str = param("auto", "Where the network runs", among=("auto", "cpu", "cuda"), advanced=True)


def classify_images(inputs: Inputs, params: ClassifyParams, progress: Progress) -> Columns:
    """Columns as in `METHOD`; rows that cannot be read have none but the reason.

    Raises:
        ParamError: no such network, or weights that are not here or not its own.
    """
    progress(0, inputs.n, f"loading {params.model}")
    with asked_by("ClassifyParams"):
        network = open_network(params.model, params.weights, params.device, params.allow_download, params.class_names)
    logits = np.full((inputs.n, len(network.classes)), np.nan, dtype=np.float32)
    errors: list[str | None] = [None] * inputs.n
    rows: list[int] = []
    batch: list[Array] = []
    began = time.perf_counter()
    for row, item in enumerate(read_images(inputs.paths, network.frame.prepare, enough=network.frame.resize)):
        if isinstance(item, UnreadableImage):
            errors[row] = str(item)
        else:
            rows.append(row)
            batch.append(item)
        if len(batch) == params.batch_size or (row == inputs.n - 1 and batch):
            logits[rows] = network.logits(np.stack(batch))
            rows, batch = [], []
            progress(row + 1, inputs.n, "classifying")
    speed = inputs.n / max(time.perf_counter() - began, 1e-9)
    return _columns(
        logits, errors, network.classes, params.top_k, {**network.facts, "images_per_second": round(speed, 1)}
    )


def _columns(logits: Array, errors: list[str | None], classes: tuple[str, ...], top_k: int, facts: Facts) -> Columns:
    fine = np.array([error is None for error in errors])
    p = softmax(np.where(fine[:, None], logits, 0.0).astype(np.float64))
    order = np.argsort(-p, axis=1, kind="stable")[:, :top_k]
    best = np.where(fine, order[:, 0], -1)
    names = [[classes[code] for code in row] if ok else None for row, ok in zip(order, fine, strict=True)]
    shares = np.take_along_axis(p, order, axis=1).tolist()
    values: dict[str, Any] = {
        "prediction": LabelValues(classes, best, p.max(axis=1), logits),
        "top_classes": names,
        "top_probabilities": [row if ok else None for row, ok in zip(shares, fine, strict=True)],
        "confidence": np.where(fine, p.max(axis=1), np.nan),
    }
    if not fine.all():
        values["error"] = errors
    counts = np.bincount(best[fine], minlength=len(classes))
    common = [classes[code] for code in np.argsort(-counts, kind="stable")[:3] if counts[code]]
    facts = {
        **facts,
        "classes": list(classes),
        "unreadable": int((~fine).sum()),
        "headline": f"{int(fine.sum()):,} images classified by {facts['model']}; "
        f"most often {', '.join(common) or 'none'}",
    }
    return Columns(values, facts)


METHOD = Method(
    name="classify_images",
    version=1,
    label="Classify with a pretrained network",
    stage="understand",
    key="imagenet",
    params=ClassifyParams,
    run=classify_images,
    reads=("paths",),
    writes=(
        Column("prediction", Label, "Likeliest class"),
        Column("top_classes", list[str], "Likeliest classes, most likely first"),
        Column("top_probabilities", list[float], "Their probabilities, in [0, 1]"),
        Column("confidence", float, "Probability of the likeliest class, in [0, 1]", best="high"),
        Column("error", str, "Why the image could not be read", optional=True, role="problem"),
    ),
    cite="Deng et al. 2009, doi:10.1109/CVPR.2009.5206848; He et al. 2016, arXiv:1512.03385",
)
