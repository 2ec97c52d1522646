"""Heatmaps of what a model looks at, and how much of it lies beside the object.

Class-activation maps and Grad-CAM of convolutional networks (`core/explanations/class_activation_maps.py`), attention
relevance and patches' parts of CLIP (`core/explanations/clip_relevance.py`). Maps are laid over the whole picture: what
the network does not see of it has no evidence.

Letters: n pictures, t classes explained for each, GRID cells a side.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, Heatmap, HeatmapValues, LabelValues
from ..base.errors import asked_by
from ..base.inputs import GivenBoxes, Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..classifiers.networks import open_network
from ..images.reading import UnreadableImage, read_images
from ..probes.logistic import softmax
from .explainers import CLIP_LIBRARIES, ClipMaps, Explainer, NetworkExplainer, of_run, of_texts
from .faithfulness import curves

GRID = 56  # cells a side of a stored map
INLINE = 50_000_000  # bytes of maps that the database holds; beyond, they lie on disk
EXTRA = ("heatmap_2", "heatmap_3", "heatmap_4")
MODELS = (
    "torchvision:resnet18",
    "torchvision:resnet50",
    "open_clip:ViT-B-32/laion2b_s34b_b79k",
    "open_clip:ViT-B-16/datacomp_xl_s13b_b90k",
    "tiny_clip",
)


@dataclass(frozen=True, kw_only=True)
class ExplainParams(Params):
    """Show where a model looks: heatmaps over the images for predicted, given or named classes."""

    predictions: str | None = param(
        None,
        "Run to explain: a trained, fine-tuned or pretrained classifier, or zero-shot tags (the likeliest of several)",
        reads="said",
    )
    model: str | None = param(
        None, "Model to explain instead of a run: torchvision:, timm: or a CLIP model", suggest=MODELS
    )
    weights: str | None = param(None, "Checkpoint file on this machine", path="file")
    target: str = param("predicted", "Which class to explain", among=("predicted", "given", "named"))
    classes: tuple[str, ...] = param((), "Classes for target named, at most four; with CLIP any texts")
    label_field: str | None = param(None, "Label field, for target given", reads="labels")
    method: str = param(
        "auto",
        "For convolutional networks cam or grad_cam; for CLIP attention, or patches (faster: one pass for all classes)",
        among=("auto", "cam", "grad_cam", "attention", "patches"),
    )
    object_boxes: str | None = param(
        None, "Boxes of the objects, to measure how much evidence lies outside", reads="detections"
    )
    object_masks: str | None = param(
        None,
        "Field with mask files, such as segmentation.mask_path; nonzero pixels are object",
        reads="values",
    )
    words: bool = param(False, "With CLIP, also show how much each word counts")
    templates: tuple[str, ...] = param(("a photo of a {}",), "With CLIP, prompts around a class name", advanced=True)
    checked: int = param(
        0, "Test the maps on this many images, by hiding and showing what they point at", at_least=0, advanced=True
    )
    batch_size: int = param(32, "Images at once", at_least=1, advanced=True)
    device: str = param("auto", "Where the model runs", among=("auto", "cpu", "cuda"), advanced=True)
    seed: int = param(51, "Random seed of that test", at_least=0, advanced=True)

    def check(self) -> None:
        """One source; named classes where they are asked for."""
        if bool(self.predictions) == bool(self.model):
            raise ParamError(
                f"ExplainParams needs either predictions (a run) or model; got {self.predictions!r} and {self.model!r}"
            )
        if self.target == "named" and not 1 <= len(self.classes) <= 1 + len(EXTRA):
            raise ParamError(f"ExplainParams.classes must name 1 to 4 classes; got {len(self.classes)}")
        if self.target == "given" and not self.label_field:
            raise ParamError("ExplainParams.label_field must name the labels for the target given; got none")
        if any("{}" not in template for template in self.templates) or not self.templates:
            raise ParamError(f"ExplainParams.templates must each contain {{}}; got {list(self.templates)}")


@dataclass
class Heatmaps:
    """What was found for n pictures.

    Attributes:
        maps: (t, n, GRID, GRID) uint8.
        codes: (t, n) classes explained, -1 for none.
        errors: why a picture has no map.
        checks: areas under the curves of the pictures checked.
        vectors: CLIP's vectors, where words are asked for.
    """

    maps: Array
    codes: Array
    errors: list[str | None]
    checks: list[dict[str, Array]] = field(default_factory=list)
    vectors: dict[int, Array] = field(default_factory=dict)


def explain(inputs: Inputs, params: ExplainParams, progress: Progress) -> Columns:
    """Draw maps in batches. Columns as in `METHOD`.

    Raises:
        ParamError: no such model or weights, or a class that it does not have.
    """
    progress(0, inputs.n, "loading the model")
    with asked_by("ExplainParams"):
        explainer = _explainer(inputs, params)
    wanted = _wanted(explainer, inputs, params)
    began = time.perf_counter()
    heatmaps = _draw(explainer, inputs, params, wanted, progress)
    seconds = time.perf_counter() - began
    return _columns(explainer, inputs, params, heatmaps, inputs.n / max(seconds, 1e-9))


def energy_outside(maps: Array, inside: Array) -> Array:
    """(n,) share of each map's sum that lies outside; NaN where a map is empty or nothing is known to be inside.

    Args:
        maps: (n, g, g), at least 0.
        inside: (n, g, g) share of each cell that is object; all 0 where nothing is known.
    """
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    within = (maps * inside.astype(np.float64)).sum(axis=(1, 2))
    known = (total > 0) & inside.any(axis=(1, 2))
    return np.where(known, 1.0 - within / np.where(known, total, 1.0), np.nan)


def boxes_on_grid(boxes: Array, grid: int = GRID) -> Array:
    """(g, g) share of each cell that the union of boxes covers, to a quarter of a cell.

    Args:
        boxes: (m, 4) left, top, width, height as shares of the picture.
    """
    fine = 4 * grid
    covered = np.zeros((fine, fine), dtype=bool)
    for left, top, width, height in np.clip(boxes, -1.0, 2.0):
        edges = np.round(np.clip([left, left + width, top, top + height], 0.0, 1.0) * fine).astype(int)
        covered[edges[2] : edges[3], edges[0] : edges[1]] = True
    return np.asarray(covered.reshape(grid, 4, grid, 4).mean(axis=(1, 3)))


def over_picture(maps: Array, seen: tuple[float, float], grid: int = GRID) -> Array:
    """(t, h, w) maps of the square that a network sees → (t, g, g) of the whole picture, 0 where it does not see.

    Args:
        seen: shares of the picture's width and height that the square takes, around the middle.
    """
    across, down = (_spread(maps.shape[2], seen[0], grid), _spread(maps.shape[1], seen[1], grid))
    return np.asarray(np.einsum("gh,thw,kw->tgk", down, maps, across))


def _spread(cells: int, share: float, grid: int) -> Array:
    """(grid, cells) weights of linear interpolation between the cells' middles."""
    place = ((np.arange(grid) + 0.5) / grid - 0.5) / share + 0.5
    position = np.clip(place * cells - 0.5, 0, cells - 1)
    below = np.minimum(position.astype(int), max(cells - 2, 0))
    weights = np.zeros((grid, cells))
    rows = np.arange(grid)
    weights[rows, below] = 1 - (position - below)
    if cells > 1:
        weights[rows, below + 1] += position - below
    weights[(place < 0) | (place > 1)] = 0
    return weights


