"""Zero-shot tags: the class whose description lies closest to the picture, in a space that CLIP made for both.

Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020,
section 3.1 (prompt ensembles); Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599
(temperature, expected calibration error).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from .embeddings import ENGINES, open_engine
from .engines.base import Request, TextEngine, unit_rows
from .method import Array, Column, Columns, Facts, GivenLabels, Inputs, Label, Labels, LabelValues, Method, Progress
from .params import ParamError, Params, param

TEMPLATES = ("a photo of a {}", "a photo of the {}", "a picture of a {}", "an image of {}", "{}")
BACKGROUND = ("a photo", "a picture", "an image")
CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class ZeroShotParams(Params):
    """Tag every image with the class whose description fits it best, without any training.

    Needs embeddings of a CLIP model, whose text encoder puts the descriptions into the same space.
    """

    embeddings: str = param("embeddings", "Embeddings of a CLIP model", reads="embeddings")
    classes: tuple[str, ...] = param((), "Names of the classes; if empty, those of the label field")
    label_field: str | None = param(
        None, "Given labels: they name the classes where none are listed, and measure the tags", reads="labels"
    )
    templates: tuple[str, ...] = param(TEMPLATES, "Sentences around a class name, which stands for {}")
    multi_label: bool = param(False, "Any number of tags per image, each judged by itself against the background")
    background: tuple[str, ...] = param(
        BACKGROUND,
        "Descriptions of nothing in particular that a tag must beat when there can be any number",
        advanced=True,
    )
    threshold: float | None = param(
        None,
        "Confidence below which there is no tag; empty is 0, or 0.5 with any number of tags",
        at_least=0,
        at_most=1,
    )
    temperature: float | None = param(
        None, "Divides the cosines before the softmax; empty takes what the model learned", above=0, advanced=True
    )
    top_k: int | None = param(
        None, "Tags kept per image at most; empty keeps the best one, or with any number all that fit", at_least=1
    )
    allow_download: bool = param(False, "Fetch the text encoder if it is not on this machine")

    def check(self) -> None:
        """Templates hold {} and class names differ."""
        for template in self.templates or ("",):
            if "{}" not in template:
                raise ParamError(
                    f"ZeroShotParams.templates must each contain {{}} where the class name goes; got {template!r}"
                )
        names = [name.strip() for name in self.classes]
        if "" in names or len(set(names)) < len(names):
            raise ParamError(f"ZeroShotParams.classes must be different names, none empty; got {list(self.classes)}")
        if self.multi_label and not self.background:
            raise ParamError("ZeroShotParams.background must hold at least one description with multi_label; got none")


def tag_zero_shot(inputs: Inputs, params: ZeroShotParams, progress: Progress) -> Columns:
    """Compare each image's vector with the classes' vectors.

    With one tag per image, p = softmax(cosines / temperature) over the classes. With any number,
    p = sigmoid of what `judged_one_by_one` says of each.

    Returns:
        tag: most likely class, kept with its logits; none below the threshold.
        tags: the `top_k` classes above the threshold (with `multi_label` or `top_k` > 1).
        confidence, margin: largest p, and its lead over the second (over 0 where there is one class).
        entropy: of p, between 0 (certain) and 1 (undecided).
    """
    classes = _classes(params, inputs.labels)
    progress(0, inputs.n, "encoding the class descriptions")
    engine = text_engine(inputs.sources.get("embeddings", {}), params.allow_download)
    model = inputs.sources["embeddings"]["model"]
    images = unit_rows(inputs.vectors)
    if images.shape[1] != engine.dim:
        raise ParamError(
            f"ZeroShotParams.embeddings must have the {engine.dim} dimensions of {model}; got {images.shape[1]}"
        )
    scale = engine.logit_scale if params.temperature is None else 1.0 / params.temperature
    logits = scale * images @ class_vectors(engine, classes, params.templates).T
    if params.multi_label:
        background = unit_rows(engine.embed_text(list(params.background)).mean(axis=0, keepdims=True))
        logits = judged_one_by_one(logits, scale * images @ background.T)
        probabilities = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
    else:
        probabilities = _softmax(logits)
    values, tagged = _columns(classes, logits, probabilities, params)
    temperature = None if params.multi_label else 1.0 / scale
    measured = _against_labels(classes, logits, probabilities, inputs.labels, temperature)
    accuracy = f", {measured['accuracy']:.1%} as labelled" if "accuracy" in measured else ""
    facts: Facts = {
        "model": model,
        "classes": list(classes),
        "temperature": 1.0 / scale,
        "tagged": tagged,
        **measured,
        "headline": f"{tagged:,} of {inputs.n:,} images tagged with {len(classes)} classes{accuracy}",
    }
    progress(inputs.n, inputs.n, "tagging")
    return Columns(values, facts)


def text_engine(source: Mapping[str, Any], allow_download: bool = False) -> TextEngine:
    """The text encoder of the model that made some embeddings, with the same weights.

    Args:
        source: facts of the embeddings' run: `model`, `weights`, `weights_hash`, `text`.

    Raises:
        ParamError: the vectors are not CLIP's, or its weights are gone or changed since.
    """
    model = source.get("model")
    if not source.get("text") or not isinstance(model, str) or model.partition(":")[0] not in ENGINES:
        raise ParamError(
            f"ZeroShotParams.embeddings must be a run of compute_embeddings with a CLIP model, such as "
            f"open_clip:ViT-B-32/laion2b_s34b_b79k (for photographs) or tiny_clip (for the demo's digits); "
            f"got vectors of {model or 'an unknown model'}, which has no text encoder"
        )
    weights = source.get("weights")
    here = weights is not None and Path(weights).exists()
    try:
        engine = open_engine(Request(model, str(weights) if here else None, allow_download, precision="fp32"))
    except ParamError as error:
        if here:
            raise
        raise ParamError(
            f"The weights that made these embeddings are no longer at {weights}; put them back. {error}"
        ) from None
    found = engine.describe()["weights_hash"]
    if source.get("weights_hash") not in (None, found):
        raise ParamError(
            f"ZeroShotParams.embeddings must come from the weights that {model} has now (sha256 {found[:12]}); got "
            f"vectors made with {source['weights_hash'][:12]}, so compute the embeddings again"
        )
    return cast(TextEngine, engine)


def class_vectors(engine: TextEngine, classes: Sequence[str], templates: Sequence[str]) -> Array:
    """(C, d) float32 of unit length: the mean over all templates of each class's unit text vectors."""
    texts = [template.replace("{}", name) for name in classes for template in templates]
    vectors = engine.embed_text(texts).reshape(len(classes), len(templates), -1)
    return unit_rows(vectors.mean(axis=1))


