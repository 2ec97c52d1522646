"""What people decide about, whichever run asks: a kind of issue, of the samples or of the labels in a field.

A decision is filed under its question and what the run then said of the row, in `curation_findings`. Another run that
says the same of it does not ask again; one that says something else does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo

from ...core.base.columns import Label
from ..fields.working_set import REVIEWS as REVIEWS
from ..runs.record import Run, list_runs

FINDINGS = "curation_findings"  # where decisions are filed by question, as in REVIEWS by run
SAYS = " → "  # between a question and what the run said
NO_LABELS = ("embeddings", "paths")  # what a method reads that is no part of its question
EVIDENCE = ("suggestion", "checks")  # roles of the columns that say why a row is looked at, the telling one first


@dataclass(frozen=True)
class Question:
    """One kind of issue.

    Attributes:
        name: the method and the label fields that it judges: "find_label_issues ground_truth".
        key: of the run that asks.
        keys: of all runs that ask the same; decisions of earlier versions are filed under these alone.
        evidence: stored path of what the run says of a row; None where its mark says all.
    """

    name: str
    key: str
    keys: tuple[str, ...]
    evidence: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """By which the journal knows its decisions."""
        return (self.name, *self.keys)

    def entry(self, said: Any) -> str:
        """How a decision is filed.

        Args:
            said: what the run says of the row, a text or a list of texts.
        """
        text = "+".join(said) if isinstance(said, (list, tuple)) else said
        return f"{self.name}{SAYS}{text}" if text else self.name

    def entry_in(self, path: str | None) -> Any:
        """The same as an expression of the database.

        Args:
            path: of what the run says, as the documents have it.
        """
        if path is None:
            return {"$literal": self.name}
        joined = {
            "$reduce": {
                "input": f"${path}",
                "initialValue": "",
                "in": {"$concat": ["$$value", {"$cond": [{"$eq": ["$$value", ""]}, "", "+"]}, "$$this"]},
            }
        }
        text = {"$cond": [{"$isArray": f"${path}"}, joined, {"$ifNull": [f"${path}", ""]}]}
        both = {"$concat": [{"$literal": self.name + SAYS}, text]}
        return {"$cond": [{"$eq": [text, ""]}, {"$literal": self.name}, both]}


def answered(question: Question, evidence: str | None, own: Callable[[str], str] = str) -> Any:
    """Whether somebody has decided about what the run says of a row now: an expression of the database.

    Args:
        evidence: path of what the run says, as the documents have it.
        own: where the documents have the fields of decisions.
    """
    found, reviews = ({"$ifNull": [f"${own(name)}", []]} for name in (FINDINGS, REVIEWS))
    said = {"$eq": [{"$indexOfCP": ["$$this", question.name + SAYS]}, 0]}
    about = {"$or": [said, {"$eq": ["$$this", {"$literal": question.name}]}]}  # the bare name: nothing was said then
    # decisions of earlier versions say only in which runs' reviews they were made
    by_key = {"$gt": [{"$size": {"$setIntersection": [reviews, list(question.keys)]}}, 0]}
    unsaid = {"$eq": [{"$size": {"$filter": {"input": found, "cond": about}}}, 0]}
    return {"$or": [{"$in": [question.entry_in(evidence), found]}, {"$and": [by_key, unsaid]}]}


def name_of(run: Run) -> str:
    """The question of a run."""
    declared = run.declaration
    read = [role for role in (declared.reads if declared else ()) if role not in NO_LABELS]
    fields = [str(run.reads[role].get("field") or "") for role in read if role in run.reads]
    if run.patches_field is not None:
        fields = [run.patches_field]
    return " ".join([run.method, *(field.removesuffix(".label") for field in fields if field)])


def question_of(run: Run, runs: Sequence[Run]) -> Question:
    """What a run asks.

    Args:
        runs: all of the dataset.
    """
    name = name_of(run)
    return Question(name, run.key, tuple(one.key for one in runs if name_of(one) == name), _evidence(run))


def asked(dataset: fo.Dataset, queue: str | Question | None) -> Question | None:
    """The question behind a decision: given as it is, or by the key of the run that asks it."""
    if queue is None or isinstance(queue, Question):
        return queue
    runs = list_runs(dataset)
    run = next((run for run in runs if run.key == queue), None)
    return question_of(run, runs) if run is not None else Question(queue, queue, (queue,))


def _evidence(run: Run) -> str | None:
    declared = run.declaration.writes if run.declaration else ()
    for role in EVIDENCE:
        for column in declared:
            if column.role == role and column.name in run.writes:
                return run.writes[column.name] + (".label" if column.type is Label else "")
    return None
