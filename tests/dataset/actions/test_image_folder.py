"""Folders as people make them: classes, splits at any level, and labels in files beside the images."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation import import_images
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.import_images import preview
from PIL import Image


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes images of 20 x 10 pixels at these places, each different, and gives the folder."""

    def made(*places: str) -> Path:
        rng = np.random.default_rng(0)
        for place in places:
            path = tmp_path / "set" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (10, 20, 3), dtype=np.uint8)).save(path)
        return tmp_path / "set"

    return made


def said(dataset: Any, field: str = "ground_truth.label") -> dict[Any, int]:
    return dict(Counter(dataset.values(field)))


@pytest.mark.parametrize(
    ("places", "labels", "splits"),
    [
        (("train2017/a.png", "val2017/b.png"), [None, None], ["train", "val"]),
        (("Training/cat/a.png", "valid/dog/b.png"), ["cat", "dog"], ["train", "val"]),
        (("cat/train/a.png", "dog/test/b.png"), ["cat", "dog"], ["train", "test"]),
        (("a/x/1.png", "a/y/2.png"), ["x", "y"], [None, None]),
        (("train/images/1.png", "_unlabeled/2.png"), [None, None], [None, "train"]),  # `_` is sorted before letters
        (("images/train/cat/1.png", "images/val/dog/2.png"), ["cat", "dog"], ["train", "val"]),
        (("images/1.png", "masks/2.png"), ["images", "masks"], [None, None]),  # two kinds: no mere holder
    ],
)
def test_folders__say_classes_and_splits(
    empty: Any, make: Callable[..., Path], places: tuple[str, ...], labels: list[Any], splits: list[Any]
) -> None:
    import_images(empty, directory=str(make(*places)))
    shown = empty.has_field("ground_truth")
    assert shown == any(labels), "no empty field of labels"
    if shown:
        assert empty.values("ground_truth.label") == labels
    assert (empty.values("split") if any(splits) else [None, None]) == splits
    assert empty.values("tags") == [[split] if split else [] for split in splits]


@pytest.mark.parametrize(
    ("level", "label"), [("parent", "tabby"), ("top", "pets"), ("path", "pets/cats/tabby"), ("none", None)]
)
def test_label_from__any_level(empty: Any, make: Callable[..., Path], level: str, label: str | None) -> None:
    import_images(empty, directory=str(make("train/pets/cats/tabby/1.png")), label_from=level)
    assert (empty.values("ground_truth.label") if label else [None]) == [label]
    assert empty.values("split") == ["train"]


def test_dry_run_and_preview__count_and_write_nothing(empty: Any, make: Callable[..., Path]) -> None:
    root = make("train/cat/1.png", "train/cat/2.png", "test/dog/3.png")
    (root / "film.mp4").write_bytes(b"0")
    (root / "notes.txt").write_text("mine")
    expected = "3 images; 2 classes: cat 2, dog 1; splits: train 2, test 1; left out: .mp4 1, .txt 1"
    summary = import_images(empty, directory=str(root), dry_run=True)
    assert summary["headline"] == expected
    assert (summary["left_out"], len(empty)) == ({".mp4": 1, ".txt": 1}, 0)
    assert preview(None, {"directory": str(root)}) == expected
    assert preview(None, {"directory": str(root / "gone")}).endswith(
        f"must be a folder that exists; got {str(root / 'gone')!r}"
    )
    assert preview(None, {}) is None
    assert not empty.has_field("ground_truth")


def test_metadata_csv__labels_splits_and_files_that_are_missing(empty: Any, make: Callable[..., Path]) -> None:
    root = make("1.png", "2.png", "3.png")
    (root / "metadata.csv").write_text(
        "file_name,label,split\n1.png,cat,train\n2.png,dog,validation\ngone.png,cat,test\n"
    )
    summary = import_images(empty, directory=str(root))
    assert (summary["layout"], summary["left_out"]) == ("metadata.csv", {})
    assert said(empty) == {"cat": 1, "dog": 1, None: 1}
    assert empty.values("split") == ["train", "val", None]
    assert [Path(path).name for path in summary["missing"]] == ["gone.png"]
    assert "1 images named in label files are missing" in summary["headline"]


