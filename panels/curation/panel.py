"""The Curation panel: what has been run and what to do next; and a page per run whose parts drive the grid.

Every click in the view calls one method here. What is shown is read from fields and run records; nothing is
computed for single samples. State, which travels with every event, holds only what the user chose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos
from fiftyone import ViewField as F

from ...core.catalog import METHODS
from ...dataset.actions.catalog import ACTIONS
from ...dataset.actions.lists import default_name
from ...dataset.fields.conditions import equals, holds
from ...dataset.runs.freshness import Freshness
from ...dataset.runs.record import Run, list_runs
from ..shared import aggregations as reading
from ..shared import grid, wording
from ..shared import grid_filter as showing
from ..shared import patches as objects
from ..shared.first_steps import advice
from ..shared.panel import CuratorPanel, Face, event
from ..shared.payloads import ScopeText, Showing
from ..shared.run_layout import Layout, Part, layout, path_of
from . import check_page as checkup
from . import home, overlap, quadrants, run_page
from .dashboard import dashboard, starting_points
from .findings import found_in
from .payloads import CurationData, Home, Which
from .quadrants import Axes
from .run_page import GIVEN

HELP = """See what has been computed on this dataset, what no longer holds and what to do next. Open a run to see its
score, its best and worst samples and its groups; click any of them to see those samples in the grid."""

Value = str | int | float | bool | None  # of a group


class CurationPanel(CuratorPanel):
    """Stages, methods and runs of Curator."""

    face = Face("curation", "Curation", "checklist", HELP, "CuratorCuration")

    # The App's events

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state({"run": None, "score": None, "pages": None, "shown": None, "objects": None})
        self.refresh(ctx)

    def on_change_view(self, ctx: Any) -> None:
        # The App reports one change three times, opening the panel and the panel's own clicks too; those leave the
        # base view. Just after opening, the state has not reached the browser yet, and everything has just been read.
        known = ctx.panel.get_state("base")
        if ctx.dataset is not None and (known is None or known == grid.digest(grid.base_view(ctx))):
            ctx.panel.set_data("showing", showing.showing(ctx))
        else:
            self.refresh(ctx)

    # Where to look

    @event
    def refresh(self, ctx: Any) -> None:
        """Read everything again."""
        data: CurationData = {"advice": advice(ctx), "scope": None, "showing": None, "home": None, "page": None}
        if ctx.dataset is not None:
            ctx.panel.set_state("base", grid.digest(grid.base_view(ctx)))
        if data["advice"] is None:
            view = grid.base_view(ctx)
            runs = list_runs(ctx.dataset)
            run, fresh = _named(runs, ctx.panel.get_state("run")), Freshness(ctx.dataset, runs)
            data["scope"] = _scope(ctx, view)
            data["showing"] = showing.showing(ctx)
            if run is not None and checkup.is_checkup(run):
                kinds = found_in(view, runs, fresh, reading.given_labels(ctx.dataset, runs))
                data["page"] = checkup.page(run, fresh.stale_reason(run.key), kinds, runs)
            elif run is not None:
                parts = _layout(ctx.dataset, run, runs)
                axes = quadrants.axes(runs, ctx.dataset.get_field_schema(), run)
                data["page"] = run_page.page(run, fresh.stale_reason(run.key), view, parts, axes, ctx.panel_state)
            else:
                data["home"] = _home(ctx, view, runs, fresh)
        ctx.panel.set_data(data)

    @event
    def poll(self, ctx: Any) -> None:
        """How runs that are not done stand: the stages anew, or how far the open run is.

        Nothing else is sent: an answer that comes late must not close a page that was opened meanwhile.
        """
        runs = list_runs(ctx.dataset)
        run = _named(runs, ctx.panel.get_state("run"))
        if run is None:
            ctx.panel.set_data("home", _home(ctx, grid.base_view(ctx), runs, Freshness(ctx.dataset, runs)))
        elif home.state_of(run, None)[0] == "running" and not checkup.is_checkup(run):
            ctx.panel.set_data("progress", {"key": run.key, **run_page.progress(run)})
        else:
            self.refresh(ctx)

    @event
    def open_run(self, ctx: Any, key: str) -> None:
        """Show the page of a run."""
        ctx.panel.set_state({"run": key, "score": None, "pages": None})
        run = _open_run(ctx)
        ctx.panel.set_state("objects", run.patches_field if run is not None else None)
        self.refresh(ctx)

    @event
    def back(self, ctx: Any) -> None:
        """Show the stages."""
        ctx.panel.set_state({"run": None, "score": None, "pages": None, "objects": None})
        self.refresh(ctx)

    @event
    def choose_score(self, ctx: Any, column: str) -> None:
        """Show another of the run's scores."""
        ctx.panel.set_state({"score": column, "pages": None})
        self.refresh(ctx)

    @event
    def turn_page(self, ctx: Any, which: Which, page: int) -> None:
        """Show the next or previous pictures of one end of the score."""
        parts = _parts(ctx)
        if _end(ctx, parts, which) is None:
            return
        pages = dict(ctx.panel.get_state("pages") or {})
        pages[which] = max(0, page)
        ctx.panel.set_state("pages", pages)
        score = parts.score(ctx.panel.get_state("score"))
        ctx.panel.set_data("page.ends", run_page.ends(grid.base_view(ctx), parts, score, pages))

    # What the grid shows

    @event
    def show_all(self, ctx: Any) -> None:
        """Take the panel's own condition from the grid."""
        showing.show_all(ctx)

    @event
    def show_range(self, ctx: Any, low: float, high: float, label: str | None = None) -> None:
        """Show the samples whose score lies in a range of the histogram: all of them, or those of one class."""
        parts = _parts(ctx)
        score = parts.score(ctx.panel.get_state("score"))
        if score is None or (label is not None and parts.labels is None):
            return
        view = grid.base_view(ctx)
        least, largest = reading.extremes(view, score.path)
        condition = reading.in_range(score.path, low, high, closed=largest is None or high >= largest)
        _, last = reading.extremes(view.match(condition), score.path)
        text = f"{score.title} {wording.interval(low, high, least, largest)}"
        if label is not None and parts.labels is not None:
            condition, text = condition & equals(parts.labels, label), f"{text}, labelled {label}"
        shown: Showing = {"event": "show_range", "column": score.name, "text": text, "label": label}
        shown |= {"low": low, "high": high, "last": last}
        showing.show(ctx, fos.Match(condition), shown)

    @event
    def show_group(self, ctx: Any, column: str, value: Value) -> None:
        """Show the samples of one group, or those of one given label that the run marked."""
        parts = _parts(ctx)
        if column == GIVEN and parts.given is not None:
            condition, text = equals(parts.given, value), f"given label {value}"
            if parts.flags:
                condition = condition & (F(parts.flags[0].path) == True)  # noqa: E712
                text += f", {parts.flags[0].title.lower()}"
        else:
            part = next((part for part in parts.groups if part.name == column), None)
            if part is None:
                return
            condition = (holds if part.holds_many else equals)(part.path, value)
            text = f"{part.title.lower()} {value}"
        shown: Showing = {"event": "show_group", "column": column, "value": value, "text": text}
        showing.show(ctx, fos.Match(condition), shown)

    @event
    def show_flag(self, ctx: Any, value: str) -> None:
        """Show the samples that one of the run's columns marks."""
        part = next((part for part in _parts(ctx).flags if part.name == value), None)
        if part is not None:
            shown: Showing = {
                "event": "show_flag",
                "column": "",
                "value": part.name,
                "text": f"marked “{part.title.lower()}”",
            }
            showing.show(ctx, fos.Match(F(part.path) == True), shown)  # noqa: E712

    @event
    def show_sorted(self, ctx: Any, which: Which) -> None:
        """Show all samples that have the score, from one end to the other; or the chosen ones, the first first."""
        score = _end(ctx, _parts(ctx), which)
        if score is None:
            return
        high, text = run_page.is_high_end(score, which), run_page.said_of_end(score, which)
        shown: Showing = {
            "event": "show_sorted",
            "column": score.name,
            "value": which,
            "text": text[:1].lower() + text[1:],
        }
        showing.show(ctx, grid.in_order(score.path, high), shown)

    @event
    def show_order(self, ctx: Any) -> None:
        """Show all samples in the open run's order of similar images."""
        run = _open_run(ctx)
        path = path_of(run, "position", ctx.dataset.get_field_schema(flat=True)) if run is not None else None
        if path is not None:
            shown: Showing = {"event": "show_order", "column": "", "value": None, "text": "similar ones side by side"}
            showing.show(ctx, grid.in_order(path), shown)

    @event
    def show_cell(self, ctx: Any, row: str, column: str) -> None:
        """Show the samples of one cell of the matrix: with this given label, and this class by the run."""
        parts = _parts(ctx)
        if parts.labels is None or parts.label is None:
            return
        condition = equals(parts.labels, row) & equals(parts.label.path, column)
        text = f"given label {row}, {parts.label.title.lower()} {column}"
        shown: Showing = {"event": "show_cell", "column": column, "value": row, "text": text}
        showing.show(ctx, fos.Match(condition), shown)

    @event
    def show_overlap(self, ctx: Any, value: str) -> None:
        """Show the samples between two overlapping classes: with one's label and, by the run, of the other."""
        run = _open_run(ctx)
        condition = overlap.condition(_parts(ctx), run.facts, value) if run is not None else None
        if condition is not None:
            shown: Showing = {"event": "show_overlap", "column": "", "value": value, "text": f"between {value}"}
            showing.show(ctx, fos.Match(condition), shown)

    @event
    def show_quadrant(self, ctx: Any, name: str) -> None:
        """Show the samples of one quadrant of importance against label quality."""
        axes = _axes(ctx)
        quadrant = next((one for one in quadrants.QUADRANTS if one.name == name), None)
        if axes is None or quadrant is None:
            return
        points = reading.both(grid.base_view(ctx), axes.x, axes.y)
        if len(points):
            condition = axes.condition(quadrant, quadrants.hard_from(points))
            shown: Showing = {"event": "show_quadrant", "column": "", "value": name, "text": quadrant.title.lower()}
            showing.show(ctx, fos.Match(condition), shown)

    @event
    def show_box(self, ctx: Any, left: float, right: float, low: float, high: float) -> None:
        """Show the samples of a rectangle of importance against label quality."""
        axes, sides = _axes(ctx), [left, right, low, high]
        if axes is None:
            return
        view, said, condition = grid.base_view(ctx), [], None
        for title, path, start, end in (("quality", axes.x, left, right), ("importance", axes.y, low, high)):
            least, largest = reading.extremes(view, path)
            inside = reading.in_range(path, start, end, closed=largest is None or end >= largest)
            condition = inside if condition is None else condition & inside
            said.append(f"{title} {wording.interval(start, end, least, largest)}")
        shown: Showing = {"event": "show_box", "column": "", "value": sides, "text": ", ".join(said)}
        showing.show(ctx, fos.Match(condition), shown)

    @event
    def show_issue(self, ctx: Any, value: str) -> None:
        """Show the samples of one kind of issue that a check found."""
        checkup.show_issue(ctx, value)

    # What the buttons do: they open the form of an operator, filled in

    @event
    def rerun(self, ctx: Any, key: str | None = None) -> None:
        """Offer to run a run again: the one named, or the open one."""
        self.prompt(ctx, "rerun", {"key": key or ctx.panel.get_state("run")})

    @event
    def move_threshold(self, ctx: Any) -> None:
        """Offer another threshold for the open run, without searching again."""
        run = _open_run(ctx)
        if run is not None:
            now = run.facts.get("threshold")
            params = {"key": run.key} if now is None else {"key": run.key, "threshold": now}
            self.prompt(ctx, "move_threshold", params)

    @event
    def forget(self, ctx: Any, key: str | None = None) -> None:
        """Offer to forget a run: the one named, or the open one."""
        self.prompt(ctx, "forget_run", {"key": key or ctx.panel.get_state("run")})

    @event
    def save_slice(self, ctx: Any) -> None:
        """Offer to save what the panel shows in the grid as a slice."""
        run = _open_run(ctx)
        if run is not None:
            self.prompt(ctx, "save_slice", slice_params(run, _parts(ctx), showing.shown(ctx)))

    @event
    def export(self, ctx: Any) -> None:
        """Offer to write a list of what the grid shows."""
        run = _open_run(ctx)
        if run is not None:
            if run.stage == "clean":  # what was found is to be left out: paths alone, as training scripts take them
                self.prompt(ctx, "export_list", {"path": str(Path.home() / default_name())})
            else:
                fields = [part.path for part in _parts(ctx).scores]
                self.prompt(ctx, "export_list", {"path": str(Path.home() / f"{run.key}.csv"), "fields": fields})

    @event
    def write_report(self, ctx: Any) -> None:
        """Offer to write the open run's report to a file."""
        key = ctx.panel.get_state("run")
        self.prompt(ctx, "export_report", {"run": key, "path": str(Path.home() / f"{key}.html")})

    @event
    def report_cleanup(self, ctx: Any) -> None:
        """Offer to write the report of the whole clean-up to a file."""
        name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in ctx.dataset.name)
        self.prompt(ctx, "report_cleanup", {"path": str(Path.home() / f"{name}_cleanup.html")})

    @event
    def open_map(self, ctx: Any) -> None:
        """Open the Curation Map panel on the open run."""
        ctx.ops.open_panel("map", layout="horizontal", state={"open": ctx.panel.get_state("run")})

    @event
    def review(self, ctx: Any, key: str | None = None) -> None:
        """Open the Curation Review panel on a run: the one named, or the open one."""
        key, review = key or ctx.panel.get_state("run"), f"{self.plugin_name}/review"
        open_ones = [panel for panel in grid.open_panels(ctx) if panel.type in (review, "review")]
        # A panel's state has not reached it when it loads, so what to open goes to the view, which asks for it.
        ctx.ops.open_panel("review", data={"wanted": key})
        for panel in open_ones:  # which the App only brings to the front
            ctx.ops.patch_panel_data({"wanted": key}, panel_id=panel.component_id)


