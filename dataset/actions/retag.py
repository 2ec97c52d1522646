"""Zero-shot tags under another threshold or temperature, from the logits that their run kept: no model, no images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Progress
from ...core.base.inputs import GivenLabels
from ...core.base.params import ParamError, Params, param
from ...core.zero_shot.tag_zero_shot import METHOD, ZeroShotParams, retag
from ...core.zero_shot.tagging import Rules, parse_thresholds
from ..curate import said_of
from ..fields.rows import every
from ..inputs.read import read
from ..inputs.roles import kept_logits
from ..outputs.run_writer import RunWriter
from ..runs import record as runs
from .action import Action


@dataclass(frozen=True, kw_only=True)
class RetagParams(Params):
    """Change the threshold or temperature of zero-shot tags, at once and without the model.

    Empty parameters stay as they are. For other classes or templates run `tag_zero_shot` again.
    """

    key: str = param(help="Run of zero-shot tags", reads="run")
    threshold: float | None = param(None, "No tag below this confidence; 0 tags every image", at_least=0, at_most=1)
    thresholds: str | None = param(None, "Thresholds of certain classes, such as cat=0.4, dog=0.6")
    temperature: float | None = param(None, "Softmax temperature; higher makes the model less sure", above=0)
    calibrated: bool = param(False, "Use the temperature that fits the given labels best")
    top_k: int | None = param(None, "At most this many tags per image", at_least=1)

    def check(self) -> None:
        """One source of the temperature, and thresholds that can be read."""
        if self.calibrated and self.temperature is not None:
            raise ParamError(
                f"RetagParams takes temperature or calibrated, not both; got {self.temperature:g} and True"
            )
        parse_thresholds(self.thresholds, "RetagParams.thresholds")


@dataclass(frozen=True, kw_only=True)
class _Kept(Params):
    """What retagging reads beside the logits."""

    label_field: str | None = param(None, reads="labels")
    patches_field: str | None = param(None, reads="objects")


def retag_zero_shot(samples: fo.DatasetView, params: RetagParams, progress: Progress) -> dict[str, Any]:
    """Recompute the tags of all samples of the run, and say so in its record; it stays as fresh or stale as it was."""
    dataset = samples._root_dataset
    run = runs.get_run(dataset, params.key)
    if run.method != METHOD.name or run.status != "done":
        raise ParamError(
            f"RetagParams.key must be a run of {METHOD.name} that is done; {run.key!r} is {run.label!r}, {run.status}"
        )
    now = float(run.facts["temperature"])
    wanted = _settled(params, run)
    own = parse_thresholds(wanted.thresholds, "RetagParams.thresholds", run.facts["classes"])
    kept = _Kept(label_field=wanted.label_field, patches_field=run.patches_field)
    reading = read(every(dataset).view(), kept, "Retag")
    has = np.array([value is not None for value in reading.rows.values(run.writes["confidence"])], dtype=bool)
    rows, labels = reading.rows.only(has), reading.inputs.labels
    if labels is not None:
        labels = GivenLabels(labels.names, labels.codes[has])
    logits = kept_logits(run, rows.values)
    if logits is None:
        raise ParamError(f"Some {run.word}s have lost the logits of {run.key!r}; run tag_zero_shot again")
    record = runs.start(dataset, replace(run, params=wanted.to_dict()))
    writer = RunWriter(dataset, METHOD, record, rows)
    try:
        relative = bool(run.facts.get("relative"))
        rules = Rules(wanted.multi_label, wanted.threshold, own, wanted.top_k, relative)
        result = retag(run.facts["classes"], logits, now, wanted.temperature, rules, labels)
        fresh = {role: reading.fingerprint[role] for role in ("labels", "corrections") if role in reading.fingerprint}
        facts = {**run.facts, **result.facts, "headline": said_of(rows, result.facts["headline"])}
        with writer.staging():
            writer.stage(result, progress)
        done = writer.commit(replace(record, facts=facts, fingerprint={**run.fingerprint, **fresh}))
    except BaseException as error:
        runs.give_up(dataset, record, error)
        raise
    return {
        "headline": done.headline,
        "key": done.key,
        "tagged": done.facts["tagged"],
        "temperature": done.facts["temperature"],
    }


def _settled(params: RetagParams, run: runs.Run) -> ZeroShotParams:
    """The run's parameters with what changes, so that running it again gives the same tags."""
    changes = {
        name: value
        for name in ("threshold", "thresholds", "temperature", "top_k")
        if (value := getattr(params, name)) is not None
    }
    if params.calibrated:
        if "calibrated_temperature" not in run.facts:
            raise ParamError(
                f"RetagParams.calibrated needs given labels; the run {run.key!r} was made without a label_field "
                "that names its classes, or with multi_label"
            )
        changes["temperature"] = run.facts["calibrated_temperature"]
    if not changes:
        raise ParamError(
            "RetagParams must change at least one of threshold, thresholds, temperature and top_k; got none"
        )
    return ZeroShotParams.from_dict({**run.params, **changes})


def _standing(dataset: fo.Dataset, given: dict[str, Any]) -> str | None:
    """What the run has now, for the form."""
    if not given.get("key"):
        return None
    run = runs.get_run(dataset, given["key"])
    if "temperature" not in run.facts:
        return None
    said = [f"temperature {run.facts['temperature']:.4g}", f"threshold {run.params.get('threshold') or 'none'}"]
    if "calibrated_temperature" in run.facts:
        said.append(f"the given labels are likeliest at temperature {run.facts['calibrated_temperature']:.4g}")
    return f"Now: {', '.join(said)}. {run.headline}."


ACTION = Action(
    name="retag",
    label="Change tag threshold",
    stage="understand",
    params=RetagParams,
    run=retag_zero_shot,
    risk="medium",
    warning=_standing,
)
