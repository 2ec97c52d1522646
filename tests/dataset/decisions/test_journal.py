"""The journal on a real database: large decisions, crashes at every step, other writers, and earlier versions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import numpy as np
import pytest
from bson import ObjectId
from fiftyone.operators import ExecutionStore
from image_curation import act
from image_curation.dataset.decisions import changes, decisions, journal


class Killed(BaseException):
    """Stands for a process that ends here."""


def _raw(dataset: Any) -> list[dict[str, Any]]:
    """The samples as the database holds them, but for the time of their last change."""
    rows = list(dataset._sample_collection.find(sort=[("_id", 1)]))
    return [{name: value for name, value in row.items() if name != "last_modified_at"} for row in rows]


@pytest.fixture
def many() -> Iterator[Any]:
    """Thirty samples without files, labelled "a"."""
    made = fo.Dataset()
    made.add_samples([fo.Sample(filepath=f"nowhere/{i}.png", tags=["mine"]) for i in range(30)], progress=False)
    made.set_values("ground_truth", [fo.Classification(label="a") for _ in range(30)])
    yield made
    made.delete()


def _dies_after(monkeypatch: pytest.MonkeyPatch, calls: int, place: Any, name: str) -> None:
    """Let the process end in the n-th call of a function, before it does anything."""
    real, left = getattr(place, name), [calls]

    def dying(*given: Any, **named: Any) -> Any:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(*given, **named)

    monkeypatch.setattr(place, name, dying)


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("place", "name"), [(changes, "_applied"), (journal, "_insert_part"), (journal, "_insert_head")]
)
def test_killed__a_decision_is_finished_whole_or_never_was(
    many: Any, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, calls: int
) -> None:
    monkeypatch.setattr(journal, "PART", 8)
    decisions.keep(many.limit(1))
    before = _raw(many)
    with monkeypatch.context() as dying:
        _dies_after(dying, 0 if name == "_insert_head" else calls, place, name)
        with pytest.raises(Killed):
            decisions.exclude(many, "blurred")
    said = decisions.finish_interrupted(many)
    excluded = many.count_sample_tags().get("excluded", 0)
    if name == "_applied":
        assert said == ["Finished an interrupted decision: 30 excluded (blurred)"]
        assert excluded == 30
        (taken,) = decisions.undo(many)
        assert (len(taken.ids), taken.left) == (30, 0)
    else:
        assert said == []
        assert excluded == 0
    assert _raw(many) == before
    assert [one.said for one in decisions.history(many)] == ["kept"]


@pytest.mark.parametrize("calls", [0, 2])
def test_killed__taking_back_goes_on_until_all_is_back(many: Any, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    monkeypatch.setattr(journal, "PART", 8)
    decisions.keep(many.limit(1))
    before = _raw(many)
    decisions.exclude(many)
    with monkeypatch.context() as dying:
        _dies_after(dying, calls, changes, "_applied")
        with pytest.raises(Killed):
            decisions.undo(many)
    decisions.exclude(many.limit(1))  # whoever comes next ends it first
    decisions.undo(many)
    assert _raw(many) == before


def test_long_logits__neither_jam_the_journal_nor_are_copied(many: Any) -> None:
    logits = np.random.default_rng(0).normal(size=40_000)
    many.set_values("ground_truth", [fo.Classification(label="a", confidence=0.5, logits=logits) for _ in range(30)])
    assert act(many, "relabel", label_field="ground_truth", label="b", new_class=True)["count"] == 30
    assert many.count_values("ground_truth_curated.label") == {"b": 30}
    assert act(many.limit(1), "mark")["count"] == 1
    assert act(many, "undo", steps=2)["samples"] == 31
    first = many.first()
    assert first.ground_truth_curated.label == "a"
    assert first.ground_truth_curated.confidence == 0.5
    assert first.ground_truth_curated.logits is None
    assert len(first.ground_truth.logits) == 40_000


def test_large_values__are_cut_into_parts_by_bytes(many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PART_BYTES", 5_000)
    many.set_values("kind", ["x" * 1_000] * 30)
    decisions.relabel(many, "kind", "y")
    heads = foo.get_db_conn()[journal.COLLECTION]
    (head,) = heads.find({"dataset": many._doc.id})
    assert head["parts"] == heads.count_documents({"decision": head["_id"]}) > 5
    assert decisions.undo(many)[0].left == 0
    assert heads.count_documents({"decision": head["_id"]}) == 0


def test_other_writers__the_number_told_is_the_number_done(many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody tags all samples, decides about some and deletes one, between our reading and our writing."""
    real, ids = changes._update, many.values("id")
    gone = ObjectId(ids[9])

    def meanwhile(*given: Any) -> Any:
        update = real(*given)
        monkeypatch.setattr(changes, "_update", real)
        many._sample_collection.update_many({}, {"$push": {"tags": "theirs"}})
        some = {"_id": {"$in": [ObjectId(one) for one in ids[:4]]}}
        many._sample_collection.update_many(some, {"$push": {"tags": "kept"}})
        many._sample_collection.delete_one({"_id": gone})
        return update

    decisions.keep(many.skip(20).limit(1))
    monkeypatch.setattr(changes, "_update", meanwhile)
    summary = act(many.limit(10), "mark", reason="blurred")
    assert summary["headline"] == (
        "5 samples excluded (blurred); 5 samples changed by somebody else meanwhile and left"
    )
    assert (summary["count"], summary["left"]) == (5, 5)
    assert many.count_sample_tags() == {"mine": 29, "theirs": 29, "kept": 5, "excluded": 5}
    assert act(many, "undo")["samples"] == 5
    assert many.count_sample_tags() == {"mine": 29, "theirs": 29, "kept": 5}


