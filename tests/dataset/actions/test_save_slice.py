"""Slices: names that the App can show, and an earlier slice that stays until the new one is ready."""

from __future__ import annotations

from typing import Any

import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions import save_slice
from image_curation.dataset.fields.fiftyone_compat import database
from image_curation.dataset.runs.record import list_runs
from image_curation.sdk import act


@pytest.mark.parametrize("name", ["猫", "данные", "!", "x" * 101])
def test_names__that_have_no_address_are_refused_before_anything_is_written(dataset: Any, name: str) -> None:
    before = set(dataset.get_field_schema())
    with pytest.raises(ParamError, match=r"SaveSliceParams\.name must"):
        act(dataset.limit(3), "save_slice", name=name)
    assert set(dataset.get_field_schema()) == before
    assert act(dataset.limit(3), "save_slice", name=f"7 {name[:5]}")["count"] == 3


def test_overwrite__stays_until_the_new_one_is_ready(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    act(dataset.limit(3), "save_slice", name="mine")
    plain = save_slice.Staged.add
    monkeypatch.setattr(save_slice.Staged, "add", lambda *_: (_ for _ in ()).throw(RuntimeError("the disk is full")))
    with pytest.raises(RuntimeError):
        act(dataset.limit(7), "save_slice", name="mine", overwrite=True)
    assert dataset.load_saved_view("mine").count() == 3
    monkeypatch.setattr(save_slice.Staged, "add", plain)
    monkeypatch.setattr(save_slice, "save_view", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
    with pytest.raises(RuntimeError):
        act(dataset.limit(7), "save_slice", name="mine", overwrite=True)
    monkeypatch.undo()
    list_runs(dataset)  # whoever looks next brings it to an end
    assert dataset.load_saved_view("mine").count() == 7
    assert act(dataset.skip(2), "save_slice", name="Mine", overwrite=True)["count"] == 10
    assert dataset.list_saved_views() == ["Mine"]
    assert not [name for name in database().list_collection_names() if name.startswith("image_curation.staged")]
