"""The Curation Review panel: one queue over what a run found, samples or objects, decided a picture at a time.

Decisions go through the same functions as the actions `mark`, `relabel` and `undo` and are in the database before the
next card is shown, so a reload or a crash loses none and goes on at the first undecided sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...core.base.errors import StaleError
from ...core.base.params import ParamError
from ...dataset.decisions import decisions
from ...dataset.decisions.decisions import Decision
from ...dataset.decisions.new_classes import NewClassError
from ...dataset.runs.record import list_runs
from ..shared import grid, wording
from ..shared.aggregations import given_labels
from ..shared.arguments import Id
from ..shared.buttons import form
from ..shared.first_steps import advice
from ..shared.panel import CuratorPanel, Face, event
from ..shared.payloads import Advice
from . import copies
from . import review_queue as queue
from .payloads import Mode, ReviewData
from .session import ReviewSession, Verdict

MOST_LETTERS = 40  # of a reviewer's name
MOST_SELECTED = 500  # ids that are reviewed one by one because somebody selected them; they travel with every event

HELP = """Go through what a run found, one picture at a time or many side by side: accept the suggested label, choose
another, keep or exclude. Every decision is saved at once and can be undone; the given labels are never changed.
Keys: A accept, C another class, K keep, X exclude, S skip, B back, U undo; among copies, 1 to 8 keep one of them."""


class ReviewPanel(CuratorPanel):
    """Decide about the samples or objects that a run points at."""

    face = Face("review", "Curation Review", "fact_check", HELP, "CuratorReview")

    # The App's events

    def on_load(self, ctx: Any) -> None:
        """The first undecided one: the App may bring back a card from before the last click."""
        self._show(ctx, None)

    def on_change_dataset(self, ctx: Any) -> None:
        """Another dataset is open."""
        ctx.panel.set_state({"source": None, "current": None, "objects": None, "these": None})
        self.refresh(ctx)

    def on_change_view(self, ctx: Any) -> None:
        """The grid shows something else."""
        known = ctx.panel.get_state("base")
        if ctx.dataset is not None and known == grid.scope_digest(ctx):
            ctx.panel.set_data("in_grid", grid.is_shown(ctx))  # the panel's own click, or nothing new
        else:
            self.refresh(ctx)

    def on_change_selected(self, ctx: Any) -> None:
        """Other samples are selected in the grid."""
        ctx.panel.set_data("selected", len(ctx.selected or []))

    # Where to look

    @event
    def refresh(self, ctx: Any) -> None:
        """Read everything again; the card stays."""
        self._show(ctx, ctx.panel.get_state("current"))

    @event
    def choose_source(self, ctx: Any, key: str) -> None:
        """Review another run."""
        if grid.is_shown(ctx):
            self.show_all(ctx)
        ctx.panel.set_state({"source": key, "current": None, "mode": None, "these": None})
        ctx.panel.set_data("wanted", None)
        self._show(ctx, None)

    @event
    def choose_these(self, ctx: Any, ids: list[Id]) -> None:
        """Review what somebody selected; without ids, the whole queue again."""
        ctx.panel.set_data("wanted_ids", None)
        if ids:
            known = queue.sources(
                runs := list_runs(ctx.dataset), ctx.dataset.get_field_schema(), given_labels(ctx.dataset, runs)
            )
            source = queue.source_for(known, ctx.dataset, ids)
            if source is None:
                ctx.panel.set_data("said", "No run says anything about these yet; run Find label issues first.")
                self._show(ctx, None)
                return
            ctx.panel.set_state({"source": source.key, "these": ids[:MOST_SELECTED], "mode": "card"})
        else:
            ctx.panel.set_state({"these": None, "mode": None})
        self._show(ctx, ids[0] if ids else None)

    @event
    def choose_mode(self, ctx: Any, mode: Mode) -> None:
        """Go through the queue one picture at a time ("card"), or many side by side ("batch")."""
        ctx.panel.set_state({"mode": mode, "current": None})
        self._show(ctx, None)

    @event
    def turn_page(self, ctx: Any, id: Id) -> None:
        """Show the pictures side by side from this one on."""
        self._show(ctx, id)

    @event
    def skip(self, ctx: Any, id: Id) -> None:
        """Go on without deciding; the sample comes back at the end."""
        session = _session(ctx)
        self._go(ctx, session, session.after(id))

    @event
    def back(self, ctx: Any, id: Id | None = None) -> None:
        """Go to the sample before, decided or not."""
        session = _session(ctx)
        place = session.queue.index(id)
        self._go(ctx, session, max(0, place - 1) if place is not None else len(session.queue.ids) - 1)

    # Decisions

    @event
    def accept(self, ctx: Any, id: Id, reason: str | None = None) -> None:
        """Do what the run suggests: give the sample its label; of copies, keep the proposed and exclude the others."""
        session = _session(ctx)
        if session.source.compares:
            ids = session.members(id)
            self._settle(ctx, session, id, ids, copies.proposed(ctx.dataset, session.source, ids), reason)
        elif labels := session.suggestions([id]):
            self._decide(ctx, session, id, lambda: session.relabel([id], labels[id]))

    @event
    def choose_keeper(self, ctx: Any, id: Id, keeper: Id, reason: str | None = None) -> None:
        """Keep one of several copies and exclude the others."""
        session = _session(ctx)
        if session.source.compares:
            self._settle(ctx, session, id, session.members(id), [keeper], reason)

    @event
    def relabel(self, ctx: Any, id: Id, label: str, new_class: bool = False) -> None:
        """Give the sample a label that the person chose or typed; a class that no label has yet needs a yes."""
        session = _session(ctx)
        self._decide(ctx, session, id, lambda: session.relabel([id], label, new_class))

    @event
    def keep(self, ctx: Any, id: Id) -> None:
        """Say that the sample is right as it is; of copies, that all of them are."""
        session = _session(ctx)
        self._decide(ctx, session, id, lambda: session.keep(session.members(id)))

    @event
    def exclude(self, ctx: Any, id: Id, reason: str | None = None) -> None:
        """Exclude the sample, with the reason that is chosen in the panel."""
        session = _session(ctx)
        self._decide(ctx, session, id, lambda: session.exclude([id], reason))

    @event
    def decide_selected(self, ctx: Any, verdict: Verdict, label: str | None = None, reason: str | None = None) -> None:
        """Keep or exclude all samples that are selected in the grid, in one decision."""
        if ctx.selected:
            session = _session(ctx)
            self._decide_many(
                ctx, session, lambda: session.decide_many(list(ctx.selected), verdict, label, reason, False), None
            )
            ctx.panel.set_data("selected", 0)
            ctx.ops.set_selected_samples([])
            ctx.ops.reload_dataset()

    @event
    def decide_marked(
        self,
        ctx: Any,
        ids: list[Id],
        verdict: Verdict,
        label: str | None = None,
        reason: str | None = None,
        new_class: bool = False,
    ) -> None:
        """Decide about the pictures that are marked in the panel, in one decision; then go on from the same page."""
        if ids:
            session = _session(ctx)
            stay_at = ctx.panel.get_state("current")
            self._decide_many(
                ctx, session, lambda: session.decide_many(ids, verdict, label, reason, new_class), stay_at
            )

    @event
    def undo(self, ctx: Any) -> None:
        """Take back the last decision of this review, and show its sample."""
        session = ReviewSession.open(ctx)
        taken = decisions.undo(ctx.dataset, 1, session.source.question.names) if session is not None else []
        if not taken:
            ctx.panel.set_data("said", "There is no decision to take back.")
            self.refresh(ctx)
            return
        ctx.panel.set_data("said", wording.taken_back(taken[0]))
        self._show(ctx, taken[0].ids[0], session)

    @event
    def undo_one(self, ctx: Any, key: Id) -> None:
        """Take back one decision alone; later ones stay."""
        taken = decisions.undo(ctx.dataset, key=key)
        ctx.panel.set_data("said", wording.taken_back(taken[0]) if taken else "It was taken back already.")
        self._show(ctx, taken[0].ids[0] if taken and taken[0].ids else ctx.panel.get_state("current"))

    @event
    def preview_sure(self, ctx: Any) -> None:
        """Show what would be accepted in one go."""
        ctx.panel.set_data("preview", _session(ctx).preview())

    @event
    def accept_sure(self, ctx: Any) -> None:
        """Accept all suggestions that are sure, in one decision."""
        session = _session(ctx)
        ids = session.sure
        ctx.panel.set_data("preview", None)
        if ids:
            self._decide_many(ctx, session, lambda: session.relabel(ids, session.suggestions(ids)), None)
        else:
            self._show(ctx, None)

    @event
    def close_preview(self, ctx: Any) -> None:
        """Accept none of them."""
        ctx.panel.set_data("preview", None)

    @event
    def set_author(self, ctx: Any, name: str | None) -> None:
        """Sign decisions with a name from now on; the browser remembers it."""
        ctx.panel.set_state("author", (name or "").strip()[:MOST_LETTERS] or None)
        ctx.panel.set_data("author", ctx.panel.get_state("author"))

    # What the grid shows

    @event
    def show_queue(self, ctx: Any) -> None:
        """Show the samples of the queue in the grid, side by side."""
        ctx.panel.set_data("in_grid", True)
        grid.show(ctx, queue.condition(_session(ctx).source))

    @event
    def show_all(self, ctx: Any) -> None:
        """Take the panel's own condition from the grid."""
        ctx.panel.set_data("in_grid", False)
        grid.show(ctx, None)

    # Behind the events

    def _decide(self, ctx: Any, session: ReviewSession, id: str, make: Callable[[], Decision]) -> None:
        """Decide about the sample on the card, then show the next undecided one."""
        had_fields = session.has_fields
        try:
            made = make()
        except NewClassError as error:
            self._ask(ctx, error)
            return
        except ParamError as error:
            ctx.panel.set_data("said", str(error))
            self._show(ctx, id)
            return
        if not had_fields:
            ctx.ops.reload_dataset()  # so that the App's sidebar shows the new fields
        ctx.panel.set_data("said", wording.sentence(made.said))
        self._go(ctx, session, session.after(id))

    def _settle(
        self, ctx: Any, session: ReviewSession, id: str, ids: list[str], keep: list[str], reason: str | None
    ) -> None:
        """Keep some copies and exclude the others."""
        kept = [one for one in ids if one in keep]
        if kept:
            self._decide(ctx, session, id, lambda: session.settle(ids, kept, reason))

    def _decide_many(self, ctx: Any, session: ReviewSession, make: Callable[[], Decision], stay_at: str | None) -> None:
        """One decision about many samples."""
        had_fields = session.has_fields
        try:
            made = make()
        except NewClassError as error:
            self._ask(ctx, error)
            return
        except ParamError as error:
            ctx.panel.set_data("said", str(error))
            self._show(ctx, stay_at)
            return
        if not had_fields:
            ctx.ops.reload_dataset()
        ctx.panel.set_data("said", wording.sentence(f"{wording.samples(len(made.ids), made.word)} {made.said}"))
        self._show(ctx, stay_at)

    def _ask(self, ctx: Any, error: NewClassError) -> None:
        """Ask whether a new class is meant; the card, or what is marked, stays as it is."""
        ctx.panel.set_data({"asks": {"label": error.label, "meant": error.meant, "asked": _stamp()}})

    def _show(self, ctx: Any, sample_id: str | None, known: ReviewSession | None = None) -> None:
        """Show a sample of the queue, or the first undecided one; or what to do where there is none.

        Args:
            known: the session of this event, where it has read its runs already.
        """
        ctx.panel.set_state("objects", None)  # whether there is anything at all is asked of samples
        data: ReviewData = {"advice": advice(ctx), "sources": [], "source": None, "card": None, "finished": None}
        data |= {"batch": None, "preview": None}
        ctx.panel.set_data("stamp", _stamp())
        if data["advice"] is not None:
            ctx.panel.set_data(data)
            return
        session = known or ReviewSession.open(ctx)
        if session is None:
            ctx.panel.set_data({**data, "advice": _nothing_yet()})
            return
        ctx.panel.set_state("base", grid.digest(session.scope.view, session.scope.later))
        place = session.queue.index(sample_id)
        place = session.queue.undecided_after(-1) if place is None else place
        data |= {**session.about(), "in_grid": grid.is_shown(ctx), "selected": len(ctx.selected or [])}
        ctx.panel.set_data(data)
        self._go(ctx, session, place)

    def _go(self, ctx: Any, session: ReviewSession, place: int | None) -> None:
        """Send what stands at one place of the queue."""
        ctx.panel.set_state("current", session.queue.ids[place] if place is not None and session.queue.ids else None)
        ctx.panel.set_data({"stamp": _stamp(), "asks": None, **session.at(place)})


def _session(ctx: Any) -> ReviewSession:
    """The session of an event that only a panel with something to review can send."""
    session = ReviewSession.open(ctx)
    if session is None:
        raise StaleError("There is nothing to review any more: the run is gone; press “Look again”")
    return session


def _nothing_yet() -> Advice:
    text = "Run a method that looks for errors, such as Find label issues; what it finds is reviewed here."
    action = form("Find label issues", "find_label_issues")
    return {"title": "There is nothing to review yet", "text": text, "action": action}


def _stamp() -> str:
    """Tells one answer from the next, so that the view knows when its click has been dealt with."""
    return f"{time.time_ns():x}"
