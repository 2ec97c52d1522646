"""A parameter's domain, said once: it checks values, describes itself and gives the App its form."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .errors import ParamError as ParamError

P = TypeVar("P", bound="Params")

REQUIRED: Any = dataclasses.MISSING

ROLES = {
    "embeddings": "a run of embeddings, or a vector field",
    "labels": "a label field (one class per sample)",
    "splits": "a field that names each sample's split, or tags",
    "guide": "a label field (one class per sample)",
    "label_sets": "a field of Classifications (any number of classes per sample)",
    "detections": "a field of Detections",
    "detected": "a field of Detections with confidences",
    "annotations": "a field of labels of any kind",
    "objects": "a field of Detections or Polylines",
    "predictions": "a run that predicted classes, or a field of predictions",
    "said": "a run that predicted classes",
    "values": "a field with one value per sample: number, text, true or false, list",
    "numbers": "a field of numbers or of Regressions",
    "members": "a true-or-false field, a tag or a saved slice",
    "judged": "a run that says how probably each label is right",
    "run": "a run",
}


@dataclass(frozen=True)
class Domain:
    """What a parameter may be. Built by `param`; completed with the annotation's type by `domains`."""

    help: str
    default: Any = REQUIRED
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    among: tuple[str, ...] = ()
    suggest: tuple[str, ...] = ()
    reads: str | None = None
    path: str | None = None
    identifier: bool = False
    advanced: bool = False
    mapping: str = ""
    words: tuple[str, ...] = ()
    whole: bool = False
    explain: Callable[[str], str] | None = None
    classes_of: str = ""
    type: Any = object
    optional: bool = False
    many: bool = False

    def describe(self) -> str:
        """The domain in words, as error messages and the reference pages say it."""
        nouns = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}
        if self.mapping:
            number = nouns[int if self.whole else float] + self._interval()
            return f"entries such as {self.mapping}, each {' or '.join((number, *self.words))}"
        if self.many:
            words = "a list of " + (f"any of {', '.join(self.among)}" if self.among else "texts")
        elif self.among:
            words = "one of " + ", ".join(self.among)
        else:
            words = nouns.get(self.type, self.type.__name__) + self._interval()
        return words + (", or empty" if self.optional else "")

    def check(self, value: Any) -> Any:
        """Return `value` in its plain Python form.

        Raises:
            ValueError: it lies outside the domain. The caller names the parameter.
        """
        if value is None:
            if self.optional:
                return None
            raise ValueError
        if self.mapping:
            return self._checked_entries(value)
        if self.many:
            if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
                raise ValueError
            return tuple(self._check_one(item) for item in value)
        return self._check_one(value)

    def bad_value(self) -> Any:
        """A value that this domain refuses, for the test that tries every parameter of every method."""
        if self.mapping:
            bad: Any = "no number"
        elif self.at_least is not None:
            bad = self.at_least - 1
        elif self.above is not None:
            bad = self.above
        elif self.at_most is not None:
            bad = self.at_most + 1
        elif self.among:
            bad = "no such choice"
        else:
            bad = {bool: "perhaps", int: 1.5, float: math.nan, str: 7}.get(self.type, object())
        if self.type is int and self.at_least is not None:
            bad = int(bad)
        return (bad,) if self.many else bad

    def entries(self, value: tuple[str, ...]) -> dict[str, Any]:
        """Name → number or word, of entries such as cat=2.

        Raises:
            ValueError: one is none of these, or a name comes twice.
        """
        found: dict[str, Any] = {}
        for entry in value:
            name, _, text = (part.strip() for part in entry.rpartition("="))
            if not name or name in found:
                raise ValueError
            found[name] = text if text in self.words else self._number(text)
        return found

    def _checked_entries(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, Mapping):
            value = [f"{name}={number}" for name, number in value.items()]
        if isinstance(value, (str, bytes)) or not all(isinstance(entry, str) for entry in value):
            raise ValueError
        self.entries(tuple(value))
        return tuple(value)

    def _number(self, text: str) -> float:
        numbers = dataclasses.replace(self, type=int if self.whole else float, mapping="", many=False)
        return float(numbers._check_one(int(text) if self.whole else float(text)))

    def _check_one(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if self.type is int and isinstance(value, float) and value.is_integer():
            value = int(value)  # the App's number fields send 20.0 for 20
        if not isinstance(value, self.type) or (isinstance(value, bool) and self.type is not bool):
            raise ValueError
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        if self.among and value not in self.among:
            raise ValueError
        if self.identifier and not value.isidentifier():
            raise ValueError
        if self.at_least is not None and value < self.at_least:
            raise ValueError
        if self.above is not None and value <= self.above:
            raise ValueError
        if self.at_most is not None and value > self.at_most:
            raise ValueError
        return value

    def _interval(self) -> str:
        if self.identifier:
            return " of letters, digits and _, not starting with a digit"
        if self.at_least is not None:
            return (
                f" of at least {self.at_least:g}"
                if self.at_most is None
                else f" from {self.at_least:g} to {self._most()}"
            )
        if self.above is not None:
            return f" above {self.above:g}" + ("" if self.at_most is None else f" and at most {self._most()}")
        return "" if self.at_most is None else f" of at most {self._most()}"

    def _most(self) -> str:
        return f"{self.at_most:,.0f}" if self.at_most is not None and self.at_most >= 1e6 else f"{self.at_most:g}"


def param(
    default: Any = REQUIRED,
    help: str = "",
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    among: tuple[str, ...] = (),
    suggest: tuple[str, ...] = (),
    reads: str | None = None,
    path: str | None = None,
    identifier: bool = False,
    advanced: bool = False,
    mapping: str = "",
    words: tuple[str, ...] = (),
    whole: bool = False,
    explain: Callable[[str], str] | None = None,
    classes_of: str = "",
) -> Any:
    """Declare one parameter: its default, what it means and which values it takes.

    Args:
        default: used when the caller says nothing; without one the parameter is required.
        help: what it means, in a short sentence without a full stop. The form and the README show it.
        at_least: smallest value, included.
        above: smallest value, excluded.
        at_most: largest value, included.
        among: the only values allowed.
        suggest: values that the form offers, others being allowed too.
        reads: the parameter names something on the dataset, and the method gets it as an input of
            this role, one of `ROLES`. With `"embeddings"`, `"predictions"` or `"members"` a list
            of names means several.
        path: the text is a path on the machine that runs the method: `"file"` or `"folder"`.
        identifier: the text must be a Python identifier, as keys and field names are.
        advanced: the form shows it after the others.
        explain: a line about a value that the form offers.
        classes_of: the parameter that names a label field, whose classes the form offers.
        mapping: the parameter gives names their numbers, within the bounds above, and this is an example of an entry,
            such as "cat=2". A mapping is taken too. `Params.mapping` reads it.
        words: what an entry may say in place of a number, such as "all".
        whole: the numbers are whole ones.
    """
    given = (at_least, above, at_most, among, suggest, reads, path, identifier, advanced, mapping, words, whole)
    domain = Domain(help, default, *given, explain=explain, classes_of=classes_of)
    return dataclasses.field(default=default, metadata={"domain": domain})


@dataclass(frozen=True, kw_only=True)
class Params:
    """Base of every method's parameters: frozen, and valid if it exists."""

    def __post_init__(self) -> None:
        for name, domain in domains(type(self)).items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, domain.check(value))
            except (ValueError, TypeError):
                raise ParamError(
                    f"{type(self).__name__}.{name} must be {domain.describe()}; got {_shown(value)}"
                ) from None
        self.check()

    def check(self) -> None:
        """Conditions between parameters. Overridden where a class has any; raises ParamError."""

    def mapping(self, name: str) -> dict[str, Any]:
        """Name → float or word, of a parameter that is a mapping."""
        return domains(type(self))[name].entries(getattr(self, name))

    def to_dict(self) -> dict[str, Any]:
        """All parameters, defaults included, as plain JSON values."""
        values = {name: getattr(self, name) for name in domains(type(self))}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls: type[P], given: Mapping[str, Any]) -> P:
        """Build from a mapping, as forms, recipes and run records hold them.

        Raises:
            ParamError: a name is unknown, a required one is missing, or a value is outside its domain.
        """
        known = domains(cls)
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
                raise ParamError(f"{cls.__name__} has no parameter {name!r}; {hint}")
        for name, domain in known.items():
            if domain.default is REQUIRED and name not in given:
                raise ParamError(f"{cls.__name__}.{name} is required: {domain.help}")
        return cls(**given)


def domains(cls: type[Params]) -> dict[str, Domain]:
    """The domain of each parameter of `cls`, in the order of their declaration."""
    if cls not in _DOMAINS:
        hints = typing.get_type_hints(cls)
        _DOMAINS[cls] = {
            field.name: _typed(field.metadata["domain"], hints[field.name]) for field in dataclasses.fields(cls)
        }
    return _DOMAINS[cls]


_DOMAINS: dict[type[Params], dict[str, Domain]] = {}


def roles(cls: type[Params]) -> dict[str, str]:
    """Parameter → role of what it names on the dataset, such as `{"label_field": "labels"}`."""
    return {name: domain.reads for name, domain in domains(cls).items() if domain.reads}


def _typed(domain: Domain, hint: Any) -> Domain:
    optional = many = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        optional = True
        (hint,) = (arm for arm in typing.get_args(hint) if arm is not type(None))
    if typing.get_origin(hint) is tuple:
        many = True
        hint = typing.get_args(hint)[0]
    return dataclasses.replace(domain, type=hint, optional=optional, many=many)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
