"""The Curation Review panel: one queue over what a run found, samples or objects, decided a picture at a time.

Decisions go through the same functions as the actions `mark`, `relabel` and `undo` and are in the database before the
next card is shown, so a reload or a crash loses none and goes on at the first undecided sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.categories import Categories

from ...core.base.params import ParamError
from ...dataset.decisions import decisions
from ...dataset.decisions.decisions import REASON, Decision
from ...dataset.fields.curated_labels import curated_path, has_curated
from ...dataset.fields.rows import Rows
from ...dataset.runs.record import Run, list_runs
from ..shared import aggregations as reading
from ..shared import grid, scope, wording
from ..shared.first_steps import advice
from . import card as review_card
from . import copies
from . import review_queue as queue
from . import side_by_side as batch
from .review_queue import Queue, Source

EVENTS = (
    "refresh",
    "whole_dataset",
    "run_method",
    "choose_source",
    "choose_mode",
    "turn_page",
    "accept",
    "relabel",
    "keep",
    "exclude",
    "choose_keeper",
    "decide_marked",
    "skip",
    "back",
    "undo",
    "open_sample",
    "show_queue",
    "show_all",
    "decide_selected",
)
HELP = """Go through what a run found, one picture at a time or many side by side: accept the suggested label, choose
another, keep or exclude. Every decision is saved at once and can be undone; the given labels are never changed.
Keys: A accept, C another class, K keep, X exclude, S skip, B back, U undo; among copies, 1 to 8 keep one of them."""
MOST_CLASSES = 1_000


class ReviewPanel(foo.Panel):  # type: ignore[misc]
    """Decide about the samples or objects that a run points at."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(
            name="review",
            label="Curation\N{NO-BREAK SPACE}Review",  # its tab stays one line
            icon="fact_check",
            help_markdown=HELP,
            category=Categories.CURATE,
            surfaces="grid",
        )

    def render(self, ctx: Any) -> types.Property:
        events = {name: getattr(self, name) for name in EVENTS}
        view = types.View(component="CuratorReview", composite_view=True, **events)
        return types.Property(types.Object(), view=view)

    # The App's events

    def on_load(self, ctx: Any) -> None:
        self._show(ctx, None)  # at the first undecided: the App may bring back a card from before the last click

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state({"source": None, "current": None, "objects": None})
        self.refresh(ctx)

    def on_change_view(self, ctx: Any) -> None:
        known = ctx.panel.get_state("base")
        if ctx.dataset is not None and known == grid.scope_digest(ctx):
            ctx.panel.set_data("in_grid", grid.is_shown(ctx))  # the panel's own click, or nothing new
        else:
            self.refresh(ctx)

    def on_change_selected(self, ctx: Any) -> None:
        ctx.panel.set_data("selected", len(ctx.selected or []))

    # Where to look

    def refresh(self, ctx: Any) -> None:
        """Read everything again; the card stays."""
        self._show(ctx, ctx.panel.get_state("current"))

    def choose_source(self, ctx: Any) -> None:
        """Review another run."""
        if grid.is_shown(ctx):
            self.show_all(ctx)
        ctx.panel.set_state({"source": ctx.params["key"], "current": None, "mode": None})
        ctx.panel.set_data("wanted", None)
        self._show(ctx, None)

    def choose_mode(self, ctx: Any) -> None:
        """Go through the queue one picture at a time ("card"), or many side by side ("batch")."""
        ctx.panel.set_state({"mode": ctx.params["mode"], "current": None})
        self._show(ctx, None)

    def turn_page(self, ctx: Any) -> None:
        """Show the pictures side by side from this one on."""
        self._show(ctx, ctx.params["id"])

    def skip(self, ctx: Any) -> None:
        """Go on without deciding; the sample comes back at the end."""
        source, found, order = _queue(ctx)
        self._go(ctx, source, found, _next(found, ctx.params["id"]), order)

    def back(self, ctx: Any) -> None:
        """Go to the sample before, decided or not."""
        source, found, order = _queue(ctx)
        place = found.index(ctx.params.get("id"))
        self._go(ctx, source, found, max(0, place - 1) if place is not None else len(found.ids) - 1, order)

    # Decisions

    def accept(self, ctx: Any) -> None:
        """Do what the run suggests: give the sample its label; of copies, keep the proposed and exclude the others."""
        source, sample_id = _source(ctx), ctx.params["id"]
        if source.compares:
            ids = copies.members(ctx.dataset, source, sample_id)
            self._settle(ctx, source, ids, copies.proposed(ctx.dataset, source, ids))
        elif source.suggested:
            (row,) = scope.values(ctx.dataset, source.field, [sample_id], {"label": source.suggested})
            if row["label"]:
                self._relabel(ctx, source, row["label"])

    def choose_keeper(self, ctx: Any) -> None:
        """Keep one of several copies and exclude the others."""
        source = _source(ctx)
        if source.compares:
            self._settle(ctx, source, copies.members(ctx.dataset, source, ctx.params["id"]), [ctx.params["keeper"]])

    def relabel(self, ctx: Any) -> None:
        """Give the sample a label that the person chose or typed."""
        self._relabel(ctx, _source(ctx), ctx.params["label"])

    def keep(self, ctx: Any) -> None:
        """Say that the sample is right as it is; of copies, that all of them are."""
        source, sample_id = _source(ctx), ctx.params["id"]
        rows = _rows(ctx, source, copies.members(ctx.dataset, source, sample_id) if source.compares else [sample_id])
        self._decide(ctx, source, lambda: decisions.keep(rows, source.labels or None, source.key))

    def exclude(self, ctx: Any) -> None:
        """Exclude the sample, with the reason that is chosen in the panel."""
        source = _source(ctx)
        rows, reason = _rows(ctx, source, [ctx.params["id"]]), ctx.params.get("reason") or source.reason
        self._decide(ctx, source, lambda: decisions.exclude(rows, reason, source.key))

    def decide_selected(self, ctx: Any) -> None:
        """Keep or exclude all samples that are selected in the grid, in one decision."""
        if ctx.selected:
            self._decide_many(ctx, list(ctx.selected), None)
            ctx.panel.set_data("selected", 0)
            ctx.ops.set_selected_samples([])
            ctx.ops.reload_dataset()

    def decide_marked(self, ctx: Any) -> None:
        """Decide about the pictures that are marked in the panel, in one decision; then go on from the same page."""
        if ctx.params.get("ids"):
            self._decide_many(ctx, list(ctx.params["ids"]), ctx.panel.get_state("current"))

    def undo(self, ctx: Any) -> None:
        """Take back the last decision of this review, and show its sample."""
        source = _source(ctx)
        taken = decisions.undo(ctx.dataset, 1, source.key)
        if not taken:
            ctx.panel.set_data("said", "There is no decision to take back.")
            self.refresh(ctx)
            return
        ctx.panel.set_data("said", wording.taken_back(taken[0]))
        self._show(ctx, taken[0].ids[0])

    # What the grid shows

    def whole_dataset(self, ctx: Any) -> None:
        """Take all conditions from the grid."""
        ctx.ops.clear_sidebar_filters()
        ctx.ops.clear_view()

    def show_queue(self, ctx: Any) -> None:
        """Show the samples of the queue in the grid, side by side."""
        ctx.panel.set_data("in_grid", True)
        grid.show(ctx, queue.condition(_source(ctx)))

    def show_all(self, ctx: Any) -> None:
        """Take the panel's own condition from the grid."""
        ctx.panel.set_data("in_grid", False)
        grid.show(ctx, None)

    def open_sample(self, ctx: Any) -> None:
        """Open one sample large."""
        grid.open_sample(ctx, ctx.params["id"])

    # Forms

    def run_method(self, ctx: Any) -> None:
        """Open a method's form."""
        ctx.prompt(
            f"{self.plugin_name}/{ctx.params['method']}", params={}, on_success=self.on_ran, on_error=self.on_ran
        )

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended."""
        ctx.dataset.reload()
        self.refresh(ctx)

    # Behind the events

    def _decide(self, ctx: Any, source: Source, make: Callable[[], Decision]) -> None:
        """Decide about the sample on the card, then show the next undecided one."""
        had_fields = ctx.dataset.get_field(_reason(ctx, source)) is not None
        try:
            made = make()
        except ParamError as error:
            ctx.panel.set_data("said", str(error))
            self._show(ctx, ctx.params["id"])
            return
        if not had_fields:
            ctx.ops.reload_dataset()  # so that the App's sidebar shows the new fields
        found, order = _read(ctx, source)
        ctx.panel.set_data("said", wording.sentence(made.said))
        self._go(ctx, source, found, _next(found, ctx.params["id"]), order)

    def _relabel(self, ctx: Any, source: Source, label: str) -> None:
        rows = _rows(ctx, source, [ctx.params["id"]])
        self._decide(ctx, source, lambda: decisions.relabel(rows, source.labels, label, source.key))

    def _settle(self, ctx: Any, source: Source, ids: list[str], keep: list[str]) -> None:
        """Keep some copies and exclude the others."""
        keep = [one for one in ids if one in keep]
        if not keep:
            return
        kept = _rows(ctx, source, keep)
        others = _rows(ctx, source, [one for one in ids if one not in keep])
        reason = ctx.params.get("reason") or source.reason
        self._decide(ctx, source, lambda: decisions.settle(kept, others, reason, source.key))

    def _decide_many(self, ctx: Any, ids: list[str], stay_at: str | None) -> None:
        """One decision about many samples, named by `verdict` among the parameters."""
        source = _source(ctx)
        had_fields = ctx.dataset.get_field(_reason(ctx, source)) is not None
        try:
            made = _many(ctx, source, ids)
        except ParamError as error:
            ctx.panel.set_data("said", str(error))
            self._show(ctx, stay_at)
            return
        if not had_fields:
            ctx.ops.reload_dataset()
        ctx.panel.set_data("said", wording.sentence(f"{wording.samples(len(made.ids), made.word)} {made.said}"))
        self._show(ctx, stay_at)

    def _show(self, ctx: Any, sample_id: str | None) -> None:
        """Show a sample of the queue, or the first undecided one; or what to do where there is none."""
        ctx.panel.set_state("objects", None)  # whether there is anything at all is asked of samples
        data: dict[str, Any] = {"advice": advice(ctx), "sources": [], "source": None, "card": None, "finished": None}
        data["batch"] = None
        ctx.panel.set_data("stamp", _stamp())
        if data["advice"] is not None:
            ctx.panel.set_data(data)
            return
        runs = list_runs(ctx.dataset)
        known = _sources(ctx.dataset, runs)
        if not known:
            ctx.panel.set_data({**data, "advice": _nothing_yet()})
            return
        source = next((one for one in known if one.key == ctx.panel.get_state("source")), known[0])
        ctx.panel.set_state({"source": source.key, "objects": source.field})
        ctx.panel.set_state("base", grid.scope_digest(ctx))
        found, order = _read(ctx, source, runs)
        place = found.index(sample_id)
        place = found.undecided_after(-1) if place is None else place
        data["sources"] = [{"key": one.key, "label": one.run.label, "said": one.run.headline} for one in known]
        data["source"] = source.key
        data["scope"] = "" if grid.scope(ctx).is_whole else "of the current view"
        data["classes"] = _classes(ctx.dataset, source)
        data["reasons"] = list(dict.fromkeys([source.reason, *queue.REASONS]))
        data["in_grid"] = grid.is_shown(ctx)
        data["selected"] = len(ctx.selected or [])
        ctx.panel.set_data(data)
        self._go(ctx, source, found, place, order, runs)

    def _go(
        self,
        ctx: Any,
        source: Source,
        found: Queue,
        place: int | None,
        order: batch.Order | None,
        runs: list[Run] | None = None,
    ) -> None:
        """Send the card or the page of one place of the queue; at the end, what has been decided."""
        counts = queue.tally(source, grid.scope(ctx))
        last = decisions.last(ctx.dataset, source.key)
        side_by_side = _is_batch(ctx, source)
        data: dict[str, Any] = {
            "stamp": _stamp(),
            "mode": "batch" if side_by_side else "card",
            "progress": review_card.progress(found, place, counts),
            "undo": last.said if last else None,
            "card": None,
            "batch": None,
            "finished": None,
            "next": None,
        }
        if place is None or not found.ids:
            data["finished"] = review_card.finished(found, counts, source.word)
            ctx.panel.set_state("current", None)
        else:
            ctx.panel.set_state("current", found.ids[place])
            if side_by_side:
                data["batch"] = batch.page(ctx.dataset, source, found, place, order)
            else:
                runs = runs if runs is not None else list_runs(ctx.dataset)
                data["card"] = review_card.card(ctx.dataset, runs, source, found, place)
                following = _next(found, found.ids[place])
                if following is not None:
                    paths = {"path": "filepath"}
                    data["next"] = scope.values(ctx.dataset, source.field, [found.ids[following]], paths)[0]["path"]
        ctx.panel.set_data(data)


def _rows(ctx: Any, source: Source, ids: list[str]) -> Rows:
    """The samples or objects with these ids, to be decided about."""
    return scope.some(ctx.dataset, source.field, ids).rows()


def _reason(ctx: Any, source: Source) -> str:
    return scope.stored(ctx.dataset, source.field, scope.own(source.field, REASON))


def _many(ctx: Any, source: Source, ids: list[str]) -> Decision:
    """The decision about many samples that was asked for."""
    rows, verdict = _rows(ctx, source, ids), ctx.params["verdict"]
    if not len(rows):
        raise ParamError(f"These are no {source.word}s; press “In the grid”, then select some there")
    if verdict == "exclude":
        return decisions.exclude(rows, ctx.params.get("reason") or source.reason, source.key)
    if verdict == "relabel":
        return decisions.relabel(rows, source.labels, ctx.params["label"], source.key)
    if verdict == "accept":
        if source.suggested is None:
            raise ParamError(f"{source.run.label} suggests no labels to accept; keep these, or choose another class")
        found = scope.values(ctx.dataset, source.field, rows.ids, {"label": source.suggested})
        labels = {row["id"]: row["label"] for row in found if row["label"]}
        return decisions.relabel(rows, source.labels, labels, source.key)
    return decisions.keep(rows, source.labels or None, source.key)


def _nothing_yet() -> dict[str, Any]:
    text = "Run a method that looks for errors, such as Find label issues; what it finds is reviewed here."
    action = {"label": "Find label issues", "event": "run_method", "params": {"method": "find_label_issues"}}
    return {"title": "There is nothing to review yet", "text": text, "action": action}


def _sources(dataset: fo.Dataset, runs: list[Run]) -> list[Source]:
    fields = dataset.get_field_schema()
    return queue.sources(runs, fields, reading.given_labels(dataset, runs))


def _source(ctx: Any) -> Source:
    """The run under review."""
    known = _sources(ctx.dataset, list_runs(ctx.dataset))
    return next(one for one in known if one.key == ctx.panel.get_state("source"))


def _is_batch(ctx: Any, source: Source) -> bool:
    """Whether pictures stand side by side: as the user chose, or else where the run is an order of similar images."""
    chosen = ctx.panel.get_state("mode")
    return bool(chosen == "batch" if chosen else source.position is not None)


def _read(ctx: Any, source: Source, runs: list[Run] | None = None) -> tuple[Queue, batch.Order | None]:
    """The queue as it stands, and the order of similar images that it stands in, if any."""
    side_by_side, order = _is_batch(ctx, source), None
    if side_by_side and not source.compares:
        runs = runs if runs is not None else list_runs(ctx.dataset)
        order = batch.order_of(runs, source, ctx.dataset.get_field_schema())
    return queue.read(source, grid.scope(ctx), order.position if order else None, side_by_side), order


def _queue(ctx: Any) -> tuple[Source, Queue, batch.Order | None]:
    source = _source(ctx)
    return (source, *_read(ctx, source))


def _next(found: Queue, sample_id: str) -> int | None:
    place = found.index(sample_id)
    return found.undecided_after(place if place is not None else -1)


def _classes(dataset: fo.Dataset, source: Source) -> list[str]:
    """The classes to choose from: those that were given and those that reviewers have added."""
    if source.given is None:
        return []
    given = scope.stored(dataset, source.field, source.given)
    found = set(dataset.distinct(given))
    if has_curated(dataset, given):
        found |= set(dataset.distinct(curated_path(given)))
    return sorted(found)[:MOST_CLASSES]


def _stamp() -> str:
    """Tells one answer from the next, so that the view knows when its click has been dealt with."""
    return f"{time.time_ns():x}"
