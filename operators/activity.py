"""What is at work on the open dataset, asked by the bundle's component in the App's header; and what stops it.

That component is placed by the bundle: FiftyOne 1.22.1 draws a button for every placement of a Python operator, also
where it names a component.
"""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from ..dataset.runs import record as runs
from ..dataset.runs.pace import in_words
from . import jobs
from .payloads import Job

ASKED = ("activity", "stop_activity")  # names of these operators


class Activity(foo.Operator):  # type: ignore[misc]
    """Tell what is at work on the open dataset: calls of this App, and runs of other programs."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Unlisted: the bundle's component asks it."""
        return foo.OperatorConfig(
            name="activity", label="What is at work", unlisted=True, risk_level=types.RiskLevel.LOW, icon="pending"
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """The calls, and runs of other programs."""
        if ctx.dataset is None:
            return {"jobs": [job.to_json() for job in jobs.jobs(None)]}
        own = jobs.jobs(str(ctx.dataset._doc.id))
        found = [job.to_json() for job in own]
        if not any(job.state == "running" for job in own):  # or else its runs are those of the call
            found += [_of_run(run) for run in runs.list_runs(ctx.dataset) if run.status == "running"]
        return {"jobs": found}


class StopActivity(foo.Operator):  # type: ignore[misc]
    """Stop what is at work: it ends at its next step, and earlier results stay."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Unlisted: it stands beside what is at work."""
        return foo.OperatorConfig(
            name="stop_activity", label="Stop", unlisted=True, risk_level=types.RiskLevel.MEDIUM, icon="cancel"
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Stop a call of this App, or a run of any program by its key."""
        key = str(ctx.params.get("key") or "")
        stopped = jobs.stop(key) or (ctx.dataset is not None and runs.cancel(ctx.dataset, key))
        return {"stopped": stopped}


def _of_run(run: runs.Run) -> Job:
    """A run of another program, in the form of a call."""
    return {
        "key": run.key,
        "label": run.label,
        "state": "running",
        "said": "",
        "share": run.progress.get("share"),
        "doing": run.progress.get("doing") or "",
        "left": in_words(run.progress.get("left")),
        "stopping": False,
        "operator": None,
        "params": {},
    }
