"""The App's grid: the view the user chose, and the one stage that the panel adds to it.

The panel's figures are about the user's view. When a click in the panel narrows the grid, the panel's own stage
is marked, so that the next event can tell it from the user's and figures do not shrink to what was clicked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos
import fiftyone.core.view as fov
from bson import json_util

from . import patches as objects
from .scope import Scope, values

MARK = "curator_panel_stage"


def base_view(ctx: Any) -> fo.DatasetView:
    """What the figures are about: the App's view with its sidebar filters, without the panel's stages.

    While the panel is about objects, it is the view of these objects.
    """
    return _base(ctx, ctx.view)


def scope(ctx: Any) -> Scope:
    """The same as documents, for which no view of patches is made.

    Of patches that the user narrowed himself the ids are taken: a patches view does not follow what is decided.
    """
    field = objects.about(ctx)
    if field is None:
        return Scope(_of_samples(ctx.dataset, ctx.view))
    own, maker, later = _divided(ctx.view, field)
    found = Scope(_built(ctx.dataset, own), field)
    if maker is None or not later:
        return found
    return found.add(fos.Select(_built(ctx.dataset, [*own, maker, *later]).values("id")))


def is_shown(ctx: Any) -> bool:
    """Whether the grid is narrowed by the panel's stage."""
    return any(stage._uuid == MARK for stage in ctx.view._stages)


def show(ctx: Any, stage: fos.ViewStage | None) -> None:
    """Set the grid to the user's view plus this stage; to the user's view alone when None."""
    # The sidebar's filters stay where they are, so only the stages of the view bar are sent back.
    request = ctx.request_params
    if request.get("view_name"):
        bar = ctx.dataset.load_saved_view(request["view_name"])
    else:
        bar = fov.DatasetView._build(ctx.dataset, request.get("view") or [])
    view = _base(ctx, bar) if stage is not None else _of_samples(ctx.dataset, bar)
    if stage is not None:
        stage._uuid = MARK
        view = view.add_stage(stage)
    if view._all_stages:
        ctx.ops.set_view(view=view)
    else:
        ctx.ops.clear_view()
    if stage is not None and is_behind(ctx):
        ctx.ops.open_panel("Samples", is_active=True)  # which brings it to the front


def is_behind(ctx: Any) -> bool:
    """Whether the grid is there and another panel lies over it."""
    places = [ctx.spaces] if ctx.spaces is not None else []
    while places:
        place = places.pop()
        for child in place.children:
            if isinstance(child, fo.Panel):
                if child.type == "Samples":
                    return place.active_child not in (None, child.component_id)
            else:
                places.append(child)
    return False


def in_order(path: str, falling: bool = False) -> fos.ViewStage:
    """The stage that sorts those that have a number, and leaves out the others, which MongoDB would put first."""
    has, order = {"$match": {path: {"$ne": None}}}, {"$sort": {path: -1 if falling else 1}}
    return fos.Mongo([has, order])


def open_sample(ctx: Any, one: str) -> None:
    """Open one sample in the App's own viewer; of an object its image, unless the grid shows objects."""
    field = objects.about(ctx)
    if field is not None and not (ctx.view._is_patches and ctx.view.select([one]).count()):
        found = values(ctx.dataset, field, [one], {"image": "_sample_id"})
        one = str(found[0]["image"]) if found else one
    if is_shown(ctx) and not ctx.view.select([one]).count():
        show(ctx, None)  # the grid was narrowed to others
    ctx.ops.open_sample(id=one)


def open_panels(ctx: Any) -> list[fo.Panel]:
    """The panels that are open in the App."""
    found, places = [], [ctx.spaces] if ctx.spaces is not None else []
    while places:
        place = places.pop()
        if isinstance(place, fo.Panel):
            found.append(place)
        else:
            places.extend(place.children)
    return found


def scope_digest(ctx: Any) -> str:
    """Tells one scope from another."""
    now = scope(ctx)
    return digest(now.view, now.later)


def digest(view: fo.DatasetView, later: Sequence[fos.ViewStage] = ()) -> str:
    """Tells one view from another in a few characters, however many ids its stages hold.

    Args:
        later: what narrows a scope further.
    """
    stages = [*view._serialize(include_uuids=False), *(stage._serialize(include_uuid=False) for stage in later)]
    text = json_util.dumps([view._dataset.name, stages], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _base(ctx: Any, view: fo.DatasetView) -> fo.DatasetView:
    field = objects.about(ctx)
    if field is None:
        return _of_samples(ctx.dataset, view)
    own, _, later = _divided(view, field)
    return objects.patches(ctx.dataset, _built(ctx.dataset, own), field, later, MARK)


def _divided(view: fo.DatasetView, field: str) -> tuple[list[fos.ViewStage], fos.ViewStage | None, list[fos.ViewStage]]:
    """The user's stages about samples, the one that makes patches of the field, and those about these."""
    stages = _users(view)
    place = next((at for at, stage in enumerate(stages) if isinstance(stage, objects.MAKERS)), None)
    if place is None:
        return stages, None, []
    if getattr(stages[place], "field", None) != field:
        return [], None, []  # the user looks at objects of another field
    return stages[:place], stages[place], stages[place + 1 :]


def _of_samples(dataset: fo.Dataset, view: fo.DatasetView) -> fo.DatasetView:
    """The user's view of samples; the whole dataset where he looks at something else, such as objects."""
    stages = _users(view)
    if any(isinstance(stage, objects.MAKERS) for stage in stages):
        return dataset.view()
    return view if len(stages) == len(view._all_stages) else _built(dataset, stages)


def _users(view: fo.DatasetView) -> list[fos.ViewStage]:
    return [stage for stage in view._all_stages if stage._uuid != MARK]


def _built(dataset: fo.Dataset, stages: list[fos.ViewStage]) -> fo.DatasetView:
    view = dataset.view()
    for stage in stages:
        view = view.add_stage(stage)
    return view
