"""What the Curation Map's view is sent: its page, the points' colors and sizes, and which of them stand out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from bson import ObjectId

from ...dataset.decisions import decisions
from ...dataset.runs.freshness import stale_reason
from ...dataset.runs.record import Run, list_runs
from ..shared import aggregations as reading
from ..shared import grid, scope, wording
from . import chosen as map_choice
from . import colors as map_colors
from . import page as map_page
from . import points as map_points
from .colors import FieldChoice
from .payloads import ByClasses, ByNumbers, MapData, MapSample
from .points import MapPoints


def page(ctx: Any, maps: Sequence[Run], run: Run, points: MapPoints, runs: Sequence[Run]) -> MapData:
    """Everything; what the user chose and is no longer there gives way to what is."""
    fields = map_colors.choices(ctx.dataset, runs, points.field)
    by = ctx.panel.get_state("color")
    if by is None or (by and by not in {one.path for one in fields}):
        by = reading.given_labels(ctx.dataset, runs, points.field) or ""
    chosen = ctx.panel.get_state("chosen")
    if chosen and ("path" in chosen and chosen["path"] != by or chosen.get("run", run.key) != run.key):
        chosen = None
    ctx.panel.set_state({"run": run.key, "color": by, "chosen": chosen, "newest": maps[0].key})
    reason = stale_reason(ctx.dataset, run)
    last = decisions.last(ctx.dataset, run.key)
    return {
        "maps": [{"key": one.key, "label": f"{map_page.about(one)}, {_dims(one)}D · {one.key}"} for one in maps],
        "map": run.key,
        "plot": map_points.plot(points),
        "drawn": map_page.drawn(points, scope.whole(ctx.dataset, points.field).count()),
        "quality": map_page.quality(run),
        "stale": wording.sentence(f"Out of date: {reason}") if reason else None,
        "narrowed": not grid.scope(ctx).is_whole,
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
        **color(ctx, points, fields),
        **size(ctx, points, fields),
        **lit(ctx, points),
    }


def color(ctx: Any, points: MapPoints, fields: Sequence[FieldChoice] | None = None) -> MapData:
    """The points' colors, one byte each, and the legend."""
    choice = _choice(ctx, points, "color", fields)
    if choice is None:
        return {"color": {"path": "", "kind": "none", "codes": None, "title": "", "said": "", "legend": None}}
    all_of_them = scope.whole(ctx.dataset, points.field)
    values = map_points.values(all_of_them, points, choice.path)
    if not map_colors.is_classes(choice, values):
        codes, ramp = map_colors.number_codes(values)
        by_numbers: ByNumbers = {
            "kind": "numbers",
            "path": choice.path,
            "codes": map_points.encoded(codes),
            "title": choice.title,
            "said": choice.said,
            "legend": ramp,
        }
        return {"color": by_numbers}
    everywhere = len(points.drawn) == all_of_them.count()
    counts = map_colors.count_classes(values) if everywhere else map_points.counted(all_of_them, choice.path)
    wanted = next((one["classes"] for one in ctx.panel.get_state("classes") or [] if one["path"] == choice.path), ())
    slots = map_colors.slots_of(counts, wanted)
    codes = map_colors.class_codes(values, slots)
    by_classes: ByClasses = {
        "kind": "classes",
        "path": choice.path,
        "codes": map_points.encoded(codes),
        "title": choice.title,
        "said": choice.said,
        "legend": map_colors.class_legend(counts, slots, codes),
    }
    return {"color": by_classes}


def size(ctx: Any, points: MapPoints, fields: Sequence[FieldChoice] | None = None) -> MapData:
    """The points' sizes, one byte each."""
    choice = _choice(ctx, points, "size", fields)
    if choice is None:
        return {"size": None}
    values = map_points.values(scope.whole(ctx.dataset, points.field), points, choice.path)
    codes, ramp = map_colors.number_codes(values)
    return {"size": {"path": choice.path, "title": choice.title, "codes": map_points.encoded(codes), "legend": ramp}}


def lit(ctx: Any, points: MapPoints) -> MapData:
    """Which points stand out: the chosen ones, or those selected in the grid, or those of the current view."""
    shown, choice = grid.scope(ctx), ctx.panel.get_state("chosen")
    data: MapData = {"in_grid": grid.is_shown(ctx), "chosen": None, "stamp": stamp()}
    total = wording.samples(len(points.ids), shown.word)
    if choice:
        shown = shown.add(map_choice.stage(points, choice))
        n = shown.count()
        data["chosen"] = {
            "n": n,
            "text": f"{wording.samples(n, shown.word)} chosen",
            "corners": choice.get("corners") if points.dims == 2 else None,
            "value": choice.get("value"),
            "fits": map_choice.fits_grid(choice, n),
        }
        return {**data, "lit": map_points.bits(map_points.mask(points, shown)), "scope": total}
    if ctx.selected:
        ids = {ObjectId(one) for one in ctx.selected}
        if points.field is not None and not ctx.view._is_patches:  # images are selected: their objects stand out
            ids = set(scope.inside(ctx.dataset, points.field, ctx.selected).ids())
        mask = np.array([one in ids for one in points.drawn], dtype=bool)
        text = f"{wording.samples(len(ids), shown.word)} selected in the grid"
        return {**data, "lit": map_points.bits(mask), "scope": text}
    if shown.is_whole:
        return {**data, "lit": None, "scope": total}
    mask = map_points.mask(points, shown)
    everything = wording.samples(scope.whole(ctx.dataset, points.field).count(), shown.word)
    return {**data, "lit": map_points.bits(mask), "scope": f"The current view: {shown.count():,} of {everything}"}


def sample(ctx: Any, points: MapPoints, index: int) -> MapSample | None:
    """The sample of the point at a place; None where there is none."""
    if not 0 <= index < len(points.drawn):
        return None
    runs = list_runs(ctx.dataset)
    shown = [ctx.panel.get_state("color"), ctx.panel.get_state("size")]
    fields = [one for one in map_colors.choices(ctx.dataset, runs, points.field) if one.path in shown]
    label_path = reading.given_labels(ctx.dataset, runs, points.field)
    found = map_page.sample(ctx.dataset, points.field, str(points.drawn[index]), fields, label_path)
    return {"index": index, "token": points.token, **found} if found else None


def stamp() -> str:
    """Tells one answer from the next."""
    return f"{time.time_ns():x}"


def _choice(ctx: Any, points: MapPoints, name: str, fields: Sequence[FieldChoice] | None) -> FieldChoice | None:
    """The field that the user chose to color or size by."""
    known = fields if fields is not None else map_colors.choices(ctx.dataset, list_runs(ctx.dataset), points.field)
    return next((one for one in known if one.path == ctx.panel.get_state(name)), None)


def _dims(run: Run) -> int:
    return int(run.params.get("dims") or 2)
