"""Makes samples from a folder of images, a list of files or an NPZ; unreadable files are named, never fatal."""

from __future__ import annotations

import mimetypes
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fiftyone as fo

from ...core.base.arrays import Progress, silent
from ...core.base.errors import DataError
from ...core.base.params import ParamError, Params, param
from ...core.embeddings.vector_files import Vectors, read_npz
from ...core.images.folder_layout import LEVELS, by_folders
from ...core.images.formats import BROWSER, SUFFIXES
from ...core.images.reading import UnreadableImage, read_images
from ..curate import curate
from ..runs.record import free_key
from .action import Action, counted
from .image_folder import ImageFolder, read_folder
from .make_previews import MakePreviewsParams, make_previews

ERROR_FIELD, SPLIT_FIELD = "import_error", "split"
UNREADABLE = "unreadable"
ENOUGH = 32  # pixels to decode a JPEG to: its whole stream is still read, so damage shows


@dataclass(frozen=True, kw_only=True)
class ImportImagesParams(Params):
    """Import images from a folder, a list of files, or an NPZ with paths, labels and embeddings.

    Folders named like splits become tags and the field `split`; COCO, YOLO, VOC, CVAT and metadata.csv are read.
    """

    directory: str | None = param(None, "Folder of images, sub-folders included", path="folder")
    list_file: str | None = param(None, "Text file with one image path per line", path="file")
    npz: str | None = param(None, "NPZ file with image_paths, optionally labels and embeddings", path="file")
    label_from: str = param(
        "parent",
        "Folder names used as labels: parent, the one that holds the image; top, the first; path, all; or none",
        among=LEVELS,
    )
    label_field: str = param("ground_truth", "Field for the labels", identifier=True, advanced=True)
    dataset_name: str | None = param(None, "Dataset name, created if it does not exist; empty: the open dataset")
    previews: bool = param(False, "Also make previews of images that no browser shows, such as TIFF and DICOM")
    dry_run: bool = param(False, "Say what would be imported, write nothing", advanced=True)

    def check(self) -> None:
        """Exactly one source."""
        given = [name for name in ("directory", "list_file", "npz") if getattr(self, name)]
        if len(given) != 1:
            raise ParamError(
                "ImportImagesParams needs exactly one of directory, list_file and npz; got "
                + (", ".join(given) or "none")
            )


def import_images(samples: fo.DatasetView | None, params: ImportImagesParams, progress: Progress) -> dict[str, Any]:
    """Add the images as samples; files already in the dataset are left alone, unreadable ones tagged and named.

    Returns:
        counts: added, unreadable (and their first names), already there, classes, splits, left out by ending, images
        that label files name and that are missing

    Raises:
        DataError: there are no images, or a label file cannot be read.
    """
    found, vectors = _find(params)
    if not found.paths:
        beside = f"; it holds {_counts(found.left_out)}" if found.left_out else ""
        raise DataError(
            f"No images in {params.directory or params.list_file or params.npz!r}{beside}. "
            f"Known endings: {' '.join(sorted(SUFFIXES))}"
        )
    if params.dry_run:
        return {"headline": described(found), **_summary(found)}
    dataset = _dataset(samples, params.dataset_name)
    _make_fields(dataset, params.label_field, found)
    present = set(dataset.values("filepath"))
    rows: dict[str, int] = {}
    for row, path in enumerate(found.paths):
        if path not in present:
            rows.setdefault(path, row)
    unreadable = []
    added, unseen = 0, 0
    batch: list[fo.Sample] = []
    for path, sample, error, is_seen in _samples(found, rows, params.label_field):
        batch.append(sample)
        unseen += not is_seen
        if error is not None:
            unreadable.append(f"{path}: {error.reason}")
        added += 1
        if len(batch) == 1_000 or added == len(rows):
            dataset.add_samples(batch, progress=False)
            batch = []
            progress(added, len(rows), "reading images")
    summary = {
        "dataset": dataset.name,
        "added": added,
        "already_there": len(found.paths) - added,
        "unreadable": len(unreadable),
        "unreadable_files": unreadable[:20],
        "without_preview": unseen,
        **_summary(found),
    }
    if vectors is not None and added:
        run = curate(dataset, "import_embeddings", key=free_key(dataset, "embeddings"), path=params.npz)
        summary["embeddings"] = run.key
    if params.previews and added:
        made = make_previews(dataset.view(), MakePreviewsParams(), progress)
        summary |= {"previews": made["made"], "without_preview": 0}
    note = f", {len(unreadable)} of them unreadable" if unreadable else ""
    note += f"; left out: {_counts(found.left_out)}" if found.left_out else ""
    note += f"; {len(found.missing):,} images named in label files are missing" if found.missing else ""
    note += f"; {made['made']:,} previews made" if params.previews and added else ""
    if unseen and not params.previews:
        note += f"; no browser shows {unseen:,} of them: make_previews makes what it can show"
    return {"headline": f"{added:,} samples added to {dataset.name!r}{note}", **summary}


