"""Fields to arrays and arrays to fields.

Reading gives the rows that have all vectors a method needs and says which were left out and why; labels may
have gaps. Writing declares the fields, then sets all of them in one bulk update, by sample id.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import fiftyone.core.fields as fof
import numpy as np
from PIL import Image

from ..core import method as kinds
from ..core.method import Array, Column, Columns, GivenLabels, HeatmapValues, Inputs, LabelValues, Method, Progress
from ..core.params import ParamError, Params, domains, roles
from . import runs, searching, sidebar, store, subject, vector_store
from .curated import corrections
from .named import read_named
from .rows import BATCH, Rows, attribute, object_fields, regions, root_of, rows_of

TAGS = "tags"  # as a label field: the split that a sample's tags name
SPLITS = ("train", "val", "validation", "test")
GEOMETRY = (".bounding_box", ".points", ".mask")  # arrays of numbers that labels have of their own
MOST_INDEXES = 60  # MongoDB allows 64 per collection, and FiftyOne makes a few of its own


@dataclass(frozen=True)
class Reading:
    """What was read for a run.

    Attributes:
        inputs: the arrays, row by row.
        rows: where these rows are kept.
        params: the parameters, with what the target itself says: the field whose objects it shows.
        total: rows that the whole dataset has.
        skipped: rows left out.
        why_skipped: reason → number of rows.
        reads: role → {"field", "run", "made"}, as the run record keeps it.
        fingerprint: role → digest, as the run record keeps it.
    """

    inputs: Inputs
    rows: Rows
    params: Params
    total: int
    skipped: int = 0
    why_skipped: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Mapping[str, str] = field(default_factory=dict)


def read(samples: fo.DatasetView, params: Params, label: str, with_paths: bool = False) -> Reading:
    """Read what the parameters name: embeddings, labels; and the image files' paths if wanted.

    Args:
        label: who reads, for the error's sentence.

    Raises:
        ParamError: no rows, a field or run that is not there, or no row with usable vectors.
    """
    dataset = samples._root_dataset
    params = subject.settled(samples, params)
    about = subject.of(dataset, params)
    rows = rows_of(samples, about)
    if not len(rows):
        widen = "import images or widen the view" if about is None else f"none of its images has any in {about!r}"
        raise ParamError(f"{label} needs at least 1 {rows.word}, and the target has 0; {widen}")
    total = len(rows)
    reads: dict[str, Any] = {}
    sources: dict[str, Mapping[str, Any]] = {}
    fingerprint = {"samples": runs.digest(dataset.values("id" if about is None else rows.path("id")))}
    keep = np.ones(total, dtype=bool)
    vectors, why, labels = None, Counter[str](), None
    main, _ = _roles(params)

    if main.get("embeddings"):
        path, source, facts = find_vectors(dataset, main["embeddings"])
        reads["embeddings"], sources["embeddings"] = source, facts
        vectors, keep, why = _vectors(rows, path, facts)
    several = _several(dataset, rows, params, keep, why, reads, sources)
    files: list[str] = rows.values("filepath") if with_paths else []
    if with_paths and about is not None:
        margin = getattr(params, "margin", 0.0) or sources.get("embeddings", {}).get("margin") or 0.0
        files, good, reasons = regions(files, rows.boxes(), margin)
        keep, why = keep & good, why + reasons
        fingerprint["boxes"] = ""  # known when the run is complete
        if not keep.any():
            raise ParamError(
                f"No object in {about!r} has a box inside its image; mend its boxes, or name another field"
            )
    kept = rows if keep.all() else rows.only(keep)
    if vectors is not None and not keep.all():
        vectors = vectors[keep]
    if main.get("labels"):
        path = TAGS if main["labels"] == TAGS else label_path(dataset, main["labels"], about)
        labels = _splits(kept.values(path)) if path == TAGS else kept.values(path)
        reads["labels"] = {"field": path, "run": None, "made": None}
        fingerprint["labels"] = runs.digest(dataset.values(path))
        fingerprint["corrections"] = runs.digest(corrections(dataset, path))
        if all(value is None for value in labels):
            raise ParamError(
                f"No {rows.word} of the target has a label in {main['labels']!r}; label some, or name another field"
            )
    named = read_named(dataset, params, kept)
    fingerprint |= {
        role: runs.digest_of_source(dataset, source, about)
        for role, source in named.reads.items()
        if source["run"] is None
    }
    inputs = Inputs(
        n=len(kept),
        ids=kept.ids,
        paths=[path for path, good in zip(files, keep, strict=True) if good] if with_paths else (),
        embeddings=vectors,
        labels=GivenLabels.of(labels) if labels is not None else None,
        named={**named.values, **{name: tuple(matrix[keep] for matrix in many) for name, many in several.items()}},
        sources={**named.sources, **sources},
        graph_of=_graph_source(dataset, vectors) if vectors is not None else None,
        folder=str(store.folder(dataset)),
    )
    return Reading(
        inputs,
        kept,
        params,
        total=len(dataset) if about is None else dataset.count(rows.path("id")),
        skipped=total - len(kept),
        why_skipped=dict(why),
        reads={**reads, **named.reads},
        fingerprint=fingerprint,
    )


def vector_sources(dataset: fo.Dataset) -> list[str]:
    """Names that an `embeddings` parameter accepts on this dataset: runs first, the newest first, then plain fields."""
    made = [run.key for run in reversed(runs.list_runs(dataset)) if _makes_vectors(run)]
    schema = dict(dataset.get_field_schema())
    for objects in object_fields(dataset):
        root = root_of(dataset, objects)
        schema |= {f"{root}.{name}": kind for name, kind in dataset.get_field(root).field.get_field_schema().items()}
    plain = [path for path, kind in schema.items() if runs.is_vector_field(kind) and not path.endswith(GEOMETRY)]
    written = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    return made + [path for path in plain if path not in written]


def label_fields(dataset: fo.Dataset) -> list[str]:
    """Names that a `label_field` parameter accepts on this dataset: its Classification and text fields, and those
    of objects, which are for methods that work on objects.

    `tags` is accepted too and stands for the split that the tags name; it is no field of labels, so it is not listed.
    """
    found = []
    for path, schema in dataset.get_field_schema().items():
        if isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type is fo.Classification:
            found.append(path)
    own = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    found += [p for p, s in dataset.get_field_schema(ftype=fo.StringField).items() if p != "filepath"]
    return sorted(found, key=lambda path: path in own) + object_fields(dataset)


def label_path(dataset: fo.Dataset, name: str, objects: str | None = None) -> str:
    """Path of the labels that a `label_field` parameter names: the label inside a Classification, or a text field.

    Args:
        objects: the field whose objects the rows are; its name means their own labels.

    Raises:
        ParamError: no such field, or it holds no labels.
    """
    schema = dataset.get_field(name)
    if name in object_fields(dataset):
        if name == objects:
            return f"{root_of(dataset, name)}.label"
        raise ParamError(
            f"Label field {name!r} holds the labels of objects; name embeddings that compute_embeddings made of them "
            f"with patches_field={name!r}, or a label field of images: {_listed(label_fields(dataset))}"
        )
    if isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type is fo.Classification:
        return f"{name}.label"
    if isinstance(schema, fof.StringField):
        return name
    is_there = "is not a Classification or text field" if schema is not None else "does not exist"
    raise ParamError(
        f"Label field {name!r} {is_there} on dataset {dataset.name!r}; it has: {_listed(label_fields(dataset))}"
    )


def write(
    dataset: fo.Dataset,
    method: Method,
    key: str,
    into: Rows,
    columns: Columns,
    progress: Progress,
    numbered: Mapping[str, Sequence[int | None]] | None = None,
) -> tuple[dict[str, str], int]:
    """Write a method's columns as fields of run `key`: of the samples, or of the labels that its rows are.

    All of them are written, or none if anything fails.

    Args:
        numbered: columns whose vectors are in a file: (n,) the row number that each has there, None for none.

    Returns:
        column → field path, and the number of rows that got a value of the first column
    """
    paths = {name: into.path(method.column(name).field(key)) for name in columns.values}
    _clear_place(dataset, key, list(paths.values()))
    numbered = numbered or {}
    rows = np.flatnonzero(columns.rows) if columns.rows is not None else np.arange(len(into))
    try:
        _declare(dataset, method, key, paths, numbered)
        n = _update(dataset, method, paths, into, columns, numbered, rows, progress)
        for name, path in paths.items():
            if _is_map(method.column(name), columns.values[name]):
                ids = [into.ids[int(row)] for row in rows]
                _register_map(dataset, key, path, into.field, ids, np.asarray(columns.values[name])[rows])
        if method.makes_vectors:
            searching.register(dataset, key, paths[""], into.field, columns.facts, in_file="" in numbered)
        if into.field is None:  # the App lists a label's attributes under its label field by itself
            sidebar.add_group(dataset, key, [path for path in paths.values() if dataset.get_field(path) is not None])
    except BaseException:
        if key in dataset.list_brain_runs():
            dataset.delete_brain_run(key)
        declared = [path for path in paths.values() if dataset.get_field(path) is not None]
        if declared:
            dataset.delete_sample_fields(declared)
        raise
    return paths, n


def rewrite(
    dataset: fo.Dataset, method: Method, paths: Mapping[str, str], into: Rows, rows: Array, values: Any
) -> None:
    """Set fields of a run anew on some of its rows; what has no value any more is emptied.

    Args:
        paths: column → field.
        into: all rows.
        rows: the numbers of those to set.
        values: column → values of all rows.
    """
    plain = {
        path: _plain(method.column(name), values[name], into.ids, dataset.get_field(path))
        for name, path in paths.items()
    }
    alike: dict[str, tuple[dict[str, Any], list[int]]] = {}  # many rows get the same: those that leave their groups
    for row in rows.tolist():
        own = {path: of(row) for path, of in plain.items()}
        alike.setdefault(repr(own), (own, []))[1].append(row)
    now = {"last_modified_at": datetime.now(timezone.utc)}
    updates = [update for own, some in alike.values() for update in into.updates(some, {**own, **now})]
    for begin in range(0, len(updates), BATCH):
        dataset._bulk_write(updates[begin : begin + BATCH])


def _clear_place(dataset: fo.Dataset, key: str, paths: Sequence[str]) -> None:
    """Refuse fields that are there and not this run's; delete those that a run of this key died on writing."""
    there = {path: kind for path in paths if (kind := dataset.get_field(path)) is not None}
    for path, kind in there.items():
        if (kind.info or {}).get("run") != key and key not in dataset.list_brain_runs():
            raise ParamError(
                f"Field {path!r} exists already and is not this run's; choose another key or rename the field"
            )
    if key in dataset.list_brain_runs():
        dataset.delete_brain_run(key)
    left = [path for path in there if dataset.get_field(path) is not None]
    if left:
        dataset.delete_sample_fields(left)


