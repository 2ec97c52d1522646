"""Embeddings as files for other tools: NPZ with vectors, image paths and labels; Parquet with the same and ids; or
an NPY of vectors with a text file of paths or ids beside it."""

from __future__ import annotations

import csv
import math
import mmap
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import unquote, urlsplit

import numpy as np

from ..base.arrays import Array, Facts
from ..base.files import new_file
from ..base.memory import expect_room
from ..base.params import ParamError
from .named_columns import EMBEDDINGS, LABELS, PATHS, first
from .parquet_files import named, read_names, read_parquet


@dataclass(frozen=True)
class Vectors:
    """What a file of embeddings holds.

    Attributes:
        embeddings: (n, d) float32; rows may hold NaN.
        paths: (n,) image files as they stand in the file; empty where it names none.
        labels: (n,) names, None for a missing one; None where the file has none.
        ids: (n,) ids of samples, or of objects; empty where it names none.
        names: all that may name images, by what it is called there: (n,) texts of each column or file.
    """

    embeddings: Array
    paths: list[str]
    labels: list[str | None] | None = None
    ids: Sequence[str] = ()
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)


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
    """Read an NPZ as `read_npz` does, its paths being optional; a Parquet file; an NPY with one (n, d) array; a CSV
    with `filenames` and `embedding_0`, `embedding_1`, ... as Lightly writes it; or a folder of parts of these.

    Beside an NPY, names are looked for as a path or id per line in `<name>.ids.txt` or `<name>.txt`, in `paths.txt` or
    `filenames.txt`, and in `../metadata/metadata_<number>.parquet`, where clip-retrieval writes them.

    Raises:
        ParamError: as `read_npz`.
    """
    if Path(path).is_dir():
        return _of_parts(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        return _of_parquet(path)
    if suffix == ".csv":
        return _of_csv(path)
    arrays = _arrays(path)
    name = first(EMBEDDINGS, list(arrays))
    tables = [one for one, array in arrays.items() if array.ndim == 2 and array.dtype.kind == "f"]
    name = tables[0] if name is None and len(tables) == 1 else name
    if name is None:
        with open(path, "rb") as file:
            names = ", ".join(_declared(file, path)) or "none"
        raise ParamError(f"{path!r} must hold an array named embeddings; it holds {names}")
    embeddings = arrays.pop(name)
    if embeddings.ndim != 2 or 0 in embeddings.shape or embeddings.dtype.kind not in "fiu":
        raise ParamError(
            f"{path!r} must hold embeddings as numbers in rows and columns (n, d); "
            f"got {embeddings.dtype} of shape {embeddings.shape}"
        )
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, which callers report
        embeddings = embeddings.astype(np.float32)
    texts = {one: _texts(path, arrays, one, len(embeddings)) for one in arrays if _may_name(one, arrays[one])}
    return _with(embeddings, named(texts) if texts else _beside(path, len(embeddings)))


def _may_name(name: str, array: Array) -> bool:
    return array.dtype.kind in "US" or name in (*PATHS, *LABELS)


def _with(embeddings: Array, found: Mapping[str, Any]) -> Vectors:
    labels = [one or None for one in found["labels"]] if "labels" in found else None
    paths, ids = ([one or "" for one in found.get(name, ())] for name in ("paths", "ids"))
    return Vectors(embeddings, paths, labels, ids, found.get("names", {}))


def _beside(path: str, n: int) -> dict[str, Any]:
    """Names in files beside an NPY, by our names; empty where there are none."""
    file = Path(path)
    for lines_of in (
        ids_file(path),
        file.with_suffix(".txt"),
        file.with_name("paths.txt"),
        file.with_name("filenames.txt"),
    ):
        if lines_of.is_file():
            lines = lines_of.read_text(encoding="utf-8").splitlines()
            if len(lines) != n:
                raise ParamError(
                    f"{str(lines_of)!r} must have a line for each of the {n:,} vectors; got {len(lines):,}"
                )
            return {"paths": lines, "ids": lines, "names": {lines_of.name: lines}}
    number = file.stem.rpartition("_")[2]
    metadata = file.parent.parent / "metadata" / f"metadata_{number}.parquet"
    if metadata.is_file():
        found = read_names(str(metadata))
        for name, column in found["names"].items():
            if len(column) != n:
                raise ParamError(
                    f"{str(metadata)!r} must have a row for each of the {n:,} vectors; got {len(column):,} in {name}"
                )
        return found
    return {}


def _of_csv(path: str) -> Vectors:
    """A table with a row per image, and a column per number of its vector, `embedding_0` and so on."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
            numbers = [place for place, name in enumerate(header) if name.startswith("embedding_")]
            matrix = np.array([[row[place] for place in numbers] for row in rows], dtype=np.float32)
            texts: dict[str, list[str | None]] = {
                name: [row[place] for row in rows] for place, name in enumerate(header) if place not in set(numbers)
            }
    except (OSError, ValueError, IndexError) as error:
        raise ParamError(f"{path!r} must be a table with columns filenames, embedding_0, ...; {error}") from None
    if not matrix.size:
        raise ParamError(f"{path!r} must have columns embedding_0, embedding_1, ...; it has {', '.join(header[:9])}")
    return _with(matrix, named(texts))


def _of_parts(path: str) -> Vectors:
    """A folder of parts of one kind, in the order of their numbers."""
    files = [one for one in Path(path).iterdir() if one.suffix in (".npy", ".npz", ".parquet") and one.is_file()]
    parts = [read_vectors(str(one)) for one in sorted(files, key=lambda one: (len(one.name), one.name))]
    if not parts:
        raise ParamError(f"{path!r} must be an NPZ or NPY file, or a folder of parts; it is a folder without any")
    if len({part.embeddings.shape[1] for part in parts}) > 1:
        raise ParamError(f"The parts in {path!r} must hold vectors of one length; they differ")
    shared = set.intersection(*(set(part.names) for part in parts))
    return Vectors(
        np.concatenate([part.embeddings for part in parts]),
        [one for part in parts for one in part.paths] if all(part.paths for part in parts) else [],
        None,
        [one for part in parts for one in part.ids] if all(part.ids for part in parts) else [],
        {name: [one for part in parts for one in part.names[name]] for name in sorted(shared)},
    )


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
    with new_file(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def write_npy(path: str, embeddings: Array, lines: Sequence[str]) -> None:
    """Write an NPY of float32, and the text file beside it with a line for each vector, as `read_vectors` reads them.

    Raises:
        ParamError: a line would be two, which is so for paths with a line break in them.
    """
    if any(len(line.splitlines()) != 1 for line in lines):
        raise ParamError("Paths with line breaks do not fit into a text file; export to .npz or .parquet")
    with new_file(ids_file(path)) as ids, new_file(path) as vectors:
        ids.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        with vectors.open("wb") as file:
            np.save(file, np.asarray(embeddings, dtype=np.float32), allow_pickle=False)


def match(ids: Sequence[str], paths: Sequence[str], given: Vectors) -> tuple[Array, Facts]:
    """Find each row's vector in a file, by the column that names most of the images: by id, then by path.

    Args:
        ids: (n,) of the samples.
        paths: (n,) of their images.

    Returns:
        (n,) int64 row of the file, -1 for none; how many were found by what, and which of the file's are left over
    """
    known = [("", given.ids, given.paths)] if given.ids or given.paths else []
    columns = [*known, *((name, texts, texts) for name, texts in given.names.items())]
    best, by_id, by_name, column = np.full(len(paths), -1, dtype=np.int64), 0, 0, ""
    for name, own_ids, own_paths in columns:
        found, with_id, with_name = _match(ids, paths, own_ids, own_paths)
        if (found >= 0).sum() > (best >= 0).sum():
            best, by_id, by_name, column = found, with_id, with_name, name
        if (best >= 0).all():
            break
    left = np.setdiff1d(np.arange(len(given.embeddings)), best)
    names = given.names.get(column) or given.paths or given.ids
    column = column or next((name for name, texts in given.names.items() if list(texts) == given.paths), "")
    return best, {
        "matched_by": "id" if by_id == len(best) else "id and path" if by_id else "path",
        "matched_in": column,
        "matched_by_name_only": by_name,
        "vectors_unused": len(left),
        "vectors_unused_first": [names[row] for row in left[:5].tolist()],
    }


def _match(
    ids: Sequence[str], paths: Sequence[str], own_ids: Sequence[str], own_paths: Sequence[str]
) -> tuple[Array, int, int]:
    """(n,) row of the file, -1 for none; how many by id, and how many by file name only."""
    place = {one: row for row, one in reversed(list(enumerate(own_ids)))}
    found = np.array([place.get(one, -1) for one in ids] or [-1] * len(paths), dtype=np.int64)
    by_id = int((found >= 0).sum())
    missing, taken = np.flatnonzero(found < 0), set(found.tolist())
    by_path, by_name = match_paths([paths[row] for row in missing.tolist()], own_paths)
    found[missing] = [-1 if row in taken else row for row in by_path.tolist()]
    return found, by_id, by_name


def match_paths(wanted: Sequence[str], given: Sequence[str]) -> tuple[Array, int]:
    """Find each image among a file's paths, in whatever order they stand.

    By full path; else by the longest end of the path, up to four folders, that is unique; else by the name alone; else
    by the name without its ending, where the file's names have none. What is looked for counts only if it occurs once
    on both sides; among equal full paths the first counts. Addresses of the web count as paths.

    Args:
        wanted: (n,) paths of the images.
        given: (m,) paths of the file.

    Returns:
        (n,) int64 index into `given`, -1 for none; and how many were found by name only.
    """
    plain = [_plain(path) for path in given]
    whole: dict[str, int] = {}
    for row, path in enumerate(plain):
        if path:
            whole.setdefault(os.path.abspath(path), row)
    found = np.array([whole.get(os.path.abspath(path), -1) for path in wanted], dtype=np.int64)
    named = 0
    here, there = [_parts(path) for path in wanted], [_parts(path) for path in plain]
    for depth in (5, 4, 3, 2, 1, 0):
        if (found >= 0).all():
            break
        own, its = (Counter(_end(parts, depth) for parts in side) for side in (here, there))
        by_end = {end: row for row, parts in enumerate(there) if (end := _end(parts, depth)) and its[end] == 1}
        taken = set(found.tolist())
        for row in np.flatnonzero(found < 0).tolist():
            end = _end(here[row], depth)
            if end and own[end] == 1 and by_end.get(end, -1) not in taken:
                found[row] = by_end.get(end, -1)
                named += int(found[row] >= 0 and depth < 2)
    return found, named


def _plain(path: str) -> str:
    """A path without what an address of the web has around it."""
    return unquote(urlsplit(path).path) if "://" in path else path.replace("\\", "/")


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def _end(parts: tuple[str, ...], depth: int) -> tuple[str, ...]:
    """The last parts of a path; with depth 0 its name without the ending. Empty where it has fewer."""
    if depth == 0:
        return (os.path.splitext(parts[-1])[0],) if parts else ()
    return parts[-depth:] if len(parts) >= depth else ()


def _of_parquet(path: str) -> Vectors:
    if not Path(path).is_file():
        raise ParamError(f"{path!r} must be a Parquet file; there is no such file")
    found = read_parquet(path)
    return _with(found["embeddings"], found)


def ids_file(path: str) -> Path:
    return Path(path).with_suffix(".ids.txt")


@dataclass(frozen=True)
class _Declared:
    """What an array says of itself before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes once read."""
        return math.prod(self.shape) * self.dtype.itemsize

    def is_of_use(self, name: str) -> bool:
        """Whether it may hold vectors or names; other arrays are never read."""
        is_table = len(self.shape) == 2 and self.dtype.kind in "fiu"
        return is_table or self.dtype.kind in "US" or name in (*EMBEDDINGS, *PATHS, *LABELS)


def _declared(file: BinaryIO, path: str) -> dict[str, _Declared]:
    """The arrays of an NPZ by name, or an NPY's only one, as their headers declare them.

    Raises:
        ParamError: one declares more than the file holds of it.
    """
    if file.read(2) != b"PK":
        file.seek(0)
        end = os.fstat(file.fileno()).st_size
        return {"embeddings": _header(file, end, path, "embeddings")}
    found = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as opened:
                    found[name] = _header(opened, member.file_size, path, name)
    return found


def _header(file: IO[bytes], end: int, path: str, name: str) -> _Declared:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    found = _Declared(shape, dtype)
    if not dtype.hasobject and found.size > end - file.tell():
        raise ParamError(
            f"{path!r} is damaged: its array {name!r} declares {found.size:,} bytes and holds {end - file.tell():,}; "
            "write it again"
        )
    return found


def _arrays(path: str) -> dict[str, Array]:
    """Arrays of use by name; an NPY's only one is called embeddings."""
    try:
        with open(path, "rb") as file:
            if not file.read(6).startswith((b"PK", b"\x93NUMPY")):
                raise ParamError(f"{path!r} must be an NPZ or NPY file, as numpy writes them; got another kind of file")
            file.seek(0)
            held = {name: one for name, one in _declared(file, path).items() if one.is_of_use(name)}
            expect_room(path, sum(one.size for one in held.values()))
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"embeddings": loaded}
            return {name: loaded[name] for name in held}
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


def _texts(path: str, arrays: dict[str, Array], name: str, n: int) -> list[str | None]:
    array = arrays[name]
    if array.shape != (n,):
        raise ParamError(f"{path!r} must hold as many {name} as embeddings ({n:,}); got shape {array.shape}")
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in array.tolist()]
