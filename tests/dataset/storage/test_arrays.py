"""Caches stop no method: where they cannot be written, a sentence stands in the run's record."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.curate import curate
from image_curation.dataset.storage import vectors


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("find_outliers", {"embeddings": "vectors"}),
        ("find_duplicates", {"embeddings": "vectors"}),
        ("compute_embeddings", {"model": "descriptor"}),
    ],
)
def test_store_that_cannot_be_written__stops_nothing(
    dataset: Any, monkeypatch: pytest.MonkeyPatch, method: str, given: dict[str, Any]
) -> None:
    monkeypatch.setattr(fo.config, "default_dataset_dir", "/proc/nowhere")  # not even root makes a folder there
    run = curate(dataset, method, key="run", **given)
    assert run.status == "done"
    assert run.facts["not_kept"]
    assert all("could not be kept (" in said for said in run.facts["not_kept"])


def test_vectors__in_a_file_that_cannot_be_written(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fo.config, "default_dataset_dir", "/proc/nowhere")
    with pytest.raises(ParamError, match="make room there"):
        curate(dataset, "compute_embeddings", model="descriptor", store="file")
    assert not dataset.list_runs()


def test_reserve__a_disk_that_is_too_small_is_told_before_the_work(tmp_path: Any) -> None:
    with pytest.raises(ParamError, match=r"need 4,000,000,000\.0 GB below .* make room there"):
        vectors.scratch(tmp_path, 10**9, 10**9)
