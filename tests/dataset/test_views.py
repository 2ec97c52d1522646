"""Media and view × method: what works writes to the samples it is about; the rest is refused, with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate, get_run, list_runs, stale_reason
from image_curation.core.base.params import REQUIRED, ParamError, domains
from image_curation.core.catalog import METHODS
from image_curation.dataset.curate import rerun
from image_curation.panels.review import review_queue
from image_curation.panels.shared import scope
from PIL import Image

GIVEN: dict[str, dict[str, Any]] = {"explain": {"model": "clip"}}  # beside what each method needs
EMBEDDED: dict[str, dict[str, Any]] = {
    "find_annotation_issues": {},
    "find_quality_issues": {},
    "find_neighbors": {"k": 3},
    "find_duplicates": {"confirm": False},
    "find_outliers": {},
    "find_representatives": {"k": 3},
    "find_label_issues": {},
    "find_confusions": {},
    "select_subset": {"n": 3},
    "split_dataset": {},
    "order_by_similarity": {},
    "compute_map": {"method": "pca"},
}


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Twelve groups of two pictures and a point cloud; half of the pictures red, half blue, with one box each."""
    folder, rng, samples = tmp_path_factory.mktemp("groups"), np.random.default_rng(0), []
    made = fo.Dataset()
    made.add_group_field("group", default="left")
    for number in range(12):
        group, name = fo.Group(), ("red", "blue")[number % 2]
        for place in ("left", "right"):
            pixels = rng.integers(0, 90, (24, 24, 3), dtype=np.uint8)
            pixels[..., 0 if name == "red" else 2] += 150
            path = folder / f"{place}{number}.png"
            Image.fromarray(pixels).save(path)
            box = fo.Detection(label=name, bounding_box=[0.1, 0.1, 0.8, 0.8])
            sample = fo.Sample(filepath=str(path), group=group.element(place))
            sample["ground_truth"] = fo.Classification(label=name)
            sample["objects"] = fo.Detections(detections=[box])
            samples.append(sample)
        samples.append(fo.Sample(filepath=str(folder / f"{number}.pcd"), group=group.element("cloud")))
    made.add_samples(samples, progress=False)
    yield made
    made.delete()


@pytest.fixture
def videos(tmp_path: Path) -> Iterator[Any]:
    made = fo.Dataset()
    sample = fo.Sample(filepath=str(tmp_path / "a.mp4"))
    for number in range(1, 3):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 8)).save(path)
        sample.frames[number] = fo.Frame(filepath=str(path))
    made.add_sample(sample)
    yield made
    made.delete()


def _needs(method: Any) -> dict[str, Any]:
    """Something for each parameter that has no default."""
    wanted = {name: domain for name, domain in domains(method.params).items() if domain.default is REQUIRED}
    return {
        name: (("a", "b") if domain.many else 2 if domain.type in (int, float) else "a")
        for name, domain in wanted.items()
    }


def test_matrix__what_holds_no_images_is_refused_with_the_way_to_images(groups: Any, videos: Any) -> None:
    slices = r"dataset\.select_group_slices\('left'\) or dataset\.select_group_slices\('right'\)"
    frames = r"dataset\.to_frames\(sample_frames=True\)\.clone\(\)"
    scenes = fo.Dataset()
    scenes.add_sample(fo.Sample(filepath="a.fo3d"))
    clips = videos.to_clips([[[1, 2]]])
    refused = [
        (groups, f"holds groups; open a slice of images: {slices}"),
        (groups.select_group_slices("cloud"), f"holds point-cloud slices; open a slice of images: {slices}"),
        (groups.select_group_slices(_allow_mixed=True), f"holds mixed slices; open a slice of images: {slices}"),
        (videos, f"holds video; take its frames as a dataset of their own: {frames}"),
        (videos.to_frames(), f"holds frames of videos; .*: {frames}"),
        (clips, f"holds video; .*: {frames}"),
        (scenes, "holds 3d; open a dataset of images"),
    ]
    for view, sentence in refused:
        for method in METHODS:
            with pytest.raises(ParamError, match=rf"{method.label} works on images; dataset .* {sentence}"):
                curate(view, method.name, **(_needs(method) | GIVEN.get(method.name, {})))
        with pytest.raises(ParamError, match=rf"Check dataset works on images; dataset .* {sentence}"):
            act(view, "check_dataset")
    scenes.delete()


def test_frames__as_a_dataset_of_their_own(videos: Any) -> None:
    frames = videos.to_frames(sample_frames=False).clone()
    assert curate(frames, "find_quality_issues").n == 2
    frames.delete()


@pytest.mark.slow
def test_matrix__slices_of_groups(groups: Any) -> None:
    both = groups.select_group_slices(["left", "right"])
    views = {
        "sorted and limited": both.sort_by("filepath", reverse=True).limit(9),
        "matched": both.match(F("ground_truth.label") == "blue"),
    }
    for name, view in views.items():
        curate(view, "compute_embeddings", model="descriptor", overwrite=True)
        ids = set(view.values("id"))
        for method, given in EMBEDDED.items():
            if name == "matched" and method in ("find_label_issues", "find_confusions"):
                with pytest.raises(ParamError, match="at least two classes"):
                    curate(view, method, key="tried", overwrite=True, **given)
                continue
            run = curate(view, method, key="tried", overwrite=True, **given)
            assert run.target == "view", (name, method)
            assert stale_reason(groups, run) is None, (name, method)
            path = next(iter(run.writes.values()))
            every = groups.select_group_slices(_allow_mixed=True)
            written = set(every.match({path.split(".")[0]: {"$ne": None}}).values("id"))
            assert written, (name, method)
            assert written <= ids, (name, method)
        for key in ("tried", "embeddings"):
            act(groups, "forget_run", key=key, confirm=True)


