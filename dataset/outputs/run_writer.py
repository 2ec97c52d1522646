"""Writes a run's results: beside the earlier ones first, and in their place when all are there.

`stage` brings the new results into the database and onto the disk under names of their own, `commit` puts them in
place, `abandon` takes them away. Until `commit` writes its promise, nothing of an earlier result has changed; from then
on the new one is put in place whatever happens, if need be by another process that looks at the runs later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array, Progress
from ...core.base.columns import Columns, Vector
from ...core.base.method import Method
from ...core.base.params import ParamError
from ...core.base.shared_params import StoreParams
from ...core.catalog import method_named
from ..fields import sidebar
from ..fields.fiftyone_compat import delete_fields, drop_brain_run, drop_indexes, register_map
from ..fields.leases import Lease
from ..fields.one_writer import one_writer
from ..fields.rows import BATCH, Rows, attribute, every
from ..runs import claims
from ..runs import record as runs
from ..runs.fingerprints import digest_of_boxes
from ..runs.record import Run
from ..storage import arrays as store
from ..storage import vectors as vector_store
from ..storage.notes import note
from ..storage.staged import Staged, collection_for, count_values
from . import columns
from .similarity_index import register


class RunWriter:
    """The results of one run on their way into the dataset.

    Attributes:
        facts: what staging adds to the run's facts.
    """

    def __init__(self, dataset: fo.Dataset, method: Method, record: Run, rows: Rows) -> None:
        """Nothing is written yet.

        Args:
            record: of the run, which has been started.
            rows: of the samples or objects that results are for.
        """
        self.facts: dict[str, Any] = {}
        self._dataset, self._method, self._record, self._rows = dataset, method, record, rows
        lease = claims.mine(dataset, record.key)
        owner = lease.owner if lease is not None else "nobody"
        self._staged = Staged(dataset, collection_for(dataset, owner), rows.field, rows.inside)
        self._paths: dict[str, str] = {}
        self._numbered: list[str] = []
        self._kept: str | None = None
        self._partial = False
        self._new_files: list[str] = []
        self.n = 0

    def stage(self, result: Columns, progress: Progress, params: Any = None, only: Array | None = None) -> None:
        """Write all that is new, beside what is there.

        Args:
            params: of the run, where vectors may go into a file.
            only: numbers of the rows that change; the others keep what they have.

        Raises:
            ParamError: a field's name is taken by something else, or the disk is full.
        """
        dataset, key = self._dataset, self._record.key
        self._partial = only is not None
        self._paths = columns.places(self._method, key, self._rows, result.values)
        columns.check_places(dataset, key, self._rows, self._paths.values())
        self._new_files = [
            file for file in result.facts.get("files") or () if file not in _files(self._record.previous)
        ]
        try:
            numbered = self._file(result, params)
        except OSError as error:
            raise ParamError(
                f"The vectors of {key!r} cannot be written below {str(store.folder(dataset))!r}: {error.strerror}; "
                "make room there, or run it again with store='field'"
            ) from None
        self._numbered = list(numbered)
        if not self._partial:
            self._kept = self._keep(result)
        rows = only if only is not None else np.arange(len(self._rows))
        if result.rows is not None:
            rows = rows[np.asarray(result.rows)[rows]]
        self._bring(result, rows, numbered, progress)

    def commit(self, done: Run) -> Run:
        """Put the staged results in place of the earlier ones, and record the run as done.

        Args:
            done: its record, but for what only the written fields tell.

        Returns:
            the record as it stands now

        Raises:
            ParamError: another run has taken the key meanwhile, and nothing was changed; or the database failed, and
                the results will be put in place when the dataset's runs are looked at next.
        """
        dataset, previous = self._dataset, self._record.previous or {}
        run = runs.done(replace(done, writes=self._paths, n=done.n if self._partial else self.n))
        promised = {
            "kind": "write",
            "run": asdict(run),
            "before": {"writes": dict(previous.get("writes") or {}), "files": list(_files(previous))},
            "staged": self._staged.name,
            "inside": self._rows.inside,
            "numbered": self._numbered,
            "kept": self._kept,
            "partial": self._partial,
        }
        try:
            lease = claims.promise(dataset, run.key, promised)
        except BaseException:
            self.abandon()
            raise
        try:
            put_in_place(dataset, promised, lease)
        except Exception as error:
            claims.leave(dataset, run.key)
            raise ParamError(
                f"The results of {run.key!r} are complete, but could not be put in place ({error}). "
                "That is done by itself when the runs of this dataset are looked at next"
            ) from error
        except BaseException:  # the program is being ended
            claims.leave(dataset, run.key)
            raise
        claims.release(dataset, run.key)
        return runs.get_run(dataset, run.key)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """A block that stages: if it fails, nothing of it stays."""
        try:
            yield
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Take away all that was staged; what was there before stays as it is."""
        self._staged.drop()
        stored = self.facts.get("stored")
        files = [*self._new_files, *([str(store.root() / stored["file"])] if stored else [])]
        ids = [file.removesuffix(".npy") + ".ids.npy" for file in files if file.endswith(".npy")]
        store.remove(self._dataset, [*files, *ids, *([self._kept] if self._kept else [])])

    def _file(self, result: Columns, params: Any) -> dict[str, Sequence[int | None]]:
        """Vectors into a file, where the parameters or their number say so: column → row numbers in it."""
        if not isinstance(params, StoreParams):
            return {}
        for name, values in result.values.items():
            if self._method.column(name).type is Vector and vector_store.wanted(params.store, *np.shape(values)):
                good = vector_store.finite(values)
                good &= True if result.rows is None else result.rows
                ids = [one for one, there in zip(self._rows.ids, good, strict=True) if there]
                when, at = self._record.started or "", np.flatnonzero(good)
                self.facts["stored"] = vector_store.save(
                    self._dataset, self._record.key, when, ids, values, at, params.dtype
                )
                numbers = np.cumsum(good) - 1
                return {name: [int(one) if ok else None for one, ok in zip(numbers, good, strict=True)]}
        return {}

    def _keep(self, result: Columns) -> str | None:
        """What the run may be continued from, in a file of its own; without it the method runs again."""
        if not result.kept:
            return None
        try:
            return store.stage(self._dataset, self._record.key, result.kept, self._rows)
        except OSError as error:
            note("What the run could be continued from", error, "another threshold means running it again")
            return None

    def _bring(
        self, result: Columns, rows: Array, numbered: Mapping[str, Sequence[int | None]], progress: Progress
    ) -> None:
        """The values into the collection; rows of one sample together."""
        images, ids = self._rows.images, self._rows.ids
        if self._rows.field is None:
            rows = np.array(sorted({images[row]: row for row in rows.tolist()}.values()), dtype=np.int64)
        else:
            rows = np.array(sorted(rows.tolist(), key=lambda row: images[row]), dtype=np.int64)
        first = next(iter(self._paths.values()), None)
        made = columns.values_of(self._method, self._paths, self._rows, result, rows, numbered)
        gone = self._partial

        def staged() -> Any:
            for done, (row, values) in enumerate(made, 1):
                self.n += first is None or first in values
                if values or gone or self._rows.field is not None:
                    yield images[row], ids[row], values
                if done % BATCH == 0:
                    progress(done, len(rows), "writing fields")

        self._staged.add(staged())
        self._staged.add_labels(columns.of_labels(self._method, self._paths, self._rows, result))
        progress(len(rows), len(rows), "writing fields")


