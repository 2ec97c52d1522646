"""Which given labels are probably wrong, and what they should be.

Class probabilities come from models that did not see the sample (`core/labels/consensus.py`). How well a label fits is
the mean of its probability before and after a model of the label noise (`core/labels/noise_model.py`). The mean is a
hedge: noise models win where one class is regularly taken for another, plain probabilities where labels are wrong at
class borders, and one does not know beforehand which it is. From how other labels would have fitted follows how
probably each label is right, its quality (`core/labels/calibration.py`); from the qualities, which labels each preset
can flag and keep its promise. Confident learning (Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125, by
Cleanlab) is a further voice, and estimates which classes are taken for which.

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
from ..probes.evidence import Evidence, evidence
from .calibration import CELLS as CALIBRATION_CELLS
from .calibration import Calibration
from .class_probabilities import Beliefs
from .consensus import Views, views
from .noise_model import CELLS as NOISE_CELLS
from .noise_model import NoiseModel

TOP_PAIRS = 20
LARGEST = 30  # classes of the confident joint that the facts hold
WEAK = 0.92  # evidence below this calls for a stronger model
LEAST_PRECISION, RECALL = 0.5, 0.9  # of what balanced and broad promise
SURE = 0.95  # expected precision that keeps 0.9 on people's errors, which models find less often than they expect
MANY = 0.1  # share of wrong labels that is worth a word
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
        towards: (m,) of the chance that the label is wrong, the share of `other`.
        flagged: preset → (m,) bool; conservative within balanced within broad.
        confident: (m,) bool, flagged by plain confident learning, or more than half of a class nobody was given.
        fits: (m,) bool, no class is likelier than the given one.
        joint: (C, C) share of rows by given and true class, as confident learning estimates it.
        calibration: from fit to quality, with the expected share of wrong labels.
    """

    quality: Array
    best: Array
    other: Array
    towards: Array
    flagged: dict[str, Array]
    confident: Array
    fits: Array
    joint: Array
    calibration: Calibration


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
    told = _evidence(inputs, params, rows, codes, seen.groups)
    verdict = judge(seen.beliefs.only(rows, present), codes, seen.agreement(rows))
    issue = verdict.flagged[params.preset]
    columns = _columns(inputs.n, rows, issue, verdict, present, seen.classes)
    columns["detectors"] = _detectors(inputs.n, rows, labels.codes, seen, verdict.confident)
    names = tuple(seen.classes[code] for code in present)
    facts = _facts(names, codes, issue, verdict) | {"probe": seen.facts, "preset": params.preset}
    skipped = sorted({labels.names[code] for code in labels.codes[(labels.codes >= 0) & ~judged]})
    facts |= {"classes_of_one": skipped, "unlabelled": int((labels.codes < 0).sum())}
    facts["detectors"] = _detector_facts(rows, labels.codes, issue, seen, verdict.confident)
    facts |= {"expected_wrong": _expected(verdict.calibration, len(rows))}
    strength = evidence_strength(told, verdict.calibration.share, len(given))
    if strength == "good" and not verdict.calibration.tells:
        strength = "weak"  # the area tells, and still no single prediction is sure
    facts |= {"evidence": told.facts() if told else None, "evidence_strength": strength}
    facts["headline"] = headline(int(issue.sum()), len(rows), facts["expected_wrong"], strength)
    progress(1, 1, "judging labels")
    return Columns(columns, facts, judged)


def _evidence(inputs: Inputs, params: LabelIssuesParams, rows: Array, codes: Array, groups: Array) -> Evidence | None:
    """How well the vectors tell the classes; None where no vectors judge, or too few rows of a class were drawn."""
    if params.probabilities == "predictions":
        return None
    try:
        return evidence(inputs.vectors[rows], codes, groups[rows])
    except ParamError:
        return None


