"""Predictions in FiftyOne's own Model Evaluation panel: confusion matrix, figures of classes, the samples behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.class_matching import in_words, same_classes
from ...core.base.params import ParamError, param
from ...core.base.shared_params import WorkingSetParams
from ..decisions.decisions import ensure_curated_labels
from ..fields.curated_labels import has_curated
from ..fields.working_set import EXCLUDED
from ..inputs.roles import prediction_sources
from ..inputs.sources import label_path
from ..runs.record import Run, list_runs
from .action import Action


@dataclass(frozen=True, kw_only=True)
class EvaluatePredictionsParams(WorkingSetParams):
    """Compare predictions with labels in FiftyOne's Model Evaluation panel."""

    predictions: str = param("classifier", "Run that predicted classes, or a field of predictions", reads="predictions")
    label_field: str = param("ground_truth", "Labels to compare with", reads="labels")
    eval_key: str = param(
        "evaluation", "Name of the evaluation, and of the field that says which predictions are right", identifier=True
    )
    overwrite: bool = param(False, "Replace an evaluation of this name")


def evaluate_predictions(
    samples: fo.DatasetView, params: EvaluatePredictionsParams, progress: Progress
) -> dict[str, Any]:
    """FiftyOne's `evaluate_classifications` on the samples that have both."""
    dataset = samples._root_dataset
    field = _prediction_field(dataset, params.predictions)
    label_path(dataset, params.label_field)
    given = dataset.get_field(params.label_field)
    if not isinstance(given, fo.EmbeddedDocumentField):
        raise ParamError(
            f"FiftyOne evaluates fields of Classifications; {params.label_field!r} holds plain text: "
            f"make labels of it first, as import_images does"
        )
    taken = params.eval_key in dataset.list_evaluations()
    if taken and not params.overwrite:
        raise ParamError(
            f"The evaluation {params.eval_key!r} exists already; choose another eval_key, or pass overwrite=True"
        )
    if not taken and dataset.get_field(params.eval_key) is not None:
        raise ParamError(f"Field {params.eval_key!r} exists already and is no evaluation's; choose another eval_key")
    labels = params.label_field
    if not params.given_labels and has_curated(dataset, f"{labels}.label"):
        labels = ensure_curated_labels(dataset, f"{labels}.label")
    if not params.include_excluded:
        samples = samples.match_tags(EXCLUDED, bool=False)
    both = samples.exists(f"{field}.label").exists(f"{labels}.label")
    count = len(both)
    if not count:
        raise ParamError(f"Nothing to evaluate: no sample has both {field!r} and {params.label_field!r}")
    known, said = both.distinct(f"{labels}.label"), both.distinct(f"{field}.label")
    same = same_classes(known, said)
    if not ({*said, *same.values()} & {*known}):
        raise ParamError(
            f"The classes of {field!r} ({', '.join(said[:5])}) and of {params.label_field!r} ({', '.join(known[:5])}) "
            "have none in common; name the predictions' classes as the labels do"
        )
    progress(0, 1, "evaluating")
    if taken:
        dataset.delete_evaluation(params.eval_key)
    spelled = both.map_labels(field, same) if same else both
    results = spelled.evaluate_classifications(
        field, gt_field=labels, eval_key=params.eval_key, method="simple", progress=False
    )
    accuracy = float(results.metrics()["accuracy"])
    return {
        "headline": f"{accuracy:.1%} of {count:,} samples right; see {params.eval_key!r} in the Model Evaluation panel"
        + (f"; {in_words(same)}" if same else ""),
        "accuracy": accuracy,
        "count": count,
        "eval_key": params.eval_key,
    }


def _prediction_field(dataset: fo.Dataset, name: str) -> str:
    """The Classification field that a run wrote, or that field itself."""
    run: Run | None = next((run for run in list_runs(dataset) if run.key == name), None)
    if run is not None and "prediction" not in run.writes and "predictions" in run.writes:
        raise ParamError(
            f"FiftyOne evaluates one class per sample, and {name!r} predicted any number; its record holds the figures"
        )
    if name not in prediction_sources(dataset):
        raise ParamError(
            f"There is no field or run {name!r} of predicted classes; there are: "
            f"{', '.join(prediction_sources(dataset)) or 'none'}"
        )
    if run is None:
        return name
    return next(
        path
        for path in run.writes.values()
        if (field := dataset.get_field(path)) is not None
        and isinstance(field, fo.EmbeddedDocumentField)
        and field.document_type is fo.Classification
    )


ACTION = Action(
    name="evaluate_predictions",
    label="Evaluate predictions",
    stage="understand",
    params=EvaluatePredictionsParams,
    run=evaluate_predictions,
    risk="medium",
)
