"""Vectors in a file beside the dataset, where they would weigh the database down: memory-mapped, opened in an instant.

`vectors_<key>_<when>.npy` holds them, `….ids.npy` the ids of their samples or labels in the same order. In the field
stands each one's row number. The run's record names the file; a run that is replaced keeps its own file until the
new one is recorded.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array
from ...core.base.params import ParamError
from ...core.embeddings.vector_files import let_go
from . import arrays as store
from .arrays import whole_file

LARGE = 100_000_000  # numbers: 200,000 vectors of 512
CHUNK = 65_536  # rows converted at once
AT_ONCE = 8_000_000  # numbers copied at once, so that a copy takes no more memory for more vectors


def wanted(choice: str, n: int, dim: int) -> bool:
    """Whether n vectors go into a file: as chosen, "field" or "file"; with "auto" beyond 100 million numbers."""
    return choice == "file" or (choice == "auto" and n * dim > LARGE)


def scratch(folder: Path, n: int, dim: int) -> Array:
    """(n, dim) float32 in a file without a name, mapped into memory: it is gone with the array, or the process."""
    if not n * dim:
        return np.empty((n, dim), dtype=np.float32)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve(file.fileno(), 4 * n * dim)
            return np.memmap(file, dtype=np.float32, mode="w+", shape=(n, dim))
    except OSError as error:
        raise ParamError(
            f"{n:,} vectors of {dim:,} numbers need {4e-9 * n * dim:,.1f} GB below {str(folder)!r}: {error.strerror}; "
            "make room there"
        ) from None


def reserve(file: int, size: int) -> None:
    """Take the room on disk now: a file in memory whose disk is full would end the process.

    Raises:
        OSError: there is not so much.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)


def finite(vectors: Array) -> Array:
    """(n, dim) → (n,) bool, whether all numbers of a row are finite; read part by part."""
    good = np.zeros(len(vectors), dtype=bool)
    for part in _parts(*vectors.shape):
        good[part] = np.isfinite(vectors[part]).all(axis=1)
        let_go(vectors)
    return good


def save(
    dataset: fo.Dataset, key: str, when: str, ids: Sequence[str], vectors: Array, rows: Array, dtype: str
) -> dict[str, Any]:
    """Write vectors to a file of their own.

    Args:
        when: tells this file from those of other runs under the key.
        ids: (m,) of the rows that are written.
        vectors: (n, dim).
        rows: (m,) their numbers, ascending.
        dtype: "float32" or "float16".

    Returns:
        what the run record keeps: "file" (below the folder of all datasets' arrays), "dtype", "n", "dim"
    """
    stamp = "".join(letter for letter in when if letter.isdigit())
    path = store.folder(dataset) / f"vectors_{key}_{stamp}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(part: Path) -> None:
        shape = (len(rows), vectors.shape[1])
        out = np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape)
        with part.open("r+b") as file:
            reserve(file.fileno(), part.stat().st_size)
        for some in _parts(*shape):
            out[some] = vectors[rows[some]]
            let_go(out)
            let_go(vectors)
        out.flush()

    whole_file(path.with_suffix(".ids.npy"), lambda part: _save_ids(part, ids))
    whole_file(path, write)
    return {
        "file": str(path.relative_to(store.root())),
        "dtype": dtype,
        "n": len(rows),
        "dim": int(vectors.shape[1]),
    }


def open_vectors(stored: Mapping[str, Any], key: str) -> Array:
    """The file of a run as an (n, dim) array that is read from disk where it is looked at.

    Args:
        stored: what `save` returned.

    Raises:
        ParamError: the file is gone or damaged.
    """
    path = store.root() / str(stored["file"])
    try:
        found: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ParamError(
            f"The vectors of {key!r} cannot be read from {str(path)!r} ({error}); "
            "compute them again with overwrite=True"
        ) from None
    return found


def is_there(stored: Mapping[str, Any]) -> bool:
    """Whether the file is where it was."""
    return (store.root() / str(stored["file"])).is_file()


def read(stored: Mapping[str, Any], numbers: Sequence[int | None], key: str) -> tuple[Array, Array]:
    """The vectors with these row numbers.

    Returns:
        (n, dim) float32, NaN where the number is None; and (n,) bool, whether it is there
    """
    vectors = open_vectors(stored, key)
    has = np.array([number is not None and number < len(vectors) for number in numbers], dtype=bool)
    rows = np.array([number if there else 0 for number, there in zip(numbers, has, strict=True)], dtype=np.int64)
    if not has.any():
        raise ParamError(f"Nothing in the target has a vector in {key!r}; compute embeddings for it first")
    found = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        in_order = len(part) == int(part[-1] - part[0]) + 1 and bool((np.diff(part) == 1).all())
        found[begin : begin + CHUNK] = vectors[part[0] : part[-1] + 1] if in_order else vectors[part]
    found[~has] = np.nan
    return found, has


def drop(dataset: fo.Dataset, key: str, but: Mapping[str, Any] | None = None) -> None:
    """Delete the files of a run key, but one that is still in use. Files of a dataset this one was cloned from stay."""
    keep = Path(str(but["file"])).name if but else ""
    for path in store.folder(dataset).glob(f"vectors_{key}_*.npy"):
        rest = path.name.removeprefix(f"vectors_{key}_").removesuffix(".npy").removesuffix(".ids")
        if rest.isdigit() and not (keep and path.name.startswith(keep.removesuffix(".npy"))):
            path.unlink(missing_ok=True)


def _parts(n: int, dim: int) -> Iterator[slice]:
    step = max(1, AT_ONCE // max(1, dim))
    return (slice(begin, min(begin + step, n)) for begin in range(0, n, step))


def _save_ids(part: Path, ids: Sequence[str]) -> None:
    with part.open("wb") as out:
        np.save(out, np.array(ids, dtype="S24"))
