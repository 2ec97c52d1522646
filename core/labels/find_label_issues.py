"""Which given labels are probably wrong, and what they should be.

Class probabilities come from models that did not see the sample (`core/labels/consensus.py`). How many labels are wrong
is counted by confident learning (Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125, by Cleanlab); which ones, is
told by the quality of each label: the mean of its probability before and after a model of the label noise
(`core/labels/noise_model.py`). The mean is a hedge: noise models win where one class is regularly taken for another,
plain probabilities where labels are wrong at class borders, and one does not know beforehand which it is.

Predictions may know classes that no sample was given. Nobody can say how sure such a class usually looks, so a sample
counts as one of its own when more than half of its probability lies there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from .class_probabilities import Beliefs
from .consensus import Views, views
from .noise_model import CELLS as NOISE_CELLS
from .noise_model import NoiseModel

TOP_PAIRS = 20
LARGEST = 30  # classes of the confident joint that the facts hold
POOR_FIT = 0.75  # below, either labels are wrong in masses or the embeddings hardly tell the classes apart
PRESETS = ("conservative", "balanced", "broad")


@dataclass(frozen=True, kw_only=True)
class LabelIssuesParams(Params):
    """Find samples whose label is probably wrong, and suggest a better one."""

    embeddings: str | None = param(
        "embeddings", "Embeddings to judge labels by; not needed where only predictions judge", reads="embeddings"
    )
    label_field: str = param("ground_truth", "Labels to check", reads="labels")
    probabilities: str = param(
        "consensus",
        "Who judges: consensus (best), probe, neighbors, or only the predictions you name",
        among=("consensus", "probe", "neighbors", "predictions"),
    )
    predictions: tuple[str, ...] = param(
        (),
        "Runs or fields of predictions that judge too, such as zero-shot tags; their classes may be new",
        reads="predictions",
    )
    group_field: str | None = param(
        None, "Samples that share a value (patient, video, camera) are never used to judge one another", reads="values"
    )
    preset: str = param(
        "balanced",
        "conservative: few flags, almost all right; balanced: about as many as there are errors; broad: miss few",
        among=PRESETS,
    )
    folds: int = param(5, "Folds of the cross-validation", at_least=2, at_most=50, advanced=True)
    seed: int = param(51, "Seed of the folds", at_least=0, advanced=True)

    def check(self) -> None:
        """Somebody must judge."""
        if self.probabilities == "predictions" and not self.predictions:
            raise ParamError(
                "LabelIssuesParams.predictions must name at least one run or field where probabilities is predictions; "
                "got none"
            )
        if self.probabilities != "predictions" and self.embeddings is None:
            raise ParamError(
                f"LabelIssuesParams.embeddings must be named where probabilities is {self.probabilities}; got nothing"
            )


@dataclass(frozen=True)
class Verdict:
    """What was decided about m labelled rows.

    Attributes:
        quality: (m,) float64 in [0, 1], probability that the given label is right.
        best: (m,) the most likely class.
        other: (m,) the most likely class other than the given one.
        flagged: preset → (m,) bool; conservative within balanced within broad.
        confident: (m,) bool, flagged by plain confident learning, or more than half of a class nobody was given.
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
        seen = views(inputs, params.probabilities, params.folds, params.seed, progress, params.predictions)
    assert inputs.labels is not None
    labels = inputs.labels
    judged = (labels.codes >= 0) & seen.judged
    if params.probabilities != "predictions":
        judged &= judgeable(labels, seen.groups)
    rows = np.flatnonzero(judged)
    given = np.unique(labels.codes[rows])
    if len(given) < 2:
        raise ParamError(_too_few(params, len(given)))
    progress(0, 1, "judging labels")
    present = np.concatenate([given, np.arange(len(labels.names), len(seen.classes))])
    codes = np.searchsorted(given, labels.codes[rows])
    verdict = judge(seen.beliefs.only(rows, present), codes)
    issue = verdict.flagged[params.preset]
    columns = _columns(inputs.n, rows, issue, verdict, present, seen.classes)
    columns["detectors"] = _detectors(inputs.n, rows, labels.codes, seen, verdict.confident)
    names = tuple(seen.classes[code] for code in present)
    facts = _facts(names, codes, issue, verdict) | {"probe": seen.facts, "preset": params.preset}
    skipped = sorted({labels.names[code] for code in labels.codes[(labels.codes >= 0) & ~judged]})
    facts |= {"classes_of_one": skipped, "unlabelled": int((labels.codes < 0).sum())}
    facts["detectors"] = _detector_facts(rows, labels.codes, issue, seen, verdict.confident)
    facts["headline"] = headline(int(issue.sum()), len(rows), facts["labels_that_fit"])
    progress(1, 1, "judging labels")
    return Columns(columns, facts, judged)


