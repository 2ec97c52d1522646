"""Saved views: found by their names, and replaced only by what is ready."""

from __future__ import annotations

import fiftyone as fo
import fiftyone.core.utils as fou
from bson import json_util

from .one_writer import one_writer

LONGEST = 100  # letters that FiftyOne allows


def slug_of(name: str) -> str:
    """The view's address in the App: its letters from a to z and digits; "" where it has none, or too many letters."""
    try:
        return str(fou.to_slug(name))
    except ValueError:
        return ""


def named_like(dataset: fo.Dataset, name: str) -> str | None:
    """The saved view whose name or address in the App would be the same."""
    slug = slug_of(name)
    for other in dataset.list_saved_views():
        if other == name or slug_of(other) == slug:
            return str(other)
    return None


def save_view(dataset: fo.Dataset, name: str, view: fo.DatasetView, description: str) -> None:
    """Save a view, in place of one of the same name or address, which is there until the new one is."""
    with one_writer(dataset):
        taken = named_like(dataset, name)
        if taken is None:
            dataset.save_view(name, view, description=description)
            return
        document = dataset._get_saved_view_doc(taken)
        document.name, document.slug, document.description = name, slug_of(name), description
        document.view_stages = [json_util.dumps(stage) for stage in view._serialize(include_uuids=False)]
        document.save()  # one write of the database
