"""Images in: folders, lists and NPZ, with files of every broken kind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation import import_images
from image_curation.core.base.params import ParamError
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, one image at the top, and one file of each broken kind."""
    rng = np.random.default_rng(0)
    for name in ("top.png", "cats/a.png", "cats/b.JPG", "dogs/c.png"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    whole = (tmp_path / "set/cats/b.JPG").read_bytes()
    (tmp_path / "set/cats/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "set/dogs/text.jpg").write_text("not an image")
    (tmp_path / "set/dogs/empty.png").write_bytes(b"")
    (tmp_path / "set/dogs/notes.txt").write_text("ignored")
    (tmp_path / "set/.hidden").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "set/.hidden/x.png")
    Image.new("CMYK", (32, 32)).save(tmp_path / "set/dogs/cmyk.jpg")
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(tmp_path / "set/dogs/sixteen.png")
    frames = [Image.new("L", (16, 16), shade) for shade in (0, 255)]
    frames[0].save(tmp_path / "set/dogs/moving.gif", save_all=True, append_images=frames[1:])
    return tmp_path / "set"


def test_import_images__folder_with_labels_and_damage(empty: Any, folder: Path) -> None:
    summary = import_images(empty, directory=str(folder))
    assert summary["added"] == len(empty) == 10
    assert summary["unreadable"] == 3
    assert summary["classes"] == 2
    assert summary["headline"] == f"10 samples added to {empty.name!r}, 3 of them unreadable; left out: .txt 1"
    assert empty.count_values("ground_truth.label") == {"cats": 3, "dogs": 6, None: 1}
    named = {os.path.basename(sample.filepath): sample.import_error for sample in empty.match_tags("unreadable")}
    assert set(named) == {"cut.jpg", "text.jpg", "empty.png"}
    assert named["text.jpg"] == "text.jpg cannot be read: it is text, not an image"
    sample = empty.match({"import_error": None}).first()
    assert sample.metadata.width == 64


def test_import_images__again_adds_nothing(empty: Any, folder: Path) -> None:
    import_images(empty, directory=str(folder))
    summary = import_images(empty, directory=str(folder))
    assert (summary["added"], summary["already_there"]) == (0, 10)
    assert len(empty) == 10


def test_import_images__split_folders_become_tags(empty: Any, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "ants").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / split / "ants" / "x.png")
    import_images(empty, directory=str(tmp_path))
    assert empty.count_sample_tags() == {"train": 1, "val": 1}
    assert empty.distinct("ground_truth.label") == ["ants"]


