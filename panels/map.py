"""The Curation Map panel: all samples as points, so that groups, odd ones and errors show, and can be drawn around.

Places and colors are sent once, a few bytes a point; turning, moving and zooming need no event. What the user chose is
kept with the dataset, so that the panel comes back as it was left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
import numpy as np
from bson import ObjectId
from fiftyone.operators.categories import Categories

from ..core.method import silent
from ..core.params import ParamError
from ..dataset import decisions, slices
from ..dataset.columns import vector_sources
from ..dataset.decisions import REASON, Decision
from ..dataset.runs import Run, list_runs, stale_reason
from . import grid, map_choice, map_colors, map_page, map_points, wording
from .beginning import advice
from .map_choice import Choice
from .map_colors import FieldChoice
from .map_points import MapPoints

EVENTS = (
    "refresh",
    "whole_dataset",
    "run_method",
    "rerun",
    "choose_map",
    "choose_color",
    "choose_classes",
    "choose_size",
    "point_at",
    "open_point",
    "close_point",
    "open_sample",
    "exclude_point",
    "choose_shape",
    "choose_class",
    "show_chosen",
    "clear_chosen",
    "exclude_chosen",
    "tag_chosen",
    "save_chosen",
    "undo",
)
HELP = """All samples as points; similar ones lie close. Choose a color and a size, point at a sample to see it, click
it to see it large. With the lasso or the box draw around samples: the grid shows them, and you can exclude, tag or save
them. Drag to move, or to turn a map in space; the wheel zooms."""
STORE = "image_curation_map"  # what was chosen last on this dataset
PLACE = ("run", "color", "size", "classes", "chosen")


class MapPanel(foo.Panel):  # type: ignore[misc]
    """A map of the samples, to look at and to choose from."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(
            name="map",
            label="Curation Map",
            icon="scatter_plot",
            help_markdown=HELP,
            category=Categories.CURATE,
            surfaces="grid",
        )

    def render(self, ctx: Any) -> types.Property:
        events = {name: getattr(self, name) for name in EVENTS}
        view = types.View(component="CuratorMap", composite_view=True, **events)
        return types.Property(types.Object(), view=view)

    # The App's events

    def on_load(self, ctx: Any) -> None:
        opened = ctx.panel.get_state("open")  # the run that another panel asks for
        if ctx.dataset is not None:
            place = _store(ctx).get("place") or {}
            other = opened is not None and opened != place.get("run")
            ctx.panel.set_state({**place, **({"run": opened, "chosen": None} if other else {}), "open": None})
        self.refresh(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state(dict.fromkeys(PLACE))
        self.on_load(ctx)

    def on_change_view(self, ctx: Any) -> None:
        # The App reports one change three times, opening the panel and the panel's own clicks too; those leave the base
        # view. Just after opening, the state has not reached the browser yet, and everything has just been read.
        known = ctx.panel.get_state("base")
        if ctx.dataset is not None and (known is None or known == grid.digest(grid.base_view(ctx))):
            ctx.panel.set_data("in_grid", grid.is_shown(ctx))
            return
        points = map_points.kept(ctx.dataset, ctx.panel.get_state("run")) if ctx.dataset is not None else None
        if points is None or not points.all_drawn or ctx.panel.get_state("blank") or advice(ctx) is not None:
            self._show(ctx)
        else:  # places and colors are the same in every view
            view = grid.base_view(ctx)
            ctx.panel.set_state("base", grid.digest(view))
            ctx.panel.set_data({"narrowed": bool(view._stages), **self._lit(ctx, points)})

    def on_change_selected(self, ctx: Any) -> None:
        points = map_points.kept(ctx.dataset, ctx.panel.get_state("run")) if ctx.dataset is not None else None
        if points is not None and not ctx.panel.get_state("chosen"):
            ctx.panel.set_data(self._lit(ctx, points))

    # What to look at

    def refresh(self, ctx: Any) -> None:
        """Read everything again."""
        self._show(ctx, again=True)

    def whole_dataset(self, ctx: Any) -> None:
        """Take all conditions from the grid."""
        self._remember(ctx, chosen=None)
        ctx.ops.clear_sidebar_filters()
        ctx.ops.clear_view()

    def choose_map(self, ctx: Any) -> None:
        """Show another map."""
        self._remember(ctx, run=ctx.params["key"], chosen=None)
        ctx.panel.set_data({"point": None, "pointed": None, "said": None})
        if grid.is_shown(ctx):
            grid.show(ctx, None)
        self._show(ctx)

    def choose_color(self, ctx: Any) -> None:
        """Color the points by another field, or by none."""
        self._remember(ctx, color=ctx.params.get("path") or "")
        self._with_points(ctx, lambda points: self._color(ctx, points, _fields(ctx)))

    def choose_classes(self, ctx: Any) -> None:
        """Say which classes have a color of their own; none for the largest."""
        path, wanted = ctx.panel.get_state("color"), list(ctx.params.get("classes") or [])[: map_colors.COLORS]
        classes = [one for one in ctx.panel.get_state("classes") or [] if one["path"] != path]
        self._remember(ctx, classes=[*classes, {"path": path, "classes": wanted}] if wanted else classes)
        self._with_points(ctx, lambda points: self._color(ctx, points, _fields(ctx)))

    def choose_size(self, ctx: Any) -> None:
        """Size the points by a score, or all the same."""
        self._remember(ctx, size=ctx.params.get("path") or None)
        self._with_points(ctx, lambda points: self._size(ctx, points, _fields(ctx)))

    # One sample

    def point_at(self, ctx: Any) -> None:
        """Show the picture and the label of the point under the pointer."""
        self._with_points(ctx, lambda points: {"pointed": self._sample(ctx, points, ctx.params)})

    def open_point(self, ctx: Any) -> None:
        """Show the sample of a point large."""
        self._with_points(ctx, lambda points: {"point": self._sample(ctx, points, ctx.params), "pointed": None})

    def close_point(self, ctx: Any) -> None:
        """Put the large picture away."""
        ctx.panel.set_data("point", None)

    def open_sample(self, ctx: Any) -> None:
        """Open one sample in the App's own viewer."""
        sample_id = ctx.params["id"]
        if not ctx.view.select([sample_id]).count():
            grid.show(ctx, None)  # the grid was narrowed to others
        ctx.ops.open_sample(id=sample_id)

    def exclude_point(self, ctx: Any) -> None:
        """Exclude the sample that is shown large."""
        view = ctx.dataset.select(ctx.params["id"])
        self._decide(ctx, lambda queue: decisions.exclude(view, None, queue))

    # Several samples

    def choose_shape(self, ctx: Any) -> None:
        """Choose the samples inside a shape that was drawn on the map."""
        self._with_points(ctx, lambda points: self._choose(ctx, points, lambda: _drawn(ctx, points)))

    def choose_class(self, ctx: Any) -> None:
        """Choose the samples of a class of the legend."""
        choice = map_choice.of_class(ctx.panel.get_state("color"), ctx.params["value"])
        self._with_points(ctx, lambda points: self._choose(ctx, points, lambda: choice))

    def show_chosen(self, ctx: Any) -> None:
        """Show the chosen samples in the grid."""
        points, choice = self._points(ctx), ctx.panel.get_state("chosen")
        if points is not None and choice:
            grid.show(ctx, map_choice.stage(points, choice))

    def clear_chosen(self, ctx: Any) -> None:
        """Choose nothing; the grid shows what it showed before."""
        self._remember(ctx, chosen=None)
        if grid.is_shown(ctx):
            grid.show(ctx, None)
        self._with_points(ctx, lambda points: {"said": None, **self._lit(ctx, points)})

    def exclude_chosen(self, ctx: Any) -> None:
        """Exclude the chosen samples, in one decision."""
        view = self._chosen_view(ctx)
        if view is not None:
            self._decide(ctx, lambda queue: decisions.exclude(view, None, queue))

    def tag_chosen(self, ctx: Any) -> None:
        """Give the chosen samples a tag."""
        tag, view = str(ctx.params.get("tag") or "").strip(), self._chosen_view(ctx)
        if view is None:
            return
        if not tag or tag in decisions.TAGS:
            why = f"“{tag}” is a decision; use its button" if tag else "A tag must have at least one letter or digit"
            ctx.panel.set_data({"said": wording.sentence(why), "stamp": _stamp()})
            return
        n = view.count()
        view.tag_samples(tag)
        ctx.ops.reload_dataset()
        self._with_points(ctx, lambda points: self._after(ctx, points, f"{wording.samples(n)} tagged “{tag}”."))

    def save_chosen(self, ctx: Any) -> None:
        """Save the chosen samples as a slice."""
        view = self._chosen_view(ctx)
        if view is None:
            return
        try:
            params = slices.SaveSliceParams(name=str(ctx.params.get("name") or "").strip())
            text = wording.sentence(slices.save_slice(view, params, silent)["headline"])
            ctx.ops.reload_dataset()
        except ParamError as error:
            text = str(error)
        self._with_points(ctx, lambda points: self._after(ctx, points, text))

    def undo(self, ctx: Any) -> None:
        """Take back the last decision that was made on this map."""
        taken = decisions.undo(ctx.dataset, 1, ctx.panel.get_state("run"))
        text = "There is no decision to take back."
        if taken:
            left = f"; {wording.samples(taken[0].left)} changed since and left as is" if taken[0].left else ""
            text = f"Taken back: {taken[0].said}, on {wording.samples(len(taken[0].ids))}{left}."
            ctx.ops.reload_dataset()
        self._with_points(ctx, lambda points: self._after(ctx, points, text))

    # Forms

    def run_method(self, ctx: Any) -> None:
        """Open a method's form."""
        self._prompt(ctx, ctx.params["method"], {})

    def rerun(self, ctx: Any) -> None:
        """Offer to compute this map again."""
        self._prompt(ctx, "rerun", {"key": ctx.panel.get_state("run")})

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended."""
        ctx.dataset.reload()
        runs = map_points.map_runs(list_runs(ctx.dataset), ctx.dataset.get_field_schema())
        if runs and runs[0].key != ctx.panel.get_state("newest"):
            self._remember(ctx, run=runs[0].key, chosen=None)  # look at what was just made
        self.refresh(ctx)

    def _prompt(self, ctx: Any, operator: str, params: dict[str, Any]) -> None:
        ctx.prompt(f"{self.plugin_name}/{operator}", params=params, on_success=self.on_ran, on_error=self.on_ran)

    # Behind the events

    def _show(self, ctx: Any, again: bool = False) -> None:
        """Send everything; read the points again where they may have changed."""
        data: dict[str, Any] = {"advice": advice(ctx), "maps": [], "plot": None, "stamp": _stamp()}
        if ctx.dataset is not None:
            ctx.panel.set_state("base", grid.digest(grid.base_view(ctx)))
        runs = list_runs(ctx.dataset) if data["advice"] is None else []
        maps = map_points.map_runs(runs, ctx.dataset.get_field_schema()) if runs else []
        run = next((one for one in maps if one.key == ctx.panel.get_state("run")), maps[0] if maps else None)
        if data["advice"] is None and run is None:
            running = any(one.method == "compute_map" and one.status == "running" for one in runs)
            data["advice"] = map_page.nothing_yet(running, bool(vector_sources(ctx.dataset)))
        points = self._read(ctx, run, again) if run is not None else None
        if run is not None and points is None:
            data["advice"] = map_page.nothing_yet(False, True)
        if data["advice"] is None:
            assert run is not None
            assert points is not None
            data.update(self._page(ctx, maps, run, points, runs))
        ctx.panel.set_state("blank", data["advice"] is not None)
        ctx.panel.set_data(data)

    def _page(self, ctx: Any, maps: Sequence[Run], run: Run, points: MapPoints, runs: Sequence[Run]) -> dict[str, Any]:
        view, fields = grid.base_view(ctx), map_colors.choices(ctx.dataset, runs)
        color = ctx.panel.get_state("color")
        if color is None or (color and color not in {one.path for one in fields}):
            color = map_colors.given_labels(ctx.dataset, runs) or ""
        chosen = ctx.panel.get_state("chosen")
        if chosen and ("path" in chosen and chosen["path"] != color or chosen.get("run", run.key) != run.key):
            chosen = None
        ctx.panel.set_state({"run": run.key, "color": color, "chosen": chosen, "newest": maps[0].key})
        reason = stale_reason(ctx.dataset, run)
        last = decisions.last(ctx.dataset, run.key)
        return {
            "maps": [{"key": one.key, "label": f"{map_page.about(one)}, {_dims(one)}D · {one.key}"} for one in maps],
            "map": run.key,
            "plot": map_points.plot(points),
            "drawn": map_page.drawn(points, ctx.dataset.count()),
            "quality": map_page.quality(run),
            "stale": wording.sentence(f"Out of date: {reason}") if reason else None,
            "narrowed": bool(view._stages),
            "fields": [
                {
                    "path": one.path,
                    "label": one.label,
                    "title": one.title,
                    "group": one.group,
                    "sizes": one.kind != "classes",
                }
                for one in fields
            ],
            "undo": last.said if last else None,
            **self._color(ctx, points, fields),
            **self._size(ctx, points, fields),
            **self._lit(ctx, points),
        }

    def _color(self, ctx: Any, points: MapPoints, fields: Sequence[FieldChoice]) -> dict[str, Any]:
        """The points' colors, one byte each, and the legend."""
        choice = next((one for one in fields if one.path == ctx.panel.get_state("color")), None)
        if choice is None:
            return {"color": {"path": "", "kind": "none", "codes": None, "title": "", "said": "", "legend": None}}
        values = map_points.values(ctx.dataset, points, choice.path)
        about = {"path": choice.path, "title": choice.title, "said": choice.said}
        if not map_colors.is_classes(choice, values):
            codes, ramp = map_colors.number_codes(values)
            return {"color": {**about, "kind": "numbers", "codes": map_points.encoded(codes), "legend": ramp}}
        everywhere = len(points.drawn) == ctx.dataset.count()
        found = map_colors.count_classes(values) if everywhere else ctx.dataset.count_values(choice.path)
        counts = {name: n for name, n in found.items() if name is not None}
        wanted = next(
            (one["classes"] for one in ctx.panel.get_state("classes") or [] if one["path"] == choice.path), ()
        )
        slots = map_colors.slots_of(counts, wanted)
        codes = map_colors.class_codes(values, slots)
        legend = map_colors.class_legend(counts, slots, codes)
        return {"color": {**about, "kind": "classes", "codes": map_points.encoded(codes), "legend": legend}}

    def _size(self, ctx: Any, points: MapPoints, fields: Sequence[FieldChoice]) -> dict[str, Any]:
        """The points' sizes, one byte each."""
        choice = next((one for one in fields if one.path == ctx.panel.get_state("size")), None)
        if choice is None:
            return {"size": None}
        codes, ramp = map_colors.number_codes(map_points.values(ctx.dataset, points, choice.path))
        return {
            "size": {"path": choice.path, "title": choice.title, "codes": map_points.encoded(codes), "legend": ramp}
        }

    def _lit(self, ctx: Any, points: MapPoints) -> dict[str, Any]:
        """Which points stand out: the chosen ones, or those selected in the grid, or those of the current view."""
        view, choice = grid.base_view(ctx), ctx.panel.get_state("chosen")
        data: dict[str, Any] = {"in_grid": grid.is_shown(ctx), "chosen": None, "stamp": _stamp()}
        total = wording.samples(len(points.ids))
        if choice:
            view = view.add_stage(map_choice.stage(points, choice))
            n = view.count()
            data["chosen"] = {
                "n": n,
                "text": f"{wording.samples(n)} chosen",
                "corners": choice.get("corners") if points.dims == 2 else None,
                "value": choice.get("value"),
                "fits": map_choice.fits_grid(choice, n),
            }
            return {**data, "lit": map_points.bits(map_points.mask(points, view)), "scope": total}
        if ctx.selected:
            ids = {ObjectId(sample_id) for sample_id in ctx.selected}
            mask = np.array([sample_id in ids for sample_id in points.drawn], dtype=bool)
            text = f"{wording.samples(len(ids))} selected in the grid"
            return {**data, "lit": map_points.bits(mask), "scope": text}
        if not view._stages:
            return {**data, "lit": None, "scope": total}
        mask = map_points.mask(points, view)
        text = f"The current view: {view.count():,} of {wording.samples(ctx.dataset.count())}"
        return {**data, "lit": map_points.bits(mask), "scope": text}

    def _choose(self, ctx: Any, points: MapPoints, make: Callable[[], Choice]) -> dict[str, Any]:
        """Choose samples, and show them in the grid."""
        try:
            choice = make()
            stage = map_choice.stage(points, choice)
        except ParamError as error:
            return {"said": str(error), "stamp": _stamp()}
        n = grid.base_view(ctx).add_stage(stage).count()
        if n == 0:
            return {"said": "Nothing lies inside; draw around some points.", "stamp": _stamp()}
        self._remember(ctx, chosen=dict(choice))
        fits = map_choice.fits_grid(choice, n)
        if fits:
            grid.show(ctx, stage)
        text = (
            None
            if fits
            else f"More than {map_choice.LISTED:,} are too many for the grid; the buttons act on all of them."
        )
        return {**self._lit(ctx, points), "in_grid": fits, "said": text}

    def _decide(self, ctx: Any, make: Callable[[str], Decision]) -> None:
        """Decide about samples; the decision is filed under the map, whose undo takes it back."""
        had_fields = ctx.dataset.get_field(REASON) is not None
        try:
            made = make(ctx.panel.get_state("run"))
            text = (
                f"{wording.samples(len(made.ids))} {made.said}." if made.ids else "All of these are excluded already."
            )
        except ParamError as error:
            text = str(error)
        if not had_fields or ctx.panel.get_state("chosen"):
            ctx.ops.reload_dataset()
        self._with_points(ctx, lambda points: self._after(ctx, points, text))

    def _after(self, ctx: Any, points: MapPoints, text: str) -> dict[str, Any]:
        """What may have changed with a decision, a tag or a slice; and what was done."""
        fields = _fields(ctx)
        last = decisions.last(ctx.dataset, points.key)
        data = {"said": text, "undo": last.said if last else None, **self._lit(ctx, points)}
        opened = ctx.params.get("id")
        if opened:
            data["point"] = self._sample(ctx, points, {**ctx.params, "token": points.token})
        if ctx.panel.get_state("color") == map_colors.TAGS:
            data.update(self._color(ctx, points, fields))
        return data

    def _sample(self, ctx: Any, points: MapPoints, asked: dict[str, Any]) -> dict[str, Any] | None:
        index = int(asked["index"])
        if asked.get("token") != points.token or not 0 <= index < len(points.drawn):
            return None
        runs = list_runs(ctx.dataset)
        shown = [ctx.panel.get_state("color"), ctx.panel.get_state("size")]
        fields = [one for one in map_colors.choices(ctx.dataset, runs) if one.path in shown]
        label_path = map_colors.given_labels(ctx.dataset, runs)
        found = map_page.sample(ctx.dataset, str(points.drawn[index]), fields, label_path)
        return {"index": index, "token": points.token, **found} if found else None

    def _chosen_view(self, ctx: Any) -> fo.DatasetView | None:
        points, choice = self._points(ctx), ctx.panel.get_state("chosen")
        if points is None or not choice:
            return None
        return grid.base_view(ctx).add_stage(map_choice.stage(points, choice))

    def _with_points(self, ctx: Any, make: Callable[[MapPoints], dict[str, Any]]) -> None:
        """Send what belongs to the points; all of it where they are no longer those that the view has."""
        points = self._points(ctx)
        token = ctx.params.get("token")
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
        maps = map_points.map_runs(list_runs(ctx.dataset), ctx.dataset.get_field_schema())
        run = next((one for one in maps if one.key == key), None)
        return map_points.read(ctx.dataset, run, grid.base_view(ctx)) if run is not None else None

    def _read(self, ctx: Any, run: Run, again: bool) -> MapPoints | None:
        found = map_points.kept(ctx.dataset, run.key)
        same = found is not None and found.made == run.finished and found.all_drawn
        return found if same and not again else map_points.read(ctx.dataset, run, grid.base_view(ctx))

    def _remember(self, ctx: Any, **changes: Any) -> None:
        """Keep what the user chose, in the panel and with the dataset."""
        ctx.panel.set_state(changes)
        store = _store(ctx)
        store.set("place", {**(store.get("place") or {}), **changes})


def _store(ctx: Any) -> foo.ExecutionStore:
    return foo.ExecutionStore.create(STORE, dataset_id=ctx.dataset._doc.id)


def _fields(ctx: Any) -> list[FieldChoice]:
    return map_colors.choices(ctx.dataset, list_runs(ctx.dataset))


def _drawn(ctx: Any, points: MapPoints) -> Choice:
    return map_choice.shape(points, ctx.params.get("corners"), ctx.params.get("matrix"))


def _dims(run: Run) -> int:
    return int(run.params.get("dims") or 2)


def _stamp() -> str:
    """Tells one answer from the next."""
    return f"{time.time_ns():x}"
