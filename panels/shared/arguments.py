"""What a panel's view sends, checked against the types that the panel's method declares."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from bson import ObjectId

from ...core.base.errors import ParamError


@dataclass(frozen=True)
class Checked:
    """What a text must be besides.

    Attributes:
        words: such as "an id".
    """

    words: str
    holds: Callable[[str], bool]


Id = Annotated[str, Checked("an id", ObjectId.is_valid)]  # of a sample or an object

NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object"}
SHOWN = 40  # characters of a wrong value


def taken(method: Callable[..., None]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A function that takes a method's arguments, those behind `self` and `ctx`, from what the view sent.

    It returns name → value, and leaves out what was not sent.

    Raises:
        ParamError: (the function) a value is of another type than declared, or one without a default is missing.
    """
    parameters = list(signature(method).parameters.values())[2:]
    hints: dict[str, Any] = {}

    def take(sent: Mapping[str, Any]) -> dict[str, Any]:
        if not hints:  # not while modules are still loading
            hints.update(get_type_hints(method, include_extras=True))
        for parameter in parameters:
            _check(method.__name__, parameter, hints[parameter.name], sent)
        return {one.name: sent[one.name] for one in parameters if one.name in sent}

    return take


def fits(value: Any, hint: Any) -> bool:
    """Whether a value that came as JSON is of a type: a plain one, a list, a dict, a literal, or any of several."""
    origin, of = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Annotated:
        return fits(value, of[0]) and all(one.holds(value) for one in of[1:])
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in of)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in of)
    if origin is list:
        return isinstance(value, list) and all(fits(one, of[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, of[0]) and fits(v, of[1]) for k, v in value.items())
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if hint in (None, type(None)) else isinstance(value, hint)


def _check(event: str, parameter: Parameter, hint: Any, sent: Mapping[str, Any]) -> None:
    name = parameter.name
    if name not in sent:
        if parameter.default is Parameter.empty:
            raise ParamError(f"{event!r} needs {name!r}, {_in_words(hint)}; reload the page if you used a button")
    elif not fits(sent[name], hint):
        got = repr(sent[name])
        got = got if len(got) <= SHOWN else f"{got[:SHOWN]}…"
        raise ParamError(f"{event!r} takes {name!r} as {_in_words(hint)}; got {got}")


def _in_words(hint: Any) -> str:
    origin, of = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return str(of[1].words)
    if origin in (Union, types.UnionType):
        return " or ".join(_in_words(one) for one in of)
    if origin is Literal:
        return " or ".join(repr(one) for one in of)
    if origin is list:
        return f"a list, each {_in_words(of[0])}"
    if hint in (None, type(None)):
        return "nothing"
    return NAMES.get(origin or hint, "any value")
