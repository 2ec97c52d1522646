"""A form derived from parameters: each field's type, bounds, choices, default and help come from its domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
import fiftyone.operators.types as types

from ..core.base.inputs import Inputs
from ..core.base.method import Method
from ..core.base.params import REQUIRED, Domain, ParamError, Params, domains, roles
from ..dataset.decisions.new_classes import MOST, classes_of
from ..dataset.fields.rows import object_fields, rows_of
from ..dataset.fields.working_set import EXCLUDED
from ..dataset.inputs import roles as named
from ..dataset.inputs import sources as inputs
from ..dataset.inputs.evidence import measured
from ..dataset.runs import record as runs
from .payloads import LineButton

MORE = "more_settings"  # a tick that unfolds the advanced parameters
REFUSED = "refused"  # what a call was refused for, and with which parameters, when its form is opened again
NOT_PARAMS = (MORE, REFUSED, "panel_id", "panel_state")  # the App adds the latter two when a panel prompts an operator
WORKING_SET = {
    "include_excluded": "Read excluded samples too; otherwise they are left out",
    "given_labels": "Read the labels as they were given; otherwise corrected ones count as corrected",
}
LABELS = {"labels", "detections"}  # roles of what people may correct
TAKEN = "Another run has this key; its results will be replaced"


def add_params(form: types.Object, params: type[Params], dataset: fo.Dataset | None, given: Mapping[str, Any]) -> None:
    """Add one input per parameter; the advanced ones last, once they are asked for or one of them is set."""
    known = domains(params)
    advanced = {name: domain for name, domain in known.items() if domain.advanced}
    for name, domain in known.items():
        if not domain.advanced:
            _add(form, name, domain, dataset, given)
    is_set = any(given.get(name) not in (None, "", domain.default) for name, domain in advanced.items())
    if advanced and not is_set:
        form.bool(MORE, label=f"Advanced ({len(advanced)})", default=False, view=types.CheckboxView())
    if is_set or given.get(MORE):
        for name, domain in advanced.items():
            _add(form, name, domain, dataset, given)


def add_working_set(form: types.Object, method: Method, dataset: fo.Dataset, given: Mapping[str, Any]) -> None:
    """Add the ways out of the working set, where the dataset has something excluded or corrected."""
    read = set(roles(method.params).values())
    corrected = read & LABELS and any(
        "curates" in (kind.info or {}) for kind in dataset.get_field_schema(flat=True).values()
    )
    offered = {
        "include_excluded": not method.on_all_rows and EXCLUDED in dataset.distinct("tags"),
        "given_labels": corrected,
    }
    for name, described in WORKING_SET.items():
        if offered[name] or given.get(name):
            form.bool(name, label=title(name), description=described, default=False, view=types.CheckboxView())


def add_key(form: types.Object, method: Method, dataset: fo.Dataset, given: Mapping[str, Any]) -> None:
    """Add the run's key, and where it is taken the question whether to replace.

    What looks for the same issues again replaces its earlier run, whose decisions it takes over; anything else takes a
    free key, or that of a try that failed.
    """
    earlier = earlier_run(dataset, method, given)
    wanted = earlier.key if earlier is not None else runs.free_key(dataset, method.key)
    key = given.get("key") or wanted
    form.str("key", label="Key", description="Names this run and its fields", default=wanted)
    if key in dataset.list_runs():
        replaces = earlier is not None and key == earlier.key
        form.bool("overwrite", label="Replace", description=TAKEN, default=replaces, view=types.CheckboxView())


def earlier_run(dataset: fo.Dataset, method: Method, given: Mapping[str, Any]) -> runs.Run | None:
    """The run that this form would repeat: it failed, or it looked for the same issues in the same labels."""
    asks = [name for name, role in roles(method.params).items() if role != "embeddings"]
    for run in reversed(runs.list_runs(dataset)):
        if run.method != method.name or run.status == "running":
            continue
        same = all(given.get(name) in (None, "", run.params.get(name)) for name in asks)
        if run.status != "done" or (method.finding is not None and same):
            return run
    return None


def add_error(form: types.Object, params: type[Params], given: Mapping[str, Any], beside: Sequence[str] = ()) -> None:
    """Say what is wrong with what has been typed, while it can still be mended; nothing while something is missing.

    What a call was refused for stands there until something is changed.

    Args:
        beside: what the form asks that is no parameter.
    """
    refused = given.get(REFUSED)
    if refused and all(given.get(name) == value for name, value in refused["params"].items()):
        form.view("wrong", types.Error(label=refused["said"]))
        return
    needed = [name for name, domain in domains(params).items() if domain.default is REQUIRED]
    if any(given.get(name) in (None, "", []) for name in needed):
        return
    try:
        read_params(params, {name: value for name, value in given.items() if name not in beside})
    except ParamError as error:
        said = str(error).removeprefix(f"{params.__name__}.")
        form.view("wrong", types.Error(label=said))


def add_notice(
    form: types.Object, method: Method, target: Any, given: Mapping[str, Any], beside: Sequence[str]
) -> None:
    """Say what is about to come, where the method can tell; nothing while its parameters are incomplete or wrong."""
    if method.notice is None:
        return
    try:
        params = read_params(method.params, {name: value for name, value in given.items() if name not in beside})
        rows = rows_of(target.view(), None)
    except ParamError:
        return  # `add_error` says so
    said = method.notice(Inputs(n=len(rows.ids), ids=rows.ids, paths=rows.values("filepath")), params)
    if said:
        form.view("notice", types.Notice(label=said))


def read_params(params: type[Params], given: Mapping[str, Any]) -> Params:
    """The parameters that a form or an SDK call sent; what a form left empty is its default."""
    known = domains(params)
    values = {}
    for name, value in given.items():
        left_empty = name in known and (value is None or value == "")
        if not left_empty and name not in NOT_PARAMS:
            values[name] = value
    return params.from_dict(values)


def again(operator: str, params: Mapping[str, Any], said: str) -> LineButton:
    """The button that opens a form as it was sent, with what it was refused for."""
    back = {**params, REFUSED: {"said": said, "params": dict(params)}}
    return {"label": "Change and try again", "operator": operator, "params": back, "prompt": True}


def title(name: str) -> str:
    """A parameter's name as the form shows it: `label_field` → "Label field"."""
    return name.upper() if name == "npz" else name.replace("_", " ").capitalize()


