"""What parameters name on a dataset, read by the role that they declare: one reader for each, in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np
from scipy.optimize import linear_sum_assignment

from ...core.base import columns as kinds
from ...core.base.arrays import Array
from ...core.base.columns import LabelValues
from ...core.base.inputs import GivenBoxes, GivenLabels, GivenSets
from ...core.base.params import ParamError, Params, domains
from ..fields import splits, working_set
from ..fields.rows import Rows, every, field_of, object_fields, resolved, rows_of
from ..fields.working_set import Choice
from ..runs import record as runs
from .annotations import KINDS as ANNOTATED
from .annotations import annotation_fields, read_annotations
from .judged import judged_labels, judging_run, judging_runs
from .sources import TAGS, find_vectors, label_path, read_vectors

GUIDE, ANNOTATIONS = "guide", "annotations"  # read also where nothing is named
ODD = 0.02  # share of rows whose largest logit may be another class's: labels were thresholded, or ties
Values = Callable[[str], Sequence[Any]]  # path → one value per row
PLAIN = (fof.BooleanField, fof.FloatField, fof.IntField, fof.StringField, fof.DateTimeField, fof.DateField)


@dataclass(frozen=True)
class RoleInput:
    """What was read for one name.

    Attributes:
        value: as the method gets it.
        source: {"field", "run", "made"}, as the run's record keeps it; empty for what leaves no trace in it.
        has: (n,) bool, the rows that can be used; None where gaps are left to the method.
        why: why the others cannot.
        maker: parameters and facts of the run that made it.
        corrected: labels that people have corrected.
    """

    value: Any
    source: dict[str, Any]
    has: Array | None = None
    why: Mapping[str, int] = field(default_factory=dict)
    maker: Mapping[str, Any] | None = None
    corrected: int = 0


@dataclass(frozen=True)
class Asked:
    """Who asks for what.

    Attributes:
        place: the parameter, for sentences.
        name: what it names.
        choice: which labels and boxes are wanted.
    """

    place: str
    name: str
    choice: Choice


def read_role(rows: Rows, params: Params, parameter: str, choice: Choice) -> list[RoleInput]:
    """What a parameter names, of these rows: one, or several where it takes several; none where it names nothing.

    Raises:
        ParamError: a field or run is not there, or is of another kind.
    """
    domain, given = domains(type(params))[parameter], getattr(params, parameter)
    if domain.reads not in READERS or (not given and domain.reads not in (GUIDE, ANNOTATIONS)):
        return []
    place = f"{type(params).__name__}.{parameter}"
    if domain.reads == ANNOTATIONS and not given:
        given = annotation_fields(rows.dataset)
        if not given:
            raise ParamError(f"{place} must name a field of labels; dataset {rows.dataset.name!r} has none with any")
    names = given if domain.many else [given or ""]
    return [READERS[domain.reads](rows, Asked(place, one, choice)) for one in names]


def prediction_sources(dataset: fo.Dataset) -> list[str]:
    """Names that a parameter of role "predictions" accepts: runs that predict classes, then plain label fields."""
    made = [run.key for run in reversed(runs.list_runs(dataset)) if _predicted(run) is not None]
    written = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    return made + [path for path in _fields_of(dataset, fo.Classification) if path not in written]


def fields_for(dataset: fo.Dataset, role: str) -> list[str]:
    """Names that a parameter of one of this module's roles accepts on this dataset, for the form."""
    if role == "predictions":
        return prediction_sources(dataset)
    if role == "said":
        made = [run for run in reversed(runs.list_runs(dataset)) if _predicted(run) or _predicted(run, kinds.Labels)]
        return [run.key for run in made]
    if role == "judged":
        return judging_runs(dataset)
    if role == "guide":
        return _fields_of(dataset, fo.Classification)
    if role == "label_sets":
        return _fields_of(dataset, fo.Classifications)
    if role == "objects":
        return object_fields(dataset)
    if role == ANNOTATIONS:
        return [path for kind in ANNOTATED for path in _fields_of(dataset, kind)]
    if role in ("detections", "detected"):
        return _fields_of(dataset, fo.Detections)
    if role == "members":
        return _members_of(dataset)
    if role == "numbers":
        return [*regression_fields(dataset), *_paths_of(dataset, _is_number)]
    return _paths_of(dataset, _is_plain) + [f"{path}.label" for path in _fields_of(dataset, fo.Classification)]


