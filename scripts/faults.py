"""Kills runs at random moments, lets several write at once, and counts what was lost. Nothing must be.

    .venv/bin/python scripts/faults.py --kills 40 --writers 20 --seed 0

It makes a database of its own and deletes it. A process that has loaded everything is forked for each round, so a round
costs about a second. Half of the kills are aimed at the moments in which results are written: the process ends itself
with SIGKILL at one of its commands to the database. The others come from outside, at any time. After each the dataset
is looked at as a user would: the earlier result or the new one stands there whole, every sample can be read, what runs
declared and counted is true, nothing temporary is left, and running again gives the same values.

Needs Linux or macOS. A short part runs in the tests (`tests/journeys/test_faults.py`).
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    HOME = Path(tempfile.mkdtemp(prefix="curator-faults-"))
    os.environ.update(
        FIFTYONE_DEFAULT_DATASET_DIR=str(HOME / "datasets"),
        FIFTYONE_MODEL_ZOO_DIR=str(HOME / "models"),
        FIFTYONE_CONFIG_PATH=str(HOME / "config.json"),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
    )
    from database import start_database

    start_database(HOME / "database")

from checkout import load_package

load_package()

import fiftyone as fo
import fiftyone.core.odm.database as connection
import mongoengine
import numpy as np
from image_curation.core.catalog import METHODS
from image_curation.dataset.fields import leases
from image_curation.dataset.fields.fiftyone_compat import database, undeclared
from image_curation.sdk import ParamError, act, curate, get_run, list_runs
from pymongo import monitoring

SAMPLES = 60
SLOWEST = 60.0  # seconds that one call may take
COMMANDS = 85  # to the database, that an overwrite sends, about
KEY = "run"

Call = Callable[[Any], Any]
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # method → parameters of the earlier and of the new result
    "find_outliers": ({"k": 5}, {"k": 9}),
    "find_neighbors": ({"k": 3}, {"k": 6}),
    "find_label_issues": ({"folds": 3}, {"folds": 4}),
    "find_duplicates": ({"threshold": 0.95}, {"threshold": 0.98}),
    "find_representatives": ({"k": 3}, {"k": 5}),
    "compute_map": ({"method": "pca"}, {"method": "pca", "metric": "euclidean"}),
}


def main() -> None:
    """Run what was asked for, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=40, help="rounds with a process that is killed")
    parser.add_argument("--writers", type=int, default=20, help="rounds with two or three processes at once")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    try:
        faults = kills(given.kills, rng) + writers(given.writers, rng)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    sys.exit(1 if faults else 0)


def kills(rounds: int, rng: random.Random) -> int:
    """Kill so many overwrites and forgettings. Returns the number of faults."""
    found: Counter[str] = Counter()
    for number in range(rounds):
        kind = rng.choice([*CALLS, "forget_run", "save_slice", "move_threshold"])
        moment = ("command", rng.randint(1, COMMANDS)) if number % 2 else ("time", rng.uniform(0, 0.6))
        dataset = fresh(number)
        try:
            found[_kill(dataset, kind, moment)] += 1
        except Exception as error:  # noqa: BLE001 - a fault is what is looked for
            traceback.print_exc()
            print(f"FAULT in round {number}: {kind} killed at {moment}: {error!r}", flush=True)
            found["fault"] += 1
        dataset.delete()
    if rounds:
        print(f"{rounds} kills: {dict(found)}", flush=True)
    return found["fault"]


def writers(rounds: int, rng: random.Random) -> int:
    """Let two or three processes work on one dataset so many times. Returns the number of faults."""
    found: Counter[str] = Counter()
    for number in range(rounds):
        methods = [rng.choice(list(CALLS)) for _ in range(rng.choice((2, 3)))]
        same = number % 2 == 0
        dataset = fresh(1000 + number)
        try:
            found[_write_at_once(dataset, methods, same)] += 1
        except Exception as error:  # noqa: BLE001 - as above
            traceback.print_exc()
            print(f"FAULT in round {number}: {methods}, {'one key' if same else 'keys of their own'}: {error!r}")
            found["fault"] += 1
        dataset.delete()
    if rounds:
        print(f"{rounds} rounds of writers: {dict(found)}", flush=True)
    return found["fault"]


def fresh(seed: int) -> Any:
    """A dataset with vectors and labels of three classes."""
    rng = np.random.default_rng(seed)
    codes = np.arange(SAMPLES) % 3
    vectors = (1.5 * rng.normal(size=(3, 16))[codes] + 0.4 * rng.normal(size=(SAMPLES, 16))).astype(np.float32)
    dataset = fo.Dataset(f"faults-{os.getpid()}-{seed}", persistent=True)
    dataset.add_samples(
        [
            fo.Sample(filepath=f"/nowhere/{row}.png", ground_truth=fo.Classification(label="abc"[code]))
            for row, code in enumerate(codes)
        ],
        progress=False,
    )
    dataset.add_sample_field("vectors", fo.VectorField)
    dataset.set_values("vectors", list(vectors))
    return dataset