def _explainer(inputs: Inputs, params: ExplainParams) -> Explainer:
    if params.predictions:
        return of_run(inputs.sources.get(params.predictions, {}), params.method, params.device)
    model = params.model or ""
    if model.partition(":")[0] in CLIP_LIBRARIES:
        names = inputs.labels.names if params.target == "given" and inputs.labels is not None else params.classes
        return of_texts(model, params.weights, params.device, params.method, names, params.templates)
    return NetworkExplainer.of(open_network(model, params.weights, params.device), params.method)


def _wanted(explainer: Explainer, inputs: Inputs, params: ExplainParams) -> Array | None:
    """(t, n) classes to explain, -1 for none; None for what the model itself predicts."""
    index = {name: code for code, name in enumerate(explainer.classes)}
    if params.target == "named":
        missing = [name for name in params.classes if name not in index]
        if missing:
            raise ParamError(
                f"ExplainParams.classes must be classes of the model; it has no {missing[0]!r}. "
                f"It has: {', '.join(explainer.classes[:20])}{' …' if len(explainer.classes) > 20 else ''}"
            )
        return np.repeat([[index[name]] for name in params.classes], inputs.n, axis=1)
    if params.target == "given":
        assert inputs.labels is not None
        names = inputs.labels.names
        if not set(names) & set(index):
            raise ParamError(
                f"ExplainParams.label_field must hold classes of the model; it has none of {', '.join(names[:10])}"
            )
        codes = np.array([index.get(name, -1) for name in names] + [-1])
        return np.asarray(codes[inputs.labels.codes][None])
    predicted: LabelValues | None = inputs.named.get("predictions")
    if predicted is None:
        return None
    codes = np.array([index.get(name, -1) for name in predicted.classes] + [-1])
    return np.asarray(codes[predicted.codes][None])


