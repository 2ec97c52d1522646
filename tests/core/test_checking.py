"""Which methods a check runs on what is there, and how it sums up what they found."""

from __future__ import annotations

import pytest
from image_curation.core.base.errors import ParamError
from image_curation.core.base.method import Method
from image_curation.core.catalog import METHODS, method_named
from image_curation.core.checking import Found, applicable, gap, not_here, refusal, summary, why_not

LEAKS, OUTLIERS, CUES = (method_named(name) for name in ("find_leaks", "find_outliers", "find_spurious_cues"))


def test_applicable__what_is_there_decides() -> None:
    there = {"embeddings": "vectors", "labels": None, "splits": "tags"}
    plan = {method.name: given for method, given in applicable(there)}
    assert plan["find_leaks"] == {"embeddings": "vectors", "split_field": "tags"}
    assert plan["find_duplicates"] == {"embeddings": "vectors"}, "labels only help"
    assert "find_label_issues" not in plan
    assert [*plan] == [method.name for method, _ in applicable(there)], "in the catalog's order"
    gaps = {one["title"]: one["why"] for one in not_here(there, plan, "image")}
    assert gaps["Labels that look wrong"] == "no given labels found"
    assert "Outliers" not in gaps


def test_summary__the_most_serious_first() -> None:
    found = [
        Found(OUTLIERS, "outliers", looked=9, count=3, headline="3 outliers", why_not="1 of 10 samples: 1 no vector"),
        Found(LEAKS, "leaks", looked=10, count=2, headline="2 leaks"),
        Found(CUES, "spurious", looked=10, count=1, headline="a cue", told_by="1 of 2 classes can be told by size"),
    ]
    said = summary(found, [gap(method_named("find_confusions"), "one class only")], [], 10)
    assert [issue["run"] for issue in said["issues"]] == ["leaks", "spurious", "outliers"]
    assert said["headline"] == (
        "2 copies in two splits, 3 outliers among 10 samples; 1 of 2 classes can be told by size; "
        "not checked throughout: samples that look like another class, outliers"
    )
    assert said["fine"] == []


def test_summary__nothing_found() -> None:
    said = summary([Found(LEAKS, "leaks", looked=10, count=0, headline="")], [], [], 10)
    assert (said["headline"], said["fine"]) == ("Nothing found in 10 samples", ["Copies in two splits"])


@pytest.mark.parametrize(
    "method", [one for one in METHODS if one.finding and not one.finding.of_classes], ids=lambda one: one.name
)
def test_summary__one_is_told_in_the_singular(method: Method) -> None:
    said = summary([Found(method, method.key, looked=10, count=1, headline="")], [], [], 10)["headline"]
    assert method.finding is not None
    one = method.finding.one
    assert one
    assert one != method.finding.title
    assert said == f"1 {one[:1].lower()}{one[1:]} among 10 samples"


@pytest.mark.parametrize(
    ("looked", "skipped", "said"),
    [(5, {}, ""), (3, {"no vector": 2}, "2 of 5 images: 2 no vector"), (3, {}, "2 of 5 images: no split")],
)
def test_why_not(looked: int, skipped: dict[str, int], said: str) -> None:
    assert why_not(LEAKS, 5, looked, skipped, "image") == said


def test_refusal__tells_what_broke_down() -> None:
    assert refusal(ParamError("two classes are needed")) == "two classes are needed"
    assert refusal(KeyError("x")) == "failed: 'x'"
    assert refusal(ValueError()) == "failed: ValueError"