def headline(issues: int, judged: int, fit: float) -> str:
    """What was found, with a caution where it is the judges that may be wrong.

    Args:
        fit: share of the labels that nothing doubts.
    """
    found = f"{issues:,} likely label issues among {judged:,} samples"
    if issues and fit < POOR_FIT:
        found += f"; only {fit:.0%} of the labels fit what is seen, so look at some before you trust the rest"
    return found


def judgeable(labels: GivenLabels, groups: Array) -> Array:
    """(n,) bool: labelled, and the class has samples beyond the row and those that leave with it."""
    known = np.flatnonzero(labels.codes >= 0)
    pairs = np.unique(np.stack([labels.codes[known], groups[known]]), axis=1)
    different = np.bincount(pairs[0], minlength=len(labels.names))
    return np.asarray((labels.codes >= 0) & (different[np.maximum(labels.codes, 0)] >= 2))


def judge(beliefs: Beliefs | Array, codes: Array) -> Verdict:
    """Quality, suggestion and flags of labelled rows.

    Args:
        beliefs: (m, C) probabilities by models that did not see the row.
        codes: (m,) given classes; classes that nobody was given come last.
    """
    from .confident_learning import confident_issues

    if not isinstance(beliefs, Beliefs):
        beliefs = Beliefs(beliefs.shape[1], beliefs)
    n, n_given = beliefs.n, int(codes.max()) + 1
    some = np.linspace(0, n - 1, int(min(n, max(NOISE_CELLS / beliefs.n_classes, 1000)))).astype(np.int64)
    model = NoiseModel.fit(beliefs.dense(some), codes[some])
    quality, looks_other, foreign = np.empty(n), np.empty(n, dtype=bool), np.zeros(n, dtype=bool)
    best, other = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for rows in beliefs.blocks():
        p, code, at = beliefs.dense(rows), codes[rows], np.arange(len(rows))
        both = p + model.true_classes(p, code)
        quality[rows] = both[at, code].astype(np.float64) / 2
        looks_other[rows] = p.argmax(axis=1) != code
        foreign[rows] = (p[:, n_given:] > 0.5).any(axis=1)
        best[rows] = both.argmax(axis=1)
        both[at, code] = -1.0
        other[rows] = both.argmax(axis=1)
    confident, joint = confident_issues(beliefs, codes)
    confident |= foreign
    worst = np.zeros(n, dtype=bool)
    worst[np.argsort(quality, kind="stable")[: int(confident.sum())]] = True
    worst |= foreign
    flagged = {
        "conservative": worst & confident & (best != codes),
        "balanced": worst,
        "broad": worst | looks_other,
    }
    return Verdict(quality, best, other, flagged, confident, joint)


def _too_few(params: LabelIssuesParams, count: int) -> str:
    if params.probabilities == "predictions":
        return (
            "LabelIssuesParams.predictions must know at least two of the given classes by name; "
            f"they know {count}: name other predictions, or rename classes"
        )
    return (
        "LabelIssuesParams.label_field must hold at least two classes of two or more different samples; "
        f"got {count}: label more samples or merge rare classes"
    )


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
        doubting = [view for view, argmax in seen.argmax.items() if argmax[row] >= 0 and argmax[row] != codes[row]]
        out[row] = doubting + ["confident learning"] * bool(sure)
    return out


def _detector_facts(rows: Array, codes: Array, issue: Array, seen: Views, confident: Array) -> Facts:
    """Of each detector: labels it judges and doubts, and the issues it sees, alone or with others."""
    doubts = {view: (argmax[rows] >= 0) & (argmax[rows] != codes[rows]) for view, argmax in seen.argmax.items()}
    speaks = {view: argmax[rows] >= 0 for view, argmax in seen.argmax.items()}
    doubts["confident learning"], speaks["confident learning"] = confident, np.ones(len(rows), dtype=bool)
    voices = sum(doubt.astype(np.int64) for doubt in doubts.values())
    return {
        view: {
            "judged": int(speaks[view].sum()),
            "doubts": int(doubt.sum()),
            "issues": int((doubt & issue).sum()),
            "alone": int((doubt & issue & (voices == 1)).sum()),
        }
        for view, doubt in doubts.items()
    }


