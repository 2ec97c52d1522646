"""Retagging changes tags, confidence and record in place, as tagging anew would; fused runs know their parents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.retag import ACTION, RetagParams
from image_curation.dataset.curate import curate, rerun
from image_curation.dataset.runs.freshness import stale_reason
from image_curation.dataset.runs.record import get_run

CLASSES = ["zero", "one", "red", "green", "blue"]


def retag(dataset: Any, **params: Any) -> dict[str, Any]:
    return ACTION.run(dataset.view(), RetagParams(key="zero_shot", **params), lambda done, total, doing="": None)


@pytest.fixture
def tagged(dataset: Any) -> Any:
    curate(dataset, "compute_embeddings", key="clip", model="tiny_clip")
    curate(dataset, "tag_zero_shot", embeddings="clip", classes=CLASSES, label_field="ground_truth")
    return dataset


@pytest.mark.parametrize("multi_label", [False, True])
def test_retag__is_what_tagging_anew_gives(tagged: Any, multi_label: bool) -> None:
    if multi_label:
        curate(tagged, "tag_zero_shot", embeddings="clip", classes=CLASSES, multi_label=True, overwrite=True)
    bar = float(np.median(tagged.values("zero_shot_confidence")))
    reads = get_run(tagged, "zero_shot").reads
    summary = retag(tagged, threshold=bar, thresholds="one=0.01", temperature=0.02, top_k=2)
    run = get_run(tagged, "zero_shot")
    anew = curate(tagged, "tag_zero_shot", key="anew", **run.params)
    assert (run.status, run.reads, run.n) == ("done", reads, 12)
    assert stale_reason(tagged, run) is None
    assert summary["headline"] == run.headline == anew.headline
    assert set(run.writes) == set(anew.writes)
    for name in ("confidence", "margin", "entropy"):
        np.testing.assert_allclose(tagged.values(run.writes[name]), tagged.values(anew.writes[name]), atol=1e-5)
    inside = "tags.classifications" if multi_label else "tag"
    assert tagged.values(f"zero_shot_{inside}.label") == tagged.values(f"anew_{inside}.label")


def test_retag__an_abstention_can_be_taken_back(tagged: Any) -> None:
    """Rows without a tag keep their logits beside it, so a lower threshold brings the tags back."""
    labels = tagged.values("zero_shot_tag.label")
    assert retag(tagged, threshold=1)["tagged"] == 0
    assert tagged.count("zero_shot_tag") == 0
    assert get_run(tagged, "zero_shot").writes["logits"] == "zero_shot_logits"
    assert retag(tagged, threshold=0)["tagged"] == 12
    assert tagged.values("zero_shot_tag.label") == labels
    assert "logits" not in get_run(tagged, "zero_shot").writes
    assert tagged.get_field("zero_shot_logits") is None


def test_retag__calibrated(tagged: Any) -> None:
    best = get_run(tagged, "zero_shot").facts["calibrated_temperature"]
    assert retag(tagged, calibrated=True)["temperature"] == best
    assert get_run(tagged, "zero_shot").params["temperature"] == best
    warned = ACTION.warning
    assert warned is not None
    assert f"temperature {best:.4g}" in str(warned(tagged, {"key": "zero_shot"}))
    assert rerun(tagged, "zero_shot").facts["temperature"] == best


def test_retag__refuses(tagged: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "must change at least one of threshold, thresholds, temperature and top_k"),
        ({"thresholds": "tow=0.5"}, "must name classes of this run; got 'tow'"),
        ({"temperature": 1, "calibrated": True}, "takes temperature or calibrated, not both"),
    ]
    before = tagged.values("zero_shot_confidence")
    for given, sentence in cases:
        with pytest.raises(ParamError, match=sentence):
            retag(tagged, **given)
    with pytest.raises(ParamError, match="must be a run of tag_zero_shot that is done; 'clip' is"):
        ACTION.run(tagged.view(), RetagParams(key="clip", threshold=0.5), lambda done, total, doing="": None)
    tagged.limit(1).set_field("zero_shot_tag", None).save("zero_shot_tag")
    with pytest.raises(ParamError, match="have lost the logits"):
        retag(tagged, threshold=0.5)
    curate(tagged, "tag_zero_shot", embeddings="clip", classes=CLASSES, overwrite=True)
    with pytest.raises(ParamError, match="calibrated needs given labels"):
        retag(tagged, calibrated=True)
    assert tagged.values("zero_shot_confidence") == before


def test_fuse_embeddings__stands_and_falls_with_its_parents(tagged: Any) -> None:
    fused = curate(tagged, "fuse_embeddings", sources=["clip", "vectors"], dim=4)
    assert [parent["key"] for parent in fused.facts["parents"]] == ["clip", "vectors"]
    assert fused.facts["parents"][0]["model"] == "tiny_clip"
    below = curate(tagged, "find_neighbors", embeddings="fused", k=3)
    assert stale_reason(tagged, below) is None
    with pytest.raises(ParamError, match=r"got vectors of fusion of clip \+ vectors, which has no text encoder"):
        curate(tagged, "tag_zero_shot", key="other", embeddings="fused", classes=CLASSES)
    curate(tagged, "compute_embeddings", key="clip", model="tiny_clip", overwrite=True)
    again = "its embeddings came from 'clip', which has been computed again"
    assert stale_reason(tagged, fused) == again
    assert stale_reason(tagged, below) == f"its embeddings came from 'fused': {again}"
