"""The App's sidebar: the fields of a run stand together under the run's key."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo


def add_group(dataset: fo.Dataset, key: str, paths: Sequence[str]) -> None:
    """Show these fields as one group named after the run."""
    if not paths:
        return
    groups = dataset.app_config.sidebar_groups or fo.DatasetAppConfig.default_sidebar_groups(dataset)
    moved = set(paths)
    for group in groups:
        group.paths = [path for path in group.paths if path not in moved]
    groups.append(fo.SidebarGroupDocument(name=key, paths=list(paths), expanded=False))
    dataset.app_config.sidebar_groups = groups
    dataset.save()


def remove_group(dataset: fo.Dataset, key: str) -> None:
    """Take the run's group away. Does nothing where there is none."""
    groups = dataset.app_config.sidebar_groups
    if not groups:
        return
    kept = [group for group in groups if group.name != key]
    if len(kept) < len(groups):
        dataset.app_config.sidebar_groups = kept
        dataset.save()
