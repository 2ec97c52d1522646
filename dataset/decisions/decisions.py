"""Decisions of people about samples: kept, excluded with a reason, or given another label.

What a decision leaves on a sample, chosen once for the App, the SDK and every review:

- one of the tags `excluded`, `kept` and `relabelled`, so that the App's sidebar and `match_tags` find them;
- `curation_reason`, why it was excluded;
- `curation_reviews`, the keys of the runs in whose review it was decided;
- `curation_findings`, what these runs asked about it, so that no later run asks the same again (`questions.py`);
- its label in `<label field>_curated`: a copy of the given labels on which relabelling writes. The given ones stay.

Decisions on a patches view, or on rows that are objects, are about these: tags, reason and reviews then are those of
the label, and the new label is its attribute `label_curated`.

A sample counts as in use unless it is tagged `excluded`; the slice `curated` holds those in use. Every decision is in
the journal before it is on the samples (`journal.py`), and `undo` brings back exactly what was there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

import fiftyone as fo
from bson import ObjectId

from ...core.base.params import ParamError
from ..fields import sidebar
from ..fields.curated_labels import COPIED, curated_field, curated_path, has_curated, inside, outdated_copies
from ..fields.declarations import declare_fields
from ..fields.fiftyone_compat import reload
from ..fields.one_writer import one_writer
from ..fields.rows import Rows, every, shown_field
from ..fields.saved_views import named_like, save_view
from ..fields.working_set import REVIEWS as REVIEWS
from ..inputs.sources import label_path
from . import journal
from .changes import AT_ONCE, VERDICTS, Change, batches
from .questions import FINDINGS, Question, asked

Verdict = Literal["excluded", "kept", "relabelled"]
Decided: TypeAlias = fo.DatasetView | Rows

TAGS = VERDICTS
REASON = "curation_reason"
SLICE = "curated"
GROUP = "curation"
LOGITS = "logits"
DESCRIPTIONS = {
    REASON: "Why the sample was excluded",
    REVIEWS: "Runs in whose review this sample was decided",
    FINDINGS: "What was found about this sample and decided",
}


@dataclass(frozen=True)
class Decision:
    """One decision as it was made or taken back.

    Attributes:
        key: by which the journal knows it; None where nothing changed.
        verdict: what was decided.
        said: a sentence.
        ids: samples, or objects, that it changed.
        queue: key of the run whose review led to it, or None.
        word: what one of them is.
        left: those that stayed as they are, because somebody else had changed or deleted them meanwhile.
        author: who decided, or None.
    """

    key: str | None
    verdict: str
    said: str
    ids: tuple[str, ...]
    queue: str | None = None
    word: str = "sample"
    left: int = 0
    author: str | None = None


def exclude(
    samples: Decided, reason: str | None = None, queue: str | Question | None = None, author: str | None = None
) -> Decision:
    """Leave samples out of the curated set; nothing is deleted.

    Args:
        queue: the review that led to it: the key of its run, or its question.
    """
    rows = _rows(samples)
    question = asked(rows.dataset, queue)
    _declare(rows)
    _ensure_slice(rows)
    said = f"excluded{f' ({reason})' if reason else ''}"
    return _made(rows, "excluded", said, _changes(rows, "excluded", reason=reason, question=question), question, author)


def keep(
    samples: Decided, label_field: str | None = None, queue: str | Question | None = None, author: str | None = None
) -> Decision:
    """Say that samples are right as they are. With `label_field`, so is their given label."""
    rows = _rows(samples)
    question = asked(rows.dataset, queue)
    _declare(rows)
    given = label_path(rows.dataset, label_field, rows.field) if label_field else None
    if given is not None and not has_curated(rows.dataset, given):
        given = None
    changes = _changes(rows, "kept", given=given, question=question)
    return _made(rows, "kept", "kept", changes, question, author)


def relabel(
    samples: Decided,
    label_field: str,
    labels: str | Mapping[str, str],
    queue: str | Question | None = None,
    author: str | None = None,
) -> Decision:
    """Write another label for samples into `<label_field>_curated`.

    Args:
        labels: one for all, or id of the sample or object → label; those without one are left alone.

    Raises:
        ParamError: no such label field, or an empty label.
    """
    rows = _rows(samples)
    given = label_path(rows.dataset, label_field, rows.field)
    if isinstance(labels, str):
        if not labels.strip():
            raise ParamError(f"A label must have at least one letter or digit; got {labels!r}")
        labels = labels.strip()
    _declare(rows)
    ensure_curated_labels(rows.dataset, given)
    said = f"labelled {labels}" if isinstance(labels, str) else "relabelled"
    question = asked(rows.dataset, queue)
    changes = _changes(rows, "relabelled", given=given, labels=labels, question=question)
    return _made(rows, "relabelled", said, changes, question, author)


def settle(
    kept: Decided,
    excluded: Decided,
    reason: str | None = None,
    queue: str | Question | None = None,
    author: str | None = None,
) -> Decision:
    """Keep some samples and exclude others in one decision, such as those of a group of copies."""
    left, out = _rows(kept), _rows(excluded)
    _declare(left)
    _ensure_slice(left)
    question = asked(left.dataset, queue)
    excluded_ones = _changes(out, "excluded", reason=reason, question=question)
    changes = chain(excluded_ones, _changes(left, "kept", question=question))
    said = f"kept {len(left):,} and excluded {len(out):,} of a group" + (f" ({reason})" if reason else "")
    return _made(left, "excluded", said, changes, question, author)


def prepare(rows: Rows) -> None:
    """Declare the fields that exclusions of these samples or objects write, and the slice of those in use."""
    _declare(rows)
    _ensure_slice(rows)


def undo(
    dataset: fo.Dataset,
    steps: int = 1,
    queue: str | Collection[str] | None = None,
    author: str | None = None,
    key: str | None = None,
) -> list[Decision]:
    """Take back the last decisions, the newest first.

    Args:
        queue: only those of one review: the key of its run, or all names of its question.
        author: only those of one author.
        key: only the decision that the journal knows by it, later ones stay.

    Returns:
        what was taken back: fewer than `steps` where there are no more
    """
    done: list[Decision] = []
    while len(done) < steps:
        taken = journal.pop(dataset, queue, author, key)
        if taken is None:
            break
        done.append(_read(taken.entry, taken.ids, taken.left))
    return done


def last(dataset: fo.Dataset, queue: str | Collection[str] | None = None, author: str | None = None) -> Decision | None:
    """The decision that `undo` would take back first."""
    entry = journal.peek(dataset, queue, author)
    return _read(entry, journal.changed_ids(dataset, entry.key)) if entry is not None else None


def history(
    dataset: fo.Dataset, most: int = 20, queue: str | Collection[str] | None = None, author: str | None = None
) -> list[journal.Entry]:
    """The last decisions that can be taken back, the newest first."""
    return journal.history(dataset, most, queue, author)


def about(dataset: fo.Dataset, one: str) -> journal.Entry | None:
    """The last decision about a sample or object; None where nobody has decided about it."""
    return journal.about(dataset, one)


def disagreements(dataset: fo.Dataset, queue: str | Collection[str] | None = None) -> dict[str, list[journal.Entry]]:
    """Id → decisions of different authors that differ, the first first; of one review, or of all."""
    return journal.disagreements(dataset, queue)


def finish_interrupted(dataset: fo.Dataset) -> list[str]:
    """Finish the decisions of processes that died; a sentence for each, and for each that cannot be finished."""
    finished = journal.finish_what_was_begun(dataset)
    said = [f"Finished an interrupted decision: {one.count:,} {one.said}" for one in finished]
    aside = [
        f"A decision of {entry.made[:16]} ({entry.count:,} {entry.said}) could not be finished and was set aside: {why}"
        for entry, why in journal.set_aside(dataset)
    ]
    return said + aside


def ensure_curated_labels(dataset: fo.Dataset, label_field: str) -> str:
    """Make the curated labels as a copy of the given ones, and copy those that came since. Returns the field.

    Args:
        label_field: of images, or the path of the labels of objects.

    Raises:
        ParamError: a field of that name is there and is not ours.
    """
    objects = inside(label_field)
    given = label_field if objects else label_path(dataset, label_field)
    name, path = curated_field(given), curated_path(given)
    if dataset.get_field(name) is None:
        reload(dataset)  # another process may have made it
    existing = dataset.get_field(name)
    if existing is not None and not has_curated(dataset, given):
        raise ParamError(f"Field {name!r} exists already and holds no curated labels; rename it, then relabel again")
    if existing is None:
        options = {"embedded_doc_type": fo.Classification} if given.endswith(".label") and not objects else {}
        ftype = fo.EmbeddedDocumentField if options else fo.StringField
        said = f"Labels of {given.removesuffix('.label')!r} with the decisions of people"
        wanted = {"ftype": ftype, "description": said, "info": {"curates": given}, **options}
        declare_fields(dataset, {name: wanted})
        _show_fields(dataset)
    if objects:
        _copy_given(dataset, objects, given)
    else:
        copied = [{"$set": {name: _copied(given.removesuffix(".label"), given.endswith(".label"))}}]
        lacking = {path: None, given: {"$ne": None}}
        dataset._sample_collection.update_many({"$or": [lacking, outdated_copies(given)]}, copied)
    if existing is None:
        dataset.create_index(path)  # of values that are there: quicker than keeping it up to date as they come
    return name


def _copied(path: str, embedded: bool) -> Any:
    """What a copy of that label takes over: long logits of a model are no part of a person's decision."""
    if not embedded:
        return f"${path}"
    kept = {"$filter": {"input": {"$objectToArray": f"${path}"}, "cond": {"$ne": ["$$this.k", LOGITS]}}}
    copy = {"$mergeObjects": [{"$arrayToObject": kept}, {COPIED: True}]}
    return {"$cond": [{"$eq": [{"$ifNull": [f"${path}.label", None]}, None]}, "$$REMOVE", copy]}


