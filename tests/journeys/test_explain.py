"""Heatmaps on a dataset: in the database or as files beside it, for the target view only, gone with their run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.core.explanations import explain as module
from image_curation.dataset.curate import curate
from image_curation.dataset.inputs.roles import fields_for
from image_curation.dataset.runs.forget import forget


def same(one: fo.Heatmap, two: fo.Heatmap) -> None:
    """But for the last step of rounding, which goes by how pictures lie in their batches."""
    np.testing.assert_allclose(one.map.astype(int), two.map.astype(int), atol=1)


def test_explain__only_the_target_view(dataset: Any) -> None:
    view = dataset.limit(3)
    run = curate(view, "explain", model="tiny_clip", target="named", classes=["zero", "one"])
    assert run.n == 3
    heatmap = dataset.first().explanation_heatmap
    assert isinstance(heatmap, fo.Heatmap)
    assert heatmap.map.shape == (module.GRID, module.GRID)
    assert heatmap.map.dtype == np.uint8
    assert heatmap.map_path is None
    assert isinstance(dataset.first().explanation_heatmap_2, fo.Heatmap)
    assert dataset.last().explanation_heatmap is None
    assert dataset.first().explanation_explained == "zero"


def test_explain__many_maps_lie_beside_the_dataset(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE", 1000)
    given = {"model": "tiny_clip", "target": "named", "classes": ["zero"], "method": "patches"}
    run = curate(dataset, "explain", **given)
    heatmap = dataset.first().explanation_heatmap
    assert heatmap.map is None
    path = Path(heatmap.map_path)
    assert path.is_file()
    assert heatmap.get_map().shape == (module.GRID, module.GRID)
    monkeypatch.setattr(module, "INLINE", 10**9)
    curate(dataset, "explain", key="inline", **given)
    np.testing.assert_array_equal(dataset.first().inline_heatmap.map, heatmap.get_map())
    forget(dataset, run.key)
    assert not path.parent.exists()
    assert dataset.first().inline_heatmap is not None


def test_explain__what_lies_outside_boxes_and_masks(dataset: Any, tmp_path: Path) -> None:
    from PIL import Image

    whole, left = [0, 0, 1, 1], [0, 0, 0.5, 1]
    boxes = [fo.Detections(detections=[fo.Detection(label="zero", bounding_box=box)]) for box in (whole, left)]
    dataset.set_values("objects", [*boxes, *[None] * 10])
    run = curate(dataset, "explain", model="tiny_clip", target="named", classes=["zero"], object_boxes="objects")
    values = dataset.values("explanation_outside")
    assert values[0] == pytest.approx(0.0)
    assert 0 < values[1] < 1
    assert values[2:] == [None] * 10
    assert run.facts["measured_outside"] == 2
    assert run.reads["object_boxes"]["field"] == "objects.detections.label"
    mask = np.zeros((20, 20), np.uint8)
    mask[:, :10] = 7
    Image.fromarray(mask).save(tmp_path / "mask.png")
    dataset.set_values("mask_path", [None, str(tmp_path / "mask.png"), *[None] * 10])
    curate(
        dataset, "explain", key="by_mask", model="tiny_clip", target="named", classes=["zero"], object_masks="mask_path"
    )
    assert dataset.values("by_mask_outside")[1] == pytest.approx(values[1], abs=0.02)


def test_explain__a_run_without_a_network(dataset: Any) -> None:
    curate(dataset, "train_classifier", embeddings="vectors")
    with pytest.raises(ParamError, match="have no known model: compute them here"):
        curate(dataset, "explain", predictions="classifier")
    with pytest.raises(ParamError, match="whose network is known; got a plain field"):
        curate(dataset, "explain", predictions="ground_truth")
    assert dataset.get_field("explanation_heatmap") is None


def test_explain__zero_shot_tags(dataset: Any) -> None:
    """The run says which model and classes: only its key is named."""
    curate(dataset, "compute_embeddings", key="clip", model="tiny_clip")
    told = {"classes": ["zero", "one", "two"], "templates": ["the digit {}"]}
    curate(dataset, "tag_zero_shot", key="digits", embeddings="clip", **told)
    run = curate(dataset, "explain", predictions="digits", words=True)
    assert dataset.values("explanation_explained") == dataset.values("digits_tag.label")
    assert run.facts["model"] == "tiny_clip"
    assert {tuple(one["words"][:2]) for one in run.facts["words"].values()} == {("the", "digit")}
    named = {"model": "tiny_clip", "target": "named", "classes": ["one"], "templates": ["the digit {}"]}
    curate(dataset, "explain", key="by_name", **named)
    curate(dataset, "explain", key="by_run", predictions="digits", target="named", classes=["one"])
    for one, two in zip(dataset.values("by_name_heatmap"), dataset.values("by_run_heatmap"), strict=True):
        same(one, two)
    with pytest.raises(ParamError, match="it has no 'three'. It has: zero, one, two"):
        curate(dataset, "explain", key="no", predictions="digits", target="named", classes=["three"])


def test_explain__tags_of_which_a_sample_may_have_several(dataset: Any) -> None:
    """The likeliest tag of each sample, nothing where there is none; or the tag asked for, on every sample."""
    curate(dataset, "compute_embeddings", key="clip", model="tiny_clip")
    told = {"classes": ["zero", "one", "two"], "templates": ["the digit {}"], "multi_label": True}
    curate(dataset, "tag_zero_shot", key="many", embeddings="clip", **told)
    assert "many" in fields_for(dataset, "said")
    tags = dataset.values("many_tags.classifications")
    made = [
        [("one", 0.6), ("two", 0.9)], [("two", 0.7), ("zero", 0.8)], [], *[[("one", 0.6)]] * 9
    ]  # fmt: skip
    for own, given in zip(tags, made, strict=True):
        own[:] = [fo.Classification(label=label, confidence=sure) for label, sure in given]
    dataset.set_values("many_tags.classifications", tags)
    curate(dataset, "explain", predictions="many")
    assert dataset.values("explanation_explained") == ["two", "zero", None, *["one"] * 9]
    assert [one is not None for one in dataset.values("explanation_heatmap")] == [True, True, False, *[True] * 9]
    curate(dataset, "explain", key="asked", predictions="many", target="named", classes=["two"])
    assert dataset.values("asked_explained") == ["two"] * 12
    same(dataset.first().asked_heatmap, dataset.first().explanation_heatmap)


def test_explain__a_classifier_of_any_number_of_classes(dataset: Any) -> None:
    curate(dataset, "compute_embeddings", key="clip", model="tiny_clip")
    sets = [["red", "warm"]] * 4 + [["green"]] * 4 + [["blue"]] * 4
    dataset.set_values(
        "sets", [fo.Classifications(classifications=[fo.Classification(label=name) for name in own]) for own in sets]
    )
    curate(dataset, "train_classifier", embeddings="clip", label_sets="sets")
    likeliest = [
        max(own.classifications, key=lambda one: one.confidence).label if own and own.classifications else None
        for own in dataset.values("classifier_predictions")
    ]
    curate(dataset, "explain", predictions="classifier")
    assert dataset.values("explanation_explained") == likeliest
    curate(dataset, "explain", key="asked", predictions="classifier", target="named", classes=["warm"])
    assert dataset.values("asked_explained") == ["warm"] * 12
