"""One event of the review reads what it needs once: how often it asks the database is held here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import curate

PANEL = "@image-curation/curator/review"


@pytest.fixture
def flagged() -> Iterator[Any]:
    """Twenty-four samples of two classes, three of them labelled wrongly and found: run `label_issues`."""
    rng = np.random.default_rng(3)
    made = fo.Dataset()
    made.add_sample_field("vectors", fo.VectorField)
    samples = []
    for number in range(24):
        code = number % 2
        label = ("cat", "dog")[1 - code if number in (0, 7, 14) else code]
        vector = (np.eye(2)[code] + 0.05 * rng.standard_normal(2)).astype(np.float32)
        samples.append(
            fo.Sample(f"/pictures/{number}.png", ground_truth=fo.Classification(label=label), vectors=vector)
        )
    made.add_samples(samples, progress=False)
    del samples  # FiftyOne reads samples that are held anew, one by one
    curate(made, "find_label_issues", embeddings="vectors", label_field="ground_truth")
    yield made
    made.delete()


def test_events__ask_the_database_few_times(
    flagged: Any, on: Callable[..., Any], calls: Counter[tuple[str, str]]
) -> None:
    def asked(event: str, **params: Any) -> tuple[int, int]:
        calls.clear()
        review.send(event, **params)
        return calls.total(), calls["find", "runs"]

    review = on(flagged, uri=PANEL).send("on_load")
    total, runs = asked("on_load")
    assert runs == 1
    assert total <= 26
    first, _ = asked("accept", id=review.data["card"]["id"])  # makes the fields of decisions
    assert review.data["said"].startswith("Labelled")
    second, runs = asked("accept", id=review.data["card"]["id"])
    assert review.data["progress"]["done"] == 2
    assert runs == 1
    assert first <= 84
    assert second <= 40
    undone, runs = asked("undo")
    assert review.data["progress"]["done"] == 1
    assert runs == 1


def test_open__the_newest_that_leaves_something_to_decide(flagged: Any, on: Callable[..., Any]) -> None:
    """A later search that finds nothing does not hide the labels that wait."""
    nothing = curate(flagged, "find_annotation_issues", label_field="ground_truth")
    review = on(flagged, uri=PANEL).send("on_load")
    assert (review.data["source"], review.data["progress"]["total"]) == ("label_issues", 3)
    review = on(flagged, uri=PANEL)
    review.send("on_load").send("choose_source", key=nothing.key)  # but who wants to see it, does
    assert review.data["card"] is None
