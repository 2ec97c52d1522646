"""Which given labels are probably wrong, and what they should be.

Class probabilities come from models that did not see the sample (`core/consensus.py`). How many labels are wrong is
counted by confident learning (Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125, by Cleanlab); which ones,
is told by the quality of each label: the mean of its probability before and after a model of the label noise
(`core/noise.py`). The mean is a hedge: noise models win where one class is regularly taken for another, plain
probabilities where labels are wrong at class borders, and one does not know beforehand which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .consensus import Views, views
from .method import Array, Column, Columns, Facts, GivenLabels, Inputs, Method, Progress
from .noise import NoiseModel
from .params import ParamError, Params, param
from .ridge import blocks
from .threads import blas_threads

TOP_PAIRS = 20
PRESETS = ("conservative", "balanced", "broad")


@dataclass(frozen=True, kw_only=True)
class LabelIssuesParams(Params):
    """Find samples whose given label is probably wrong, with the label they should have."""

    embeddings: str = param("embeddings", "Embeddings to judge labels by", reads="embeddings")
    label_field: str = param("ground_truth", "Labels to check", reads="labels")
    probabilities: str = param(
        "consensus",
        "Who judges: a linear probe, the nearest neighbors, or both with a ridge regression",
        among=("consensus", "probe", "neighbors"),
    )
    preset: str = param(
        "balanced",
        "What to flag: conservative, few that are nearly all wrong; balanced, as many as there are; broad, to miss few",
        among=PRESETS,
    )
    folds: int = param(5, "Folds of the cross-validation", at_least=2, at_most=50, advanced=True)
    seed: int = param(51, "Seed of the folds", at_least=0, advanced=True)


@dataclass(frozen=True)
class Verdict:
    """What was decided about m labelled rows.

    Attributes:
        quality: (m,) float64 in [0, 1], probability that the given label is right.
        best: (m,) the most likely class.
        other: (m,) the most likely class other than the given one.
        flagged: preset → (m,) bool; conservative within balanced within broad.
        confident: (m,) bool, flagged by plain confident learning.
        joint: (C, C) share of rows by given and true class, as confident learning estimates it.
    """

    quality: Array
    best: Array
    other: Array
    flagged: dict[str, Array]
    confident: Array
    joint: Array


def find_label_issues(inputs: Inputs, params: LabelIssuesParams, progress: Progress) -> Columns:
    """Judge every labelled sample whose class has another sample. Columns as declared in `METHOD`."""
    with blas_threads(1):
        seen = views(inputs, params.probabilities, params.folds, params.seed, progress)
    assert inputs.labels is not None
    labels = inputs.labels
    judged = judgeable(labels, seen.groups)
    rows = np.flatnonzero(judged)
    present = np.unique(labels.codes[rows])
    if len(present) < 2:
        raise ParamError(
            "LabelIssuesParams.label_field must hold at least two classes of two or more different samples; "
            f"got {len(present)}: label more samples or merge rare classes"
        )
    progress(0, 1, "judging labels")
    codes = np.searchsorted(present, labels.codes[rows])
    verdict = judge(_renormalised(seen.mean[rows][:, present]), codes)
    issue = verdict.flagged[params.preset]
    columns = _columns(inputs.n, rows, issue, verdict, present, labels.names)
    columns["detectors"] = _detectors(inputs.n, rows, labels.codes, seen, verdict.confident)
    names = tuple(labels.names[code] for code in present)
    facts = _facts(names, codes, issue, verdict) | {"probe": seen.facts, "preset": params.preset}
    skipped = sorted({labels.names[code] for code in labels.codes[(labels.codes >= 0) & ~judged]})
    facts |= {"classes_of_one": skipped, "unlabelled": int((labels.codes < 0).sum())}
    facts["headline"] = f"{int(issue.sum()):,} likely label issues among {len(rows):,} samples"
    progress(1, 1, "judging labels")
    return Columns(columns, facts, judged)


def judgeable(labels: GivenLabels, groups: Array) -> Array:
    """(n,) bool: labelled, and the class has samples beyond the row and its near-duplicates."""
    known = np.flatnonzero(labels.codes >= 0)
    pairs = np.unique(np.stack([labels.codes[known], groups[known]]), axis=1)
    different = np.bincount(pairs[0], minlength=len(labels.names))
    return np.asarray((labels.codes >= 0) & (different[np.maximum(labels.codes, 0)] >= 2))


def judge(probabilities: Array, codes: Array) -> Verdict:
    """Quality, suggestion and flags of labelled rows.

    Args:
        probabilities: (m, C) of models that did not see the row.
        codes: (m,) given classes, each of the C at least once.
    """
    from .engines.cleanlab import confident_issues

    true = NoiseModel.fit(probabilities, codes).true_classes(probabilities, codes)
    row = np.arange(len(codes))
    quality = (probabilities[row, codes].astype(np.float64) + true[row, codes]) / 2
    confident, joint = confident_issues(probabilities, codes)
    worst = np.zeros(len(codes), dtype=bool)
    worst[np.argsort(quality, kind="stable")[: int(confident.sum())]] = True
    looks_other = probabilities.argmax(axis=1) != codes
    best, other = _best_classes(probabilities, true, codes)
    flagged = {
        "conservative": worst & confident & (best != codes),
        "balanced": worst,
        "broad": worst | looks_other,
    }
    return Verdict(quality, best, other, flagged, confident, joint)


def _best_classes(probabilities: Array, true: Array, codes: Array) -> tuple[Array, Array]:
    best, other = np.empty(len(codes), dtype=np.int64), np.empty(len(codes), dtype=np.int64)
    for block in blocks(len(codes)):
        both = probabilities[block] + true[block]
        best[block] = both.argmax(axis=1)
        both[np.arange(len(both)), codes[block]] = -1.0
        other[block] = both.argmax(axis=1)
    return best, other


def _renormalised(probabilities: Array) -> Array:
    """Rows that sum to one, uniform where all is zero."""
    total = probabilities.sum(axis=1, keepdims=True)
    uniform = np.float32(1.0 / probabilities.shape[1])
    return np.asarray(np.where(total > 0, probabilities / np.maximum(total, 1e-30), uniform), dtype=np.float32)


def _columns(
    n: int, rows: Array, issue: Array, verdict: Verdict, present: Array, names: tuple[str, ...]
) -> dict[str, Any]:
    """Columns of all n rows from what was decided about `rows`."""
    is_issue = np.zeros(n, dtype=bool)
    is_issue[rows] = issue
    quality = np.full(n, np.nan)
    quality[rows] = verdict.quality
    suggested: list[str | None] = [None] * n
    for row, code in zip(rows, present[np.where(issue, verdict.other, verdict.best)], strict=True):
        suggested[row] = names[code]
    rank: list[int | None] = [None] * n
    flagged = rows[issue]
    for place, row in enumerate(flagged[np.argsort(quality[flagged], kind="stable")], start=1):
        rank[row] = place
    return {"is_issue": is_issue, "quality": quality, "suggested": suggested, "rank": rank}


def _detectors(n: int, rows: Array, codes: Array, seen: Views, confident: Array) -> list[list[str] | None]:
    """Who doubts the label of each judged row: the views that prefer another class, and confident learning."""
    out: list[list[str] | None] = [None] * n
    for row, sure in zip(rows, confident, strict=True):
        doubting = [view for view, argmax in seen.argmax.items() if argmax[row] != codes[row]]
        out[row] = doubting + ["confident learning"] * bool(sure)
    return out


def _facts(names: tuple[str, ...], codes: Array, issue: Array, verdict: Verdict) -> Facts:
    """Estimated noise, per class and in all, and the pairs of classes most often taken for each other."""
    n_classes = len(names)
    given = np.bincount(codes, minlength=n_classes)
    flagged = np.bincount(codes[issue], minlength=n_classes)
    towards = np.bincount(verdict.other[issue], minlength=n_classes)
    joint, right = verdict.joint, np.diag(verdict.joint)
    classes = [
        {
            "class": name,
            "samples": int(given[c]),
            "issues": int(flagged[c]),
            "suggested": int(towards[c]),
            "noise_in": _share(joint[c].sum() - right[c], joint[c].sum()),
            "noise_out": _share(joint[:, c].sum() - right[c], joint[:, c].sum()),
            "mean_quality": round(float(verdict.quality[codes == c].mean()), 4),
        }
        for c, name in enumerate(names)
    ]
    pairs = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(pairs, (codes[issue], verdict.other[issue]), 1)
    top = [divmod(int(cell), n_classes) for cell in np.argsort(-pairs, axis=None, kind="stable")[:TOP_PAIRS]]
    return {
        "samples": len(codes),
        "issues": int(issue.sum()),
        "issues_by_preset": {preset: int(rows.sum()) for preset, rows in verdict.flagged.items()},
        "estimated_noise": _share(float(joint.sum() - right.sum()), float(joint.sum())),
        "threshold": float(verdict.quality[issue].max()) if issue.any() else None,
        "classes": classes,
        "pairs": [
            {"given": names[a], "suggested": names[b], "issues": int(pairs[a, b])} for a, b in top if pairs[a, b] > 0
        ],
    }


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 4) if whole > 0 else 0.0


METHOD = Method(
    name="find_label_issues",
    version=1,
    label="Find label issues",
    stage="clean",
    key="label_issues",
    params=LabelIssuesParams,
    run=find_label_issues,
    reads=("embeddings", "labels"),
    writes=(
        Column("is_issue", bool, "The given label is probably wrong"),
        Column("quality", float, "Probability that the given label is right, in [0, 1]", best="high"),
        Column(
            "suggested",
            str,
            "The class it most looks like; for an issue, another than the given one",
            group=True,
        ),
        Column("rank", int, "Place among the issues, 1 the worst"),
        Column("detectors", list[str], "Who prefers another class, and whether confident learning flags the label"),
    ),
    cite="Northcutt, Jiang & Chuang 2021, https://doi.org/10.1613/jair.1.12125",
    why_now="The samples have labels, and some are probably wrong: find them before anything learns from them.",
)