def find_vectors(dataset: fo.Dataset, name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Path of the vectors that a name stands for, what the run record says of them, and what is known about their run.

    Raises:
        ParamError: no such run or field, or the run made no vectors.
    """
    if name in dataset.list_runs():
        run = runs.get_run(dataset, name)
        if run.status != "done":
            raise ParamError(f"The embeddings run {name!r} is {run.status}, not done; run it again or name another")
        if not _makes_vectors(run):
            raise ParamError(
                f"The run {name!r} ({run.label}) made no embeddings; name one of: {_listed(vector_sources(dataset))}"
            )
        facts = {**run.params, **run.facts, "key": name, "method": run.method}
        return run.writes[""], {"field": run.writes[""], "run": name, "made": run.finished}, facts
    if runs.is_vector_field(dataset.get_field(name)):
        return name, {"field": name, "run": None, "made": None}, {"key": name}
    raise ParamError(
        f"Dataset {dataset.name!r} has no embeddings run or vector field {name!r}; it has: "
        f"{_listed(vector_sources(dataset))}. Run compute_embeddings first"
    )


def _makes_vectors(run: runs.Run) -> bool:
    declared = run.declaration
    return declared is not None and run.status == "done" and declared.makes_vectors


def _vectors(rows: Rows, path: str, facts: Mapping[str, Any]) -> tuple[Array, Array, Counter[str]]:
    """(n, d) vectors of the rows, (n,) whether they can be used, and why not."""
    matrix, has = read_vectors(rows, path, facts)
    keep = np.isfinite(matrix).all(axis=1) & has
    why = Counter({"no vector": int((~has).sum()), "vector with NaN or infinite numbers": int((has & ~keep).sum())})
    if not keep.any():
        raise ParamError(f"Every vector in {path!r} holds NaN or infinite numbers; compute them again")
    return matrix, keep, +why


def read_vectors(rows: Rows, path: str, facts: Mapping[str, Any]) -> tuple[Array, Array]:
    """The vectors of the rows, wherever they are kept.

    Args:
        path: as `find_vectors` gives it.
        facts: of the run that made them.

    Returns:
        (n, d) float32, NaN for none; and (n,) bool, whether the row has a vector

    Raises:
        ParamError: no row has one, or they differ in length.
    """
    if "stored" in facts:
        return vector_store.read(facts["stored"], rows.values(path), facts.get("key") or path)
    matrix, lengths = rows.vectors(path)
    if not lengths:
        raise ParamError(f"No {rows.word} of the target has a vector in {path!r}; compute embeddings for it first")
    if len(lengths) > 1:
        found = ", ".join(f"{length} numbers on {count:,} {rows.word}s" for length, count in lengths.most_common())
        raise ParamError(f"The vectors in {path!r} differ in length: {found}; compute them again with one model")
    if sum(lengths.values()) == len(rows):
        return matrix, np.ones(len(rows), dtype=bool)
    return matrix, np.asarray(~np.isnan(matrix).all(axis=1))


def _roles(params: Params) -> tuple[dict[str, Any], list[str]]:
    """Role → what is named, for single embeddings and labels; and the parameters that name several embeddings."""
    known, main, several = domains(type(params)), {}, []
    for name, role in roles(type(params)).items():
        if role in ("embeddings", "labels"):
            if known[name].many:
                several.append(name)
            else:
                main[role] = getattr(params, name)
    return main, several


def _several(
    dataset: fo.Dataset,
    rows: Rows,
    params: Params,
    keep: Array,
    why: Counter[str],
    reads: dict[str, Any],
    sources: dict[str, Mapping[str, Any]],
) -> dict[str, list[Array]]:
    """Parameter → one matrix for each of the embeddings that it names; rows that lack one leave `keep`."""
    found: dict[str, list[Array]] = {}
    for name in _roles(params)[1]:
        found[name] = []
        for number, key in enumerate(getattr(params, name)):
            path, source, facts = find_vectors(dataset, key)
            reads[f"{name}.{number}"], sources[key] = {"role": "embeddings", **source}, facts
            matrix, has, lacking = _vectors(rows, path, facts)
            found[name].append(matrix)
            why.update({f"{reason} in {key!r}": count for reason, count in lacking.items()})
            keep &= has
    if not keep.any():
        raise ParamError("No sample of the target has a vector in each of the embeddings; compute those that lack")
    return found


def _splits(tags: Sequence[Sequence[str]]) -> list[str | None]:
    """The tag that names each sample's split, None where there is none."""
    of = [[tag for tag in SPLITS if tag in (own or ())] for own in tags]
    torn = [found for found in of if len(found) > 1]
    if torn:
        raise ParamError(
            f"Each sample must have at most one of the tags {', '.join(SPLITS)}; {len(torn):,} have more, "
            f"such as {' and '.join(torn[0])}: take one away, or name a field that holds the split"
        )
    return [found[0] if found else None for found in of]


def _graph_source(dataset: fo.Dataset, x: Array) -> Callable[[int, str, Progress], Any]:
    return lambda k, metric, progress: store.shared_graph(dataset, x, k, metric, progress)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _declare(
    dataset: fo.Dataset, method: Method, key: str, paths: Mapping[str, str], numbered: Mapping[str, Any]
) -> None:
    for name, path in paths.items():
        column = method.column(name)
        ftype, options = _field_type(column) if name not in numbered else (fo.IntField, {})
        info = {"run": key, "column": name, "best": column.best}
        dataset.add_sample_field(path, ftype, description=column.said, info=info, **options)
        if len(dataset.list_indexes()) < MOST_INDEXES:
            if column.type in (kinds.Label, kinds.Labels):
                inner = "label" if column.type is kinds.Label else "classifications.label"
                dataset.create_index(f"{path}.{inner}")
            elif column.best or column.group or column.type is bool:
                dataset.create_index(path)


def _field_type(column: Column) -> tuple[type[fof.Field], dict[str, Any]]:
    simple: dict[Any, tuple[type[fof.Field], dict[str, Any]]] = {
        bool: (fo.BooleanField, {}),
        int: (fo.IntField, {}),
        float: (fo.FloatField, {}),
        str: (fo.StringField, {}),
        list[float]: (fo.ListField, {"subfield": fo.FloatField}),
        list[str]: (fo.ListField, {"subfield": fo.StringField}),
        kinds.Vector: (fo.VectorField, {}),
        kinds.Point: (fo.ListField, {"subfield": fo.FloatField}),
        kinds.Neighbors: (fo.ListField, {"subfield": fo.StringField}),
        kinds.Label: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Classification}),
        kinds.Labels: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Classifications}),
        kinds.Heatmap: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Heatmap}),
    }
    return simple[column.type]


