"""The record of each run: what was computed, and from what. Whether it still holds says `dataset/runs/freshness.py`.

A record is a plain FiftyOne run under its key, never a subclass, so that any process can read it. Values
for single samples are fields; records hold summaries only.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import psutil

from ...core.base.errors import Interrupted
from ...core.base.method import Method
from ...core.base.params import ParamError
from ...core.catalog import METHODS
from ..fields.fiftyone_compat import delete_run_record, has_brain_run, run_records, save_run_record
from ..fields.names import check_key
from ..fields.one_writer import one_writer
from . import claims

NAMESPACE = "image_curation/"
CANCELLED = "Cancelled"  # the error of a run that its user stopped


@dataclass(frozen=True)
class Run:
    """One execution of a method on a dataset.

    Attributes:
        key: names the run, its fields and its place in the App.
        method: name of the method, such as "find_representatives".
        method_version: grows when the meaning of the method's output changes.
        status: "running", "done", "failed"; or "interrupted", of one that began and whose process is gone.
        params: all parameters, defaults included.
        reads: role → {"field": path, "run": key of the run that made it or None, "made": when}; of a saved slice also
            "slice": its name.
        writes: column → field path.
        n: samples with results.
        skipped: samples of the target without.
        target: "dataset" or "view".
        patches_field: the label field whose objects were worked on; None where samples were. Then the fields are
            attributes of its labels, and `n` and `skipped` count objects.
        working: what of the working set was read: {"include_excluded", "given_labels"}, and how many rows were
            "excluded", labels "corrected"; empty in records of versions that knew no working set.
        view: the stages of the view that it was run on, each as JSON; empty for the whole dataset, for a view that is
            too long to keep, and in records of versions that kept none.
        fingerprint: role → digest of what was read, for staleness.
        facts: summaries, plain JSON values.
        error: why it failed, one sentence.
        started, finished: UTC, ISO 8601.
        process: {"host", "pid"} of a running one.
        progress: {"share", "doing", "left"} of a running one, as it was at most some seconds ago: the part of the step
            that is done, the step, and the seconds that it still takes, where they can be told.
        previous: the record of the result that this run is about to replace, while it runs.
    """

    key: str
    method: str
    method_version: int = 1
    status: str = "running"
    params: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, Any] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)
    n: int = 0
    skipped: int = 0
    target: str = "dataset"
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    started: str | None = None
    finished: str | None = None
    process: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    previous: Mapping[str, Any] | None = None
    plugin_version: str = ""
    patches_field: str | None = None
    working: Mapping[str, Any] = field(default_factory=dict)
    view: Sequence[str] = ()

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be run again on what it was run on."""
        return self.target == "dataset" or bool(self.view)

    @property
    def word(self) -> str:
        """What the run is about, one by one."""
        return "sample" if self.patches_field is None else "object"

    @property
    def declaration(self) -> Method | None:
        """The method's declaration; None for a method that this version of the plugin does not have."""
        return next((method for method in METHODS if method.name == self.method), None)

    @property
    def label(self) -> str:
        """The method's name as people read it."""
        return self.declaration.label if self.declaration else self.method

    @property
    def stage(self) -> str:
        """The stage of curation that the method belongs to."""
        return self.declaration.stage if self.declaration else "import"

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        return str(self.facts.get("headline", ""))

    @property
    def is_cancelled(self) -> bool:
        """Whether its user stopped it."""
        return self.status == "failed" and self.error == CANCELLED

    @property
    def is_interrupted(self) -> bool:
        """Whether the process that ran it is gone."""
        return self.status == "interrupted"


def list_runs(dataset: fo.Dataset) -> list[Run]:
    """All runs of Curator on the dataset, oldest first, as they stand in the database now."""
    living = claims.living(dataset)
    runs = [_standing(dataset, key, config, living.get(key)) for key, config in run_records(dataset)]
    return sorted((run for run in runs if run is not None), key=lambda run: run.started or "")


def get_run(dataset: fo.Dataset, key: str) -> Run:
    """The run of that key.

    Raises:
        ParamError: there is none; the message lists those there are.
    """
    known = list_runs(dataset)
    run = next((run for run in known if run.key == key), None)
    if run is None:
        said = ", ".join(run.key for run in known) or "none yet"
        raise ParamError(f"There is no run {key!r} on dataset {dataset.name!r}; its runs are: {said}")
    return run


def start(dataset: fo.Dataset, run: Run, *, overwrite: bool = True) -> Run:
    """Record that a run has begun. The record and the result that it replaces, if any, stay as they are until it ends.

    Args:
        overwrite: a result under this key may be replaced.

    Raises:
        ParamError: another run has the key, or it may not be used.
    """
    run = replace(run, status="running", started=_now(), process=_process(), previous=None)
    claims.claim(dataset, run.key, asdict(run))
    try:
        with one_writer(dataset):
            check_free(dataset, run.key, overwrite, claimed=True)
            old = _recorded(dataset, run.key)
            if old is not None and old.status == "done":
                run = replace(run, previous=asdict(old), writes=old.writes)
                claims.show(dataset, run.key, asdict(run))
            else:
                _save(dataset, run)
    except BaseException:
        claims.release(dataset, run.key)
        raise
    return run


def note_progress(dataset: fo.Dataset, key: str, progress: Mapping[str, Any]) -> bool:
    """Record how far a running run is, for those who look at it from outside. Returns whether it is to stop."""
    return claims.note_progress(dataset, key, progress)


def cancel(dataset: fo.Dataset, key: str) -> bool:
    """Ask a running run, of whatever process, to stop; it does when it next tells how far it is.

    It then leaves one line, and an earlier result under its key as it was.

    Returns:
        whether such a run is at work
    """
    return claims.ask_to_stop(dataset, key)


