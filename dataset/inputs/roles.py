"""What parameters name beside the embeddings and labels a method works on: fields and the results of other runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np

from ...core.base import columns as kinds
from ...core.base.arrays import Array
from ...core.base.columns import LabelValues
from ...core.base.inputs import GivenBoxes, GivenLabels, GivenSets
from ...core.base.params import ParamError, Params, domains, roles
from ..fields.rows import Rows, field_of, object_fields, resolved, rows_of
from ..runs import record as runs

Values = Callable[[str], Sequence[Any]]  # path → one value per row
PLAIN = (fof.BooleanField, fof.FloatField, fof.IntField, fof.StringField, fof.DateTimeField, fof.DateField)


@dataclass
class Named:
    """What was read for the parameters.

    Attributes:
        values: parameter → what it names, as `Inputs.named` holds it.
        reads: parameter → {"role", "field", "run", "made"}, as the run record keeps it.
        sources: run's key → its parameters and facts.
    """

    values: dict[str, Any] = field(default_factory=dict)
    reads: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)


def read_named(dataset: fo.Dataset, params: Params, rows: Rows) -> Named:
    """Read what the parameters name, other than embeddings and labels, of these rows.

    Raises:
        ParamError: a field or run is not there, or is of another kind.
    """
    named, known = Named(), domains(type(params))
    for name, role in roles(type(params)).items():
        given = getattr(params, name)
        if role == "guide":
            _guide(dataset, f"{type(params).__name__}.{name}", name, given, rows, named)
        if role in READERS and given:
            place = f"{type(params).__name__}.{name}"
            read = [READERS[role](dataset, place, one, rows, named) for one in (given if known[name].many else [given])]
            named.values[name] = tuple(value for value, _ in read) if known[name].many else read[0][0]
            fields = [{"role": role, **source} for _, source in read]
            if known[name].many:
                named.reads |= {f"{name}.{number}": source for number, source in enumerate(fields)}
            else:
                named.reads[name] = fields[0]
    return named


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
    if role == "guide":
        return _fields_of(dataset, fo.Classification)
    if role == "label_sets":
        return _fields_of(dataset, fo.Classifications)
    if role == "objects":
        return object_fields(dataset)
    if role in ("detections", "detected"):
        return _fields_of(dataset, fo.Detections)
    if role == "members":
        return _members_of(dataset)
    return _paths_of(dataset, _is_plain) + [f"{path}.label" for path in _fields_of(dataset, fo.Classification)]


def usual_labels(dataset: fo.Dataset) -> str | None:
    """The field of given labels where nobody names one: ground_truth, or the only Classification that no run wrote."""
    written = {path.partition(".")[0] for run in runs.list_runs(dataset) for path in run.writes.values()}
    fields = [
        path
        for path in _fields_of(dataset, fo.Classification)
        if path not in written and "curates" not in (dataset.get_field(path).info or {})
    ]
    return "ground_truth" if "ground_truth" in fields else fields[0] if len(fields) == 1 else None


def _guide(dataset: fo.Dataset, place: str, name: str, given: str | None, rows: Rows, named: Named) -> None:
    """Labels to choose by, which leave no trace in what the run was made of: it holds when they change."""
    field = given or (usual_labels(dataset) if rows.field is None else rows.field)
    if given and given != rows.field and given not in _fields_of(dataset, fo.Classification):
        fields = ", ".join(_fields_of(dataset, fo.Classification)) or "none"
        raise ParamError(f"{place} must name a field of Classifications; got {given!r}. There are: {fields}")
    if field is not None:
        labels = list(rows.values(rows.path("label") if field == rows.field else f"{field}.label"))
        named.values[name] = GivenLabels.of(labels) if any(labels) else None
        named.sources["guide"] = {"field": field}


def _values(dataset: fo.Dataset, place: str, name: str, rows: Rows, named: Named) -> tuple[Any, dict[str, Any]]:
    path = f"{name}.label" if name in _fields_of(dataset, fo.Classification) else _own(dataset, rows, name)
    kind = dataset.get_field(path)
    if kind is None or not _is_plain(kind):
        raise ParamError(
            f"{place} must name a field with plain values; {name!r} "
            + (f"does not exist on dataset {dataset.name!r}" if kind is None else f"holds {type(kind).__name__}")
        )
    return list(rows.values(path)), _source(dataset, path)


def _predictions(
    dataset: fo.Dataset, place: str, name: str, rows: Rows, named: Named
) -> tuple[LabelValues, dict[str, Any]]:
    path, classes = name, dataset.classes.get(name) or dataset.default_classes or None
    if name in dataset.list_runs():
        run = runs.get_run(dataset, name)
        column = _predicted(run)
        if column is None:
            raise ParamError(
                f"{place} must name a run that predicted classes and is done; {name!r} ({run.label}) is not one. "
                f"There are: {', '.join(prediction_sources(dataset)) or 'none'}"
            )
        path, classes = run.writes[column], run.facts.get("classes")
        named.sources[name] = {**run.params, **run.facts, "key": name, "method": run.method}
        return _label_values(rows.values, path, classes, run.writes.get("logits")), _source(dataset, path)
    if name not in _fields_of(dataset, fo.Classification):
        raise ParamError(
            f"{place} must name a run that predicted classes or a field of Classifications; got {name!r}. "
            f"There are: {', '.join(prediction_sources(dataset)) or 'none'}"
        )
    return _label_values(rows.values, path, classes), _source(dataset, path)


def _likeliest(
    dataset: fo.Dataset, place: str, name: str, rows: Rows, named: Named
) -> tuple[LabelValues, dict[str, Any]]:
    """As `_predictions`; of a run that gave any number of classes, each row's likeliest, none where it gave none."""
    run = runs.get_run(dataset, name) if name in dataset.list_runs() else None
    column = _predicted(run, kinds.Labels) if run is not None and _predicted(run) is None else None
    if run is None or column is None:
        return _predictions(dataset, place, name, rows, named)
    inside = f"{run.writes[column]}.classifications"
    best = [
        max(zip(sure, labels, strict=True), key=lambda one: one[0]) if labels else None
        for labels, sure in zip(rows.values(f"{inside}.label"), rows.values(f"{inside}.confidence"), strict=True)
    ]
    given = GivenLabels.of([None if one is None else one[1] for one in best])
    named.sources[name] = {**run.params, **run.facts, "key": name, "method": run.method}
    confidence = np.array([np.nan if one is None else one[0] for one in best])
    return LabelValues(given.names, given.codes, confidence), _source(dataset, f"{inside}.label")


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


