"""Fields to arrays: what a method's parameters name, as its `Inputs`.

The rows are those that have all vectors the method needs; which were left out and why is said. Labels may have gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np

from ...core.base.arrays import Array, Progress
from ...core.base.inputs import GivenLabels, Inputs
from ...core.base.params import ParamError, Params, domains, roles
from ...core.embeddings.choose_model import best_first
from ..fields.curated_labels import corrections
from ..fields.rows import Rows, object_fields, regions, root_of, rows_of
from ..runs import record as runs
from ..runs.fingerprints import digest, digest_of_source
from ..storage import arrays as store
from ..storage import vectors as vector_store
from . import target as subject
from .roles import read_named

TAGS = "tags"  # as a label field: the split that a sample's tags name
SPLITS = ("train", "val", "validation", "test")
GEOMETRY = (".bounding_box", ".points", ".mask")  # arrays of numbers that labels have of their own


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
    fingerprint = {"samples": digest(dataset.values("id" if about is None else rows.path("id")))}
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
    if main.get("labels"):  # classes or, for methods about splits, each sample's split
        path = TAGS if main["labels"] == TAGS else label_path(dataset, main["labels"], about)
        labels = _splits(kept.values(path)) if path == TAGS else kept.values(path)
        reads["labels"] = {"field": path, "run": None, "made": None}
        fingerprint["labels"] = digest(dataset.values(path))
        fingerprint["corrections"] = digest(corrections(dataset, path))
        if all(value is None for value in labels):
            raise ParamError(
                f"No {rows.word} of the target has a label in {main['labels']!r}; label some, or name another field"
            )
    named = read_named(dataset, params, kept)
    fingerprint |= {
        role: digest_of_source(dataset, source, about) for role, source in named.reads.items() if source["run"] is None
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
    """Names that an `embeddings` parameter accepts on this dataset: runs first, the best first, then plain fields.

    A run of the whole dataset comes before those of a part of it; how models are ranked is in `best_first`.
    """
    found = [run for run in reversed(runs.list_runs(dataset)) if _makes_vectors(run)]
    order = best_first([run.facts for run in found])
    made = [found[place].key for place in sorted(order, key=lambda place: found[place].target != "dataset")]
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
        if role in ("embeddings", "labels", "splits"):
            if known[name].many:
                several.append(name)
            else:
                main["embeddings" if role == "embeddings" else "labels"] = getattr(params, name)
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
