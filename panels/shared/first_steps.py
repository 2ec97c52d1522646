"""What to do first, where a panel has nothing to show yet."""

from __future__ import annotations

from typing import Any

from ...core.base.params import ParamError
from ...dataset.inputs.views import need_images
from . import grid
from .buttons import form
from .payloads import Action, Advice


def advice(ctx: Any) -> Advice | None:
    """A sentence and a button, for panels with the events `run_method` and `whole_dataset`; None where all is there."""
    begin = form("Import images", "import_images")
    dataset = ctx.dataset
    if dataset is None:
        text = "Choose a dataset in the App's list, or make one from a folder of images."
        return {"title": "No dataset is open", "text": text, "action": begin}
    try:
        need_images(ctx.view, "Curator")
    except ParamError as error:
        return {"title": "The grid shows no images", "text": f"{error}.", "action": None}
    if dataset.count() == 0:
        text = (
            "Import a folder of images first. Where they lie in one subfolder per class, that gives them their labels."
        )
        return {"title": "This dataset has no images yet", "text": text, "action": begin}
    if grid.scope(ctx).count() == 0:
        action: Action = {"label": "Show the whole dataset", "event": "whole_dataset"}
        text = (
            f"No {grid.scope(ctx).word} meets the conditions of the current view, so there is nothing to show about it."
        )
        return {"title": "The current view is empty", "text": text, "action": action}
    return None
