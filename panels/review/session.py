"""One event of a review: the run under review, its queue and the card, each read from the database at most once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import fiftyone as fo

from ...core.base.params import ParamError
from ...dataset.decisions import decisions
from ...dataset.decisions.decisions import REASON, Decision
from ...dataset.decisions.journal import Entry
from ...dataset.decisions.new_classes import MOST, classes_of, expect_known
from ...dataset.fields.rows import Rows
from ...dataset.runs.record import Run, list_runs
from ..shared import aggregations as reading
from ..shared import grid, scope, wording
from ..shared.scope import Scope
from . import card as review_card
from . import copies
from . import review_queue as queue
from . import side_by_side as batch
from .payloads import DoneLine, Preview, ReviewData
from .review_queue import Queue, Source

LATEST = 8  # decisions that are listed
MOST_DIFFER = 500
PREVIEW = 60  # pictures shown before many suggestions are accepted in one go

Verdict = Literal["accept", "relabel", "exclude", "keep"]


@dataclass
class ReviewSession:
    """What an event of the panel works with.

    Attributes:
        runs: all of the dataset, oldest first.
        sources: those that can be reviewed.
        source: the one that is.
        scope: the samples or objects that the grid is about.
        side_by_side: whether many pictures are decided at once.
        these: ids that somebody selected to be reviewed; None for what the run marks.
        author: who decides, as the browser's user calls himself, or None.
    """

    dataset: fo.Dataset
    runs: Sequence[Run]
    sources: Sequence[Source]
    source: Source
    scope: Scope
    side_by_side: bool
    these: Sequence[str] | None = None
    author: str | None = None

    @classmethod
    def open(cls, ctx: Any) -> ReviewSession | None:
        """The session of the run that is under review; else of the newest that leaves something to decide.

        None where no run can be reviewed.

        The panel's state then says which it is.
        """
        runs = list_runs(ctx.dataset)
        known = queue.sources(runs, ctx.dataset.get_field_schema(), reading.given_labels(ctx.dataset, runs))
        if not known:
            return None
        of_source = partial(cls._of, ctx, runs, known)
        wanted = ctx.panel.get_state("source")
        session = next((of_source(one) for one in known if one.key == wanted), None)
        if session is None:
            newest = map(of_source, known)
            session = next((one for one in newest if one.after(None) is not None), None) or of_source(known[0])
        ctx.panel.set_state({"source": session.source.key, "objects": session.source.field})
        return session

    @classmethod
    def _of(cls, ctx: Any, runs: Sequence[Run], known: Sequence[Source], source: Source) -> ReviewSession:
        # as the user chose, or else where the run is an order of similar images
        chosen = ctx.panel.get_state("mode")
        side_by_side = chosen == "batch" if chosen else source.position is not None
        these, author = ctx.panel.get_state("these"), ctx.panel.get_state("author") or ctx.user_id
        ctx.panel.set_state("objects", source.field)  # the grid is read as being about these
        about = grid.scope(ctx) if these is None else scope.whole(ctx.dataset, source.field)
        return cls(ctx.dataset, runs, known, source, about, side_by_side, these, author)

    @cached_property
    def order(self) -> batch.Order | None:
        """The order of similar images that the queue stands in, if any."""
        if not self.side_by_side or self.source.compares:
            return None
        return batch.order_of(self.runs, self.source, self.dataset.get_field_schema())

    @cached_property
    def queue(self) -> Queue:
        """The queue as it stands, the decision of this event included."""
        position = self.order.position if self.order else None
        return queue.read(self.source, self.scope, position, self.side_by_side, self.these)

    @property
    def has_fields(self) -> bool:
        """Whether the fields of decisions are there, which the first one makes."""
        path = scope.stored(self.dataset, self.source.field, scope.own(self.source.field, REASON))
        return self.dataset.get_field(path) is not None

    @property
    def classes(self) -> list[str]:
        """The classes to choose from: those that were given and those that reviewers have added."""
        if self.source.given is None:
            return []
        return classes_of(self.dataset, scope.stored(self.dataset, self.source.field, self.source.given))[:MOST]

    def after(self, sample_id: str | None) -> int | None:
        """The place of the next undecided one behind a sample; from the beginning where it is not in the queue."""
        place = self.queue.index(sample_id)
        return self.queue.undecided_after(place if place is not None else -1)

    def rows(self, ids: Sequence[str]) -> Rows:
        """The samples or objects with these ids, to be decided about."""
        return scope.some(self.dataset, self.source.field, ids).rows()

    def suggestions(self, ids: Sequence[str]) -> dict[str, str]:
        """Id → suggested class of those that have one."""
        if self.source.suggested is None:
            return {}
        found = scope.values(self.dataset, self.source.field, ids, {"label": self.source.suggested})
        return {row["id"]: row["label"] for row in found if row["label"]}

    def decide(self, make: Callable[[], Decision]) -> Decision:
        """Make a decision; the queue is then read as it has become.

        Raises:
            ParamError: it cannot be made; nothing has changed.
        """
        try:
            return make()
        finally:
            for name in ("queue", "sure"):
                self.__dict__.pop(name, None)

    def relabel(self, ids: Sequence[str], labels: str | dict[str, str], new_class: bool = True) -> Decision:
        """Give some another label, one for all or each its own.

        Args:
            new_class: whether it may be one that no label has yet.

        Raises:
            NewClassError: it is one, and may not be.
        """
        rows = self.rows(ids)
        if isinstance(labels, str) and not new_class and self.source.given is not None:
            expect_known(self.dataset, scope.stored(self.dataset, self.source.field, self.source.given), [labels])
        return self.decide(
            lambda: decisions.relabel(rows, self.source.labels, labels, self.source.question, self.author)
        )

    def keep(self, ids: Sequence[str]) -> Decision:
        """Say that some are right as they are."""
        rows = self.rows(ids)
        return self.decide(lambda: decisions.keep(rows, self.source.labels or None, self.source.question, self.author))

    def exclude(self, ids: Sequence[str], reason: str | None) -> Decision:
        """Exclude some, with the usual reason unless another is given."""
        rows = self.rows(ids)
        return self.decide(
            lambda: decisions.exclude(rows, reason or self.source.reason, self.source.question, self.author)
        )

    def settle(self, ids: Sequence[str], keep: Sequence[str], reason: str | None) -> Decision:
        """Keep some copies of a group and exclude its others."""
        kept, others = self.rows(keep), self.rows([one for one in ids if one not in keep])
        return self.decide(
            lambda: decisions.settle(kept, others, reason or self.source.reason, self.source.question, self.author)
        )

    def decide_many(
        self, ids: Sequence[str], verdict: Verdict, label: str | None, reason: str | None, new_class: bool = True
    ) -> Decision:
        """One decision about many: "accept", "relabel", "exclude" or "keep".

        Raises:
            ParamError: none of them is reviewed here, or no labels are suggested.
        """
        rows = self.rows(ids)
        if not len(rows):
            raise ParamError(f"These are no {self.source.word}s; press “In the grid”, then select some there")
        if verdict == "exclude":
            return self.exclude(rows.ids, reason)
        if verdict == "relabel":
            return self.relabel(rows.ids, label or "", new_class)
        if verdict == "accept":
            if self.source.suggested is None:
                what = self.source.run.label
                raise ParamError(f"{what} suggests no labels to accept; keep these, or choose another class")
            return self.relabel(rows.ids, self.suggestions(rows.ids))
        return self.keep(rows.ids)

    def members(self, sample_id: str) -> list[str]:
        """Ids of a sample and its copies; its own alone where the run finds no copies."""
        return copies.members(self.dataset, self.source, sample_id) if self.source.compares else [sample_id]

    def about(self) -> ReviewData:
        """What the panel says of the review as a whole."""
        return {
            "sources": [{"key": one.key, "label": one.run.label, "said": one.run.headline} for one in self.sources],
            "source": self.source.key,
            "these": len(self.these) if self.these is not None else None,
            "author": self.author,
            "scope": "" if self.scope.is_whole else "of the current view",
            "classes": self.classes,
            "reasons": list(dict.fromkeys([self.source.reason, *queue.REASONS])),
        }

    def at(self, place: int | None) -> ReviewData:
        """The card or the page of one place of the queue; at the end, what has been decided."""
        counts = queue.tally(self.source, self.scope)
        done = decisions.history(self.dataset, LATEST, self.source.question.names)
        data: ReviewData = {
            "mode": "batch" if self.side_by_side else "card",
            "progress": review_card.progress(self.queue, place, counts),
            "undo": done[0].said if done else None,
            "done": [_said(entry) for entry in done],
            "sure": len(self.sure) if self.these is None else 0,
            "differ": self.differ,
            "card": None,
            "batch": None,
            "finished": None,
            "next": None,
        }
        if place is None or not self.queue.ids:
            data["finished"] = review_card.finished(self.queue, counts, self.source.word)
        elif self.side_by_side:
            data["batch"] = batch.page(self.dataset, self.source, self.queue, place, self.order)
        else:
            data["card"] = review_card.card(self.dataset, self.runs, self.source, self.queue, place)
            data["next"] = self._picture(self.after(self.queue.ids[place]))
        return data

    @cached_property
    def sure(self) -> list[str]:
        """Ids of what is so probably right that it can be accepted in one go."""
        return queue.sure(self.source, self.scope)

    @property
    def differ(self) -> list[str]:
        """Ids of what two authors decided differently."""
        return list(decisions.disagreements(self.dataset, self.source.question.names))[:MOST_DIFFER]

    def preview(self) -> Preview:
        """What would be accepted in one go: how much of it, and a page of it, the least sure last."""
        shown = Queue(self.sure[:PREVIEW], [False] * len(self.sure[:PREVIEW]))
        page = batch.page(self.dataset, self.source, shown, 0, None, PREVIEW) if shown.ids else None
        return {"n": len(self.sure), "at_least": queue.SURE, "pictures": page["pictures"] if page else []}

    def _picture(self, place: int | None) -> str | None:
        """The file at a place, to be fetched ahead."""
        if place is None:
            return None
        ids = [self.queue.ids[place]]
        shown = scope.picture(self.dataset, None, large=True)
        return str(scope.values(self.dataset, self.source.field, ids, {"path": shown})[0]["path"])


def _said(entry: Entry) -> DoneLine:
    """A decision of the journal, as the bar of this review's decisions shows it."""
    n = "" if entry.count == 1 else f"{entry.count:,} "
    when = wording.ago(entry.made)
    return {"key": entry.key, "text": f"{n}{entry.said}", "by": ", ".join(filter(None, (entry.author, when)))}
