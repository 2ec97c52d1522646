"""Forgetting a run: its record, fields and files go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import fiftyone as fo

from ..fields import sidebar
from ..fields.fiftyone_compat import delete_fields, delete_run_record, drop_brain_run
from ..fields.leases import Lease
from ..fields.one_writer import one_writer
from ..storage import arrays as store
from ..storage import embedding_cache
from ..storage import vectors as vector_store
from . import claims
from .record import Run, get_run


def forget(dataset: fo.Dataset, key: str, force: bool = False) -> dict[str, int]:
    """Delete a run: its fields, its visualization and its record. Samples and media stay.

    Args:
        force: even if it seems to be running; it then ends without a result.

    Returns:
        {"fields": number of fields deleted, "samples": number of samples that held them}
    """
    run = get_run(dataset, key)
    claims.claim(dataset, key, asdict(run), force)
    try:
        files, fields = list(run.facts.get("files") or ()), _fields(dataset, run)
        promised = {"kind": "forget", "key": key, "files": files, "fields": fields}
        _erase(dataset, promised, claims.promise(dataset, key, promised))
    except BaseException:
        claims.leave(dataset, key)
        raise
    claims.release(dataset, key)
    return {"fields": len(fields), "samples": run.n}


def _fields(dataset: fo.Dataset, run: Run) -> list[str]:
    """The fields of a run that are there: those it names, and those that it died on declaring."""
    own = [path for path, kind in dataset.get_field_schema().items() if (kind.info or {}).get("run") == run.key]
    return [path for path in dict.fromkeys([*run.writes.values(), *own]) if dataset.get_field(path) is not None]


@claims.finishes("forget")
def _erase(dataset: fo.Dataset, promised: Mapping[str, Any], lease: Lease) -> None:
    """Delete what a run left: its record last, so that what is not done yet can be seen."""
    key = promised["key"]
    with one_writer(dataset):
        drop_brain_run(dataset, key)
        delete_fields(dataset, list(promised["fields"]))
        sidebar.remove_group(dataset, key)
        store.remove(dataset, promised["files"])
        for kept in (store, embedding_cache, vector_store):
            kept.drop(dataset, key)
        delete_run_record(dataset, key)
