"""How far a step is and how long it still takes, told from how long its part so far took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

ALMOST = 0.99  # a bar is full only when the results are in the dataset
SOONEST = 2.0  # seconds and
LEAST = 0.02  # the part of a step after which the rest can be told


class Pace:
    """Follows the steps of a run; each is measured by itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._doing, self._began, self._from = clock, "", clock(), 0.0

    def at(self, done: int, total: int, doing: str) -> dict[str, Any]:
        """The step as it stands.

        Returns:
            "share" in [0, 0.99], "doing", and "left", seconds to the end of this step; None while it cannot be told
        """
        share = min(done / total, ALMOST) if total else None
        if doing != self._doing or (share or 0.0) < self._from:
            self._doing, self._began, self._from = doing, self._clock(), share or 0.0
        took, made = self._clock() - self._began, (share or 0.0) - self._from
        told = share is not None and took >= SOONEST and made >= LEAST
        left = round(took * (1 - share) / made, 1) if told and share is not None else None
        return {"share": share, "doing": doing, "left": left}


def in_words(left: float | None) -> str:
    """Seconds as people say them: "about 20 s left", "about 3 min left"; "" where they cannot be told."""
    if left is None:
        return ""
    if left < 90:
        return f"about {max(1, round(left)) if left < 10 else 5 * round(left / 5)} s left"
    return f"about {round(left / 60)} min left" if left < 5400 else f"about {left / 3600:.1f} h left"
