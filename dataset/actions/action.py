"""An action, declared once: something done to a dataset that is not a method, such as importing or exporting.

As with a method, its operator's form, its SDK call and its row in the README come from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import Params


@dataclass(frozen=True)
class Action:
    """One thing that can be done to a dataset.

    Attributes:
        name: of the operator.
        run: `run(samples, params, progress) -> summary`, plain JSON; `headline` is the sentence the App shows.
        risk: "low" reads, "medium" adds, "high" changes or deletes.
        warning: a sentence for the form that counts what is about to happen; None where nothing is lost.
        notice: a sentence for the form that says what is about to come, before anything is written.
        needs_dataset: False for an action that can make one.
    """

    name: str
    label: str
    stage: Literal["import", "understand", "act", "runs"]
    params: type[Params]
    run: Callable[[fo.DatasetView | None, Any, Progress], dict[str, Any]]
    risk: Literal["low", "medium", "high"]
    warning: Callable[[fo.Dataset, dict[str, Any]], str | None] | None = None
    needs_dataset: bool = True
    notice: Callable[[fo.Dataset | None, Mapping[str, Any]], str | None] | None = None

    @property
    def help(self) -> str:
        """The first paragraph of the parameters' docstring."""
        return " ".join((self.params.__doc__ or "").split("\n\n")[0].split())


def counted(n: int, word: str) -> str:
    """A number with its noun: 1 → "1 sample", 1797 → "1,797 samples"."""
    return f"{n:,} {word}" + ("" if n == 1 else "s")
