"""The one path by which the App, Python and recipes run a method: read, run, write, record."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import fiftyone as fo
import numpy as np

from ..core.base.arrays import Array, Progress, silent
from ..core.base.columns import Columns, Vector
from ..core.base.method import Method
from ..core.base.params import ParamError, Params, domains
from ..core.base.shared_params import StoreParams
from ..core.catalog import method_named
from .fields.rows import Rows
from .inputs import target as subject
from .inputs.read import Reading, read, read_vectors
from .outputs import columns
from .runs import record as runs
from .runs.fingerprints import digest_of_boxes
from .runs.forget import erase
from .runs.record import Run
from .storage import arrays as store
from .storage import vectors as vector_store
from .storage.embedding_cache import KeptVectors

NOTE_SECONDS = 1.0


def curate(
    samples: fo.Dataset | fo.DatasetView,
    method: str | Params,
    /,
    *,
    key: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    **params: Any,
) -> Run:
    """Run a method on a dataset or view; its results become sample fields, and its record a run.

    Args:
        samples: what to run on.
        method: a method's name, with its parameters as keywords; or its parameters as an object.
        key: names the run and its fields; by default the method's own.
        overwrite: replace the run that has this key. Its results stay until the new ones are complete.
        progress: called as `progress(done, total, doing)`.

    Returns:
        the record of the finished run

    Raises:
        ParamError: a parameter, the key or the data cannot be used; the sentence says how to mend it.
    """
    declared, given = _resolve(method, params)
    key = declared.key if key is None else key
    view = samples.view() if isinstance(samples, fo.Dataset) else samples
    dataset = view._root_dataset
    if dataset.media_type not in (None, "image"):
        raise ParamError(f"{declared.label} works on images; dataset {dataset.name!r} holds {dataset.media_type}")
    _check_key(dataset, key, overwrite)
    reading = read(view, given, declared.label, with_paths="paths" in declared.reads)
    given = reading.params
    record = runs.start(
        dataset,
        Run(
            key=key,
            method=declared.name,
            method_version=declared.version,
            params=given.to_dict(),
            reads=reading.reads,
            skipped=reading.skipped,
            target="dataset" if reading.inputs.n + reading.skipped == reading.total else "view",
            patches_field=reading.rows.field,
            fingerprint=reading.fingerprint,
            plugin_version=_plugin_version(),
        ),
    )
    try:
        return _execute(dataset, declared, given, reading, record, _noted(dataset, key, progress))
    except BaseException as error:
        runs.fail(dataset, record, str(error) or type(error).__name__)
        raise


def _noted(dataset: fo.Dataset, key: str, progress: Progress) -> Progress:
    """The caller's progress, which also goes into the run's record, every few seconds at most."""
    last = time.monotonic()

    def both(done: int, total: int, doing: str = "") -> None:
        nonlocal last
        progress(done, total, doing)
        if time.monotonic() - last >= NOTE_SECONDS:
            last = time.monotonic()
            runs.note_progress(dataset, key, done / total if total else 1.0, doing)

    return both


def _execute(
    dataset: fo.Dataset, method: Method, params: Params, reading: Reading, record: Run, progress: Progress
) -> Run:
    began = time.perf_counter()
    kept = _kept(dataset, record, reading) if "reuse" in domains(method.params) else None
    result = method.run(replace(reading.inputs, kept=kept), params, progress)
    seconds = time.perf_counter() - began
    if record.previous is not None:
        erase(dataset, Run(**dict(record.previous)), keep=result.facts.get("files") or ())
    stored, numbered = _filed(dataset, method, params, record, reading.rows, result)
    written, n = columns.write(dataset, method, record.key, reading.rows, result, progress, numbered)
    store.keep(dataset, record.key, result.kept, reading.rows)
    facts: dict[str, Any] = {
        **result.facts,
        **stored,
        "headline": said_of(reading.rows, result.facts.get("headline") or f"{n:,} samples"),
        "seconds": round(seconds, 2),
        "peak_memory_mb": _peak_memory_mb(),
        "versions": _versions(),
    }
    if reading.why_skipped:
        facts["skipped"] = dict(reading.why_skipped)
    done = replace(record, writes=written, n=n, skipped=reading.skipped + reading.inputs.n - n, facts=facts)
    if "boxes" in record.fingerprint:
        done = replace(done, fingerprint={**record.fingerprint, "boxes": digest_of_boxes(dataset, done)})
    done = runs.finish(dataset, done)
    if kept is not None:
        kept.complete()
    vector_store.drop(dataset, record.key, but=facts.get("stored"))
    return done


def _filed(
    dataset: fo.Dataset, method: Method, params: Params, record: Run, rows: Rows, result: Columns
) -> tuple[dict[str, Any], dict[str, list[int | None]]]:
    """Put vectors into a file where the parameters, or their number, say so.

    Returns:
        for the run's facts: "stored"; and column → (n,) row number in the file, None for none
    """
    if not isinstance(params, StoreParams):
        return {}, {}
    for name, values in result.values.items():
        if method.column(name).type is Vector and vector_store.wanted(params.store, *np.shape(values)):
            good = vector_store.finite(values)
            good &= True if result.rows is None else result.rows
            ids = [one for one, there in zip(rows.ids, good, strict=True) if there]
            when = record.started or ""
            stored = vector_store.save(dataset, record.key, when, ids, values, np.flatnonzero(good), params.dtype)
            places = np.cumsum(good) - 1
            return {"stored": stored}, {name: [int(at) if ok else None for at, ok in zip(places, good, strict=True)]}
    return {}, {}


def _kept(dataset: fo.Dataset, record: Run, reading: Reading) -> KeptVectors:
    """The vectors of earlier calls under the run's key, where it goes on or replaces a run of the same kind."""
    previous = Run(**dict(record.previous)) if record.previous is not None else None
    path = previous.writes.get("") if previous is not None else None
    earlier = None
    if previous is not None and path is not None and dataset.get_field(path) is not None:
        facts = previous.facts
        same = previous.method == record.method and previous.patches_field == record.patches_field
        rounded = (facts.get("stored") or {}).get("dtype", "float32") != "float32"
        same = same and not (rounded and record.params.get("dtype") != facts["stored"]["dtype"])

        def vectors_of(rows: Array) -> Array:
            wanted = np.zeros(len(reading.rows), dtype=bool)
            wanted[rows] = True
            try:
                return read_vectors(reading.rows.only(wanted), path, facts)[0]
            except ParamError:  # none of these has a vector, or their file is gone: they are made again
                return np.full((len(rows), 1), np.nan)

        earlier = vectors_of if same else None
    return KeptVectors(dataset, record.key, reading.rows.ids, earlier, record.params.get("store") or "field")


