"""Vectors on disk while a run makes them, and the marks of their pictures afterwards: see `core/embeddings/reuse.py`.

Under the dataset's folder: `parts_<key>/` holds what an unfinished run has made, one pair of files per part, and
`made_<key>.npz` the marks that a complete run's pictures had. Both only save work: without them all is made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array
from ...core.images.marks import MARK, NO_MARK
from . import arrays as store
from . import vectors as vector_store
from .notes import note

if TYPE_CHECKING:
    pass

AT_ONCE = 65_536  # vectors of an earlier run that are read together
STATE = "state_"  # before the names of an engine's arrays


class KeptVectors:
    """`Kept` for one run key of a dataset."""

    def __init__(
        self,
        dataset: fo.Dataset,
        key: str,
        ids: Sequence[str],
        earlier: Callable[[Array], Array] | None,
        place: str = "field",
    ) -> None:
        """Nothing is read yet.

        Args:
            ids: of the rows.
            earlier: (m,) rows → (m, dim) vectors that the run to be replaced holds for them, NaN for none; None where
                there is no such run.
            place: where the vectors go in the end, as `vector_store.wanted` takes it.
        """
        self._folder = store.folder(dataset)
        self._place = place
        self._parts = store.folder(dataset) / f"parts_{key}"
        self._sidecar = store.folder(dataset) / f"made_{key}.npz"
        self._ids = ids
        self._earlier = earlier
        self._identity = ""
        self._state: dict[str, Array] = {}
        self._known: dict[str, bytes] = {}  # id of a row of the earlier run → mark
        self._made: Sequence[bytes] = ()

    def model(self) -> str | None:
        """See `Kept`."""
        for file in (self._parts / "begun.npz", self._sidecar):
            kept = store.load_arrays(file)
            if kept is not None:
                return str(json.loads(str(kept["identity"])).get("model") or "") or None
        return None

    def begin(self, identity: Mapping[str, Any], reuse: bool) -> None:
        """See `Kept`."""
        self._identity = json.dumps(dict(identity), sort_keys=True, default=str)
        sidecar = store.load_arrays(self._sidecar) if reuse and self._earlier is not None else None
        if sidecar is not None and str(sidecar["identity"]) == self._identity:
            marks = sidecar["marks"].tobytes()
            self._known = {one: marks[at * MARK : (at + 1) * MARK] for at, one in enumerate(sidecar["ids"].tolist())}
            self._state = {name.removeprefix(STATE): x for name, x in sidecar.items() if name.startswith(STATE)}
        begun = store.load_arrays(self._parts / "begun.npz") if reuse else None
        if begun is not None and str(begun["identity"]) == self._identity:
            state = {name.removeprefix(STATE): x for name, x in begun.items() if name.startswith(STATE)}
            if not _equal(state, self._state):
                self._known = {}  # which another state made
            self._state = state
        else:
            self._begin_anew()

    def state(self) -> dict[str, Array]:
        """See `Kept`."""
        return dict(self._state)

    def keep_state(self, state: Mapping[str, Array]) -> None:
        """See `Kept`."""
        self._state, self._known = dict(state), {}
        self._begin_anew()

    def find(self, marks: Sequence[bytes]) -> Iterator[tuple[Array, Array]]:
        """See `Kept`."""
        wanted: dict[bytes, list[int]] = {}
        for row, mark in enumerate(marks):
            if mark != NO_MARK:
                wanted.setdefault(mark, []).append(row)
        for file in sorted(self._parts.glob("*.marks.npy")):
            raw, vectors = np.load(file).tobytes(), np.load(_vectors_of(file), mmap_mode="r")
            at = [(place, row) for place in range(len(vectors)) for row in wanted.pop(raw[place * MARK :][:MARK], ())]
            if at:
                places, rows = np.array(at, dtype=np.int64).T
                yield rows, vectors[places]
        same = {row for rows in wanted.values() for row in rows if self._known.get(self._ids[row]) == marks[row]}
        every = np.array(sorted(same), dtype=np.int64)
        if self._earlier is None:
            return
        for begin in range(0, len(every), AT_ONCE):
            rows = every[begin : begin + AT_ONCE]
            found = self._earlier(rows)
            good = np.isfinite(found).all(axis=1)
            yield rows[good], found[good]

    def add(self, marks: Sequence[bytes], vectors: Array) -> None:
        """See `Kept`."""
        if not len(marks):
            return
        file = self._parts / f"{len(list(self._parts.glob('*.marks.npy'))):06d}.marks.npy"
        raw = np.frombuffer(b"".join(marks), dtype=np.uint8).reshape(-1, MARK)
        with self._keeping():
            store.whole_file(_vectors_of(file), lambda part: _save(part, vectors))
            store.whole_file(file, lambda part: _save(part, raw))  # last: a part counts once its marks are there

    def room(self, n: int, dim: int) -> Array:
        """See `Kept`."""
        if vector_store.wanted(self._place, n, dim):
            return vector_store.scratch(self._folder, n, dim)
        return np.empty((n, dim), dtype=np.float32)

    def made(self, marks: Sequence[bytes]) -> None:
        """See `Kept`."""
        self._made = marks

    def complete(self) -> None:
        """The run is recorded: its marks take the place of the parts."""
        if self._made:
            raw = np.frombuffer(b"".join(self._made), dtype=np.uint8).reshape(-1, MARK)
            arrays = {"ids": np.array(self._ids, dtype=str), "marks": raw, **self._arrays()}
            with self._keeping():
                store.whole_file(self._sidecar, lambda part: store.save_arrays(part, arrays))
        shutil.rmtree(self._parts, ignore_errors=True)

    def _begin_anew(self) -> None:
        shutil.rmtree(self._parts, ignore_errors=True)
        with self._keeping():
            self._parts.mkdir(parents=True, exist_ok=True)
            store.whole_file(self._parts / "begun.npz", lambda part: store.save_arrays(part, self._arrays()))

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """A block that writes what only saves work: a full disk or a store that may only be read stops nothing."""
        try:
            yield
        except OSError as error:
            note("Vectors on their way", error, "a run that is interrupted begins anew")

    def _arrays(self) -> dict[str, Array]:
        return {"identity": np.array(self._identity), **{STATE + name: x for name, x in self._state.items()}}


def marks_of(dataset: fo.Dataset, key: str) -> dict[str, bytes]:
    """Id → mark of the picture that a complete run embedded; empty where nothing is known."""
    sidecar = store.load_arrays(store.folder(dataset) / f"made_{key}.npz")
    if sidecar is None:
        return {}
    raw = sidecar["marks"].tobytes()
    return {one: raw[at * MARK : (at + 1) * MARK] for at, one in enumerate(sidecar["ids"].tolist())}


def drop(dataset: fo.Dataset, key: str) -> None:
    """Delete what is kept for a run."""
    shutil.rmtree(store.folder(dataset) / f"parts_{key}", ignore_errors=True)
    (store.folder(dataset) / f"made_{key}.npz").unlink(missing_ok=True)


def _equal(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def _vectors_of(marks: Path) -> Path:
    return marks.with_name(marks.name.replace(".marks.npy", ".vectors.npy"))


def _save(path: Path, array: Array) -> None:
    with path.open("wb") as out:
        np.save(out, array)
