"""Parameters that several methods share: which objects to work on, and where vectors are kept."""

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


@dataclass(frozen=True, kw_only=True)
class StoreParams(Params):
    """Base of parameters of methods that make vectors: where these are kept.

    The method sees no difference: whoever writes its columns puts them there.
    """

    store: str = param(
        "auto",
        "Where vectors are kept: in a field of the dataset, or in a memory-mapped file beside it; "
        "auto takes a file beyond 100 million numbers, such as 200,000 vectors of 512",
        among=("auto", "field", "file"),
        advanced=True,
    )
    dtype: str = param("float32", "Numbers in such a file", among=("float32", "float16"), advanced=True)