def _kill(dataset: Any, kind: str, moment: tuple[str, float]) -> str:
    """One round: an earlier result, a call that is killed, and a look at what is there."""
    method = {"forget_run": "find_outliers", "save_slice": "find_outliers", "move_threshold": "find_duplicates"}.get(
        kind, kind
    )
    earlier, later = (_params(method, params) for params in CALLS[method])
    run = curate(dataset, method, key=KEY, **earlier)
    before = _values(dataset, run)
    act(dataset.limit(10), "save_slice", name="mine")
    calls: dict[str, Call] = {
        "forget_run": lambda of: act(of, "forget_run", key=KEY, confirm=True),
        "save_slice": lambda of: act(of.limit(20), "save_slice", name="mine", overwrite=True),
        "move_threshold": lambda of: act(of, "move_threshold", key=KEY, threshold=later.get("threshold", 0.98)),
    }
    calls.setdefault(kind, lambda of: curate(of, method, key=KEY, overwrite=True, **later))
    call: Call = calls[kind]
    ended = _run_and_kill(dataset, call, moment)
    found = {run.key: run for run in list_runs(dataset)}
    dataset.reload()
    _check_whole(dataset)
    if kind == "forget_run":
        if found:
            assert found[KEY] == run, found
            assert _values(dataset, run) == before
        else:
            assert not [path for path in run.writes.values() if dataset.get_field(path) is not None]
        return f"{ended}, {'old' if found else 'new'}"
    standing = found[KEY]
    assert standing.status == "done", standing.status
    members = dataset.load_saved_view("mine").count()
    if kind == "save_slice":
        assert members in (10, 20), members
        return f"{ended}, {'old' if members == 10 else 'new'}"
    old = standing.finished == run.finished
    values = _values(dataset, standing)
    if old:
        assert standing == run
        assert values == before
    call(dataset)
    again = get_run(dataset, KEY)
    if not old:
        assert values == _values(dataset, again), "run again gives something else"
    _check_whole(dataset)
    return f"{ended}, {'old' if old else 'new'}"


def _params(method: str, params: dict[str, Any]) -> dict[str, Any]:
    declared = next(one for one in METHODS if one.name == method)
    labelled = {"label_field": "ground_truth"} if method == "find_label_issues" else {}
    return {"embeddings": "vectors", **labelled, **params} if declared else params


def _write_at_once(dataset: Any, methods: list[str], same: bool) -> str:
    gate = time.time() + 0.2

    def call(method: str, key: str) -> Call:
        def go(of: Any) -> Any:
            list_runs(of)
            time.sleep(max(0.0, gate - time.time()))
            return curate(of, method, key=key, **_params(method, CALLS[method][0]))

        return go

    keys = [KEY if same else f"{KEY}_{number}" for number in range(len(methods))]
    children = [_forked(dataset, call(method, key)) for method, key in zip(methods, keys, strict=True)]
    codes = [_ended(child) for child in children]
    dataset.reload()
    runs = list_runs(dataset)
    assert sorted(codes) == ([0] + [2] * (len(methods) - 1) if same else [0] * len(methods)), codes
    assert {run.key for run in runs} == set(keys)
    assert all(run.status == "done" for run in runs)
    _check_whole(dataset)
    return f"{len(methods)} at once, {'one key: the others refused' if same else 'all done'}"


def _check_whole(dataset: Any) -> None:
    """All that runs declared and counted is there, every sample can be read, nothing temporary is left."""
    assert len(list(dataset)) == SAMPLES
    for run in list_runs(dataset):
        assert not undeclared(dataset, list(run.writes.values()))
        if run.status == "done":
            path = next(iter(run.writes.values()))
            assert dataset.exists(path).count() == run.n, (run.key, run.n)
    staged = [name for name in database().list_collection_names() if name.startswith("image_curation.staged")]
    assert not staged, staged
    assert not leases.look_for(dataset=dataset._doc.id)


def _values(dataset: Any, run: Any) -> dict[str, Any]:
    found = {path: dataset.values(path) for path in run.writes.values()}
    return {path: [getattr(one, "label", one) for one in values] for path, values in found.items()}


def _run_and_kill(dataset: Any, call: Call, moment: tuple[str, float]) -> str:
    kind, at = moment
    child = _forked(dataset, call, int(at) if kind == "command" else None)
    code = _ended(child, at if kind == "time" else SLOWEST)
    return "killed" if code == -signal.SIGKILL else "ended before"


def _forked(dataset: Any, call: Call, command: int | None = None) -> int:
    """Make a call in a process of its own, which ends with 0, 2 where it was refused, or 1.

    Args:
        command: number of the command to the database at which it kills itself.
    """
    name = dataset.name
    child = os.fork()
    if child:
        return child
    try:
        if command is not None:
            monitoring.register(_Killer(command))
        connection._client = connection._async_client = None
        mongoengine.disconnect_all()
        connection.establish_db_conn(fo.config)
        fo.Dataset._instances.clear()
        leases._held.clear()
        leases._renewing.clear()
        leases._began_of.cache_clear()
        call(fo.load_dataset(name))
        os._exit(0)
    except ParamError as error:
        print(f"refused: {error}", flush=True)
        os._exit(2)
    except BaseException:  # noqa: BLE001 - it must not come back into the parent's code
        traceback.print_exc()
        os._exit(1)


def _ended(child: int, killed_after: float = SLOWEST) -> int:
    """The child's exit status; minus the signal that ended it, which is sent after so many seconds."""
    end = time.monotonic() + killed_after
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert killed_after < SLOWEST, f"a call has not ended within {SLOWEST:.0f} seconds"
    return os.waitstatus_to_exitcode(status)


class _Killer(monitoring.CommandListener):  # type: ignore[misc]
    """Ends this process at a command."""

    def __init__(self, left: int) -> None:
        self._left = left

    def started(self, event: Any) -> None:
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def succeeded(self, event: Any) -> None:
        """Nothing."""

    def failed(self, event: Any) -> None:
        """Nothing."""


if __name__ == "__main__":
    main()
