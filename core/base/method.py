"""A curation method, declared once: its parameters, its function, the inputs it reads and the columns it writes.

The operator's form, the SDK call, the sample fields, the run record, the panel's page and the README's row
are all derived from the `METHOD` at the foot of each capability's file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .arrays import Array, Progress
from .columns import Column, Columns, Vector
from .inputs import Inputs
from .params import Params

if TYPE_CHECKING:
    pass


STAGES = ("import", "understand", "clean", "select", "act", "runs")


@dataclass(frozen=True)
class Method:
    """One curation capability. See the module's docstring.

    Attributes:
        name: of the operator and in the SDK.
        version: grows when the meaning of the output changes; runs of an older version are stale, unless
            `holds_from` says that theirs has not changed.
        label: name that people read.
        key: default key of its runs.
        reads: what `run` gets beside its parameters, and cannot do without: roles that its parameters declare
            (`params.ROLES`), and "paths" of the image files.
        cite: paper or documentation that the method comes from.
        why_now: for methods that everyone should run, why, as the Curation panel tells a newcomer; they are
            urged in the catalog's order once what they need is there. The others are offered.
        holds_from: `holds_from(params)`: the version since which the output has meant the same with these parameters,
            as a run's record has them. The newest one when None.
        move: `move(kept, params, threshold)`: the columns for another threshold, without a new search.
    """

    name: str
    version: int
    label: str
    stage: Literal["import", "understand", "clean", "select"]
    key: str
    params: type[Params]
    run: Callable[[Inputs, Any, Progress], Columns]
    writes: tuple[Column, ...]
    reads: tuple[str, ...] = ()
    cite: str = ""
    why_now: str = ""
    holds_from: Callable[[Mapping[str, Any]], int] | None = None
    move: Callable[[Mapping[str, Array], Any, float], Columns] | None = None

    @property
    def help(self) -> str:
        """The first paragraph of the parameters' docstring."""
        return " ".join((self.params.__doc__ or "").split("\n\n")[0].split())

    def outdates(self, version: int, params: Mapping[str, Any]) -> bool:
        """Whether a run of that version with these parameters would come out differently now."""
        oldest = self.version if self.holds_from is None else self.holds_from(params)
        return not oldest <= version <= self.version

    @property
    def makes_vectors(self) -> bool:
        """Whether its runs are embeddings that other methods can read."""
        return any(column.type is Vector and not column.name for column in self.writes)

    def column(self, name: str) -> Column:
        """The declared column of that name."""
        return next(column for column in self.writes if column.name == name)
