"""One click beside the picture: similar ones, exclude, keep, relabel, review, undo. The grid keeps its place.

They decide as the Review does, through the same functions and into the same journal. What was done is said, with the
button that takes it back. What they are about is what is selected in the grid, the open picture, or the objects that
are selected in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..core.base.errors import CuratorError
from ..core.base.params import ParamError
from ..dataset.decisions import decisions
from ..dataset.decisions.decisions import Decision
from ..dataset.decisions.journal import Entry
from ..dataset.decisions.new_classes import MOST, NewClassError, classes_of, expect_known
from ..dataset.fields.rows import Rows, shown_field
from ..dataset.inputs.alike import most_alike
from ..dataset.inputs.sources import label_fields, label_path
from . import announce
from .payloads import LineButton

GRID = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS
VIEWER = types.Places.SAMPLES_VIEWER_ACTIONS
SIMILAR = 30
LISTED = 10  # decisions to choose from
NOTHING = "Nothing is selected: tick the box at the corner of a picture first."

Line = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Click:
    """A button.

    Attributes:
        does: what it does, given the context and what it is about; it returns the line that says so.
        form: what it asks first, if anything.
        at: where it stands by itself; None for those in the bar that appears over the grid with a selection.
        open: it is about the open picture, not about the selection.
        about_all: it needs no selection.
    """

    name: str
    label: str
    icon: str
    help: str
    does: Callable[[Any, Rows], Line]
    form: Callable[[Any, types.Object, Rows], None] | None = None
    at: types.Places | None = None
    open: bool = False
    about_all: bool = False


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
                dynamic=click.form is not None,
                unlisted=True,  # they stand where they are needed; the operator browser has `mark`, `relabel`, `undo`
                risk_level=types.RiskLevel.MEDIUM,
            )

        def resolve_placement(self, ctx: Any) -> types.Placement | None:
            if click.at is None:
                return None
            button = types.Button(label=click.label, icon=click.icon, prompt=click.form is not None)
            return types.Placement(click.at, button)

        def resolve_input(self, ctx: Any) -> types.Property | None:
            if click.form is None or ctx.dataset is None:
                return None
            form = types.Object()
            try:
                click.form(ctx, form, _about(ctx, click))
            except CuratorError as error:
                form.view("wrong", types.Error(label=str(error)))
            return types.Property(form, view=types.View(label=click.label, description=click.help))

        def execute(self, ctx: Any) -> dict[str, Any]:
            before = set(ctx.dataset.get_field_schema(flat=True))
            try:
                said, more = click.does(ctx, _about(ctx, click))
            except NewClassError as error:
                meant = f" Did you mean {error.meant!r}?" if error.meant else ""
                said = f"{error.label!r} is no class yet.{meant}"
                params = {**ctx.params, "new_class": True}
                does: LineButton = {"label": "Make it a new class", "operator": self.uri, "params": params}
                ctx.trigger(*announce.line(said, "error", does))
                return {"headline": said, "samples": 0}
            except CuratorError as error:
                ctx.trigger(*announce.line(str(error), "error"))
                return {"headline": str(error), "samples": 0}
            ctx.trigger(*announce.line(said, **{name: one for name, one in more.items() if name != "samples"}))
            if more.get("samples") and not click.open:
                ctx.ops.set_selected_samples([])
            if set(ctx.dataset.get_field_schema(flat=True)) != before:
                ctx.ops.reload_dataset()  # so that the sidebar shows the fields that the first decision makes
            return {"headline": said, "samples": more.get("samples", 0)}

    ClickOperator.__name__ = ClickOperator.__qualname__ = "".join(part.capitalize() for part in click.name.split("_"))
    ClickOperator.__doc__ = click.help
    return ClickOperator


# What a button is about


def _about(ctx: Any, click: Click) -> Rows:
    """The samples or objects that are meant.

    Raises:
        ParamError: none are.
    """
    dataset = ctx.dataset
    labels = [one for one in ctx.selected_labels or [] if one.get("field")] if click.open else []
    if labels:  # objects that are selected in the open picture
        field = labels[0]["field"]
        chosen = [one for one in labels if one["field"] == field]
        return Rows.known(dataset, field, [one["label_id"] for one in chosen], [one["sample_id"] for one in chosen])
    ids = [ctx.current_sample] if click.open else list(ctx.selected or [])
    ids = [one for one in ids if one]
    if not ids and not click.about_all:
        raise ParamError(NOTHING)
    if not ctx.view._is_patches:
        return Rows.known(dataset, None, ids, ids)
    shown = ctx.view.select(ids)
    return Rows.known(dataset, shown_field(ctx.view), shown.values("id"), shown.values("sample_id"))


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


# What they do


def _decided(made: Decision, asked: int) -> Line:
    """The line about a decision, with the button that takes it back."""
    n = len(made.ids)
    if not n:
        said = f"All {asked:,} are {made.said} already." if asked > 1 else f"It is {made.said} already."
        return said, {"variant": "info", "samples": 0}
    more = {"does": announce.take_back(made.key), "samples": n, "decided": True}
    return f"{_counted(n, made.word)} {made.said}.", more


def _exclude(ctx: Any, rows: Rows) -> Line:
    return _decided(decisions.exclude(rows, author=ctx.user_id), len(rows))


def _keep(ctx: Any, rows: Rows) -> Line:
    return _decided(decisions.keep(rows, author=ctx.user_id), len(rows))


def _relabel(ctx: Any, rows: Rows) -> Line:
    field, label = ctx.params.get("label_field") or _fields(ctx.dataset, rows)[0], ctx.params.get("label") or ""
    if not ctx.params.get("new_class"):
        expect_known(ctx.dataset, label_path(ctx.dataset, field, rows.field), [label])
    return _decided(decisions.relabel(rows, field, label, author=ctx.user_id), len(rows))


def _similar(ctx: Any, rows: Rows) -> Line:
    """Show the most alike in the grid, the asked ones first; the button goes back to what the grid showed."""
    found, embeddings = most_alike(ctx.dataset, rows.field, list(rows.ids), SIMILAR)
    shown = ctx.dataset.to_patches(rows.field) if rows.field else ctx.dataset
    if ctx.current_sample:
        ctx.ops.close_sample()
    ctx.ops.set_view(view=shown.select([*rows.ids, *found], ordered=True))
    before = {"view": ctx.request_params.get("view") or []}
    back = {"label": "Back", "operator": "@voxel51/operators/set_view", "params": before}
    asked = f"the {len(rows):,} selected" if len(rows) > 1 else "this one"
    return f"The {len(found)} most like {asked}, by {embeddings}.", {"variant": "info", "does": back}


def _review(ctx: Any, rows: Rows) -> Line:
    """Open the Review on these."""
    ids = list(rows.ids)
    ctx.ops.open_panel("review", layout="horizontal", data={"wanted_ids": ids})
    return f"Review of {_counted(len(ids), rows.word)}.", {"variant": "info", "review": ids}


def _undo(ctx: Any, rows: Rows) -> Line:
    taken = decisions.undo(ctx.dataset, key=ctx.params.get("key") or None)
    if not taken:
        return "There is no decision to take back.", {"variant": "info"}
    n, left = len(taken[0].ids), taken[0].left
    later = f"; {left:,} changed since and left as they are" if left else ""
    said = f"Taken back: {taken[0].said}, on {_counted(n, taken[0].word)}{later}."
    return said, {"variant": "info", "samples": n, "decided": True}


# What they ask first


def _fields(dataset: fo.Dataset, rows: Rows) -> list[str]:
    """The label fields that can be corrected, the given ones first."""
    if rows.field is not None:
        return [rows.field]
    found = []
    for name in label_fields(dataset):
        curates = (dataset.get_field(name).info or {}).get("curates")
        if not curates and isinstance(dataset.get_field(name), fo.EmbeddedDocumentField):
            found.append(name)
    if not found:
        raise ParamError("This dataset has no labels of images to correct; add a label field first")
    return found


def _ask_label(ctx: Any, form: types.Object, rows: Rows) -> None:
    """Another label: one that is there, found by typing, or a new one."""
    fields = _fields(ctx.dataset, rows)
    field = ctx.params.get("label_field") or fields[0]
    path = label_path(ctx.dataset, field, rows.field)
    view = types.AutocompleteView(allow_user_input=True)
    for name in classes_of(ctx.dataset, path)[:MOST]:
        view.add_choice(name, label=name)
    about = f"Of {_counted(len(rows), rows.word)}; the given label stays in {field!r}"
    form.str("label", view=view, label="New label", description=about, required=True)
    if len(fields) > 1:
        form.enum("label_field", fields, default=fields[0], label="Labels to correct", view=types.DropdownView())


def _ask_decision(ctx: Any, form: types.Object, rows: Rows) -> None:
    """Which of the last decisions is taken back, the newest unless another is chosen."""
    last = decisions.history(ctx.dataset, LISTED)
    if not last:
        form.view("nothing", types.Notice(label="There is no decision to take back."))
        return
    view = types.RadioGroup()
    for entry in last:
        view.add_choice(entry.key, label=said_of(entry))
    about = "The others stay. What was decided again later stays as it is"
    form.enum("key", view.values(), view=view, default=last[0].key, label="Take back", description=about)


def said_of(entry: Entry) -> str:
    """A decision of the journal in a line: "2 samples excluded, 14:05"."""
    word = "object" if entry.objects else "sample"
    by = f", {entry.author}" if entry.author else ""
    return f"{_counted(entry.count, word)} {entry.said}, {entry.made[11:16]} UTC{by}"


_SIMILAR = "Show the pictures most like these in the grid"
CLICKS = (
    Click("similar_selected", "Similar", "image_search", _SIMILAR, _similar),
    Click("exclude_selected", "Exclude", "block", "Exclude what is selected", _exclude),
    Click("keep_selected", "Keep", "check", "Say that what is selected is right", _keep),
    Click("relabel_selected", "Relabel…", "edit", "Give what is selected another label", _relabel, _ask_label),
    Click("review_selected", "Review these", "fact_check", "Go through what is selected one by one", _review),
    Click("undo_last", "Undo…", "undo", "Take back one of the last decisions", _undo, _ask_decision, GRID, False, True),
    Click("similar_open", "Similar", "image_search", _SIMILAR, _similar, at=VIEWER, open=True),
    Click("exclude_open", "Exclude", "block", "Exclude this picture", _exclude, at=VIEWER, open=True),
    Click("keep_open", "Keep", "check", "Say that this picture is right", _keep, at=VIEWER, open=True),
    Click("relabel_open", "Relabel…", "edit", "Give this another label", _relabel, _ask_label, VIEWER, True),
)