def regression_fields(dataset: fo.Dataset) -> list[str]:
    """Fields of Regressions: numbers that somebody gave to pictures."""
    return _fields_of(dataset, fo.Regression)


def usual_labels(dataset: fo.Dataset) -> str | None:
    """The field of given labels where nobody names one: ground_truth, or the only Classification that no run wrote."""
    written = {path.partition(".")[0] for run in runs.list_runs(dataset) for path in run.writes.values()}
    fields = [
        path
        for path in _fields_of(dataset, fo.Classification)
        if path not in written and "curates" not in (dataset.get_field(path).info or {})
    ]
    return "ground_truth" if "ground_truth" in fields else fields[0] if len(fields) == 1 else None


def _guide(rows: Rows, asked: Asked) -> RoleInput:
    """Labels to choose by, which leave no trace in what the run was made of: it holds when they change."""
    dataset, given = rows.dataset, asked.name
    field = given or (usual_labels(dataset) if rows.field is None else rows.field)
    if given and given != rows.field and given not in _fields_of(dataset, fo.Classification):
        fields = ", ".join(_fields_of(dataset, fo.Classification)) or "none"
        raise ParamError(f"{asked.place} must name a field of Classifications; got {given!r}. There are: {fields}")
    if not field:
        return RoleInput(None, {})
    labels, _ = working_set.labels(rows, rows.path("label") if field == rows.field else f"{field}.label", asked.choice)
    return RoleInput(GivenLabels.of(labels) if any(labels) else None, {}, maker={"key": "guide", "field": field})


def _embeddings(rows: Rows, asked: Asked) -> RoleInput:
    path, source, facts = find_vectors(rows.dataset, asked.name)
    matrix, has = read_vectors(rows, path, facts)
    good = np.isfinite(matrix).all(axis=1) & has
    why = Counter({"no vector": int((~has).sum()), "vector with NaN or infinite numbers": int((has & ~good).sum())})
    if not good.any():
        raise ParamError(f"Every vector in {path!r} holds NaN or infinite numbers; compute them again")
    return RoleInput(matrix, source, good, +why, facts)


def _labels(rows: Rows, asked: Asked) -> RoleInput:
    path = label_path(rows.dataset, asked.name, rows.field)
    given, corrected = working_set.labels(rows, path, asked.choice)
    if all(value is None for value in given):
        raise ParamError(
            f"No {rows.word} of the target has a label in {asked.name!r}; label some, or name another field"
        )
    source: dict[str, Any] = {"field": path, "run": None, "made": None}
    return RoleInput(GivenLabels.of(given), source, corrected=corrected)


def _splits(rows: Rows, asked: Asked) -> RoleInput:
    path = TAGS if asked.name == TAGS else label_path(rows.dataset, asked.name, rows.field)
    values = splits.of_tags(rows.values(path)) if path == TAGS else rows.values(path)
    if all(value is None for value in values):
        raise ParamError(f"No {rows.word} of the target has a split in {asked.name!r}; name another field")
    return RoleInput(GivenLabels.of(values), {"role": "splits", "field": path, "run": None, "made": None})


def _values(rows: Rows, asked: Asked) -> RoleInput:
    dataset, name = rows.dataset, asked.name
    path = f"{name}.label" if name in _fields_of(dataset, fo.Classification) else _own(dataset, rows, name)
    kind = dataset.get_field(path)
    if kind is None or not _is_plain(kind):
        raise ParamError(
            f"{asked.place} must name a field with plain values; {name!r} "
            + (f"does not exist on dataset {dataset.name!r}" if kind is None else f"holds {type(kind).__name__}")
        )
    return RoleInput(list(rows.values(path)), _source(dataset, path))


def _numbers(rows: Rows, asked: Asked) -> RoleInput:
    """(n,) float64, NaN for none."""
    dataset, name = rows.dataset, asked.name
    path = f"{name}.value" if name in regression_fields(dataset) else _own(dataset, rows, name)
    kind = dataset.get_field(path)
    if kind is None or not _is_number(kind):
        raise ParamError(
            f"{asked.place} must name a field of numbers or of Regressions; {name!r} "
            + (f"does not exist on dataset {dataset.name!r}" if kind is None else f"holds {type(kind).__name__}")
            + f". There are: {', '.join(fields_for(dataset, 'numbers')) or 'none'}"
        )
    values = [np.nan if value is None else float(value) for value in rows.values(path)]
    return RoleInput(np.array(values, dtype=np.float64), _source(dataset, path))


