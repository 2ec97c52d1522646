"""The App and the panels show previews of what a browser cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from image_curation import act, import_images
from image_curation.core.base.params import ParamError
from image_curation.panels.shared import scope
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three TIFFs of 12 bits, a JPEG, and a damaged TIFF."""
    (tmp_path / "set").mkdir()
    for top in (500, 2_000, 4_000):
        ramp = np.linspace(0, top, 64 * 64).reshape(64, 64).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"set/{top}.tif", ramp)
    Image.new("RGB", (32, 32)).save(tmp_path / "set/a.jpg")
    (tmp_path / "set/cut.tif").write_bytes((tmp_path / "set/500.tif").read_bytes()[:400])
    return tmp_path / "set"


def test_make_previews__are_shown_by_app_and_panels(empty: Any, folder: Path, tmp_path: Path) -> None:
    said = import_images(empty, directory=str(folder), label_from="none")
    assert said["without_preview"] == 3
    assert said["headline"].endswith("no browser shows 3 of them: make_previews makes what it can show")
    made = act(empty, "make_previews", directory=str(tmp_path / "previews"))
    assert (made["made"], made["not_needed"], made["unreadable"]) == (3, 1, 1)
    assert made["headline"] == "3 previews made; 1 image cannot be read"
    config = empty.app_config
    assert (config.grid_media_field, config.modal_media_field) == ("thumbnail_path", "thumbnail_path")
    assert config.media_fields == ["filepath", "thumbnail_path"]
    assert config.media_fallback
    tops = {}
    for sample in empty.match({"thumbnail_path": {"$ne": None}}):
        with Image.open(sample.thumbnail_path) as image:
            tops[Path(sample.filepath).stem] = int(np.asarray(image).max())
    assert tops == {"500": 31, "2000": 125, "4000": 249}  # in one range, 0 to 4,095
    ids = empty.values("id")
    shown = scope.values(empty, None, ids, {"path": scope.picture(empty, None)})
    assert [one["path"] for one in shown] == [
        one.thumbnail_path or one.filepath for one in empty.select(ids, ordered=True)
    ]


def test_make_previews__again_makes_what_is_new_or_changed(empty: Any, folder: Path, tmp_path: Path) -> None:
    import_images(empty, directory=str(folder), label_from="none")
    there = {"directory": str(tmp_path / "previews")}
    act(empty, "make_previews", **there)
    own = empty.match({"filepath": {"$regex": "2000"}}).first()
    own["thumbnail_path"] = str(folder / "a.jpg")
    own.save()
    again = act(empty, "make_previews", **there)
    assert (again["made"], again["up_to_date"], again["not_needed"]) == (0, 2, 2)
    assert empty[own.id].thumbnail_path == str(folder / "a.jpg")
    tifffile.imwrite(folder / "500.tif", np.full((32, 48), 3_000, np.uint16))
    assert act(empty, "make_previews", **there)["made"] == 1


def test_make_previews__nothing_is_touched_where_none_is_needed(empty: Any, folder: Path) -> None:
    for file in folder.glob("*.tif"):
        file.unlink()
    import_images(empty, directory=str(folder), label_from="none", previews=True)
    said = act(empty, "make_previews")
    assert said["headline"] == "No preview is needed: a browser shows every image"
    assert empty.get_field("thumbnail_path") is None
    assert empty.app_config.grid_media_field == "filepath"
    with pytest.raises(ParamError, match="must be a new field"):
        act(empty, "make_previews", field="filepath")


def test_import_images__with_previews(
    empty: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fiftyone as fo

    monkeypatch.setattr(fo.config, "default_dataset_dir", str(tmp_path / "own"))
    said = import_images(empty, directory=str(folder), label_from="none", previews=True)
    assert (said["previews"], said["without_preview"]) == (3, 0)
    previews = [one for one in empty.values("thumbnail_path") if one]
    assert {Path(one).parent for one in previews} == {tmp_path / "own" / empty.slug / "previews"}
