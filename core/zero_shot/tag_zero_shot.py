"""Zero-shot tags: the class whose description lies closest to the picture, in a space that CLIP made for both.

Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020,
section 3.1 (prompt ensembles). How scores become tags is in `tagging.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.class_matching import in_words, same_classes
from ..base.columns import Column, Columns, Label, Labels, Vector
from ..base.errors import ModelError, ParamError, StaleError, asked_by
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import Params, param
from ..embeddings.compute_embeddings import ENGINES, open_engine
from ..embeddings.models.base import Request, TextEngine, unit_rows
from ..images.digits import NAMES
from .tagging import Rules, against_labels, agreement_said, parse_thresholds, tag_columns

TEMPLATES = ("a photo of a {}", "a photo of the {}", "a picture of a {}", "an image of {}", "{}")
BACKGROUND = ("a photo", "a picture", "an image")
UNRELATED = (
    "a steam locomotive",
    "a bowl of noodle soup",
    "a page of printed text",
    "a violin",
    "a desert seen from above",
    "a wedding",
    "a wooden staircase",
    "a jellyfish",
    "a screenshot of a spreadsheet",
    "a bicycle wheel",
    "a thunderstorm",
    "a pair of scissors",
)
RELATED = 0.9  # cosine of two texts from which they are taken to mean the same thing
EQUAL = 1 - 1e-6
TINY = "tiny_clip"
BLOCK = 1 << 21  # numbers worked on at once


@dataclass(frozen=True, kw_only=True)
class ZeroShotParams(Params):
    """Tag every image with the class whose description fits best, without training.

    Needs embeddings of a CLIP model, whose text encoder puts the descriptions into the same space.
    """

    embeddings: str = param("embeddings", "Embeddings of a CLIP model", reads="embeddings")
    classes: tuple[str, ...] = param((), "Classes; empty: those of the file or the label field")
    classes_file: str | None = param(None, "Text file with one class per line", path="file")
    label_field: str | None = param(
        None, "Labels: provide the classes if none are listed, and measure the tags", reads="labels"
    )
    templates: tuple[str, ...] = param(TEMPLATES, "Prompts; {} stands for the class name")
    multi_label: bool = param(False, "Allow any number of tags per image, each judged against the neutral prompts")
    background: tuple[str, ...] = param(
        BACKGROUND,
        "Neutral prompts; with multi_label a tag must score above these",
        advanced=True,
    )
    unrelated: tuple[str, ...] = param(
        UNRELATED,
        "Things that no class is: an image that is nearer to one of them than to every class gets no tag",
        advanced=True,
    )
    threshold: float | None = param(
        None,
        "No tag below this confidence; empty: 0, or 0.5 with multi_label",
        at_least=0,
        at_most=1,
    )
    thresholds: str | None = param(None, "Thresholds of certain classes, such as cat=0.4, dog=0.6")
    temperature: float | None = param(
        None, "Softmax temperature; empty: what the model learned", above=0, advanced=True
    )
    top_k: int | None = param(
        None, "At most this many tags per image; empty: the best one, or all that fit with multi_label", at_least=1
    )
    allow_download: bool = param(False, "Download the text encoder if it is not on this machine")

    def check(self) -> None:
        """Templates hold {}, class names differ, thresholds can be read."""
        for template in self.templates or ("",):
            if "{}" not in template:
                raise ParamError(
                    f"ZeroShotParams.templates must each contain {{}} where the class name goes; got {template!r}"
                )
        _check_names(self.classes, "classes")
        if self.classes and self.classes_file:
            raise ParamError("ZeroShotParams takes classes or classes_file, not both")
        parse_thresholds(self.thresholds, "ZeroShotParams.thresholds")
        if self.multi_label and not self.background:
            raise ParamError("ZeroShotParams.background must hold at least one description with multi_label; got none")


@asked_by("ZeroShotParams")
def tag_zero_shot(inputs: Inputs, params: ZeroShotParams, progress: Progress) -> Columns:
    """Compare each image's vector with the classes' vectors.

    With one tag per image, p = softmax(cosines / temperature) over the classes; no tag where an unrelated description
    is nearer. With any number, p = sigmoid of what `judged_one_by_one` says of each.

    Returns:
        tag: most likely class, kept with its logits, which are relative to the nearest unrelated description; none
            below its threshold, or where that description is nearer.
        tags: the `top_k` classes above their thresholds (with `multi_label` or `top_k` > 1).
        confidence, margin: largest p, and its lead over the second (over 0 where there is one class).
        entropy: of p, between 0 (certain) and 1 (undecided).
        logits: (n, C) float32, where some image has no tag to keep them in.
    """
    classes = _classes(params, inputs.labels)
    own = parse_thresholds(params.thresholds, "ZeroShotParams.thresholds", classes)
    progress(0, inputs.n, "encoding the class descriptions")
    engine = text_engine(inputs.sources.get("embeddings", {}), params.allow_download)
    model = inputs.sources["embeddings"]["model"]
    if inputs.vectors.shape[1] != engine.dim:
        raise ParamError(
            f"ZeroShotParams.embeddings must have the {engine.dim} dimensions of {model}; got {inputs.vectors.shape[1]}"
        )
    texts = class_vectors(engine, classes, params.templates)
    cut = _cut_short(engine, classes, params.templates)
    _check_told_apart(texts, classes, cut)
    floor = unit_rows(engine.embed_text(list(params.background)).mean(axis=0, keepdims=True))
    temperature = 1.0 / engine.logit_scale if params.temperature is None else params.temperature
    logits = class_logits(inputs.vectors, texts, temperature, floor if params.multi_label else None, progress)
    relative = bool(params.unrelated) and not params.multi_label and model != TINY  # to which all else means the same
    if relative:
        others = _unrelated(engine, params.unrelated, texts)
        logits -= class_logits(inputs.vectors, others, temperature).max(axis=1, keepdims=True, initial=-np.inf)
    rules = Rules(params.multi_label, params.threshold, own, params.top_k, relative)
    about = engine.describe()
    facts = {"model": model, "text_encoder": about["weights_hash"], "weights": about["weights"], "cut_short": len(cut)}
    unknown = ""
    if model == TINY and not any(name.lower() in (*NAMES, *"0123456789") for name in classes):
        unknown = "; tiny_clip knows handwritten digits and nothing else, so these tags say nothing"
    if cut:
        unknown += f"; {len(cut)} class names are longer than the text encoder reads, such as {_shortened(cut[0])}"
    return _tagged(classes, logits, rules, temperature, inputs.labels, facts, unknown)


def retag(
    classes: Sequence[str],
    logits: Array,
    now: float,
    temperature: float | None,
    rules: Rules,
    labels: GivenLabels | None,
) -> Columns:
    """Tags from logits that an earlier run kept: no model, no text and no image is encoded.

    Logits are cosines over the temperature, and those of `judged_one_by_one` differences of such, so another
    temperature only scales them.

    Args:
        classes: of that run.
        logits: (n, C) that it kept.
        now: temperature that these logits were made with.
        temperature: temperature wanted; None for the same.
        labels: given labels of the rows, to measure the tags.
    """
    wanted = temperature or now
    scaled = np.asarray(logits * np.float32(now / wanted), dtype=np.float32)
    return _tagged(classes, scaled, rules, wanted, labels, {})


def text_engine(source: Mapping[str, Any], allow_download: bool = False, device: str = "auto") -> TextEngine:
    """The text encoder of the model that made some embeddings, with the same weights.

    Args:
        source: facts of the embeddings' run: `model`, `weights`, `weights_hash`, `text`.

    Raises:
        ModelError: the vectors are not CLIP's.
        ParamError: its weights are gone.
        StaleError: its weights have changed since.
    """
    model = source.get("model")
    if not source.get("text") or not isinstance(model, str) or model.partition(":")[0] not in ENGINES:
        raise ModelError(
            "embeddings",
            "must be a run of compute_embeddings with a CLIP model, such as open_clip:ViT-B-32/laion2b_s34b_b79k (for "
            "photographs) or tiny_clip (for the demo's digits); classify_images names 1,000 things without one",
            f"vectors of {model or 'an unknown model'}, which has no text encoder",
        )
    weights = source.get("weights")
    here = weights is not None and Path(weights).exists()
    try:
        engine = open_engine(Request(model, str(weights) if here else None, allow_download, device, precision="fp32"))
    except ParamError as error:
        if here:
            raise
        raise ParamError(
            f"The weights that made these embeddings are no longer at {weights}; put them back. {error}"
        ) from None
    found = engine.describe()["weights_hash"]
    if source.get("weights_hash") not in (None, found):
        raise StaleError(
            f"These embeddings were made with other weights (sha256 {source['weights_hash'][:12]}) than {model} has "
            f"now ({found[:12]}); compute them again"
        )
    return cast(TextEngine, engine)


def class_vectors(engine: TextEngine, classes: Sequence[str], templates: Sequence[str]) -> Array:
    """(C, d) float32 of unit length: the mean over all templates of each class's unit text vectors."""
    texts = [template.replace("{}", name) for name in classes for template in templates]
    vectors = engine.embed_text(texts).reshape(len(classes), len(templates), -1)
    return unit_rows(vectors.mean(axis=1))


