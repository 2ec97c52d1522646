"""What a view sends is checked against what the panel's method declares."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from image_curation.core.base.errors import ParamError
from image_curation.panels.compare.panel import ComparisonPanel
from image_curation.panels.curation.panel import CurationPanel
from image_curation.panels.map.panel import MapPanel
from image_curation.panels.report.panel import ReportPanel
from image_curation.panels.review.panel import ReviewPanel
from image_curation.panels.shared.arguments import fits, taken

PANELS = {panel.face.name: panel for panel in (CurationPanel, ReviewPanel, MapPanel, ReportPanel, ComparisonPanel)}
HOSTILE = [None, "", "$where", "x" * 100_000, -1, 2**70, 1.5, True, [], [None], ["$ne"], {}, {"$gt": ""}, [[1, 2, 3]]]


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (str, ["", "$5"], [None, 1, ["a"], {"$ne": 1}]),
        (int, [0, -3, 2**70], [True, 1.0, "1", None]),
        (float, [0, 1.5], [True, math.nan, math.inf, "1"]),
        (bool, [True, False], [0, 1, "true"]),
        (str | None, [None, "a"], [0, []]),
        (list[str], [[], ["a"]], [["a", None], "a", {}]),
        (list[list[float]], [[[0, 1.5]]], [[["a"]], [0.5]]),
        (dict[str, Any], [{}, {"a": [1]}], [[], "a"]),
        (Literal["card", "batch"], ["card"], ["other", None, 1]),
        (Literal[1], [1], [True, 1.0]),
        (str | int | float | bool, ["a", 1, 1.5, True], [None, [], {"$ne": 1}]),
    ],
)
def test_values_fit_types(hint: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [fits(one, hint) for one in right] == [True] * len(right)
    assert [fits(one, hint) for one in wrong] == [False] * len(wrong)


def test_arguments_are_taken_by_name() -> None:
    def method(self: Any, ctx: Any, key: str, n: int = 3) -> None: ...

    take = taken(method)
    assert take({"key": "a", "panel_id": "p"}) == {"key": "a"}
    with pytest.raises(ParamError, match="'method' needs 'key', a text"):
        take({"n": 4})
    with pytest.raises(ParamError, match="'method' takes 'n' as a whole number; got '4'"):
        take({"key": "a", "n": "4"})


def test_a_wrong_value_is_shown_short() -> None:
    def method(self: Any, ctx: Any, n: int) -> None: ...

    with pytest.raises(ParamError) as caught:
        taken(method)({"n": "9" * 100_000})
    assert len(str(caught.value)) < 120


@pytest.mark.slow
@pytest.mark.parametrize("name", PANELS)
def test_hostile_values_are_a_sentence_and_change_nothing(name: str, judged: Any, on: Any) -> None:
    from inspect import signature

    panel = on(judged)
    panel.uri = f"@image-curation/curator/{name}"
    panel.send("on_load")
    before = [sample.to_dict() for sample in judged]
    for event in PANELS[name].events():
        method = getattr(PANELS[name], event)
        names = list(signature(method).parameters)[2:]
        for value in HOSTILE if names else ():
            panel.send(event, **dict.fromkeys(names, value))
            for called, given in panel.calls:
                assert called != "notify" or (given["variant"] == "error" and len(given["message"]) < 400)
    judged.reload()
    assert [sample.to_dict() for sample in judged] == before
