"""Decisions become final: in the label field, undoably; or in a copy that has what is in use and nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from image_curation import act, curate
from image_curation.core.base.params import ParamError


@pytest.fixture
def decided(dataset: Any) -> Any:
    """Two excluded, one relabelled; with a run."""
    curate(dataset, "find_outliers", embeddings="vectors")
    act(dataset.limit(2), "mark", decision="exclude")
    act(dataset.skip(2).limit(1), "relabel", label_field="ground_truth", label="violet", new_class=True)
    return dataset


def test_finalize__into_the_field_counted_confirmed_and_undone(decided: Any) -> None:
    given = decided.values("ground_truth.label")
    with pytest.raises(ParamError, match=r"1 given label in 'ground_truth' will be changed .* confirm=True"):
        act(decided, "finalize")
    assert decided.values("ground_truth.label") == given
    assert act(decided, "finalize", confirm=True)["count"] == 1
    assert decided.values("ground_truth.label") == [*given[:2], "violet", *given[3:]]
    assert act(decided, "finalize", confirm=True)["count"] == 0
    act(decided, "undo")
    assert decided.values("ground_truth.label") == given


def test_finalize__a_clean_dataset(decided: Any) -> None:
    name = f"{decided.name} clean"
    made = act(decided, "finalize", into="dataset", name=name)
    clean = fo.load_dataset(name)
    assert (made["count"], made["left_out"], len(clean)) == (10, 2, 10)
    assert clean.first().ground_truth.label == "violet"
    assert not [path for path in clean.get_field_schema() if path.startswith(("outliers", "curation", "ground_truth_"))]
    assert (clean.list_runs(), len(decided)) == ([], 12)
    with pytest.raises(ParamError, match="exists already"):
        act(decided, "finalize", into="dataset", name=name)
    clean.delete()


def test_finalize__files(decided: Any, tmp_path: Path) -> None:
    act(decided, "finalize", into="image_folder", path=str(tmp_path / "tree"))
    assert len(list((tmp_path / "tree").rglob("*.png"))) == 10
    assert len(list((tmp_path / "tree" / "violet").iterdir())) == 1
    act(decided, "finalize", into="csv", path=str(tmp_path / "csv"))
    assert "violet" in (tmp_path / "csv" / "labels.csv").read_text()
    with pytest.raises(ParamError, match="must be a new or empty folder"):
        act(decided, "finalize", into="csv", path=str(tmp_path / "csv"))
    with pytest.raises(ParamError, match="'coco' is for boxes"):
        act(decided, "finalize", into="coco", path=str(tmp_path / "coco"))


def test_finalize__a_class_that_cannot_be_a_folder(decided: Any, tmp_path: Path) -> None:
    act(decided.limit(5), "relabel", label_field="ground_truth", label="indoor/office", new_class=True)
    with pytest.raises(ParamError, match=r"'indoor/office' cannot be the name of a folder"):
        act(decided, "finalize", into="image_folder", path=str(tmp_path / "tree"))
    assert not (tmp_path / "tree").exists()
    act(decided, "finalize", into="csv", path=str(tmp_path / "table"))


def test_finalize__objects(dataset: Any, tmp_path: Path) -> None:
    box = {"label": "a", "bounding_box": [0.1, 0.1, 0.5, 0.5]}
    made = [fo.Detections(detections=[fo.Detection(**box), fo.Detection(**box)]) for _ in range(12)]
    dataset.set_values("objects", made)
    patches = dataset.to_patches("objects")
    act(patches.limit(1), "mark", decision="exclude")
    act(patches.skip(1).limit(1), "relabel", label_field="objects", label="b", new_class=True)
    act(dataset, "finalize", label_field="objects", into="coco", path=str(tmp_path / "coco"))
    text = (tmp_path / "coco" / "labels.json").read_text()
    assert text.count('"bbox"') == 23
    assert act(dataset, "finalize", label_field="objects", confirm=True)["count"] == 1
    assert dataset.first().objects.detections[1].label == "b"
    act(dataset, "undo")
    assert dataset.first().objects.detections[1].label == "a"
