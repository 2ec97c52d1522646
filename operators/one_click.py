"""One click beside the grid or the open picture: exclude, keep, undo. No form, and the grid keeps its place.

They decide as the Review does, through the same functions and into the same journal; what was done is said, with the
button that takes it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..core.base.errors import CuratorError
from ..dataset.decisions import decisions
from ..dataset.decisions.decisions import Decision

GRID = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS
VIEWER = types.Places.SAMPLES_VIEWER_ACTIONS


@dataclass(frozen=True)
class Click:
    """A button.

    Attributes:
        does: decides about a view of what is selected or open; None for the one that takes back.
        at: where it stands.
    """

    name: str
    label: str
    icon: str
    help: str
    does: Callable[[fo.DatasetView], Decision] | None
    at: types.Places = GRID


CLICKS = (
    Click("exclude_selected", "Exclude the selected", "block", "Exclude what is selected", decisions.exclude),
    Click("keep_selected", "Keep the selected", "check", "Say that what is selected is right", decisions.keep),
    Click("undo_last", "Undo the last decision", "undo", "Take back the last decision, of any panel", None),
    Click("exclude_open", "Exclude this picture", "block", "Exclude the open picture", decisions.exclude, VIEWER),
    Click("keep_open", "Keep this picture", "check", "Say that the open picture is right", decisions.keep, VIEWER),
)


def click_operator(click: Click) -> type[foo.Operator]:
    """The operator class of a button."""

    class ClickOperator(foo.Operator):  # type: ignore[misc]
        @property
        def config(self) -> foo.OperatorConfig:
            return foo.OperatorConfig(
                name=click.name,
                label=click.label,
                description=click.help,
                icon=click.icon,
                unlisted=True,  # they stand where they are needed; the operator browser has `mark` and `undo`
                risk_level=types.RiskLevel.MEDIUM,
            )

        def resolve_placement(self, ctx: Any) -> types.Placement:
            return types.Placement(click.at, types.Button(label=click.label, icon=click.icon, prompt=False))

        def execute(self, ctx: Any) -> dict[str, Any]:
            before = set(ctx.dataset.get_field_schema(flat=True))
            try:
                said, n = _undo(ctx) if click.does is None else _decide(ctx, click.does, click.at is VIEWER)
            except CuratorError as error:
                ctx.ops.notify(str(error), variant="error")
                return {"headline": str(error), "samples": 0}
            ctx.ops.notify(said, variant="success" if n else "info")
            if n and click.at is GRID:
                ctx.ops.set_selected_samples([])
            if set(ctx.dataset.get_field_schema(flat=True)) != before:
                ctx.ops.reload_dataset()  # so that the sidebar shows the fields that the first decision makes
            return {"headline": said, "samples": n}

    ClickOperator.__name__ = ClickOperator.__qualname__ = "".join(part.capitalize() for part in click.name.split("_"))
    ClickOperator.__doc__ = click.help
    return ClickOperator


def _decide(ctx: Any, does: Callable[[fo.DatasetView], Decision], is_open: bool) -> tuple[str, int]:
    """Decide about the selection, or about the open picture."""
    ids = [ctx.current_sample] if is_open else list(ctx.selected or [])
    ids = [one for one in ids if one]
    if not ids:
        return "Nothing is selected: tick the box at the corner of a picture first.", 0
    shown = ctx.view if ctx.view._is_patches else ctx.dataset.view()  # of objects, where the grid shows these
    made = does(shown.select(ids))
    n = len(made.ids)
    if not n:
        return f"All {len(ids):,} are {made.verdict} already." if len(ids) > 1 else f"It is {made.verdict} already.", 0
    return f"{n:,} {made.word}{'' if n == 1 else 's'} {made.said}. “Undo the last decision” takes it back.", n


def _undo(ctx: Any) -> tuple[str, int]:
    taken = decisions.undo(ctx.dataset)
    if not taken:
        return "There is no decision to take back.", 0
    n = len(taken[0].ids)
    return f"Taken back: {taken[0].said}, on {n:,} {taken[0].word}{'' if n == 1 else 's'}.", n