def _copy_given(dataset: fo.Dataset, objects: str, given: str) -> None:
    """Give each object that has none its curated label, the given one."""
    field, name = given.rpartition(".")[2], curated_path(given).rpartition(".")[2]
    copied = {"$mergeObjects": [{name: f"$$one.{field}"}, "$$one"]}
    each = {"$map": {"input": f"${objects}", "as": "one", "in": copied}}
    lacking = {objects: {"$elemMatch": {name: None, field: {"$ne": None}}}}
    dataset._sample_collection.update_many(lacking, [{"$set": {objects: each}}])


def _rows(samples: Decided) -> Rows:
    """The samples of a view, or the objects where it is a patches view."""
    if isinstance(samples, Rows):
        return samples
    field, ids = shown_field(samples), samples.values("id")
    return Rows.known(samples._root_dataset, field, ids, ids if field is None else samples.values("sample_id"))


def _made(
    rows: Rows, verdict: str, said: str, changes: Iterable[Change], question: Question | None, author: str | None
) -> Decision:
    """Hand to the journal what a decision changes."""
    queue, name = (question.key, question.name) if question is not None else (None, None)
    done = journal.push(rows.dataset, verdict, said, queue, author, changes, name)
    if done is None:
        return Decision(None, verdict, said, (), queue, rows.word, author=author)
    return Decision(done.entry.key, verdict, said, done.ids, queue, rows.word, done.left, author)


