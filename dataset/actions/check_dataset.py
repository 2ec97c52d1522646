"""One check of everything that applies: which methods a dataset can be judged by, run in turn, and what they found.

What is there decides: embeddings or files for them, a label field, splits, sets of labels, boxes with predictions.
Runs that hold are kept. The summary is a record of its own, one for images and one for each field whose objects were
checked: for each method how many samples or objects it points at, how serious that is, and a sentence that says what it
means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.columns import Column
from ...core.base.method import SEVERITIES, Method
from ...core.base.params import ParamError, Params, domains, param, roles
from ...core.catalog import METHODS, method_named
from ..curate import curate, said_of
from ..fields import marks
from ..fields.rows import Rows, attribute, object_fields, root_of, rows_of
from ..fields.splits import split_names
from ..inputs import roles as named
from ..inputs import target as subject
from ..inputs.sources import TAGS, label_fields, label_path, vector_sources
from ..runs import record as runs
from ..runs.fingerprints import digest
from ..runs.freshness import Freshness
from ..runs.record import Run
from .action import Action

NAME = "check_dataset"
KEY = "check"


@dataclass(frozen=True, kw_only=True)
class CheckDatasetParams(Params):
    """Run every check that fits this dataset: labels, copies, leaks, files, outliers, shortcuts."""

    embeddings: str | None = param(
        None, "Embeddings; empty: the best ones there, or new ones by the model that auto chooses", reads="embeddings"
    )
    label_field: str | None = param(
        None, "Labels to check; empty: the first label field, or the objects' labels", reads="labels"
    )
    patches_field: str | None = param(
        None, "Label field whose objects to check, one by one; empty: whole images", reads="objects"
    )


def check_dataset(samples: fo.DatasetView, params: CheckDatasetParams, progress: Progress) -> dict[str, Any]:
    """Run what applies and write the summary's record."""
    dataset = samples._root_dataset
    if dataset.media_type not in (None, "image"):
        raise ParamError(f"Check dataset works on images; dataset {dataset.name!r} holds {dataset.media_type}")
    params = subject.settled(samples, params)
    about = subject.of(dataset, params)
    params = replace(params, patches_field=about)
    rows = rows_of(samples, about)
    if not len(rows):
        widen = "widen the target" if about is None else f"none of its images has any in {about!r}"
        raise ParamError(f"Check dataset needs at least 1 {rows.word}, and the target has 0; {widen}")
    if about is None and samples._is_patches:
        samples = dataset.select(list(rows.ids))
    key = key_of(about)
    known = [run for run in runs.list_runs(dataset) if run.key == key]
    if known and known[0].method != NAME or not known and runs.is_taken(dataset, key):
        raise ParamError(f"The name {key!r} is taken by something else on dataset {dataset.name!r}; rename that first")
    record = runs.start(dataset, Run(key=key, method=NAME, params=params.to_dict(), patches_field=about))
    whole = len(rows) == dataset.count(rows.path("id"))
    try:
        done, refused = _run_all(samples, params, whole, progress)
    except BaseException as error:
        runs.fail(dataset, record, str(error) or type(error).__name__)
        raise
    facts = summary(samples, rows, done, refused)
    reads = {
        run.key: {"field": next(iter(run.writes.values()), ""), "run": run.key, "made": run.finished} for run in done
    }
    record = replace(record, reads=reads, n=len(rows), target="dataset" if whole else "view", facts=facts)
    runs.finish(dataset, replace(record, fingerprint={"samples": digest(dataset.values(rows.path("id")))}))
    return {"headline": facts["headline"], "key": key, **{issue["run"]: issue["count"] for issue in facts["issues"]}}


def key_of(about: str | None) -> str:
    """Key of the summary's record.

    Args:
        about: the field whose objects are checked; None for images.
    """
    return KEY if about is None else f"{KEY}_{about}"


def steps(dataset: fo.Dataset, params: CheckDatasetParams) -> list[tuple[str, dict[str, Any]]]:
    """Methods that find something and that apply here, with their parameters, in the catalog's order.

    What their parameters name is found by its role: embeddings come first where there are none.
    """
    about = params.patches_field
    plan: list[tuple[str, dict[str, Any]]] = []
    embeddings = params.embeddings or next(iter(_vectors_of(dataset, about)), None)
    if embeddings is None:
        embeddings = runs.free_key(dataset, method_named("compute_embeddings").key)
        plan.append(("compute_embeddings", _without_gaps({"model": "auto", "patches_field": about})))
    there = {
        "embeddings": embeddings,
        "labels": params.label_field or about or _given_labels(dataset),
        "splits": _splits(dataset),
        "objects": about,
        **({} if about is not None else _of_images(dataset)),
    }
    for method in METHODS:
        given = _given(method, there) if method.finding is not None else None
        if given is not None:
            plan.append((method.name, given))
    return plan


def _given(method: Method, there: Mapping[str, str | None]) -> dict[str, Any] | None:
    """The parameters of a method that name something, by role; None where it needs what is not there."""
    known = domains(method.params)
    named = {name: there.get(role) for name, role in roles(method.params).items() if not known[name].many}
    if any(name is None and not known[parameter].optional for parameter, name in named.items()):
        return None
    return _without_gaps(named)


