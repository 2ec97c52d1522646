"""A change of what a run read is noticed, wherever in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fiftyone as fo
import numpy as np
from image_curation import curate, get_run, stale_reason
from image_curation.dataset.runs import record as runs
from image_curation.dataset.runs.fingerprints import digest_of_source


def test_digest_of_source__the_middle_of_long_vectors(dataset: Any) -> None:
    """Python shows the first and last three of more than a thousand numbers only."""
    dataset.add_sample_field("long", fo.VectorField)
    vectors = np.random.default_rng(0).normal(size=(12, 1200)).astype(np.float32)
    dataset.set_values("long", list(vectors))
    curate(dataset, "find_representatives", key="few", embeddings="long", k=2)
    assert get_run(dataset, "few").fingerprint["embeddings"].startswith("stored:")
    assert stale_reason(dataset, get_run(dataset, "few")) is None
    vectors[5, 600] += 1
    dataset.set_values("long", list(vectors))
    assert stale_reason(dataset, get_run(dataset, "few")) == "values in 'long' have changed"


def test_digest_of_source__earlier_runs_still_hold(dataset: Any) -> None:
    run = curate(dataset, "find_representatives", key="few", embeddings="vectors", k=2)
    earlier = digest_of_source(dataset, run.reads["embeddings"], None, like="")
    assert not earlier.startswith("stored:")
    runs.finish(dataset, replace(run, fingerprint={**run.fingerprint, "embeddings": earlier}))
    assert stale_reason(dataset, get_run(dataset, "few")) is None
    dataset.set_values("vectors", list(np.random.default_rng(0).normal(size=(12, 3))))
    assert stale_reason(dataset, get_run(dataset, "few")) == "values in 'vectors' have changed"
