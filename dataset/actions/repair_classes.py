"""Renames, merges and splits classes across label fields, in the labels themselves; one undo takes all of it back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import yaml

from ...core.base.arrays import Progress, silent
from ...core.base.class_names import closest
from ...core.base.files import new_file
from ...core.base.params import ParamError, Params, param
from ..decisions import journal
from ..decisions.label_changes import Edit, label_changes, renaming
from ..fields.curated_labels import curated_field, has_curated
from ..fields.rows import Rows, every, list_of, rows_of, shown_field
from ..inputs.annotations import KINDS, annotation_fields
from .action import Action, counted

EXAMPLES = 4  # pictures of each change in the preview
ENDINGS = (".yml", ".yaml", ".json")


@dataclass(frozen=True, kw_only=True)
class RepairClassesParams(Params):
    """Rename, merge or split classes, in all label fields at once. It changes the given labels; undo takes it back.

    Without `confirm` it only says what would change, with examples. On a view or a selection only the labels there
    change: that splits a class by samples you chose.
    """

    classes: tuple[str, ...] = param((), "Renamings such as crar=car; several to one name merge classes")
    mapping_file: str | None = param(None, "Or a file of them that an earlier repair wrote", path="file")
    split: str | None = param(None, "Or a class to split")
    split_by: str | None = param(
        None, "Field whose values tell its parts, such as the clusters of representatives", reads="values"
    )
    label_field: tuple[str, ...] = param((), "Label fields to change; empty: all that are given", reads="annotations")
    save_as: str | None = param(None, "File for the renamings, to be applied again: .yml or .json", path="file")
    confirm: bool = param(False, "Yes, change the labels")

    def __post_init__(self) -> None:
        """A mapping does as well as a list of entries, and one field as its name."""
        if isinstance(self.classes, Mapping):
            object.__setattr__(self, "classes", tuple(f"{old}={new}" for old, new in self.classes.items()))
        if isinstance(self.label_field, str):
            object.__setattr__(self, "label_field", (self.label_field,))
        super().__post_init__()

    def check(self) -> None:
        """One of the three ways to say what changes."""
        ways = [bool(self.classes), self.mapping_file is not None, self.split is not None]
        if sum(ways) != 1:
            raise ParamError(
                "RepairClassesParams takes one of classes, mapping_file and split; got "
                f"classes={list(self.classes)!r}, mapping_file={self.mapping_file!r} and split={self.split!r}"
            )
        if (self.split is None) != (self.split_by is None):
            raise ParamError(
                f"RepairClassesParams.split needs split_by, and the other way round; got {self.split!r} and "
                f"{self.split_by!r}"
            )
        if self.save_as is not None and Path(self.save_as).suffix not in ENDINGS:
            raise ParamError(f"RepairClassesParams.save_as must end in {', '.join(ENDINGS)}; got {self.save_as!r}")
        if self.save_as is not None and self.split is not None:
            raise ParamError("RepairClassesParams.save_as keeps renamings; a split goes by this dataset's own samples")


def repair_classes(samples: fo.DatasetView, params: RepairClassesParams, progress: Progress) -> dict[str, Any]:
    """Show what would change, or change it."""
    dataset = samples._root_dataset
    fields = list(params.label_field) or annotation_fields(dataset)
    for field in fields:
        _check_field(dataset, field)
    mapping = {} if params.split else _mapping(params)
    wanted: dict[str, dict[str, Edit]] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], list[str]] = {}
    for field in _with_corrections(dataset, fields):
        for one, path, old, new in _renamed(samples, field, mapping, params):
            wanted.setdefault(field, {})[one] = renaming({old: new} if params.split else mapping)
            counts[field, old, new] += 1
            pictures = examples.setdefault((field, old, new), [])
            if len(pictures) < EXAMPLES and path not in pictures:
                pictures.append(path)
    total = counts.total()
    if not total:
        raise ParamError(_nothing(samples, fields, list(mapping) or [str(params.split)]))
    changes = [
        {"field": field, "from": old, "to": new, "count": count, "examples": examples[field, old, new]}
        for (field, old, new), count in sorted(counts.items())
    ]
    said = "; ".join(f"{one['from']!r} → {one['to']!r} on {one['count']:,} in {one['field']}" for one in changes[:5])
    if not params.confirm:
        headline = f"{counted(total, 'label')} would be renamed: {said}. Pass confirm=True to do it"
        return {"headline": headline, "count": total, "changes": changes, "done": False}
    if params.save_as is not None:
        _save(Path(params.save_as).expanduser(), mapping)
    made = journal.push(dataset, "relabelled", "classes repaired", None, None, label_changes(dataset, wanted))
    left = made.left if made is not None else 0
    later = f"; {counted(left, 'label')} changed by somebody else meanwhile and left" if left else ""
    headline = f"{counted(total - left, 'label')} renamed: {said}{later}; undo takes it back"
    return {"headline": headline, "count": total - left, "changes": changes, "done": True}


def _renamed(
    samples: fo.DatasetView, field: str, mapping: Mapping[str, str], params: RepairClassesParams
) -> list[tuple[str, str, str, str]]:
    """Id of the label, or of the sample with a single one; its picture, class and new class."""
    dataset, shown = samples._root_dataset, shown_field(samples)
    if shown is not None and shown != field:
        return []
    root = list_of(dataset, field)
    if root is not None and shown is not None:
        rows = rows_of(samples, shown)
        found = list(zip(rows.ids, rows.values("filepath"), rows.values(f"{root}.label"), strict=True))
        parts = _parts(rows, params, root)
    else:
        rows = rows_of(samples, None)
        files, parts = rows.values("filepath"), _parts(rows, params, root)
        if root is None:
            label = field if isinstance(dataset.get_field(field), fof.StringField) else f"{field}.label"
            found = list(zip(rows.ids, files, rows.values(label), strict=True))
        else:
            ids, labels = rows.values(f"{root}.id"), rows.values(f"{root}.label")
            found = [
                (one, path, label)
                for path, own, names in zip(files, ids, labels, strict=True)
                for one, label in zip(own or (), names or (), strict=True)
            ]
            inside = params.split_by is not None and dataset.get_field(f"{root}.{params.split_by}") is not None
            each = zip(parts, ids, strict=True)
            parts = (
                [value for own in parts for value in own or ()] if inside else [v for v, own in each for _ in own or ()]
            )
    if params.split is not None:
        return [
            (one, path, label, f"{label} {part}")
            for (one, path, label), part in zip(found, parts, strict=True)
            if label == params.split and part is not None
        ]
    corrected = _corrections(samples, rows, field, root)
    return [
        (one, path, old, mapping[old])
        for (one, path, label), other in zip(found, corrected or [None] * len(found), strict=True)
        for old in [label if label in mapping else other]
        if old in mapping
    ]


def _corrections(samples: fo.DatasetView, rows: Rows, field: str, root: str | None) -> list[Any]:
    """The class that people have chosen for each object of a list; of images it lies in a field of its own."""
    if root is None or not has_curated(samples._root_dataset, f"{root}.label"):
        return []
    values = rows.values(f"{root}.label_curated")
    return values if rows.field is not None else [one for own in values for one in own or ()]


def _with_corrections(dataset: fo.Dataset, fields: list[str]) -> list[str]:
    """The label fields, each single one followed by the field with its corrections."""
    found = []
    for field in fields:
        found.append(field)
        paths = [path for path in (f"{field}.label", field) if list_of(dataset, field) is None]
        found += [curated_field(path) for path in paths if has_curated(dataset, path)]
    return found


def _parts(rows: Rows, params: RepairClassesParams, root: str | None) -> list[Any]:
    """What tells the parts of the class that is split: a field of the samples, or an attribute of the labels."""
    if params.split_by is None:
        return [None] * len(rows)
    for path in (f"{root}.{params.split_by}", params.split_by):
        if rows.dataset.get_field(path) is not None:
            return list(rows.values(path))
    raise ParamError(
        f"RepairClassesParams.split_by must name a field; dataset {rows.dataset.name!r} has no {params.split_by!r}"
    )


def _mapping(params: RepairClassesParams) -> dict[str, str]:
    """Old name → new one."""
    if params.mapping_file is not None:
        return _read(Path(params.mapping_file).expanduser())
    found: dict[str, str] = {}
    for entry in params.classes:
        old, mark, new = entry.partition("=")
        if not mark or not old or not new.strip() or old in found:
            raise ParamError(
                f"RepairClassesParams.classes must hold entries such as crar=car, each class once; got {entry!r}"
            )
        found[old] = new.strip()
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))  # which reads JSON too
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParamError(f"The mapping file {str(path)!r} cannot be read: {error}") from None
    classes = held.get("classes") if isinstance(held, Mapping) else None
    if not isinstance(classes, Mapping) or not classes or not all(str(new).strip() for new in classes.values()):
        raise ParamError(f"The mapping file {str(path)!r} must hold `classes`, each old name with its new one")
    return {str(old): str(new) for old, new in classes.items()}


def _save(path: Path, mapping: Mapping[str, str]) -> None:
    held = {"classes": dict(mapping)}
    text = (
        json.dumps(held, indent=2, ensure_ascii=False)
        if path.suffix == ".json"
        else yaml.safe_dump(held, allow_unicode=True)
    )
    try:
        with new_file(path, replace=False) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ParamError(f"The file {str(path)!r} cannot be written: {error.strerror or error}") from None


def _check_field(dataset: fo.Dataset, field: str) -> None:
    schema = dataset.get_field(field)
    is_label = isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type in KINDS
    if not is_label and not isinstance(schema, fof.StringField):
        raise ParamError(
            f"RepairClassesParams.label_field must name a field of labels; got {field!r}. There are: "
            f"{', '.join(annotation_fields(dataset)) or 'none'}"
        )


def _nothing(samples: fo.DatasetView, fields: list[str], wanted: list[str]) -> str:
    known: set[str] = set()
    for field in fields:
        root = list_of(samples._root_dataset, field)
        known |= {one for one in every(samples._root_dataset).distinct(f"{root or field}.label") if one}
    near = closest(wanted[0], sorted(known))
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(known)[:10]) or 'none'}"
    listed = ", ".join(map(repr, wanted[:5]))
    return f"No label of the target in {', '.join(fields) or 'any field'} has the class {listed}; {hint}"


def _warning(dataset: fo.Dataset, given: dict[str, Any]) -> str | None:
    """What would change, for the form."""
    known = {name: value for name, value in given.items() if name in RepairClassesParams.__dataclass_fields__ and value}
    try:
        params = RepairClassesParams.from_dict({**known, "confirm": False})
        return str(repair_classes(every(dataset).view(), params, silent)["headline"])
    except ParamError:
        return None


ACTION = Action(
    name="repair_classes",
    label="Repair classes",
    stage="act",
    params=RepairClassesParams,
    run=repair_classes,
    risk="high",
    warning=_warning,
)
