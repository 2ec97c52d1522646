"""Every action, in the order in which the App lists them. To add one: write its file, add it here."""

from __future__ import annotations

from . import (
    acting,
    checkup,
    evaluating,
    importing,
    keeping,
    lists,
    moving,
    recipes,
    reporting,
    retagging,
    slices,
    vectors,
)
from .action import Action

ACTIONS: tuple[Action, ...] = (
    checkup.ACTION,
    importing.ACTION,
    vectors.ACTION,
    evaluating.ACTION,
    retagging.ACTION,
    reporting.ACTION,
    acting.MARK_ACTION,
    acting.RELABEL_ACTION,
    acting.UNDO_ACTION,
    slices.ACTION,
    lists.ACTION,
    lists.IMPORT_ACTION,
    keeping.FORGET_ACTION,
    keeping.RERUN_ACTION,
    moving.ACTION,
    recipes.RUN_ACTION,
    recipes.EXPORT_ACTION,
)