def slice_params(run: Run, parts: Layout, shown: Showing | None) -> dict[str, Any]:
    """What the form of `save_slice` starts with: the condition that the grid shows, or the run's own mark."""
    if shown is None and parts.flags:
        part = parts.flags[0]
        return {"name": f"{run.key} {part.title.lower()}", "field": part.path, "equals": "true"}
    params: dict[str, Any] = {"name": f"{run.key} {shown['text']}" if shown else run.key}
    if shown is None:
        return params
    if shown["event"] == "show_range" and shown.get("label") is None:
        params.update(field=parts.named(shown["column"]).path, at_least=shown["low"], at_most=shown["last"])
    elif shown["event"] == "show_flag":
        params.update(field=parts.named(str(shown["value"])).path, equals="true")
    elif shown["event"] == "show_group" and shown["column"] != GIVEN:
        path = parts.named(shown["column"]).path.removesuffix(".label").removesuffix(".classifications")
        params.update(field=path, equals=str(shown["value"]))
    return params


def _home(ctx: Any, view: fo.DatasetView, runs: list[Run], fresh: Freshness) -> Home:
    """The first page."""
    labels = reading.given_labels(ctx.dataset, runs)
    return dashboard(view, METHODS, ACTIONS, runs, fresh, starting_points(ctx.dataset, runs), labels)


