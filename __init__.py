"""Curator: turns the FiftyOne App into the workbench where people make image datasets good.

FiftyOne runs this file again on every operator call and panel event, so it only registers; everything else
is imported on first use.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

SDK = (
    "ParamError",
    "Run",
    "act",
    "curate",
    "export_recipe",
    "get_run",
    "import_images",
    "list_runs",
    "offer_network",
    "run_recipe",
    "stale_reason",
    "status",
)


def register(plugin: Any) -> None:
    """Register every operator and panel with FiftyOne."""
    from .operators import OPERATORS
    from .panels import OPERATORS as ANSWERS
    from .panels import PANELS

    for cls in (*OPERATORS, *ANSWERS, *PANELS):
        plugin.register(cls)


def __getattr__(name: str) -> Any:
    if name not in SDK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import sdk

    return getattr(sdk, name)
