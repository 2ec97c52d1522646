"""Calls that go on while the user goes on: followed, stopped, and told when they have ended."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators.registry import OperatorRegistry
from image_curation.core.base.params import ParamError
from image_curation.operators import jobs
from image_curation.operators.jobs import Job

PLUGIN = "@image-curation/curator"


def plugin_jobs() -> Any:
    """The module as the App has it, which is another one than that of the package."""
    operator = OperatorRegistry().get_operator(f"{PLUGIN}/activity")
    return importlib.import_module(f"{type(operator).__module__.rpartition('.')[0]}.jobs")


def test_job__tells_its_step_and_stops_when_it_is_asked() -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def call(progress: Any) -> dict[str, Any]:
        progress(1, 4, "reading images")
        at_work.set()
        go_on.wait(10)
        progress(2, 4, "reading images")
        raise AssertionError("it was asked to stop")

    job = jobs.start(Job("set", "Embed", f"{PLUGIN}/embed", {"k": 1}), call)
    assert at_work.wait(10)
    assert job in jobs.jobs("set")
    assert job not in jobs.jobs("another set")
    told = job.to_json()
    assert (told["state"], told["share"], told["doing"]) == ("running", 0.25, "reading images")
    assert jobs.stop(job.key)
    assert job.to_json()["stopping"]
    go_on.set()
    assert job.over.wait(10)
    assert (job.state, job.said) == ("cancelled", "Cancelled. Earlier results are as they were.")
    assert not jobs.stop(job.key)


def test_job__ends_with_the_headline_or_the_sentence() -> None:
    def refused(progress: Any) -> dict[str, Any]:
        raise ParamError("k must be at most 3; got 4")

    done = jobs.start(Job("set", "Embed", "embed", {}), lambda progress: {"headline": "3 samples"})
    failed = jobs.start(Job("set", "Embed", "embed", {}), refused)
    assert done.over.wait(10)
    assert failed.over.wait(10)
    assert (done.state, done.said) == ("done", "3 samples")
    assert (failed.state, failed.said) == ("failed", "k must be at most 3; got 4")


def test_activity__lists_the_calls_about_the_open_dataset(dataset: Any) -> None:
    ours = plugin_jobs()
    job = ours.start(ours.Job(str(dataset._doc.id), "Embed", "embed", {}), lambda progress: {"headline": "3 samples"})
    job.over.wait(10)
    told = foo.execute_operator(f"{PLUGIN}/activity", {"dataset": dataset}, params={}).result["jobs"]
    assert [one["said"] for one in told if one["key"] == job.key] == ["3 samples"]
    assert foo.execute_operator(f"{PLUGIN}/stop_activity", {"dataset": dataset}, params={"key": "no"}).result == {
        "stopped": False
    }