def preview(dataset: fo.Dataset | None, given: Mapping[str, Any]) -> str | None:
    """What would come, before anything is written: a sentence for the form, also where nothing can come of it."""
    named = {name: given.get(name) for name in ("directory", "list_file", "npz") if given.get(name)}
    if not named:
        return None
    try:
        params = ImportImagesParams.from_dict({**named, "label_from": given.get("label_from") or "parent"})
        return described(_find(params)[0])
    except (ParamError, OSError, ValueError) as error:
        return str(error)


def described(found: ImageFolder) -> str:
    """Number of images, classes with counts, splits, what is left out and why."""
    classes = Counter(label for label in found.labels if label is not None)
    splits = Counter(split for split in found.splits if split is not None)
    parts = [counted(len(found.paths), "image")]
    if classes:
        without = sum(label is None for label in found.labels)
        parts.append(f"{counted(len(classes), 'class').replace('classs', 'classes')}: {_counts(classes)}")
        parts += [f"{without:,} without a class"] if without else []
    if found.boxes:
        objects = sum(len(one.detections) for one in found.boxes.values())
        parts.append(f"{objects:,} objects on {counted(len(found.boxes), 'image')}, from {found.layout}")
    parts += [f"splits: {_counts(splits)}"] if splits else []
    parts += [f"left out: {_counts(found.left_out)}"] if found.left_out else []
    parts += [f"{len(found.missing):,} images named in label files are missing"] if found.missing else []
    return "; ".join(parts)


def _counts(counts: Counter[str], most: int = 12) -> str:
    said = [f"{name} {number:,}" for name, number in counts.most_common(most)]
    return ", ".join(said) + (f" and {len(counts) - most:,} more" if len(counts) > most else "")


def _summary(found: ImageFolder) -> dict[str, Any]:
    return {
        "layout": found.layout,
        "classes": len({label for label in found.labels if label is not None}),
        "splits": dict(Counter(split for split in found.splits if split is not None)),
        "left_out": dict(found.left_out),
        "missing": found.missing[:20],
    }


def _find(params: ImportImagesParams) -> tuple[ImageFolder, Vectors | None]:
    if params.directory:
        root = Path(params.directory).expanduser()
        _check_readable(root, "directory", is_folder=True)
        return read_folder(root, params.label_from), None
    vectors = None
    if params.list_file:
        file = Path(params.list_file).expanduser()
        _check_readable(file, "list_file", is_folder=False)
        paths = list(_listed(file))
    else:
        vectors = read_npz(str(params.npz))
        paths = [os.path.abspath(path) for path in vectors.paths]
    labels, splits = by_folders(paths, os.path.commonpath(paths) if len(paths) > 1 else "/", params.label_from)
    given = None if vectors is None else vectors.labels
    return ImageFolder(paths, list(given) if given is not None else labels, splits), vectors


def _check_readable(path: Path, name: str, is_folder: bool) -> None:
    kind = "folder" if is_folder else "file"
    try:
        there = path.is_dir() if is_folder else path.is_file()
    except PermissionError:
        there = False
    if not there:
        raise ParamError(f"ImportImagesParams.{name} must be a {kind} that exists; got {str(path)!r}")
    if not os.access(path, os.R_OK | (os.X_OK if is_folder else 0)):
        raise ParamError(f"The {kind} {str(path)!r} may not be read by this user; change its permissions, or copy it")


def _listed(file: Path) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ParamError(f"ImportImagesParams.list_file must be a text file in UTF-8; got {str(file)!r}") from None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        if "://" in text:
            parts = urlsplit(text)
            if parts.scheme != "file":
                raise ParamError(
                    f"Line {number} of {str(file)!r} is {text!r}; fetch remote images first, then list the local files"
                )
            text = unquote(parts.path)
        yield os.path.abspath(file.parent / text)