def _without_gaps(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _of_images(dataset: fo.Dataset) -> dict[str, str | None]:
    """Role → what whole images hold of it: sets of labels, and boxes with predicted ones."""
    own = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    sets = [path for path in named.fields_for(dataset, "label_sets") if path not in own]
    boxes = named.fields_for(dataset, "detections")
    predicted = [path for path in boxes if "pred" in path.lower()]
    given = [path for path in boxes if path not in predicted]
    return {
        role: next(iter(found), None)
        for role, found in (("label_sets", sets), ("detections", given), ("detected", predicted))
    }


def summary(
    samples: fo.DatasetView, rows: Rows, done: Sequence[Run], refused: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """What was found, the most serious and most frequent first.

    Args:
        rows: what was checked: the samples, or their objects.
        done: the runs.
        refused: {"method", "why"} of the methods that could not run.
    """
    by_method = {run.method: run for run in done}
    issues, fine = [], []
    for method in METHODS:
        run, finding = by_method.get(method.name), method.finding
        if run is None or finding is None or method.marking is None or method.marking.name not in run.writes:
            continue
        count = _count(samples, rows, method.marking, run)
        about: dict[str, Any] = {
            "run": run.key,
            "method": run.method,
            "title": finding.title,
            "severity": finding.severity,
        }
        if count:
            issues.append({**about, "count": count, "said": finding.sentence, "headline": run.headline})
        else:
            fine.append(finding.title)
    issues.sort(key=lambda issue: (SEVERITIES.index(issue["severity"]), -issue["count"]))
    serious = [f"{issue['count']:,} {_lower(issue['title'])}" for issue in issues[:3]]
    more = len(issues) - len(serious)
    said = ", ".join(serious) + (f" and {more} more kind{'' if more == 1 else 's'}" if more else "")
    headline = f"{said} among {len(rows):,} samples" if issues else f"Nothing found in {len(rows):,} samples"
    return {
        "headline": said_of(rows, headline),
        "issues": issues,
        "fine": fine,
        "not_checked": [dict(one) for one in refused],
    }


def _count(samples: fo.DatasetView, rows: Rows, column: Column, run: Run) -> int:
    """How many of the target's samples or objects a run points at."""
    path, dataset = run.writes[column.name], samples._root_dataset
    if rows.field is None:
        return int(samples.match(marks.expression(column, path)).count())
    shown = dataset.select_labels(ids=list(rows.ids), fields=rows.field) if samples._is_patches else samples
    found = shown.filter_labels(rows.field, marks.expression(column, attribute(dataset, rows.field, path)))
    return int(found.count(root_of(dataset, rows.field)))


def _run_all(
    samples: fo.DatasetView, params: CheckDatasetParams, whole: bool, progress: Progress
) -> tuple[list[Run], list[dict[str, str]]]:
    dataset = samples._root_dataset
    plan = steps(dataset, params)
    done: list[Run] = []
    refused: list[dict[str, str]] = []
    for number, (name, given) in enumerate(plan):
        label = method_named(name).label
        within = _within(progress, number, len(plan), label)
        within(0, 1)
        try:
            kept = _kept(dataset, name, given, params.patches_field) if whole else None
            done.append(kept or _fresh(samples, name, given, within))
        except ParamError as error:
            refused.append({"method": label, "why": str(error)})
    progress(len(plan), len(plan), "summing up")
    return done, refused


def _within(progress: Progress, number: int, count: int, label: str) -> Progress:
    """Progress of one step as progress of the whole."""

    def said(done: int, total: int, doing: str = "") -> None:
        progress(1000 * number + 1000 * done // max(total, 1), 1000 * count, f"{label}: {doing}")

    return said


def _kept(dataset: fo.Dataset, name: str, given: Mapping[str, Any], about: str | None) -> Run | None:
    """A run of the whole dataset that holds and read the same, whatever its other parameters are."""
    fresh = Freshness(dataset)
    for run in reversed(runs.list_runs(dataset)):
        same = run.method == name and run.status == "done" and run.target == "dataset" and run.patches_field == about
        wanted = {key: value for key, value in given.items() if value is not None}
        if same and wanted.items() <= dict(run.params).items() and not fresh.stale_reason(run.key):
            return run
    return None


def _fresh(samples: fo.DatasetView, name: str, given: Mapping[str, Any], progress: Progress) -> Run:
    key = runs.free_key(samples._root_dataset, method_named(name).key)
    return curate(samples, name, key=key, progress=progress, **given)


def _vectors_of(dataset: fo.Dataset, about: str | None) -> list[str]:
    """Embeddings of the objects of a field, or of images where it is None; the best first."""
    return [name for name in vector_sources(dataset) if subject.of_name(dataset, name) == about]


def _given_labels(dataset: fo.Dataset) -> str | None:
    """The first field of Classifications that no run of ours wrote and that is no copy of another."""
    own = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    for path, kind in dataset.get_field_schema(ftype=fo.EmbeddedDocumentField).items():
        if kind.document_type is fo.Classification and path not in own and "curates" not in (kind.info or {}):
            return str(path)
    return None


def _splits(dataset: fo.Dataset) -> str | None:
    """Where the splits are named: in the tags, or in a field that holds names of splits only; None if there are none.

    Two splits at least: one alone has no other to leak into.
    """
    if len(split_names(dataset.distinct(TAGS))) > 1:
        return TAGS
    for path in label_fields(dataset):
        if path not in object_fields(dataset):
            names = dataset.distinct(label_path(dataset, path))
            if 1 < len(names) == len(split_names(names)):
                return path
    return None


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


ACTION = Action(
    name=NAME,
    label="Check dataset",
    stage="understand",
    params=CheckDatasetParams,
    run=check_dataset,
    risk="medium",
)
