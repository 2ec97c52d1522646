"""What the panels ask of the database, against the answers of numpy and of hand counting."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation.panels.shared import aggregations as reading


@pytest.fixture
def scored(dataset: Any) -> Any:
    """Scores 0.0, 0.1, … 0.9 on ten samples; none on one, and the eleventh is left out of group and flag too."""
    dataset.add_sample_field("score", fo.FloatField)
    dataset.add_sample_field("cluster", fo.IntField)
    dataset.add_sample_field("flag", fo.BooleanField)
    dataset.set_values("score", [round(0.1 * i, 1) if i < 10 else None for i in range(12)])
    dataset.set_values("cluster", [i % 3 if i < 10 else None for i in range(12)])
    dataset.set_values("flag", [i in (3, 6) if i < 10 else None for i in range(12)])
    return dataset


@pytest.mark.parametrize("bins", [1, 3, 9, 10, 30])
def test_spread__counts_are_what_the_ranges_match(scored: Any, bins: int) -> None:
    spread = reading.spread(scored.view(), "score", bins)
    assert spread is not None
    assert len(spread.edges) == bins + 1
    assert (spread.edges[0], spread.edges[-1], spread.missing) == (0.0, 0.9, 2)
    for i, count in enumerate(spread.counts):
        last = i == bins - 1
        inside = reading.in_range("score", spread.edges[i], spread.edges[i + 1], closed=last)
        assert scored.match(inside).count() == count
    assert sum(spread.counts) == 10


def test_spread__agrees_with_numpy(dataset: Any) -> None:
    values = np.random.default_rng(0).normal(size=12)
    dataset.add_sample_field("score", fo.FloatField)
    dataset.set_values("score", values.tolist())
    spread = reading.spread(dataset.view(), "score", 7)
    assert spread is not None
    counts, edges = np.histogram(values, 7)
    assert spread.counts == counts.tolist()
    np.testing.assert_allclose(spread.edges, edges)


def test_spread__one_value_and_none(scored: Any) -> None:
    one = reading.spread(scored.match(F("score") == 0.5), "score")
    assert one is not None
    assert (one.counts, one.edges) == ([1], [0.5, 0.5])
    assert reading.spread(scored.match(F("score") == None), "score") is None  # noqa: E711


def test_spread__very_small_scores(scored: Any) -> None:
    scored.set_values("score", [1e-9 * i for i in range(12)])
    spread = reading.spread(scored.view(), "score", 11)
    assert spread is not None
    assert spread.counts == [1] * 10 + [2]


def test_ends__in_order_without_gaps(scored: Any) -> None:
    rows = reading.ends(scored.view(), "score", ["ground_truth.label"], reverse=True, skip=2, limit=3)
    assert [row["score"] for row in rows] == [0.7, 0.6, 0.5]
    assert rows[0]["ground_truth.label"] == scored.match(F("score") == 0.7).first().ground_truth.label
    lowest = reading.ends(scored.view(), "score", [], reverse=False, skip=0, limit=20)
    assert [row["score"] for row in lowest][:2] == [0.0, 0.1]
    assert len(lowest) == 10


def test_groups__sizes_means_and_pictures(scored: Any) -> None:
    # cluster 0 holds 0.0, 0.3, 0.6, 0.9; 0.3 and 0.6 are flagged; 1 holds 0.1, 0.4, 0.7; 2 holds 0.2, 0.5, 0.8
    rows, total = reading.groups(scored.view(), "cluster", flag="flag", score="score", worst_low=True, most=10)
    assert total == 3
    assert [(row["value"], row["n"], row["flagged"]) for row in rows] == [(0, 4, 2), (1, 3, 0), (2, 3, 0)]
    assert [round(row["mean"], 2) for row in rows] == [0.45, 0.4, 0.5]
    shown = [scored[row["id"]].score for row in rows]
    assert shown == [0.3, 0.1, 0.2]  # the lowest flagged one, then the lowest of groups without flags
    assert rows[0]["path"] == scored[rows[0]["id"]].filepath


def test_groups__high_scores_are_bad(scored: Any) -> None:
    rows, _ = reading.groups(scored.view(), "cluster", flag=None, score="score", worst_low=False, most=10)
    assert [scored[row["id"]].score for row in rows] == [0.9, 0.7, 0.8]


def test_groups__no_more_than_asked_for_and_the_number_of_all(scored: Any) -> None:
    rows, total = reading.groups(scored.view(), "cluster", flag=None, score=None, worst_low=False, most=2)
    assert (len(rows), total) == (2, 3)
    assert rows[0]["mean"] is None


def test_groups__labels_in_lists_count_each(dataset: Any) -> None:
    tags = [["a"], ["a", "b"], [], None] * 3
    dataset.add_sample_field("tags_of", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classifications)
    labels = [
        None if t is None else fo.Classifications(classifications=[fo.Classification(label=x) for x in t]) for t in tags
    ]
    dataset.set_values("tags_of", labels)
    path = "tags_of.classifications.label"
    rows, total = reading.groups(dataset.view(), path, flag=None, score=None, worst_low=False, most=5)
    assert [(row["value"], row["n"]) for row in rows] == [("a", 6), ("b", 3)]
    assert total == 2


def test_flagged__counts_and_shows_one(scored: Any) -> None:
    found = reading.flagged(scored.view(), {"flag": "flag"}, "score", worst_low=True)
    assert found["flag"]["n"] == 2
    assert scored[found["flag"]["id"]].score == 0.3
    none = reading.flagged(scored.match(F("score") > 0.8), {"flag": "flag"}, "score", worst_low=True)
    assert none["flag"] == {"n": 0, "id": None, "path": None}


def test_groups__values_inside_lists_count_each_on_their_own(scored: Any) -> None:
    scored.add_sample_field("issues", fo.ListField, subfield=fo.StringField)
    scored.set_values("issues", [["dark", "blurry"], ["dark"], []] + [None] * 9)
    rows, total = reading.groups(scored.view(), "issues", flag=None, score="score", worst_low=True, most=10)
    assert total == 2
    # "dark" is on the samples with scores 0.0 and 0.1, "blurry" on the first
    assert [(row["value"], row["n"], row["mean"]) for row in rows] == [("dark", 2, 0.05), ("blurry", 1, 0.0)]
