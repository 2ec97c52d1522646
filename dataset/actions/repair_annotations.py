"""Repairs what is safe to repair of faulty labels: boxes beyond the image, exact doubles, misspelled classes.

Nothing is deleted: a double is excluded, as people exclude it. All of it is one decision, which undo takes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array, Progress, silent
from ...core.base.inputs import GivenAnnotations
from ...core.base.params import ParamError, Params, param
from ...core.quality.annotations.boxes import SLACK
from ...core.quality.annotations.classes import class_faults
from ..decisions import decisions, journal
from ..decisions.label_changes import Edit, label_changes, renaming
from ..fields.rows import Rows, every, object_fields, rows_of
from ..fields.working_set import EXCLUDED, Choice
from ..inputs.annotations import annotation_fields, read_annotations
from .action import Action, counted

REPAIRS = ("clip", "doubled", "names")
SAID = {
    "clip": "boxes cut to their image",
    "doubled": "exact doubles excluded",
    "names": "misspelled classes renamed",
}
EQUAL = 1e-6  # share of the image's sides by which boxes that are the same differ


@dataclass(frozen=True, kw_only=True)
class RepairAnnotationsParams(Params):
    """Cut boxes to their image, exclude exact doubles, and rename misspelled classes.

    It changes the labels, once it is confirmed; undo takes it back.
    """

    label_field: tuple[str, ...] = param(
        (), "Label fields to repair; empty: all that neither Curator nor a model wrote", reads="annotations"
    )
    repairs: tuple[str, ...] = param(REPAIRS, "What to repair", among=REPAIRS, suggest=REPAIRS)
    confirm: bool = param(False, "Yes, change the labels")

    def __post_init__(self) -> None:
        """One field may be given by its name alone."""
        if isinstance(self.label_field, str):
            object.__setattr__(self, "label_field", (self.label_field,))
        super().__post_init__()


def repair_annotations(samples: fo.DatasetView, params: RepairAnnotationsParams, progress: Progress) -> dict[str, Any]:
    """Repair what was confirmed, in the samples of the target."""
    dataset = samples._root_dataset
    rows, counts = rows_of(samples, None), Counter[str]()
    wanted: dict[str, dict[str, Edit]] = {}
    known = annotation_fields(dataset)
    for number, field in enumerate(params.label_field or known):
        if field not in known:
            raise ParamError(
                f"RepairAnnotationsParams.label_field must name a field of given labels; got {field!r}. There are: "
                f"{', '.join(known) or 'none'}"
            )
        progress(number, len(params.label_field or known), f"looking at {field}")
        given, _ = read_annotations(rows, field, Choice(given_labels=True))
        for one, repair, edit in _repairs(given, rows, params.repairs):
            counts[repair] += 1
            wanted.setdefault(field, {})[one] = _both(wanted[field].get(one) if field in wanted else None, edit)
    said = ", ".join(f"{counts[repair]:,} {SAID[repair]}" for repair in REPAIRS if counts[repair])
    summary = {"count": counts.total(), **{repair: counts[repair] for repair in params.repairs}}
    if not said:
        return {"headline": "Nothing that is safe to repair was found", **summary}
    if not params.confirm:
        raise ParamError(f"These labels would be changed: {said}. Pass confirm=True to do it; undo takes it back")
    for field in wanted if counts["doubled"] else ():
        if field in object_fields(dataset):
            decisions.prepare(Rows(every(dataset).view(), field))
    made = journal.push(dataset, "relabelled", "labels repaired", None, None, label_changes(dataset, wanted))
    left = made.left if made is not None else 0
    later = f"; {counted(left, 'label')} changed by somebody else meanwhile and left" if left else ""
    return {"headline": f"{said}{later}; undo takes it back", **summary, **({"left": left} if left else {})}


def _repairs(given: GivenAnnotations, rows: Rows, wanted: tuple[str, ...]) -> Iterator[tuple[str, str, Edit]]:
    """Id of the label, or of the sample with a single one; the repair; and what becomes of the label."""
    ids = given.ids if given.is_list else [rows.ids[row] for row in given.rows.tolist()]
    used = set(np.flatnonzero(given.used).tolist())
    doubled = _doubles(given) if "doubled" in wanted and given.is_list else []
    for number in doubled:
        yield ids[number], "doubled", _exclude
    left = used - set(doubled)
    if "clip" in wanted and given.boxes is not None:
        low = np.clip(given.boxes[:, :2], 0, 1)
        size = np.clip(given.boxes[:, :2] + given.boxes[:, 2:], 0, 1) - low
        with np.errstate(invalid="ignore"):
            beyond = (given.boxes[:, :2] < -SLACK) | (given.boxes[:, :2] + given.boxes[:, 2:] > 1 + SLACK)
            mendable = beyond.any(axis=1) & (given.boxes[:, 2:] > 0).all(axis=1) & (size > 0).all(axis=1)
        for number in np.flatnonzero(mendable).tolist():
            if number in left:
                yield ids[number], "clip", _place([*low[number].tolist(), *size[number].tolist()])
    if "names" in wanted and given.has_classes:
        names = [given.names[number] if number in used else None for number in range(len(given.names))]
        _, meant = class_faults(names)
        for number in sorted(left):
            name = given.names[number] or ""
            if name in meant:
                yield ids[number], "names", renaming(meant)


def _doubles(given: GivenAnnotations) -> list[int]:
    """Labels in use of the same class and place as an earlier one of their image."""
    if given.boxes is None:
        return []
    first: dict[tuple[Any, ...], int] = {}
    pairs = {}
    for number in np.flatnonzero(given.used & np.isfinite(given.boxes).all(axis=1)).tolist():
        place = (given.rows[number], given.names[number], *np.round(given.boxes[number] / EQUAL).tolist())
        if place in first:
            pairs[number] = first[place]
        first.setdefault(place, number)
    if given.masks is None or not pairs:
        return list(pairs)
    wanted = {*pairs, *pairs.values()}
    masks = {number: mask for number, mask in given.masks() if number in wanted}
    return [number for number, other in pairs.items() if _alike(masks[number], masks[other])]


def _alike(one: Array | str | None, other: Array | str | None) -> bool:
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return one is None and other is None
    return bool(np.array_equal(one, other))


def _both(first: Edit | None, second: Edit) -> Edit:
    return second if first is None else lambda before: second(first(before))


def _exclude(before: Mapping[str, Any]) -> Mapping[str, Any]:
    tags = [tag for tag in before.get("tags") or [] if tag not in decisions.TAGS]
    return {**before, "tags": [*tags, EXCLUDED], decisions.REASON: "duplicate"}


def _place(box: list[float]) -> Edit:
    return lambda before: {**before, "bounding_box": box}


def _warning(dataset: fo.Dataset, given: dict[str, Any]) -> str | None:
    """What would change, for the form."""
    known = {name: given[name] for name in ("label_field", "repairs") if given.get(name)}
    try:
        params = RepairAnnotationsParams.from_dict(known)
        return str(repair_annotations(every(dataset).view(), params, silent)["headline"])
    except ParamError as error:
        return str(error).split(" Pass confirm")[0]


ACTION = Action(
    name="repair_annotations",
    label="Repair annotations",
    stage="act",
    params=RepairAnnotationsParams,
    run=repair_annotations,
    risk="high",
    warning=_warning,
)
