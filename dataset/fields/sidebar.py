"""The App's sidebar: the fields of a run stand together under the run's key, closed, and off in the grid.

A field that is off is not written over the pictures; a tick in the sidebar puts it there.
"""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo
import fiftyone.core.odm.dataset as foo

from .one_writer import one_writer


def add_group(
    dataset: fo.Dataset, key: str, paths: Sequence[str], on: Sequence[str] = (), off: Sequence[str] = ()
) -> None:
    """Show these fields as one group named after the run, in place of a group of that name.

    Args:
        on: those of them that the grid shows on its pictures; the others are off.
        off: further fields that go off, such as given labels beside their corrections.
    """
    if paths:
        _write(dataset, key, paths, on, off)


def remove_group(dataset: fo.Dataset, key: str) -> None:
    """Take the run's group away. Does nothing where there is none."""
    if any(group.name == key for group in dataset.app_config.sidebar_groups or ()):
        _write(dataset, key, ())


def _write(
    dataset: fo.Dataset, key: str, paths: Sequence[str], on: Sequence[str] = (), off: Sequence[str] = ()
) -> None:
    with one_writer(dataset):
        document = dataset._doc
        groups = document.app_config.sidebar_groups or fo.DatasetAppConfig.default_sidebar_groups(dataset)
        groups, moved = [group for group in groups if group.name != key], set(paths)
        for group in groups:
            group.paths = [path for path in group.paths if path not in moved]
        if paths:
            groups.append(fo.SidebarGroupDocument(name=key, paths=list(paths), expanded=False))
        document.app_config.sidebar_groups = groups
        quiet = [path for path in (*paths, *off) if path not in on]
        document.app_config.active_fields = _active(dataset, quiet, on)
        document.save()


def _active(dataset: fo.Dataset, quiet: Sequence[str], on: Sequence[str]) -> foo.ActiveFields:
    """What the grid shows on its pictures, without some fields; what the user chose himself stays.

    Where nothing was chosen, the App shows all labels; said as a list of them, since "all but these" would bring up
    ids, paths and times too.
    """
    active = dataset.app_config.active_fields or fo.DatasetAppConfig.default_active_fields(dataset)
    listed = [path for path in active.paths if path not in (on if active.exclude else quiet)]
    new = [path for path in (quiet if active.exclude else on) if path not in listed]
    return foo.ActiveFields(exclude=active.exclude, paths=[*listed, *new])