def finish(dataset: fo.Dataset, run: Run) -> Run:
    """Record that a run is complete and its fields are written."""
    run = done(run)
    with one_writer(dataset):
        _save(dataset, run)
    claims.release(dataset, run.key)
    return run


def done(run: Run) -> Run:
    """The record of a run that has just been completed."""
    return replace(run, status="done", finished=_now(), previous=None, process={}, progress={}, error=None)


def give_up(dataset: fo.Dataset, run: Run, error: BaseException) -> None:
    """A run ended with an error: refused for what it was given, it leaves nothing; else its record says why."""
    if isinstance(error, ParamError):
        refuse(dataset, run)
    else:
        fail(dataset, run, CANCELLED if isinstance(error, Interrupted) else str(error) or type(error).__name__)


def fail(dataset: fo.Dataset, run: Run, error: str) -> None:
    """Record why a run failed; an earlier result under the same key stands as before."""
    if run.previous is None and claims.mine(dataset, run.key) is not None:
        failed = replace(run, status="failed", finished=_now(), process={}, progress={}, error=error, writes={})
        with one_writer(dataset):
            _save(dataset, failed)
    claims.release(dataset, run.key)


def refuse(dataset: fo.Dataset, run: Run) -> None:
    """The run cannot be made from what it was given: nothing of it stays."""
    if run.previous is None and claims.mine(dataset, run.key) is not None:
        with one_writer(dataset):
            delete_run_record(dataset, run.key)
    claims.release(dataset, run.key)


def check_free(dataset: fo.Dataset, key: str, overwrite: bool, claimed: bool = False) -> None:
    """Refuse a key that a new run may not take.

    Args:
        overwrite: a result under this key may be replaced.
        claimed: this process has claimed the key.

    Raises:
        ParamError: says what has it, and a key that is free.
    """
    run = _recorded(dataset, key) if claimed else next((run for run in list_runs(dataset) if run.key == key), None)
    if run is None:
        check_key(dataset, key)
    if not claimed and claims.is_claimed(dataset, key):
        label = f" ({run.label})" if run is not None else ""
        raise ParamError(f"The run {key!r}{label} is still running; wait for it, or choose another key")
    if run is not None:
        if (run.status == "done" or run.previous is not None) and not overwrite:
            raise ParamError(
                f"The key {key!r} holds a run of {run.label!r} already; choose another key, "
                f"such as {free_key(dataset, key)!r}, or pass overwrite=True to replace it"
            )
    elif has_brain_run(dataset, key) or dataset.get_field(key) is not None:
        raise ParamError(
            f"The name {key!r} is taken by a field or brain run that is not Curator's; choose another key, "
            f"such as {free_key(dataset, key)!r}"
        )


def free_key(dataset: fo.Dataset, wanted: str) -> str:
    """`wanted`, or the first of `wanted_2`, `wanted_3`, … that names nothing yet."""
    key, number = wanted, 1
    while is_taken(dataset, key):
        number += 1
        key = f"{wanted}_{number}"
    return key


def is_taken(dataset: fo.Dataset, key: str) -> bool:
    """Whether the key already names a run, a brain run or a field."""
    if any(key == other for other, _ in run_records(dataset)) or claims.is_claimed(dataset, key):
        return True
    return has_brain_run(dataset, key) or dataset.get_field(key) is not None


def is_vector_field(schema_field: fof.Field | None) -> bool:
    """Whether a field can hold one vector per sample."""
    if isinstance(schema_field, fof.ListField):
        return isinstance(schema_field.field, fof.FloatField)
    return isinstance(schema_field, (fof.VectorField, fof.ArrayField))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": psutil.Process().pid}


def _standing(dataset: fo.Dataset, key: str, config: Mapping[str, Any], claim: Mapping[str, Any] | None) -> Run | None:
    """The run as it is now: its record, or what a living process says in its claim."""
    run = _from_config(key, config)
    if run is None:
        return None
    if claim is not None:
        working = _known(key, claim["run"])
        return replace(working, status="running", progress=_plain(claim.get("progress") or {}))
    return _of_an_older_version(dataset, run) if run.status == "running" else run


def _recorded(dataset: fo.Dataset, key: str) -> Run | None:
    """What a run's record says, whoever works on the key now."""
    stored = dict(run_records(dataset)).get(key)
    return _standing(dataset, key, stored, None) if stored is not None else None


def _of_an_older_version(dataset: fo.Dataset, run: Run) -> Run:
    """What a record that says "running", with no living claim, means.

    Versions before claims wrote it over the record of the earlier result, which then lies inside it.
    """
    if run.status != "running":
        return run
    earlier = _known(run.key, run.previous) if run.previous is not None else None
    if earlier is not None and all(dataset.get_field(path) is not None for path in earlier.writes.values()):
        return earlier
    return replace(run, status="interrupted")


def _from_config(key: str, config: Mapping[str, Any]) -> Run | None:
    name = str(config.get("method") or "")
    return _known(key, {**config, "method": name.removeprefix(NAMESPACE)}) if name.startswith(NAMESPACE) else None


def _known(key: str, stored: Mapping[str, Any]) -> Run:
    """A run from a stored one; what this version does not know of it is left out."""
    return Run(**{**{one.name: _plain(stored[one.name]) for one in fields(Run) if one.name in stored}, "key": key})


def _plain(value: Any) -> Any:
    """Dicts and lists instead of the database driver's own kinds."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _save(dataset: fo.Dataset, run: Run) -> None:
    values = {name: value for name, value in asdict(run).items() if name not in ("key", "method")}
    save_run_record(dataset, run.key, dataset.init_run(method=NAMESPACE + run.method, **values).serialize())