def _update(
    dataset: fo.Dataset,
    method: Method,
    paths: Mapping[str, str],
    into: Rows,
    columns: Columns,
    numbered: Mapping[str, Sequence[int | None]],
    rows: Array,
    progress: Progress,
) -> int:
    plain: dict[str, Callable[[int], Any]] = {
        path: numbered[name].__getitem__
        if name in numbered
        else _plain(method.column(name), columns.values[name], into.ids, dataset.get_field(path))
        for name, path in paths.items()
    }
    first = next(iter(paths.values()), None)
    n = 0
    for begin in range(0, len(rows), BATCH):
        updates = []
        now = datetime.now(timezone.utc)
        for row in rows[begin : begin + BATCH]:
            values = {path: value for path, of in plain.items() if (value := of(int(row))) is not None}
            n += first is None or first in values
            if values:
                updates.append(into.update(int(row), {**values, "last_modified_at": now}))
        if updates:
            dataset._bulk_write(updates)
        progress(min(begin + BATCH, len(rows)), len(rows), "writing fields")
    return n


def _plain(column: Column, values: Any, ids: Sequence[str], schema: fof.Field) -> Callable[[int], Any]:
    """Row → the value as the database holds it, None for no value."""
    if column.type is kinds.Label:
        return lambda row: _classification(values, row)
    if column.type is kinds.Labels:
        return lambda row: _classifications(values, row)
    if column.type is kinds.Heatmap:
        return lambda row: _heatmap(values, row, ids[row])
    if column.type is kinds.Neighbors:
        return lambda row: [ids[other] for other in values[row] if other >= 0]
    if column.type is kinds.Vector:
        return lambda row: (
            schema.to_mongo(np.asarray(values[row], np.float32)) if np.isfinite(values[row]).all() else None
        )
    if column.type in (kinds.Point, list[float]):
        return lambda row: None if values[row] is None else [float(value) for value in values[row]]
    if column.type == list[str]:
        return lambda row: None if values[row] is None else [str(value) for value in values[row]]
    cast: Callable[[Any], Any] = column.type
    return lambda row: None if values[row] is None or values[row] != values[row] else cast(values[row])


