"""Buttons that several pages have."""

from __future__ import annotations

from typing import Any

from .payloads import Action


def form(label: str, method: str, given: dict[str, Any] | None = None) -> Action:
    """A button that opens the form of a method or action.

    Args:
        given: parameters to fill in.
    """
    params: dict[str, Any] = {"method": method}
    return {"label": label, "event": "run_method", "params": params if given is None else {**params, "given": given}}
