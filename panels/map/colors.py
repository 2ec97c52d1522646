"""How a map's points are colored and sized: a field's values as one byte each, and the legend that explains them.

A class has the same color whichever points are shown: it depends on the names of the dataset's classes and of those
chosen to have colors of their own, nothing else.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np

from ...core.base.arrays import Array
from ...dataset.runs.record import Run
from ..shared import wording
from ..shared.patches import seen
from ..shared.scope import own, schema_of
from .payloads import ClassLegend, LegendClass, LegendRow, Ramp

COLORS = 20  # classes with a color of their own
OTHER, SEVERAL, NONE = 20, 21, 22  # codes behind them
LAST = 250  # code of the high end of a number's ramp
NO_NUMBER = 255
FEW = 20  # an integer field with no more values than this names groups
MOST_CLASSES = 500  # that the legend's choice lists
TAGS = "tags"
SKIPPED = ("id", "filepath", "created_at", "last_modified_at")


@dataclass(frozen=True)
class FieldChoice:
    """A field to color by.

    Attributes:
        label: how the list names it; `group` is the list's heading above it.
        title: how it is named elsewhere.
        kind: "classes", "numbers" or "counts": integers, which are classes where they are few.
        many: whether a sample may have several values.
        said: what its values mean.
    """

    path: str
    label: str
    title: str
    group: str
    kind: str
    many: bool = False
    said: str = ""


def choices(dataset: fo.Dataset, runs: Sequence[Run], objects: str | None = None) -> list[FieldChoice]:
    """Fields to color by: labels and tags, then what each run wrote, the newest first, then the rest.

    Args:
        objects: the field whose objects the points are; these have values of their own beside those of their images.
    """
    of_run = {
        seen(run, path) if run.patches_field == objects else path: run for run in runs for path in run.writes.values()
    }
    made: list[tuple[tuple[int, int], FieldChoice]] = []
    schema = schema_of(dataset, objects)
    tags = own(objects, TAGS)
    for path, field in schema.items():
        kind, many = _kind(path, field, schema, tags)
        if kind is None:
            continue
        base = next((outer for outer in of_run if path == outer or path.startswith(f"{outer}.")), None)
        run = of_run[base] if base else None
        outer = schema[base] if base else field
        inner = path[len(base or path) :].strip(".").replace("classifications.", "").replace("detections.", "")
        if run is not None:
            column = (outer.info or {}).get("column") or ""
            declared = {one.name: one for one in (run.declaration.writes if run.declaration else ())}
            if kind == "counts" and column in declared and declared[column].group:
                kind = "classes"
            label = wording.title(column or run.label)
            label = label if inner in ("", "label") else f"{label}, {inner.replace('_', ' ')}"
            order, group, title = (1, -runs.index(run)), f"{run.label} · {run.key}", f"{label} · {run.key}"
        else:
            label, is_label = _plain_label(path)
            first = path in (TAGS, tags) or is_label
            order, group, title = (0, 0) if first else (2, 0), "Labels and tags" if first else "Other fields", label
        made.append((order, FieldChoice(path, label, title, group, kind, many, outer.description or "")))
    return [choice for _, choice in sorted(made, key=lambda pair: pair[0])]


def number_codes(values: Sequence[Any]) -> tuple[Array, Ramp | None]:
    """Numbers as places on a ramp, 0 to `LAST`; the outermost hundredths share its ends.

    Returns:
        codes: (n,) uint8, `NO_NUMBER` where there is none.
        legend: "low" and "high", the ends in words; None where no value is a number.
    """
    numbers = np.array([_number(value) for value in values], dtype=np.float64)
    known = np.isfinite(numbers)
    codes = np.full(len(numbers), NO_NUMBER, dtype=np.uint8)
    if not known.any():
        return codes, None
    low, high = np.quantile(numbers[known], [0.01, 0.99])
    if not high > low:
        low, high = numbers[known].min(), numbers[known].max()
    share = np.clip((numbers[known] - low) / (high - low), 0, 1) if high > low else np.full(known.sum(), 0.5)
    codes[known] = np.round(LAST * share)
    below = " and less" if numbers[known].min() < low else ""
    above = " and more" if numbers[known].max() > high else ""
    ends = wording.number(float(low)) + below, wording.number(float(high)) + above
    return codes, {"low": ends[0], "high": ends[1], "missing": _without(int((~known).sum()))}


def class_codes(values: Sequence[Any], slots: Mapping[Any, int]) -> Array:
    """(n,) uint8: the slot of each value's class; `OTHER`, `SEVERAL` or `NONE` where it has no single one.

    Args:
        values: names, or lists of names.
        slots: class → slot, of the classes with a color of their own.
    """
    plain = {None: NONE, **slots}
    codes = [_list_code(value, slots) if isinstance(value, list) else plain.get(value, OTHER) for value in values]
    return np.array(codes, dtype=np.uint8)


def slots_of(counts: Mapping[Any, int], wanted: Sequence[Any] = ()) -> dict[Any, int]:
    """The classes with a color of their own, and the color's number.

    Args:
        counts: all classes of the dataset, with their sizes.
        wanted: classes chosen to have one; the largest where none is.
    """
    names = sorted(counts, key=_natural)
    chosen = [name for name in wanted if name in counts][:COLORS]
    if not chosen:
        chosen = sorted(names, key=lambda name: -counts[name])[:COLORS]
    taken: dict[int, Any] = {}
    for number, name in enumerate(names):
        if name in chosen:
            # its own place among all classes if it is free: choosing another class changes no other's color
            slot = next(slot % COLORS for slot in range(number, number + COLORS) if slot % COLORS not in taken)
            taken[slot] = name
    return {name: slot for slot, name in taken.items()}


def count_classes(values: Sequence[Any]) -> Counter[Any]:
    """How many samples each class has."""
    counts: Counter[Any] = Counter()
    for value in values:
        if isinstance(value, list):
            counts.update(set(_flat(value)))
        elif value is not None:
            counts[value] += 1
    return counts


def class_legend(counts: Mapping[Any, int], slots: Mapping[Any, int], codes: Array) -> ClassLegend:
    """The rows of a legend of classes, and the classes to choose from.

    Args:
        codes: of the drawn points, which tell whether there is anything to say about `NONE` and `SEVERAL`.
    """
    rows: list[LegendRow] = [
        {"slot": slots[name], "label": _name(name), "value": name, "n": counts[name]}
        for name in sorted(slots, key=_natural)
    ]
    folded = [name for name in counts if name not in slots]
    there = set(np.unique(codes).tolist())
    extra = {
        OTHER: f"{len(folded):,} other class{'' if len(folded) == 1 else 'es'}" if folded else None,
        SEVERAL: "several of these" if SEVERAL in there else None,
        NONE: "no value" if NONE in there else None,
    }
    rows += [{"slot": slot, "label": text, "value": None, "n": None} for slot, text in extra.items() if text]
    largest = sorted(counts, key=lambda name: (-counts[name], _natural(name)))[:MOST_CLASSES]
    classes: list[LegendClass] = [
        {"label": _name(name), "value": name, "n": counts[name], "on": name in slots} for name in largest
    ]
    return {"rows": rows, "classes": classes if len(counts) > 2 else [], "most": COLORS}


def is_classes(choice: FieldChoice, values: Sequence[Any]) -> bool:
    """Whether a field's values are groups rather than amounts."""
    if choice.kind != "counts":
        return choice.kind == "classes"
    return len({value for value in values if value is not None}) <= FEW


