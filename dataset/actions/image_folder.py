"""What a folder of images says by its layout and by label files beside the images, those that hold boxes included.

Folders and metadata.csv are read by `core/images/folder_layout.py`; COCO, YOLO, VOC and CVAT by FiftyOne's importers.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fiftyone as fo

from ...core.base.errors import DataError
from ...core.base.split_names import split_of
from ...core.images.folder_layout import METADATA, FolderLayout, ending, find_images, read_metadata

BESIDE = frozenset((".csv", ".json", ".xml", ".yaml", ".yml", ".txt"))
FIRST = 1 << 16  # bytes of a file that are looked at to tell what it is
MOST_JSON = 1 << 30


@dataclass
class ImageFolder(FolderLayout):
    """What was found, label files of every kind included: their `layout` is COCO, YOLO, VOC or CVAT.

    Attributes:
        boxes: path → its objects, where label files name them.
    """

    boxes: dict[str, fo.Detections] = field(default_factory=dict)


def read_folder(root: Path, level: str = "parent") -> ImageFolder:
    """All images under a folder, with what its layout says of them.

    Args:
        level: see `find_images`.

    Raises:
        DataError: a label file cannot be read.
    """
    found = ImageFolder(**vars(find_images(root, level)))
    found.leave_out(_label_files(found, os.path.abspath(root)) if level != "none" else ())
    return found


def _label_files(found: ImageFolder, top: str) -> set[str]:
    """Read the label files that are there; the paths of those that were."""
    beside = [path for path in found.others if ending(path) in BESIDE]
    if used := read_metadata(found, beside):
        found.layout = METADATA
        return used
    for layout, read in (("COCO", _coco), ("YOLO", _yolo), ("VOC", _voc), ("CVAT", _cvat)):
        if used := read(found, top, beside):
            found.layout = layout
            found.labels = [None] * len(found.paths)
            return used
    return set()


def _coco(found: ImageFolder, top: str, files: Sequence[str]) -> set[str]:
    used = set()
    for path in files:
        if ending(path) != ".json" or not _is_coco(path):
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
        if ending(path) not in (".yaml", ".yml"):
            continue
        try:
            said: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if not isinstance(said, dict) or "names" not in said:
            continue
        texts = {one for one in files if ending(one) == ".txt"}
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
    texts = [path for path in files if ending(path) == ".xml" and "<annotation>" in _head(path)]
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
    used = {path for path in files if ending(path) == ".xml" and "<annotations>" in _head(path)}
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
