"""Embeddings as Parquet: a row per image with its path, id, label and vector, as data lakes and notebooks hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.files import new_file
from ..base.params import ParamError
from .named_columns import EMBEDDINGS, IDS, LABELS, PATHS, first


def read_parquet(path: str) -> dict[str, Any]:
    """The columns of a file, by our names: `embeddings` (n, d) float32, and lists of `paths`, `ids` and `labels`.

    `names` holds all columns that may name images, by their own names. A row without a vector is a row of NaN.

    Raises:
        ParamError: pyarrow is missing, the file is no Parquet, or its vectors are none or differ in length.
    """
    arrow, parquet = pyarrow_modules()
    try:
        schema = parquet.read_schema(path)
        vectors = _vector_column(arrow, schema)
        if vectors is None:
            raise ParamError(
                f"{path!r} must hold a column {' or '.join(EMBEDDINGS)}; it holds {', '.join(schema.names) or 'none'}"
            )
        table = parquet.read_table(path, columns=[vectors, *_text_columns(arrow, schema)])
    except (arrow.ArrowException, OSError) as error:
        raise ParamError(f"{path!r} is damaged or no Parquet file ({str(error).splitlines()[0]})") from None
    found: dict[str, Any] = {"embeddings": _matrix(arrow, path, table.column(vectors).combine_chunks())}
    return found | named(_texts_of(table.drop_columns([vectors])))


def read_names(path: str) -> dict[str, Any]:
    """`paths`, `ids`, `labels` and `names`, as `read_parquet` gives them, of a file that holds no vectors."""
    arrow, parquet = pyarrow_modules()
    try:
        return named(_texts_of(parquet.read_table(path, columns=_text_columns(arrow, parquet.read_schema(path)))))
    except (arrow.ArrowException, OSError) as error:
        raise ParamError(f"{path!r} is damaged or no Parquet file ({str(error).splitlines()[0]})") from None


def named(texts: dict[str, list[str | None]]) -> dict[str, Any]:
    """Columns of texts by our names, where they have names that we know; `names` holds all but labels."""
    there = list(texts)
    ours = {"paths": first(PATHS, there), "ids": first(IDS, there), "labels": first(LABELS, there)}
    found: dict[str, Any] = {name: texts[column] for name, column in ours.items() if column is not None}
    found["names"] = {name: [one or "" for one in own] for name, own in texts.items() if name != ours["labels"]}
    return found


def _vector_column(arrow: Any, schema: Any) -> str | None:
    """The column of vectors: of a known name, or the only one that holds lists of floats."""
    known = first(EMBEDDINGS, schema.names)
    lists = [one.name for one in schema if _is_list(arrow, one.type) and arrow.types.is_floating(one.type.value_type)]
    return known if known is not None else lists[0] if len(lists) == 1 else None


def _text_columns(arrow: Any, schema: Any) -> list[str]:
    """Columns that may name images: texts, texts in a struct, and numbers that are called ids or labels."""
    found = []
    for one in schema:
        if arrow.types.is_struct(one.type):
            inside = (one.type.field(place) for place in range(one.type.num_fields))
            found += [f"{one.name}.{inner.name}" for inner in inside if _is_text(arrow, inner.type)]
        elif _is_text(arrow, one.type) or (one.name in (*IDS, *LABELS) and arrow.types.is_integer(one.type)):
            found.append(one.name)
    return found


def _texts_of(table: Any) -> dict[str, list[str | None]]:
    columns = zip(table.column_names, table.columns, strict=True)
    return {name: [None if one is None else str(one) for one in column.to_pylist()] for name, column in columns}


def _is_text(arrow: Any, kind: Any) -> bool:
    kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _is_list(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_list(kind) or arrow.types.is_large_list(kind) or arrow.types.is_fixed_size_list(kind))


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
    arrow, parquet = pyarrow_modules()
    flat = np.ascontiguousarray(embeddings, dtype=np.float32)
    columns = {"id": arrow.array(list(ids), arrow.string())}
    columns["image_path"] = arrow.array([str(one) for one in image_paths], arrow.string())
    if labels is not None:
        columns["label"] = arrow.array(list(labels), arrow.string())
    columns["embedding"] = arrow.FixedSizeListArray.from_arrays(arrow.array(flat.ravel()), flat.shape[1])
    with new_file(path) as part:
        parquet.write_table(arrow.table(columns), str(part))


def _matrix(arrow: Any, path: str, column: Any) -> Array:
    """(n, d) float32 of a column of lists, each of d numbers."""
    kind = column.type
    if not _is_list(arrow, kind) or not (
        arrow.types.is_floating(kind.value_type) or arrow.types.is_integer(kind.value_type)
    ):
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


def pyarrow_modules() -> tuple[Any, Any]:
    """pyarrow and its Parquet module.

    Raises:
        ParamError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ParamError("Parquet files need pyarrow, which is not installed; pip install pyarrow") from None
    return pyarrow, pyarrow.parquet