def _unrelated(engine: TextEngine, sentences: Sequence[str], classes: Array) -> Array:
    """(u, d) unit vectors of what no class is; what means the same as a class is left out, so u may be 0."""
    vectors = engine.embed_text(list(sentences))
    return np.asarray(vectors[(vectors @ classes.T).max(axis=1) < RELATED])


def _cut_short(engine: TextEngine, classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """Classes of which some sentence is longer than the text encoder reads."""
    texts = [template.replace("{}", name) for name in classes for template in templates]
    cut, each = engine.cut_short(texts), len(templates)
    return [name for place, name in enumerate(classes) if any(cut[place * each : (place + 1) * each])]


def _check_told_apart(texts: Array, classes: Sequence[str], cut: Sequence[str]) -> None:
    """Refuse classes that are one to the text encoder: the first would get all tags.

    Args:
        texts: (C, d) of unit length.
    """
    for row in range(1, len(texts)):
        same = np.flatnonzero(texts[:row] @ texts[row] > EQUAL)
        if len(same):
            one, other = classes[int(same[0])], classes[row]
            why = "they differ only after its end" if other in cut else "it makes the same of both"
            raise ParamError(
                f"ZeroShotParams.classes must differ in what the text encoder reads; got {_shortened(one)} and "
                f"{_shortened(other)}, and {why}: shorten or rename one"
            )


def _shortened(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:40]}...{name[-15:]}")


