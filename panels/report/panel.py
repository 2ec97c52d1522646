"""The Curation Report panel: what a subset is worth beside random ones, and beside other subsets.

The figures are the facts of runs of `report`; nothing is computed here. Clusters and classes drive the grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone.core.stages as fos
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone import ViewField as F
from fiftyone.operators.categories import Categories

from ...dataset.fields.conditions import equals
from ...dataset.runs.freshness import Freshness
from ...dataset.runs.record import Run, list_runs
from ..shared import grid
from ..shared import grid_filter as showing
from ..shared import patches as objects
from ..shared.first_steps import advice
from . import view as report_view

EVENTS = (
    "refresh",
    "whole_dataset",
    "show_all",
    "run_method",
    "open_report",
    "compare_with",
    "show_subset",
    "show_cluster",
    "show_class",
    "show_far",
    "open_sample",
    "export",
    "rerun",
)
HELP = """See whether a subset is better than random ones of the same size: what it covers, what it misses, how its
classes are balanced and what can be learned from it. Compare two subsets, and write the report to a file."""
FAR = 0.05  # share of the samples that are shown as far from the subset


class ReportPanel(foo.Panel):  # type: ignore[misc]
    """Subsets measured against random ones."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(
            name="subset_report",
            label="Curation\N{NO-BREAK SPACE}Report",  # its tab stays one line
            icon="assessment",
            help_markdown=HELP,
            category=Categories.CURATE,
            surfaces="grid",
        )

    def render(self, ctx: Any) -> types.Property:
        events = {name: getattr(self, name) for name in EVENTS}
        view = types.View(component="CuratorReport", composite_view=True, **events)
        return types.Property(types.Object(), view=view)

    # The App's events

    def on_load(self, ctx: Any) -> None:
        self.refresh(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state({"report": None, "other": None, "shown": None, "objects": None})
        self.refresh(ctx)

    def on_change_view(self, ctx: Any) -> None:
        if ctx.dataset is None or ctx.panel.get_state("report") is None:
            self.refresh(ctx)  # it opened on advice, which the new view may have settled
        else:
            ctx.panel.set_data("showing", showing.showing(ctx))

    # Where to look

    def refresh(self, ctx: Any) -> None:
        """Read everything again."""
        data: dict[str, Any] = {"advice": None, "reports": [], "page": None, "showing": None}
        runs = list_runs(ctx.dataset) if ctx.dataset is not None else []
        reports = report_view.reports_of(runs)
        data["advice"] = (advice(ctx) if not reports else None) or (None if reports else report_view.first_step(runs))
        if data["advice"] is not None:
            ctx.panel.set_state("report", None)
        else:
            run = _chosen(ctx, reports)
            ctx.panel.set_state(
                {"report": run.key, "objects": run.patches_field, "known": [one.key for one in reports]}
            )
            other = next((one for one in reports if one.key == ctx.panel.get_state("other")), None)
            reason = Freshness(ctx.dataset, runs).stale_reason(run.key)
            data["reports"] = report_view.history(reports, run.key)
            data["page"] = report_view.page(ctx.dataset, run, other if other is not run else None, reason)
            data["showing"] = showing.showing(ctx)
        ctx.panel.set_data(data)

    def open_report(self, ctx: Any) -> None:
        """Show another report."""
        ctx.panel.set_state({"report": ctx.params.get("key"), "shown": None})
        if grid.is_shown(ctx):
            grid.show(ctx, None)
        self.refresh(ctx)

    def compare_with(self, ctx: Any) -> None:
        """Put another report beside the open one; none to take it away."""
        ctx.panel.set_state("other", ctx.params.get("key"))
        self.refresh(ctx)

    # What the grid shows

    def whole_dataset(self, ctx: Any) -> None:
        """Take all conditions from the grid."""
        showing.whole_dataset(ctx)

    def show_all(self, ctx: Any) -> None:
        """Take the panel's own condition from the grid."""
        showing.show_all(ctx)

    def show_subset(self, ctx: Any) -> None:
        """Show the samples of the subset."""
        run = _open(ctx)
        if run is not None:
            condition = report_view.members(ctx.dataset, run)
            if condition is None:
                ctx.ops.set_view(name=str(run.params["subset"]))  # a saved slice is a view already
            else:
                showing.show(
                    ctx, fos.Match(condition), {"event": "show_subset", "text": f"the subset {run.params['subset']}"}
                )

    def show_cluster(self, ctx: Any) -> None:
        """Show the samples of one cluster."""
        run, cluster = _open(ctx), ctx.params.get("cluster")
        if run is not None and isinstance(cluster, int):
            path = objects.seen(run, run.writes["cluster"])
            showing.show(
                ctx,
                fos.Match(equals(path, cluster)),
                {"event": "show_cluster", "value": cluster, "text": f"cluster {cluster}"},
            )

    def show_class(self, ctx: Any) -> None:
        """Show the samples of one class that are in the subset."""
        run, name = _open(ctx), ctx.params.get("name")
        condition = report_view.members(ctx.dataset, run) if run is not None else None
        if run is None or not isinstance(name, str) or "labels" not in run.reads:
            return
        labelled = equals(objects.seen(run, run.reads["labels"]["field"]), name)
        condition = labelled if condition is None else condition & labelled
        showing.show(ctx, fos.Match(condition), {"event": "show_class", "value": name, "text": f"{name} in the subset"})

    def show_far(self, ctx: Any) -> None:
        """Show the samples that lie farthest from the subset, the farthest first."""
        run = _open(ctx)
        if run is not None:
            path = objects.seen(run, run.writes["distance"])
            bound = grid.base_view(ctx).quantiles(path, 1 - FAR)
            if bound is not None:
                text = f"the {FAR:.0%} of the samples that lie farthest from the subset"
                showing.show(ctx, fos.Match(F(path) >= bound), {"event": "show_far", "text": text})

    def open_sample(self, ctx: Any) -> None:
        """Open one sample large."""
        grid.open_sample(ctx, ctx.params["id"])

    # What the buttons do: they open the form of an operator, filled in

    def run_method(self, ctx: Any) -> None:
        """Open a method's form."""
        self._prompt(ctx, ctx.params["method"], {})

    def rerun(self, ctx: Any) -> None:
        """Offer to measure the open report again."""
        self._prompt(ctx, "rerun", {"key": ctx.panel.get_state("report")})

    def export(self, ctx: Any) -> None:
        """Offer to write the open report, and the one beside it, to a file."""
        run = _open(ctx)
        if run is not None:
            params = {"run": run.key, "path": str(Path.home() / f"{run.key}.html")}
            other = ctx.panel.get_state("other")
            self._prompt(ctx, "export_report", {**params, "compared_with": other} if other else params)

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended: a new report is shown."""
        ctx.dataset.reload()
        newest = report_view.reports_of(list_runs(ctx.dataset))
        if newest and newest[0].key not in (ctx.panel.get_state("known") or ()):
            ctx.panel.set_state("report", newest[0].key)
        self.refresh(ctx)

    def _prompt(self, ctx: Any, operator: str, params: dict[str, Any]) -> None:
        ctx.prompt(f"{self.plugin_name}/{operator}", params=params, on_success=self.on_ran, on_error=self.on_ran)


def _chosen(ctx: Any, reports: list[Run]) -> Run:
    key = ctx.panel.get_state("report")
    return next((run for run in reports if run.key == key), reports[0])


def _open(ctx: Any) -> Run | None:
    reports = report_view.reports_of(list_runs(ctx.dataset))
    return _chosen(ctx, reports) if reports else None