@claims.finishes("write")
def put_in_place(dataset: fo.Dataset, promised: Mapping[str, Any], lease: Lease) -> None:
    """Do what a run promised: its staged results become the fields of its key, its record says so.

    Doing it again, from whatever point an earlier attempt came to, ends in the same.
    """
    run = Run(**dict(promised["run"]))
    method, paths = method_named(run.method), dict(run.writes)
    before, numbered = promised["before"], list(promised["numbered"])
    gone = [path for path in before["writes"].values() if path not in paths.values()]
    lists = columns.lists_in(dataset, list(paths))
    staged = Staged(dataset, promised["staged"], run.patches_field, promised["inside"], lists)
    with one_writer(dataset):
        columns.declare(dataset, method, run.key, paths, numbered)
        if not promised["partial"]:
            drop_brain_run(dataset, run.key)
            for path in paths.values():
                _drop_map_index(dataset, path)
    stale = [path for path in before["writes"].values() if path not in gone]
    staged.put_in_place(list(paths.values()), stale, whole=not promised["partial"])
    with one_writer(dataset):
        if not promised["partial"]:
            delete_fields(dataset, [path for path in gone if dataset.get_field(path) is not None])
            _let_the_app_find(dataset, method, run, numbered)
            with suppress(OSError):  # of a store that may only be read; it holds caches
                store.take(dataset, run.key, promised["kept"])
        columns.declare(dataset, method, run.key, paths, numbered)
        runs._save(dataset, run if promised["partial"] else _counted(dataset, run, promised["inside"]))
    staged.drop()
    files = run.facts.get("files") or ()
    with suppress(OSError):
        store.remove(dataset, [file for file in before["files"] if file not in files])
        vector_store.drop(dataset, run.key, but=run.facts.get("stored"))


