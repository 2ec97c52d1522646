"""The App's sidebar: the fields of a run stand together under the run's key."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo

from .one_writer import one_writer


def add_group(dataset: fo.Dataset, key: str, paths: Sequence[str]) -> None:
    """Show these fields as one group named after the run, in place of a group of that name."""
    if paths:
        _write(dataset, key, paths)


def remove_group(dataset: fo.Dataset, key: str) -> None:
    """Take the run's group away. Does nothing where there is none."""
    if any(group.name == key for group in dataset.app_config.sidebar_groups or ()):
        _write(dataset, key, ())


def _write(dataset: fo.Dataset, key: str, paths: Sequence[str]) -> None:
    with one_writer(dataset):
        document = dataset._doc
        groups = document.app_config.sidebar_groups or fo.DatasetAppConfig.default_sidebar_groups(dataset)
        groups, moved = [group for group in groups if group.name != key], set(paths)
        for group in groups:
            group.paths = [path for path in group.paths if path not in moved]
        if paths:
            groups.append(fo.SidebarGroupDocument(name=key, paths=list(paths), expanded=False))
        document.app_config.sidebar_groups = groups
        document.save()
