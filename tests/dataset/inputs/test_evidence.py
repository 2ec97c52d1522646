"""What runs have measured of embeddings: the better ones come first, and forms and checks say how good they are."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.labels.find_label_issues import METHOD
from image_curation.dataset.curate import curate
from image_curation.dataset.inputs.evidence import Measured, best_told_first, measured
from image_curation.dataset.inputs.sources import vector_sources
from image_curation.dataset.runs.record import list_runs
from image_curation.operators.forms import add_params


def of(embeddings: str, value: float, labels: str = "ground_truth") -> Measured:
    return Measured(embeddings, labels, {"value": value, "low": 0.5, "high": 1.0, "chance": 0.5}, "good")


def test_best_told_first__only_what_was_measured_changes_places() -> None:
    names = ["strong", "unknown", "weak", "other"]
    assert best_told_first(names, []) == names
    assert best_told_first(names, [of("strong", 0.7), of("weak", 0.9)]) == ["weak", "unknown", "strong", "other"]
    elsewhere = [of("strong", 0.7), of("weak", 0.9, "species")]
    assert best_told_first(names, elsewhere) == names, "other labels are no comparison"
    assert best_told_first(names, [of("gone", 1.0), of("strong", 0.5)]) == names


@pytest.mark.slow
def test_measured__orders_embeddings_and_is_said(dataset: Any) -> None:
    """Twelve vectors of three colours, and twelve at random that come first by their name."""
    dataset.add_sample_field("a_noise", fo.VectorField)
    dataset.set_values("a_noise", list(np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)))
    for name in ("vectors", "a_noise"):
        curate(dataset, "find_label_issues", embeddings=name, key=f"by_{name}")
    assert [one.embeddings for one in measured(list_runs(dataset))] == ["a_noise", "vectors"]
    assert vector_sources(dataset)[0] == "vectors"
    form = fo.operators.types.Object()
    add_params(form, METHOD.params, dataset, {})
    shown = form.to_json()["properties"]["embeddings"]
    assert shown["default"] == "vectors"
    said = {choice["value"]: choice["description"] for choice in shown["view"]["choices"]}
    assert said["vectors"].startswith("good: they tell one class from the others in 100%")
    assert "shuffled labels: " in said["vectors"]
    assert said["a_noise"].startswith(("none: ", "weak: "))
