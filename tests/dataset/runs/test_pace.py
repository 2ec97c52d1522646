"""How long a step still takes, on a clock that the test turns."""

from __future__ import annotations

import pytest
from image_curation.dataset.runs.pace import Pace, in_words


def test_pace__from_how_long_its_part_so_far_took() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.at(0, 100, "reading") == {"share": 0.0, "doing": "reading", "left": None}
    now[0] = 10.0
    assert pace.at(25, 100, "reading")["left"] == 30  # a quarter took ten seconds
    now[0] = 40.0
    assert pace.at(100, 100, "reading")["share"] == 0.99  # what is read is not in the dataset yet
    assert pace.at(0, 10, "writing")["left"] is None  # another step, measured by itself
    now[0] = 44.0
    assert pace.at(5, 10, "writing")["left"] == 4
    assert pace.at(0, 0, "waiting") == {"share": None, "doing": "waiting", "left": None}


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, ""),
        (0.2, "about 1 s left"),
        (18, "about 20 s left"),
        (200, "about 3 min left"),
        (9000, "about 2.5 h left"),
    ],
)
def test_in_words(left: float | None, said: str) -> None:
    assert in_words(left) == said
