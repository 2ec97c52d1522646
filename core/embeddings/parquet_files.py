"""Embeddings as Parquet: a row per image with its path, id, label and vector, as data lakes and notebooks hold them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.params import ParamError

NAMES = {  # column → the names that it may have, the one we write first
    "embeddings": ("embedding", "embeddings", "vector", "vectors"),
    "paths": ("image_path", "image_paths", "filepath", "path"),
    "ids": ("id", "sample_id"),
    "labels": ("label", "labels"),
}


def read_parquet(path: str) -> dict[str, Any]:
    """The columns of a file, by our names: `embeddings` (n, d) float32, and lists of `paths`, `ids` and `labels`.

    A row without a vector is a row of NaN.

    Raises:
        ParamError: pyarrow is missing, the file is no Parquet, or its vectors are none or differ in length.
    """
    arrow, parquet = _pyarrow()
    try:
        names = parquet.read_schema(path).names
        wanted = {ours: next((name for name in known if name in names), None) for ours, known in NAMES.items()}
        if wanted["embeddings"] is None:
            raise ParamError(
                f"{path!r} must hold a column {' or '.join(NAMES['embeddings'])}; it holds {', '.join(names) or 'none'}"
            )
        table = parquet.read_table(path, columns=[name for name in wanted.values() if name is not None])
    except (arrow.ArrowException, OSError) as error:
        raise ParamError(f"{path!r} is damaged or no Parquet file ({str(error).splitlines()[0]})") from None
    found: dict[str, Any] = {"embeddings": _matrix(arrow, path, table.column(wanted["embeddings"]).combine_chunks())}
    for ours in ("paths", "ids", "labels"):
        name = wanted[ours]
        if name is not None:
            found[ours] = [None if value is None else str(value) for value in table.column(name).to_pylist()]
    return found


def write_parquet(
    path: Path,
    embeddings: Array,
    image_paths: Sequence[str],
    ids: Sequence[str],
    labels: Sequence[str | None] | None = None,
) -> None:
    """Write what `read_parquet` reads: `id`, `image_path`, `label` where there are any, and `embedding` of float32.

    The file appears complete or not at all.

    Raises:
        ParamError: pyarrow is missing.
    """
    arrow, parquet = _pyarrow()
    flat = np.ascontiguousarray(embeddings, dtype=np.float32)
    columns = {"id": arrow.array(list(ids), arrow.string())}
    columns["image_path"] = arrow.array([str(one) for one in image_paths], arrow.string())
    if labels is not None:
        columns["label"] = arrow.array(list(labels), arrow.string())
    columns["embedding"] = arrow.FixedSizeListArray.from_arrays(arrow.array(flat.ravel()), flat.shape[1])
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        parquet.write_table(arrow.table(columns), str(unfinished))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _matrix(arrow: Any, path: str, column: Any) -> Array:
    """(n, d) float32 of a column of lists, each of d numbers."""
    kind = column.type
    lists = arrow.types.is_list(kind) or arrow.types.is_large_list(kind) or arrow.types.is_fixed_size_list(kind)
    if not lists or not (arrow.types.is_floating(kind.value_type) or arrow.types.is_integer(kind.value_type)):
        raise ParamError(f"{path!r} must hold embeddings as lists of numbers; got {kind}")
    there = np.asarray(column.is_valid())
    lengths = set(np.asarray(column.drop_null().value_lengths()).tolist())
    if len(lengths) != 1 or 0 in lengths:
        found = ", ".join(map(str, sorted(lengths))) or "no vectors"
        raise ParamError(f"{path!r} must hold vectors of one length; got {found}")
    values = column.drop_null().flatten()
    values = values.cast(arrow.float32(), safe=False) if values.null_count == 0 else values.cast(arrow.float32())
    matrix = np.full((len(column), lengths.pop()), np.nan, dtype=np.float32)
    matrix[there] = values.to_numpy(zero_copy_only=False).reshape(int(there.sum()), -1)
    return matrix


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ParamError("Parquet files need pyarrow, which is not installed; pip install pyarrow") from None
    return pyarrow, pyarrow.parquet
