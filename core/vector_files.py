"""Embeddings as files for other tools: NPZ with vectors, image paths and labels, or a bare NPY of vectors."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .method import Array
from .params import ParamError


@dataclass(frozen=True)
class Vectors:
    """What a file of embeddings holds.

    Attributes:
        embeddings: (n, d) float32; rows may hold NaN.
        paths: (n,) image files as they stand in the file; empty where it names none.
        labels: (n,) names, None for a missing one; None where the file has none.
    """

    embeddings: Array
    paths: list[str]
    labels: list[str | None] | None = None


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
    """Read an NPZ as `read_npz` does, its paths being optional, or an NPY with one (n, d) array.

    Raises:
        ParamError: as `read_npz`.
    """
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
