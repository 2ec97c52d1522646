"""What methods share beside the neighbor graph, on disk beside the dataset: a few files of each kind, the newest.

A file is named by its kind and a digest of all that it was made of. It is a cache: a lost one costs time, never a
result.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...core.base.arrays import Array
from . import arrays as store
from .notes import note

KEPT = 4  # files of each kind


class SharedWork:
    """See `core.base.shared.Shared`."""

    def __init__(self, folder: Path) -> None:
        """Work on what is in one dataset's folder."""
        self._folder = folder

    def find(self, kind: str, key: str) -> dict[str, Array] | None:
        """See `Shared`."""
        path = self._path(kind, key)
        found = store.load_arrays(path) if path.is_file() else None
        if found is not None:
            with contextlib.suppress(OSError):  # of a store that may only be read
                os.utime(path)
        return found

    def keep(self, kind: str, key: str, arrays: Mapping[str, Array]) -> None:
        """See `Shared`."""
        try:
            store.whole_file(self._path(kind, key), lambda part: store.save_arrays(part, arrays))
            for old in self._newest_first(kind)[KEPT:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            note(f"What methods share ({kind})", error, "the next method makes it again")

    def every(self, kind: str) -> Iterator[dict[str, Array]]:
        """See `Shared`."""
        for path in self._newest_first(kind):
            found = store.load_arrays(path)
            if found is not None:
                yield found

    def _path(self, kind: str, key: str) -> Path:
        return self._folder / f"shared_{kind}_{key}.npz"

    def _newest_first(self, kind: str) -> list[Path]:
        paths = []
        for path in self._folder.glob(f"shared_{kind}_*.npz"):
            with contextlib.suppress(OSError):  # another process has just removed it
                paths.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(paths, reverse=True)]
