"""The report on a classifier as one HTML page: how often it is right, how sure, by class; what cleaning is worth."""

from __future__ import annotations

from ...core.classifiers.value_of_cleaning import lines
from ...core.pages.rendering import colors_of, rendered
from ..runs.record import Run

FIGURES = {  # fact → what it is called; an interval lies beside it under its name with "_interval"
    "accuracy": "Right",
    "balanced_accuracy": "Right, every class counting alike",
    "macro_f1": "F1, mean of the classes",
    "micro_f1": "F1, all classes together",
    "mean_average_precision": "Mean average precision",
    "all_classes_right": "All classes of a sample right",
    "calibration_error": "Calibration error",
}


def page(dataset: str, run: Run) -> str:
    """The page of a run of `train_classifier` or `finetune_classifier`."""
    curve = run.facts.get("curating")
    drawn = lines(dict(curve)) if curve else []
    return rendered(
        "classifier.html",
        title=f"{run.key}: a classifier on {dataset}",
        run=run,
        facts=run.facts,
        figures=FIGURES,
        lines=[{**line, "color": color} for line, color in zip(drawn, colors_of(drawn), strict=True)],
    )
