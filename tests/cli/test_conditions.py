"""Conditions that make a check fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from image_curation.cli.check import Checked
from image_curation.cli.conditions import judged, parse
from image_curation.core.base.params import ParamError


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("leaks>0", [True]),
        ("leaks > 2", [False]),  # two files
        ("leaks>5.8%, leaks>5.9%", [True, False]),  # 2 of 34: 5.88 %
        ("unreadable>0,blurry>0", [True, False]),
        ("quality>0", [True]),
        ("serious>3", [True]),  # the two leaks, and the picture with two classes
    ],
)
def test_conditions(checked: Checked, text: str, fails: list[bool]) -> None:
    assert [one.fails for one in judged(parse(text), checked, checked.spots)] == fails


def test_conditions__nothing_counts_that_is_not_given(checked: Checked) -> None:
    assert not judged(parse("leaks>0"), checked, [])[0].fails


def test_conditions__that_cannot_be_judged(checked: Checked) -> None:
    (verdict,) = judged(parse("detection_issues>0"), checked, checked.spots)
    assert verdict.said == "detection_issues>0: cannot be judged, no given boxes found"
    assert not verdict.fails


def test_conditions__of_a_method_that_broke_down(checked: Checked) -> None:
    """It does not pass as if nothing had been found; without labels, which is nobody's fault, the others decide."""
    gap = {"method": "Find outliers", "title": "Outliers", "why": "failed: out of luck"}
    broken = replace(checked, summary={**checked.summary, "not_checked": [gap]})
    (verdict,) = judged(parse("minor>99"), broken, broken.spots)
    assert verdict.why_not == "failed: out of luck"
    assert judged(parse("serious>99"), broken, broken.spots)[0].why_not == ""
    unseen = replace(checked, looked={**checked.looked, "leaks": 0}, summary={"not_here": [], "not_checked": []})
    assert judged(parse("leaks>0%"), unseen, [])[0].why_not == "no image was looked at"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "leaks",
            "--fail-on must list conditions such as leaks>0 or wrong_labels>1%, separated by commas; got 'leaks'",
        ),
        ("leaks>0,", "got ''"),
        ("leaks>-1", "got 'leaks>-1'"),
        ("leeks>0", "--fail-on knows no finding 'leeks'; did you mean leaks?"),
        ("zzz>0", "the names are "),
    ],
)
def test_conditions__bad_ones(text: str, said: str) -> None:
    with pytest.raises(ParamError) as error:
        parse(text)
    assert said in str(error.value)