def _add(form: types.Object, name: str, domain: Domain, dataset: fo.Dataset | None, given: Mapping[str, Any]) -> None:
    choices = _choices(domain, dataset)
    if domain.classes_of and dataset is not None:
        choices = _classes(dataset, given.get(domain.classes_of) or "ground_truth")
    default = None if domain.default is REQUIRED else domain.default
    if choices and domain.reads and not domain.many and (default not in choices or domain.reads == "embeddings"):
        wanted = default in choices or (domain.reads == "embeddings" and default is not None)
        default = choices[0] if wanted or not domain.optional else None  # the best embeddings
    common: dict[str, Any] = {
        "label": title(name),
        "description": domain.help,
        "required": domain.default is REQUIRED,  # FiftyOne fills in no defaults for calls from Python
    }
    if default is not None:
        common["default"] = list(default) if isinstance(default, tuple) else default
    if domain.many:
        common.setdefault("default", [])
        form.list(
            name,
            _element(domain),
            view=types.AutocompleteView(choices=_listed(choices), allow_user_input=True),
            **common,
        )
    elif domain.type is bool:
        form.bool(name, view=types.CheckboxView(), **common)
    elif domain.type in (int, float):
        add = form.int if domain.type is int else form.float
        low = domain.at_least if domain.at_least is not None else domain.above
        add(name, min=low, max=domain.at_most, **common)
    elif domain.among:
        form.enum(name, list(domain.among), view=_listed(domain.among, among=True), **common)
    elif choices:
        view = types.AutocompleteView(allow_user_input=not domain.reads, allow_clearing=domain.optional)
        explain = _told(dataset).get if domain.reads == "embeddings" else domain.explain
        for choice in choices:
            view.add_choice(choice, label=choice, description=explain(choice) if explain else None)
        form.str(name, view=view, **common)
    else:
        form.str(name, **common)


def _classes(dataset: fo.Dataset, field: str) -> list[str]:
    """The classes of a label field, of images or of objects, to choose from."""
    try:
        path = inputs.label_path(dataset, field, field if field in object_fields(dataset) else None)
    except ParamError:
        return []
    return classes_of(dataset, path)[:MOST]


def _told(dataset: fo.Dataset | None) -> dict[str, str]:
    """Embeddings → how well they tell the classes, of those that a run has measured."""
    found = measured(runs.list_runs(dataset)) if dataset is not None else []
    return {one.embeddings: f"{one.strength}: they {one.sentence} ({one.labels})" for one in reversed(found)}


def _element(domain: Domain) -> Any:
    return {str: types.String, int: types.Number, float: types.Number}[domain.type]()


def _choices(domain: Domain, dataset: fo.Dataset | None) -> list[str]:
    if dataset is None:
        return list(domain.suggest)
    if domain.reads == "embeddings":
        return inputs.vector_sources(dataset)
    if domain.reads in ("labels", "splits"):
        fields = inputs.label_fields(dataset)
        return [inputs.TAGS, *fields] if domain.reads == "splits" else fields
    if domain.reads == "run":
        return [run.key for run in reversed(runs.list_runs(dataset))]
    if domain.reads:
        return named.fields_for(dataset, domain.reads)
    return list(domain.suggest)


def _listed(choices: Any, among: bool = False) -> Any:
    view = types.RadioGroup() if among and len(choices) <= 4 else types.DropdownView()
    for choice in choices:
        view.add_choice(choice, label=choice.replace("_", " ") if among else choice)
    return view if among else view.choices