def _predictions(rows: Rows, asked: Asked) -> RoleInput:
    dataset, name = rows.dataset, asked.name
    if name in dataset.list_runs():
        run = runs.get_run(dataset, name)
        column = _predicted(run)
        if column is None:
            raise ParamError(
                f"{asked.place} must name a run that predicted classes and is done; {name!r} ({run.label}) is not "
                f"one. There are: {', '.join(prediction_sources(dataset)) or 'none'}"
            )
        path = run.writes[column]
        values = _label_values(rows.values, path, run.facts.get("classes"), run.writes.get("logits"))
        return RoleInput(values, _source(dataset, path), maker=_maker(run))
    if name not in _fields_of(dataset, fo.Classification):
        raise ParamError(
            f"{asked.place} must name a run that predicted classes or a field of Classifications; got {name!r}. "
            f"There are: {', '.join(prediction_sources(dataset)) or 'none'}"
        )
    classes = dataset.classes.get(name) or dataset.default_classes or None
    values = _label_values(rows.values, name, classes)
    return RoleInput(in_order(values, asked), _source(dataset, name))


def in_order(values: LabelValues, asked: Asked) -> LabelValues:
    """Predictions whose logits are proved to stand in the order of the classes; put into it where labels tell it.

    Raises:
        ParamError: the largest logit is often not that of the stored class, and no order of the classes explains it.
    """
    if values.logits is None:
        return values
    known = np.flatnonzero((values.codes >= 0) & np.isfinite(values.logits).all(axis=1))
    if not len(known):
        return values
    largest, stored = values.logits[known].argmax(axis=1), values.codes[known]
    wrong = int((largest != stored).sum())
    if wrong <= ODD * len(known):
        return values
    table = np.zeros((len(values.classes),) * 2, dtype=np.int64)
    np.add.at(table, (largest, stored), 1)
    place, code = linear_sum_assignment(-table)
    if len(known) - table[place, code].sum() > ODD * len(known):
        raise ParamError(
            f"The logits of {asked.name!r} are not in the order of the dataset's classes: on {wrong:,} of "
            f"{len(known):,} rows the largest is not that of the stored label. Set dataset.classes[{asked.name!r}] "
            "to the model's classes in its own order"
        )
    unsure = [number for number in range(len(code)) if not table[place[number], code[number]]]
    if len(unsure) > 1:
        raise ParamError(
            f"The logits of {asked.name!r} are not in the order of the dataset's classes, and the classes "
            f"{', '.join(values.classes[code[number]] for number in unsure[:5])} are never the largest, so their "
            f"places are unknown. Set dataset.classes[{asked.name!r}] to the model's classes in its own order"
        )
    ordered = np.empty_like(values.logits)
    ordered[:, code] = values.logits[:, place]
    return LabelValues(values.classes, values.codes, values.confidence, ordered)


def _likeliest(rows: Rows, asked: Asked) -> RoleInput:
    """As `_predictions`; of a run that gave any number of classes, each row's likeliest, none where it gave none."""
    dataset, name = rows.dataset, asked.name
    run = runs.get_run(dataset, name) if name in dataset.list_runs() else None
    column = _predicted(run, kinds.Labels) if run is not None and _predicted(run) is None else None
    if run is None or column is None:
        return _predictions(rows, asked)
    inside = f"{run.writes[column]}.classifications"
    best = [
        max(zip(sure, labels, strict=True), key=lambda one: one[0]) if labels else None
        for labels, sure in zip(rows.values(f"{inside}.label"), rows.values(f"{inside}.confidence"), strict=True)
    ]
    given = GivenLabels.of([None if one is None else one[1] for one in best])
    confidence = np.array([np.nan if one is None else one[0] for one in best])
    values = LabelValues(given.names, given.codes, confidence)
    return RoleInput(values, _source(dataset, f"{inside}.label"), maker=_maker(run))


def kept_logits(run: runs.Run, values: Values) -> Array | None:
    """(n, C) logits of a run that tagged, in the order of its classes, of tagged rows and others; None if some lack."""
    path = run.writes.get("logits") or f"{run.writes.get('tag') or run.writes['tags']}.logits"
    rows = list(values(path))
    if any(row is None or len(row) != len(run.facts["classes"]) for row in rows):
        return None
    return np.array(rows, dtype=np.float32)