def _classification(values: LabelValues, row: int) -> dict[str, Any] | None:
    code = int(values.codes[row])
    if code < 0:
        return None
    logits = values.logits[row] if values.logits is not None else None
    return dict(
        fo.Classification(label=values.classes[code], confidence=float(values.confidence[row]), logits=logits).to_dict()
    )


def _classifications(values: LabelValues, row: int) -> dict[str, Any]:
    given = [
        fo.Classification(label=values.classes[code], confidence=float(values.confidence[row, code]))
        for code in np.flatnonzero(values.codes[row])
    ]
    logits = values.logits[row] if values.logits is not None else None
    return dict(fo.Classifications(classifications=given, logits=logits).to_dict())


def _heatmap(values: HeatmapValues, row: int, sample_id: str) -> dict[str, Any] | None:
    """The map itself, or where its file lies."""
    if not values.known[row]:
        return None
    if values.folder is None:
        return dict(fo.Heatmap(map=values.maps[row]).to_dict())
    path = Path(values.folder) / f"{sample_id}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.maps[row]).save(path)
    return dict(fo.Heatmap(map_path=str(path)).to_dict())


def _is_map(column: Column, values: Any) -> bool:
    return column.type is kinds.Point and np.asarray(values).shape[1] == 2


def _register_map(
    dataset: fo.Dataset, key: str, path: str, patches_field: str | None, ids: Sequence[str], points: Array
) -> None:
    """Make the points known to the App's own Embeddings panel."""
    description, info = dataset.get_field(path).description, dataset.get_field(path).info
    dataset.delete_sample_field(path)  # the visualization makes the field itself, with its spatial index
    logger = logging.getLogger("fiftyone.brain")
    level = logger.level
    logger.setLevel(logging.WARNING)  # it would announce its index in the middle of our progress
    try:
        fob.compute_visualization(
            dataset,
            patches_field=patches_field,
            points=dict(zip(ids, points.astype(np.float64), strict=True)),
            brain_key=key,
            points_field=path if patches_field is None else attribute(dataset, patches_field, path),
            create_index=bool(np.ptp(points) > 0),  # MongoDB refuses to index a map that is a single point
            progress=False,
        )
    finally:
        logger.setLevel(level)
    made = dataset.get_field(path)
    made.description, made.info = description, info
    made.save()
