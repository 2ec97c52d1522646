"""Labels whose class is missing, seems to be another one misspelled, or is hardly used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...base.class_names import misspellings
from .faults import Faults

HARDLY = 2  # labels that a rare class has at most
TYPICAL = 20  # labels that the class in the middle has at least where such a class is strange
FEW = 0.1  # of the classes may be so rare; where more are, that is how the set is


def class_faults(names: Sequence[str | None]) -> tuple[list[Faults], dict[str, str]]:
    """What the classes of labels show; and misspelled name → the one that is probably meant."""
    counts = Counter(name for name in names if name and name.strip())
    meant = misspellings(counts)
    rare = {name for name, count in counts.items() if count <= HARDLY} - set(meant)
    usual = float(np.median(list(counts.values()))) if counts else 0.0
    if usual < TYPICAL or len(rare) > max(FEW * len(counts), 1):
        rare = set()
    none = [number for number, name in enumerate(names) if not name or not name.strip()]
    wrong = [number for number, name in enumerate(names) if name in meant]
    seldom = [number for number, name in enumerate(names) if name in rare]
    said = [f"{names[number]!r}, probably {meant[names[number] or '']!r}" for number in wrong]
    return [
        Faults("no_class", np.array(none, dtype=np.int64)),
        Faults("class_name", np.array(wrong, dtype=np.int64), said),
        Faults("rare_class", np.array(seldom, dtype=np.int64), [repr(names[number]) for number in seldom]),
    ], meant