def test_slices__patches_decisions_review_and_saved_views(groups: Any) -> None:
    right = groups.select_group_slices("right")
    curate(right, "find_quality_issues", key="objects_quality", patches_field="objects")
    found = right.values("objects.detections.objects_quality_dark")
    assert all(own[0] is not None for own in found)
    assert not any(groups.select_group_slices("left").values("objects.detections.objects_quality_dark", unwind=True))
    patches = right.to_patches("objects")
    run = curate(patches.limit(4), "find_quality_issues", key="some", patches_field="objects")
    assert (run.n, run.target) == (4, "view")
    run = curate(right, "find_annotation_issues", key="labels")
    source = review_queue.source_of(run, groups.get_field_schema(flat=True), None)
    right.limit(1).set_values("labels_is_issue", [True])
    whole = scope.whole(groups, None)
    assert review_queue.read(source, whole).ids == right.limit(1).values("id")
    assert act(right.limit(3), "mark", decision="exclude")["count"] == 3
    assert right.count_values("tags") == {"excluded": 3}
    assert act(right, "save_slice", name="out", field="labels_is_issue", equals="true")["count"] == 1
    assert groups.load_saved_view("out").values("id") == right.limit(1).values("id")
    assert act(right.limit(3), "save_slice", name="three")["count"] == 3
    assert len(groups.load_saved_view("three")) == 3
    assert act(right.limit(2), "relabel", label="green", new_class=True)["count"] == 2
    assert right.values("ground_truth_curated.label").count("green") == 2
    act(groups, "undo", steps=2)
    assert right.count_values("tags") == {}


def test_rerun__on_the_view_that_the_run_was_made_on(dataset: Any) -> None:
    view = dataset.match(F("ground_truth.label") != "red").sort_by("filepath", reverse=True).limit(6)
    run = curate(view, "find_neighbors", embeddings="vectors", k=2)
    assert (run.target, run.is_repeatable) == ("view", True)
    before = dataset.values("neighbors_distance")
    dataset.clear_sample_field("neighbors_distance")
    again = rerun(dataset, "neighbors")
    assert (again.n, again.target, again.view) == (6, "view", run.view)
    assert dataset.values("neighbors_distance") == before
    whole = curate(dataset, "find_neighbors", key="whole", embeddings="vectors", k=2)
    assert not whole.view
    assert rerun(dataset, "whole").n == 12


def test_rerun__of_evaluation_patches_and_saved_views(dataset: Any) -> None:
    boxes = [fo.Detections(detections=[fo.Detection(label="a", bounding_box=[0.1, 0.1, 0.8, 0.8])]) for _ in range(12)]
    dataset.set_values("objects", boxes)
    dataset.set_values("found", [one.copy() for one in boxes])
    dataset.evaluate_detections("found", gt_field="objects", eval_key="eval", progress=False)
    patches = dataset.limit(5).to_evaluation_patches("eval")
    run = curate(patches, "find_quality_issues", key="boxes", patches_field="objects")
    assert (run.n, run.target, run.patches_field) == (5, "view", "objects")
    assert rerun(dataset, "boxes").n == 5
    dataset.save_view("some", dataset.skip(4).limit(4))
    run = curate(dataset.load_saved_view("some"), "find_neighbors", embeddings="vectors", k=2)
    assert run.n == 4
    assert dataset.values("neighbors_distance")[:4] == [None] * 4


def test_runs__of_a_renamed_a_cloned_and_an_imported_dataset_are_honest(dataset: Any, tmp_path: Path) -> None:
    curate(dataset, "find_neighbors", embeddings="vectors", k=2)
    curate(dataset.limit(6), "find_outliers", embeddings="vectors")
    dataset.name = f"{dataset.name} renamed"
    assert [stale_reason(dataset, run) for run in list_runs(dataset)] == [None, None]
    copy = dataset.clone()
    for run in list_runs(copy):
        assert stale_reason(copy, run) is None or "samples" in str(stale_reason(copy, run))
    assert rerun(copy, "neighbors").n == 12
    assert rerun(copy, "outliers").n == 6
    assert stale_reason(copy, get_run(copy, "neighbors")) is None
    copy.add_sample(fo.Sample(filepath=dataset.first().filepath))
    assert stale_reason(copy, get_run(copy, "neighbors")) == "1 sample was added"
    copy.delete()
    dataset.export(export_dir=str(tmp_path / "out"), dataset_type=fo.types.FiftyOneDataset, progress=False)
    back = fo.Dataset.from_dir(str(tmp_path / "out"), dataset_type=fo.types.FiftyOneDataset, progress=False)
    for run in list_runs(back):
        assert set(run.writes.values()) <= set(back.get_field_schema(flat=True))
    assert back.values("neighbors_distance") == dataset.values("neighbors_distance")
    back.delete()