def _label_sets(
    dataset: fo.Dataset, place: str, name: str, rows: Rows, named: Named
) -> tuple[GivenSets, dict[str, Any]]:
    _expect(dataset, place, name, fo.Classifications)
    sets = list(rows.values(f"{name}.classifications.label"))
    names = tuple(sorted({label for one in sets for label in one or ()}))
    index = {label: code for code, label in enumerate(names)}
    present = np.zeros((len(sets), len(names)), dtype=bool)
    for number, one in enumerate(sets):
        present[number, [index[label] for label in one or ()]] = True
    known = np.array([one is not None for one in sets], dtype=bool)
    return GivenSets(names, present, known), _source(dataset, f"{name}.classifications.label")


def _detections(
    dataset: fo.Dataset, place: str, name: str, rows: Rows, named: Named
) -> tuple[GivenBoxes, dict[str, Any]]:
    _expect(dataset, place, name, fo.Detections)
    inside = f"{name}.detections"
    labels, boxes = list(rows.values(f"{inside}.label")), list(rows.values(f"{inside}.bounding_box"))
    confidence = list(rows.values(f"{inside}.confidence"))
    image = np.array([row for row, own in enumerate(labels) for _ in own or ()], dtype=np.int64)
    flat = GivenLabels.of([label or "" for own in labels for label in own or ()])
    return GivenBoxes(
        names=flat.names,
        rows=image,
        codes=flat.codes,
        boxes=_flat(boxes).reshape(len(image), 4),
        confidence=_flat([[np.nan if c is None else c for c in own or ()] for own in confidence]),
        known=np.array([own is not None for own in labels], dtype=bool),
    ), _source(dataset, f"{inside}.label")


def _members(dataset: fo.Dataset, place: str, name: str, rows: Rows, named: Named) -> tuple[Array, dict[str, Any]]:
    """Who is in a true-or-false field, has a tag, or is in a saved slice; in this order where a name is several."""
    path = _own(dataset, rows, name)
    if isinstance(dataset.get_field(path), fof.BooleanField):
        return np.array([value is True for value in rows.values(path)], dtype=np.bool_), _source(dataset, path)
    if name in dataset.distinct("tags"):
        return np.array([name in (own or ()) for own in rows.values("tags")], dtype=np.bool_), _source(dataset, "tags")
    if name in dataset.list_saved_views():
        members = set(rows_of(dataset.load_saved_view(name), rows.field).ids)
        source = {"field": rows.path("id"), "run": None, "made": None, "slice": name}
        return np.array([one in members for one in rows.ids], dtype=np.bool_), source
    raise ParamError(
        f"{place} must name a true-or-false field, a tag or a saved slice; got {name!r}. "
        f"There are: {', '.join(_members_of(dataset)) or 'none'}"
    )


def _own(dataset: fo.Dataset, rows: Rows, name: str) -> str:
    """A field's path; where the rows are objects that have such an attribute, its path inside their labels."""
    return rows.path(name) if dataset.get_field(rows.path(name)) is not None else resolved(dataset, name)[0]


READERS: dict[str, Callable[[fo.Dataset, str, str, Rows, Named], tuple[Any, dict[str, Any]]]] = {
    "values": _values,
    "members": _members,
    "predictions": _predictions,
    "said": _likeliest,
    "label_sets": _label_sets,
    "detections": _detections,
    "detected": _detections,
}


def _flat(rows: Sequence[Any]) -> Array:
    return np.array([value for own in rows for value in own or ()], dtype=np.float64)


def _expect(dataset: fo.Dataset, place: str, name: str, document: type[Any]) -> None:
    if name not in _fields_of(dataset, document):
        raise ParamError(
            f"{place} must name a field of {document.__name__}; got {name!r}. "
            f"There are: {', '.join(_fields_of(dataset, document)) or 'none'}"
        )


def _members_of(dataset: fo.Dataset) -> list[str]:
    flags = _paths_of(dataset, lambda kind: isinstance(kind, fof.BooleanField))
    return list(dict.fromkeys([*flags, *dataset.distinct("tags"), *dataset.list_saved_views()]))


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


def _is_plain(kind: fof.Field) -> bool:
    return isinstance(kind, PLAIN) or (isinstance(kind, fof.ListField) and isinstance(kind.field, PLAIN))