def test_nan__counts_as_equal_to_itself(many: Any) -> None:
    many.set_values("ground_truth", [fo.Classification(label="a", confidence=float("nan")) for _ in range(30)])
    decisions.relabel(many.limit(2), "ground_truth", "b")
    assert decisions.undo(many)[0].left == 0


def test_broken_entry__is_set_aside_and_the_others_go_on(many: Any) -> None:
    decisions.exclude(many.limit(1))
    decisions.exclude(many.skip(1).limit(1))
    heads = foo.get_db_conn()[journal.COLLECTION]
    newest = {"dataset": many._doc.id, "number": 2}
    heads.update_one(newest, {"$set": {"status": "doing", "owner": None, "changes": [{"id": 1}]}})
    said = decisions.finish_interrupted(many)
    assert len(said) == 1
    assert "(1 excluded) could not be finished and was set aside" in said[0]
    assert decisions.exclude(many.skip(2).limit(1)).ids
    assert [one.number for one in decisions.history(many)] == [3, 1]


def test_authors__take_back_their_own(many: Any) -> None:
    decisions.exclude(many.limit(1), queue="q", author="ada")
    decisions.exclude(many.skip(1).limit(1), queue="q", author="bob")
    assert [one.author for one in decisions.undo(many, queue="q", author="ada")] == ["ada"]
    assert many.match_tags("excluded").values("id") == [many.skip(1).first().id]
    assert decisions.last(many, author="ada") is None


def test_history__each_step_can_be_taken_back_alone(many: Any) -> None:
    decisions.exclude(many.limit(1))
    decisions.relabel(many.skip(1).limit(2), "ground_truth", "b")
    decisions.keep(many.skip(5).limit(1))
    newest, middle, _ = decisions.history(many)
    assert (newest.said, middle.said, middle.count) == ("kept", "labelled b", 2)
    (taken,) = decisions.undo(many, key=middle.key)
    assert taken.left == 0
    assert many.count_values("ground_truth_curated.label") == {"a": 30}
    assert many.count_sample_tags() == {"mine": 30, "excluded": 1, "kept": 1}
    assert [one.said for one in decisions.history(many)] == ["kept", "excluded"]


def test_journal_of_earlier_versions__is_taken_over(many: Any) -> None:
    store = ExecutionStore.create(journal.STORE, dataset_id=many._doc.id)
    rows = _raw(many)
    for number, row in enumerate(rows[:2], 1):
        entry = {
            "first": "000000000001 q",
            "status": "done" if number == 1 else "doing",
            "verdict": "excluded",
            "said": "excluded",
            "queue": "q",
            "made": "2026-11-01T10:00:00.000+00:00",
            "changes": [{"id": row["_id"], "before": {"tags": ["mine"]}, "after": {"tags": ["mine", "excluded"]}}],
        }
        store.set(f"{number:012d} q", entry)
    many._sample_collection.update_one({"_id": rows[0]["_id"]}, {"$push": {"tags": "excluded"}})
    journal._ready.clear()
    assert decisions.finish_interrupted(many) == ["Finished an interrupted decision: 1 excluded"]
    assert many.count_sample_tags() == {"mine": 30, "excluded": 2}
    assert store.list_keys() == []
    assert len(decisions.undo(many, 5, queue="q")) == 2
    assert _raw(many) == rows


def test_decisions_of_a_deleted_dataset__are_swept_away() -> None:
    gone = fo.Dataset()
    gone.add_sample(fo.Sample(filepath="nowhere.png"))
    decisions.exclude(gone)
    number = gone._doc.id
    gone.delete()
    other = fo.Dataset()
    decisions.last(other)
    assert foo.get_db_conn()[journal.COLLECTION].count_documents({"dataset": number}) == 0
    other.delete()


def test_cost_of_a_decision__does_not_grow_with_the_journal(many: Any) -> None:
    """Every question to the journal is answered from an index: it examines a handful of entries among thousands."""
    decisions.exclude(many.limit(1), queue="q")
    heads = foo.get_db_conn()[journal.COLLECTION]
    (first,) = heads.find({"dataset": many._doc.id})
    more = [{**first, "_id": ObjectId(), "number": number, "queue": random.choice("qrs")} for number in range(2, 3_000)]
    heads.insert_many(more)
    for status, queue in (("doing", None), ("undoing", None), ("done", None), ("done", "q"), ("broken", None)):
        wanted = journal._wanted(many, status, queue)
        plan = heads.find(wanted, sort=[("number", -1)], limit=1).explain()["executionStats"]
        assert plan["totalDocsExamined"] <= 2, (status, queue)
    plan = journal._newest(heads, many._doc.id).explain()["executionStats"]
    assert plan["totalDocsExamined"] <= 2
    assert plan["totalKeysExamined"] <= 2