def test_import_images__list_of_files(empty: Any, folder: Path, tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text(f"set/cats/a.png\n\nfile://{folder}/dogs/c.png\nset/missing.png\n")
    summary = import_images(empty, list_file=str(listing))
    assert (summary["added"], summary["unreadable"]) == (3, 1)
    assert "there is no such file" in summary["unreadable_files"][0]


def test_import_images__npz_with_embeddings(empty: Any, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    paths = np.array([str(folder / "cats/a.png"), str(folder / "dogs/c.png")])
    np.savez(path, embeddings=np.eye(2, 5, dtype=np.float32), labels=np.array(["cat", "dog"]), image_paths=paths)
    summary = import_images(empty, npz=str(path))
    assert summary["embeddings"] == "embeddings"
    assert empty.values("ground_truth.label") == ["cat", "dog"]
    assert np.array_equal(np.stack(empty.values("embeddings")), np.eye(2, 5))


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"embeddings": np.eye(3, dtype=np.float32), "image_paths": np.array(["a", "b"])}, "3|2"),
        ({"embeddings": np.array([{"a": 1}, None], dtype=object), "image_paths": np.array(["a", "b"])}, "pickle"),
    ],
)
def test_import_images__npz_that_cannot_be_used(
    empty: Any, tmp_path: Path, arrays: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(ParamError, match=sentence):
        import_images(empty, npz=str(path))
    assert len(empty) == 0


def test_import_images__makes_the_dataset_it_names(folder: Path) -> None:
    import fiftyone as fo

    summary = import_images("curator-import-test", directory=str(folder), label_from="none")
    dataset = fo.load_dataset("curator-import-test")
    assert dataset.persistent
    assert summary["classes"] == 0
    dataset.delete()


def test_import_images__bad_input(empty: Any, tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="exactly one of directory, list_file and npz; got none"):
        import_images(empty)
    with pytest.raises(ParamError, match="must be a folder that exists; got"):
        import_images(empty, directory=str(tmp_path / "nowhere"))
    with pytest.raises(ParamError, match="No images in"):
        import_images(empty, directory=str(tmp_path))
    (tmp_path / "urls.txt").write_text("https://example.org/a.png\n")
    with pytest.raises(ParamError, match="Line 1 of .* fetch remote images first"):
        import_images(empty, list_file=str(tmp_path / "urls.txt"))


def test_import__sizes_are_those_of_the_upright_pixels(tmp_path: Path) -> None:
    """FiftyOne turns the sizes of JPEG files only."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for ending in ("jpg", "png", "tif"):
        Image.new("RGB", (30, 20), "red").save(tmp_path / f"a.{ending}", exif=exif.tobytes())
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.webp", exif=exif.tobytes())  # which browsers do not turn
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    import fiftyone as fo

    said = import_images("upright", directory=str(tmp_path))
    dataset = fo.load_dataset("upright")
    assert (said["added"], said["unreadable"]) == (5, 1)
    sizes = {one.filepath[-4:]: (one.metadata.width, one.metadata.height) for one in dataset if one.metadata}
    assert sizes == {".jpg": (20, 30), ".png": (20, 30), ".tif": (20, 30), "webp": (30, 20)}


def test_import_images__endings_that_fiftyone_takes_for_no_images(empty: Any, tmp_path: Path) -> None:
    """FiftyOne 1.22 calls their media type unknown, and refuses them beside a JPEG."""
    endings = ("jpg", "tga", "qoi", "dib", "j2k", "dcm")
    for ending in endings:
        file = tmp_path / f"a.{ending}"
        Image.new("RGB", (8, 8)).save(file, {"dcm": "PNG", "dib": "DIB", "jpg": "JPEG"}.get(ending))
    assert import_images(empty, directory=str(tmp_path), label_from="none")["added"] == len(endings)
    assert {sample.media_type for sample in empty} == {"image"}
    assert empty.media_type == "image"


def test_import_images__names_that_are_not_utf8_are_counted(empty: Any, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    try:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))).write_bytes((tmp_path / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    summary = import_images(empty, directory=str(tmp_path), label_from="none")
    said = f"1 samples added to {empty.name!r}; left out: names that are not UTF-8, rename them: 1"
    assert (summary["headline"], len(empty)) == (said, 1)


@pytest.mark.parametrize("media", ["group", "video"])
def test_import_images__nothing_is_written_into_a_dataset_of_another_kind(empty: Any, folder: Path, media: str) -> None:
    import fiftyone as fo

    if media == "group":
        empty.add_group_field("group", default="left")
        empty.add_sample(fo.Sample(filepath="/pictures/1.png", group=fo.Group().element("left")))
    else:
        empty.add_sample(fo.Sample(filepath="/pictures/1.mp4"))
    before = set(empty.get_field_schema())
    with pytest.raises(ParamError, match=f"holds {media}s: set dataset_name to another name"):
        import_images(empty, directory=str(folder))
    assert set(empty.get_field_schema()) == before


@pytest.mark.parametrize("taken", ["ground_truth", "split"])
def test_import_images__a_field_of_another_kind_leaves_no_field_behind(empty: Any, tmp_path: Path, taken: str) -> None:
    import fiftyone as fo

    for split in ("train", "test"):
        (tmp_path / split / "cats").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / split / "cats" / "1.png")
    empty.add_sample_field(taken, fo.IntField)
    before = set(empty.get_field_schema())
    with pytest.raises(ParamError, match=f"Field '{taken}' holds IntField"):
        import_images(empty, directory=str(tmp_path))
    assert set(empty.get_field_schema()) == before
