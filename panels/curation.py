"""The Curation panel: what has been run and what to do next; and a page per run whose parts drive the grid.

Every click in the view calls one method here. What is shown is read from fields and run records; nothing is
computed for single samples. State, which travels with every event, holds only what the user chose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone import ViewField as F
from fiftyone.operators.categories import Categories

from ..core.catalog import METHODS
from ..dataset.columns import vector_sources
from ..dataset.runs import Freshness, Run, list_runs
from . import grid, home, reading, run_page, wording
from .beginning import advice
from .layout import Layout, layout
from .run_page import GIVEN

EVENTS = (
    "refresh",
    "whole_dataset",
    "show_all",
    "run_method",
    "open_run",
    "back",
    "choose_score",
    "turn_page",
    "show_range",
    "show_group",
    "show_flag",
    "show_sorted",
    "open_sample",
    "save_slice",
    "export",
    "open_map",
    "review",
    "rerun",
    "forget",
)
HELP = """See what has been computed on this dataset, what no longer holds and what to do next. Open a run to see its
score, its best and worst samples and its groups; click any of them to see those samples in the grid."""


class CurationPanel(foo.Panel):  # type: ignore[misc]
    """Stages, methods and runs of Curator."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(
            name="curation",
            label="Curation",
            icon="checklist",
            help_markdown=HELP,
            category=Categories.CURATE,
            surfaces="grid",
        )

    def render(self, ctx: Any) -> types.Property:
        events = {name: getattr(self, name) for name in EVENTS}
        view = types.View(component="CuratorCuration", composite_view=True, **events)
        return types.Property(types.Object(), view=view)

    # The App's events

    def on_load(self, ctx: Any) -> None:
        self.refresh(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state({"run": None, "score": None, "pages": None, "shown": None})
        self.refresh(ctx)

    def on_change_view(self, ctx: Any) -> None:
        # The App reports one change three times, opening the panel and the panel's own clicks too; those leave the
        # base view. Just after opening, the state has not reached the browser yet, and everything has just been read.
        known = ctx.panel.get_state("base")
        if ctx.dataset is not None and (known is None or known == grid.digest(grid.base_view(ctx))):
            ctx.panel.set_data("showing", _showing(ctx))
        else:
            self.refresh(ctx)

    # Where to look

    def refresh(self, ctx: Any) -> None:
        """Read everything again."""
        data: dict[str, Any] = {"advice": advice(ctx), "scope": None, "showing": None, "home": None, "page": None}
        if data["advice"] is None:
            view = grid.base_view(ctx)
            ctx.panel.set_state("base", grid.digest(view))
            run, fresh = _open_run(ctx), Freshness(ctx.dataset)
            data["scope"] = _scope(ctx, view)
            data["showing"] = _showing(ctx)
            if run is not None:
                parts = _layout(ctx, run)
                data["page"] = run_page.page(run, fresh.stale_reason(run.key), view, parts, ctx.panel_state)
            else:
                runs = list_runs(ctx.dataset)
                stale = {each.key: fresh.stale_reason(each.key) for each in runs}
                data["home"] = home.home(METHODS, runs, stale, _has(ctx.dataset, runs))
        ctx.panel.set_data(data)

    def open_run(self, ctx: Any) -> None:
        """Show the page of a run."""
        ctx.panel.set_state({"run": ctx.params.get("key"), "score": None, "pages": None})
        self.refresh(ctx)

    def back(self, ctx: Any) -> None:
        """Show the stages."""
        ctx.panel.set_state({"run": None, "score": None, "pages": None})
        self.refresh(ctx)

    def choose_score(self, ctx: Any) -> None:
        """Show another of the run's scores."""
        ctx.panel.set_state({"score": ctx.params.get("column"), "pages": None})
        self.refresh(ctx)

    def turn_page(self, ctx: Any) -> None:
        """Show the next or previous pictures of one end of the score."""
        parts = _parts(ctx)
        score = parts.score(ctx.panel.get_state("score"))
        which = ctx.params.get("which")
        if score is None or which not in ("worst", "best"):
            return
        pages = {"worst": 0, "best": 0, **(ctx.panel.get_state("pages") or {})}
        pages[which] = max(0, int(ctx.params.get("page", 0)))
        ctx.panel.set_state("pages", pages)
        view = grid.base_view(ctx)
        ends = [run_page.end(view, parts, score, each, pages[each]) for each in ("worst", "best")]
        ctx.panel.set_data("page.ends", ends)

    # What the grid shows

    def whole_dataset(self, ctx: Any) -> None:
        """Take all conditions from the grid."""
        ctx.panel.set_state("shown", None)
        ctx.ops.clear_sidebar_filters()
        ctx.ops.clear_view()

    def show_all(self, ctx: Any) -> None:
        """Take the panel's own condition from the grid."""
        ctx.panel.set_state("shown", None)
        ctx.panel.set_data("showing", None)
        grid.show(ctx, None)

    def show_range(self, ctx: Any) -> None:
        """Show the samples whose score lies in a range of the histogram."""
        score = _parts(ctx).score(ctx.panel.get_state("score"))
        low, high = reading.finite(ctx.params.get("low")), reading.finite(ctx.params.get("high"))
        if score is None or low is None or high is None:
            return
        view = grid.base_view(ctx)
        _, largest = reading.extremes(view, score.path)
        condition = reading.in_range(score.path, low, high, closed=largest is None or high >= largest)
        _, last = reading.extremes(view.match(condition), score.path)
        text = f"{score.title} {wording.number(low)} to {wording.number(high)}"
        shown = {"event": "show_range", "column": score.name, "low": low, "high": high, "last": last, "text": text}
        _show(ctx, fos.Match(condition), shown)

    def show_group(self, ctx: Any) -> None:
        """Show the samples of one group, or those of one given label that the run marked."""
        parts, column, value = _parts(ctx), ctx.params.get("column"), ctx.params.get("value")
        if column == GIVEN and parts.given is not None:
            condition, text = F(parts.given) == value, f"given label {value}"
            if parts.flags:
                condition = condition & (F(parts.flags[0].path) == True)  # noqa: E712
                text += f", {parts.flags[0].title.lower()}"
        else:
            part = next((part for part in parts.groups if part.name == column), None)
            if part is None:
                return
            condition = F(part.path).contains(value) if part.holds_many else F(part.path) == value
            text = f"{part.title.lower()} {value}"
        shown = {"event": "show_group", "column": column, "value": value, "text": text}
        _show(ctx, fos.Match(condition), shown)

    def show_flag(self, ctx: Any) -> None:
        """Show the samples that one of the run's columns marks."""
        part = next((part for part in _parts(ctx).flags if part.name == ctx.params.get("value")), None)
        if part is not None:
            shown = {"event": "show_flag", "column": "", "value": part.name, "text": f"marked “{part.title.lower()}”"}
            _show(ctx, fos.Match(F(part.path) == True), shown)  # noqa: E712

    def show_sorted(self, ctx: Any) -> None:
        """Show all samples, from one end of the score to the other."""
        score, which = _parts(ctx).score(ctx.panel.get_state("score")), ctx.params.get("which")
        if score is None or which not in ("worst", "best"):
            return
        high = run_page.is_high_end(score, which)
        text = f"{'highest' if high else 'lowest'} {score.title.lower()} first"
        shown = {"event": "show_sorted", "column": score.name, "value": which, "text": text}
        _show(ctx, fos.SortBy(score.path, reverse=high), shown)

    def open_sample(self, ctx: Any) -> None:
        """Open one sample large."""
        sample_id = ctx.params["id"]
        if grid.is_shown(ctx) and not ctx.view.select([sample_id]).count():
            self.show_all(ctx)  # the grid was narrowed to others
        ctx.ops.open_sample(id=sample_id)

    # What the buttons do: they open the form of an operator, filled in

    def run_method(self, ctx: Any) -> None:
        """Open a method's form."""
        self._prompt(ctx, ctx.params["method"], {})

    def rerun(self, ctx: Any) -> None:
        """Offer to run a run again: the one named, or the open one."""
        self._prompt(ctx, "rerun", {"key": ctx.params.get("key") or ctx.panel.get_state("run")})

    def forget(self, ctx: Any) -> None:
        """Offer to forget the open run."""
        self._prompt(ctx, "forget_run", {"key": ctx.panel.get_state("run")})

    def save_slice(self, ctx: Any) -> None:
        """Offer to save what the panel shows in the grid as a slice."""
        run = _open_run(ctx)
        if run is not None:
            self._prompt(ctx, "save_slice", slice_params(run, _parts(ctx), _shown(ctx)))

    def export(self, ctx: Any) -> None:
        """Offer to write a list of what the grid shows."""
        run = _open_run(ctx)
        if run is not None:
            fields = [part.path for part in _parts(ctx).scores]
            self._prompt(ctx, "export_list", {"path": str(Path.home() / f"{run.key}.csv"), "fields": fields})

    def open_map(self, ctx: Any) -> None:
        """Open the Curation Map panel on the open run."""
        ctx.ops.open_panel("map", layout="horizontal", state={"open": ctx.panel.get_state("run")})

    def review(self, ctx: Any) -> None:
        """Open the Curation Review panel on the open run."""
        ctx.ops.open_panel("review", state={"source": ctx.panel.get_state("run")})

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended."""
        ctx.dataset.reload()
        self.refresh(ctx)

    def _prompt(self, ctx: Any, operator: str, params: dict[str, Any]) -> None:
        ctx.prompt(f"{self.plugin_name}/{operator}", params=params, on_success=self.on_ran, on_error=self.on_ran)


def slice_params(run: Run, parts: Layout, shown: dict[str, Any] | None) -> dict[str, Any]:
    """What the form of `save_slice` starts with: the condition that the grid shows, or the run's own mark."""
    if shown is None and parts.flags:
        part = parts.flags[0]
        return {"name": f"{run.key} {part.title.lower()}", "field": part.path, "equals": "true"}
    params: dict[str, Any] = {"name": f"{run.key} {shown['text']}" if shown else run.key}
    if shown is None:
        return params
    if shown["event"] == "show_range":
        params.update(field=parts.named(shown["column"]).path, at_least=shown["low"], at_most=shown["last"])
    elif shown["event"] == "show_flag":
        params.update(field=parts.named(shown["value"]).path, equals="true")
    elif shown["event"] == "show_group" and shown["column"] != GIVEN:
        part = parts.named(shown["column"])
        if not part.holds_many:
            params.update(field=part.path.removesuffix(".label"), equals=str(shown["value"]))
    return params


def _show(ctx: Any, stage: fos.ViewStage, shown: dict[str, Any]) -> None:
    ctx.panel.set_state("shown", shown)
    n = grid.base_view(ctx).add_stage(stage).count()
    ctx.panel.set_data("showing", {**shown, "text": _says(n, shown)})
    grid.show(ctx, stage)


def _shown(ctx: Any) -> dict[str, Any] | None:
    """What the panel's stage in the grid shows; None once the user has removed it."""
    return ctx.panel.get_state("shown") if grid.is_shown(ctx) else None


def _showing(ctx: Any) -> dict[str, Any] | None:
    shown = _shown(ctx)
    return {**shown, "text": _says(ctx.view.count(), shown)} if shown else None


def _says(n: int, shown: dict[str, Any]) -> str:
    return f"The grid shows {wording.samples(n)}: {shown['text']}"


def _open_run(ctx: Any) -> Run | None:
    key = ctx.panel.get_state("run")
    return next((run for run in list_runs(ctx.dataset) if run.key == key), None) if key else None


def _parts(ctx: Any) -> Layout:
    run = _open_run(ctx)
    return _layout(ctx, run) if run is not None else Layout()


def _layout(ctx: Any, run: Run) -> Layout:
    return layout(run, ctx.dataset.get_field_schema())


def _scope(ctx: Any, view: fo.DatasetView) -> dict[str, Any]:
    n, total = view.count(), ctx.dataset.count()
    if ctx.view._is_generated:
        text = f"The grid shows objects; the figures are about all {wording.samples(total)} of the dataset"
    elif view._stages:
        text = f"The figures are about the current view: {n:,} of {wording.samples(total)}"
    else:
        text = f"The figures are about the whole dataset: {wording.samples(total)}"
    return {"text": text, "narrowed": bool(view._stages) or ctx.view._is_generated}


def _has(dataset: fo.Dataset, runs: list[Run]) -> set[str]:
    """What the dataset holds that a method can start from: "labels" that were given, "embeddings" of any origin."""
    own = {path for run in runs for path in run.writes.values()}
    given = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    has = {"labels"} if any(path not in own for path in given) else set()
    return has | ({"embeddings"} if vector_sources(dataset) else set())
