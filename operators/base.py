"""The operator of a method and of an action: read the form, make one call, say what came of it.

In the App a call goes on in the background, where it can be followed and stopped, and what comes of it is one line;
delegated or from Python the same call returns the summary and raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.message import GeneratedMessage, MessageType

from ..core.base.arrays import Progress
from ..core.base.method import Method
from ..core.base.params import ParamError
from ..dataset.actions.action import Action
from ..dataset.curate import curate
from ..dataset.runs.pace import Pace, in_words
from ..dataset.runs.record import Run
from . import announce, forms, jobs

RISKS = {"low": types.RiskLevel.LOW, "medium": types.RiskLevel.MEDIUM, "high": types.RiskLevel.HIGH}
ICONS = {
    "import": "add_photo_alternate",
    "understand": "hub",
    "clean": "cleaning_services",
    "select": "checklist",
    "act": "edit_note",
    "runs": "history",
}
GROUPS = {"import": "Bring in", "act": "Decide and export", "runs": "Runs"}  # others are named as their stage is
ON_A_PAGE = {"rerun", "move_threshold", "forget_run", "retag", "sweep_representatives"}  # not in the operator browser

RUN = ("key", "overwrite", *forms.WORKING_SET, forms.REFUSED)  # what a method's form asks beside its parameters
SHORT = 2.0  # seconds for which the App waits for a call

Summary = dict[str, Any]


class CuratorOperator(foo.Operator):
    """What the operators of methods and actions have in common: running, progress and outcome."""

    title: ClassVar[str]

    def execute(self, ctx: Any) -> Any:
        """Run beside the App when it asks; plainly when delegated or called from Python."""
        if ctx.delegated or not _is_app(ctx):
            return self.call(ctx, _recorded(ctx))
        return _in_background(lambda progress: self.call(ctx, progress), self, ctx)

    def call(self, ctx: Any, progress: Progress) -> Summary:
        """The one call behind the operator."""
        raise TypeError(f"{type(self).__name__} makes no call")


def method_operator(method: Method) -> type[CuratorOperator]:
    """The operator class of a method."""

    class MethodOperator(CuratorOperator):
        title = method.label

        @property
        def config(self) -> foo.OperatorConfig:
            return _config(method.name, method.label, method.help, method.stage, "medium")

        def resolve_input(self, ctx: Any) -> types.Property:
            form = types.Object()
            if ctx.dataset is None:
                return _need_dataset(form, method.label)
            target = ctx.target_view()  # asks the App for its choice of dataset, view or selection
            forms.add_params(form, method.params, ctx.dataset, ctx.params)
            forms.add_working_set(form, method, ctx.dataset, ctx.params)
            forms.add_key(form, method, ctx.dataset, ctx.params)
            forms.add_error(form, method.params, ctx.params, RUN)
            forms.add_notice(form, method, target, ctx.params, RUN)
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
        title = action.label

        @property
        def config(self) -> foo.OperatorConfig:
            return _config(action.name, action.label, action.help, action.stage, action.risk)

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


def _config(name: str, label: str, description: str, stage: str, risk: str) -> foo.OperatorConfig:
    """How FiftyOne lists the operator: under the name of its stage, so that a list of dozens can be scanned."""
    return foo.OperatorConfig(
        name=name,
        label=f"{GROUPS.get(stage, stage.capitalize())}: {label[:1].lower()}{label[1:]}",
        description=description,
        icon=ICONS[stage],
        unlisted=name in ON_A_PAGE,
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
    pace = Pace()

    def progress(done: int, total: int, doing: str = "") -> None:
        if ctx.delegated:
            now = pace.at(done, total, doing)
            ctx.set_progress(progress=now["share"], label=", ".join(filter(None, (doing, in_words(now["left"])))))

    return progress


class _Outcome(GeneratedMessage):
    """The last line of a stream: what there is to say about the call."""

    def __init__(self, summary: Summary) -> None:
        super().__init__(MessageType.SUCCESS, foo.executor.ExecutionResult)
        self._summary = summary

    def to_json(self) -> dict[str, Any]:
        return {"type": "SUCCESS", "cls": "ExecutionResult", "body": self._summary}


def _in_background(call: Callable[[Progress], Summary], operator: CuratorOperator, ctx: Any) -> Iterator[Any]:
    """Begin the call and give the App back; a short one is waited for, so that it ends as it began, with one line.

    FiftyOne draws an operator's progress in a dialog over the App, without a button to stop it, and what it streams
    is lost with the page. So the App's header follows the call instead (`activity.py`).
    """
    params = {name: value for name, value in ctx.params.items() if name not in forms.NOT_PARAMS}
    about = str(ctx.dataset._doc.id) if ctx.dataset is not None else None
    job = jobs.start(jobs.Job(about, operator.title, operator.uri, params), call)
    job.over.wait(SHORT)
    state, said = job.state, job.said
    if state == "running":
        yield ctx.trigger(*announce.line("", "info", job=job.key))
        yield _Outcome({"headline": f"{job.label} is running", "job": job.key})
    elif state == "done":
        yield ctx.trigger(*announce.line(said, ended=job.key))
        yield ctx.ops.reload_dataset()
        yield _Outcome(job.summary or {})
    else:
        yield ctx.trigger(*announce.line(said, "error", forms.again(job.operator, params, said), ended=job.key))
        yield _Outcome({"headline": said, "refused": said})
