"""Parameters that name fields, predictions and several embeddings: what is read for them, and when it is stale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.base.params import ParamError, Params, param
from image_curation.dataset.curate import curate
from image_curation.dataset.inputs.read import read
from image_curation.dataset.inputs.roles import fields_for
from image_curation.dataset.runs.freshness import stale_reason
from image_curation.dataset.runs.record import get_run


@dataclass(frozen=True, kw_only=True)
class Naming(Params):
    """Names one of each."""

    score: str | None = param(None, "Score", reads="values")
    predicted: tuple[str, ...] = param((), "Predictions", reads="predictions")
    sets: str | None = param(None, "Sets", reads="label_sets")
    boxes: str | None = param(None, "Boxes", reads="detections")
    members: tuple[str, ...] = param((), "Members", reads="members")
    fused: tuple[str, ...] = param((), "Embeddings", reads="embeddings")


def test_read__values_follow_the_rows(dataset: Any) -> None:
    dataset.add_sample_field("score", fo.FloatField)
    dataset.set_values("score", [float(i) if i % 2 else None for i in range(12)])
    reading = read(dataset.skip(3), Naming(score="score"), "Naming")
    assert reading.inputs.named["score"] == [3.0, None, 5.0, None, 7.0, None, 9.0, None, 11.0]
    assert reading.reads["score"] == {"role": "values", "field": "score", "run": None, "made": None}
    assert "score" in fields_for(dataset, "values")
    assert "ground_truth.label" in fields_for(dataset, "values")


def test_read__predictions_come_with_logits_in_the_order_of_the_classes(dataset: Any) -> None:
    curate(dataset, "compute_embeddings", key="clip", model="tiny_clip")
    run = curate(dataset, "tag_zero_shot", embeddings="clip", classes=["one", "zero"])
    (found,) = read(dataset.view(), Naming(predicted=["zero_shot"]), "Naming").inputs.named["predicted"]
    assert found.classes == ("one", "zero")
    assert found.logits.shape == (12, 2)
    assert (found.logits.argmax(axis=1) == found.codes).all()
    assert run.key in fields_for(dataset, "predictions")
    plain = read(dataset.view(), Naming(predicted=["ground_truth"]), "Naming").inputs.named["predicted"][0]
    assert plain.logits is None
    assert [plain.classes[code] for code in plain.codes] == dataset.values("ground_truth.label")


def test_read__sets_and_boxes(dataset: Any) -> None:
    sample = dataset.first()
    sample["sets"] = fo.Classifications(classifications=[fo.Classification(label=c) for c in ("b", "a")])
    sample["boxes"] = fo.Detections(
        detections=[
            fo.Detection(label="b", bounding_box=[0, 0, 0.5, 1], confidence=0.25),
            fo.Detection(label="a", bounding_box=[0, 0, 1, 1]),
        ]
    )
    sample.save()
    named = read(dataset.limit(2), Naming(sets="sets", boxes="boxes"), "Naming").inputs.named
    assert named["sets"].names == ("a", "b")
    assert named["sets"].present.tolist() == [[True, True], [False, False]]
    assert named["sets"].known.tolist() == [True, False]
    assert named["boxes"].rows.tolist() == [0, 0]
    assert named["boxes"].codes.tolist() == [1, 0]
    assert named["boxes"].boxes[0].tolist() == [0, 0, 0.5, 1]
    assert np.array_equal(named["boxes"].confidence, [0.25, np.nan], equal_nan=True)


def test_read__several_embeddings_keep_the_rows_that_have_all(dataset: Any) -> None:
    other = [np.full(2, i, np.float32) if i != 4 else None for i in range(12)]
    dataset.add_sample_field("other", fo.VectorField)
    dataset.set_values("other", other)
    reading = read(dataset.view(), Naming(fused=["vectors", "other"]), "Naming")
    first, second = reading.inputs.named["fused"]
    assert (len(first), second[:, 0].tolist()) == (11, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11])
    assert reading.why_skipped == {"no vector in 'other'": 1}
    assert dataset.limit(5).values("id")[4] not in reading.inputs.ids


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"score": "nothing"}, "score must name a field with plain values; 'nothing' does not exist"),
        ({"score": "vectors"}, "'vectors' holds VectorField"),
        ({"predicted": ["vectors"]}, "must name a run that predicted classes or a field of Classifications"),
        ({"sets": "ground_truth"}, "must name a field of Classifications"),
        ({"boxes": "ground_truth"}, "must name a field of Detections"),
        ({"fused": ["nothing"]}, "no embeddings run or vector field 'nothing'"),
    ],
)
def test_read__says_what_cannot_be_named(dataset: Any, named: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        read(dataset.view(), Naming(**named), "Naming")


def test_read__members_of_fields_tags_and_slices(dataset: Any) -> None:
    dataset.add_sample_field("good", fo.BooleanField)
    dataset.set_values("good", [True, False, None] * 4)
    dataset.limit(2).tag_samples("chosen")
    dataset.save_view("reds", dataset.match(fo.ViewField("ground_truth.label") == "red"))
    reading = read(dataset.skip(1), Naming(members=["good", "chosen", "reds"]), "Naming")
    good, chosen, reds = reading.inputs.named["members"]
    assert good.tolist() == [False, False, True, False, False, True, False, False, True, False, False]
    assert chosen.sum() == 1
    assert reds.sum() == 3
    assert {"good", "chosen", "reds"} <= set(fields_for(dataset, "members"))
    assert reading.reads["members.1"]["field"] == "tags"
    with pytest.raises(ParamError, match="must name a true-or-false field, a tag or a saved slice; got 'nothing'"):
        read(dataset.view(), Naming(members=["nothing"]), "Naming")


def test_stale_reason__a_slice_that_was_defined_anew(dataset: Any) -> None:
    dataset.save_view("some", dataset.match(fo.ViewField("ground_truth.label") == "red"))
    curate(dataset, "report", embeddings="vectors", subset="some")
    run = get_run(dataset, "report")
    assert run.reads["subset"]["slice"] == "some"
    assert stale_reason(dataset, run) is None
    dataset.delete_saved_view("some")
    assert stale_reason(dataset, run) == "its slice 'some' is gone"
    dataset.save_view("some", dataset.match(fo.ViewField("ground_truth.label") == "red"))
    assert stale_reason(dataset, run) is None, "the same samples under the same name"
    dataset.delete_saved_view("some")
    dataset.save_view("some", dataset.limit(3))
    assert stale_reason(dataset, run) == "the slice 'some' holds other samples now"


def test_stale_reason__a_slice_that_other_samples_meet(dataset: Any) -> None:
    dataset.save_view("reds", dataset.match(fo.ViewField("ground_truth.label") == "red"))
    curate(dataset, "report", embeddings="vectors", subset="reds")
    sample = dataset.first()
    sample["ground_truth"].label = "green" if sample["ground_truth"].label == "red" else "red"
    sample.save()
    assert stale_reason(dataset, get_run(dataset, "report")) == "the slice 'reds' holds other samples now"
