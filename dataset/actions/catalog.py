"""Every action, in the order in which the App lists them. To add one: write its file, add it here."""

from __future__ import annotations

from . import check_dataset as checkup
from . import decide as acting
from . import evaluate_audit as auditing
from . import evaluate_predictions as evaluating
from . import export_embeddings as vectors
from . import export_report as reporting
from . import finalize, lists, recipes, repair_annotations, repair_classes
from . import import_images as importing
from . import make_previews as previewing
from . import manage_runs as keeping
from . import move_threshold as moving
from . import repair_dataset as repairing
from . import report_cleanup as cleanup
from . import retag as retagging
from . import save_slice as slices
from .action import Action

ACTIONS: tuple[Action, ...] = (
    checkup.ACTION,
    importing.ACTION,
    previewing.ACTION,
    vectors.ACTION,
    evaluating.ACTION,
    retagging.ACTION,
    reporting.ACTION,
    cleanup.ACTION,
    acting.MARK_ACTION,
    acting.RELABEL_ACTION,
    acting.UNDO_ACTION,
    repair_annotations.ACTION,
    repair_classes.ACTION,
    finalize.ACTION,
    slices.ACTION,
    lists.ACTION,
    lists.IMPORT_ACTION,
    keeping.FORGET_ACTION,
    keeping.RERUN_ACTION,
    moving.ACTION,
    auditing.ACTION,
    repairing.ACTION,
    recipes.RUN_ACTION,
    recipes.EXPORT_ACTION,
)