def said_of(rows: Rows, headline: str) -> str:
    """A method's headline, which speaks of images or samples, as it holds for these rows."""
    return headline if rows.field is None else re.sub(r"\b(?:image|sample)(s?)\b", r"object\1", headline)


def rerun(dataset: fo.Dataset, key: str, progress: Progress = silent) -> Run:
    """Run a run again with the same parameters, on the whole dataset, replacing its results.

    Raises:
        ParamError: there is no such run, or it was made on a view, which its record does not hold.
    """
    run = runs.get_run(dataset, key)
    if run.target != "dataset":
        raise ParamError(
            f"The run {key!r} was made on a view, which its record does not keep; "
            f"open the view and run {run.label!r} there"
        )
    return curate(dataset, run.method, key=key, overwrite=True, progress=progress, **run.params)


def _resolve(method: str | Params, params: Mapping[str, Any]) -> tuple[Method, Params]:
    if isinstance(method, Params):
        if params:
            raise ParamError(f"Give {type(method).__name__} or keywords, not both; got {', '.join(params)} too")
        return method_named(type(method)), method
    declared = method_named(method)
    if params.get("patches_field") and "patches_field" not in domains(declared.params):
        raise ParamError(f"{declared.label} {subject.instead_of_objects(declared.params)}; leave patches_field away")
    return declared, declared.params.from_dict(params)


def _check_key(dataset: fo.Dataset, key: str, overwrite: bool) -> None:
    if not isinstance(key, str) or not key.isidentifier():
        raise ParamError(f"key must be letters, digits and _, not starting with a digit; got {key!r}")
    if key in dataset.list_runs():
        run = runs.get_run(dataset, key)
        if run.status == "running" and not run.is_interrupted:
            raise ParamError(f"The run {key!r} ({run.label}) is still running; wait for it, or choose another key")
        if (run.status == "done" or run.previous is not None) and not overwrite:
            raise ParamError(
                f"The key {key!r} holds a run of {run.label!r} already; choose another key, "
                f"such as {runs.free_key(dataset, key)!r}, or pass overwrite=True to replace it"
            )
    elif runs.is_taken(dataset, key):
        raise ParamError(
            f"The name {key!r} is taken by a field or brain run that is not Curator's; choose another key, "
            f"such as {runs.free_key(dataset, key)!r}"
        )


def _plugin_version() -> str:
    return str(import_module("..", __package__).__version__)


def _peak_memory_mb() -> int | None:
    """Largest memory that this process has held, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def _versions() -> dict[str, str]:
    import numpy
    import sklearn

    return {"fiftyone": fo.__version__, "numpy": numpy.__version__, "scikit-learn": sklearn.__version__}
