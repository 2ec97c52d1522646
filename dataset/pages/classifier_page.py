"""The report on a classifier as one HTML page: how often it is right, how sure, by class; what cleaning is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ...core.classifiers.value_of_cleaning import lines
from ..runs.record import Run
from .page_parts import chart, colors_of, document, table

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
    facts = run.facts
    title = f"{run.key}: a classifier on {dataset}"
    seen = f"{facts['measured_on']:,} of {facts['labelled']:,} labelled samples"
    return document(
        title,
        [
            f"<h1>{escape(title)}</h1>",
            f"<p>{escape(run.headline)}.</p>",
            f'<p class="small">Measured {escape((run.finished or "")[:10])} on {seen}, each predicted by a '
            "model that did not see it.</p>",
            _figures(facts),
            _curve(facts.get("curating")),
            _classes(facts["per_class"]),
            _calibration(facts["reliability"]),
        ],
    )


def _figures(facts: Mapping[str, Any]) -> str:
    rows = [
        (said, f"{facts[name]:.3f}", _interval(facts.get(f"{name}_interval")))
        for name, said in FIGURES.items()
        if facts.get(name) is not None
    ]
    return "<h2>How good it is</h2>" + table(("Figure", "Value", "95 % interval"), rows)


def _curve(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    drawn = lines(dict(found))
    rows = [
        (
            f'<span style="color: {color}">{"┄" if line["dashed"] else "━"}</span> {escape(line["name"])}',
            f"{n:,}",
            f"{value:.1%}",
            f"{low:.1%} to {high:.1%}",
        )
        for line, color in zip(drawn, colors_of(drawn), strict=True)
        for n, value, low, high in zip(line["sizes"], line["values"], line["low"], line["high"], strict=True)
    ]
    return (
        f"<h2>What cleaning is worth</h2><p class='small'>Share right of {found['held_out']:,} trusted samples, which "
        f"nothing was learned from, nor from their {found['copies_left_out']:,} near-duplicates; over how many others "
        f"were learned from. Bars: 95 % intervals. Dashed: chosen by chance, to compare with.</p><figure>"
        f"{chart(drawn, width=560, height=220)}</figure>"
        + table(("Learned from", "Samples", "Right", "95 % interval"), rows)
    )


def _classes(classes: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            escape(one["class"]),
            f"{one['samples']:,}",
            _share(one["recall"], one["recall_interval"]),
            _share(one["precision"], one["precision_interval"]),
            f"{one['f1']:.3f}",
        )
        for one in classes
    ]
    head = ("Class", "Samples", "Found (recall)", "Right when said (precision)", "F1")
    return "<h2>Classes</h2>" + table(head, rows)


def _calibration(bins: Sequence[Mapping[str, Any]]) -> str:
    rows = [(f"{one['confidence']:.0%}", f"{one['accuracy']:.0%}", f"{one['n']:,}") for one in bins]
    said = "A calibrated model is right as often as it says."
    return f"<h2>Calibration</h2><p class='small'>{said}</p>" + table(("It says", "It is right", "Answers"), rows)


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    return "–" if value is None else f"{value:.1%} ({_interval(interval)})"


def _interval(ends: Sequence[float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""
