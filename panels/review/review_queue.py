"""The review queue of a run: which samples or objects, in which order, and which are decided. Read from fields only.

Any finished run with a mark, with a score whose good end is declared or with an order can be reviewed: the marked
samples, or else all that have the score, the worst first; copies stand group by group, an order of similar images in
its order.

What is decided is decided about the kind of issue (`decisions/questions.py`), so it is not asked again by the next run,
unless that says something else of the sample, or finds a further copy of it. What is excluded is out of every queue.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos
from bson import ObjectId

from ...core.base.columns import Role
from ...core.catalog import METHODS
from ...dataset.decisions.questions import FINDINGS, REVIEWS, Question, answered, question_of
from ...dataset.fields import marks
from ...dataset.fields.working_set import EXCLUDED
from ...dataset.runs.record import Run
from ..shared import wording
from ..shared.patches import seen
from ..shared.run_layout import Part, is_there, layout
from ..shared.scope import Scope, picture, stored, whole

LONGEST = 10_000  # samples of one queue
SURE = 0.95  # chance of a suggestion from which many are accepted in one go, after a look at them
REASONS = ("unusable", "duplicate", "wrong content", "not in scope")  # offered for every exclusion
UNSHOWN: tuple[Role, ...] = (
    "suggestion",
    "chance",
    "pair",
    "group",
    "check",
    "problem",
    "turn",
)  # the card has another place for them


@dataclass(frozen=True)
class Source:
    """A run as something to review. Paths are those of the documents that a scope of its field has.

    Attributes:
        flag: path of the mark; None where the queue holds every sample with a score.
        flagged: what the mark holds of the samples in the queue, in a query of the database.
        score: orders the queue.
        group: path of the number that copies share.
        partners: path of the ids of a sample's copies.
        split: path of the split that a sample stands in; "tags" for the tags that name it.
        position: path of a sample's place in an order of similar images.
        turn: path of a sample's place in the order in which the run asks.
        keeper: path of the mark of copies that are proposed to be kept.
        suggested: path of the suggested class.
        chance: path of how probably it is right.
        given: path of the given labels.
        problem: path of why a sample could not be read.
        facts: further columns, title → path, that the card shows.
        checks: name → path of the scores, 1 for fine, of the checks that a fact names.
        question: what people decide about, whichever run asks.
    """

    run: Run
    flag: str | None
    flagged: Any
    score: Part | None
    group: str | None
    partners: str | None
    split: str | None
    position: str | None
    turn: str | None
    keeper: str | None
    suggested: str | None
    chance: str | None
    given: str | None
    problem: str | None
    facts: Mapping[str, str]
    checks: Mapping[str, str]
    question: Question

    @property
    def key(self) -> str:
        """Key of the run."""
        return self.run.key

    @property
    def evidence(self) -> str | None:
        """Path of what the run says of a sample; None where its mark says all."""
        return seen(self.run, self.question.evidence) if self.question.evidence else None

    @property
    def field(self) -> str | None:
        """The field of the objects that are reviewed; None for samples."""
        return self.run.patches_field

    @property
    def word(self) -> str:
        """What one of them is."""
        return self.run.word

    @property
    def labels(self) -> str:
        """The label field that decisions about labels name; "" where there is none."""
        return self.field or (self.given or "").removesuffix(".label")

    @property
    def compares(self) -> bool:
        """Whether its samples are copies, to be decided about side by side."""
        return self.group is not None or self.partners is not None

    @property
    def reason(self) -> str:
        """Why its samples are usually excluded."""
        finding = self.run.declaration.finding if self.run.declaration else None
        return (finding.reason if finding else None) or REASONS[0]


@dataclass(frozen=True)
class Queue:
    """The samples of a review in order.

    Attributes:
        ids: of the samples.
        done: for each, whether it is decided.
    """

    ids: Sequence[str]
    done: Sequence[bool]

    def index(self, sample_id: str | None) -> int | None:
        """The place of a sample; None where it is not in the queue."""
        return self.ids.index(sample_id) if sample_id in self.ids else None

    def undecided_after(self, place: int) -> int | None:
        """The next undecided sample behind a place, or else the first; None when all are decided."""
        order = [*range(place + 1, len(self.ids)), *range(place + 1)]
        return next((index for index in order if not self.done[index]), None)


def sources(runs: Sequence[Run], fields: Collection[str], labels: str | None) -> list[Source]:
    """What can be reviewed: the runs that look for errors first, in the catalog's order, the newest of each first.

    Args:
        labels: path of the labels for runs that read none.
    """
    done = [run for run in reversed(runs) if run.status == "done"]
    found = [source for run in done if (source := source_of(run, fields, labels, runs))]
    names = [method.name for method in METHODS]
    return sorted(found, key=lambda source: (source.run.stage != "clean", names.index(source.run.method)))


def source_of(run: Run, fields: Collection[str], labels: str | None, runs: Sequence[Run] = ()) -> Source | None:
    """A run as something to review; None where it has neither a mark nor a score with a good end.

    Args:
        runs: all of the dataset.
    """
    if run.patches_field is not None:
        labels = f"{run.patches_field}.label"
    parts = layout(run, fields)
    score, flag = next((part for part in parts.scores if part.column.best), None), parts.marking
    if score is None and flag is not None and flag.column.role == "interest":
        score = parts.scores[0]
    declared = run.declaration.writes if run.declaration else ()
    there = [column for column in declared if column.name in run.writes and is_there(run, column.name, fields)]
    of_role = {column.role: seen(run, run.writes[column.name]) for column in reversed(there)}
    position = of_role.get("position")
    if flag is None and score is None and position is None:
        return None
    return Source(
        run,
        flag=flag.path if flag else None,
        flagged=marks.wanted(flag.column) if flag else None,
        score=score,
        group=of_role.get("group"),
        partners=of_role.get("partners") if parts.split else None,
        split=parts.split,
        position=position,
        turn=of_role.get("turn"),
        keeper=of_role.get("keep"),
        suggested=parts.label.path if parts.label and parts.given else None,
        chance=of_role.get("chance"),
        given=parts.given or labels,
        problem=of_role.get("problem"),
        facts={
            column.title or wording.title(column.name): seen(run, run.writes[column.name])
            for column in there
            if column.name and column.role not in UNSHOWN and column.type in (float, int, str, list[str])
        },
        checks={column.name: seen(run, run.writes[column.name]) for column in there if column.role == "check"},
        question=question_of(run, runs or (run,)),
    )


def condition(source: Source) -> fos.Match:
    """What puts a sample into the queue."""
    if source.flag is not None:
        return fos.Match({source.flag: source.flagged})
    if source.position is not None:
        return fos.Match({source.position: {"$ne": None}})
    assert source.score is not None  # a source has one of the three
    return fos.Match({source.score.path: {"$ne": None}})


def read(
    source: Source,
    scope: Scope,
    order: str | None = None,
    side_by_side: bool = False,
    these: Sequence[str] | None = None,
) -> Queue:
    """The queue as it stands.

    Args:
        order: path of places in an order of similar images, to stand in that order.
        side_by_side: where there is no such order, put samples of the same two classes together.
        these: ids that somebody selected, instead of those that the run marks.
    """
    by: list[str] = []
    if source.position is not None or order is not None:
        by = [source.position or order or ""]
    elif source.group is not None:
        by = [source.group]
    elif source.turn is not None:
        by = [source.turn]
    elif side_by_side and source.suggested is not None and source.given is not None:
        by = [source.given, source.suggested]
    stages: list[dict[str, Any]] = []
    keys: dict[str, Any] = {f"key{number}": 1 for number in range(len(by))}
    computed: dict[str, Any] = {name: {"$ifNull": [f"${path}", None]} for name, path in zip(keys, by, strict=True)}
    if source.score is not None:
        falling = source.score.column.best != "high"
        computed["score"], keys["score"] = {"$ifNull": [f"${source.score.path}", None]}, -1 if falling else 1
    # Sorted by what is computed: for a sort by the field itself MongoDB walks the field's index through all samples,
    # instead of that of the mark through the few that are marked.
    stages.append({"$project": {"done": _decided(source, scope), **computed}})
    stages += [{"$sort": {**keys, "_id": 1}}, {"$limit": LONGEST}]
    wanted = condition(source) if these is None else fos.Select(list(these))
    rows = list(scope.add(wanted).aggregate(stages))
    return Queue([str(row["_id"]) for row in rows], [row["done"] for row in rows])


def undecided(source: Source, scope: Scope) -> int:
    """How many marked samples nobody has decided about in this review; 0 where the run marks none."""
    return left(source, scope)[0]


def left(source: Source, scope: Scope) -> tuple[int, int]:
    """How many of the marked samples nobody has decided about, and how many are marked; 0 where the run marks none."""
    found = waiting(source, scope, 0)
    return found.left, found.marked


@dataclass(frozen=True)
class Waiting:
    """What is left of a queue.

    Attributes:
        marked: samples that the run marks and that are in use or decided.
        left: those that nobody has decided about.
        expected: how many of those left are wrong, by the probabilities that the run gives; None where it gives none.
        first: ids and files of the first of those left.
    """

    marked: int = 0
    left: int = 0
    expected: float | None = None
    first: Sequence[tuple[str, str]] = ()


def waiting(source: Source, scope: Scope, most: int) -> Waiting:
    """What is left of the queue of a run that marks samples, in one query.

    Args:
        most: pictures of the first.
    """
    if source.flag is None:
        return Waiting()
    score, quality = source.score, None
    if score is not None and score.column.role == "quality":
        quality = f"${score.path}"
    stages: list[dict[str, Any]] = [
        {
            "$project": {
                "done": _decided(source, scope),
                "wrong": {"$subtract": [1, quality]} if quality else None,
                "score": f"${score.path}" if score is not None else None,
                "path": picture(scope.dataset, scope.field),
            }
        },
    ]
    todo = {"$cond": ["$done", 0, 1]}
    sums = {"marked": {"$sum": 1}, "left": {"$sum": todo}, "wrong": {"$sum": {"$multiply": [todo, "$wrong"]}}}
    falling = score is not None and score.column.best != "high"
    parts: dict[str, Any] = {"counts": [{"$group": {"_id": None, **sums}}]}
    if most:
        order = {"$sort": {"score": -1 if falling else 1, "_id": 1}}
        parts["first"] = [{"$match": {"done": False}}, order, {"$limit": most}]
    (found,) = scope.add(condition(source)).aggregate([*stages, {"$facet": parts}])
    if not found["counts"]:
        return Waiting()
    counts = found["counts"][0]
    first = [(str(row["_id"]), row["path"]) for row in found.get("first", ())]
    return Waiting(counts["marked"], counts["left"], counts["wrong"] if quality else None, first)


def undecided_only(source: Source, dataset: fo.Dataset) -> fos.Match:
    """The samples that a run points at and that nobody has decided about, as a stage for the grid."""
    here = whole(dataset, source.field)
    tagged = {"$in": [EXCLUDED, {"$ifNull": [f"${here.own('tags')}", []]}]}
    done = {"$or": [tagged, answered(source.question, source.evidence, here.own)]} if _has_reviews(here) else tagged
    return fos.Match({"$and": [condition(source).filter, {"$expr": {"$not": [done]}}]})


def source_for(sources: Sequence[Source], dataset: fo.Dataset, ids: Sequence[str]) -> Source | None:
    """The run that says most about these samples or objects: the first that suggests labels of such; else the first."""
    single = [source for source in sources if not source.compares]
    for source in sorted(single, key=lambda one: one.suggested is None):
        if whole(dataset, source.field).add(fos.Select(list(ids))).count():
            return source
    return None


def sure(source: Source, scope: Scope) -> list[str]:
    """Ids of undecided samples whose suggested class is right with a chance of at least `SURE`, the surest first."""
    if source.chance is None or source.suggested is None or source.flag is None:
        return []
    wanted = scope.add(condition(source)).add(fos.Match({source.chance: {"$gte": SURE}}))
    stages: list[dict[str, Any]] = [{"$match": {"$expr": {"$not": [_decided(source, scope)]}}}]
    stages += [{"$sort": {source.chance: -1, "_id": 1}}, {"$limit": LONGEST}]
    return [str(row["_id"]) for row in wanted.aggregate([*stages, {"$project": {"_id": True}}])]


def tally(source: Source, scope: Scope) -> dict[str, int]:
    """How often each verdict was given among the samples of this review."""
    verdicts = ("relabelled", "kept", "excluded")
    if not _has_reviews(scope):
        return dict.fromkeys(verdicts, 0)
    tags = {"$ifNull": [f"${scope.own('tags')}", []]}
    stages: list[dict[str, Any]] = [
        {"$match": {"$expr": _decided(source, scope)}},
        {"$project": {"tag": {"$setIntersection": [tags, list(verdicts)]}}},
        {"$unwind": "$tag"},
        {"$group": {"_id": "$tag", "n": {"$sum": 1}}},
    ]
    counts = {row["_id"]: row["n"] for row in scope.add(condition(source)).aggregate(stages)}
    return {name: counts.get(name, 0) for name in verdicts}


def _decided(source: Source, scope: Scope) -> Any:
    """Whether nothing is left to ask about a sample: an expression of the database."""
    excluded = {"$in": [EXCLUDED, {"$ifNull": [f"${scope.own('tags')}", []]}]}
    if not _has_reviews(scope):
        return excluded
    decided = answered(source.question, source.evidence, scope.own)
    again = _with_new_copies(source, scope) if source.compares else None
    return {"$or": [excluded, decided if again is None else {"$and": [decided, {"$not": [again]}]}]}


def _with_new_copies(source: Source, scope: Scope) -> Any:
    """Whether a sample has a copy that nobody has decided about, beside those that were: an expression; None if none.

    Args:
        scope: its copies are looked for in the whole dataset.
    """
    everywhere = whole(scope.dataset, scope.field)
    here = source.group or source.partners
    decided = {
        "$or": [
            {scope.own(FINDINGS): source.question.name},
            {scope.own(REVIEWS): {"$in": list(source.question.keys)}},
        ]
    }
    used = {scope.own("tags"): {"$ne": EXCLUDED}}
    kept = everywhere.add(fos.Match({"$and": [decided, used, {here: {"$nin": [None, []]}}]}))
    if source.group is not None:
        groups = [row["_id"] for row in kept.aggregate([{"$group": {"_id": f"${here}"}}])]
        also = fos.Match({"$and": [{here: {"$in": groups}}, used, {"$nor": [decided]}]})
        new = (
            [row["_id"] for row in everywhere.add(also).aggregate([{"$group": {"_id": f"${here}"}}])] if groups else []
        )
        return {"$in": [f"${here}", new]} if new else None
    copies = [row["_id"] for row in kept.aggregate([{"$unwind": f"${here}"}, {"$group": {"_id": f"${here}"}}])]
    ids = {"_id": {"$in": [ObjectId(str(one)) for one in copies]}}
    new = everywhere.add(fos.Match({"$and": [ids, used, {"$nor": [decided]}]})).ids() if copies else []
    if not new:
        return None
    known = [*new, *(str(one) for one in new)]  # as the field holds them
    return {"$gt": [{"$size": {"$setIntersection": [{"$ifNull": [f"${here}", []]}, known]}}, 0]}


def _has_reviews(scope: Scope) -> bool:
    """Whether anything was decided about such samples or objects; the first decision makes the field."""
    return scope.dataset.get_field(stored(scope.dataset, scope.field, scope.own(REVIEWS))) is not None