def _named(runs: list[Run], key: str | None) -> Run | None:
    return next((run for run in runs if run.key == key), None) if key else None


def _open_run(ctx: Any) -> Run | None:
    key = ctx.panel.get_state("run")
    return _named(list_runs(ctx.dataset), key) if key else None


def _parts(ctx: Any) -> Layout:
    runs = list_runs(ctx.dataset)
    run = _named(runs, ctx.panel.get_state("run"))
    return _layout(ctx.dataset, run, runs) if run is not None else Layout()


def _axes(ctx: Any) -> Axes | None:
    runs = list_runs(ctx.dataset)
    run = _named(runs, ctx.panel.get_state("run"))
    return quadrants.axes(runs, ctx.dataset.get_field_schema(), run) if run is not None else None


def _end(ctx: Any, parts: Layout, which: Which) -> Part | None:
    """The column that one row of pictures follows; None where there is no such row."""
    if which == run_page.CHOSEN:
        return parts.rank
    return parts.score(ctx.panel.get_state("score"))


def _layout(dataset: fo.Dataset, run: Run, runs: list[Run]) -> Layout:
    return layout(run, dataset.get_field_schema(), reading.given_labels(dataset, runs, run.patches_field))


def _scope(ctx: Any, view: fo.DatasetView) -> ScopeText:
    n, total = view.count(), ctx.dataset.count()
    if view._is_patches:
        text = f"The figures are about {n:,} objects of the field {objects.about(ctx)!r}"
    elif ctx.view._is_generated:
        text = f"The grid shows objects; the figures are about all {wording.samples(total)} of the dataset"
    elif view._stages:
        text = f"The figures are about the current view: {n:,} of {wording.samples(total)}"
    else:
        text = f"The figures are about the whole dataset: {wording.samples(total)}"
    return {"text": text, "narrowed": bool(view._stages) or ctx.view._is_generated}
