"""The catalogue of methods: each one's state in words, and what comes next of those that everyone should run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from image_curation.core.catalog import METHODS
from image_curation.dataset.runs.record import Run
from image_curation.panels.curation import home

BOTH = {"labels", "embeddings"}


def _run(key: str, method: str, **others: Any) -> Run:
    return Run(key=key, method=method, **{"status": "done", "n": 12, "started": "2026-01-01T00:00:00+00:00", **others})


def _rows(runs: Sequence[Run], stale: dict[str, str | None] | None = None) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for stage in home.board(METHODS, runs, stale or {}, BOTH) for row in stage["methods"]}


def test_board__every_method_stands_in_its_stage() -> None:
    stages = home.board(METHODS, [], {}, BOTH)
    assert sorted(row["name"] for stage in stages for row in stage["methods"]) == sorted(m.name for m in METHODS)
    assert all(row["state"] == "none" and row["help"] for stage in stages for row in stage["methods"])


def test_board__states() -> None:
    runs = [
        _run("embeddings", "compute_embeddings", facts={"headline": "12 vectors"}),
        _run("neighbors", "find_neighbors"),
        _run("representatives", "find_representatives", status="failed", error="k must be at most 12; got 20"),
        _run("importance", "score_importance", status="running", process={"host": "elsewhere", "pid": 1}),
    ]
    rows = _rows(runs, {"neighbors": "3 samples were added"})
    assert rows["compute_embeddings"]["state"] == "done"
    assert rows["compute_embeddings"]["headline"] == "12 vectors"
    assert rows["find_neighbors"]["state"] == "stale"
    assert rows["find_neighbors"]["reason"] == "Out of date: 3 samples were added."
    assert rows["find_neighbors"]["action"] == {"label": "Run again", "event": "rerun", "params": {"key": "neighbors"}}
    assert rows["find_representatives"]["state"] == "failed"
    assert rows["find_representatives"]["reason"] == "Failed: k must be at most 12; got 20."
    assert rows["score_importance"]["state"] == "running"
    assert rows["score_importance"]["said"].startswith("Running, started ")
    assert rows["score_importance"]["action"] is None


def test_board__newest_run_first_and_the_others_behind_it() -> None:
    rows = _rows([_run("first", "find_neighbors"), _run("second", "find_neighbors")])
    assert rows["find_neighbors"]["key"] == "second"
    assert rows["find_neighbors"]["others"] == [{"key": "first", "state": "done"}]


def test_state_of__interrupted() -> None:
    gone = _run("neighbors", "find_neighbors", status="interrupted")
    state, reason = home.state_of(gone, None)
    assert state == "failed"
    assert reason is not None
    assert reason.startswith("Interrupted")


def test_board__what_a_method_cannot_do_without() -> None:
    rows = {row["name"]: row for stage in home.board(METHODS, [], {}, {"labels"}) for row in stage["methods"]}
    assert rows["find_label_issues"]["said"] == "Needs embeddings first"
    assert rows["find_label_issues"]["action"] is None
    assert rows["find_quality_issues"]["said"] == "Not run"  # reads the image files only
    rows = {row["name"]: row for stage in home.board(METHODS, [], {}, set()) for row in stage["methods"]}
    assert rows["find_label_issues"]["said"] == "Needs embeddings and labels first"
    assert rows["find_leaks"]["said"] == "Needs embeddings first"  # splits may be tags


def test_board__how_far_a_running_run_is() -> None:
    progress = {"share": 0.25, "doing": "embedding images"}
    row = _rows([_run("map", "compute_map", status="running", process={"host": "far"}, progress=progress)])[
        "compute_map"
    ]
    assert row["progress"] == 0.25
    assert row["said"].endswith(": embedding images")


def test_todo__in_the_order_of_the_catalog_what_declares_why() -> None:
    urged: list[str] = []
    done: list[Run] = []
    while (method := home.todo(METHODS, done, BOTH)) is not None:
        urged.append(method.name)
        done.append(_run(urged[-1], urged[-1]))
    assert urged == [method.name for method in METHODS if method.why_now and not method.makes_vectors]
    first = home.todo(METHODS, [], {"labels"})
    assert first is not None
    assert first.name == "compute_embeddings"
    done = [_run("map", "compute_map"), _run("representatives", "find_representatives")]
    assert home.todo(METHODS, done, {"embeddings"}) is None, "nothing that needs labels without labels"


def test_board__a_failed_try_does_not_hide_what_is_done() -> None:
    rows = _rows([_run("first", "find_neighbors"), _run("second", "find_neighbors", status="failed", error="no")])
    assert (rows["find_neighbors"]["key"], rows["find_neighbors"]["state"]) == ("first", "done")
