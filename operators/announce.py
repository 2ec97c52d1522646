"""What the App is told beside the result: a line that stays a while, with one button to go back, or to try again.

FiftyOne's own notice holds a sentence and no button, so the line is drawn by our bundle (panels/web/src/activity).
"""

from __future__ import annotations

from typing import Any

from .payloads import LineButton

ANNOUNCE = "@image-curation/curator/announce"  # an operator in the bundle
UNDO = "@image-curation/curator/undo_last"


def line(
    text: str, variant: str = "success", does: LineButton | None = None, **more: Any
) -> tuple[str, dict[str, Any]]:
    """An operator of the App and its parameters, to be triggered.

    Args:
        variant: "success", "info" or "error".
        does: the button: {"label", "operator", "params"}, and "prompt", whether its form is opened.
        more: what else the App should do: {"job": key}, follow a call at work; {"review": ids}, review these.
    """
    return ANNOUNCE, {"text": text, "variant": variant, "does": does, **more}


def take_back(key: str | None) -> LineButton | None:
    """The button that takes back one decision."""
    return None if key is None else {"label": "Undo", "operator": UNDO, "params": {"key": key}}
