"""The Curation Map panel: samples or objects as points, so that groups, odd ones and errors show to be drawn around.

Places and colors are sent once, a few bytes a point; turning, moving and zooming need no event. What the user chose is
kept with the dataset, so that the panel comes back as it was left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone.operators as foo

from ...core.base.arrays import silent
from ...core.base.params import ParamError
from ...dataset.actions import save_slice as slices
from ...dataset.decisions import decisions
from ...dataset.decisions.decisions import REASON, Decision
from ...dataset.inputs.sources import vector_sources
from ...dataset.runs.record import Run, list_runs
from ..shared import grid, scope, wording
from ..shared.arguments import Id
from ..shared.first_steps import advice
from ..shared.panel import CuratorPanel, Face, event
from ..shared.scope import Scope
from . import chosen as map_choice
from . import colors as map_colors
from . import page as map_page
from . import points as map_points
from . import view as map_view
from .chosen import Choice
from .payloads import ClassValue, MapData
from .points import MapPoints
from .view import stamp

HELP = """Samples, or the objects in them, as points; similar ones lie close. Choose a color and a size, point at one
to see it, click it to see it large. With the lasso or the box draw around some: the grid shows them, and you can
exclude, tag or save them. Drag to move, or to turn a map in space; the wheel zooms."""
STORE = "image_curation_map"  # what was chosen last on this dataset
PLACE = ("run", "color", "size", "classes", "chosen")  # what is kept there


class MapPanel(CuratorPanel):
    """A map of the samples, to look at and to choose from."""

    face = Face("map", "Curation Map", "scatter_plot", HELP, "CuratorMap")

    # The App's events

    def on_load(self, ctx: Any) -> None:
        opened = ctx.panel.get_state("open")  # the run that another panel asks for
        if ctx.dataset is not None:
            place = _store(ctx).get("place") or {}
            other = opened is not None and opened != place.get("run")
            ctx.panel.set_state({**place, **({"run": opened, "chosen": None} if other else {}), "open": None})
        self.refresh(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state(dict.fromkeys((*PLACE, "objects")))
        self.on_load(ctx)

    def on_change_view(self, ctx: Any) -> None:
        # The App reports one change three times, opening the panel and the panel's own clicks too; those leave the base
        # view. Just after opening, the state has not reached the browser yet, and everything has just been read.
        known = ctx.panel.get_state("base")
        if ctx.dataset is not None and (known is None or known == grid.scope_digest(ctx)):
            ctx.panel.set_data("in_grid", grid.is_shown(ctx))
            return
        points = map_points.kept(ctx.dataset, ctx.panel.get_state("run")) if ctx.dataset is not None else None
        if points is None or not points.all_drawn or ctx.panel.get_state("blank") or advice(ctx) is not None:
            self._show(ctx)
        else:  # places and colors are the same in every view
            ctx.panel.set_state("base", grid.scope_digest(ctx))
            ctx.panel.set_data({"narrowed": not grid.scope(ctx).is_whole, **map_view.lit(ctx, points)})

    def on_change_selected(self, ctx: Any) -> None:
        points = map_points.kept(ctx.dataset, ctx.panel.get_state("run")) if ctx.dataset is not None else None
        if points is not None and not ctx.panel.get_state("chosen"):
            ctx.panel.set_data(map_view.lit(ctx, points))

    # What to look at

    @event
    def refresh(self, ctx: Any) -> None:
        """Read everything again."""
        self._show(ctx, again=True)

    @event
    def whole_dataset(self, ctx: Any) -> None:
        """Take all conditions from the grid."""
        self._remember(ctx, chosen=None)
        ctx.ops.clear_sidebar_filters()
        ctx.ops.clear_view()

    @event
    def choose_map(self, ctx: Any, key: str) -> None:
        """Show another map."""
        self._remember(ctx, run=key, chosen=None)
        ctx.panel.set_data({"point": None, "pointed": None, "said": None})
        if grid.is_shown(ctx):
            grid.show(ctx, None)
        self._show(ctx)

    @event
    def choose_color(self, ctx: Any, path: str | None = None) -> None:
        """Color the points by another field, or by none."""
        self._remember(ctx, color=path or "")
        self._with_points(ctx, lambda points: map_view.color(ctx, points))

    @event
    def choose_classes(self, ctx: Any, classes: list[ClassValue]) -> None:
        """Say which classes have a color of their own; none for the largest."""
        path, wanted = ctx.panel.get_state("color"), classes[: map_colors.COLORS]
        others = [one for one in ctx.panel.get_state("classes") or [] if one["path"] != path]
        self._remember(ctx, classes=[*others, {"path": path, "classes": wanted}] if wanted else others)
        self._with_points(ctx, lambda points: map_view.color(ctx, points))

    @event
    def choose_size(self, ctx: Any, path: str | None = None) -> None:
        """Size the points by a score, or all the same."""
        self._remember(ctx, size=path or None)
        self._with_points(ctx, lambda points: map_view.size(ctx, points))

    # One sample

    @event
    def point_at(self, ctx: Any, index: int, token: str) -> None:
        """Show the picture and the label of the point under the pointer."""
        self._with_points(ctx, lambda points: {"pointed": map_view.sample(ctx, points, index)}, token)

    @event
    def open_point(self, ctx: Any, index: int, token: str) -> None:
        """Show the sample of a point large."""
        self._with_points(ctx, lambda points: {"point": map_view.sample(ctx, points, index), "pointed": None}, token)

    @event
    def close_point(self, ctx: Any) -> None:
        """Put the large picture away."""
        ctx.panel.set_data("point", None)

    @event
    def exclude_point(self, ctx: Any, id: Id, index: int, token: str) -> None:
        """Exclude the sample that is shown large."""
        rows = scope.some(ctx.dataset, ctx.panel.get_state("objects"), [id]).rows()
        self._decide(ctx, lambda queue: decisions.exclude(rows, None, queue), index, token)

    # Several samples

    @event
    def choose_shape(
        self, ctx: Any, corners: list[list[float]], matrix: list[float] | None = None, token: str | None = None
    ) -> None:
        """Choose the samples inside a shape that was drawn on the map."""
        self._with_points(
            ctx,
            lambda points: self._choose(ctx, points, lambda: map_choice.shape(points, corners, matrix)),
            token,
        )

    @event
    def choose_class(self, ctx: Any, value: ClassValue) -> None:
        """Choose the samples of a class of the legend."""
        choice = map_choice.of_class(ctx.panel.get_state("color"), value)
        self._with_points(ctx, lambda points: self._choose(ctx, points, lambda: choice))

    @event
    def show_chosen(self, ctx: Any) -> None:
        """Show the chosen samples in the grid."""
        points, choice = self._points(ctx), ctx.panel.get_state("chosen")
        if points is not None and choice:
            grid.show(ctx, map_choice.stage(points, choice))

    @event
    def clear_chosen(self, ctx: Any) -> None:
        """Choose nothing; the grid shows what it showed before."""
        self._remember(ctx, chosen=None)
        if grid.is_shown(ctx):
            grid.show(ctx, None)
        self._with_points(ctx, lambda points: {"said": None, **map_view.lit(ctx, points)})

    @event
    def exclude_chosen(self, ctx: Any) -> None:
        """Exclude the chosen samples, in one decision."""
        chosen = self._chosen(ctx)
        if chosen is not None:
            self._decide(ctx, lambda queue: decisions.exclude(chosen.rows(), None, queue))

    @event
    def tag_chosen(self, ctx: Any, tag: str) -> None:
        """Give the chosen samples a tag."""
        tag, chosen = tag.strip(), self._chosen(ctx)
        if chosen is None:
            return
        if not tag or tag in decisions.TAGS:
            why = f"“{tag}” is a decision; use its button" if tag else "A tag must have at least one letter or digit"
            ctx.panel.set_data({"said": wording.sentence(why), "stamp": stamp()})
            return
        n = chosen.tag(tag)
        ctx.ops.reload_dataset()
        text = f"{wording.samples(n, chosen.word)} tagged “{tag}”."
        self._with_points(ctx, lambda points: self._after(ctx, points, text))

    @event
    def save_chosen(self, ctx: Any, name: str) -> None:
        """Save the chosen samples as a slice."""
        points, choice = self._points(ctx), ctx.panel.get_state("chosen")
        if points is None or not choice:
            return
        view = grid.base_view(ctx).add_stage(map_choice.stage(points, choice))
        try:
            params = slices.SaveSliceParams(name=name.strip())
            text = wording.sentence(slices.save_slice(view, params, silent)["headline"])
            ctx.ops.reload_dataset()
        except ParamError as error:
            text = str(error)
        self._with_points(ctx, lambda points: self._after(ctx, points, text))

    @event
    def undo(self, ctx: Any, index: int | None = None, token: str | None = None) -> None:
        """Take back the last decision that was made on this map; the point that is shown large is read again."""
        taken = decisions.undo(ctx.dataset, 1, ctx.panel.get_state("run"))
        text = "There is no decision to take back."
        if taken:
            text = wording.taken_back(taken[0])
            ctx.ops.reload_dataset()
        self._with_points(ctx, lambda points: self._after(ctx, points, text, index), token)

    # Forms

    @event
    def rerun(self, ctx: Any) -> None:
        """Offer to compute this map again."""
        self.prompt(ctx, "rerun", {"key": ctx.panel.get_state("run")})

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended."""
        ctx.dataset.reload()
        runs = map_points.map_runs(ctx.dataset, list_runs(ctx.dataset))
        if runs and runs[0].key != ctx.panel.get_state("newest"):
            self._remember(ctx, run=runs[0].key, chosen=None)  # look at what was just made
        self.refresh(ctx)

    # Behind the events

    def _show(self, ctx: Any, again: bool = False) -> None:
        """Send everything; read the points again where they may have changed."""
        data: MapData = {"maps": [], "plot": None, "stamp": stamp()}
        runs = list_runs(ctx.dataset) if ctx.dataset is not None else []
        maps = map_points.map_runs(ctx.dataset, runs) if runs else []
        run = next((one for one in maps if one.key == ctx.panel.get_state("run")), maps[0] if maps else None)
        ctx.panel.set_state("objects", run.patches_field if run is not None else None)
        data["advice"] = advice(ctx)
        if ctx.dataset is not None:
            ctx.panel.set_state("base", grid.scope_digest(ctx))
        if data["advice"] is None and run is None:
            running = any(one.method == "compute_map" and one.status == "running" for one in runs)
            data["advice"] = map_page.nothing_yet(running, bool(vector_sources(ctx.dataset)))
        points = self._read(ctx, run, again) if run is not None and data["advice"] is None else None
        if run is not None and points is None and data["advice"] is None:
            data["advice"] = map_page.nothing_yet(False, True)
        if run is not None and points is not None:
            data.update(map_view.page(ctx, maps, run, points, runs))
        ctx.panel.set_state("blank", data["advice"] is not None)
        ctx.panel.set_data(data)

    def _choose(self, ctx: Any, points: MapPoints, make: Callable[[], Choice]) -> MapData:
        """Choose samples, and show them in the grid."""
        try:
            choice = make()
            stage = map_choice.stage(points, choice)
        except ParamError as error:
            return {"said": str(error), "stamp": stamp()}
        n = grid.scope(ctx).add(stage).count()
        if n == 0:
            return {"said": "Nothing lies inside; draw around some points.", "stamp": stamp()}
        self._remember(ctx, chosen=dict(choice))
        fits = map_choice.fits_grid(choice, n)
        if fits:
            grid.show(ctx, stage)
        text = (
            None
            if fits
            else f"More than {map_choice.LISTED:,} are too many for the grid; the buttons act on all of them."
        )
        return {**map_view.lit(ctx, points), "in_grid": fits, "said": text}

    def _decide(
        self, ctx: Any, make: Callable[[str], Decision], opened: int | None = None, token: str | None = None
    ) -> None:
        """Decide about samples; the decision is filed under the map, whose undo takes it back.

        Args:
            opened: place of the point that is shown large.
            token: of the points that the place is of.
        """
        field = ctx.panel.get_state("objects")
        had_fields = ctx.dataset.get_field(scope.stored(ctx.dataset, field, scope.own(field, REASON))) is not None
        try:
            made = make(ctx.panel.get_state("run"))
            said = f"{wording.samples(len(made.ids), made.word)} {made.said}."
            text = said if made.ids else "All of these are excluded already."
        except ParamError as error:
            text = str(error)
        if not had_fields or ctx.panel.get_state("chosen"):
            ctx.ops.reload_dataset()
        self._with_points(ctx, lambda points: self._after(ctx, points, text, opened), token)

    def _after(self, ctx: Any, points: MapPoints, text: str, opened: int | None = None) -> MapData:
        """What may have changed with a decision, a tag or a slice; and what was done."""
        last = decisions.last(ctx.dataset, points.key)
        data: MapData = {"said": text, "undo": last.said if last else None, **map_view.lit(ctx, points)}
        if opened is not None:
            data["point"] = map_view.sample(ctx, points, opened)
        if ctx.panel.get_state("color") == scope.own(points.field, map_colors.TAGS):
            data.update(map_view.color(ctx, points))
        return data

    def _chosen(self, ctx: Any) -> Scope | None:
        points, choice = self._points(ctx), ctx.panel.get_state("chosen")
        if points is None or not choice:
            return None
        return grid.scope(ctx).add(map_choice.stage(points, choice))

    def _with_points(self, ctx: Any, make: Callable[[MapPoints], MapData], token: str | None = None) -> None:
        """Send what belongs to the points; all of it where they are no longer those that the view has.

        Args:
            token: of the points that the view has, where the event is about their places.
        """
        points = self._points(ctx)
        if points is None or (token is not None and token != points.token):
            self._show(ctx)
        else:
            ctx.panel.set_data(make(points))

    def _points(self, ctx: Any) -> MapPoints | None:
        """The points of the map that is shown, from memory where this process has them."""
        key = ctx.panel.get_state("run")
        found = map_points.kept(ctx.dataset, key)
        if found is not None:
            return found
        maps = map_points.map_runs(ctx.dataset, list_runs(ctx.dataset))
        run = next((one for one in maps if one.key == key), None)
        return map_points.read(run, grid.scope(ctx)) if run is not None else None

    def _read(self, ctx: Any, run: Run, again: bool) -> MapPoints | None:
        found = map_points.kept(ctx.dataset, run.key)
        same = found is not None and found.made == run.finished and found.all_drawn
        return found if same and not again else map_points.read(run, grid.scope(ctx))

    def _remember(self, ctx: Any, **changes: Any) -> None:
        """Keep what the user chose, in the panel and with the dataset."""
        ctx.panel.set_state(changes)
        store = _store(ctx)
        store.set("place", {**(store.get("place") or {}), **changes})


def _store(ctx: Any) -> foo.ExecutionStore:
    return foo.ExecutionStore.create(STORE, dataset_id=ctx.dataset._doc.id)
