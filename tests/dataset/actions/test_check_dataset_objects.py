"""A check of the objects in images: what applies to them runs, and the page speaks of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate, get_run, list_runs, stale_reason
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.check_dataset import CheckDatasetParams, steps
from image_curation.dataset.runs.freshness import Freshness
from image_curation.panels.curation import check_page as checkup
from image_curation.panels.curation.findings import found_in
from PIL import Image

COLOURS = {"red": (200, 60, 60), "green": (60, 180, 60), "blue": (60, 60, 200)}


@pytest.fixture
def drawn(tmp_path: Path) -> Any:
    """Twelve images, each with a red, a green and a blue square of 24 pixels.

    The third image shows the first one's red square to the pixel; the blue square of the fourth is called red; the
    green one of the fifth is black. The first six images are for training, the others for testing but for the third's.
    """
    made, rng = fo.Dataset(), np.random.default_rng(0)
    for number in range(12):
        pixels, labels = rng.integers(90, 120, (40, 90, 3)), []
        for place, (name, colour) in enumerate(COLOURS.items()):
            noise = np.random.default_rng(0 if place == 0 and number in (0, 2) else 100 + 3 * number + place)
            square = np.array(colour) + noise.integers(-50, 50, (24, 24, 3))
            pixels[8:32, 30 * place + 3 : 30 * place + 27] = 3 if (number, place) == (4, 1) else square
            label = "red" if (number, place) == (3, 2) else name
            box = [(30 * place + 3) / 90, 0.2, 24 / 90, 0.6]
            labels.append(fo.Detection(label=label, bounding_box=box))
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        tag = "train" if number < 6 and number != 2 else "test"
        made.add_sample(fo.Sample(filepath=str(path), tags=[tag], objects=fo.Detections(detections=labels)))
    yield made
    made.delete()


def test_check_dataset__of_objects(drawn: Any) -> None:
    summary = act(drawn, "check_dataset", patches_field="objects")
    run = get_run(drawn, "check_objects")
    assert (run.patches_field, run.n, run.target, run.params["patches_field"]) == ("objects", 36, "dataset", "objects")
    assert run.facts["not_checked"] == []
    assert {one.patches_field for one in list_runs(drawn)} == {"objects"}
    assert "among 36 objects; " in summary["headline"]
    found = {issue["method"]: issue for issue in run.facts["issues"]}
    labels, root = drawn.values("objects.detections.id"), "objects.detections"
    leaks = drawn.filter_labels("objects", F("leaks_is_leak") == True)  # noqa: E712
    assert found["find_leaks"]["count"] == 2
    assert leaks.values(f"{root}.id", unwind=True) == [labels[0][0], labels[2][0]]
    assert found["find_duplicates"]["count"] == 1
    issues = drawn.filter_labels("objects", F("label_issues_is_issue") == True)  # noqa: E712
    assert labels[3][2] in issues.values(f"{root}.id", unwind=True)
    assert found["find_label_issues"]["count"] == issues.count(root)
    dark = drawn.filter_labels("objects", F("quality_issues").contains("dark"))
    assert dark.values(f"{root}.id", unwind=True) == [labels[4][1]]
    confused = drawn.filter_labels("objects", F("confusions_is_confused") == True)  # noqa: E712
    assert labels[3][2] in confused.values(f"{root}.id", unwind=True)
    cues = drawn.values(f"{root}.spurious_cue", unwind=True)
    labels_told = zip(drawn.values(f"{root}.label", unwind=True), cues, strict=True)
    assert {label for label, cue in labels_told if cue} == set(COLOURS)
    assert stale_reason(drawn, run) is None

    before = {one.key: one.finished for one in list_runs(drawn) if one.key != "check_objects"}
    act(drawn, "check_dataset", patches_field="objects")  # what holds is kept
    assert {one.key: one.finished for one in list_runs(drawn) if one.key != "check_objects"} == before

    act(drawn, "check_dataset")  # the images have a check of their own
    assert get_run(drawn, "check").n == 12
    assert get_run(drawn, "check_objects").n == 36
    assert all(one.patches_field is None for one in list_runs(drawn) if one.key not in before | {"check_objects": 0})


def test_check_dataset__of_the_objects_that_the_target_shows(drawn: Any) -> None:
    patches = drawn.to_patches("objects").match(F("objects.label") == "red")
    act(patches, "check_dataset")
    run = get_run(drawn, "check_objects")
    assert (run.n, run.target, run.patches_field) == (13, "view", "objects")
    copies = next(issue for issue in run.facts["issues"] if issue["method"] == "find_duplicates")
    assert copies["count"] == 1


def test_steps__of_objects(drawn: Any) -> None:
    plan = steps(drawn, CheckDatasetParams(patches_field="objects"))
    names = [name for name, _ in plan]
    assert names[0] == "compute_embeddings"
    assert {"find_leaks", "find_label_issues", "find_confusions", "find_spurious_cues"} <= set(names)
    assert dict(plan)["find_label_issues"]["label_field"] == "objects"
    drawn.set_values("whole", [np.ones(3, np.float32)] * 12)  # vectors of images are none of objects
    assert steps(drawn, CheckDatasetParams(patches_field="objects")) == plan


def test_check_dataset__of_objects_that_are_not_there(drawn: Any) -> None:
    with pytest.raises(ParamError, match="Detections or Polylines; 'nowhere' does not exist"):
        act(drawn, "check_dataset", patches_field="nowhere")
    drawn.add_sample_field("empty", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    with pytest.raises(ParamError, match="at least 1 object, and the target has 0; none of its images has any"):
        act(drawn, "check_dataset", patches_field="empty")


def test_page__of_objects(drawn: Any) -> None:
    act(drawn, "check_dataset", patches_field="objects")
    run = get_run(drawn, "check_objects")
    runs = list_runs(drawn)
    kinds = found_in(drawn.to_patches("objects"), runs, Freshness(drawn, runs), "objects.detections.label")
    page = checkup.page(run, None, kinds, runs)
    cards = {card["key"]: card for card in page["kinds"]}
    assert (cards["leaks"]["now"], cards["duplicates"]["now"]) == (2, 1)
    assert cards["leaks"]["pictures"][0]["path"].startswith(f"{drawn.first().filepath}#xywh=")
    assert page["label"] == "Check of the objects in objects"


@pytest.mark.parametrize("method", ["find_multilabel_issues", "find_detection_issues"])
def test_methods_of_whole_images__refuse_objects_in_a_sentence(method: str, drawn: Any) -> None:
    with pytest.raises(ParamError, match="judges? whole images"):
        curate(drawn, method, patches_field="objects", label_field="objects")
