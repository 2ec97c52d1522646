"""An audit from the draw to what its answers say, on samples that people decide about."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.evaluate_audit import EvaluateAuditParams, evaluate_audit
from image_curation.dataset.curate import curate
from image_curation.dataset.decisions import decisions
from image_curation.dataset.runs.freshness import stale_reason
from image_curation.dataset.runs.record import get_run, list_runs
from image_curation.panels.review import review_queue
from image_curation.panels.shared import scope

N = 300


@pytest.fixture
def planted(tmp_path: Any) -> Any:
    """300 samples of three classes that vectors tell well; every tenth label is that of the next class."""
    made = fo.Dataset()
    rng = np.random.default_rng(0)
    true = np.arange(N) % 3
    given = np.where(np.arange(N) % 10 == 0, (true + 1) % 3, true)
    x = (3 * np.eye(3, 8)[true] + rng.normal(size=(N, 8))).astype(np.float32)
    made.add_samples(
        [
            fo.Sample(
                filepath=str(tmp_path / f"{row}.png"),
                vectors=x[row],
                true="abc"[true[row]],
                ground_truth=fo.Classification(label="abc"[given[row]]),
            )
            for row in range(N)
        ],
        progress=False,
    )
    curate(made, "find_label_issues", embeddings="vectors")
    yield made
    made.delete()


def _queue(dataset: Any, key: str = "audit") -> list[str]:
    """The ids that the Review asks about, in its order."""
    runs = list_runs(dataset)
    source = review_queue.source_of(get_run(dataset, key), dataset.get_field_schema(flat=True), None, runs)
    assert source is not None
    return list(review_queue.read(source, scope.whole(dataset, None)).ids)


def _answer(dataset: Any, ids: list[str], key: str = "audit") -> None:
    """Keep what is right, relabel what is wrong, as a person does who sees the pictures."""
    samples = dataset.select(ids)
    labels = dict(zip(samples.values("id"), samples.values("true"), strict=True))
    wrong = samples.match(fo.ViewField("ground_truth.label") != fo.ViewField("true"))
    right = samples.match(fo.ViewField("ground_truth.label") == fo.ViewField("true"))
    if len(wrong):
        decisions.relabel(wrong, "ground_truth", labels, key)
    if len(right):
        decisions.keep(right, "ground_truth", key)


def _evaluate(dataset: Any, key: str = "audit") -> dict[str, Any]:
    return evaluate_audit(dataset.view(), EvaluateAuditParams(key=key), lambda done, total, doing="": None)


@pytest.mark.slow
def test_audit__from_the_draw_to_the_number_of_wrong_labels(planted: Any) -> None:
    run = curate(planted, "audit_labels", count=40)
    assert (run.n, run.facts["drawn"], run.facts["decided_before"]) == (N, 40, 0)
    ids = _queue(planted)
    assert planted.select(ids, ordered=True).values("audit_turn") == list(range(1, 41))
    drawn = planted.select(ids)
    assert drawn.values("audit_suggested") == drawn.values("label_issues_suggested")
    with pytest.raises(ParamError, match="from 5 answers on; 0 of 40"):
        _evaluate(planted)
    _answer(planted, ids)
    assert stale_reason(planted, run) is None, "answering an audit does not outdate it"
    said = _evaluate(planted)
    facts = get_run(planted, "audit").facts
    assert said["answers"] == facts["answered"] == 40
    assert facts["wrong_labels"]["low"] - 3 <= 30 <= facts["wrong_labels"]["high"] + 3  # one interval in 20 misses
    assert facts["wrong_labels"]["high"] - facts["wrong_labels"]["low"] < 35
    balanced = planted.match(fo.ViewField("label_issues_is_issue"))
    pairs = zip(*balanced.values(["ground_truth.label", "true"]), strict=True)
    share = np.mean([given != true for given, true in pairs])
    assert facts["precision"]["balanced"]["low"] - 0.05 <= share <= facts["precision"]["balanced"]["high"] + 0.05
    assert "of all 300 labels about" in said["headline"]
    quality, stated = planted.values(["audit_quality", "audit_stated"])
    assert stated == planted.values("label_issues_quality")
    assert set(planted.select(ids).values("audit_quality")) <= {0.0, 1.0}
    assert abs(sum(1 - one for one in quality) - 30) < 12
    # a second audit asks about others, and counts what is known
    again = curate(planted, "audit_labels", key="audit_2", count=20)
    assert again.facts["decided_before"] == 40
    assert not set(ids) & set(_queue(planted, "audit_2"))


@pytest.mark.slow
def test_audit__other_decisions_and_excluded_samples(planted: Any) -> None:
    """Labels decided in the run's own review are known; a copy that was kept says nothing of its label."""
    flagged = planted.match(fo.ViewField("label_issues_is_issue")).values("id")[:10]
    _answer(planted, flagged, "label_issues")
    others = planted.exclude(flagged)
    decisions.keep(others.limit(20), queue="duplicates")
    decisions.exclude(others.skip(20).limit(5), "unusable")
    run = curate(planted, "audit_labels", count=30)
    assert run.facts["decided_before"] == 10
    assert run.facts["left_out"] == 5
    ids = _queue(planted)
    assert not set(flagged) & set(ids)
    _answer(planted, ids[:12])
    decisions.exclude(planted.select(ids[12:14]), "unusable", "audit")
    assert _evaluate(planted)["answers"] == 12
    facts = get_run(planted, "audit").facts
    assert facts["decided_otherwise"] == 10
    assert facts["wrong_labels"]["low"] - 3 <= 30 <= facts["wrong_labels"]["high"] + 3


def test_audit__names_what_is_wrong(dataset: Any) -> None:
    with pytest.raises(ParamError, match="run must name a finished run of find_label_issues; got 'label_issues'"):
        curate(dataset, "audit_labels")
    curate(dataset, "find_label_issues", embeddings="vectors", key="judged")
    dataset.set_values("other", [fo.Classification(label="a")] * len(dataset))
    with pytest.raises(ParamError, match="label_field must be 'ground_truth', which the run 'judged' judged"):
        curate(dataset, "audit_labels", run="judged", label_field="other")
    with pytest.raises(ParamError, match="key must name a finished run of audit_labels; 'judged' is a run of"):
        _evaluate(dataset, "judged")
