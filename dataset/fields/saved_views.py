"""Saved views by their names."""

from __future__ import annotations

import re

import fiftyone as fo


def named_like(dataset: fo.Dataset, name: str) -> str | None:
    """The saved view whose name or address in the App would be the same."""
    slug = re.sub(r"[\W_]+", "-", name.lower()).strip("-")
    for other in dataset.list_saved_views():
        if other == name or re.sub(r"[\W_]+", "-", other.lower()).strip("-") == slug:
            return str(other)
    return None
