"""A classifier of one's own on embeddings: predictions by models that did not see the sample, and how good they are.

Multinomial logistic regression (`core/probes/logistic.py`) or one hidden layer (`core/probes/mlp.py`); one class per
sample under a softmax, or any number under sigmoids. The regularisation is chosen inside each fold
(`core/probes/nested_cross_validation.py`), the folds keep near-duplicates together (`core/probes/folds.py`), and one
temperature per fold, from inner folds too, calibrates the logits (Guo et al. 2017, arXiv:1706.04599).

Letters: n rows, d dimensions, C classes.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.columns import Column, Columns, Label, Labels, LabelValues
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError
from ..neighbors.graph import shared_graph
from ..probes.folds import crossing_share, groups_of_many, near_duplicate_groups, stratified_folds
from ..probes.linear_probe import NEIGHBORS, unit_rows
from ..probes.logistic import PENALTIES, Design, sigmoid, softmax, solve
from ..probes.logistic import Fit as LinearFit
from ..probes.metrics import multi_label_report, single_label_report
from ..probes.mlp import Mlp, solve_mlp
from ..probes.nested_cross_validation import Fit, Nested, Scores, cross_validate
from .classifier_params import ClassifierParams
from .task import Task, task_of
from .value_of_cleaning import Learn, curating_curve, said

MLP_PENALTIES = tuple(float(value) for value in 10.0 ** np.arange(-1.0, -4.1, -0.5))
PATH_ROWS = 20_000  # that the choice of a penalty looks at; the fits that predict use all
INNER_FOLDS = 4  # of a classifier on the curve of cleanliness and size
FEW = 10  # samples of a class below which the headline's figure says little about it


def train_classifier(inputs: Inputs, params: ClassifierParams, progress: Progress) -> Columns:
    """Predict every labelled sample out of fold, and the others with the model of all. Columns as in `METHOD`.

    Raises:
        ParamError: fewer than two classes, a class that no sample has, or too few samples that are no copies.
    """
    task = task_of(inputs, params)
    groups = near_duplicate_groups(shared_graph(inputs, NEIGHBORS, "cosine", progress))
    fold, folds = folds_of(task, groups, params.folds, params.seed)
    design = Design.of(unit_rows(inputs.vectors))
    fit, penalties = (_linear if params.model == "linear" else _mlp)(design, task, params)
    nested = cross_validate(fit, penalties, task.codes, fold, folds, len(task.names), progress)
    values, facts = predictions(task, nested.logits, fold, groups, params.seed)
    plain = stratified_folds(_codes_to_stratify(task), np.arange(inputs.n), folds, params.seed)
    source = inputs.sources.get("embeddings", {})
    facts = {
        **facts,
        "classifier": {"linear": "logistic regression", "mlp": f"one hidden layer of {params.hidden}"}[params.model],
        "penalty": nested.final_penalty,
        "penalties_of_folds": nested.penalties.tolist(),
        "temperature": nested.final_temperature,
        "path": nested.tried,
        "near_duplicates": int(sum(len(part) for part in groups_of_many(groups))),
        "near_duplicates_across_folds": crossing_share(groups, fold),
        "near_duplicates_across_plain_folds": crossing_share(groups, plain),
        "network": {name: source.get(name) for name in ("key", "model", "weights", "weights_hash")},
        **_kept(inputs, design, task, nested),
    }
    trusted = inputs.named.get("trusted")
    if trusted is not None:
        curve = curating_curve(
            inputs.vectors, task.codes, groups, trusted, _learner(design, task, groups, params),
            inputs.named.get("subset"), params.seed, progress,
        )  # fmt: skip
        facts |= {"curating": curve, "headline": f"{facts['headline']}; {said(curve)}"}
    return Columns(values, facts)


def folds_of(task: Task, groups: Array, wanted: int, seed: int) -> tuple[Array, int]:
    """(n,) fold of each row, -1 without labels, and how many folds there are.

    Rows with several classes are spread by their rarest one, after Sechidis et al. 2011,
    doi:10.1007/978-3-642-23808-6_10.

    Raises:
        ParamError: fewer than two groups of labelled rows.
    """
    used = min(wanted, len(np.unique(groups[task.known])))
    if used < 2:
        raise ParamError(
            f"cross-validation needs at least 2 labelled samples that are not near-duplicates of each other; got {used}"
        )
    return stratified_folds(_codes_to_stratify(task), groups, used, seed), used


def predictions(task: Task, logits: Array, fold: Array, groups: Array, seed: int) -> tuple[dict[str, Any], Facts]:
    """The columns and figures that every classifier gives, from its logits.

    Args:
        logits: (n, C) calibrated; out of fold where `fold` is not negative.
        fold: (n,) the figures are of the rows with a fold.
        groups: (n,) near-duplicates.
    """
    held = np.flatnonzero(task.known & (fold >= 0))
    facts: Facts = {"classes": list(task.names), "labelled": int(task.known.sum()), "folds": int(fold.max()) + 1}
    if task.many:
        p = np.asarray(sigmoid(logits.astype(np.float64)))
        said = p >= 0.5
        facts |= multi_label_report(p[held], task.codes[held], task.names, groups[held], seed)
        confidence = np.maximum(p, 1 - p).min(axis=1)
        right = (said == task.codes).all(axis=1)
        given = np.where(task.codes, p, 1 - p).min(axis=1)
        label: dict[str, Any] = {"predictions": LabelValues(task.names, said, p, logits)}
        figure, interval, what = facts["micro_f1"], facts["micro_f1_interval"], "F1"
    else:
        p = softmax(logits.astype(np.float64))
        said = p.argmax(axis=1)
        facts |= single_label_report(p[held], task.codes[held], task.names, groups[held], seed)
        confidence = p.max(axis=1)
        right = said == task.codes
        given = p[np.arange(len(p)), task.codes]
        label = {"prediction": LabelValues(task.names, said, confidence, logits)}
        figure, interval, what = facts["accuracy"], facts["accuracy_interval"], "right"
    facts["classes_of_few"] = [row["class"] for row in facts["per_class"] if row["samples"] < FEW]
    known = task.known
    facts["headline"] = (
        f"{figure:.1%} {what} ({interval[0]:.1%} to {interval[1]:.1%}) on {len(held):,} samples that the model had not "
        f"seen, {len(task.names)} classes"
    )
    columns = {
        **label,
        "confidence": confidence,
        "is_correct": [bool(value) if sure else None for value, sure in zip(right, known, strict=True)],
        "given_probability": np.where(known, given, np.nan),
        "fold": [int(value) if value >= 0 else None for value in fold],
    }
    return columns, facts


def _learner(design: Design, task: Task, groups: Array, params: ClassifierParams) -> Learn:
    """Trains the classifier asked for on some rows, its regularisation chosen by folds of these."""

    def learn(rows: Array, codes: Array) -> Array:
        everywhere, fold = np.full(len(groups), -1), np.full(len(groups), -1)
        everywhere[rows] = codes
        folds = min(INNER_FOLDS, len(np.unique(groups[rows])))
        fold[rows] = stratified_folds(codes, groups[rows], folds, params.seed)
        fit, penalties = (_linear if params.model == "linear" else _mlp)(
            design, Task(task.names, everywhere, fold >= 0), params
        )
        return cross_validate(fit, penalties, everywhere, fold, folds, len(task.names), silent).logits

    return learn


def _linear(design: Design, task: Task, params: ClassifierParams) -> tuple[Fit, tuple[float, ...]]:
    coarse, starts = design.coarse(), dict[int, LinearFit]()

    def fit(rows: Array, penalty: float, which: int) -> Scores:
        inside = coarse if which >= 0 else design
        some, penalty = _some(rows, penalty, which, params.seed)
        counts = task.balance(some) if params.class_weights == "balanced" else None
        found = solve(inside, some, task.codes[some], len(task.names), penalty, starts.get(which), counts)
        starts[which] = found
        return _LinearScores(inside, found)

    return fit, PENALTIES


@dataclass(frozen=True)
class _LinearScores:
    design: Design
    fit: LinearFit

    def __call__(self, rows: Array) -> Array:
        return self.design.scores(rows, self.fit)

    def arrays(self) -> dict[str, Array]:
        """The model on unit vectors: logits = (x - mean) first + first_bias."""
        return {"first": self.design.basis @ self.fit.weights, "first_bias": self.fit.intercept}


def _mlp(design: Design, task: Task, params: ClassifierParams) -> tuple[Fit, tuple[float, ...]]:
    coarse = design.coarse()

    def fit(rows: Array, penalty: float, which: int) -> Scores:
        some, penalty = _some(rows, penalty, which, params.seed)
        counts = task.balance(some) if params.class_weights == "balanced" else None
        found = solve_mlp(
            coarse, some, task.codes[some], len(task.names), penalty, params.hidden, params.seed, importance=counts
        )
        return _MlpScores(coarse, found)

    return fit, MLP_PENALTIES


@dataclass(frozen=True)
class _MlpScores:
    design: Design
    fit: Mlp

    def __call__(self, rows: Array) -> Array:
        return self.fit.scores(self.design.z[rows])

    def arrays(self) -> dict[str, Array]:
        """The model on unit vectors: logits = tanh((x - mean) first + first_bias) second + second_bias."""
        fit = self.fit
        return {
            "first": self.design.basis @ fit.first,
            "first_bias": fit.first_bias,
            "second": fit.second,
            "second_bias": fit.second_bias,
        }


def _some(rows: Array, penalty: float, which: int, seed: int) -> tuple[Array, float]:
    """For the choice of a penalty: at most PATH_ROWS rows, and the penalty that does to them what it does to all."""
    if which < 0 or len(rows) <= PATH_ROWS:
        return rows, penalty
    some = np.sort(np.random.default_rng([seed, which]).choice(rows, PATH_ROWS, replace=False))
    return some, penalty * len(rows) / PATH_ROWS  # the penalty of the mean loss falls as rows are added


def _codes_to_stratify(task: Task) -> Array:
    """(n,) one code per row: its class, or the rarest of its classes; C for none of them, -1 without labels."""
    if not task.many:
        return task.codes
    counts = task.codes[task.known].sum(axis=0)
    by_rarity = np.argsort(counts, kind="stable")
    first = task.codes[:, by_rarity].argmax(axis=1)
    codes = np.where(task.codes.any(axis=1), by_rarity[first], len(task.names))
    return np.where(task.known, codes, -1)


def _kept(inputs: Inputs, design: Design, task: Task, nested: Nested) -> Facts:
    """Keep the final model on disk, so that it can be explained and used elsewhere."""
    if inputs.folder is None:
        return {}
    scores: Any = nested.final
    arrays: dict[str, Any] = {name: np.asarray(value, dtype=np.float32) for name, value in scores.arrays().items()}
    last = "second" if "second" in arrays else "first"
    for name in (last, f"{last}_bias"):
        arrays[name] = arrays[name] * np.float32(nested.final_temperature)
    path = Path(inputs.folder) / f"classifier-{uuid.uuid4().hex[:8]}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, mean=design.mean.astype(np.float32), classes=np.array(task.names), **arrays)
    return {"model_file": str(path), "files": [str(path)]}


METHOD = Method(
    name="train_classifier",
    version=1,
    label="Train a classifier",
    stage="understand",
    key="classifier",
    params=ClassifierParams,
    run=train_classifier,
    reads=("embeddings", "labels"),
    writes=(
        Column("prediction", Label, "Class predicted by a model that has not seen the sample", optional=True),
        Column("predictions", Labels, "Classes predicted by a model that has not seen the sample", optional=True),
        Column("confidence", float, "Probability of the prediction, in [0, 1]", best="high"),
        Column("is_correct", bool, "The prediction agrees with the label", role="good"),
        Column("given_probability", float, "Probability of the given label, in [0, 1]", best="high"),
        Column("fold", int, "Fold in which the sample was predicted"),
    ),
    cite="Varma & Simon 2006, doi:10.1186/1471-2105-7-91; Guo et al. 2017, arXiv:1706.04599",
)
