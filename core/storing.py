"""Parameters of methods that make vectors: where these are kept."""

from __future__ import annotations

from dataclasses import dataclass

from .base.params import Params, param


@dataclass(frozen=True, kw_only=True)
class StoreParams(Params):
    """Base of such parameters. The method sees no difference: whoever writes its columns puts them there."""

    store: str = param(
        "auto",
        "Where vectors are kept: in a field of the dataset, or in a memory-mapped file beside it; "
        "auto takes a file beyond 100 million numbers, such as 200,000 vectors of 512",
        among=("auto", "field", "file"),
        advanced=True,
    )
    dtype: str = param("float32", "Numbers in such a file", among=("float32", "float16"), advanced=True)
