"""Curator: turns the FiftyOne App into the workbench where people make image datasets good.

FiftyOne runs this file again on every operator call and panel event, so it only registers; everything else
is imported on first use.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def register(plugin: Any) -> None:
    """Register every operator and panel with FiftyOne."""
    from .operators import OPERATORS
    from .panels import PANELS

    for cls in (*OPERATORS, *PANELS):
        plugin.register(cls)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in ("curate", "runs", "rerun", "forget_run", "import_images", "save_slice", "export_list", "run_recipe"):
        return getattr(import_module(f"{__name__}.sdk"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
