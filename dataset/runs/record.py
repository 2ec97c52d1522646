"""The record of each run: what was computed, and from what. Whether it still holds says `dataset/runs/freshness.py`.

A record is a plain FiftyOne run under its key, never a subclass, so that any process can read it. Values
for single samples are fields; records hold summaries only.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.odm as foo

from ...core.base.method import Method
from ...core.base.params import ParamError
from ...core.catalog import METHODS

NAMESPACE = "image_curation/"


@dataclass(frozen=True)
class Run:
    """One execution of a method on a dataset.

    Attributes:
        key: names the run, its fields and its place in the App.
        method: name of the method, such as "find_representatives".
        method_version: grows when the meaning of the method's output changes.
        status: "running", "done" or "failed"; `is_interrupted` tells a running one whose process died.
        params: all parameters, defaults included.
        reads: role → {"field": path, "run": key of the run that made it or None, "made": when}; of a saved slice also
            "slice": its name.
        writes: column → field path.
        n: samples with results.
        skipped: samples of the target without.
        target: "dataset" or "view".
        patches_field: the label field whose objects were worked on; None where samples were. Then the fields are
            attributes of its labels, and `n` and `skipped` count objects.
        fingerprint: role → digest of what was read, for staleness.
        facts: summaries, plain JSON values.
        error: why it failed, one sentence.
        started, finished: UTC, ISO 8601.
        process: {"host", "pid"} of a running one.
        progress: {"share", "doing"} of a running one, as it was at most some seconds ago.
        previous: the record that this run is about to replace, while it runs.
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
    def is_interrupted(self) -> bool:
        """Whether the process that ran it is gone, as far as this machine can tell."""
        if self.status != "running" or self.process.get("host") != socket.gethostname():
            return False
        try:
            os.kill(int(self.process["pid"]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def list_runs(dataset: fo.Dataset) -> list[Run]:
    """All runs of Curator on the dataset, oldest first."""
    runs = [_load(dataset, key) for key in dataset.list_runs()]
    return sorted((run for run in runs if run is not None), key=lambda run: run.started or "")


def get_run(dataset: fo.Dataset, key: str) -> Run:
    """The run of that key.

    Raises:
        ParamError: there is none; the message lists those there are.
    """
    run = _load(dataset, key) if key in dataset.list_runs() else None
    if run is None:
        known = ", ".join(run.key for run in list_runs(dataset)) or "none yet"
        raise ParamError(f"There is no run {key!r} on dataset {dataset.name!r}; its runs are: {known}")
    return run


def start(dataset: fo.Dataset, run: Run) -> Run:
    """Record that a run has begun. The record it replaces, if any, stays inside it until it ends."""
    old = _load(dataset, run.key) if run.key in dataset.list_runs() else None
    if old is not None and old.previous is not None:
        old = Run(**dict(old.previous))
    keep = asdict(old) if old is not None and old.status == "done" else None
    run = replace(
        run,
        status="running",
        started=_now(),
        process={"host": socket.gethostname(), "pid": os.getpid()},
        previous=keep,
        writes=old.writes if keep and old else {},
    )
    _save(dataset, run)
    return run


def note_progress(dataset: fo.Dataset, key: str, share: float, doing: str) -> None:
    """Record how far a running run is, for those who look at it from outside: one small write."""
    record = {"_dataset_id": dataset._doc.id, "key": key}
    foo.get_db_conn()["runs"].update_one(record, {"$set": {"config.progress": {"share": share, "doing": doing}}})


def finish(dataset: fo.Dataset, run: Run) -> Run:
    """Record that a run is complete and its fields are written."""
    run = replace(run, status="done", finished=_now(), previous=None, process={}, progress={}, error=None)
    _save(dataset, run)
    return run


def fail(dataset: fo.Dataset, run: Run, error: str) -> None:
    """Record why a run failed; an earlier result under the same key becomes current again, if it is still there."""
    earlier = Run(**dict(run.previous)) if run.previous is not None else None
    if earlier is not None and all(dataset.get_field(path) is not None for path in earlier.writes.values()):
        _save(dataset, earlier)
    else:
        failed = replace(run, status="failed", finished=_now(), process={}, progress={}, error=error, writes={})
        _save(dataset, failed)


def free_key(dataset: fo.Dataset, wanted: str) -> str:
    """`wanted`, or the first of `wanted_2`, `wanted_3`, … that names nothing yet."""
    key, number = wanted, 1
    while is_taken(dataset, key):
        number += 1
        key = f"{wanted}_{number}"
    return key


def is_taken(dataset: fo.Dataset, key: str) -> bool:
    """Whether the key already names a run, a brain run or a field."""
    return key in dataset.list_runs() or key in dataset.list_brain_runs() or dataset.get_field(key) is not None


def is_vector_field(schema_field: fof.Field | None) -> bool:
    """Whether a field can hold one vector per sample."""
    if isinstance(schema_field, fof.ListField):
        return isinstance(schema_field.field, fof.FloatField)
    return isinstance(schema_field, (fof.VectorField, fof.ArrayField))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _load(dataset: fo.Dataset, key: str) -> Run | None:
    config = dataset.get_run_info(key).config
    name = getattr(config, "method", None) or ""
    if not name.startswith(NAMESPACE):
        return None
    stored = {entry.name: _plain(getattr(config, entry.name)) for entry in fields(Run) if hasattr(config, entry.name)}
    return Run(**{**stored, "key": key, "method": name.removeprefix(NAMESPACE)})


def _plain(value: Any) -> Any:
    """Dicts and lists instead of the database driver's own kinds."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _save(dataset: fo.Dataset, run: Run) -> None:
    values = {name: value for name, value in asdict(run).items() if name not in ("key", "method")}
    config = dataset.init_run(method=NAMESPACE + run.method, **values)
    if run.key in dataset.list_runs():
        dataset.update_run_config(run.key, config)
    else:
        dataset.register_run(run.key, config)
