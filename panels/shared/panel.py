"""What the five panels have in common: how FiftyOne knows them, which of their methods the view may call, and forms.

A panel names itself by a `Face` and marks the methods that its view calls with `@event`; the view's parameters become
the method's arguments. Everything else that FiftyOne wants of a panel is here.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar

import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.categories import Categories

from ...core.base.errors import CuratorError
from . import grid, grid_filter, wording
from .arguments import Id, taken

MARK = "_curator_event"


@dataclass(frozen=True)
class Face:
    """How a panel appears in the App.

    Attributes:
        name: in its address.
        label: on its tab.
        help: what it is for, in a few sentences.
        component: the React component that draws it.
        surfaces: where it can be opened: "grid", "modal" or both.
    """

    name: str
    label: str
    icon: str
    help: str
    component: str
    surfaces: str = "grid"


def event(method: Callable[..., None]) -> Callable[..., None]:
    """A method that the view may call: its arguments behind `ctx` are taken from what the view sent, by name.

    They are checked against the types that the method declares. What a user can mend, and what does not fit, is one
    sentence in the App; the panel stays as it is.
    """
    take = taken(method)

    @wraps(method)
    def called(self: Any, ctx: Any) -> None:
        try:
            method(self, ctx, **take(ctx.params))
        except CuratorError as error:
            ctx.ops.notify(wording.sentence(str(error)), variant="error")

    setattr(called, MARK, True)
    return called


class CuratorPanel(foo.Panel, ABC):  # type: ignore[misc]
    """A panel of Curator."""

    face: ClassVar[Face]

    @classmethod
    def events(cls) -> list[str]:
        """The methods that the view may call."""
        return [name for name in dir(cls) if getattr(inspect.getattr_static(cls, name), MARK, False)]

    @property
    def config(self) -> foo.PanelConfig:
        """The panel as FiftyOne lists it."""
        return foo.PanelConfig(
            name=self.face.name,
            label=self.face.label.replace(" ", "\N{NO-BREAK SPACE}"),  # its tab stays one line
            icon=self.face.icon,
            help_markdown=self.face.help,
            category=Categories.CURATE,
            surfaces=self.face.surfaces,
        )

    def render(self, ctx: Any) -> types.Property:
        """The panel's component, with the addresses of the methods that it may call."""
        addresses = {name: getattr(self, name) for name in self.events()}
        view = types.View(component=self.face.component, composite_view=True, **addresses)
        return types.Property(types.Object(), view=view)

    def on_load(self, ctx: Any) -> None:
        """The panel has been opened."""
        self.refresh(ctx)

    @event
    @abstractmethod
    def refresh(self, ctx: Any) -> None:
        """Read everything again."""

    @event
    def whole_dataset(self, ctx: Any) -> None:
        """Take all conditions from the grid."""
        grid_filter.whole_dataset(ctx)

    @event
    def open_sample(self, ctx: Any, id: Id) -> None:
        """Open one sample in the App's own viewer."""
        grid.open_sample(ctx, id)

    @event
    def run_method(self, ctx: Any, method: str, given: dict[str, Any] | None = None) -> None:
        """Open the form of a method or action, with what is given filled in."""
        self.prompt(ctx, method, given or {})

    def prompt(self, ctx: Any, operator: str, params: dict[str, Any]) -> None:
        """Open the form of an operator, filled in; when it has run, the panel is read again."""
        ctx.prompt(f"{self.plugin_name}/{operator}", params=params, on_success=self.on_ran, on_error=self.on_ran)

    def on_ran(self, ctx: Any) -> None:
        """An operator that was opened from here has ended."""
        ctx.dataset.reload()
        self.refresh(ctx)