def _label_values(
    values: Values, path: str, classes: Sequence[str] | None, logits_path: str | None = None
) -> LabelValues:
    """The predicted classes; with logits where every row that has a label has as many logits as there are classes.

    Args:
        logits_path: where the logits are; with the labels when None.
    """
    labels = list(values(f"{path}.label"))
    confidence = np.array(
        [np.nan if value is None else value for value in values(f"{path}.confidence")], dtype=np.float64
    )
    logits = list(values(logits_path or f"{path}.logits")) if classes else []
    whole = bool(logits) and all(
        label is None or (row is not None and len(row) == len(classes or ()))
        for label, row in zip(labels, logits, strict=True)
    )
    if not whole:
        given = GivenLabels.of(labels)
        return LabelValues(given.names, given.codes, confidence)
    names = tuple(str(name) for name in classes or ())
    index = {name: code for code, name in enumerate(names)}
    matrix = np.full((len(labels), len(names)), np.nan, dtype=np.float32)
    for number, row in enumerate(logits):
        if row is not None:
            matrix[number] = row
    codes = np.array([-1 if label is None else index.get(label, -1) for label in labels], dtype=np.int64)
    return LabelValues(names, codes, confidence, matrix)


def _label_sets(rows: Rows, asked: Asked) -> RoleInput:
    dataset, name = rows.dataset, asked.name
    _expect(dataset, asked, fo.Classifications)
    sets = list(rows.values(f"{name}.classifications.label"))
    names = tuple(sorted({label for one in sets for label in one or () if label is not None}))
    index = {label: code for code, label in enumerate(names)}
    present = np.zeros((len(sets), len(names)), dtype=bool)
    for number, one in enumerate(sets):
        present[number, [index[label] for label in one or () if label is not None]] = True
    known = np.array([one is not None for one in sets], dtype=bool)
    return RoleInput(GivenSets(names, present, known), _source(dataset, f"{name}.classifications.label"))


def _detections(rows: Rows, asked: Asked) -> RoleInput:
    """The boxes of images; those that are excluded keep their place, and cover nothing."""
    dataset = rows.dataset
    _expect(dataset, asked, fo.Detections)
    inside = f"{asked.name}.detections"
    given, places = list(rows.values(f"{inside}.label")), list(rows.values(f"{inside}.bounding_box"))
    labels, corrected = working_set.labels_within(rows, f"{inside}.label", given, asked.choice)
    confidence = list(rows.values(f"{inside}.confidence"))
    image = np.array([row for row, own in enumerate(labels) for _ in own or ()], dtype=np.int64)
    flat = GivenLabels.of([label or "" for own in labels for label in own or ()])
    boxes = _flat(places).reshape(len(image), 4)
    if not asked.choice.include_excluded:
        tags = [own or () for image_tags in rows.values(f"{inside}.tags") for own in image_tags or ()]
        boxes[[working_set.EXCLUDED in own for own in tags], 2:] = 0.0
    value = GivenBoxes(
        names=flat.names,
        rows=image,
        codes=flat.codes,
        boxes=boxes,
        confidence=_flat([[np.nan if c is None else c for c in own or ()] for own in confidence]),
        known=np.array([own is not None for own in labels], dtype=bool),
    )
    return RoleInput(value, _source(dataset, f"{inside}.label"), corrected=corrected)


def _annotations(rows: Rows, asked: Asked) -> RoleInput:
    """Labels of any kind; those that are excluded are said to be."""
    known = fields_for(rows.dataset, ANNOTATIONS)
    if asked.name not in known:
        raise ParamError(
            f"{asked.place} must name a field of labels; got {asked.name!r}. There are: {', '.join(known)}"
        )
    value, corrected = read_annotations(rows, asked.name, asked.choice)
    source = {"role": ANNOTATIONS, **_source(rows.dataset, asked.name)}
    return RoleInput(value, source, corrected=corrected)


