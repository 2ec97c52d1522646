"""Acts on runs: forget one, or run it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from .. import curate
from ..runs import record as runs
from ..runs.forget import forget
from .action import Action


@dataclass(frozen=True, kw_only=True)
class ForgetRunParams(Params):
    """Delete a run with its fields and record. Samples, labels and image files stay."""

    key: str = param(help="Run to forget", reads="run")
    confirm: bool = param(False, "Yes, delete these fields")
    force: bool = param(False, "Also if it seems to be running; it then ends without a result")


def forget_run(samples: fo.DatasetView, params: ForgetRunParams, progress: Progress) -> dict[str, Any]:
    """Forget a run that was confirmed."""
    dataset = samples._root_dataset
    run = runs.get_run(dataset, params.key)
    if run.status == "running" and not params.force:
        raise ParamError(
            f"The run {run.key!r} ({run.label}) is still running; wait until it ends, or pass force=True to end it"
        )
    if not params.confirm:
        raise ParamError(f"{_loss(dataset, {'key': params.key})} Pass confirm=True to do it")
    counts = forget(dataset, params.key, params.force)
    return {
        "headline": f"{params.key!r} forgotten: {counts['fields']} fields on {counts['samples']:,} samples",
        **counts,
    }


def _loss(dataset: fo.Dataset, given: Mapping[str, Any]) -> str | None:
    """What forgetting would delete, counted."""
    if not given.get("key"):
        return None
    run = runs.get_run(dataset, given["key"])
    users = [
        other.key for other in runs.list_runs(dataset) if any(s.get("run") == run.key for s in other.reads.values())
    ]
    text = f"Forgetting {run.key!r} deletes {len(run.writes)} fields with values on {run.n:,} samples"
    if users:
        text += f"; {', '.join(users)} used it and will be marked stale"
    return text + "."


@dataclass(frozen=True, kw_only=True)
class RerunParams(Params):
    """Repeat a run with the same parameters and replace its results."""

    key: str = param(help="Run to repeat", reads="run")


def rerun(samples: fo.DatasetView, params: RerunParams, progress: Progress) -> dict[str, Any]:
    """Repeat a run on the whole dataset."""
    run = curate.rerun(samples._root_dataset, params.key, progress)
    return {"headline": run.headline, "key": run.key, "n": run.n, "skipped": run.skipped}


FORGET_ACTION = Action(
    name="forget_run",
    label="Forget run",
    stage="runs",
    params=ForgetRunParams,
    run=forget_run,
    risk="high",
    warning=_loss,
)
RERUN_ACTION = Action(name="rerun", label="Run again", stage="runs", params=RerunParams, run=rerun, risk="high")
