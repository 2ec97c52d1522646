"""The operator of a method and of an action: read the form, make one call, say what came of it.

In the App a call streams its progress, ends with its summary, and an error is one sentence; delegated or from
Python the same call returns the summary and raises.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.message import GeneratedMessage, MessageType

from ..core.base.arrays import Progress
from ..core.base.method import Method
from ..core.base.params import ParamError
from ..dataset.actions.action import Action
from ..dataset.curate import curate
from ..dataset.runs.record import Run
from . import forms

RISKS = {"low": types.RiskLevel.LOW, "medium": types.RiskLevel.MEDIUM, "high": types.RiskLevel.HIGH}
ICONS = {"import": "add_photo_alternate", "understand": "hub", "clean": "cleaning_services", "select": "checklist"}

RUN = ("key", "overwrite", *forms.WORKING_SET)  # what a method's form asks beside its parameters
ALMOST = 0.99  # a bar is full only when the results are in the dataset

Summary = dict[str, Any]


class CuratorOperator(foo.Operator):
    """What the operators of methods and actions have in common: running, progress and outcome."""

    def execute(self, ctx: Any) -> Any:
        """Run at once with live progress in the App; plainly when delegated or called from Python."""
        if ctx.delegated or not _is_app(ctx):
            return self.call(ctx, _recorded(ctx))
        return _streamed(lambda progress: self.call(ctx, progress), ctx)

    def call(self, ctx: Any, progress: Progress) -> Summary:
        """The one call behind the operator."""
        raise TypeError(f"{type(self).__name__} makes no call")


def method_operator(method: Method) -> type[CuratorOperator]:
    """The operator class of a method."""

    class MethodOperator(CuratorOperator):
        @property
        def config(self) -> foo.OperatorConfig:
            return _config(method.name, method.label, method.help, ICONS[method.stage], "medium")

        def resolve_input(self, ctx: Any) -> types.Property:
            form = types.Object()
            if ctx.dataset is None:
                return _need_dataset(form, method.label)
            ctx.target_view()  # asks the App for its choice of dataset, view or selection
            forms.add_params(form, method.params, ctx.dataset, ctx.params)
            forms.add_working_set(form, method, ctx.dataset, ctx.params)
            forms.add_key(form, method, ctx.dataset, ctx.params)
            forms.add_error(form, method.params, ctx.params, RUN)
            return types.Property(form, view=types.View(label=method.label, description=method.help))

        def call(self, ctx: Any, progress: Progress) -> Summary:
            given = {name: value for name, value in ctx.params.items() if name not in RUN}
            run = curate(
                ctx.target_view(),
                forms.read_params(method.params, given),
                key=ctx.params.get("key") or None,
                overwrite=bool(ctx.params.get("overwrite", False)),
                **{name: bool(ctx.params.get(name, False)) for name in forms.WORKING_SET},
                progress=progress,
            )
            return _summary(run)

    return _named(MethodOperator, method.name, method.help)


def action_operator(action: Action) -> type[CuratorOperator]:
    """The operator class of an action."""

    class ActionOperator(CuratorOperator):
        @property
        def config(self) -> foo.OperatorConfig:
            return _config(action.name, action.label, action.help, ICONS.get(action.stage, "edit_note"), action.risk)

        def resolve_input(self, ctx: Any) -> types.Property:
            form = types.Object()
            if ctx.dataset is None and action.needs_dataset:
                return _need_dataset(form, action.label)
            if action.needs_dataset:
                ctx.target_view()
            forms.add_params(form, action.params, ctx.dataset, ctx.params)
            forms.add_error(form, action.params, ctx.params)
            if action.warning is not None:
                _add_warning(form, action, ctx)
            said = action.notice(ctx.dataset, ctx.params) if action.notice is not None else None
            if said:
                form.view("notice", types.Notice(label=said))
            return types.Property(form, view=types.View(label=action.label, description=action.help))

        def call(self, ctx: Any, progress: Progress) -> Summary:
            samples = ctx.target_view() if ctx.dataset is not None else None
            if isinstance(samples, fo.Dataset):
                samples = samples.view()
            return action.run(samples, forms.read_params(action.params, ctx.params), progress)

    return _named(ActionOperator, action.name, action.help)


def _config(name: str, label: str, description: str, icon: str, risk: str) -> foo.OperatorConfig:
    return foo.OperatorConfig(
        name=name,
        label=label,
        description=description,
        icon=icon,
        dynamic=True,
        execute_as_generator=True,
        allow_immediate_execution=True,
        allow_delegated_execution=True,
        disable_schema_validation=True,  # Params checks, and says it in our words
        risk_level=RISKS[risk],
    )


def _named(cls: type[CuratorOperator], name: str, doc: str) -> type[CuratorOperator]:
    cls.__name__ = cls.__qualname__ = "".join(part.capitalize() for part in name.split("_"))
    cls.__doc__ = doc
    return cls


def _need_dataset(form: types.Object, label: str) -> types.Property:
    form.view(
        "nothing_open", types.Warning(label="Open a dataset first", description=f"{label} works on the open dataset")
    )
    return types.Property(form, view=types.View(label=label))


def _add_warning(form: types.Object, action: Action, ctx: Any) -> None:
    assert action.warning is not None
    try:
        text = action.warning(ctx.dataset, ctx.params)
    except ParamError as error:
        text = str(error)
    if text:
        form.view("warning", types.Warning(label=text))


def _summary(run: Run) -> Summary:
    return {
        "headline": run.headline,
        "key": run.key,
        "samples": run.n,
        "skipped": run.skipped,
        "working_set": run.facts.get("working_set"),
        "fields": list(run.writes.values()),
        "seconds": run.facts.get("seconds"),
    }


def _is_app(ctx: Any) -> bool:
    """Whether the App asked: its requests carry the sidebar's filters, those of `execute_operator` do not."""
    return "filters" in ctx.request_params


