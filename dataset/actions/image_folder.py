"""What a folder of images says by its layout: classes, splits, and labels in files beside the images.

Folders named like splits are splits, at any level, above or below those of classes; folders such as `images` that only
hold the pictures are passed by, and those such as `_unlabeled` say that there is no class. COCO, YOLO, VOC and CVAT
are read by FiftyOne's importers.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fiftyone as fo

from ...core.base.errors import DataError
from ...core.base.split_names import split_of
from ...core.images.formats import SUFFIXES

HOLDERS = frozenset(("images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "data", "all"))
UNLABELLED = frozenset(("unlabeled", "unlabelled", "unknown", "unsorted", "nolabel", "none"))
LEVELS = ("parent", "top", "path", "none")
BESIDE = frozenset((".csv", ".json", ".xml", ".yaml", ".yml", ".txt"))
FIRST = 1 << 16  # bytes of a file that are looked at to tell what it is
MOST_JSON = 1 << 30
NO_UTF8 = "names that are not UTF-8, rename them:"


@dataclass
class ImageFolder:
    """What was found.

    Attributes:
        paths: (n,) absolute paths of the images, sorted.
        labels: (n,) class of each, or None.
        splits: (n,) train, val or test, or None.
        boxes: path → its objects, where label files name them.
        layout: what says the labels: "folders", "COCO", "YOLO", "VOC", "CVAT", "metadata.csv".
        left_out: ending → number of files that are no images that can be read, label files not counted.
        missing: images that label files name and that are not there.
    """

    paths: list[str]
    labels: list[str | None]
    splits: list[str | None]
    boxes: dict[str, fo.Detections] = field(default_factory=dict)
    layout: str = "folders"
    left_out: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


def read_folder(root: Path, level: str = "parent") -> ImageFolder:
    """All images under a folder, with what its layout says of them.

    Args:
        level: which folder is the class: "parent", the one that an image lies in; "top", the first below the root;
            "path", all of them joined by /; or "none".

    Raises:
        DataError: a label file cannot be read.
    """
    top = os.path.abspath(root)
    every = list(_walk(top))
    files = [path for path in every if _is_utf8(path)]  # the database holds no other texts
    paths = sorted(path for path in files if _ending(path) in SUFFIXES)
    others = [path for path in files if _ending(path) not in SUFFIXES]
    labels, splits = by_folders(paths, top, level)
    found = ImageFolder(paths, labels, splits)
    used = _label_files(found, top, others) if level != "none" else set()
    found.left_out = Counter(_ending(path) or "no ending" for path in others if path not in used)
    if len(files) < len(every):
        found.left_out[NO_UTF8] = len(every) - len(files)
    return found


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def by_folders(paths: Sequence[str], top: str, level: str) -> tuple[list[str | None], list[str | None]]:
    """(n,) classes and (n,) splits that the names of the folders below `top` say."""
    parts = [os.path.relpath(os.path.dirname(path), top).split(os.sep) for path in paths]
    parts = [[part for part in own if part != os.curdir] for own in parts]
    whole = split_of(os.path.basename(top))
    splits = [next((split for part in own if (split := split_of(part))), whole) for own in parts]
    named = [[part for part in own if split_of(part) is None] for own in parts]
    holders = _only_holders(named)
    named = [[part for place, part in enumerate(own) if (place, part) not in holders] for own in named]
    return [_class_of(own, level) for own in named], splits


def _only_holders(named: Sequence[Sequence[str]]) -> set[tuple[int, str]]:
    """(level, name) of folders that hold all images of their level, but for those without a class."""
    found: set[tuple[int, str]] = set()
    for place in range(max(map(len, named), default=0)):
        here = {own[place] for own in named if len(own) > place and not _says_nothing(own[place])}
        if len(here) == 1 and (name := next(iter(here))).lower() in HOLDERS:
            found.add((place, name))
    return found


def _class_of(parts: Sequence[str], level: str) -> str | None:
    if not parts or level == "none" or any(_says_nothing(part) for part in parts):
        return None
    return {"parent": parts[-1], "top": parts[0], "path": "/".join(parts)}[level]


def _says_nothing(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()) in UNLABELLED


def _walk(top: str) -> Iterator[str]:
    seen = set()
    for folder, folders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # links that lead back
            folders[:] = []
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(folder, name) for name in sorted(files) if not name.startswith("."))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _label_files(found: ImageFolder, top: str, others: Sequence[str]) -> set[str]:
    """Read the label files that are there; the paths of those that were."""
    beside = [path for path in others if _ending(path) in BESIDE]
    for layout, read in (("metadata.csv", _csv), ("COCO", _coco), ("YOLO", _yolo), ("VOC", _voc), ("CVAT", _cvat)):
        used = read(found, top, beside)
        if used:
            found.layout = layout
            if layout != "metadata.csv":
                found.labels = [None] * len(found.paths)
            return used
    return set()


def _csv(found: ImageFolder, top: str, files: Sequence[str]) -> set[str]:
    """metadata.csv with file_name, as imagefolders on the Hugging Face hub have it; label, class or split if it has."""
    used = {path for path in files if os.path.basename(path) == "metadata.csv"}
    index = {path: place for place, path in enumerate(found.paths)}
    for path in list(used):
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path!r} must be a table in UTF-8 that can be read ({error})") from None
        if rows and "file_name" not in rows[0]:
            used.discard(path)
            continue
        for row in rows:
            image = os.path.normpath(os.path.join(os.path.dirname(path), row["file_name"] or ""))
            if image not in index:
                found.missing.append(image)
                continue
            label = next((row[name] for name in ("label", "class", "category") if row.get(name)), None)
            found.labels[index[image]] = label or found.labels[index[image]]
            if row.get("split"):
                found.splits[index[image]] = split_of(row["split"]) or row["split"]
    return used


def _coco(found: ImageFolder, top: str, files: Sequence[str]) -> set[str]:
    used = set()
    for path in files:
        if _ending(path) != ".json" or not _is_coco(path):
            continue
        with open(path, encoding="utf-8") as file:
            ids = {str(image.get("file_name")): image.get("id") for image in json.load(file)["images"]}
        data = _folder_of(list(ids), found.paths, top, os.path.dirname(path))
        gone = {name for name in ids if not os.path.isfile(os.path.join(data, name))}
        found.missing += sorted(gone)
        here = [number for name, number in ids.items() if name not in gone]  # the importer stops at a missing image
        split = next((split for word in re.split(r"[_\-.]", Path(path).stem) if (split := split_of(word))), None)
        places = {"data_path": data, "labels_path": path, "label_types": ["detections"], "image_ids": here}
        if here:
            _take(found, fo.types.COCODetectionDataset, split, places)
        used.add(path)
    return used


def _is_coco(path: str) -> bool:
    if os.path.getsize(path) > MOST_JSON:
        return False
    try:
        with open(path, encoding="utf-8") as file:
            head = file.read(FIRST)
            if head.lstrip()[:1] != "{":
                return False
            file.seek(0)
            said = json.load(file)
    except (OSError, ValueError):
        return False
    return {"images", "annotations", "categories"} <= set(said)


def _folder_of(names: Sequence[str], paths: Sequence[str], top: str, beside: str) -> str:
    """The folder below which the most of these names are images."""
    known = set(paths)
    candidates = {top, beside, *(os.path.dirname(path) for path in paths)}
    return max(sorted(candidates), key=lambda folder: sum(os.path.join(folder, name) in known for name in names[:200]))


def _yolo(found: ImageFolder, top: str, files: Sequence[str]) -> set[str]:
    """data.yaml as Ultralytics writes it, with labels/*.txt in the place of images/*."""
    import yaml

    for path in files:
        if _ending(path) not in (".yaml", ".yml"):
            continue
        try:
            said: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if not isinstance(said, dict) or "names" not in said:
            continue
        texts = {one for one in files if _ending(one) == ".txt"}
        names = said["names"]
        classes = list(names.values()) if isinstance(names, dict) else list(names)
        for place, image in enumerate(found.paths):
            text = _yolo_text(image)
            if text in texts:
                found.boxes[image] = _yolo_boxes(text, classes)
                found.labels[place] = None
        return {path, *(text for image in found.boxes if (text := _yolo_text(image)) in texts)}
    return set()


def _yolo_text(image: str) -> str:
    """labels/… for images/…, else beside the image; as YOLO's own readers look for it."""
    folder, _, name = image.rpartition(f"{os.sep}images{os.sep}")
    stem = os.path.splitext(name if folder else image)[0]
    return f"{folder}{os.sep}labels{os.sep}{stem}.txt" if folder else f"{stem}.txt"


def _yolo_boxes(path: str, classes: Sequence[str]) -> fo.Detections:
    from fiftyone.utils.yolo import load_yolo_annotations

    try:
        found: fo.Detections = load_yolo_annotations(path, [str(name) for name in classes], label_type="detections")
    except (ValueError, IndexError, OSError) as error:
        raise DataError(f"{path!r} must hold boxes as YOLO writes them: class x y width height ({error})") from None
    return found


def _voc(found: ImageFolder, top: str, files: Sequence[str]) -> set[str]:
    texts = [path for path in files if _ending(path) == ".xml" and "<annotation>" in _head(path)]
    index = {Path(path).stem: path for path in found.paths}
    from fiftyone.utils.voc import load_voc_detection_annotations

    for path in texts:
        try:
            said = load_voc_detection_annotations(path)
        except (ValueError, KeyError, TypeError, OSError, SyntaxError) as error:
            raise DataError(f"{path!r} must hold boxes as VOC writes them ({error})") from None
        image = index.get(Path(path).stem)
        if image is None:
            found.missing.append(Path(path).stem)
        else:
            found.boxes[image] = said.to_detections()
    return set(texts)


def _cvat(found: ImageFolder, top: str, files: Sequence[str]) -> set[str]:
    used = {path for path in files if _ending(path) == ".xml" and "<annotations>" in _head(path)}
    for path in used:
        _take(found, fo.types.CVATImageDataset, None, {"data_path": top, "labels_path": path})
    return used


def _head(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4_096)
    except OSError:
        return ""


def _take(found: ImageFolder, kind: Any, split: str | None, places: Mapping[str, Any]) -> None:
    """Let FiftyOne's importer read label files into a dataset that is thrown away, and keep its objects."""
    try:
        read = fo.Dataset.from_dir(dataset_type=kind, label_field="objects", progress=False, **places)
    except Exception as error:  # noqa: BLE001 - importers raise whatever their parsers do
        raise DataError(f"{places['labels_path']!r} cannot be read as FiftyOne reads it: {error}") from None
    try:
        index = {path: place for place, path in enumerate(found.paths)}
        fields = [name for name, kind in read.get_field_schema().items() if _is_detections(kind)]
        for name in fields:
            for sample in read.select_fields(name).iter_samples():
                path = os.path.abspath(sample.filepath)
                if path in index and sample[name] is not None:
                    found.boxes[path] = sample[name].copy()
                    found.splits[index[path]] = split or found.splits[index[path]]
    finally:
        read.delete()


def _is_detections(kind: Any) -> bool:
    return getattr(kind, "document_type", None) is fo.Detections