def _read(entry: journal.Entry, ids: tuple[str, ...], left: int = 0) -> Decision:
    """A decision from the journal."""
    word = "object" if entry.objects else "sample"
    return Decision(entry.key, entry.verdict, entry.said, ids, entry.queue, word, left, entry.author)


def _changes(
    rows: Rows,
    verdict: Verdict,
    *,
    reason: str | None = None,
    given: str | None = None,
    labels: str | Mapping[str, str] | None = None,
    question: Question | None = None,
) -> Iterator[Change]:
    """What changes on each sample, a block of samples at a time.

    Args:
        given: path of the given labels, where the decision is about labels.
        labels: the new ones; None for the given ones.
    """
    fields = ["tags", REASON, REVIEWS, FINDINGS]
    objects, curated, source = rows.inside, "", ""
    evidence = (question.evidence or "").removeprefix(f"{objects}.") if question is not None else ""
    if evidence:
        fields.append(evidence)
    if given is not None:
        curated, source = curated_field(given), given if objects else given.removesuffix(".label")
        curated, source = (path.removeprefix(f"{objects}.") for path in (curated, source))
        fields += [curated, source]
    for before in _documents(rows, fields):
        sample_id, within = str(before.pop("_id")), str(before.pop("_within", ""))
        label = labels.get(sample_id) if isinstance(labels, Mapping) else labels
        if verdict == "relabelled" and not label:
            continue
        said = _taken(before, evidence) if evidence else None
        given_value = before.pop(source, None) if given else None
        after = _marked(before, verdict, reason, question.key if question is not None else None)
        if question is not None:
            was = None
            if verdict == "relabelled":  # the label that it is no longer given is not proposed to it again
                was = _text(before.get(curated) if before.get(curated) is not None else given_value)
            found = [question.entry(said), *([question.entry(was)] if was and was != label else [])]
            known = before.get(FINDINGS) or []
            new = [one for one in dict.fromkeys(found) if one not in known]
            if new:
                after[FINDINGS] = [*known, *new]
        if given is not None:
            after.pop(curated, None)
            value = _labelled(before.get(curated), given_value, label, not objects and given.endswith(".label"))
            if value is not None:
                after[curated] = value
        yield Change(sample_id, before, after, within, objects)


