"""The table of states: the first that holds says what to do next; each state is reached here."""

from __future__ import annotations

from typing import Any

import pytest
from image_curation.core.catalog import METHODS
from image_curation.dataset.runs.record import Run
from image_curation.panels.curation.advice import STATES, Asked, Situation, next_step

GOING = Run(key="map", method="compute_map", status="running", process={"host": "elsewhere", "pid": 1})
LABELS = Asked("label_issues", "Labels that look wrong", left=168, total=169, expected=44.6)
NEW_LABELS = Asked("label_issues", "Labels that look wrong", left=169, total=169)
COPIES = Asked("duplicates", "Surplus copies", left=85, total=85)
DONE = Asked("label_issues", "Labels that look wrong", left=0, total=169)
WORK = {"label_issues": "46 labels in 'ground_truth' corrected since"}
ADDED = {"duplicates": "35 samples were added"}
NAMES = {"label_issues": "Find label issues", "duplicates": "Find duplicates", "map": "Compute map"}

CASES: dict[str, tuple[Situation, str, Any]] = {
    "running": (Situation(running=[GOING], asked=[LABELS]), "Compute a map is running", None),
    "in progress": (  # after the first of 169 decisions nothing is found again
        Situation(asked=[NEW_LABELS, COPIES, LABELS], stale=WORK, by_work=["label_issues"], checked=True),
        "Next: labels that look wrong, 168 of 169 left",
        ("review", {"key": "label_issues"}),
    ),
    "to review": (  # what waits comes before what the finished work has made old
        Situation(asked=[DONE, COPIES], stale=WORK, by_work=["label_issues"], checked=True),
        "Next: review surplus copies",
        ("review", {"key": "duplicates"}),
    ),
    "out of date by work": (
        Situation(asked=[DONE], stale={**ADDED, **WORK}, by_work=["label_issues"], checked=True, labels=NAMES),
        "Next: check what is left",
        ("run_method", {"method": "check_dataset"}),
    ),
    "out of date": (
        Situation(stale={"map": "2 samples were removed"}, labels=NAMES, checked=True),
        "Next: compute map again",
        ("rerun", {"key": "map"}),
    ),
    "not checked": (Situation(), "Next: check the dataset", ("run_method", {"method": "check_dataset"})),
    "more to see": (
        Situation(checked=True, todo=next(one for one in METHODS if one.name == "compute_map")),
        "Next: compute a map",
        ("run_method", {"method": "compute_map"}),
    ),
    "done": (Situation(asked=[DONE], checked=True), "Nothing is waiting", None),
}


@pytest.mark.parametrize("state", [state.name for state in STATES])
def test_next_step__each_state(state: str) -> None:
    now, title, does = CASES[state]
    step = next_step(now)
    assert (step["state"], step["title"]) == (state, title)
    action = step["action"]
    assert (action and (action["event"], action["params"])) == does


def test_next_step__a_review_that_is_begun_comes_first_even_where_its_run_no_longer_holds() -> None:
    begun = Asked("label_issues", "Labels that look wrong", left=3, total=9, holds=False)
    assert next_step(Situation(asked=[begun], stale={"label_issues": "gone"}))["state"] == "in progress"
    waiting = Asked("label_issues", "Labels that look wrong", left=9, total=9, holds=False)
    assert next_step(Situation(asked=[waiting], stale=ADDED, labels=NAMES))["state"] == "out of date"


def test_next_step__what_a_check_renews_is_checked_again_together() -> None:
    step = next_step(Situation(stale=ADDED, labels=NAMES, checked=True, of_check={"duplicates"}))
    assert step["action"]["params"] == {"method": "check_dataset"}
    assert "35 samples were added" in step["text"]
    alone = next_step(Situation(stale=WORK, by_work=["label_issues"], labels=NAMES))
    assert alone["action"] == {"label": "Run again", "event": "rerun", "params": {"key": "label_issues"}}
    assert "Your decisions are kept" in alone["text"]


def test_next_step__numbers_are_estimates() -> None:
    assert next_step(Situation(asked=[LABELS]))["text"].endswith("About 45 of those left are wrong.")
    one = Asked("label_issues", "Labels that look wrong", left=2, total=2, expected=1.2)
    assert next_step(Situation(asked=[one]))["text"] == "2 samples to decide about. About 1 of those left is wrong."
