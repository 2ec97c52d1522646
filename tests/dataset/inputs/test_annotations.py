"""Labels of every kind are checked as they lie on a dataset: what is wrong stands on the label, and in the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import act, curate, get_run, stale_reason
from image_curation.core.base.params import ParamError
from image_curation.core.explanations import explain
from image_curation.dataset.inputs import annotations
from image_curation.panels.review import review_queue
from image_curation.panels.shared import scope
from PIL import Image

PLANTED = {"doubled": 5, "outside": 5, "no_area": 5, "negative_size": 5, "class_name": 5}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Sixty pictures with boxes of cars and dogs; 28 of them with one planted fault each, in `truth`."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    made = fo.Dataset()
    faults = [kind for kind, count in PLANTED.items() for _ in range(count)] + ["no_labels"] * 3
    samples = []
    for number in range(60):
        path = folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(path)
        fault = faults[number] if number < len(faults) else None
        places = [(0.1, 0.2, 0.3, 0.25), (0.55, 0.5, 0.28, 0.3)]
        boxes = [(np.array(box) + rng.uniform(-0.05, 0.05, 4)).tolist() for box in places]
        objects = [fo.Detection(label=name, bounding_box=box) for name, box in zip(("car", "dog"), boxes, strict=True)]
        if fault == "doubled":
            objects.append(fo.Detection(label="car", bounding_box=boxes[0]))
        elif fault == "outside":
            objects[0].bounding_box[0] = 0.9
        elif fault == "no_area":
            objects[0].bounding_box[2] = 0.0
        elif fault == "negative_size":
            objects[0].bounding_box[2] *= -1
        elif fault == "class_name":
            objects[0].label = "crar"
        elif fault == "no_labels":
            objects = []
        samples.append(fo.Sample(filepath=str(path), truth=fault, objects=fo.Detections(detections=objects)))
    made.add_samples(samples, progress=False)
    yield made
    made.delete()


def test_find_annotation_issues__planted_faults_are_all_named_and_no_others(photographs: Any) -> None:
    run = curate(photographs, "find_annotation_issues")
    assert run.facts["issues_by_kind"] == {
        "negative_size": 5,
        "no_area": 5,
        "doubled": 5,
        "outside": 5,
        "class_name": 5,
        "no_labels": 3,
    }
    found = photographs.values(["truth", "annotations_kinds", "annotations_said"])
    for truth, kinds, said in zip(*found, strict=True):
        assert kinds == ([truth] if truth else [])
        assert (said is None) == (truth is None)
    labels = photographs.values(["truth", "objects.detections.label", "objects.detections.annotations_issue"])
    for truth, names, issues in zip(*labels, strict=True):
        wrong = [(name, issue) for name, issue in zip(names or [], issues or [], strict=True) if issue]
        assert wrong == ([] if truth in (None, "no_labels") else [("crar" if truth == "class_name" else "car", truth)])
    said = photographs.match({"truth": "class_name"}).first()
    assert said.objects.detections[0].annotations_issue_said.endswith("('crar', probably 'car').")
    assert photographs.filter_labels("objects", fo.ViewField("annotations_issue") == "outside").count() == 5


def test_check_dataset__names_them_and_review_queues_them(photographs: Any) -> None:
    from image_curation.dataset.actions.check_dataset import CheckDatasetParams, steps

    assert "find_annotation_issues" in [name for name, _ in steps(photographs, CheckDatasetParams())]
    curate(photographs, "compute_embeddings", model="descriptor", overwrite=True)
    act(photographs, "check_dataset")
    run = get_run(photographs, "check")
    issue = next(one for one in run.facts["issues"] if one["method"] == "find_annotation_issues")
    assert (issue["count"], issue["checked"], issue["severity"]) == (28, 60, "serious")
    assert "5 doubled" in issue["headline"]
    source = review_queue.source_of(get_run(photographs, issue["run"]), photographs.get_field_schema(flat=True), None)
    queue = review_queue.read(source, scope.whole(photographs, None))
    assert len(queue.ids) == 28
    assert photographs[queue.ids[0]].truth == "negative_size"  # the worst first


def test_find_annotation_issues__another_run_and_forgetting_leave_nothing_behind(photographs: Any) -> None:
    curate(photographs, "find_annotation_issues", key="again")
    view = photographs.match({"truth": "outside"})
    curate(view, "find_annotation_issues", key="again", overwrite=True)
    assert photographs.count_values("objects.detections.again_issue") == {None: 114, "outside": 5}
    assert photographs.count("again_is_issue") == 5
    act(photographs, "forget_run", key="again", confirm=True)
    assert not [path for path in photographs.get_field_schema(flat=True) if "again" in path]
    stored = photographs._sample_collection.find_one({"objects.detections.again_issue": {"$exists": True}})
    assert stored is None


def test_find_annotation_issues__is_stale_when_a_label_changes_and_only_then(photographs: Any) -> None:
    run = curate(photographs, "find_annotation_issues", key="fresh", overwrite=True)
    curate(photographs, "find_annotation_issues", key="beside", overwrite=True)  # writes attributes of the same labels
    assert stale_reason(photographs, run) is None
    sample = photographs.last()
    before = list(sample.objects.detections[0].bounding_box)
    sample.objects.detections[0].bounding_box[0] += 0.01
    sample.save()
    assert stale_reason(photographs, run) == "values in 'objects' have changed"
    sample.objects.detections[0].bounding_box = before
    sample.save()
    assert stale_reason(photographs, run) is None


def test_find_annotation_issues__kinds_of_labels(tmp_path: Path) -> None:
    dataset = fo.Dataset()
    image = tmp_path / "a.png"
    Image.new("RGB", (64, 48)).save(image)
    mask, file = np.zeros((20, 20), dtype=np.uint8), tmp_path / "mask.png"
    mask[2:18, 2:8] = 1
    Image.fromarray(np.ones((48, 64), dtype=np.uint8)).save(file)
    box = [0.25, 0.25, 0.5, 0.5]
    dataset.add_sample(
        fo.Sample(
            filepath=str(image),
            one=fo.Classification(label=" "),
            many=fo.Classifications(classifications=[fo.Classification(label="a"), fo.Classification()]),
            lines=fo.Polylines(
                polylines=[
                    fo.Polyline(label="a", points=[]),
                    fo.Polyline(label="a", points=[[(0.1, 0.1)]]),
                    fo.Polyline(label="a", points=[[(0, 0), (1, 1), (1, 0), (0, 1)]], closed=True),
                    fo.Polyline(label="a", points=[[(0, 0), (1, 0), (1, 1)]], closed=True),
                ]
            ),
            points=fo.Keypoints(keypoints=[fo.Keypoint(label="a", points=[(0.5, 1.5)]), fo.Keypoint(label="a")]),
            things=fo.Detections(
                detections=[
                    fo.Detection(label="a", bounding_box=box, mask=np.zeros((24, 32), dtype=bool)),
                    fo.Detection(label="b", bounding_box=[0, 0, 0.5, 0.5], mask=np.ones((24, 32), dtype=bool)),
                    fo.Detection(label="c", bounding_box=[0.5, 0.5, 0.25, 0.5], mask=mask),
                ]
            ),
            scene=fo.Segmentation(mask=np.ones((10, 10), dtype=np.uint8)),
            file=fo.Segmentation(mask_path=str(file)),
            gone=fo.Segmentation(mask_path=str(tmp_path / "nothing.png")),
        )
    )
    run = curate(dataset, "find_annotation_issues")
    sample = dataset.first()
    assert dataset.values("many.classifications.annotations_issue") == [[None, "no_class"]]
    lines = dataset.values("lines.polylines.annotations_issue")
    assert lines == [["empty", "too_few_points", "self_crossing", None]]
    assert dataset.values("points.keypoints.annotations_issue") == [["outside", "empty"]]
    assert dataset.values("things.detections.annotations_issue") == [["empty", None, "wrong_mask_size"]]
    assert "30% of its width" in sample.things.detections[2].annotations_issue_said
    assert "scene: The mask has another shape" in sample.annotations_said
    assert "gone: The label holds no point or pixel" in sample.annotations_said
    assert "file:" not in sample.annotations_said
    assert run.facts["issues_by_kind"]["no_class"] == 2
    dataset.delete()


def test_find_annotation_issues__bad_input(dataset: Any) -> None:
    with pytest.raises(
        ParamError, match="label_field must name a field of labels; got 'vectors'. There are: ground_tr"
    ):
        curate(dataset, "find_annotation_issues", label_field="vectors")
    bare = fo.Dataset()
    bare.add_sample(fo.Sample(filepath="a.png"))
    with pytest.raises(ParamError, match="must name a field of labels; dataset .* has none with any"):
        curate(bare, "find_annotation_issues")
    bare.delete()


def test_find_annotation_issues__excluded_labels_and_copies(photographs: Any, tmp_path: Path) -> None:
    copy = photographs.skip(40).limit(2).clone()
    copy.clear_sample_field("objects")
    first, second = copy
    second.filepath = str(tmp_path / "copy.png")
    Path(second.filepath).write_bytes(Path(first.filepath).read_bytes())
    box = [0.1, 0.1, 0.5, 0.5]
    first["objects"] = fo.Detections(detections=[fo.Detection(label="dog", bounding_box=box)])
    twice = [
        fo.Detection(label="dog", bounding_box=box),
        fo.Detection(label="dog", bounding_box=box, tags=["excluded"]),
    ]
    second["objects"] = fo.Detections(detections=twice)
    first.save()
    second.save()
    curate(copy, "find_annotation_issues", key="own")
    assert copy.values("own_kinds") == [[], []]  # what is excluded is no label
    curate(copy, "find_annotation_issues", key="own", overwrite=True, include_excluded=True)
    assert copy.values("own_kinds") == [["same_picture"], ["doubled", "same_picture"]]
    copy.delete()


@pytest.mark.parametrize("read", [annotations._of_file, lambda path: explain._mask_on_grid(path) > 0])
def test_masks__a_turned_tiff_is_read_like_the_png_of_what_it_shows(tmp_path: Path, read: Any) -> None:
    """Uncompressed grey TIFFs whose orientation turns them by 90 degrees, as some annotation tools copy it."""
    shown = np.zeros((48, 64), np.uint8)
    shown[5:20, 30:50] = 1
    Image.fromarray(shown).save(tmp_path / "plain.png")
    stored = Image.fromarray(shown).transpose(Image.Transpose.ROTATE_90)  # orientation 6 turns it back
    stored.save(tmp_path / "turned.tif", tiffinfo={274: 6})
    assert np.array_equal(read(str(tmp_path / "turned.tif")), read(str(tmp_path / "plain.png")))
