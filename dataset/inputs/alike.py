"""The samples or objects most like some that a person points at, by the dataset's best embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array
from ...core.base.params import ParamError
from ..fields.rows import Rows, root_of
from .sources import find_vectors, read_vectors, vector_sources

BLOCK = 20_000  # vectors in memory at once


def most_alike(dataset: fo.Dataset, field: str | None, ids: Sequence[str], n: int) -> tuple[list[str], str]:
    """The n most like the ones with these ids, by cosine to their mean direction; ties in the dataset's order.

    Args:
        field: of the objects; None for samples.
        ids: of samples or objects; they are not among what is returned.

    Returns:
        ids, the most alike first; and the name of the embeddings that tell

    Raises:
        ParamError: there are no embeddings of such rows, or these have none.
    """
    name = _embeddings(dataset, field)
    path, _, facts = find_vectors(dataset, name)
    asked = dataset.select(list(ids)) if field is None else dataset.select_labels(ids=list(ids), fields=field)
    own = _unit(Rows(_whole(dataset, asked), field, list(ids)), path, facts)
    if own is None:
        raise ParamError(f"This {'sample' if field is None else 'object'} has no vector in {name!r}; compute it first")
    direction = own[1].mean(axis=0)
    asked_ids = set(ids)
    asked_ids = set(ids)
    most = n + len(asked_ids)
    best: list[tuple[float, int, str]] = []
    images = dataset.values("id")
    for first in range(0, len(images), BLOCK):
        block = _unit(Rows(dataset.select(images[first : first + BLOCK]), field), path, facts)
        if block is not None:
            close = block[1] @ direction
            places = np.argsort(-close, kind="stable")[:most]
            best = sorted(best + [(-float(close[one]), first + int(one), block[0][one]) for one in places])[:most]
    return [one for _, _, one in best if one not in asked_ids][:n], name


def _embeddings(dataset: fo.Dataset, field: str | None) -> str:
    """The best embeddings of samples, or of the objects in a field."""
    root = None if field is None else root_of(dataset, field)
    for name in vector_sources(dataset):
        path, _, _ = find_vectors(dataset, name)
        if path.startswith(f"{root}.") if root else dataset.get_field_schema().get(path) is not None:
            return name
    what = "its images" if field is None else f"the objects in {field!r}"
    raise ParamError(f"There are no embeddings of {what} to compare by; run Compute embeddings first")


def _whole(dataset: fo.Dataset, asked: fo.DatasetView) -> fo.DatasetView:
    """The samples that hold what is asked for, with all that is in them."""
    return dataset.select(asked.values("id"))


def _unit(rows: Rows, path: str, facts: dict[str, object]) -> tuple[Sequence[str], Array] | None:
    """Ids and unit vectors of the rows that have one."""
    if not len(rows):
        return None
    try:
        x, has = read_vectors(rows, path, facts)
    except ParamError:  # none of these has one
        return None
    ids = [one for one, there in zip(rows.ids, has, strict=True) if there]
    return ids, x[has] / np.maximum(np.linalg.norm(x[has], axis=1, keepdims=True), 1e-12)
