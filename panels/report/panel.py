"""The Curation Report panel: what a subset is worth beside random ones, and beside other subsets.

The figures are the facts of runs of `report`; nothing is computed here. Clusters and classes drive the grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone.core.stages as fos
from fiftyone import ViewField as F

from ...dataset.fields.conditions import equals
from ...dataset.runs.freshness import Freshness
from ...dataset.runs.record import Run, list_runs
from ..shared import grid
from ..shared import grid_filter as showing
from ..shared import patches as objects
from ..shared.first_steps import advice
from ..shared.panel import CuratorPanel, Face, event
from . import view as report_view
from .payloads import ReportData

HELP = """See whether a subset is better than random ones of the same size: what it covers, what it misses, how its
classes are balanced and what can be learned from it. Compare two subsets, and write the report to a file."""
FAR = 0.05  # share of the samples that are shown as far from the subset


class ReportPanel(CuratorPanel):
    """Subsets measured against random ones."""

    face = Face("subset_report", "Curation Report", "assessment", HELP, "CuratorReport")

    # The App's events

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state({"report": None, "other": None, "shown": None, "objects": None})
        self.refresh(ctx)

    def on_change_view(self, ctx: Any) -> None:
        if ctx.dataset is None or ctx.panel.get_state("report") is None:
            self.refresh(ctx)  # it opened on advice, which the new view may have settled
        else:
            ctx.panel.set_data("showing", showing.showing(ctx))

    # Where to look

    @event
    def refresh(self, ctx: Any) -> None:
        """Read everything again."""
        data: ReportData = {"advice": None, "reports": None, "page": None, "showing": None}
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

    @event
    def open_report(self, ctx: Any, key: str) -> None:
        """Show another report."""
        ctx.panel.set_state({"report": key, "shown": None})
        if grid.is_shown(ctx):
            grid.show(ctx, None)
        self.refresh(ctx)

    @event
    def compare_with(self, ctx: Any, key: str | None = None) -> None:
        """Put another report beside the open one; none to take it away."""
        ctx.panel.set_state("other", key)
        self.refresh(ctx)

    # What the grid shows

    @event
    def show_all(self, ctx: Any) -> None:
        """Take the panel's own condition from the grid."""
        showing.show_all(ctx)

    @event
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

    @event
    def show_cluster(self, ctx: Any, cluster: int) -> None:
        """Show the samples of one cluster."""
        run = _open(ctx)
        if run is not None:
            path = objects.seen(run, run.writes["cluster"])
            showing.show(
                ctx,
                fos.Match(equals(path, cluster)),
                {"event": "show_cluster", "value": cluster, "text": f"cluster {cluster}"},
            )

    @event
    def show_class(self, ctx: Any, name: str) -> None:
        """Show the samples of one class that are in the subset."""
        run = _open(ctx)
        condition = report_view.members(ctx.dataset, run) if run is not None else None
        if run is None or "labels" not in run.reads:
            return
        labelled = equals(objects.seen(run, run.reads["labels"]["field"]), name)
        condition = labelled if condition is None else condition & labelled
        showing.show(ctx, fos.Match(condition), {"event": "show_class", "value": name, "text": f"{name} in the subset"})

    @event
    def show_far(self, ctx: Any) -> None:
        """Show the samples that lie farthest from the subset, the farthest first."""
        run = _open(ctx)
        if run is not None:
            path = objects.seen(run, run.writes["distance"])
            bound = grid.base_view(ctx).quantiles(path, 1 - FAR)
            if bound is not None:
                text = f"the {FAR:.0%} of the samples that lie farthest from the subset"
                showing.show(ctx, fos.Match(F(path) >= bound), {"event": "show_far", "text": text})

    # What the buttons do: they open the form of an operator, filled in

    @event
    def rerun(self, ctx: Any) -> None:
        """Offer to measure the open report again."""
        self.prompt(ctx, "rerun", {"key": ctx.panel.get_state("report")})

    @event
    def export(self, ctx: Any) -> None:
        """Offer to write the open report, and the one beside it, to a file."""
        run = _open(ctx)
        if run is not None:
            params = {"run": run.key, "path": str(Path.home() / f"{run.key}.html")}
            other = ctx.panel.get_state("other")
            self.prompt(ctx, "export_report", {**params, "compared_with": other} if other else params)

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended: a new report is shown."""
        ctx.dataset.reload()
        newest = report_view.reports_of(list_runs(ctx.dataset))
        if newest and newest[0].key not in (ctx.panel.get_state("known") or ()):
            ctx.panel.set_state("report", newest[0].key)
        self.refresh(ctx)


def _chosen(ctx: Any, reports: list[Run]) -> Run:
    key = ctx.panel.get_state("report")
    return next((run for run in reports if run.key == key), reports[0])


def _open(ctx: Any) -> Run | None:
    reports = report_view.reports_of(list_runs(ctx.dataset))
    return _chosen(ctx, reports) if reports else None