def _draw(
    explainer: Explainer, inputs: Inputs, params: ExplainParams, wanted: Array | None, progress: Progress
) -> Heatmaps:
    t = 1 if wanted is None else len(wanted)
    heatmaps = Heatmaps(
        np.zeros((t, inputs.n, GRID, GRID), np.uint8),
        np.full((t, inputs.n), -1) if wanted is None else wanted.copy(),
        [None] * inputs.n,
    )
    rows: list[int] = []
    batch: list[Array] = []
    seen: list[tuple[float, float]] = []

    def prepare(image: Any) -> tuple[Array, tuple[float, float]]:
        return explainer.prepare(image), explainer.seen(*image.info["full_size"])

    for row, item in enumerate(read_images(inputs.paths, prepare, enough=explainer.enough)):
        if isinstance(item, UnreadableImage):
            heatmaps.errors[row] = str(item)
            heatmaps.codes[:, row] = -1
        elif wanted is None or (wanted[:, row] >= 0).any():
            rows.append(row)
            batch.append(item[0])
            seen.append(item[1])
        if len(rows) == params.batch_size:
            _draw_batch(explainer, params, heatmaps, np.array(rows), np.stack(batch), seen, wanted is None)
            rows, batch, seen = [], [], []
            progress(row + 1, inputs.n, "drawing heatmaps")
    if rows:
        _draw_batch(explainer, params, heatmaps, np.array(rows), np.stack(batch), seen, wanted is None)
    progress(inputs.n, inputs.n, "drawing heatmaps")
    return heatmaps


def _draw_batch(
    explainer: Explainer,
    params: ExplainParams,
    heatmaps: Heatmaps,
    rows: Array,
    batch: Array,
    seen: list[tuple[float, float]],
    choose: bool,
) -> None:
    if choose:
        heatmaps.codes[0, rows] = explainer.scores(batch).argmax(axis=1)
    codes = heatmaps.codes[:, rows]
    maps = explainer.maps(batch, np.maximum(codes, 0))
    maps[codes < 0] = 0
    for place, row in enumerate(rows):
        full = over_picture(maps[:, place], seen[place])
        heatmaps.maps[:, row] = np.rint(255 * full / max(float(full.max()), 1e-12))  # side by side on one scale
    left = params.checked - sum(len(check["deletion"]) for check in heatmaps.checks)
    if left > 0:
        some = slice(0, left)

        def score(pictures: Array) -> Array:
            logits = explainer.scores(pictures)
            own = np.arange(len(logits)), codes[0, some]
            return np.asarray(softmax(logits)[own] if logits.shape[1] > 1 else logits[own])

        heatmaps.checks.append(curves(batch[some], maps[0, some], score, params.seed))
    if params.words and isinstance(explainer, ClipMaps):
        heatmaps.vectors |= dict(zip(rows.tolist(), explainer.embed(batch), strict=True))


def _columns(explainer: Explainer, inputs: Inputs, params: ExplainParams, heatmaps: Heatmaps, speed: float) -> Columns:
    known = heatmaps.codes >= 0
    place, facts = _where_to_keep(inputs, heatmaps.maps)
    values: dict[str, Any] = {}
    for number, name in enumerate(("heatmap", *EXTRA)[: len(heatmaps.maps)]):
        folder = None if place is None else str(place / name)
        values[name] = HeatmapValues(heatmaps.maps[number], known[number], folder)
    values["explained"] = [explainer.classes[code] if code >= 0 else None for code in heatmaps.codes[0]]
    unreadable = [error for error in heatmaps.errors if error is not None]
    if unreadable:
        values["error"] = heatmaps.errors
    count = int(known[0].sum())
    facts |= {
        **explainer.facts,
        "classes_explained": sorted({explainer.classes[code] for code in np.unique(heatmaps.codes[known])}),
        "images_per_second": round(speed, 1),
        "unreadable": len(unreadable),
        "unreadable_first": unreadable[:5],
        "without_evidence": int((heatmaps.maps[0].max(axis=(1, 2), initial=0)[known[0]] == 0).sum()),
    }
    said = f"{count:,} images explained by {explainer.method.replace('_', '-')} of {explainer.facts['model']}"
    inside = _inside(inputs, params, heatmaps, explainer.classes)
    if inside is not None:
        outside = energy_outside(heatmaps.maps[0], inside)
        values["outside"] = outside
        sure = np.isfinite(outside)
        facts["measured_outside"] = int(sure.sum())
        if sure.any():
            facts["outside"] = float(outside[sure].mean())
            facts["outside_per_class"] = {
                explainer.classes[code]: float(outside[sure & (heatmaps.codes[0] == code)].mean())
                for code in np.unique(heatmaps.codes[0][sure])
            }
            said += f"; {facts['outside']:.0%} of the evidence lies outside the objects"
    if params.words:
        values["word_relevance"], facts["words"] = _words(explainer, heatmaps)
    if heatmaps.checks:
        for name in heatmaps.checks[0]:
            facts[name] = float(np.concatenate([check[name] for check in heatmaps.checks]).mean())
    return Columns(values, {**facts, "headline": said})


