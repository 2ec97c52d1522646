"""Parameters that several methods share: which objects to work on, and where vectors are kept."""

from __future__ import annotations

from dataclasses import dataclass

from .params import Params, param


@dataclass(frozen=True, kw_only=True)
class ObjectParams(Params):
    """Base of such parameters. The method sees no difference: its rows are objects, its paths regions of files."""

    patches_field: str | None = param(
        None, "Label field whose objects to work on, one by one; empty: whole images", reads="objects", advanced=True
    )
    margin: float = param(
        0.0, "Extra border around each object, as a share of its width and height", at_least=0, advanced=True
    )


@dataclass(frozen=True, kw_only=True)
class StoreParams(Params):
    """Base of parameters of methods that make vectors: where these are kept.

    The method sees no difference: whoever writes its columns puts them there.
    """

    store: str = param(
        "auto",
        "Where to store the vectors: a field of the dataset, or a memory-mapped file beside it; "
        "auto: a file above 100 million numbers, such as 200,000 vectors of 512",
        among=("auto", "field", "file"),
        advanced=True,
    )
    dtype: str = param("float32", "Precision of the vector file", among=("float32", "float16"), advanced=True)


@dataclass(frozen=True, kw_only=True)
class WorkingSetParams(Params):
    """Base of parameters of actions that read the working set: the ways out of it. Methods get them from `curate`."""

    include_excluded: bool = param(False, "Take excluded samples too; otherwise they are left out", advanced=True)
    given_labels: bool = param(
        False, "Take the labels as they were given; otherwise corrected ones count as corrected", advanced=True
    )