def _documents(rows: Rows, fields: Sequence[str]) -> Iterable[dict[str, Any]]:
    """The rows as the database holds them; what a view hides or filters inside them is there too.

    Of objects the labels, each with the sample it lies in as "_within".
    """
    collection = rows.dataset._sample_collection
    for some in batches(zip(rows.ids, rows.images, strict=True), AT_ONCE):
        images = list(dict.fromkeys(ObjectId(image) for _, image in some))
        stages: list[dict[str, Any]] = [{"$match": {"_id": {"$in": images}}}]
        if rows.inside:
            stages += [
                {"$unwind": f"${rows.inside}"},
                {"$match": {f"{rows.inside}._id": {"$in": [ObjectId(one) for one, _ in some]}}},
                {"$replaceRoot": {"newRoot": {"$mergeObjects": [f"${rows.inside}", {"_within": "$_id"}]}}},
            ]
        project = dict.fromkeys([*fields, *(["_within"] if rows.inside else [])], True)
        yield from collection.aggregate([*stages, {"$project": project}])


def _marked(before: Mapping[str, Any], verdict: Verdict, reason: str | None, queue: str | None) -> dict[str, Any]:
    """The sample with one of our tags, its reason, and the review that it was decided in."""
    after, tags, reviews = dict(before), before.get("tags") or [], before.get(REVIEWS) or []
    if [tag for tag in tags if tag in TAGS] != [verdict]:
        after["tags"] = [*(tag for tag in tags if tag not in TAGS), verdict]
    if reason:
        after[REASON] = reason
    elif before.get(REASON) is not None:
        del after[REASON]
    if queue is not None and queue not in reviews:
        after[REVIEWS] = [*reviews, queue]
    return after


def _taken(document: dict[str, Any], path: str) -> Any:
    """What a document holds at a path, which is taken out of it: a decision does not change it."""
    head, _, inside = path.partition(".")
    value = document.pop(head, None)
    return (value or {}).get(inside) if inside else value


def _text(label: Any) -> str | None:
    """A label's class, whether it is a document or a text."""
    return label.get("label") if isinstance(label, Mapping) else label


def _labelled(now: Any, given: Any, label: str | None, embedded: bool) -> Any:
    """The value of the curated labels: the given one, or another label."""
    if not embedded:
        return given if label is None else label
    known = [given] if label is None else [value for value in (now, given) if (value or {}).get("label") == label]
    value = known[0] if known else fo.Classification(label=label).to_dict()
    if value is None:
        return None
    kept = {name: one for name, one in value.items() if name not in (LOGITS, COPIED)}
    return {**kept, COPIED: True} if label is None else kept


def _declare(rows: Rows) -> None:
    """The fields of decisions, of samples or of the labels in a list of objects."""
    dataset, objects = rows.dataset, rows.inside
    paths = {f"{objects}.{name}" if objects else name: said for name, said in DESCRIPTIONS.items()}
    if all(dataset.get_field(path) is not None for path in paths):
        return
    with one_writer(dataset):
        _declare_anew(dataset, paths, objects)


def _declare_anew(dataset: fo.Dataset, paths: Mapping[str, str], objects: str) -> None:
    taken = [path for path in paths if dataset.get_field(path) is not None and not _is_ours(dataset, path)]
    if taken:
        raise ParamError(f"Field {taken[0]!r} exists already and is not Curator's; rename it, then decide again")
    info = {"curation": True}
    reason, *lists = paths
    wanted: dict[str, dict[str, Any]] = {reason: {"ftype": fo.StringField, "description": paths[reason], "info": info}}
    for path in lists:
        wanted[path] = {"ftype": fo.ListField, "subfield": fo.StringField, "description": paths[path], "info": info}
    declare_fields(dataset, wanted)
    for path in lists:
        dataset.create_index(path)
    if objects:
        dataset.create_index(f"{objects}.id")  # by which panels find the image of an object
    _show_fields(dataset)


def _is_ours(dataset: fo.Dataset, name: str) -> bool:
    return bool((dataset.get_field(name).info or {}).get("curation"))


def _show_fields(dataset: fo.Dataset) -> None:
    """One group of the App's sidebar for the fields of decisions; the grid shows corrected labels in place of given."""
    infos = {path: schema.info or {} for path, schema in dataset.get_field_schema().items()}
    made = [path for path, info in infos.items() if {"curates", "curation"} & set(info)]
    curated = [path for path in made if "curates" in infos[path]]
    given = [str(infos[path]["curates"]).removesuffix(".label") for path in curated]
    sidebar.add_group(dataset, GROUP, made, on=curated, off=given)


def _ensure_slice(rows: Rows) -> None:
    """The saved view of what is in use: samples, or the objects of a field. A view of the user's own is left alone."""
    dataset, objects = rows.dataset, rows.field
    name = SLICE if objects is None else f"{SLICE} {objects}"
    if named_like(dataset, name) is not None:
        return
    if objects is None:
        view = every(dataset).match_tags("excluded", bool=False)
    else:
        view = every(dataset).filter_labels(objects, ~fo.ViewField("tags").contains("excluded"), only_matches=False)
    save_view(dataset, name, view, f"Curator slice: {rows.word}s that are not excluded, kept up to date")