def _kind(path: str, field: fof.Field, schema: Mapping[str, fof.Field], tags: str) -> tuple[str | None, bool]:
    """The kind of a field, None for what cannot color points; and whether samples may have several values."""
    name = path.rsplit(".", 1)[-1]
    if path in SKIPPED or name.startswith("_") or (name in ("id", "tags") and path not in (TAGS, tags)):
        return None, False
    outer = [schema[path[: at.start()]] for at in re.finditer(r"\.", path)]
    many = any(isinstance(one, fof.ListField) for one in outer)
    if isinstance(field, fof.ListField):
        return ("classes", True) if isinstance(field.field, fof.StringField) else (None, False)
    if isinstance(field, (fof.StringField, fof.BooleanField)) and not isinstance(field, fof.ObjectIdField):
        return "classes", many
    if isinstance(field, fof.IntField) and not many:
        return "counts", False
    return ("numbers", False) if isinstance(field, fof.FloatField) and not many else (None, False)


def _plain_label(path: str) -> tuple[str, bool]:
    """A field's name for the list, and whether it holds labels."""
    for ending in (".label", ".classifications.label", ".detections.label"):
        if path.endswith(ending):
            return path.removesuffix(ending).removesuffix(".classifications").removesuffix(".detections"), True
    return path.replace(".", ", ").replace("_", " ") if "." in path else path, False


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _list_code(value: Sequence[Any], slots: Mapping[Any, int]) -> int:
    names = set(_flat(value))
    own = [slots[name] for name in names if name in slots]
    return own[0] if len(own) == 1 else SEVERAL if own else OTHER if names else NONE


def _flat(values: Sequence[Any]) -> list[Any]:
    return [inner for value in values for inner in (_flat(value) if isinstance(value, list) else [value]) if inner]


def _name(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _natural(value: Any) -> tuple[Any, ...]:
    """Sorts "2" before "10"."""
    if not isinstance(value, str):
        return (0, value)
    return (1, *((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", value)))


def _without(n: int) -> str | None:
    return f"{n:,} without a value" if n else None
