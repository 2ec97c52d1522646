"""Acts on samples: mark, relabel, undo, and marks read from a list. What they leave on a sample: `decisions.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ..decisions import decisions
from ..decisions.new_classes import NewClassError, expect_known
from ..fields.curated_labels import curated_field
from ..fields.rows import every, object_fields, resolved, rows_of, shown_field
from ..inputs.sources import label_path
from .action import Action, counted


@dataclass(frozen=True, kw_only=True)
class MarkParams(Params):
    """Tag samples as `excluded`, with a reason, or as `kept`. Nothing is deleted, and undo takes it back.

    In a grid of patches the objects are tagged.
    """

    decision: str = param("exclude", "Your decision about these samples", among=("exclude", "keep"))
    reason: str | None = param(None, "Why they are excluded", suggest=("unusable", "duplicate", "wrong content"))
    run: str | None = param(None, "Run in whose review you decided this, if any", reads="run", advanced=True)

    def check(self) -> None:
        """Only what is excluded has a reason."""
        if self.decision == "keep" and self.reason is not None:
            raise ParamError(f"MarkParams.reason must be empty for samples that are kept; got {self.reason!r}")


def mark(samples: fo.DatasetView, params: MarkParams, progress: Progress) -> dict[str, Any]:
    """Exclude or keep the samples of the target, or its objects where it is a patches view."""
    samples, word = _subject(samples, None)
    if params.decision == "exclude":
        made = decisions.exclude(samples, params.reason, params.run)
    else:
        made = decisions.keep(samples, queue=params.run)
    return _summary(made, word, len(samples))


@dataclass(frozen=True, kw_only=True)
class RelabelParams(Params):
    """Give samples another label, in `<label field>_curated`; the given labels stay as they are."""

    label_field: str = param("ground_truth", "Labels to correct", reads="labels")
    label: str | None = param(None, "New label for all of these samples", classes_of="label_field")
    from_field: str | None = param(None, "Or the field with each sample's new label, such as a run's suggestions")
    new_class: bool = param(False, "Yes, make a class that no label has yet", advanced=True)
    run: str | None = param(None, "Run in whose review you decided this, if any", reads="run", advanced=True)

    def check(self) -> None:
        """One of the two ways to say the label."""
        if (self.label is None) == (self.from_field is None):
            raise ParamError(
                "RelabelParams takes either label, one for all samples, or from_field, which holds each sample's own; "
                f"got label={self.label!r} and from_field={self.from_field!r}"
            )


def relabel(samples: fo.DatasetView, params: RelabelParams, progress: Progress) -> dict[str, Any]:
    """Relabel the samples of the target, or its objects where the label field is that of a patches view."""
    samples, word = _subject(samples, params.label_field)
    about = shown_field(samples)
    labels: Any = params.label
    typed = [params.label] if params.label else []
    if params.from_field is not None:
        path, _ = resolved(samples._root_dataset, params.from_field)
        path = label_path(samples._root_dataset, path, about)
        rows = rows_of(samples, about)
        labels = {key: value for key, value in zip(rows.ids, rows.values(path), strict=True) if value}
        if not labels:
            raise ParamError(f"None of these samples has a label in {params.from_field!r}; name another field")
        typed = [] if _of_run(samples._root_dataset, path) else list(labels.values())
    given = label_path(samples._root_dataset, params.label_field, about)
    if not params.new_class:
        expect_known(samples._root_dataset, given, typed)
    made = decisions.relabel(samples, params.label_field, labels, params.run)
    field = curated_field(given)
    return {**_summary(made, word, len(samples)), "field": field}


def _of_run(dataset: fo.Dataset, path: str) -> bool:
    """Whether a run wrote these labels, such as its suggestions: nobody typed them."""
    parts = path.split(".")
    around = (dataset.get_field(".".join(parts[:end])) for end in range(len(parts), 0, -1))
    return any((kind.info or {}).get("run") for kind in around if kind is not None)


def _new_class(dataset: fo.Dataset, given: dict[str, Any]) -> str | None:
    """What would be a class of its own, and what may have been meant."""
    label = (given.get("label") or "").strip()
    if not label or given.get("new_class"):
        return None
    try:
        field = given.get("label_field") or "ground_truth"
        about = field if field in object_fields(dataset) else None
        expect_known(dataset, label_path(dataset, field, about), [label])
    except NewClassError as error:
        meant = f"Did you mean {error.meant!r}? " if error.meant else ""
        return f"{label!r} is a new class. {meant}Tick “New class” under Advanced if you want it."
    except ParamError:
        return None  # the field's own sentence says it
    return None


@dataclass(frozen=True, kw_only=True)
class UndoParams(Params):
    """Undo the last decisions: tags, reasons and labels become what they were."""

    steps: int = param(1, "How many decisions to undo", at_least=1)
    run: str | None = param(None, "Undo only decisions made in the review of this run", reads="run")


def undo(samples: fo.DatasetView, params: UndoParams, progress: Progress) -> dict[str, Any]:
    """Take back decisions, wherever their samples are."""
    taken = decisions.undo(samples._root_dataset, params.steps, params.run)
    if not taken:
        return {"headline": "Nothing to undo", "steps": 0, "samples": 0, "left": 0}
    count, left = sum(len(one.ids) for one in taken), sum(one.left for one in taken)
    what = f"{len(taken):,} decisions" if len(taken) > 1 else f"“{taken[0].said}”"
    word = taken[0].word if len({one.word for one in taken}) == 1 else "sample"
    later = f"; {counted(left, word)} changed since and left as they are" if left else ""
    return {
        "headline": f"Undid {what} on {counted(count, word)}{later}",
        "steps": len(taken),
        "samples": count,
        "left": left,
    }


def _summary(made: decisions.Decision, word: str, asked: int) -> dict[str, Any]:
    """What was done, in numbers that are those of the database."""
    left = f"; {counted(made.left, word)} changed by somebody else meanwhile and left" if made.left else ""
    done = len(made.ids)
    summary = {"headline": f"{counted(done, word)} {made.said}{left}", "count": done}
    return {**summary, "unchanged": asked - done - made.left} | ({"left": made.left} if made.left else {})


def _subject(samples: fo.DatasetView, label_field: str | None) -> tuple[fo.DatasetView, str]:
    """What is decided about, and the word for it: samples; or objects, where the target shows them one by one.

    Args:
        label_field: what is relabelled. Labels of images mean the images that the objects lie in.
    """
    if not len(samples):
        raise ParamError("The target has no samples; widen the view or select some")
    if not samples._is_patches:
        return samples, "sample"
    field = shown_field(samples)
    if field is not None and label_field in (None, field):
        return samples, "object"
    return every(samples._root_dataset).select(list(dict.fromkeys(samples.values("sample_id")))), "sample"


def _warning(dataset: fo.Dataset, given: dict[str, Any]) -> str | None:
    """What undo would take back first."""
    last = decisions.last(dataset, given.get("run") or None)
    return (
        f"The last decision: {last.said}, on {counted(len(last.ids), last.word)}."
        if last
        else "There is nothing to undo."
    )


MARK_ACTION = Action(name="mark", label="Keep or exclude", stage="act", params=MarkParams, run=mark, risk="medium")
RELABEL_ACTION = Action(
    name="relabel",
    label="Relabel",
    stage="act",
    params=RelabelParams,
    run=relabel,
    risk="medium",
    warning=_new_class,
)
UNDO_ACTION = Action(
    name="undo",
    label="Undo decisions",
    stage="act",
    params=UndoParams,
    run=undo,
    risk="medium",
    warning=_warning,
)
