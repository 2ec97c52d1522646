"""Classes of predictions that are written another way than the labels': matched and said, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import act, curate
from image_curation.core.base.params import ParamError

CLASSES = ("polar bear", "cherry", "dog")
WRONG = 4


@pytest.fixture(scope="module")
def predicted() -> Iterator[Any]:
    """Sixty samples whose predictions are right, the first four labelled wrongly; tests name the predictions."""
    made = fo.Dataset()
    made.add_samples([fo.Sample(filepath=f"missing/{row}.png") for row in range(60)], progress=False)
    labels = [CLASSES[(row + (row < WRONG)) % 3] for row in range(60)]
    made.set_values("ground_truth", [fo.Classification(label=label) for label in labels])
    box = [0.1, 0.1, 0.3, 0.3]
    given = [fo.Detections(detections=[fo.Detection(label=label, bounding_box=box)]) for label in labels]
    made.set_values("boxes", given)
    yield made
    made.delete()


def _say(dataset: Any, spell: Callable[[int], str]) -> None:
    """Predictions, of images and of boxes, whose classes are named by a function of the class's number."""
    names, box = [spell(row % 3) for row in range(60)], [0.1, 0.1, 0.3, 0.3]
    dataset.set_values("said", [fo.Classification(label=name, confidence=0.9) for name in names])
    found = [fo.Detection(label=name, bounding_box=box, confidence=0.8) for name in names]
    dataset.set_values("found", [fo.Detections(detections=[one]) for one in found])


SPELLINGS: dict[str, Callable[[int], str]] = {
    "case": lambda code: CLASSES[code].upper(),
    "signs": lambda code: CLASSES[code].replace(" ", "_"),
    "plural": lambda code: ("Polar Bears", "Cherries", "Dogs")[code],
    "numbers": lambda code: "201"[code],  # in an order that nothing tells but the labels
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_class_matching__another_spelling_finds_the_same(predicted: Any, spelling: str) -> None:
    _say(predicted, SPELLINGS[spelling])
    first = predicted.values("id")[:WRONG]
    confusions = curate(predicted, "find_confusions", embeddings=None, predictions="said", overwrite=True)
    assert confusions.headline.startswith(f"{WRONG} of 60 ")
    run = curate(predicted, "find_detection_issues", label_field="boxes", predictions="found", overwrite=True)
    assert [*predicted.match(fo.ViewField("detection_issues_is_issue")).values("id")] == first
    for one in (confusions, run):
        assert "was read as" in one.headline
        assert len(one.facts["matched_classes"]) == 1


def test_class_matching__evaluation_in_the_app(predicted: Any) -> None:
    _say(predicted, SPELLINGS["plural"])
    done = act(predicted, "evaluate_predictions", predictions="said", overwrite=True)
    assert done["accuracy"] == pytest.approx(1 - WRONG / 60)
    assert "'Cherries' was read as 'cherry'" in done["headline"]
    assert sorted(set(predicted.values("said.label"))) == ["Cherries", "Dogs", "Polar Bears"]  # as they were


def test_class_matching__nothing_in_common_is_refused(predicted: Any) -> None:
    rng = np.random.default_rng(0)
    for spell in (lambda code: ("car", "bus", "van")[code], lambda code: str(rng.integers(3))):
        _say(predicted, spell)
        with pytest.raises(ParamError, match="have no class in common; name the predictions' classes"):
            curate(predicted, "find_confusions", embeddings=None, predictions="said", key="refused")
        with pytest.raises(ParamError, match="have no class in common"):
            curate(predicted, "find_detection_issues", label_field="boxes", predictions="found", key="refused")
        with pytest.raises(ParamError, match="have none in common"):
            act(predicted, "evaluate_predictions", predictions="said", eval_key="refused")
    assert "refused" not in predicted.list_runs()
