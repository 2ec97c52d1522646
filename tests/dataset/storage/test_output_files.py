"""Files that users ask for: nothing else in their folder is touched."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from image_curation import act
from image_curation.core.base.files import new_file
from image_curation.core.base.params import ParamError
from image_curation.dataset.storage.output_files import free_path, new_text


def test_new_file__leaves_every_other_file_alone(tmp_path: Path) -> None:
    mine = {name: f"my {name}" for name in ("list.txt.part", "list.part", ".list.txt", "list.txt~")}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    with new_text(tmp_path / "list.txt") as file:
        file.write("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {**mine, "list.txt": "new"}


def test_new_file__a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    (tmp_path / "list.txt").symlink_to(tmp_path / "kept.txt")
    with new_text(tmp_path / "list.txt") as file:
        file.write("new")
    assert (tmp_path / "kept.txt").read_text() == "kept"
    assert not (tmp_path / "list.txt").is_symlink()


def test_new_file__an_error_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError), new_text(tmp_path / "list.txt") as file:
        file.writelines(["half", "\ud800"])
    assert [path.name for path in tmp_path.iterdir()] == ["list.txt"]
    assert (tmp_path / "list.txt").read_text() == "old"


def test_new_file__has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    with new_file(tmp_path / "new"):
        pass
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_new_file__one_made_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError), new_file(tmp_path / "new", replace=False):
        (tmp_path / "new").write_text("theirs")
    assert (tmp_path / "new").read_text() == "theirs"
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
def test_free_path__refuses_what_is_there(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "list.txt"
    if kind == "file":
        place.write_text("mine")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / ("other" if kind == "link" else "nowhere"))
        (tmp_path / "other").write_text("mine")
    with pytest.raises(ParamError, match="exists already"):
        free_path("P.path", place, (".txt",), overwrite=False)


def test_export_embeddings__the_list_beside_an_npy_is_not_replaced_unasked(dataset: Any, tmp_path: Path) -> None:
    (tmp_path / "v.ids.txt").write_text("mine")
    with pytest.raises(ParamError, match=r"v\.ids\.txt' exists already"):
        act(dataset, "export_embeddings", path=str(tmp_path / "v.npy"), embeddings="vectors")
    assert sorted(os.listdir(tmp_path)) == ["images", "v.ids.txt"]
    act(dataset, "export_embeddings", path=str(tmp_path / "v.npy"), embeddings="vectors", overwrite=True)
    assert (tmp_path / "v.ids.txt").read_text().splitlines() == dataset.values("filepath")


def test_export_list__labels_that_begin_like_formulas(dataset: Any, tmp_path: Path) -> None:
    dataset.set_values("kind", ["=cmd()", "-3", *["fine"] * 10])
    act(dataset, "export_list", path=str(tmp_path / "l.csv"), fields=["kind"])
    with (tmp_path / "l.csv").open() as file:
        assert [row["kind"] for row in csv.DictReader(file)][:3] == ["'=cmd()", "-3", "fine"]
