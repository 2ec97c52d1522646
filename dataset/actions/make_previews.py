"""Previews of pictures that the App's browser cannot show, such as TIFF and DICOM, as files beside the dataset.

The App shows a sample's preview in place of its file where the dataset's app config names the field that holds it, and
so do the panels. Methods read the files themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ...core.images.previews import needs_preview, write_preview
from ...core.images.reading import UnreadableImage, in_order
from ..fields.declarations import declare_fields
from ..fields.rows import Rows, rows_of
from ..inputs.pictures import files_of
from ..storage.output_files import writing
from .action import Action, counted

FIELD = "thumbnail_path"
FILE = "filepath"
WRITTEN = 500  # previews whose paths are written to the database at a time
NAMED = 20


@dataclass(frozen=True, kw_only=True)
class MakePreviewsParams(Params):
    """Make previews of images that a browser cannot show, such as TIFF, DICOM and dark 16-bit images.

    The grid, the open image and all panels then show the preview; methods read the file itself.
    """

    directory: str | None = param(
        None, "Folder to write them to, made where there is none; empty: one of the dataset's own", path="folder"
    )
    side: int = param(1280, "Pixels of the longer side, at most", at_least=32)
    field: str = param(FIELD, "Field for the paths of the previews", identifier=True, advanced=True)


def make_previews(samples: fo.DatasetView, params: MakePreviewsParams, progress: Progress) -> dict[str, Any]:
    """Make those that are missing or out of date; previews that others made stay.

    Returns:
        counts: made, up to date, not needed, unreadable and their first sentences; the folder

    Raises:
        ParamError: the field holds something else, or the folder cannot be written to.
    """
    dataset = samples._root_dataset
    _check_field(dataset, params.field)
    folder = Path(params.directory).expanduser() if params.directory else _own_folder(dataset)
    rows = rows_of(_pictures(samples), None)
    files, known = files_of(rows), _known(rows, params.field)
    wanted = [row for row, path in enumerate(files) if _is_ours(known[row], folder) and needs_preview(path)]
    made, same, unreadable = 0, 0, list[str]()
    if wanted:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            declare_fields(dataset, {params.field: {"ftype": fo.StringField, "description": "Preview of the image"}})
            for part in range(0, len(wanted), WRITTEN):
                now = wanted[part : part + WRITTEN]
                done = _written([files[row] for row in now], folder, params.side, part, len(wanted), progress)
                new = [
                    rows.update(row, {params.field: str(one)})
                    for row, one in zip(now, done, strict=True)
                    if isinstance(one, Path) and str(one) != known[row]
                ]
                if new:
                    dataset._bulk_write(new)
                unreadable += [str(one) for one in done if isinstance(one, UnreadableImage)]
                made += len(new)
                same += len(done) - len(new)
        same -= len(unreadable)
        _let_the_app_show(dataset, params.field)
    unneeded = len(files) - len(wanted)
    headline = f"{counted(made, 'preview')} made" if wanted else "No preview is needed: a browser shows every image"
    headline += f", {same:,} up to date" if same else ""
    headline += f"; {counted(len(unreadable), 'image')} cannot be read" if unreadable else ""
    return {
        "headline": headline,
        "made": made,
        "up_to_date": same,
        "not_needed": unneeded,
        "unreadable": len(unreadable),
        "unreadable_files": unreadable[:NAMED],
        "directory": str(folder) if wanted else None,
    }


def _check_field(dataset: fo.Dataset, name: str) -> None:
    field = dataset.get_field(name)
    if name == FILE or (field is not None and not isinstance(field, fo.StringField)):
        raise ParamError(
            f"MakePreviewsParams.field must be a new field, or one of texts other than the files; got {name!r}"
        )


def _own_folder(dataset: fo.Dataset) -> Path:
    return Path(str(fo.config.default_dataset_dir), str(dataset.slug), "previews")


def _pictures(samples: fo.DatasetView) -> fo.DatasetView:
    """All slices of a group that are images."""
    if samples.media_type == fo.core.media.GROUP:
        return samples.select_group_slices(media_type=fo.core.media.IMAGE)
    return samples


def _known(rows: Rows, field: str) -> list[str | None]:
    if rows.dataset.get_field(field) is None:
        return [None] * len(rows)
    known: list[str | None] = rows.values(field)
    return known


def _is_ours(preview: str | None, folder: Path) -> bool:
    """Whether a preview may be written: there is none, or it is gone, or we made it."""
    return preview is None or os.path.dirname(preview) == str(folder) or not os.path.exists(preview)


def _written(
    files: Sequence[str], folder: Path, side: int, before: int, total: int, progress: Progress
) -> list[Path | UnreadableImage]:
    def one(path: str) -> Path | UnreadableImage:
        try:
            return write_preview(path, folder, side)
        except UnreadableImage as error:
            return error

    found: list[Path | UnreadableImage] = []
    for done, item in enumerate(in_order(one, files, os.cpu_count() or 1), start=before + 1):
        found.append(item)
        if done % 16 == 0 or done == total:
            progress(done, total, "making previews")
    return found


def _let_the_app_show(dataset: fo.Dataset, field: str) -> None:
    """Name the field in the dataset's app config; what its user chose to see stays chosen."""
    config = dataset.app_config
    if field not in config.media_fields:
        config.media_fields = [*config.media_fields, field]
    if config.grid_media_field == FILE:
        config.grid_media_field = field
    if config.modal_media_field == FILE:
        config.modal_media_field = field
    config.media_fallback = True  # samples without a preview show their file
    dataset.save()


ACTION = Action(
    name="make_previews",
    label="Make previews",
    stage="understand",
    params=MakePreviewsParams,
    run=make_previews,
    risk="medium",
)