def test_coco__boxes_beside_the_images(empty: Any, make: Callable[..., Path]) -> None:
    root = make("train2017/1.png", "val2017/2.png")
    (root / "annotations").mkdir()
    for split, name in (("train", "1.png"), ("val", "2.png")):
        box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 2, 10, 5], "area": 50, "iscrowd": 0}
        images = [{"id": 1, "file_name": name, "width": 20, "height": 10}]
        if split == "val":
            images.append({"id": 2, "file_name": "gone.png", "width": 20, "height": 10})
        told = {"images": images, "annotations": [box], "categories": [{"id": 1, "name": "cat"}]}
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(told))
    summary = import_images(empty, directory=str(root))
    assert summary["layout"] == "COCO"
    assert empty.values("ground_truth.detections.label") == [["cat"], ["cat"]]
    assert empty.first().ground_truth.detections[0].bounding_box == pytest.approx([0.25, 0.2, 0.5, 0.5])
    assert empty.values("split") == ["train", "val"]
    assert (summary["missing"], summary["left_out"]) == (["gone.png"], {})


def test_yolo__boxes_by_names_in_data_yaml(empty: Any, make: Callable[..., Path]) -> None:
    root = make("train/images/1.png", "train/images/2.png", "valid/images/3.png")
    (root / "data.yaml").write_text("names: [cat, dog]\nnc: 2\ntrain: train/images\nval: valid/images\n")
    for place, text in (("train/labels/1.txt", "1 0.5 0.5 0.5 0.5\n"), ("valid/labels/3.txt", "")):
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).write_text(text)
    summary = import_images(empty, directory=str(root))
    assert (summary["layout"], summary["left_out"]) == ("YOLO", {})
    labels = [None if one is None else [box.label for box in one.detections] for one in empty.values("ground_truth")]
    assert labels == [["dog"], None, []]
    assert empty.first().ground_truth.detections[0].bounding_box == pytest.approx([0.25, 0.25, 0.5, 0.5])
    (root / "train/labels/2.txt").write_text("seven 0.5\n")
    with pytest.raises(ParamError, match=r"2\.txt' must hold boxes as YOLO writes them"):
        import_images(empty, directory=str(root))


def test_voc__boxes_in_xml(empty: Any, make: Callable[..., Path]) -> None:
    root = make("JPEGImages/1.png", "JPEGImages/2.png")
    (root / "Annotations").mkdir()
    (root / "Annotations/1.xml").write_text(
        "<annotation><filename>1.png</filename><size><width>20</width><height>10</height><depth>3</depth></size>"
        "<object><name>cat</name><bndbox><xmin>5</xmin><ymin>2</ymin><xmax>15</xmax><ymax>7</ymax></bndbox></object>"
        "</annotation>"
    )
    summary = import_images(empty, directory=str(root))
    assert summary["layout"] == "VOC"
    assert empty.first().ground_truth.detections[0].label == "cat"
    assert empty.last().ground_truth is None


def test_cvat__boxes_in_one_xml(empty: Any, make: Callable[..., Path]) -> None:
    root = make("1.png", "2.png")
    (root / "annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>'
        '<image id="0" name="1.png" width="20" height="10">'
        '<box label="cat" occluded="0" xtl="5" ytl="2" xbr="15" ybr="7" z_order="0"></box></image></annotations>'
    )
    summary = import_images(empty, directory=str(root))
    assert summary["layout"] == "CVAT"
    assert [box.label for box in empty.first().ground_truth.detections] == ["cat"]


def test_folder__without_images_says_what_it_holds(empty: Any, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"0")
    with pytest.raises(ParamError, match=r"No images in .*; it holds \.docx 1\. Known endings: "):
        import_images(empty, directory=str(tmp_path))


def test_folder__with_a_link_that_leads_back(empty: Any, make: Callable[..., Path]) -> None:
    root = make("cat/1.png")
    (root / "cat" / "again").symlink_to(root, target_is_directory=True)
    assert import_images(empty, directory=str(root))["added"] == 1