def _where_to_keep(inputs: Inputs, maps: Array) -> tuple[Path | None, Facts]:
    """The folder for maps that are too many for the database."""
    if inputs.folder is None or maps.nbytes <= INLINE:
        return None, {}
    place = Path(inputs.folder) / f"maps-{uuid.uuid4().hex[:8]}"
    return place, {"files": [str(place)]}


def _inside(inputs: Inputs, params: ExplainParams, heatmaps: Heatmaps, classes: tuple[str, ...]) -> Array | None:
    """(n, GRID, GRID) what is object: the boxes of the explained class where boxes name it, else all; or the masks."""
    boxes: GivenBoxes | None = inputs.named.get("object_boxes")
    masks = inputs.named.get("object_masks")
    if boxes is None and masks is None:
        return None
    inside = np.zeros((inputs.n, GRID, GRID), np.float32)
    if boxes is not None:
        ends = np.searchsorted(boxes.rows, np.arange(inputs.n + 1))
        code_of = {name: code for code, name in enumerate(boxes.names)}
        for row in range(inputs.n):
            own = slice(ends[row], ends[row + 1])
            mine = boxes.boxes[own]
            explained = code_of.get(classes[heatmaps.codes[0, row]], -1) if heatmaps.codes[0, row] >= 0 else -1
            of_class = boxes.codes[own] == explained
            inside[row] = boxes_on_grid(mine[of_class] if of_class.any() else mine)
    for row, path in enumerate(masks or ()):
        if path:
            inside[row] = np.maximum(inside[row], _mask_on_grid(str(path)))
    return inside


def _mask_on_grid(path: str) -> Array:
    from PIL import Image

    try:
        # of a path Pillow maps plain grey TIFFs into memory, scrambled if turned
        with open(path, "rb") as file, Image.open(file) as picture:
            mask = Image.fromarray((np.asarray(picture.convert("I")) != 0).astype(np.uint8) * 255)
    except (OSError, ValueError) as error:
        raise ParamError(f"The mask {path!r} cannot be read ({error}); mend it, or leave object_masks empty") from None
    return np.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX), dtype=np.float32) / 255


def _words(explainer: Explainer, heatmaps: Heatmaps) -> tuple[list[list[float] | None], dict[str, Any]]:
    """For each picture the shares of its text's words; and the words of each text."""
    if not isinstance(explainer, ClipMaps) or not explainer.templates:
        raise ParamError(
            "ExplainParams.words needs a CLIP model, set as model, or a run of zero-shot tags; only CLIP reads texts"
        )
    found: list[list[float] | None] = [None] * heatmaps.codes.shape[1]
    words: dict[str, Any] = {}
    for code in np.unique(heatmaps.codes[0][heatmaps.codes[0] >= 0]):
        rows = [int(row) for row in np.flatnonzero(heatmaps.codes[0] == code)]
        text = explainer.templates[0].replace("{}", explainer.classes[code])
        vectors = np.stack([heatmaps.vectors[row] for row in rows])
        spelled, shares = explainer.explainer.word_relevance(text, explainer.tokenizer(), vectors)
        words[explainer.classes[code]] = {"words": spelled, "mean": shares.mean(axis=0).tolist()}
        for row, share in zip(rows, shares, strict=True):
            found[row] = [float(value) for value in share]
    return found, words


METHOD = Method(
    name="explain",
    version=1,
    label="Explain predictions",
    stage="understand",
    key="explanation",
    params=ExplainParams,
    run=explain,
    reads=("paths",),
    writes=(
        Column("heatmap", Heatmap, "Evidence for the class; with several named, the first"),
        Column("heatmap_2", Heatmap, "Evidence for the second named class", optional=True),
        Column("heatmap_3", Heatmap, "Evidence for the third named class", optional=True),
        Column("heatmap_4", Heatmap, "Evidence for the fourth named class", optional=True),
        Column("explained", str, "Class that the heatmap explains", group=True),
        Column(
            "outside",
            float,
            "Share of the evidence outside the objects; high: the model looks at something else",
            best="low",
            optional=True,
        ),
        Column("word_relevance", list[float], "How much each word counts, as a share", optional=True),
        Column("error", str, "Why the image could not be read", optional=True, role="problem"),
    ),
    cite="Zhou et al. 2016, arXiv:1512.04150 (CAM); Selvaraju et al. 2017, arXiv:1610.02391 (Grad-CAM); "
    "Chefer et al. 2021, arXiv:2103.15679 (attention); Gandelsman et al. 2024, arXiv:2310.05916 (patches)",
)
