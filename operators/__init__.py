"""Forms and calls: an operator for each method and action, derived from their declarations; and one-click buttons."""

from __future__ import annotations

from ..core.catalog import METHODS
from ..dataset.actions.catalog import ACTIONS
from .activity import Activity, StopActivity
from .base import action_operator, method_operator
from .one_click import CLICKS, click_operator

OPERATORS = (
    *map(method_operator, METHODS),
    *map(action_operator, ACTIONS),
    *map(click_operator, CLICKS),
    Activity,
    StopActivity,
)
