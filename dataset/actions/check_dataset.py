"""One check of everything that applies: which methods a dataset can be judged by, run in turn, and what they found.

What is there decides: embeddings or files for them, a label field, splits, sets of labels, boxes with predictions.
Runs that hold are kept. The summary is a record of its own, one for images and one for each field whose objects were
checked: for each method how many samples or objects it points at, how serious that is, and a sentence that says what it
means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
from fiftyone import ViewField as F
from pymongo.errors import PyMongoError

from ...core import checking
from ...core.base.arrays import Progress
from ...core.base.columns import Column
from ...core.base.errors import Interrupted
from ...core.base.method import Method
from ...core.base.params import ParamError, Params, domains, param, roles
from ...core.catalog import METHODS, method_named
from ..curate import curate, rerun, said_of
from ..fields import marks
from ..fields.rows import Rows, alters, attribute, object_fields, root_of, rows_of
from ..fields.rows import every as all_of
from ..fields.splits import split_names
from ..fields.working_set import EXCLUDED, Choice, in_use, sentence
from ..inputs import roles as named
from ..inputs import target as subject
from ..inputs.annotations import OURS, annotation_fields, is_predicted
from ..inputs.evidence import measured_by
from ..inputs.sources import TAGS, find_vectors, label_fields, label_path, vector_sources
from ..inputs.views import need_images
from ..runs import record as runs
from ..runs.fingerprints import digest
from ..runs.freshness import Freshness
from ..runs.record import Run
from . import check_history
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
    need_images(samples, "Check dataset")
    params = subject.settled(samples, params)
    about = subject.of(dataset, params)
    if params.embeddings is not None:
        find_vectors(dataset, params.embeddings)
    if params.label_field is not None:
        label_path(dataset, params.label_field, about)
    params = replace(params, patches_field=about)
    every = rows_of(samples, about)
    rows = every.only(in_use(every))
    if not len(rows):
        widen = "widen the target" if about is None else f"none of its images has any in {about!r}"
        widen = f"all {len(every):,} are excluded" if len(every) else widen
        raise ParamError(f"Check dataset needs at least 1 {rows.word}, and the target has 0; {widen}")
    if about is None and samples._is_patches:
        samples = all_of(dataset).select(list(every.ids))
    key = key_of(about)
    known = [run for run in runs.list_runs(dataset) if run.key == key]
    if known and known[0].method != NAME or not known and runs.is_taken(dataset, key):
        raise ParamError(f"The name {key!r} is taken by something else on dataset {dataset.name!r}; rename that first")
    whole = len(every) == all_of(dataset).count(every.path("id")) and not alters(samples)
    target = "dataset" if whole else "view"
    made = known[0].facts.get("made", ()) if known and known[0].target == target else ()
    record = runs.start(dataset, Run(key=key, method=NAME, params=params.to_dict(), patches_field=about))
    try:
        check = Check(samples, rows, whole, tuple(made))
        check.run(params, progress)
    except BaseException as error:
        runs.give_up(dataset, record, error)
        raise
    facts = {**summary(check), "made": sorted({*made, *check.made} & {run.key for run in check.done})}
    before = known[0] if known and known[0].target == target else None
    added = check_history.entry(samples, rows, len(every), check.done, facts["issues"])
    facts["history"] = check_history.extended(before, added)
    if len(rows) < len(every):
        facts["working_set"] = sentence(rows.word, len(rows), len(every), 0)
    reads = {
        run.key: {"field": next(iter(run.writes.values()), ""), "run": run.key, "made": run.finished}
        for run in check.done
    }
    record = replace(record, reads=reads, n=len(rows), skipped=len(every) - len(rows), target=target, facts=facts)
    runs.finish(dataset, replace(record, fingerprint={"samples": digest(all_of(dataset).values(rows.path("id")))}))
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
    about, there = params.patches_field, _there(dataset, params)
    plan: list[tuple[str, dict[str, Any]]] = []
    if there["embeddings"] is None:
        there["embeddings"] = runs.free_key(dataset, method_named("compute_embeddings").key)
        plan.append(("compute_embeddings", {"model": "auto", **({} if about is None else {"patches_field": about})}))
    plan += [(method.name, given) for method, given in checking.applicable(there)]
    return plan


def _there(dataset: fo.Dataset, params: CheckDatasetParams) -> dict[str, str | None]:
    """Role → what the dataset holds of it; None for nothing."""
    about = params.patches_field
    return {
        "embeddings": params.embeddings or next(iter(_vectors_of(dataset, about)), None),
        "labels": params.label_field or about or given_labels(dataset),
        "splits": _splits(dataset),
        "objects": about,
        **({} if about is not None else _of_images(dataset)),
    }


def _of_images(dataset: fo.Dataset) -> dict[str, str | None]:
    """Role → what whole images hold of it: sets of labels, and boxes with predicted ones."""
    own = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    sets = [path for path in named.fields_for(dataset, "label_sets") if path not in own]
    boxes = [path for path in named.fields_for(dataset, "detections") if path not in own]
    predicted = [path for path in boxes if is_predicted(dataset, path, f"{path}.detections.confidence")]
    given = [path for path in boxes if path not in predicted]
    labels = annotation_fields(dataset)
    return {
        role: next(iter(found), None)
        for role, found in (
            ("label_sets", sets),
            ("detections", given),
            ("detected", predicted),
            ("annotations", labels),
            ("numbers", [path for path in named.regression_fields(dataset) if path not in own]),
        )
    }


def summary(check: Check) -> dict[str, Any]:
    """What was found, and how much of the target each kind looked at, as the record keeps it."""
    by_method = {run.method: run for run in check.done}
    runs_of = [(method, by_method[method.name]) for method in METHODS if method.name in by_method]
    found = [one for method, run in runs_of if (one := _found(check, method, run)) is not None]
    facts = checking.summary(found, check.refused, check.not_here, len(check.rows))
    return facts | {"headline": said_of(check.rows, facts["headline"])}


def _found(check: Check, method: Method, run: Run) -> checking.Found | None:
    """What one run found; None where it marks nothing by its declaration."""
    rows, finding, column = check.rows, method.finding, method.marking
    if finding is None or column is None or column.name not in run.writes:
        return None
    looked = check.count(_has_value, checking.seen_column(method, run.writes), run)
    count = check.count_classes(column, run) if finding.of_classes else check.count(marks.expression, column, run)
    labels = check.given[method.name].get("label_field") if finding.severity == "serious" else None
    told = measured_by(run)
    return checking.Found(
        method,
        run.key,
        looked,
        count,
        run.headline,
        checking.why_not(method, len(rows), looked, run.facts.get("skipped") or {}, rows.word),
        labels if labels != rows.field else None,
        check.expected_wrong(method, run, column, count) if count and not finding.of_classes else None,
        run.facts.get("told_by"),
        f"The vectors of {told.embeddings} {told.sentence}." if told else "",
    )


def _has_value(column: Column, path: str) -> Any:
    return F(path) != None  # noqa: E711


@dataclass
class Check:
    """The steps of a check, one after another.

    Attributes:
        samples: the target.
        rows: its samples or objects that are in use.
        whole: the target is the dataset as it stands.
        ours: keys of the runs that an earlier check made; they are replaced, not made again beside themselves.
        done: the runs that hold.
        refused: {"method", "title", "why"} of the methods that could not run.
        not_here: the same of methods that need what the dataset does not have.
        given: method → the parameters that name something.
        made: keys of runs that this check made.
    """

    samples: fo.DatasetView
    rows: Rows
    whole: bool
    ours: tuple[str, ...]
    done: list[Run] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    not_here: list[dict[str, str]] = field(default_factory=list)
    given: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> fo.Dataset:
        """What the target is of."""
        return self.samples._root_dataset

    def run(self, params: CheckDatasetParams, progress: Progress) -> None:
        """Embed what has no vectors yet, then run every step that applies."""
        there = _there(self.dataset, params)
        plan = steps(self.dataset, params)
        if there["embeddings"] is not None:
            self._embed_new(there["embeddings"], _within(progress, 0, len(plan) + 1, "Compute embeddings"))
        for number, (name, given) in enumerate(plan, 1):
            self.given[name] = given
            method = method_named(name)
            within = _within(progress, number, len(plan) + 1, method.label)
            within(0, 1)
            try:
                self.done.append(self._step(method, given, within))
            except (Interrupted, PyMongoError):  # stopped, or the database is away: nothing that follows can run either
                raise
            except Exception as error:  # noqa: BLE001 - one method's failure, whatever it is, stops no other
                self.refused.append(checking.gap(method, checking.refusal(error)))
        self.not_here = checking.not_here(there, self.given, self.rows.word)
        progress(len(plan) + 1, len(plan) + 1, "summing up")

    def _embed_new(self, name: str, progress: Progress) -> None:
        """Bring a run of embeddings of the whole dataset up to date; what has not changed is taken over."""
        run = next((run for run in runs.list_runs(self.dataset) if run.key == name), None)
        if run is None or run.target != "dataset" or "reuse" not in run.params:
            return
        if run.status == "done" and Freshness(self.dataset).stale_reason(name):
            rerun(self.dataset, name, progress)

    def _step(self, method: Method, given: Mapping[str, Any], progress: Progress) -> Run:
        """A run that holds; else the run anew, under its own key where it was made with the same or by a check."""
        earlier = self._earlier(method.name, given)
        holds = earlier is not None and self._is_same(earlier, given)
        if earlier is not None and holds and not Freshness(self.dataset).stale_reason(earlier.key):
            return earlier
        key = earlier.key if earlier is not None else self._key(method)
        wanted = {**earlier.params, **given} if earlier is not None and earlier.target == "dataset" else dict(given)
        try:
            made = curate(
                self.samples, method.name, key=key, overwrite=earlier is not None, progress=progress, **wanted
            )
        except ParamError:
            label = _label_that_helps(method)
            if label is None or label not in wanted:
                raise
            wanted[label] = None  # labels that only help: copies are found without
            made = curate(
                self.samples, method.name, key=key, overwrite=earlier is not None, progress=progress, **wanted
            )
        self.made.append(made.key)
        return made

    def _key(self, method: Method) -> str:
        """The method's own key where it is free or holds a failed try of it, which is replaced; else the next."""
        there = next((run for run in runs.list_runs(self.dataset) if run.key == method.key), None)
        failed = there is not None and there.method == method.name and (there.status in ("failed", "interrupted"))
        return method.key if failed else runs.free_key(self.dataset, method.key)

    def _earlier(self, name: str, given: Mapping[str, Any]) -> Run | None:
        """The newest run of the method that read the same of the whole dataset, or that an earlier check made."""
        for run in reversed(runs.list_runs(self.dataset)):
            if (run.method, run.status, run.patches_field) != (name, "done", self.rows.field):
                continue
            if run.key in self.ours or self._is_same(run, given):
                return run
        return None

    def _is_same(self, run: Run, given: Mapping[str, Any]) -> bool:
        """Whether a run read what this check would, of the working set of the whole dataset."""
        declared = run.declaration
        known = dict(run.params)
        helps = _label_that_helps(declared) if declared else None
        if (
            helps is not None and helps in given and known.get(helps) is None
        ):  # made without, as recipes do: it looked at the same
            known[helps] = given[helps]
        same = self.whole and run.target == "dataset" and given.items() <= known.items()
        return same and (Choice.of(run.working) == Choice() or bool(declared and declared.on_all_rows))

    def expected_wrong(self, method: Method, run: Run, mark: Column, count: int) -> int | None:
        """How many of what a run marks are wrong, by the probabilities that it gives; None where it gives none."""
        quality = next((one for one in method.writes if one.role == "quality" and one.name in run.writes), None)
        if quality is None or self.rows.field is not None:
            return None
        view = self.samples.match_tags(EXCLUDED, bool=False)
        right = view.match(marks.expression(mark, run.writes[mark.name])).sum(run.writes[quality.name])
        return int(round(count - right))

    def count_classes(self, mark: Column, run: Run) -> int:
        """How many classes a run points at: the values of its mark among the rows in use."""
        return len({one for one in self.rows.values(run.writes[mark.name]) if one is not None})

    def count(self, test: Callable[[Column, str], Any], column: Column, run: Run) -> int:
        """How many of the target's samples or objects in use pass a test of a column."""
        path, rows = run.writes[column.name], self.rows
        if rows.field is None:
            return int(self.samples.match_tags(EXCLUDED, bool=False).match(test(column, path)).count())
        chosen = self.samples._is_patches or len(rows) < len(rows_of(self.samples, rows.field))
        shown = all_of(self.dataset).select_labels(ids=list(rows.ids), fields=rows.field) if chosen else self.samples
        found = shown.filter_labels(rows.field, test(column, attribute(self.dataset, rows.field, path)))
        return int(found.count(root_of(self.dataset, rows.field)))


