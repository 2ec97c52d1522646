"""Forms and calls: one operator for each method and each action, derived from their declarations."""

from __future__ import annotations

from ..core.catalog import METHODS
from ..dataset.actions.catalog import ACTIONS
from .base import action_operator, method_operator

OPERATORS = (*map(method_operator, METHODS), *map(action_operator, ACTIONS))
