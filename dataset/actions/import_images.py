"""Makes samples from a folder of images, a list of files or an NPZ; unreadable files are named, never fatal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fiftyone as fo

from ...core.base.arrays import Progress, silent
from ...core.base.params import ParamError, Params, param
from ...core.embeddings.vector_files import Vectors, read_npz
from ...core.images.reading import UnreadableImage, read_images
from ..curate import curate
from ..runs.record import free_key
from .action import Action

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".jp2", ".ico")
)
SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))
ERROR_FIELD = "import_error"
UNREADABLE = "unreadable"
ENOUGH = 32  # pixels to decode a JPEG to: its whole stream is still read, so damage shows


@dataclass(frozen=True, kw_only=True)
class ImportImagesParams(Params):
    """Import images from a folder, a list of files, or an NPZ with paths, labels and embeddings."""

    directory: str | None = param(None, "Folder of images, sub-folders included", path="folder")
    list_file: str | None = param(None, "Text file with one image path per line", path="file")
    npz: str | None = param(None, "NPZ file with image_paths, optionally labels and embeddings", path="file")
    label_from: str = param("parent", "parent: use folder names as labels; none: no labels", among=("parent", "none"))
    label_field: str = param("ground_truth", "Field for the labels", identifier=True, advanced=True)
    dataset_name: str | None = param(None, "Dataset name, created if it does not exist; empty: the open dataset")

    def check(self) -> None:
        """Exactly one source."""
        given = [name for name in ("directory", "list_file", "npz") if getattr(self, name)]
        if len(given) != 1:
            raise ParamError(
                "ImportImagesParams needs exactly one of directory, list_file and npz; got "
                + (", ".join(given) or "none")
            )


@dataclass(frozen=True)
class _Found:
    """What a source says about its images: (n,) paths, (n,) labels or None, and vectors if it has them."""

    paths: Sequence[str]
    labels: Sequence[str | None]
    vectors: Vectors | None = None


def import_images(samples: fo.DatasetView | None, params: ImportImagesParams, progress: Progress) -> dict[str, Any]:
    """Add the images as samples; files already in the dataset are left alone, unreadable ones tagged and named.

    Returns:
        counts: added, unreadable (and their first names), already there, labels
    """
    found = _find(params)
    if not found.paths:
        raise ParamError(
            f"No images in {params.directory or params.list_file or params.npz!r}; "
            f"known endings: {' '.join(sorted(SUFFIXES))}"
        )
    dataset = _dataset(samples, params.dataset_name)
    label_field = params.label_field
    _check_label_field(dataset, label_field)
    present = set(dataset.values("filepath"))
    seen: dict[str, str | None] = {}
    for path, label in zip(found.paths, found.labels, strict=True):
        if path not in present:
            seen.setdefault(path, label)
    unreadable = []
    added = 0
    batch: list[fo.Sample] = []
    for path, sample, error in _samples(seen, label_field):
        batch.append(sample)
        if error is not None:
            unreadable.append(f"{path}: {error.reason}")
        added += 1
        if len(batch) == 1_000 or added == len(seen):
            dataset.add_samples(batch, progress=False)
            batch = []
            progress(added, len(seen), "reading images")
    summary: dict[str, Any] = {
        "dataset": dataset.name,
        "added": added,
        "already_there": len(found.paths) - added,
        "unreadable": len(unreadable),
        "unreadable_files": unreadable[:20],
        "classes": len({label for label in seen.values() if label is not None}),
    }
    if found.vectors is not None and added:
        run = curate(dataset, "import_embeddings", key=free_key(dataset, "embeddings"), path=params.npz)
        summary["embeddings"] = run.key
    note = f", {len(unreadable)} of them unreadable" if unreadable else ""
    return {"headline": f"{added:,} samples added to {dataset.name!r}{note}", **summary}


def _find(params: ImportImagesParams) -> _Found:
    if params.directory:
        root = Path(params.directory).expanduser()
        _check_readable(root, "directory", is_folder=True)
        paths = sorted(_walk(root))
        top = os.path.abspath(root)
        return _Found(paths, [_parent_label(path, top, params) for path in paths])
    if params.list_file:
        file = Path(params.list_file).expanduser()
        _check_readable(file, "list_file", is_folder=False)
        paths = list(_listed(file))
        return _Found(paths, [_parent_label(path, None, params) for path in paths])
    vectors = read_npz(str(params.npz))
    paths = [os.path.abspath(path) for path in vectors.paths]
    labels = vectors.labels if vectors.labels is not None else [_parent_label(path, None, params) for path in paths]
    return _Found(paths, labels, vectors)


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


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield os.path.abspath(os.path.join(folder, name))


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


def _parent_label(path: str, top: str | None, params: ImportImagesParams) -> str | None:
    parent = os.path.dirname(path)
    if params.label_from == "none" or parent == top:
        return None
    name = os.path.basename(parent)
    return None if name.lower() in SPLITS else name


def _split_tag(path: str) -> str | None:
    """A folder called train, val or test says which split its images belong to."""
    parents = [part.lower() for part in Path(path).parts[-3:-1]]
    return next((part for part in parents if part in SPLITS), None)


def _dataset(samples: fo.DatasetView | None, name: str | None) -> fo.Dataset:
    if name is None:
        if samples is None:
            raise ParamError(
                "ImportImagesParams.dataset_name must name the dataset to make, since none is open; got nothing"
            )
        return samples._root_dataset
    if fo.dataset_exists(name):
        return fo.load_dataset(name)
    return fo.Dataset(name, persistent=True)


def _check_label_field(dataset: fo.Dataset, name: str) -> None:
    schema = dataset.get_field(name)
    if schema is None:
        dataset.add_sample_field(
            name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification, description="Given label"
        )
        dataset.create_index(f"{name}.label")
    elif getattr(schema, "document_type", None) is not fo.Classification:
        raise ParamError(
            f"Field {name!r} holds {type(schema).__name__}, not classifications; choose another label_field"
        )
    if dataset.get_field(ERROR_FIELD) is None:
        dataset.add_sample_field(ERROR_FIELD, fo.StringField, description="Why the image file cannot be read")


def _samples(
    labels: dict[str, str | None], label_field: str
) -> Iterator[tuple[str, fo.Sample, UnreadableImage | None]]:
    readings = read_images(list(labels), lambda image: None, enough=ENOUGH)
    for (path, label), reading in zip(labels.items(), readings, strict=True):
        tag = _split_tag(path)
        sample = fo.Sample(filepath=path, tags=[tag] if tag else [])
        if label is not None:
            sample[label_field] = fo.Classification(label=label)
        error = reading if isinstance(reading, UnreadableImage) else None
        if error is not None:
            sample.tags.append(UNREADABLE)
            sample[ERROR_FIELD] = f"{error}"
        else:
            sample.metadata = fo.ImageMetadata.build_for(path)
        yield path, sample, error


ACTION = Action(
    name="import_images",
    label="Import images",
    stage="import",
    params=ImportImagesParams,
    run=import_images,
    risk="medium",
    needs_dataset=False,
)


def into(dataset: fo.Dataset | str, /, progress: Progress = silent, **params: Any) -> dict[str, Any]:
    """Import into a dataset, or into the one of that name, made where it does not exist."""
    if isinstance(dataset, str):
        return import_images(None, ImportImagesParams.from_dict({**params, "dataset_name": dataset}), progress)
    return import_images(dataset.view(), ImportImagesParams.from_dict(params), progress)
