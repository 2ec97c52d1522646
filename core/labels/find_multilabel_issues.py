"""Which sets of labels are probably wrong where a picture may show several classes: one is missing, or one too many.

Each class is a question of yes or no. Its probability comes from models that saw neither the picture nor a near copy:
leave-one-out ridge regression for all classes at once (`core/probes/ridge.py`) and the share of the nearest neighbors
that have the class, brought together by a logistic curve per class (Platt 1999). How well an answer fits is its
probability. From how well the opposite answers would have fitted follows how probably each answer is right, as for
single labels (`core/labels/calibration.py`); a set is right if all its answers are, so its quality is their product.

Letters: n rows, d dimensions, C classes, k neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.graph import Graph
from ..base.inputs import GivenSets, Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from ..neighbors.graph import shared_graph
from ..probes.evidence import Evidence, evidence
from ..probes.folds import groups_of_many, leaving_together
from ..probes.linear_probe import NEIGHBORS, unit_rows
from ..probes.ridge import LeavingOut
from .calibration import CELLS, LEAST, Calibration
from .find_label_issues import PRESETS, evidence_strength, headline, promised

FEWEST = 3  # pictures with the class, and without it, that are needed to judge it
STEPS = 20
SOFT = 1e-2  # pull of the curve's slopes towards 0, so that classes that are told perfectly end


@dataclass(frozen=True, kw_only=True)
class MultilabelIssuesParams(Params):
    """Find images whose set of labels is probably wrong: a class is missing, or one is too many."""

    embeddings: str = param("embeddings", "Embeddings to judge labels by", reads="embeddings")
    label_field: str = param("ground_truth", "Classifications to check", reads="label_sets")
    group_field: str | None = param(
        None, "Samples that share a value (patient, video, camera) are never used to judge one another", reads="values"
    )
    preset: str = param(
        "balanced",
        "conservative: few flags, almost all right; balanced: about as many as there are errors; broad: miss few",
        among=PRESETS,
    )


@dataclass(frozen=True)
class Answers:
    """What was decided about the answers of m pictures to C questions of yes or no.

    Attributes:
        right: (m, C) float64 in [0, 1], probability that the given answer is right.
        flagged: preset → (m, C) bool; conservative within balanced within broad.
        calibration: from fit to `right`.
    """

    right: Array
    flagged: dict[str, Array]
    calibration: Calibration

    @property
    def quality(self) -> Array:
        """(m,) probability that all answers of a picture are right."""
        return np.asarray(self.right.prod(axis=1))


def find_multilabel_issues(inputs: Inputs, params: MultilabelIssuesParams, progress: Progress) -> Columns:
    """Judge every picture that has a set of labels, also an empty one. Columns as declared in `METHOD`."""
    given: GivenSets = inputs.named["label_field"]
    rows = np.flatnonzero(given.known)
    present = given.present[rows]
    counts = present.sum(axis=0)
    judged = np.flatnonzero((counts >= FEWEST) & (counts <= len(rows) - FEWEST))
    if not len(judged):
        raise ParamError(
            f"MultilabelIssuesParams.label_field must hold a class that at least {FEWEST} pictures have and {FEWEST} "
            f"have not; got {len(given.names)} classes on {len(rows):,} labelled pictures: label more"
        )
    y = present[:, judged]
    with blas_threads(1):
        p = probabilities(inputs, rows, y, progress)
    progress(2, 3, "judging labels")
    told = _evidence(inputs, rows, y)
    answers = judge_answers(p, y)
    wrong = answers.flagged[params.preset]
    names = tuple(given.names[code] for code in judged)
    facts = _facts(names, y, wrong, answers, told) | {"preset": params.preset}
    facts["not_judged"] = sorted(set(given.names) - set(names))
    facts["unlabelled"] = int((~given.known).sum())
    progress(3, 3, "judging labels")
    return Columns(_columns(inputs.n, rows, names, y, wrong, answers.quality), facts, given.known)


def judge_answers(p: Array, y: Array) -> Answers:
    """Which answers are right, and which each preset flags.

    Where nothing speaks for wrong answers, 1 set in 100 is assumed to have one.

    Args:
        p: (m, C) probability of each class, by models that did not see the row.
        y: (m, C) bool, the given answers.
    """
    m, n_classes = p.shape
    fit, codes = np.where(y, p, 1 - p).ravel(), y.ravel().astype(np.int64)
    sizes = np.where(y, y.sum(axis=0), (~y).sum(axis=0)).ravel()
    looked = np.linspace(0, len(fit) - 1, int(min(len(fit), CELLS / 2))).astype(np.int64)
    both = np.stack([1 - p.ravel()[looked], p.ravel()[looked]], axis=1)
    calibration = Calibration.fit(fit[looked], both, both, codes[looked], sizes[looked], least=LEAST / n_classes)
    right = calibration.right(fit, sizes)
    least = 1 - calibration.right(fit, sizes, at_least=True) if calibration.supported else None
    flagged = promised(1 - right, fit, fit < 0.5, np.zeros(len(fit), dtype=bool), least)
    return Answers(right.reshape(y.shape), {name: rows.reshape(y.shape) for name, rows in flagged.items()}, calibration)


def _evidence(inputs: Inputs, rows: Array, y: Array) -> Evidence | None:
    """How well the vectors tell the classes; None where too few rows of each were drawn."""
    groups = leaving_together(inputs, shared_graph(inputs, NEIGHBORS))
    try:
        return evidence(inputs.vectors[rows], y, groups[rows])
    except ParamError:
        return None


def probabilities(inputs: Inputs, rows: Array, y: Array, progress: Progress) -> Array:
    """(m, C) probability of each class for each of the labelled rows, by models that did not see the row, nor what
    leaves with it: near copies and its group.

    Args:
        rows: (m,) the labelled rows.
        y: (m, C) bool, their classes.

    Raises:
        ParamError: all labelled rows leave together.
    """
    progress(0, 3, "leaving each sample out")
    graph = shared_graph(inputs, NEIGHBORS, "cosine", progress)
    groups = leaving_together(inputs, graph)
    if len(np.unique(groups[rows])) < 2:
        raise ParamError(
            "Judging sets of labels needs at least 2 labelled pictures that are neither near-duplicates nor of one "
            f"group; got {len(rows):,} that belong together: label more, or name a group_field with more values"
        )
    x = unit_rows(inputs.vectors)[rows]
    ridge = LeavingOut(x, groups_of_many(groups[rows])).predict(y.astype(np.float64))
    progress(1, 3, "asking the neighbors")
    voices = neighbor_shares(graph, groups, rows, y)
    out = np.empty(y.shape)
    for c in range(y.shape[1]):
        out[:, c] = curve(np.stack([ridge[:, c], voices[:, c]], axis=1), y[:, c])
    return out


def neighbor_shares(graph: Graph, groups: Array, rows: Array, y: Array) -> Array:
    """(m, C) share of the labelled neighbors of other groups that have each class; the overall share where none is.

    Args:
        groups: (n,) of rows that leave together.
        rows: (m,) the labelled rows. y: (m, C) bool.
    """
    place = np.full(graph.n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    total, voices = np.tile(y.mean(axis=0), (len(rows), 1)), np.ones((len(rows), 1))
    for j in range(graph.k):
        other = graph.indices[rows, j]
        speaks = (place[other] >= 0) & (groups[other] != groups[rows])
        total[speaks] += y[place[other[speaks]]]
        voices += speaks[:, None]
    return np.asarray(total / voices)


def curve(features: Array, y: Array) -> Array:
    """(n,) probabilities of a logistic regression on a few scores, by Newton's method; after Platt 1999.

    Args:
        features: (n, f). y: (n,) bool.
    """
    spread = features.std(axis=0)
    z = np.column_stack([(features - features.mean(axis=0)) / np.where(spread > 0, spread, 1), np.ones(len(y))])
    pull = SOFT * len(y) * np.array([1.0] * features.shape[1] + [0.0]) + 1e-9
    w = np.zeros(z.shape[1])
    w[-1] = np.log(y.mean() / (1 - y.mean()))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        step = np.linalg.solve((z.T * (p * (1 - p))) @ z + np.diag(pull), z.T @ (p - y) + pull * w)
        w -= np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(1 / (1 + np.exp(-np.clip(z @ w, -30, 30))))


def _columns(n: int, rows: Array, names: tuple[str, ...], y: Array, wrong: Array, quality: Array) -> dict[str, Any]:
    issue, all_quality = np.zeros(n, dtype=bool), np.full(n, np.nan)
    issue[rows], all_quality[rows] = wrong.any(axis=1), quality
    missing: list[list[str] | None] = [None] * n
    surplus: list[list[str] | None] = [None] * n
    rank: list[int | None] = [None] * n
    for at, row in enumerate(rows.tolist()):
        missing[row] = [names[c] for c in np.flatnonzero(wrong[at] & ~y[at])]
        surplus[row] = [names[c] for c in np.flatnonzero(wrong[at] & y[at])]
    flagged = np.flatnonzero(issue)
    for place, row in enumerate(flagged[np.argsort(all_quality[flagged], kind="stable")].tolist(), start=1):
        rank[row] = place
    return {"is_issue": issue, "quality": all_quality, "missing": missing, "surplus": surplus, "rank": rank}


def _facts(names: tuple[str, ...], y: Array, wrong: Array, answers: Answers, told: Evidence | None) -> Facts:
    missing, surplus = wrong & ~y, wrong & y
    issues, expected = int(wrong.any(axis=1).sum()), _expected(answers)
    doubt = 1 - answers.right
    surely, lacking = (doubt * y).sum(axis=0), (doubt * ~y).sum(axis=0)
    # rows of each class that lie among the others, and the reverse, both lower the area (`core/probes/evidence.py`)
    mixed = surely / np.maximum(y.sum(axis=0), 1) + lacking / np.maximum((~y).sum(axis=0), 1)
    strength = evidence_strength(told, float(mixed.mean()) / 2, 2)
    found = f"{issues:,} of {len(y):,} images probably have wrong sets of labels"
    found += f": {int(missing.sum()):,} classes missing, {int(surplus.sum()):,} too many" if issues else ""
    return {
        "samples": len(y),
        "issues": issues,
        "issues_by_preset": {name: int(rows.any(axis=1).sum()) for name, rows in answers.flagged.items()},
        "missing": int(missing.sum()),
        "surplus": int(surplus.sum()),
        "expected_wrong": expected,
        "expected_precision": _share(float(doubt[wrong].sum()), int(wrong.sum())) if issues else None,
        "evidence": told.facts() if told else None,
        "evidence_strength": strength,
        "classes": [
            {
                "class": name,
                "samples": int(y[:, c].sum()),
                "missing": int(missing[:, c].sum()),
                "surplus": int(surplus[:, c].sum()),
                "noise_in": _share(surely[c], y[:, c].sum()),
                "noise_out": _share(lacking[c], y[:, c].sum() - surely[c] + lacking[c]),
                "mean_quality": round(float(answers.right[:, c].mean()), 4),
            }
            for c, name in enumerate(names)
        ],
        "headline": headline(issues, len(y), expected, strength, found),
    }


def _expected(answers: Answers) -> dict[str, int]:
    """The expected number of sets with a wrong answer, and its 95 % interval, as far apart as that of the answers."""
    count, known = float((1 - answers.quality).sum()), answers.calibration
    ends = {"count": 1.0, "low": known.low / known.share, "high": known.high / known.share}
    return {name: min(round(count * times), len(answers.right)) for name, times in ends.items()}


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 4) if whole > 0 else 0.0


METHOD = Method(
    name="find_multilabel_issues",
    version=2,
    label="Find issues in sets of labels",
    stage="clean",
    key="multilabel_issues",
    params=MultilabelIssuesParams,
    run=find_multilabel_issues,
    reads=("embeddings", "label_sets"),
    writes=(
        Column("is_issue", bool, "A class is probably missing, or one is too many", role="mark"),
        Column(
            "quality",
            float,
            "Probability that all labels of the set are right and none is missing, in [0, 1]",
            best="high",
        ),
        Column("missing", list[str], "Classes that are probably missing", group=True),
        Column("surplus", list[str], "Given classes that are probably wrong", group=True),
        Column("rank", int, "Rank among the issues, 1 is the worst"),
    ),
    finding=Finding(
        "Sets of labels that look wrong",
        "serious",
        "A class is probably missing, or one is too many.",
        one="Set of labels that looks wrong",
    ),
)