def evidence_strength(told: Evidence | None, wrong: float, n_classes: int) -> str:
    """Whether the vectors tell the classes, wrong labels allowed for: good, weak, none; unknown without vectors.

    Args:
        wrong: expected share of wrong labels, which lowers what is measured (`core/probes/evidence.py`).
    """
    if told is None:
        return "unknown"
    if not told.tells:
        return "none"
    clean = 0.5 + (told.value - 0.5) / max(1 - wrong * n_classes / (n_classes - 1), 0.05)
    return "weak" if clean < WEAK else "good"


def _expected(calibration: Calibration, n: int) -> Facts:
    """The expected number of wrong labels and its 95 % interval."""
    ends = (("count", calibration.share), ("low", calibration.low), ("high", calibration.high))
    return {name: round(share * n) for name, share in ends}


def headline(issues: int, judged: int, expected: Mapping[str, int], strength: str, found: str = "") -> str:
    """What was found; how many labels are wrong, or that these embeddings cannot tell.

    Args:
        expected: the expected number of wrong labels, `count`, `low` and `high`.
        strength: of the evidence, as `evidence_strength` says it.
        found: what the sentence begins with; the issues among the samples by default.
    """
    found = found or f"{issues:,} likely label issues among {judged:,} samples"
    if strength == "none":
        return f"{found}; these embeddings cannot tell these classes, so take a stronger model"
    if strength == "weak":
        found += "; weak evidence, so take a stronger model"
    elif expected["count"] > MANY * judged:
        found += "; many labels are wrong"
    if issues:
        found += f"; about {expected['count']:,} are expected to be wrong ({expected['low']:,} to {expected['high']:,})"
    return found


def judgeable(labels: GivenLabels, groups: Array) -> Array:
    """(n,) bool: labelled, and the class has samples beyond the row and those that leave with it."""
    known = np.flatnonzero(labels.codes >= 0)
    pairs = np.unique(np.stack([labels.codes[known], groups[known]]), axis=1)
    different = np.bincount(pairs[0], minlength=len(labels.names))
    return np.asarray((labels.codes >= 0) & (different[np.maximum(labels.codes, 0)] >= 2))


def judge(beliefs: Beliefs | Array, codes: Array, agreement: float = 0.0) -> Verdict:
    """Quality, suggestion and flags of labelled rows.

    Args:
        beliefs: (m, C) probabilities by models that did not see the row.
        codes: (m,) given classes; classes that nobody was given come last.
        agreement: of the views that the beliefs are from (`Views.agreement`).
    """
    from .confident_learning import confident_issues

    if not isinstance(beliefs, Beliefs):
        beliefs = Beliefs(beliefs.shape[1], beliefs)
    n, n_given = beliefs.n, int(codes.max()) + 1
    some = np.linspace(0, n - 1, int(min(n, max(NOISE_CELLS / beliefs.n_classes, 1000)))).astype(np.int64)
    model = NoiseModel.fit(beliefs.dense(some), codes[some])
    fit, looks_other, foreign = np.empty(n), np.empty(n, dtype=bool), np.zeros(n, dtype=bool)
    best, other = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    towards = np.empty(n)
    for rows in beliefs.blocks():
        p, code, at = beliefs.dense(rows), codes[rows], np.arange(len(rows))
        both = p + model.true_classes(p, code)
        fit[rows] = both[at, code].astype(np.float64) / 2
        looks_other[rows] = p.argmax(axis=1) != code
        foreign[rows] = (p[:, n_given:] > 0.5).any(axis=1)
        best[rows] = both.argmax(axis=1)
        both[at, code] = 0.0
        rest = np.maximum(both.sum(axis=1), 1e-30)
        both[at, code] = -1.0
        other[rows] = both.argmax(axis=1)
        towards[rows] = np.maximum(both.max(axis=1), 0) / rest
    sizes = np.bincount(codes, minlength=n_given)[codes]
    looked = np.linspace(0, n - 1, int(min(n, max(CALIBRATION_CELLS / beliefs.n_classes, 1000)))).astype(np.int64)
    p = beliefs.dense(looked)[:, :n_given]
    others = (p + model.each_label_right(beliefs.dense(looked))[:, :n_given]) / 2
    calibration = Calibration.fit(fit[looked], others, p, codes[looked], sizes[looked], agreement)
    quality = calibration.right(fit, sizes)
    confident, joint = confident_issues(beliefs, codes)
    confident |= foreign
    least = 1 - calibration.right(fit, sizes, at_least=True) if calibration.supported else None
    flagged = promised(1 - quality, fit, looks_other | (best != codes), foreign, least)
    return Verdict(quality, best, other, towards, flagged, confident, ~looks_other, joint, calibration)