def judged_one_by_one(logits: Array, background: Array) -> Array:
    """(n, C) logits of classes that may hold together: positive where a class is nearer to the best than to the floor.

    The floor is what fits anyhow: the background, or the average class, whichever fits better. CLIP's cosines differ
    more from picture to picture than from class to class, so no fixed cosine can be the bar. Where even the best class
    lies below the floor, none is positive. A heuristic: CLIP was never trained to say no.

    Args:
        logits: (n, C) of the classes.
        background: (n, 1) of the background.
    """
    best = logits.max(axis=1, keepdims=True)
    floor = background if logits.shape[1] == 1 else np.maximum(background, logits.mean(axis=1, keepdims=True))
    return np.asarray(logits - np.maximum(floor, (best + floor) / 2))


def expected_calibration_error(confidence: Array, right: Array, bins: int = CALIBRATION_BINS) -> float:
    """How far confidence lies from accuracy, averaged over equally wide bins of confidence.

    ECE = sum_b |B_b| / n · |accuracy(B_b) - confidence(B_b)|; Guo et al. 2017, eq. 3.

    Args:
        confidence: (n,) in [0, 1].
        right: (n,) bool.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / max(len(confidence), 1))


def _classes(params: ZeroShotParams, labels: GivenLabels | None) -> tuple[str, ...]:
    """Names of the classes, from the parameters or the label field."""
    classes = params.classes or (labels.names if labels is not None else ())
    if not classes:
        raise ParamError(
            "ZeroShotParams.classes must name at least one class, or label_field a field with labels; got neither"
        )
    if len(classes) == 1 and not params.multi_label:
        raise ParamError(
            f"ZeroShotParams.classes must name at least two classes to choose from, or multi_label be true; "
            f"got {list(classes)}"
        )
    return tuple(classes)


def _columns(
    classes: tuple[str, ...], logits: Array, probabilities: Array, params: ZeroShotParams
) -> tuple[dict[str, Any], int]:
    """The columns, and how many rows have a tag."""
    n, count = probabilities.shape
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    confidence = ranked[:, 0]
    threshold = params.threshold if params.threshold is not None else 0.5 if params.multi_label else 0.0
    values: dict[str, Any] = {
        "confidence": confidence,
        "margin": confidence - (ranked[:, 1] if count > 1 else 0.0),
        "entropy": _entropy(probabilities, params.multi_label),
    }
    if not params.multi_label:
        best = np.where(confidence >= threshold, order[:, 0], -1)
        values["tag"] = LabelValues(classes, best, confidence, logits.astype(np.float32))
    most = params.top_k or (count if params.multi_label else 1)
    if params.multi_label or most > 1:
        kept = np.zeros((n, count), dtype=bool)
        np.put_along_axis(kept, order[:, :most], True, axis=1)
        kept &= probabilities >= threshold
        values["tags"] = LabelValues(classes, kept, probabilities, logits.astype(np.float32))
    return values, int((confidence >= threshold).sum())


def _against_labels(
    classes: tuple[str, ...], logits: Array, probabilities: Array, labels: GivenLabels | None, temperature: float | None
) -> Facts:
    """Accuracy where a given label names one of the classes, meeting by name; calibration if there is a temperature."""
    if labels is None:
        return {}
    index = {name: code for code, name in enumerate(classes)}
    to_class = np.array([index.get(name, -1) for name in labels.names] + [-1])  # the last is code -1: no label
    given = to_class[labels.codes]
    known = given >= 0
    facts: Facts = {"labelled": int(known.sum()), "labels_not_in_classes": int(((labels.codes >= 0) & ~known).sum())}
    if not known.any():
        return facts
    best = probabilities[known].argmax(axis=1)
    right = best == given[known]
    facts["accuracy"] = float(right.mean())
    facts["accuracy_per_class"] = {
        classes[code]: float(right[given[known] == code].mean()) for code in np.unique(given[known])
    }
    if temperature is not None:
        facts["calibration_error"] = expected_calibration_error(probabilities[known].max(axis=1), right)
        facts["calibrated_temperature"] = temperature * _calibrated(logits[known], given[known])
    return facts


def _calibrated(logits: Array, given: Array) -> float:
    """The factor on the temperature, from 1/16 to 16, at which the given labels are likeliest."""
    factors = np.geomspace(1 / 16, 16, 65)
    rows = np.arange(len(given))
    losses = [-np.log(np.maximum(_softmax(logits / f)[rows, given], 1e-300)).mean() for f in factors]
    return float(factors[int(np.argmin(losses))])


def _entropy(probabilities: Array, multi_label: bool) -> Array:
    """(n,) in [0, 1]: of the distribution, or the mean over the classes' yes-or-no with several labels."""
    p = np.clip(probabilities, 1e-300, 1.0)
    if multi_label:
        q = np.clip(1.0 - probabilities, 1e-300, 1.0)
        return np.asarray(-(p * np.log2(p) + q * np.log2(q)).mean(axis=1))
    return np.asarray(-(p * np.log(p)).sum(axis=1) / np.log(probabilities.shape[1]))


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


METHOD = Method(
    name="tag_zero_shot",
    version=1,
    label="Tag with CLIP, zero-shot",
    stage="understand",
    key="zero_shot",
    params=ZeroShotParams,
    run=tag_zero_shot,
    reads=("embeddings",),
    writes=(
        Column("tag", Label, "Class whose description fits best", optional=True),
        Column("tags", Labels, "Classes whose descriptions fit", optional=True),
        Column("confidence", float, "Probability of the best class, in [0, 1]", best="high"),
        Column("margin", float, "Lead of the best class over the second, in [0, 1]", best="high"),
        Column("entropy", float, "How undecided the model is, in [0, 1]", best="low"),
    ),
    cite="Radford et al. 2021, arXiv:2103.00020; Guo et al. 2017, arXiv:1706.04599",
)
