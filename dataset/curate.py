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
from ..core.base.columns import Columns
from ..core.base.errors import Interrupted
from ..core.base.method import Method
from ..core.base.params import ParamError, Params, domains
from ..core.catalog import method_named
from .fields.one_writer import one_writer
from .fields.rows import Rows, every
from .fields.working_set import Choice
from .inputs import target as subject
from .inputs.read import Reading, read
from .inputs.sources import read_vectors
from .inputs.views import built, need_images, remembered
from .outputs.run_writer import RunWriter
from .runs import record as runs
from .runs.pace import Pace
from .runs.record import Run
from .storage.embedding_cache import KeptVectors
from .storage.notes import gathered

NOTE_SECONDS = 1.0


def curate(
    samples: fo.Dataset | fo.DatasetView,
    method: str | Params,
    /,
    *,
    key: str | None = None,
    overwrite: bool = False,
    include_excluded: bool = False,
    given_labels: bool = False,
    progress: Progress = silent,
    **params: Any,
) -> Run:
    """Run a method on a dataset or view; its results become sample fields, and its record a run.

    It reads the working set: samples that are not excluded, with corrected labels where people have corrected them.

    Args:
        samples: what to run on.
        method: a method's name, with its parameters as keywords; or its parameters as an object.
        key: names the run and its fields; by default the method's own.
        overwrite: replace the run that has this key. Its results stay until the new ones are complete.
        include_excluded: read excluded samples and objects too.
        given_labels: read the labels as they were given, without corrections.
        progress: called as `progress(done, total, doing)`.

    Returns:
        the record of the finished run

    Raises:
        ParamError: a parameter, the key or the data cannot be used; the sentence says how to mend it.
        Interrupted: somebody cancelled the run. An earlier result under its key is as it was.
    """
    declared, given = _resolve(method, params)
    key = declared.key if key is None else key
    view = samples.view() if isinstance(samples, fo.Dataset) else samples
    dataset = view._root_dataset
    need_images(view, declared.label)
    with one_writer(dataset):
        runs.check_free(dataset, key, overwrite)
    choice = Choice(include_excluded or declared.on_all_rows, given_labels or declared.as_given)
    reading = read(view, given, declared.label, with_paths="paths" in declared.reads, choice=choice)
    begun = replace(_begun(declared, key, reading), view=remembered(view) if reading.target == "view" else ())
    record = runs.start(dataset, begun, overwrite=overwrite)
    writer = RunWriter(dataset, declared, record, reading.rows)
    try:
        return _execute(dataset, declared, reading, record, writer, _noted(dataset, key, progress))
    except BaseException as error:
        runs.give_up(dataset, record, error)
        raise


def _begun(method: Method, key: str, reading: Reading) -> Run:
    """The record of a run that begins."""
    return Run(
        key=key,
        method=method.name,
        method_version=method.version,
        params=reading.params.to_dict(),
        reads=reading.reads,
        skipped=reading.skipped,
        target=reading.target,
        patches_field=reading.rows.field,
        fingerprint=reading.fingerprint,
        working=reading.working,
        plugin_version=_plugin_version(),
    )


def _noted(dataset: fo.Dataset, key: str, progress: Progress) -> Progress:
    """The caller's progress, which also goes into the run's record, every second at most, and hears of a stop there."""
    last, pace = time.monotonic(), Pace()

    def both(done: int, total: int, doing: str = "") -> None:
        nonlocal last
        progress(done, total, doing)
        now = pace.at(done, total, doing)
        if time.monotonic() - last >= NOTE_SECONDS:
            last = time.monotonic()
            if runs.note_progress(dataset, key, now):
                raise Interrupted(runs.CANCELLED)

    return both


def _execute(
    dataset: fo.Dataset, method: Method, reading: Reading, record: Run, writer: RunWriter, progress: Progress
) -> Run:
    """Compute, stage, put in place."""
    began = time.perf_counter()
    kept = _kept(dataset, record, reading) if "reuse" in domains(method.params) else None
    with gathered() as notes:
        result = method.run(replace(reading.inputs, kept=kept), reading.params, progress)
        seconds = time.perf_counter() - began
        with writer.staging():
            writer.stage(result, progress, reading.params)
    facts = _facts(reading, result, writer, seconds) | ({"not_kept": notes} if notes else {})
    skipped = reading.skipped + reading.inputs.n - writer.n
    done = writer.commit(replace(record, skipped=skipped, facts=facts))
    if kept is not None:
        kept.complete()
    return done


def _facts(reading: Reading, result: Columns, writer: RunWriter, seconds: float) -> dict[str, Any]:
    """The method's own, and what every run records."""
    headline = said_of(reading.rows, result.facts.get("headline") or f"{writer.n:,} samples")
    facts: dict[str, Any] = {
        **result.facts,
        **writer.facts,
        "headline": "; ".join([headline, *reading.matched]),
        "seconds": round(seconds, 2),
        "peak_memory_mb": _peak_memory_mb(),
        "versions": _versions(),
    }
    if reading.working_set:
        facts["working_set"] = reading.working_set
    if reading.matched:
        facts["matched_classes"] = list(reading.matched)
    if reading.why_skipped:
        facts["skipped"] = dict(reading.why_skipped)
    return facts


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
    """Run a run again with the same parameters, on the whole dataset or the same view, replacing its results.

    Raises:
        ParamError: there is no such run, or it was made on a view that its record does not hold.
    """
    run = runs.get_run(dataset, key)
    if not run.is_repeatable:
        raise ParamError(
            f"The run {key!r} was made on a view, which its record does not keep; "
            f"open the view and run {run.label!r} there"
        )
    choice = Choice.of(run.working)
    return curate(
        built(dataset, run.view) if run.view else every(dataset),
        run.method,
        key=key,
        overwrite=True,
        include_excluded=choice.include_excluded,
        given_labels=choice.given_labels,
        progress=progress,
        **run.params,
    )


def _resolve(method: str | Params, params: Mapping[str, Any]) -> tuple[Method, Params]:
    if isinstance(method, Params):
        if params:
            raise ParamError(f"Give {type(method).__name__} or keywords, not both; got {', '.join(params)} too")
        return method_named(type(method)), method
    declared = method_named(method)
    if params.get("patches_field") and "patches_field" not in domains(declared.params):
        raise ParamError(f"{declared.label} {subject.instead_of_objects(declared.params)}; leave patches_field away")
    return declared, declared.params.from_dict(params)


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