def class_logits(
    images: Array, texts: Array, temperature: float, background: Array | None = None, progress: Progress = silent
) -> Array:
    """(n, C) float32: cosines of images and classes over the temperature; judged one by one with a background.

    Args:
        images: (n, d), any length.
        texts: (C, d) of unit length.
        background: (1, d) of unit length.
    """
    n, size = len(images), max(1, BLOCK // (len(texts) + images.shape[1]))
    logits = np.empty((n, len(texts)), dtype=np.float32)
    scale = np.float32(1.0 / temperature)
    for start in range(0, n, size):
        rows = slice(start, start + size)
        unit = unit_rows(images[rows])
        logits[rows] = scale * (unit @ texts.T)
        if background is not None:
            logits[rows] = judged_one_by_one(logits[rows], scale * (unit @ background.T))
        progress(min(start + size, n), n, "tagging")
    return logits


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


def _tagged(
    classes: Sequence[str],
    logits: Array,
    rules: Rules,
    temperature: float,
    labels: GivenLabels | None,
    facts: Facts,
    warning: str = "",
) -> Columns:
    """Columns, with the facts of a run of tags."""
    values, counts = tag_columns(classes, logits, rules)
    same = same_classes(classes, labels.names) if labels is not None else {}
    if labels is not None:
        labels = replace(labels, names=tuple(same.get(name, name) for name in labels.names))
    measured = against_labels(classes, logits, rules.multi_label, labels, temperature)
    n, tagged = len(logits), counts["tagged"]
    said = agreement_said(measured) if "accuracy" in measured else ""
    beaten = int((logits.max(axis=1) < 0).sum()) if rules.relative else 0
    if beaten:
        said += f"; {beaten:,} are nearer to unrelated descriptions and got no tag"
    if measured.get("labelled") == 0 and measured["labels_not_in_classes"]:
        said += "; none of the given labels names one of these classes, so nothing is measured"
    if same:
        said += f"; of the labels {in_words(same)}"
    return Columns(
        values,
        {
            **facts,
            "classes": list(classes),
            "temperature": temperature,
            **counts,
            **measured,
            "relative": rules.relative,
            "unrelated_nearer": beaten,
            "headline": f"{tagged:,} of {n:,} images tagged with {len(classes)} classes{said}{warning}",
        },
    )


def _classes(params: ZeroShotParams, labels: GivenLabels | None) -> tuple[str, ...]:
    """Names of the classes, from the parameters, the file or the label field."""
    classes = params.classes
    if params.classes_file:
        classes = _read_classes(params.classes_file)
    if not classes and labels is not None:
        classes = labels.names
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


def _read_classes(path: str) -> tuple[str, ...]:
    """The lines of a text file, but for empty ones."""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ParamError(
            f"ZeroShotParams.classes_file must be a text file that can be read; got {path!r} ({why})"
        ) from None
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not names:
        raise ParamError(f"ZeroShotParams.classes_file must hold at least one class; {path!r} is empty")
    _check_names(names, "classes_file")
    return names


def _check_names(names: Sequence[str], name: str) -> None:
    bare = [one.strip() for one in names]
    twice = next((one for one, times in Counter(bare).items() if one and times > 1), None)
    if "" in bare or twice is not None:
        shown = "an empty one" if twice is None else f"{twice!r} twice"
        raise ParamError(f"ZeroShotParams.{name} must be different names, none empty; got {shown}")


METHOD = Method(
    name="tag_zero_shot",
    version=2,
    holds_from=lambda params: 1 if params.get("multi_label") else 2,  # since then what is unrelated gets no tag
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
        Column("entropy", float, "How unsure the model is, in [0, 1]", best="low"),
        Column("logits", Vector, "Class scores before the softmax, stored for changing the threshold", optional=True),
    ),
    cite="Radford et al. 2021, arXiv:2103.00020; Guo et al. 2017, arXiv:1706.04599",
)
