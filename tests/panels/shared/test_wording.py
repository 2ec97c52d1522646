"""Numbers, times and facts as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from image_curation.panels.shared import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (0.12345, "0.123"),
        (0.1, "0.100"),
        (12.34, "12.3"),
        (99.97, "100"),
        (1234.5, "1,234"),
        (0.00012, "< 0.001"),
        (-0.00012, "> -0.001"),
        (-0.5, "-0.500"),
        (float("nan"), "–"),
    ],
)
def test_number__digits_a_reader_can_use(value: float, text: str) -> None:
    assert wording.number(value) == text


def test_samples__singular_and_plural() -> None:
    assert [wording.samples(n) for n in (0, 1, 1797)] == ["0 samples", "1 sample", "1,797 samples"]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(seconds=50), "1 minute ago"),
        (timedelta(minutes=3), "3 minutes ago"),
        (timedelta(minutes=59, seconds=50), "1 hour ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=4), "4 days ago"),
        (timedelta(days=40), "2026-01-10"),
    ],
)
def test_ago__each_unit(before: timedelta, text: str) -> None:
    now = datetime(2026, 2, 19, 12, tzinfo=timezone.utc)
    assert wording.ago((now - before).isoformat(), now) == text


def test_ago__never() -> None:
    assert wording.ago(None) == ""


def test_facts__plain_words_and_nothing_that_is_not_short() -> None:
    found = {
        "headline": "shown elsewhere",
        "versions": {"numpy": "2.4"},
        "seconds": 12.34,
        "n_issues": 1234,
        "converged": True,
        "classes": ["ant", "bee"],
        "skipped": {"no vector": 3},
        "sizes": list(range(20)),
        "pairs": [{"a": 1}],
        "nothing": None,
    }
    assert [(fact["label"], fact["value"]) for fact in wording.facts(found)] == [
        ("Time taken", "12.3 s"),
        ("Issues", "1,234"),
        ("Converged", "yes"),
        ("Classes", "ant, bee"),
        ("Left out", "no vector: 3"),
        ("Sizes", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … (20 in all)"),
    ]


def test_sentence__capital_and_full_stop() -> None:
    assert wording.sentence("labels have changed") == "Labels have changed."
    assert wording.sentence("Done!") == "Done!"
    assert wording.sentence("") == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0.00012, "0.00012"), (0.0000002, "< 0.000001"), (0.0000067, "0.0000067"), (0.0005, "0.00050")]
)
def test_number__among_small_ones(value: float, text: str) -> None:
    assert wording.number(value, scale=0.0005) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.2, 0.4, "0.200 to 0.400"),
        (0.0, 0.4, "up to 0.400"),
        (0.2, 1.0, "0.200 and above"),
        (0.0, 1.0, "0 to 1"),
    ],
)
def test_interval__ends_that_hold_everything_are_not_named(low: float, high: float, text: str) -> None:
    assert wording.interval(low, high, 0.0, 1.0) == text
