"""A classifier's results on a dataset: FiftyOne's own evaluation reads them, and what was kept goes with the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.task import head_of
from image_curation.dataset.curate import curate
from image_curation.dataset.runs.forget import forget
from image_curation.dataset.runs.record import get_run
from image_curation.sdk import act


def test_train_classifier__is_evaluated_by_fiftyone(dataset: Any) -> None:
    run = curate(dataset, "train_classifier", embeddings="vectors")
    summary = act(dataset, "evaluate_predictions", predictions="classifier", eval_key="looked_at")
    assert "looked_at" in dataset.list_evaluations()
    assert summary["accuracy"] == run.facts["accuracy"]
    assert "Model Evaluation" in summary["headline"]
    results = dataset.load_evaluation_results("looked_at")
    assert results.confusion_matrix().sum() == 12
    info = dataset.get_evaluation_info("looked_at").config
    assert (info.type, info.pred_field, info.gt_field) == ("classification", "classifier_prediction", "ground_truth")
    with pytest.raises(ParamError, match="looked_at"):
        act(dataset, "evaluate_predictions", predictions="classifier", eval_key="looked_at")
    act(dataset, "evaluate_predictions", predictions="classifier", eval_key="looked_at", overwrite=True)


def test_evaluate_predictions__of_any_field(dataset: Any) -> None:
    dataset.clone_sample_field("ground_truth", "copied")
    dataset.limit(3).set_values("copied.label", ["blue"] * 3)
    assert act(dataset, "evaluate_predictions", predictions="copied")["accuracy"] == 0.75
    assert dataset.list_evaluations() == ["evaluation"]
    with pytest.raises(ParamError, match="no field or run 'nothing'"):
        act(dataset, "evaluate_predictions", predictions="nothing")
    dataset.set_values("ground_truth", [None] * 12)
    with pytest.raises(ParamError, match="no sample has both"):
        act(dataset, "evaluate_predictions", predictions="copied", eval_key="other")
    assert dataset.list_evaluations() == ["evaluation"]


def test_train_classifier__model_goes_with_the_run(dataset: Any) -> None:
    run = curate(dataset, "train_classifier", embeddings="vectors")
    assert head_of(run.facts["model_file"])["classes"].tolist() == ["blue", "green", "red"]
    again = curate(dataset, "train_classifier", embeddings="vectors", overwrite=True)
    assert not Path(run.facts["model_file"]).exists()
    assert Path(again.facts["model_file"]).exists()
    elsewhere = Path(dataset.first().filepath)
    forget(dataset, get_run(dataset, "classifier").key)
    assert not Path(again.facts["model_file"]).exists()
    assert elsewhere.exists()


def test_train_classifier__any_number_of_classes(dataset: Any) -> None:
    sets = [
        fo.Classifications(classifications=[fo.Classification(label=name) for name in names])
        for names in [("red", "warm")] * 4 + [("green",)] * 4 + [("blue",)] * 3
    ]
    dataset.set_values("sets", [*sets, None])
    run = curate(dataset, "train_classifier", embeddings="vectors", label_sets="sets")
    assert run.reads["label_sets"]["field"] == "sets.classifications.label"
    assert [label.label for label in dataset.first().classifier_predictions.classifications] == ["red", "warm"]
    assert [label.label for label in dataset.last().classifier_predictions.classifications] == ["blue"]
    assert len(dataset.last().classifier_predictions.logits) == 4
    assert dataset.last().classifier_is_correct is None
    with pytest.raises(ParamError, match="one class per sample"):
        act(dataset, "evaluate_predictions", predictions="classifier")


def test_train_classifier__trusted_samples_are_a_tag(dataset: Any) -> None:
    dataset.limit(3).tag_samples("trusted")
    with pytest.raises(ParamError, match="got 3, with . others"):
        curate(dataset, "train_classifier", embeddings="vectors", trusted="trusted")
    assert dataset.get_field("classifier_prediction") is None
