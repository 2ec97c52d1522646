"""Which boxes are probably wrong: overlooked, swapped or badly located, by the predictions of a detector.

Tkachenko, Thyagarajan & Mueller 2023, ObjectLab, arXiv:2309.00832, by Cleanlab. A confident prediction far from every
given box of its class speaks for an overlooked object; one on a given box of another class for a swapped label; a
given box that a prediction of its class overlaps only in part for a bad location; one that no prediction is about has
nothing to compare with. The quality of an image is the geometric mean of the four, each pooled over its boxes so that
the worst weigh most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import GivenBoxes, Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, Params, param
from .box_precision import average_precision
from .box_scores import Sureness, box_scores, sureness
from .confident_learning import module

KINDS = ("overlooked", "swapped", "badly_located", "unsupported")
SIDE = 1000.0  # of the square that boxes are measured in; Cleanlab takes pixels
SUSPICIOUS = 0.5  # of a flagged image, every kind below this is named; the lowest always
LEAST_AREA = 1e-9  # share of the image


@dataclass(frozen=True, kw_only=True)
class DetectionIssuesParams(Params):
    """Find images whose boxes are probably wrong: missed objects, wrong classes, bad positions."""

    label_field: str = param("ground_truth", "Boxes to check", reads="detections")
    predictions: str = param(
        "predictions", "Boxes predicted by a detector that was not trained on these images", reads="detected"
    )


def find_detection_issues(inputs: Inputs, params: DetectionIssuesParams, progress: Progress) -> Columns:
    """Judge every image that has given and predicted boxes, also none. Columns as declared in `METHOD`."""
    given, predicted = (usable(inputs.named[name]) for name in ("label_field", "predictions"))
    rows = np.flatnonzero(given.known & predicted.known)
    if not len(given.rows):
        raise ParamError("DetectionIssuesParams.label_field must hold at least one box of more than no area; got none")
    if not len(predicted.rows):
        raise ParamError("DetectionIssuesParams.predictions must hold at least one box of more than no area; got none")
    progress(0, 2, "comparing boxes")
    names = tuple(sorted({*given.names, *predicted.names}))
    labels, guesses = as_labels(given, names, rows), as_predictions(predicted, names, rows)
    bounds = sureness(labels, guesses)
    scores, worst_box, issue, alone = _scores(labels, guesses, bounds)
    progress(1, 2, "comparing boxes")
    quality = np.exp(np.mean([np.log(np.maximum(scores[kind], 1e-12)) for kind in KINDS], axis=0))
    columns = _columns(inputs.n, rows, scores, quality, issue)
    columns["boxes"] = _of_boxes(inputs.named["label_field"], given, rows, worst_box)
    facts = _facts(names, labels, worst_box, columns, rows, alone)
    for name, read, left in (("label", "label_field", given), ("predicted", "predictions", predicted)):
        facts[f"{name}_boxes_without_area"] = len(inputs.named[read].rows) - len(left.rows)
    progress(2, 2, "comparing boxes")
    judged = np.zeros(inputs.n, dtype=bool)
    judged[rows] = True
    return Columns(columns, facts, judged)


def usable(boxes: GivenBoxes) -> GivenBoxes:
    """Boxes cut to their image; those that hold nothing are left out."""
    low = np.clip(boxes.boxes[:, :2], 0, 1)
    high = np.clip(boxes.boxes[:, :2] + boxes.boxes[:, 2:], 0, 1)
    size = np.maximum(high - low, 0)
    kept = np.isfinite(boxes.boxes).all(axis=1) & (size.prod(axis=1) > LEAST_AREA)
    cut = np.concatenate([low, size], axis=1)
    return GivenBoxes(boxes.names, boxes.rows[kept], boxes.codes[kept], cut[kept], boxes.confidence[kept], boxes.known)


def as_labels(boxes: GivenBoxes, names: tuple[str, ...], rows: Array) -> list[dict[str, Array]]:
    """Given boxes as Cleanlab takes them: corners and class numbers, image by image."""
    corners, codes = _corners(boxes), _codes(boxes, names)
    starts = np.searchsorted(boxes.rows, [rows, rows + 1])
    return [{"bboxes": corners[first:last], "labels": codes[first:last]} for first, last in zip(*starts, strict=True)]


def as_predictions(boxes: GivenBoxes, names: tuple[str, ...], rows: Array) -> list[Array]:
    """Predicted boxes as Cleanlab takes them: for each image and class (m, 5) corners and confidence.

    A prediction that comes without a confidence counts as sure.
    """
    sure = np.nan_to_num(boxes.confidence, nan=1.0)[:, None]
    full, codes = np.concatenate([_corners(boxes), sure], axis=1), _codes(boxes, names)
    starts = np.searchsorted(boxes.rows, [rows, rows + 1])
    found = []
    for first, last in zip(*starts, strict=True):
        image = np.empty(len(names), dtype=object)
        for code in range(len(names)):
            image[code] = full[first:last][codes[first:last] == code]
        found.append(image)
    return found


def _scores(
    labels: list[dict[str, Array]], guesses: list[Array], bounds: Sureness
) -> tuple[dict[str, Array], list[Array], Array, int]:
    """Kind → (m,) score of each image; per image the worst score of each given box; (m,) bool what is flagged.

    And how many given boxes nothing supports.
    """
    rank = module("object_detection.rank")
    found = box_scores(labels, guesses, bounds)
    per_box = {kind: [getattr(image, kind) for image in found] for kind in KINDS}
    scores = {
        kind: np.asarray(rank.pool_box_scores_per_image(of_kind), dtype=np.float64) for kind, of_kind in per_box.items()
    }
    worst = [np.min([image.swapped, image.badly_located, image.unsupported], axis=0) for image in found]
    alone = sum(int((image.unsupported < 1).sum()) for image in found)
    return scores, worst, _flagged(labels, guesses, per_box), alone


def _flagged(labels: list[dict[str, Array]], guesses: list[Array], per_box: dict[str, list[Array]]) -> Array:
    """(m,) bool, the images with a box whose score is at most as low as the detector's precision in its class allows.

    As Cleanlab's `find_label_issues` has it. A box that nothing supports is no reason to flag: of 1,827 boxes in 254
    photographs, one detector that missed 2 % left 46 images with such boxes, 5 of them wrong.
    """
    known = module("internal.constants")
    bound = average_precision(labels, guesses) * known.AP_SCALE_FACTOR
    of_labels = [image["labels"] for image in labels]
    of_guesses = [np.repeat(np.arange(len(image)), [len(some) for some in image]) for image in guesses]
    issue = np.zeros(len(labels), dtype=bool)
    for kind, codes, highest in (
        ("overlooked", of_guesses, bound * known.OVERLOOKED_THRESHOLD_FACTOR),
        ("badly_located", of_labels, bound * known.BADLOC_THRESHOLD_FACTOR),
        ("swapped", of_labels, bound * known.SWAP_THRESHOLD_FACTOR),
    ):
        for image, (scores, own) in enumerate(zip(per_box[kind], codes, strict=True)):
            issue[image] |= bool((np.nan_to_num(scores, nan=1.0) <= highest[own]).any())
    return issue


def _columns(n: int, rows: Array, scores: dict[str, Array], quality: Array, issue: Array) -> dict[str, Any]:
    columns: dict[str, Any] = {"is_issue": np.zeros(n, dtype=bool), "quality": np.full(n, np.nan)}
    columns["is_issue"][rows], columns["quality"][rows] = issue, quality
    kinds: list[list[str] | None] = [None] * n
    for at, row in enumerate(rows.tolist()):
        low = {kind: float(scores[kind][at]) for kind in KINDS}
        lowest = min(low, key=lambda kind: low[kind])
        alone = ["unsupported"] if low["unsupported"] < 1 else []
        kinds[row] = [kind for kind in KINDS if low[kind] < SUSPICIOUS or kind == lowest] if issue[at] else alone
    columns["kinds"] = kinds
    for kind in KINDS:
        columns[kind] = np.full(n, np.nan)
        columns[kind][rows] = scores[kind]
    return columns


def _of_boxes(every: GivenBoxes, kept: GivenBoxes, rows: Array, worst: list[Array]) -> list[list[float] | None]:
    """Per image the quality of each given box, in the order of the field; 0 for boxes that hold nothing."""
    n = len(every.known)
    of_row = dict(zip(rows.tolist(), worst, strict=True))
    empty = np.bincount(every.rows, minlength=n) - np.bincount(kept.rows, minlength=n)
    out: list[list[float] | None] = [None] * n
    good = usable_mask(every)
    starts = np.searchsorted(every.rows, [np.arange(n), np.arange(n) + 1])
    for row, found in of_row.items():
        values = np.zeros(starts[1][row] - starts[0][row])
        values[good[starts[0][row] : starts[1][row]]] = found[: len(values) - empty[row]]
        out[row] = values.tolist()
    return out


def usable_mask(boxes: GivenBoxes) -> Array:
    """(m,) bool, the box holds something of its image."""
    low = np.clip(boxes.boxes[:, :2], 0, 1)
    high = np.clip(boxes.boxes[:, :2] + boxes.boxes[:, 2:], 0, 1)
    return np.asarray(np.isfinite(boxes.boxes).all(axis=1) & (np.maximum(high - low, 0).prod(axis=1) > LEAST_AREA))


def _corners(boxes: GivenBoxes) -> Array:
    return SIDE * np.concatenate([boxes.boxes[:, :2], boxes.boxes[:, :2] + boxes.boxes[:, 2:]], axis=1)


def _codes(boxes: GivenBoxes, names: tuple[str, ...]) -> Array:
    place = {name: code for code, name in enumerate(names)}
    table = np.array([place[name] for name in boxes.names], dtype=np.int64)
    return np.asarray(table[boxes.codes])


def _facts(
    names: tuple[str, ...],
    labels: list[dict[str, Array]],
    worst: list[Array],
    columns: dict[str, Any],
    rows: Array,
    alone: int,
) -> Facts:
    issue = columns["is_issue"]
    by_kind = {kind: sum(kind in (found or ()) for found in columns["kinds"]) for kind in KINDS}
    codes = np.concatenate([image["labels"] for image in labels])
    quality = np.concatenate([found[: len(image["labels"])] for found, image in zip(worst, labels, strict=True)])
    flagged = {kind: by_kind[kind] for kind in KINDS if kind != "unsupported"}
    said = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in flagged.items() if count)
    nothing = f"{alone:,} given box{'es have' if alone > 1 else ' has'} no prediction to compare with"
    return {
        "samples": len(rows),
        "issues": int(issue.sum()),
        "issues_by_kind": flagged,
        "unsupported_boxes": alone,
        "classes": [
            {
                "class": name,
                "boxes": int((codes == code).sum()),
                "mean_quality": round(float(quality[codes == code].mean()), 4),
            }
            for code, name in enumerate(names)
            if (codes == code).any()
        ],
        "headline": f"{int(issue.sum()):,} of {len(rows):,} images probably have wrong boxes"
        + (f": {said}" if said else "")
        + (f"; {nothing}" if alone else ""),
    }


METHOD = Method(
    name="find_detection_issues",
    version=2,
    label="Find wrong boxes",
    stage="clean",
    key="detection_issues",
    params=DetectionIssuesParams,
    run=find_detection_issues,
    reads=("detections", "detected"),
    writes=(
        Column("is_issue", bool, "An object is probably missed, or a box has the wrong class or position", role="mark"),
        Column("quality", float, "Probability that the boxes are right, in [0, 1]", best="high"),
        Column("kinds", list[str], "What is probably wrong", group=True),
        Column("overlooked", float, "Low if an object has no box, in [0, 1]", best="high"),
        Column("swapped", float, "Low if a box has the wrong class, in [0, 1]", best="high"),
        Column("badly_located", float, "Low if a box does not fit its object, in [0, 1]", best="high"),
        Column(
            "unsupported",
            float,
            "Low if no prediction is about a box of a class that the detector finds, in [0, 1]",
            best="high",
        ),
        Column("boxes", list[float], "Quality of each given box, in order; 0 for empty boxes"),
    ),
    finding=Finding(
        "Boxes that look wrong",
        "serious",
        "An object is probably missed, or a box has the wrong class or position.",
        one="Box that looks wrong",
    ),
    cite="Tkachenko, Thyagarajan & Mueller 2023, arXiv:2309.00832",
)
