"""A FiftyOne dataset that was checked there, as a check of the folder that its images lie in.

The only part of the command line that starts FiftyOne, and its database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.base import columns as kinds
from ..core.base.arrays import Progress
from ..core.base.errors import ParamError
from ..core.images.folder_layout import FolderLayout
from .check import Checked, checked_of
from .folder import ImageFolder
from .running import Ran

NOT_PLAIN = (kinds.Vector, kinds.Point, kinds.Label, kinds.Labels, kinds.Heatmap)


def check_dataset(name: str, progress: Progress) -> Checked:
    """Run what applies on the whole dataset, as `check_dataset` does in the App, and read what was found.

    Raises:
        ParamError: there is no such dataset, or it holds no images in use.
    """
    import fiftyone as fo

    from ..dataset.actions.check_dataset import ACTION, key_of
    from ..dataset.fields.working_set import EXCLUDED
    from ..dataset.runs.record import get_run

    if not fo.dataset_exists(name):
        raise ParamError(f"There is no dataset {name!r}; there are: {', '.join(fo.list_datasets()) or 'none'}")
    dataset = fo.load_dataset(name)
    ACTION.run(dataset.view(), ACTION.params(), progress)
    view = dataset.match_tags(EXCLUDED, bool=False)
    record = get_run(dataset, key_of(None))
    runs = [get_run(dataset, key) for key in record.reads]
    labels = next((path for run in runs if (path := _label_path(run.reads))), None)
    paths = [str(path) for path in view.values("filepath")]
    root = _root_of(paths)
    layout = FolderLayout(paths, view.values(labels) if labels else [None] * len(paths), [None] * len(paths))
    names = [os.path.relpath(path, root).replace(os.sep, "/") for path in paths]
    of_ids = dict(zip(view.values("id"), names, strict=True))
    ran = [one for run in runs if (one := _ran(run, view, of_ids)) is not None]
    return checked_of(ImageFolder(root, layout, paths, names), ran, record.facts)


def _label_path(reads: Mapping[str, Any]) -> str | None:
    """Where the labels are that a run judged."""
    path = (reads.get("labels") or {}).get("field")
    return str(path) if path and (reads["labels"].get("role") or "labels") == "labels" else None


def _root_of(paths: Sequence[str]) -> Path:
    """The folder that all images lie in."""
    return Path(os.path.commonpath([os.path.dirname(path) for path in paths]))


def _ran(run: Any, view: Any, names: Mapping[str, str]) -> Ran | None:
    """What a run wrote, of the samples of a view; None for a run of a method that this version does not know."""
    method = run.declaration
    if method is None:
        return None
    columns = dict(_columns(run, view, names))
    return Ran(method, method.params.from_dict(run.params), columns, run.facts, run.facts.get("skipped") or {})


def _columns(run: Any, view: Any, names: Mapping[str, str]) -> Iterator[tuple[str, list[Any]]]:
    for name, path in run.writes.items():
        column = run.declaration.column(name)
        if ":" in name or column.on_labels or column.type in NOT_PLAIN:
            continue
        values = view.values(path)
        if column.type is kinds.Neighbors:
            values = [None if own is None else [names[one] for one in own if one in names] for own in values]
        yield name, values