def _counted(dataset: fo.Dataset, run: Run, inside: str) -> Run:
    """The record with what only the written fields tell: the rows that have a result, and where objects are.

    Some of the rows may have been deleted while it ran.
    """
    if not run.writes:
        return run
    n = count_values(dataset, next(iter(run.writes.values())), inside)
    if "boxes" in run.fingerprint:
        run = replace(run, fingerprint={**run.fingerprint, "boxes": digest_of_boxes(dataset, run)})
    return replace(run, n=n, skipped=run.skipped + run.n - n)


def _let_the_app_find(dataset: fo.Dataset, method: Method, run: Run, numbered: Sequence[str]) -> None:
    """The App's own panels: maps, search by similarity, and the group in the sidebar."""
    for name, path in run.writes.items():
        if name not in numbered:
            _show_map(dataset, method.column(name), run, path)
    if method.makes_vectors:
        register(dataset, run.key, run.writes[""], run.patches_field, run.facts, in_file="" in numbered)
    if run.patches_field is None:  # the App lists a label's attributes under its label field by itself
        own = [path for name, path in run.writes.items() if ":" not in name]
        sidebar.add_group(dataset, run.key, own)


def _show_map(dataset: fo.Dataset, column: Any, run: Run, path: str) -> None:
    if not columns.is_points(column):
        return
    rows = Rows(every(dataset).view(), run.patches_field)
    points = rows.values(path)
    has = np.array([point is not None for point in points], dtype=bool)
    found = np.array([point for point in points if point is not None], dtype=np.float64)
    if not len(found) or found.shape[1] != 2:
        return
    rows = rows.only(has)
    of_objects = np.array(rows.ids) if run.patches_field is not None else None
    name = path if run.patches_field is None else attribute(dataset, run.patches_field, path)
    register_map(dataset, run.key, name, run.patches_field, (np.array(rows.images), of_objects), found)


def _drop_map_index(dataset: fo.Dataset, path: str) -> None:
    """A spatial index has bounds, and refuses points beyond them."""
    if any(kind == "2d" for index in dataset.get_index_information().values() for _, kind in index["key"]):
        drop_indexes(dataset, path)


def _files(record: Mapping[str, Any] | None) -> Sequence[str]:
    """The files that a run's record names."""
    return list(((record or {}).get("facts") or {}).get("files") or ())
