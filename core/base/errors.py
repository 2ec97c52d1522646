"""What can go wrong, as a family; each message is one sentence with the value, the bound and the way out.

CuratorError
  ParamError     a parameter's value is outside its domain, or one that the data cannot serve
    DataError    the data lack what the method needs, whatever the parameters are
    ModelError   a model cannot be had as it was asked for
    StaleError   what was read has changed since it was made
Interrupted      the user stopped the run; no error
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CuratorError(ValueError):
    """Anything that a user can mend, said in one sentence."""


class ParamError(CuratorError):
    """A value outside its domain, or one the data cannot serve."""


class DataError(ParamError):
    """Data that lack what the method needs."""


class StaleError(ParamError):
    """Something that was read has changed since it was made."""


class ModelError(ParamError):
    """A model that cannot be had as it was asked for.

    Shared code knows the parameter but not whose it is; `asked_by` adds that.

    Attributes:
        parameter: such as "weights".
        must: what it must be, beginning with "must".
        got: the value, as the sentence shows it; None where `must` says all.
        owner: class of the parameters, such as "EmbeddingsParams"; empty where nobody has said yet.
    """

    def __init__(self, parameter: str, must: str, got: Any = None, owner: str = "") -> None:
        self.parameter, self.must, self.got, self.owner = parameter, must, got, owner
        place = f"{owner}.{parameter}" if owner else parameter
        super().__init__(f"{place} {must}" + ("" if got is None else f"; got {got}"))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parameter, self.must, self.got, self.owner)


class Interrupted(Exception):  # noqa: N818 - an interruption is no error
    """The user stopped the run."""


@contextmanager
def asked_by(owner: str, **renamed: str) -> Iterator[None]:
    """Let what goes wrong with a model name the parameters that the user set.

    Args:
        owner: their class, such as "EmbeddingsParams".
        renamed: parameter in shared code → parameter of the owner, where they differ.
    """
    try:
        yield
    except ModelError as error:
        name = error.parameter if error.owner else renamed.get(error.parameter, error.parameter)
        raise ModelError(name, error.must, error.got, error.owner or owner) from None
