"""Results on their way into a dataset: an overwrite that fails or dies at any moment loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.curate import curate
from image_curation.dataset.fields import leases
from image_curation.dataset.fields.fiftyone_compat import database, run_records
from image_curation.dataset.runs.record import get_run, list_runs
from image_curation.dataset.storage import arrays as store

ROOT = Path(__file__).resolve().parents[3]


def _state(dataset: Any) -> dict[str, Any]:
    """All that a run left: records, fields, values, brain runs, files."""
    dataset.reload()
    schema = {path: (kind.description, kind.info) for path, kind in dataset.get_field_schema().items()}
    values = {path: dataset.values(path) for path in schema if path.startswith(("run", "e"))}
    files = sorted(path.name for path in store.folder(dataset).rglob("*") if not path.name.startswith("graph"))
    plain = {
        path: [one.tolist() if isinstance(one, np.ndarray) else one for one in found] for path, found in values.items()
    }
    return {
        "records": dict(run_records(dataset)),
        "schema": schema,
        "values": plain,
        "brain": dataset.list_brain_runs(),
        "files": files,
    }


def _nothing_is_left(dataset: Any) -> bool:
    staged = [name for name in database().list_collection_names() if name.startswith("image_curation.staged")]
    return not staged and not leases.look_for(dataset=dataset._doc.id)


def _failing_at(word: str) -> Any:
    def stop(done: int, total: int, doing: str = "") -> None:
        if word in doing:
            raise RuntimeError("the disk is full")

    return stop


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [
        ("find_outliers", {"k": 3}, {"k": 4}),
        ("compute_map", {"method": "pca"}, {"method": "pca", "seed": 3}),
        ("find_duplicates", {"threshold": 0.9}, {"threshold": 0.99}),
        ("compute_embeddings", {"store": "file"}, {"store": "field", "seed": 4}),
    ],
)
def test_failing_overwrite__leaves_all_as_it_was(
    dataset: Any, method: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    given = {} if method == "compute_embeddings" else {"embeddings": "vectors"}
    curate(dataset, method, key="run", **given, **first)
    before = _state(dataset)
    with pytest.raises(RuntimeError, match="the disk is full"):
        curate(dataset, method, key="run", overwrite=True, progress=_failing_at("writing"), **given, **second)
    after = _state(dataset)
    for state in (before, after):  # but for what is kept of work that is shared and begun
        left = ("parts", "begun", "000", "shared")
        state["files"] = [name for name in state["files"] if not name.startswith(left)]
    assert after == before
    assert _nothing_is_left(dataset)
    assert curate(dataset, method, key="run", overwrite=True, **given, **second).status == "done"


def test_failing_overwrite__of_objects(dataset: Any) -> None:
    boxes = [fo.Detections(detections=[fo.Detection(label="a", bounding_box=[0, 0, 0.5, 1])] * 2) for _ in range(12)]
    dataset.set_values("objects", boxes)
    curate(dataset, "compute_embeddings", key="vector", patches_field="objects")
    curate(dataset, "find_outliers", key="run", embeddings="vector", k=3)
    path = get_run(dataset, "run").writes["score"]
    before = dataset.values(path)
    with pytest.raises(RuntimeError):
        curate(
            dataset, "find_outliers", key="run", embeddings="vector", overwrite=True, progress=_failing_at("writing")
        )
    assert dataset.values(path) == before
    assert get_run(dataset, "run").params["k"] == 3


def test_overwrite__of_fewer_samples_empties_the_others(dataset: Any) -> None:
    curate(dataset, "find_outliers", key="run", embeddings="vectors", k=3)
    run = curate(dataset.limit(7), "find_outliers", key="run", embeddings="vectors", k=3, overwrite=True)
    assert run.n == 7
    assert [value is None for value in dataset.values("run_score")] == [False] * 7 + [True] * 5


def test_overwrite__by_another_method_takes_the_old_fields_away(dataset: Any) -> None:
    before = set(dataset.get_field_schema())
    curate(dataset, "find_outliers", key="run", embeddings="vectors", k=3)
    run = curate(dataset, "find_neighbors", key="run", embeddings="vectors", k=3, overwrite=True)
    assert set(dataset.get_field_schema()) - before == set(run.writes.values())
    assert not dataset._sample_collection.count_documents({"run_score": {"$exists": True}})


def test_deleted_meanwhile__is_not_counted(dataset: Any) -> None:
    def delete(done: int, total: int, doing: str = "") -> None:
        if "writing" in doing and len(dataset) == 12:
            dataset.delete_samples(dataset.limit(2))

    run = curate(dataset, "find_outliers", embeddings="vectors", k=3, progress=delete)
    assert (run.n, run.skipped) == (10, 2)


def test_refused__leaves_no_record_and_hides_no_good_one(dataset: Any) -> None:
    with pytest.raises(ParamError):
        curate(dataset, "find_representatives", key="run", embeddings="vectors", k=99)
    assert list_runs(dataset) == []
    good = curate(dataset, "find_representatives", key="run", embeddings="vectors", k=3)
    with pytest.raises(ParamError):
        curate(dataset, "find_representatives", key="run", embeddings="vectors", k=99, overwrite=True)
    assert list_runs(dataset) == [good]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "dies_in", "new"),
    [
        ("after", "RunWriter.stage", False),
        ("before", "claims.promise", False),
        ("after", "claims.promise", True),
        ("after", "columns.declare", True),
        ("before", "_let_the_app_find", True),
        ("before", "runs._save", True),
        ("before", "Staged.drop", True),
    ],
)
def test_killed_overwrite__is_all_old_or_all_new(dataset: Any, when: str, dies_in: str, new: bool) -> None:
    """The process is killed before or after each step of putting results in place."""
    dataset.persistent = True
    curate(dataset, "compute_map", key="run", embeddings="vectors", method="pca")
    before = _state(dataset)
    _killed(dataset, dies_in, when)
    found = get_run(dataset, "run")
    assert (found.status, found.params["seed"]) == ("done", 7 if new else 51)
    if not new:
        assert _state(dataset) == before
    dataset.reload()
    assert None not in dataset.values("run")
    assert dataset.load_brain_results("run").index_size == 12
    assert _nothing_is_left(dataset)


def _killed(dataset: Any, place: str, when: str) -> None:
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(ROOT / "scripts")!r})
        from checkout import load_package
        package = load_package()
        import fiftyone as fo
        dataset = fo.load_dataset({dataset.name!r})
        package.list_runs(dataset)
        import image_curation.dataset.outputs.run_writer as home
        *path, name = {place!r}.split(".")
        for part in path:
            home = getattr(home, part)
        plain = getattr(home, name)
        def dying(*args, **named):
            if {when!r} == "after":
                plain(*args, **named)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(home, name, dying)
        package.curate(dataset, "compute_map", key="run", embeddings="vectors", method="pca", seed=7, overwrite=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