def _recorded(ctx: Any) -> Progress:
    """Progress into the delegated operation's record; nowhere when called from Python."""

    def progress(done: int, total: int, doing: str = "") -> None:
        if ctx.delegated:
            ctx.set_progress(progress=done / total if total else 1.0, label=doing)

    return progress


class _Outcome(GeneratedMessage):
    """The last line of a stream: the summary, or one sentence saying why there is none."""

    def __init__(self, summary: Summary | None, error: str | None) -> None:
        super().__init__(MessageType.SUCCESS, foo.executor.ExecutionResult)
        self._summary, self._error = summary, error

    def to_json(self) -> dict[str, Any]:
        line: dict[str, Any] = {"type": "SUCCESS", "cls": "ExecutionResult", "body": self._summary}
        if self._error is not None:
            line["error"] = self._error
        return line


def _streamed(call: Callable[[Progress], Summary], ctx: Any) -> Iterator[GeneratedMessage]:
    """Run the call in a thread; yield its progress as it comes, then its outcome."""
    events: queue.Queue[tuple[float, str] | None] = queue.Queue()
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["summary"] = call(lambda done, total, doing="": events.put((done / total if total else 1.0, doing)))
        except ParamError as error:
            outcome["error"] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong must reach the user, in one sentence
            foo.executor.logger.exception("Curator: %s failed", call)
            outcome["error"] = f"{type(error).__name__}: {error}"
        finally:
            events.put(None)

    worker = threading.Thread(target=work, name="curator", daemon=True)
    worker.start()
    last, step = -1.0, ""
    while (event := events.get()) is not None:
        share, doing = event
        share = min(share, ALMOST)  # what is left is to be written
        if doing != step or abs(share - last) >= 0.01:  # a hundred lines a step are enough for a bar
            last, step = share, doing
            yield ctx.ops.set_progress(progress=share, label=doing)
    worker.join()
    if "error" not in outcome:
        headline = outcome["summary"]["headline"]
        if last >= 0:
            yield ctx.ops.set_progress(progress=1.0, label=headline)  # the bar's dialog stays open until it is read
        yield ctx.ops.notify(headline, variant="success")
        yield ctx.ops.reload_dataset()
    else:
        if last >= 0:
            yield ctx.ops.set_progress(progress=last, label=outcome["error"])  # in place of the last step, in full
        yield ctx.ops.notify(outcome["error"], variant="error")  # the App folds the error itself away
    yield _Outcome(outcome.get("summary"), outcome.get("error"))
