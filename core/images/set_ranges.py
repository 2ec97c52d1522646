"""The ranges of a set of pictures, from a sample of its files that may hold more than 8 bits."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from .ranges import Range, Ranges, ranges_of
from .reading import Region, box_of, read_numbers

SAMPLE = 32  # files of each ending that are read
_EIGHT_BITS = ".jpg .jpeg .jpe .jfif .mpo .gif .bmp .dib .webp .ico .tga .qoi .pcx .pbm .heic .heif .avif"
EIGHT_BITS = frozenset(_EIGHT_BITS.split())


def ranges_of_set(paths: Sequence[str]) -> dict[str, Range]:
    """The range of each kind of numbers; empty where all are of 8 bits. The same files give the same ranges."""
    endings: dict[str, list[str]] = defaultdict(list)
    for path in sorted({str(path) for path in paths}):
        ending = os.path.splitext(path)[1].lower()
        if ending not in EIGHT_BITS:
            endings[ending].append(path)
    chosen = []
    for own in endings.values():
        places = np.unique(np.linspace(0, len(own) - 1, min(SAMPLE, len(own))).astype(int))
        chosen += [own[place] for place in places.tolist()]
    return ranges_of(one for path in chosen if (one := read_numbers(path)) is not None)


def in_ranges(paths: Sequence[str], ranges: Ranges) -> list[str]:
    """The same files or regions, to be shown in the ranges of their set."""
    return [Region(str(path), box_of(path), ranges) for path in paths] if ranges else list(paths)
