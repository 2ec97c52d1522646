"""The states of a run, and every way from one to another: docs/architecture/life-of-a-run.md."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions import recipes
from image_curation.dataset.curate import curate
from image_curation.dataset.fields import leases
from image_curation.dataset.runs import claims
from image_curation.dataset.runs import record as runs
from image_curation.dataset.runs.freshness import stale_reason
from image_curation.dataset.runs.record import Run, get_run, list_runs
from image_curation.sdk import act

NEW = Run(key="some", method="find_outliers", params={"embeddings": "vectors"})


def _dies(dataset: Any, key: str = "some") -> None:
    """What the database holds after the process of a run was killed."""
    claims.leave(dataset, key)


def test_start__claimed_and_running(dataset: Any) -> None:
    runs.start(dataset, NEW)
    assert get_run(dataset, "some").status == "running"
    with pytest.raises(ParamError, match="'some' is still running"):
        runs.start(dataset, NEW)
    with pytest.raises(ParamError, match="still running"):
        curate(dataset, "find_outliers", key="some", embeddings="vectors", overwrite=True)
    half = {"share": 0.5, "doing": "half", "left": None}
    assert not runs.note_progress(dataset, "some", half)
    assert get_run(dataset, "some").progress == half
    assert runs.cancel(dataset, "some")
    assert runs.note_progress(dataset, "some", half), "somebody has asked it to stop"
    assert not runs.cancel(dataset, "another")
    claims.release(dataset, "some")


def test_running__fails_is_refused_or_dies(dataset: Any) -> None:
    runs.fail(dataset, runs.start(dataset, NEW), "no more memory")
    assert (get_run(dataset, "some").status, get_run(dataset, "some").error) == ("failed", "no more memory")
    runs.refuse(dataset, runs.start(dataset, NEW))
    assert list_runs(dataset) == []
    runs.start(dataset, NEW)
    _dies(dataset)
    assert get_run(dataset, "some").is_interrupted
    assert curate(dataset, "find_outliers", key="some", embeddings="vectors").status == "done"


def test_running_over_a_result__leaves_it_whatever_comes(dataset: Any) -> None:
    done = curate(dataset, "find_outliers", key="some", embeddings="vectors", k=3)
    for end in (
        lambda run: runs.fail(dataset, run, "no"),
        lambda run: runs.refuse(dataset, run),
        lambda _: _dies(dataset),
    ):
        started = runs.start(dataset, replace(NEW, params={"k": 9}))
        assert get_run(dataset, "some").status == "running"
        assert get_run(dataset, "some").previous == asdict(done)
        end(started)
        assert list_runs(dataset) == [done]
    with pytest.raises(ParamError, match="overwrite=True"):
        runs.start(dataset, NEW, overwrite=False)
    assert list_runs(dataset) == [done]


def test_done__its_field_is_gone(dataset: Any) -> None:
    steps = {"steps": [{"method": "find_outliers", "key": "some", "params": {"embeddings": "vectors", "k": 3}}]}
    (done,) = recipes.run_recipe(dataset, steps)
    dataset.delete_sample_field("some_is_outlier")
    assert stale_reason(dataset, done) == "its field 'some_is_outlier' is gone"
    (again,) = recipes.run_recipe(dataset, steps)
    assert dataset.get_field("some_is_outlier") is not None
    assert stale_reason(dataset, again) is None
    assert again.finished != done.finished


def test_forget__a_run_of_a_machine_that_is_gone(dataset: Any) -> None:
    """Its heartbeat has stopped; before that, forgetting it takes force."""
    runs.start(dataset, NEW)
    lease = claims.mine(dataset, "some")
    assert lease is not None
    lease.put(machine="a container of before", host="old", pid=1)
    with pytest.raises(ParamError, match="force=True"):
        act(dataset, "forget_run", key="some", confirm=True)
    with pytest.raises(ParamError, match="confirm=True"):
        act(dataset, "forget_run", key="some", force=True)
    act(dataset, "forget_run", key="some", confirm=True, force=True)
    assert list_runs(dataset) == []
    with pytest.raises(ParamError, match="taken by somebody else"):
        claims.promise(dataset, "some", {"kind": "write"})
    runs.start(dataset, NEW)
    lease = claims.mine(dataset, "some")
    assert lease is not None
    lease.put(machine="a container of before")
    leases._all().update_one({"_id": lease.name}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}])
    assert get_run(dataset, "some").is_interrupted
    act(dataset, "forget_run", key="some", confirm=True)
    assert list_runs(dataset) == []


def test_forget__is_ended_by_whoever_looks_next(dataset: Any) -> None:
    before = set(dataset.get_field_schema())
    run = curate(dataset, "find_outliers", key="some", embeddings="vectors")
    claims.claim(dataset, "some", asdict(run))
    fields = list(run.writes.values())
    claims.promise(dataset, "some", {"kind": "forget", "key": "some", "files": [], "fields": fields})
    dataset.delete_sample_field(fields[0])
    _dies(dataset)
    assert list_runs(dataset) == []
    dataset.reload()
    assert set(dataset.get_field_schema()) == before


def test_older_records__are_read(dataset: Any) -> None:
    """Before claims, a run that replaced another wrote its record over it, with the earlier one inside."""
    done = curate(dataset, "find_outliers", key="some", embeddings="vectors", k=3)
    process = {"host": "another", "pid": 1}
    runs._save(dataset, replace(done, status="running", params={"k": 9}, previous=asdict(done), process=process))
    assert get_run(dataset, "some") == done
    runs._save(dataset, replace(NEW, key="other", process=process))
    assert get_run(dataset, "other").is_interrupted
