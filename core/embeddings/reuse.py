"""Vectors that need not be made again: of a run that was interrupted, or of the one that a run replaces.

A picture's mark tells whether it is still the same: its path, the size and time of its file, and its box. A vector is
taken up where mark and engine are the same, so that a killed run goes on where it was, a grown dataset has only its new
images embedded, and a file that changed on disk is embedded again.
"""

from __future__ import annotations

import numpy as np

from ..base.arrays import Facts
from ..base.inputs import Kept
from ..base.params import ParamError
from .models.base import Engine

LEARNED = "learned_from"  # beside an engine's state: how many pictures it learned from


def identity_of(engine: Engine, settings: Facts) -> Facts:
    """What vectors depend on beside the pictures: the engine, its weights and precision, and settings of the run."""
    described = {name: value for name, value in engine.describe().items() if name != "device"}
    return {**described, "dim": engine.dim, **settings}


def restored(engine: Engine, kept: Kept, n: int) -> bool:
    """Give an engine that learns what it had learned, unless the set has more than doubled since."""
    state = kept.state()
    if not state:
        return False
    learned = int(state.pop(LEARNED, np.zeros(1))[0])
    if min(n, engine.learns_from) > 2 * learned:
        return False
    try:
        engine.restore(state)
    except ParamError:  # weights that it had trained are gone
        return False
    return True
