"""Embeddings as files for other tools: NPZ with vectors, image paths and labels; Parquet with the same and ids; or
an NPY of vectors with a text file of paths or ids beside it."""

from __future__ import annotations

import mmap
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.arrays import Array, Facts
from ..base.params import ParamError
from .parquet_files import read_parquet


@dataclass(frozen=True)
class Vectors:
    """What a file of embeddings holds.

    Attributes:
        embeddings: (n, d) float32; rows may hold NaN.
        paths: (n,) image files as they stand in the file; empty where it names none.
        labels: (n,) names, None for a missing one; None where the file has none.
        ids: (n,) ids of samples, or of objects; empty where it names none.
    """

    embeddings: Array
    paths: list[str]
    labels: list[str | None] | None = None
    ids: Sequence[str] = ()


def let_go(vectors: Array) -> None:
    """Give back the memory of what was touched of a memory-mapped array; its file keeps the numbers.

    The system would do so by itself when memory is short. Done at once, it tells what a run really needs.
    """
    mapped = getattr(vectors, "_mmap", None)  # numpy has no public way to it
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def read_npz(path: str) -> Vectors:
    """Read an NPZ with the arrays `embeddings` (n, d), `image_paths` (n,) and, if it has them, `labels` (n,).

    Nothing is ever unpickled.

    Raises:
        ParamError: not there, not an NPZ, pickled content, an array missing or of another length.
    """
    vectors = read_vectors(path)
    if not vectors.paths:
        raise ParamError(
            f"{path!r} must hold an array image_paths beside embeddings, so that vectors find their images"
        )
    return vectors


def read_vectors(path: str) -> Vectors:
    """Read an NPZ as `read_npz` does, its paths being optional; a Parquet file; or an NPY with one (n, d) array.

    An NPY `vectors.npy` may have a text file `vectors.ids.txt` beside it: a path, or the id of a sample, on each line.

    Raises:
        ParamError: as `read_npz`.
    """
    if Path(path).suffix == ".parquet":
        return _of_parquet(path)
    arrays = _arrays(path)
    if "embeddings" not in arrays:
        raise ParamError(f"{path!r} must hold an array named embeddings; it holds {', '.join(arrays) or 'none'}")
    embeddings = arrays["embeddings"]
    if embeddings.ndim != 2 or 0 in embeddings.shape or embeddings.dtype.kind not in "fiu":
        raise ParamError(
            f"{path!r} must hold embeddings as numbers in rows and columns (n, d); "
            f"got {embeddings.dtype} of shape {embeddings.shape}"
        )
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, which callers report
        embeddings = embeddings.astype(np.float32)
    paths = _texts(path, arrays, "image_paths", len(embeddings))
    labels = _texts(path, arrays, "labels", len(embeddings))
    if paths is None and _ids_file(path).is_file():
        lines = _ids_file(path).read_text(encoding="utf-8").splitlines()
        if len(lines) != len(embeddings):
            raise ParamError(
                f"{str(_ids_file(path))!r} must have a line for each of the {len(embeddings):,} vectors; "
                f"got {len(lines):,}"
            )
        return Vectors(embeddings, lines, None, lines)
    return Vectors(embeddings, paths or [], [label or None for label in labels] if labels is not None else None)