def _label_that_helps(method: Method) -> str | None:
    """The parameter for labels that a method can do without."""
    named = (name for name, role in roles(method.params).items() if role == "labels")
    return next((name for name in named if domains(method.params)[name].optional), None)


def _within(progress: Progress, number: int, count: int, label: str) -> Progress:
    """Progress of one step as progress of the whole."""

    def said(done: int, total: int, doing: str = "") -> None:
        progress(1000 * number + 1000 * done // max(total, 1), 1000 * count, f"{label}: {doing}")

    return said


def _vectors_of(dataset: fo.Dataset, about: str | None) -> list[str]:
    """Embeddings of the objects of a field, or of images where it is None; the best first.

    Of fields only those declared as vectors: a list of numbers may be a box or a place on earth.
    """
    return [
        name
        for name in vector_sources(dataset)
        if subject.of_name(dataset, name) == about
        and (name in dataset.list_runs() or isinstance(dataset.get_field(name), fof.VectorField))
    ]


def given_labels(dataset: fo.Dataset) -> str | None:
    """The field of labels that people gave, by what it holds: Classifications, not ours and not a model's."""
    own = {path for run in runs.list_runs(dataset) for path in run.writes.values()}
    found = [
        str(path)
        for path, kind in dataset.get_field_schema(ftype=fo.EmbeddedDocumentField).items()
        if kind.document_type is fo.Classification and path not in own and not OURS & set(kind.info or {})
    ]
    filled = [path for path in found if all_of(dataset).exists(f"{path}.label").limit(1).count()]
    given = [path for path in filled if not is_predicted(dataset, path, f"{path}.confidence")]
    return next(iter(sorted(given, key=lambda path: path != "ground_truth")), None)


def _splits(dataset: fo.Dataset) -> str | None:
    """Where the splits are named: in the tags, or in a field that holds names of splits only; None if there are none.

    Two splits at least: one alone has no other to leak into.
    """
    if len(split_names(all_of(dataset).distinct(TAGS))) > 1:
        return TAGS
    for path in label_fields(dataset):
        if path not in object_fields(dataset):
            names = all_of(dataset).distinct(label_path(dataset, path))
            if 1 < len(names) == len(split_names(names)):
                return path
    return None


ACTION = Action(
    name=NAME,
    label="Check dataset",
    stage="understand",
    params=CheckDatasetParams,
    run=check_dataset,
    risk="medium",
)