def _members(rows: Rows, asked: Asked) -> RoleInput:
    """Who is in a true-or-false field, has a tag, or is in a saved slice; in this order where a name is several."""
    dataset, name = rows.dataset, asked.name
    path = _own(dataset, rows, name)
    if isinstance(dataset.get_field(path), fof.BooleanField):
        value = np.array([value is True for value in rows.values(path)], dtype=np.bool_)
        return RoleInput(value, _source(dataset, path))
    if name in every(dataset).distinct(TAGS):
        value = np.array([name in (own or ()) for own in rows.values(TAGS)], dtype=np.bool_)
        return RoleInput(value, {**_source(dataset, TAGS), "tag": name})
    if name in dataset.list_saved_views():
        members = set(rows_of(dataset.load_saved_view(name), rows.field).ids)
        source = {"field": rows.path("id"), "run": None, "made": None, "slice": name}
        return RoleInput(np.array([one in members for one in rows.ids], dtype=np.bool_), source)
    raise ParamError(
        f"{asked.place} must name a true-or-false field, a tag or a saved slice; got {name!r}. "
        f"There are: {', '.join(_members_of(dataset)) or 'none'}"
    )


def _judged(rows: Rows, asked: Asked) -> RoleInput:
    """A run and what was decided since; it leaves no trace: what is drawn from it stays drawn when labels change."""
    run = judging_run(rows.dataset, asked.place, asked.name)
    return RoleInput(judged_labels(rows, run), {}, maker=_maker(run))


def _own(dataset: fo.Dataset, rows: Rows, name: str) -> str:
    """A field's path; where the rows are objects that have such an attribute, its path inside their labels."""
    return rows.path(name) if dataset.get_field(rows.path(name)) is not None else resolved(dataset, name)[0]


READERS: dict[str, Callable[[Rows, Asked], RoleInput]] = {
    GUIDE: _guide,
    "embeddings": _embeddings,
    "labels": _labels,
    "splits": _splits,
    "values": _values,
    "numbers": _numbers,
    "members": _members,
    "judged": _judged,
    "predictions": _predictions,
    "said": _likeliest,
    "label_sets": _label_sets,
    "detections": _detections,
    "detected": _detections,
    ANNOTATIONS: _annotations,
}


def _maker(run: runs.Run) -> dict[str, Any]:
    """What is known about the run that made an input."""
    return {**run.params, **run.facts, "key": run.key, "method": run.method}


def _flat(rows: Sequence[Any]) -> Array:
    return np.array([value for own in rows for value in own or ()], dtype=np.float64)


def _expect(dataset: fo.Dataset, asked: Asked, document: type[Any]) -> None:
    if asked.name not in _fields_of(dataset, document):
        raise ParamError(
            f"{asked.place} must name a field of {document.__name__}; got {asked.name!r}. "
            f"There are: {', '.join(_fields_of(dataset, document)) or 'none'}"
        )


def _members_of(dataset: fo.Dataset) -> list[str]:
    flags = _paths_of(dataset, lambda kind: isinstance(kind, fof.BooleanField))
    return list(dict.fromkeys([*flags, *every(dataset).distinct("tags"), *dataset.list_saved_views()]))


def _source(dataset: fo.Dataset, path: str) -> dict[str, Any]:
    """Where a field's values come from: the run that wrote it, if it is one of ours."""
    parts = path.split(".")
    around = [dataset.get_field(".".join(parts[:end])) for end in range(len(parts), 0, -1)]
    key = next((found for kind in around if kind is not None and (found := (kind.info or {}).get("run"))), None)
    made = runs.get_run(dataset, key).finished if key is not None and key in dataset.list_runs() else None
    return {"field": path, "run": key if made is not None else None, "made": made}


def _predicted(run: runs.Run, kind: type[Any] = kinds.Label) -> str | None:
    """The first column of a run that holds one predicted class per sample; or any number of them."""
    declared = run.declaration
    if declared is None or run.status != "done":
        return None
    return next((c.name for c in declared.writes if c.type is kind and c.name in run.writes), None)


def _fields_of(dataset: fo.Dataset, document: type[Any]) -> list[str]:
    schema = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField)
    return [path for path, kind in schema.items() if kind.document_type is document]


def _paths_of(dataset: fo.Dataset, wanted: Callable[[fof.Field], bool]) -> list[str]:
    """Fields of samples, then what runs have written on objects."""
    own = [path for path, kind in dataset.get_field_schema().items() if path != "id" and wanted(kind)]
    written = [path for run in runs.list_runs(dataset) for path in run.writes.values() if field_of(dataset, path)]
    return own + [path for path in written if (kind := dataset.get_field(path)) is not None and wanted(kind)]


def _is_number(kind: fof.Field) -> bool:
    return isinstance(kind, (fof.FloatField, fof.IntField))


def _is_plain(kind: fof.Field) -> bool:
    return isinstance(kind, PLAIN) or (isinstance(kind, fof.ListField) and isinstance(kind.field, PLAIN))