def _dataset(samples: fo.DatasetView | None, name: str | None) -> fo.Dataset:
    if name is None:
        if samples is None:
            raise ParamError(
                "ImportImagesParams.dataset_name must name the dataset to make, since none is open; got nothing"
            )
        dataset = samples._root_dataset
    elif fo.dataset_exists(name):
        dataset = fo.load_dataset(name)
    else:
        return fo.Dataset(name, persistent=True)
    if dataset.media_type not in (None, "image"):
        holds = {"group": "groups", "video": "videos"}.get(dataset.media_type, dataset.media_type)
        raise ParamError(
            f"Import images adds single images; dataset {dataset.name!r} holds {holds}: set dataset_name to another "
            "name, and they become a dataset of their own"
        )
    return dataset


def _make_fields(dataset: fo.Dataset, label_field: str, found: ImageFolder) -> None:
    """Declare the fields that there are values for; a folder without labels leaves no empty field behind.

    Raises:
        ParamError: a field of that name holds something else; none is declared then.
    """
    kind = fo.Detections if found.boxes else fo.Classification
    schema, kept = dataset.get_field(label_field), dataset.get_field(SPLIT_FIELD)
    if schema is not None and getattr(schema, "document_type", None) is not kind:
        said = "objects" if found.boxes else "classifications"
        raise ParamError(f"Field {label_field!r} holds {type(schema).__name__}, not {said}; choose another label_field")
    if any(found.splits) and not (kept is None or isinstance(kept, fo.StringField)):
        raise ParamError(f"Field {SPLIT_FIELD!r} holds {type(kept).__name__}, not the names of splits; rename it first")
    if schema is None and (found.boxes or any(label is not None for label in found.labels)):
        dataset.add_sample_field(
            label_field, fo.EmbeddedDocumentField, embedded_doc_type=kind, description="Given label"
        )
        dataset.create_index(f"{label_field}.detections.label" if found.boxes else f"{label_field}.label")
    if any(found.splits) and kept is None:
        dataset.add_sample_field(SPLIT_FIELD, fo.StringField, description="Split, as its folder or file says")
    if dataset.get_field(ERROR_FIELD) is None:
        dataset.add_sample_field(ERROR_FIELD, fo.StringField, description="Why the image file cannot be read")


def _samples(
    found: ImageFolder, rows: Mapping[str, int], label_field: str
) -> Iterator[tuple[str, fo.Sample, UnreadableImage | None, bool]]:
    """Path, sample, why it cannot be read, and whether a browser shows it."""
    readings = read_images(list(rows), lambda image: (image.info["full_size"], image.info["format"]), enough=ENOUGH)
    for (path, row), reading in zip(rows.items(), readings, strict=True):
        label, split = found.labels[row], found.splits[row]
        # FiftyOne tells pictures by the ending, and takes .dcm, .tga, .qoi and others for something else
        sample = fo.Sample(filepath=path, media_type="image", tags=[split] if split else [])
        if split:
            sample[SPLIT_FIELD] = split
        if path in found.boxes:
            sample[label_field] = found.boxes[path]
        elif label is not None and not found.boxes:
            sample[label_field] = fo.Classification(label=label)
        error = reading if isinstance(reading, UnreadableImage) else None
        if isinstance(reading, UnreadableImage):
            sample.tags.append(UNREADABLE)
            sample[ERROR_FIELD] = f"{reading}"
        else:
            sample.metadata = metadata_of(path, reading[0])
        yield path, sample, error, isinstance(reading, UnreadableImage) or reading[1] in BROWSER


def metadata_of(path: str, size: tuple[int, int]) -> fo.ImageMetadata:
    """What the App and exports know of a picture. Its sizes are those of the pixels that are read, turned upright.

    FiftyOne turns the sizes of JPEG files only, and knows fewer formats.
    """
    kind, channels = mimetypes.guess_type(path)[0], 3
    try:
        built = fo.ImageMetadata.build_for(path)
        kind, channels = built.mime_type, built.num_channels
    except Exception:  # noqa: BLE001 - FiftyOne raises whatever its readers do; the picture itself could be read
        pass
    width, height = size
    return fo.ImageMetadata(
        size_bytes=os.path.getsize(path), mime_type=kind, width=width, height=height, num_channels=channels
    )


ACTION = Action(
    name="import_images",
    label="Import images",
    stage="import",
    params=ImportImagesParams,
    run=import_images,
    risk="medium",
    needs_dataset=False,
    notice=preview,
)


def into(dataset: fo.Dataset | str, /, progress: Progress = silent, **params: Any) -> dict[str, Any]:
    """Import into a dataset, or into the one of that name, made where it does not exist."""
    if isinstance(dataset, str):
        return import_images(None, ImportImagesParams.from_dict({**params, "dataset_name": dataset}), progress)
    return import_images(dataset.view(), ImportImagesParams.from_dict(params), progress)