def write_npz(
    path: str, embeddings: Array, image_paths: Sequence[str], labels: Sequence[str | None] | None = None
) -> None:
    """Write what `read_npz` reads. The file appears complete or not at all.

    Args:
        path: file to write; one that is there is replaced.
        embeddings: (n, d).
        image_paths: (n,).
        labels: (n,), None for a missing one.
    """
    arrays = {"embeddings": np.asarray(embeddings, dtype=np.float32), "image_paths": np.array(image_paths, dtype=str)}
    if labels is not None:
        arrays["labels"] = np.array([label or "" for label in labels], dtype=str)
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_npy(path: str, embeddings: Array, lines: Sequence[str]) -> None:
    """Write an NPY of float32, and the text file beside it with a line for each vector, as `read_vectors` reads them.

    Raises:
        ParamError: a line would be two, which is so for paths with a line break in them.
    """
    if any(len(line.splitlines()) != 1 for line in lines):
        raise ParamError("Paths with line breaks do not fit into a text file; export to .npz or .parquet")
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        _ids_file(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        with unfinished.open("wb") as file:
            np.save(file, np.asarray(embeddings, dtype=np.float32), allow_pickle=False)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def match(ids: Sequence[str], paths: Sequence[str], given: Vectors) -> tuple[Array, Facts]:
    """Find each row's vector in a file: by id, then by path as `match_paths` does.

    Args:
        ids: (n,) of the samples.
        paths: (n,) of their images.

    Returns:
        (n,) int64 row of the file, -1 for none; how many were found by what, and which of the file's are left over
    """
    place = {one: row for row, one in reversed(list(enumerate(given.ids)))}
    found = np.array([place.get(one, -1) for one in ids] or [-1] * len(paths), dtype=np.int64)
    by_id = int((found >= 0).sum())
    missing, taken = np.flatnonzero(found < 0), set(found.tolist())
    by_path, by_name = match_paths([paths[row] for row in missing.tolist()], given.paths)
    found[missing] = [-1 if row in taken else row for row in by_path.tolist()]
    left = np.setdiff1d(np.arange(len(given.embeddings)), found)
    names = given.paths or given.ids
    return found, {
        "matched_by": "id" if by_id == len(found) else "id and path" if by_id else "path",
        "matched_by_name_only": by_name,
        "vectors_unused": len(left),
        "vectors_unused_first": [names[row] for row in left[:5].tolist()],
    }


def match_paths(wanted: Sequence[str], given: Sequence[str]) -> tuple[Array, int]:
    """Find each image among a file's paths, in whatever order they stand: by full path, else by a name that is unique.

    A name counts only if it occurs once on both sides; among equal full paths the first counts.

    Args:
        wanted: (n,) paths of the images.
        given: (m,) paths of the file.

    Returns:
        (n,) int64 index into `given`, -1 for none; and how many were found by name only.
    """
    whole: dict[str, int] = {}
    for row, path in enumerate(given):
        whole.setdefault(os.path.abspath(path), row)
    found = np.array([whole.get(os.path.abspath(path), -1) for path in wanted], dtype=np.int64)
    names, own = Counter(map(_name, given)), Counter(map(_name, wanted))
    by_name = {_name(path): row for row, path in enumerate(given) if names[_name(path)] == 1}
    taken = set(found.tolist())
    named = 0
    for row in np.flatnonzero(found < 0).tolist():
        name = _name(wanted[row])
        if own[name] == 1 and by_name.get(name, -1) not in taken:
            found[row] = by_name.get(name, -1)
            named += int(found[row] >= 0)
    return found, named


def _of_parquet(path: str) -> Vectors:
    if not Path(path).is_file():
        raise ParamError(f"{path!r} must be a Parquet file; there is no such file")
    found = read_parquet(path)
    texts = {name: [one or "" for one in found.get(name, ())] for name in ("paths", "ids")}
    labels = [one or None for one in found["labels"]] if "labels" in found else None
    return Vectors(found["embeddings"], texts["paths"], labels, texts["ids"])


def _ids_file(path: str) -> Path:
    return Path(path).with_suffix(".ids.txt")


def _arrays(path: str) -> dict[str, Array]:
    """Arrays by name; an NPY's only one is called embeddings."""
    try:
        with open(path, "rb") as file:
            if not file.read(6).startswith((b"PK", b"\x93NUMPY")):
                raise ParamError(f"{path!r} must be an NPZ or NPY file, as numpy writes them; got another kind of file")
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"embeddings": loaded}
            return {name: loaded[name] for name in loaded.files if name in ("embeddings", "image_paths", "labels")}
    except FileNotFoundError:
        raise ParamError(f"{path!r} must be an NPZ or NPY file; there is no such file") from None
    except PermissionError:
        raise ParamError(f"{path!r} may not be read by this user; change its permissions, or copy it") from None
    except IsADirectoryError:
        raise ParamError(f"{path!r} must be an NPZ or NPY file; it is a folder") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError):
        raise ParamError(f"{path!r} is damaged or cut short; write it again") from None
    except ParamError:  # a ValueError too, and already a sentence
        raise
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise ParamError(
                f"{path!r} holds pickled Python objects, which are never read because they can run code; "
                "write it again with plain arrays, such as np.array(paths, dtype=str)"
            ) from None
        raise ParamError(f"{path!r} is damaged ({error}); write it again") from None


def _texts(path: str, arrays: dict[str, Array], name: str, n: int) -> list[str] | None:
    if name not in arrays:
        return None
    array = arrays[name]
    if array.shape != (n,):
        raise ParamError(f"{path!r} must hold as many {name} as embeddings ({n:,}); got shape {array.shape}")
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in array.tolist()]


def _name(path: str) -> str:
    return os.path.basename(path.replace("\\", "/"))