def _facts(names: tuple[str, ...], codes: Array, issue: Array, verdict: Verdict) -> Facts:
    """Estimated noise, per class and in all, and the pairs of classes most often taken for each other."""
    n_classes = len(names)
    given = np.bincount(codes, minlength=n_classes)
    flagged = np.bincount(codes[issue], minlength=n_classes)
    towards = np.bincount(verdict.other[issue], minlength=n_classes)
    quality = np.bincount(codes, weights=verdict.quality, minlength=n_classes) / np.maximum(given, 1)
    joint, right = verdict.joint, np.diag(verdict.joint)
    classes = [
        {
            "class": name,
            "samples": int(given[c]),
            "issues": int(flagged[c]),
            "suggested": int(towards[c]),
            "noise_in": _share(joint[c].sum() - right[c], joint[c].sum()),
            "noise_out": _share(joint[:, c].sum() - right[c], joint[:, c].sum()),
            "quality": _share(right[c], joint[c].sum()),
            "mean_quality": round(float(quality[c]), 4),
        }
        for c, name in enumerate(names)
        if given[c] or towards[c]
    ]
    pairs = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(pairs, (codes[issue], verdict.other[issue]), 1)
    return {
        "samples": len(codes),
        "issues": int(issue.sum()),
        "labels_that_fit": _share(float((~verdict.flagged["broad"]).sum()), len(codes)),
        "issues_by_preset": {preset: int(rows.sum()) for preset, rows in verdict.flagged.items()},
        "estimated_noise": _share(float(joint.sum() - right.sum()), float(joint.sum())),
        "threshold": float(verdict.quality[issue].max()) if issue.any() else None,
        "classes": classes,
        "pairs": [
            {"given": names[a], "suggested": names[b], "issues": int(pairs[a, b])} for a, b in _largest_cells(pairs)
        ],
        "overlapping": overlapping(joint, names, len(codes)),
        "joint": heat_map(joint * len(codes), names, given),
    }


def overlapping(joint: Array, names: tuple[str, ...], n: int) -> list[dict[str, Any]]:
    """Pairs of classes by the samples that the joint puts between them, in either direction; the most first."""
    either = np.triu(joint + joint.T, k=1) * n
    return [
        {"classes": [names[a], names[b]], "samples": round(float(either[a, b]), 1)} for a, b in _largest_cells(either)
    ]


def heat_map(counts: Array, names: tuple[str, ...], given: Array) -> dict[str, Any]:
    """The cells of the largest classes, for a picture: {"classes": names, "counts": rows given, columns true}."""
    largest = np.sort(np.argsort(-given, kind="stable")[:LARGEST])
    return {
        "classes": [names[code] for code in largest],
        "counts": np.round(counts[np.ix_(largest, largest)], 1).tolist(),
    }


def _largest_cells(counts: Array) -> list[tuple[int, int]]:
    """At most twenty cells, (row, column), that hold anything; the largest first."""
    at = np.flatnonzero(counts > 0)
    top = at[np.argsort(-counts.ravel()[at], kind="stable")[:TOP_PAIRS]]
    return [divmod(int(cell), counts.shape[1]) for cell in top]


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 4) if whole > 0 else 0.0


def _holds_from(params: Mapping[str, Any]) -> int:
    """Mixtures of concepts joined the consensus in version 4; predictions were read anew in version 3."""
    if params.get("probabilities", "consensus") == "consensus":
        return 4
    return 3 if params.get("predictions") else 2


METHOD = Method(
    name="find_label_issues",
    version=4,
    holds_from=_holds_from,
    label="Find label issues",
    stage="clean",
    key="label_issues",
    params=LabelIssuesParams,
    run=find_label_issues,
    reads=("embeddings", "labels"),
    writes=(
        Column("is_issue", bool, "The given label is probably wrong", role="mark"),
        Column("quality", float, "Probability that the given label is right, in [0, 1]", best="high", role="quality"),
        Column(
            "suggested",
            str,
            "Class it looks most like; for an issue never the given one",
            group=True,
            role="suggestion",
        ),
        Column("rank", int, "Rank among the issues, 1 is the worst"),
        Column(
            "detectors",
            list[str],
            "Judges that prefer another class; confident learning if it flags the label",
            title="Doubted by",
        ),
    ),
    finding=Finding(
        "Wrong labels",
        "serious",
        "Models that have not seen these samples disagree with their labels. Review the worst first.",
    ),
    cite="Northcutt, Jiang & Chuang 2021, https://doi.org/10.1613/jair.1.12125",
    why_now="Some labels are probably wrong. Find them before you train on them.",
)
