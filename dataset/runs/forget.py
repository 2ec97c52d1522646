"""Forgetting a run: its record, fields and files go."""

from __future__ import annotations

from collections.abc import Collection

import fiftyone as fo

from ..fields import sidebar
from ..storage import arrays as store
from ..storage import embedding_cache as kept
from ..storage import vectors as vector_store
from .record import Run, get_run


def forget(dataset: fo.Dataset, key: str) -> dict[str, int]:
    """Delete a run: its fields, its visualization and its record. Samples and media stay.

    Returns:
        {"fields": number of fields deleted, "samples": number of samples that held them}
    """
    run = get_run(dataset, key)
    erase(dataset, run)
    store.drop(dataset, key)
    kept.drop(dataset, key)
    vector_store.drop(dataset, key)
    dataset.delete_run(key)
    return {"fields": len(run.writes), "samples": run.n}


def erase(dataset: fo.Dataset, run: Run, keep: Collection[str] = ()) -> None:
    """Delete what a run wrote, leaving its record, and files that are still needed."""
    if run.key in dataset.list_brain_runs():
        dataset.delete_brain_run(run.key)
    present = [path for path in run.writes.values() if dataset.get_field(path) is not None]
    if present:
        dataset.delete_sample_fields(present)
    sidebar.remove_group(dataset, run.key)
    store.remove(dataset, [file for file in run.facts.get("files") or () if file not in keep])
