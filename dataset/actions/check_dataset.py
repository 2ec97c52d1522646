"""One check of everything that applies: which methods a dataset can be judged by, run in turn, and what they found.

What is there decides: embeddings or files for them, a label field, splits, sets of labels, boxes with predictions.
Runs that hold are kept. The summary is a record of its own, one for images and one for each field whose objects were
checked: for each method how many samples or objects it points at, how serious that is, and a sentence that says what it
means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
from fiftyone import ViewField as F
from pymongo.errors import PyMongoError

from ...core.base.arrays import Progress
from ...core.base.columns import Column
from ...core.base.errors import Interrupted
from ...core.base.method import SEVERITIES, Method
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
LACKING = {
    "labels": "no given labels found",
    "splits": "no splits found",
    "label_sets": "no sets of labels found",
    "detections": "no given boxes found",
    "detected": "no predicted boxes found",
    "annotations": "no labels found",
    "numbers": "no Regressions found",
}


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
        plan.append(("compute_embeddings", _without_gaps({"model": "auto", "patches_field": about})))
    for method in METHODS:
        given = _given(method, there) if method.finding is not None else None
        if given is not None:
            plan.append((method.name, given))
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


def _given(method: Method, there: Mapping[str, str | None]) -> dict[str, Any] | None:
    """The parameters of a method that name something, by role; None where it needs what is not there."""
    known = domains(method.params)
    named = {name: there.get(role) for name, role in roles(method.params).items() if not known[name].many}
    if any(name is None and not known[parameter].optional for parameter, name in named.items()):
        return None
    if any(role in LACKING and known[name].many and not there.get(role) for name, role in roles(method.params).items()):
        return None
    return _without_gaps(named)


def _without_gaps(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


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
    """What was found, the most serious and most frequent first, and how much of the target each kind looked at.

    A kind is fine only where every sample or object of the target was looked at and nothing was found.
    """
    rows, by_method = check.rows, {run.method: run for run in check.done}
    issues, fine, partly = [], [], []
    for method in METHODS:
        run, finding, column = by_method.get(method.name), method.finding, method.marking
        if run is None or finding is None or column is None or column.name not in run.writes:
            continue
        looked = check.count(_has_value, _seen(method, run), run)
        count = check.count_classes(column, run) if finding.of_classes else check.count(marks.expression, column, run)
        about: dict[str, Any] = {
            "run": run.key,
            "method": run.method,
            "title": finding.title,
            "severity": finding.severity,
            "checked": looked,
            "of": len(rows),
        }
        if count:
            expected = None if finding.of_classes else check.expected_wrong(method, run, column, count)
            about |= {"told_by": run.facts.get("told_by")} if finding.of_classes else {}
            told = measured_by(run)
            said = finding.sentence + (f" The vectors of {told.embeddings} {told.sentence}." if told else "")
            issues.append({**about, "count": count, "expected": expected, "said": said, "headline": run.headline})
        if looked < len(rows):
            partly.append({"method": method.label, "title": finding.title, "why": _why_not(run, rows, looked)})
        elif not count:
            fine.append(finding.title)
    issues.sort(key=lambda issue: (SEVERITIES.index(issue["severity"]), -issue["count"]))
    refused = [dict(one) for one in check.refused]
    return {
        "headline": said_of(rows, _headline(check, issues, [*refused, *partly])),
        "issues": issues,
        "fine": fine,
        "not_checked": [*refused, *partly],
        "not_here": check.not_here,
    }


def _headline(check: Check, issues: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, Any]]) -> str:
    """What was found, in what; names the labels that were judged, and the kinds that were not checked throughout."""
    found = []
    samples = [issue for issue in issues if "told_by" not in issue]
    for issue in samples[:3]:
        labels = check.given[issue["method"]].get("label_field") if issue["severity"] == "serious" else None
        inside = f" in {labels!r}" if labels and labels != check.rows.field else ""
        about = f" (about {issue['expected']:,} are)" if issue["expected"] is not None else ""
        found.append(f"{issue['count']:,} {_lower(issue['title'])}{inside}{about}")
    more = len(samples) - len(found)
    said = ", ".join(found) + (f" and {more} more kind{'' if more == 1 else 's'}" if more else "")
    headline = f"{said} among" if samples else "Nothing found in"
    headline += f" {len(check.rows):,} samples"
    about_classes = [issue["told_by"] or f"{issue['count']:,} classes" for issue in issues if "told_by" in issue]
    headline = "; ".join([headline] * bool(samples or not about_classes) + about_classes)
    titles = list(dict.fromkeys(_lower(gap["title"]) for gap in gaps))
    listed = ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")
    return headline + (f"; not checked throughout: {listed}" if titles else "")


def _seen(method: Method, run: Run) -> Column:
    """A column that every row which the run looked at has a value in."""
    there = [column for column in method.writes if column.name in run.writes]
    plain = [column for column in there if column.marks and column.type is bool]
    return next(iter([*plain, *(column for column in there if column.type is float), *there]))


def _has_value(column: Column, path: str) -> Any:
    return F(path) != None  # noqa: E711


def _why_not(run: Run, rows: Rows, looked: int) -> str:
    """Why a run did not look at all rows: "35 of 125 samples: no vector"."""
    missing = len(rows) - looked
    why = [f"{count:,} {reason}" for reason, count in (run.facts.get("skipped") or {}).items()]
    declared = roles(run.declaration.params).values() if run.declaration else ()
    if not why:
        why = ["no split" if "splits" in declared else "no label" if "labels" in declared else "no result"]
    return f"{missing:,} of {len(rows):,} {rows.word}s: {', '.join(why)}"


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
                title = method.finding.title if method.finding else method.label
                why = str(error) if isinstance(error, ParamError) else f"failed: {error or type(error).__name__}"
                self.refused.append({"method": method.label, "title": title, "why": why})
        for method in METHODS:
            if method.finding is not None and method.name not in self.given:
                lacks = [LACKING[role] for role in method.reads if role in LACKING and not there.get(role)]
                why = lacks[0] if lacks else f"not for {self.rows.word}s"
                self.not_here.append({"method": method.label, "title": method.finding.title, "why": why})
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
