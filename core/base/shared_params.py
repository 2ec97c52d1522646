"""Parameters of methods that can work on the objects in images instead of whole images."""

from __future__ import annotations

from dataclasses import dataclass

from .params import Params, param


@dataclass(frozen=True, kw_only=True)
class ObjectParams(Params):
    """Base of such parameters. The method sees no difference: its rows are objects, its paths regions of files."""

    patches_field: str | None = param(
        None, "Work on the objects of this label field one by one, not on whole images", reads="objects", advanced=True
    )
    margin: float = param(
        0.0, "Share of an object's width and height that is shown around it on each side", at_least=0, advanced=True
    )