def promised(wrong: Array, fit: Array, doubted: Array, foreign: Array, least: Array | None = None) -> dict[str, Array]:
    """Which labels each preset flags, the least fitting first; nothing where nothing keeps its promise.

    Conservative: as many as are wrong to 90 %, with room for people's errors. Balanced: the largest expected F1, if
    half of them are expected to be wrong. Broad: 90 % of the expected wrong ones, where balanced finds any; it does not
    go beyond balanced where nothing proves that labels are wrong.

    Args:
        wrong: (n,) probability that the label is wrong.
        fit: (n,) orders rows of equal probability.
        doubted: (n,) bool, some class is likelier than the given one; only these are flagged.
        foreign: (n,) bool, more than half of a class that nobody was given; flagged unless conservative.
        least: (n,) the same probability if no more labels were wrong than is proved, by which conservative goes; None
            where nothing is proved, and it flags nothing.
    """
    order = np.lexsort((fit, -wrong))
    found, number = np.cumsum(wrong[order]), np.arange(1, len(order) + 1)
    precise = np.flatnonzero(np.cumsum(least[order]) / number >= SURE) if least is not None else np.empty(0)
    few = int(precise[-1]) + 1 if len(precise) else 0
    some = int(np.argmax(2 * found / (number + found[-1]))) + 1
    some = some if found[some - 1] / some >= LEAST_PRECISION else 0
    many = max(int(np.searchsorted(found, RECALL * found[-1])) + 1, some) if some and least is not None else some
    flagged = {}
    for preset, count in zip(PRESETS, (min(few, some), some, many), strict=True):
        flagged[preset] = np.zeros(len(order), dtype=bool)
        flagged[preset][order[:count]] = True
        flagged[preset] &= doubted
        if preset != "conservative":
            flagged[preset] |= foreign
    return flagged


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
    chosen = np.where(issue, verdict.other, verdict.best)
    for row, code in zip(rows, present[chosen], strict=True):
        suggested[row] = names[code]
    chance = np.full(n, np.nan)
    chance[rows] = np.where(chosen == verdict.other, (1 - verdict.quality) * verdict.towards, verdict.quality)
    rank: list[int | None] = [None] * n
    flagged = rows[issue]
    for place, row in enumerate(flagged[np.argsort(quality[flagged], kind="stable")], start=1):
        rank[row] = place
    return {"is_issue": is_issue, "quality": quality, "suggested": suggested, "chance": chance, "rank": rank}


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
        "labels_that_fit": _share(float((verdict.fits & ~issue).sum()), len(codes)),
        "issues_by_preset": {preset: int(rows.sum()) for preset, rows in verdict.flagged.items()},
        "estimated_noise": _share(float(joint.sum() - right.sum()), float(joint.sum())),
        "thresholds": {
            preset: float(verdict.quality[rows].max()) if rows.any() else None
            for preset, rows in verdict.flagged.items()
        },
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


METHOD = Method(
    name="find_label_issues",
    version=6,
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
        Column("chance", float, "Probability that the suggested class is right, in [0, 1]", role="chance"),
    ),
    finding=Finding(
        "Labels that look wrong",
        "serious",
        "Models that have not seen these samples disagree with their labels. Review the worst first.",
        name="wrong_labels",
        one="Label that looks wrong",
    ),
    cite="Northcutt, Jiang & Chuang 2021, https://doi.org/10.1613/jair.1.12125",
    why_now="Some labels are probably wrong. Find them before you train on them.",
)
