"""A curation method, declared once: its parameters, its function, the inputs it reads and the columns it writes.

The operator's form, the SDK call, the sample fields, the run record, the panel's page and the README's row
are all derived from the `METHOD` at the foot of each capability's file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .arrays import Array, Progress
from .columns import Column, Columns, Vector
from .inputs import Inputs
from .params import Params

STAGES = ("import", "understand", "clean", "select", "act", "runs")
Severity = Literal["serious", "moderate", "minor"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Finding:
    """How what a method finds wrong reads: in a check of the whole dataset, and in the review of its runs.

    The rows are those that the method's marking column points at (`Column.role`).

    Attributes:
        title: what is found, in the plural.
        severity: one of `SEVERITIES`.
        sentence: what it means.
        reason: why such a row is excluded, where one reason is usual.
        of_classes: it is about whole classes, not about single rows: each value of the marking column is one.
        one: the title of a single one; the title itself where it is empty.
        name: what the command line calls it; the method's key where it is empty.
    """

    title: str
    severity: Severity
    sentence: str
    reason: str | None = None
    of_classes: bool = False
    one: str = ""

    def counted(self, n: int) -> str:
        """So many of them, in words: "1 bad file", "46 labels that look wrong"."""
        said = self.one if n == 1 and self.one else self.title
        return f"{n:,} {said[:1].lower()}{said[1:]}"

    name: str = ""


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
        on_all_rows: what it says of a row depends on that row only, so it runs on excluded rows too, and excluding
            samples makes none of its runs stale.
        as_given: it reads labels as they were given, so correcting them makes none of its runs stale.
        why_now: for methods that everyone should run, why, as the Curation panel tells a newcomer; they are
            urged in the catalog's order once what they need is there. The others are offered.
        holds_from: `holds_from(params)`: the version since which the output has meant the same with these parameters,
            as a run's record has them. The newest one when None.
        finding: how what it finds wrong reads. A check of the whole dataset runs every method that has one.
        move: `move(kept, params, threshold)`: the columns for another threshold, without a new search.
        notice: `notice(inputs, params)`: a sentence for the form that says what is about to come; its inputs are the
            ids and paths of the samples. None where it has nothing to say.
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
    on_all_rows: bool = False
    as_given: bool = False
    why_now: str = ""
    holds_from: Callable[[Mapping[str, Any]], int] | None = None
    finding: Finding | None = None
    move: Callable[[Mapping[str, Array], Any, float], Columns] | None = None
    notice: Callable[[Inputs, Any], str | None] | None = None

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

    @property
    def marking(self) -> Column | None:
        """The column that tells the rows to look at: of several, the first that is a mark."""
        found = [column for column in self.writes if column.marks]
        return next((column for column in found if column.role in ("mark", "interest")), next(iter(found), None))

    def column(self, name: str) -> Column:
        """The declared column of that name; for `<name>:<field>`, which labels of a field have, that of the name."""
        plain = name.partition(":")[0]
        return next(column for column in self.writes if column.name == plain)
