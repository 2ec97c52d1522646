"""What a panel shows in the grid: one condition of its own, with the sentence that says so."""

from __future__ import annotations

from typing import Any

import fiftyone.core.stages as fos

from . import grid, wording
from . import patches as objects
from .payloads import Showing


def show(ctx: Any, stage: fos.ViewStage, shown: Showing) -> None:
    """Narrow the grid to a stage.

    Args:
        shown: `event`, the panel's method that asked for it, `text`, what is shown, and whatever marks the part of the
            panel that was clicked.
    """
    shown = shown if objects.about(ctx) is None else {**shown, "word": "object"}
    ctx.panel.set_state("shown", shown)
    n = grid.base_view(ctx).add_stage(stage).count()
    ctx.panel.set_data("showing", {**shown, "text": _says(n, shown)})
    grid.show(ctx, stage)


def shown(ctx: Any) -> Showing | None:
    """What the panel's stage in the grid shows; None once the user has removed it."""
    return ctx.panel.get_state("shown") if grid.is_shown(ctx) else None


def showing(ctx: Any) -> Showing | None:
    """The same with the sentence, counted anew."""
    now = shown(ctx)
    return {**now, "text": _says(ctx.view.count(), now)} if now else None


def show_all(ctx: Any) -> None:
    """Take the panel's own condition from the grid."""
    ctx.panel.set_state("shown", None)
    ctx.panel.set_data("showing", None)
    grid.show(ctx, None)


def whole_dataset(ctx: Any) -> None:
    """Take all conditions from the grid, the user's too."""
    ctx.panel.set_state("shown", None)
    ctx.ops.clear_sidebar_filters()
    ctx.ops.clear_view()


def _says(n: int, shown: Showing) -> str:
    return f"The grid shows {wording.samples(n, shown.get('word', 'sample'))}: {shown['text']}"
