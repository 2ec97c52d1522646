"""What can be named on a dataset: embeddings and label fields, by run or field, and where their values lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np

from ...core.base.arrays import Array
from ...core.base.params import ParamError
from ...core.embeddings.choose_model import best_first
from ..fields.rows import Rows, object_fields, root_of
from ..runs import record as runs
from ..storage import vectors as vector_store
from .evidence import best_told_first, measured

TAGS = "tags"  # as a field of splits: the split that a sample's tags name
GEOMETRY = (".bounding_box", ".points", ".mask")  # arrays of numbers that labels have of their own


def vector_sources(dataset: fo.Dataset) -> list[str]:
    """Names that an `embeddings` parameter accepts on this dataset: runs first, the best first, then plain fields.

    A run of the whole dataset comes before those of a part of it; how models are ranked is in `best_first`. Where
    several were measured by how well they tell the same labels, that decides between them.
    """
    every = runs.list_runs(dataset)
    found = [run for run in reversed(every) if _makes_vectors(run)]
    order = best_first([run.facts for run in found])
    made = [found[place].key for place in sorted(order, key=lambda place: found[place].target != "dataset")]
    schema = dict(dataset.get_field_schema())
    for objects in object_fields(dataset):
        root = root_of(dataset, objects)
        schema |= {f"{root}.{name}": kind for name, kind in dataset.get_field(root).field.get_field_schema().items()}
    plain = [path for path, kind in schema.items() if runs.is_vector_field(kind) and not path.endswith(GEOMETRY)]
    written = {path for run in every for path in run.writes.values()}
    return best_told_first(made + [path for path in plain if path not in written], measured(every))


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
    inside = (field for field in object_fields(dataset) if name.startswith(f"{root_of(dataset, field)}."))
    if (owner := next(inside, None)) is not None and owner != objects:
        name = owner  # a path inside objects, and images are asked for
    if name in object_fields(dataset):
        if name == objects:
            return f"{root_of(dataset, name)}.label"
        of_images = [field for field in label_fields(dataset) if field not in object_fields(dataset)]
        raise ParamError(
            f"Label field {name!r} holds the labels of objects; name embeddings that compute_embeddings made of them "
            f"with patches_field={name!r}, or a label field of images: {_listed(of_images)}"
        )
    if isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type is fo.Classification:
        return f"{name}.label"
    if isinstance(schema, fof.StringField):
        return name
    is_there = "is not a Classification or text field" if schema is not None else "does not exist"
    raise ParamError(
        f"Label field {name!r} {is_there} on dataset {dataset.name!r}; it has: {_listed(label_fields(dataset))}"
    )


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


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
