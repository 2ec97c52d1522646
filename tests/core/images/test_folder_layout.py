"""What folders and metadata.csv say of the images in them; label files that hold boxes are read on import."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_curation.core.base.errors import DataError
from image_curation.core.images.folder_layout import find_images, read_layout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place in ("train/cat/a.png", "val/dog/b.JPG", "val/_unlabeled/c.png", "val/dog/notes.txt", "val/dog/.d.png"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_layout__of_folders(tree: Path) -> None:
    found = read_layout(tree)
    assert [str(Path(path).relative_to(tree)) for path in found.paths] == [
        "train/cat/a.png",
        "val/_unlabeled/c.png",
        "val/dog/b.JPG",
    ]
    assert found.labels == ["cat", None, "dog"]
    assert found.splits == ["train", "val", "val"]
    assert found.left_out == {".txt": 1}
    assert found.closed == []


def test_layout__of_a_table(tree: Path) -> None:
    (tree / "metadata.csv").write_text("file_name,label,split\ntrain/cat/a.png,tiger,test\ngone.png,x,\n")
    found = read_layout(tree)
    assert (found.labels[0], found.splits[0], found.layout) == ("tiger", "test", "metadata.csv")
    assert found.missing == [str(tree / "gone.png")]
    assert found.left_out == {".txt": 1}
    assert read_layout(tree, "none").labels == [None] * 3
    assert find_images(tree).labels[0] == "cat", "which only looks at folders"


def test_layout__of_a_table_that_cannot_be_read(tree: Path) -> None:
    (tree / "metadata.csv").write_bytes(b"file_name\n\xff\xfe\n")
    with pytest.raises(DataError, match="must be a table in UTF-8"):
        read_layout(tree)
