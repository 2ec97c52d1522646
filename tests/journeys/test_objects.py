"""Runs on the objects in images: every method that can, on real detections of a drawn dataset."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act
from image_curation.core.base.arrays import silent
from image_curation.core.base.method import Method
from image_curation.core.base.params import ParamError, domains, roles
from image_curation.core.catalog import METHODS
from image_curation.dataset.actions.catalog import ACTIONS
from image_curation.dataset.curate import curate, rerun
from image_curation.dataset.inputs.roles import fields_for
from image_curation.dataset.inputs.sources import vector_sources
from image_curation.dataset.runs.forget import forget
from image_curation.dataset.runs.freshness import stale_reason
from image_curation.dataset.runs.record import get_run, list_runs
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
N = 14  # objects that can be cut out: three in each of four images, two in a fifth
ROOT = "objects.detections"

# methods whose inputs can be objects: embeddings or files of objects, alone or with labels
ON_OBJECTS = tuple(
    method
    for method in METHODS
    if {"objects", "embeddings", "predictions", "said", "judged"} & set(roles(method.params).values())
)
on_objects = pytest.mark.parametrize("method", ON_OBJECTS, ids=lambda method: method.name)


def _draw(folder: Path) -> Any:
    """Six images with coloured squares: four with three, one with two good boxes and two bad ones, one with none.

    The red squares of the first two images are equal to the pixel.
    """
    made = fo.Dataset()
    rng = np.random.default_rng(0)
    samples = []
    for number in range(6):
        pixels, labels = rng.integers(90, 120, (60, 90, 3)), []
        for place, (name, colour) in enumerate(COLOURS.items()):
            if number == 5 or (number == 4 and place == 2):
                continue
            box = [0.05 + place / 3, 0.2, 0.2, 0.5]
            left = int(90 * box[0])
            noise = np.random.default_rng(max(number, 1) if place == 0 else 9 * number + place)
            pixels[12:42, left : left + 19] = np.clip(np.array(colour) + noise.integers(-25, 25, (30, 19, 3)), 0, 255)
            labels.append(fo.Detection(label=name, bounding_box=box, confidence=0.5 + place / 10))
        if number == 4:
            labels.insert(1, fo.Detection(label="red", bounding_box=[1.2, 0.2, 0.3, 0.3]))
            labels.append(fo.Detection(label="red", bounding_box=[0.2, 0.2, 0.0, 0.3]))
        path = folder / f"{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        sample = fo.Sample(filepath=str(path), scene=fo.Classification(label="day" if number % 2 else "night"))
        if number < 5:
            sample["objects"] = fo.Detections(detections=labels)
        samples.append(sample)
    made.add_samples(samples, progress=False)
    return made


@pytest.fixture
def drawn(tmp_path: Path) -> Any:
    """The drawn dataset, with files of its own."""
    made = _draw(tmp_path)
    yield made
    made.delete()


@pytest.fixture(scope="module")
def _embedded_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = _draw(tmp_path_factory.mktemp("objects"))
    curate(made, "compute_embeddings", model="descriptor", key="crops", patches_field="objects")
    yield made
    made.delete()


@pytest.fixture
def embedded(_embedded_once: Any) -> Any:
    """The drawn dataset with vectors of its objects in the run `crops`."""
    made = _embedded_once.clone()
    yield made
    made.delete()


def _params(method: Method, tmp_path: Path) -> dict[str, Any]:
    names, named = domains(method.params), roles(method.params)
    given: dict[str, Any] = {}
    if "embeddings" in names and not names["embeddings"].many:
        given["embeddings"] = "crops"
    elif "objects" in named.values():
        given["patches_field"] = "objects"
    if method.name == "tag_zero_shot":
        given |= {"embeddings": "clip", "classes": ["zero", "one"]}
    if method.name == "fuse_embeddings":
        given |= {"sources": ["crops", "clip"], "dim": 8}
    if "label_field" in names:
        given["label_field"] = "objects"
    if "split_field" in names:
        given["split_field"] = "scene"
    if method.name == "audit_labels":
        given["run"] = "judged"
    if method.name == "find_consensus":
        given["annotators"] = ["objects", "scene"]
    if method.name == "find_regression_issues":
        given["target"] = "confidence"
    if method.name == "find_representatives":
        given["k"] = 3
    if method.name == "select_subset":
        given |= {"fraction": 0.5, "purpose": "edge_cases"}
    if method.name == "select_next_batch":
        given |= {"label_field": None, "n": 1}
    if method.name == "sweep_representatives":
        given |= {"k_min": 1, "k_max": 3, "step": 1}
    return given


@on_objects
def test_method__writes_attributes_of_the_objects(method: Method, embedded: Any, tmp_path: Path) -> None:
    if method.name in ("tag_zero_shot", "fuse_embeddings"):
        curate(embedded, "compute_embeddings", key="clip", model="tiny_clip", patches_field="objects")
    if method.name == "audit_labels":
        curate(embedded, "find_label_issues", key="judged", embeddings="crops", label_field="objects")
    try:
        run = curate(embedded, method.name, key="try_it", **_params(method, tmp_path))
    except ParamError as error:
        if method.stage == "clean" and method.name != "find_multilabel_issues":
            raise  # these all work on objects
        pytest.skip(f"{method.name} asks for more: {error}")
    before = set(embedded.get_field_schema(flat=True))
    assert (run.status, run.patches_field, run.target) == ("done", "objects", "dataset")
    assert run.n + run.skipped == N + 2
    assert run.n == N
    assert "image" not in run.headline
    for name, path in run.writes.items():
        assert path == f"{ROOT}.{method.column(name).field('try_it')}"
        kind = embedded.get_field(path)
        assert kind.description == method.column(name).said
        assert kind.info["run"] == "try_it"
    required = {column.name for column in method.writes if not column.optional}
    assert required <= set(run.writes)
    assert json.loads(json.dumps(dict(run.facts))) == dict(run.facts)
    assert stale_reason(embedded, get_run(embedded, "try_it")) is None
    forget(embedded, "try_it")
    left = set(embedded.get_field_schema(flat=True))
    assert left == {path for path in before if not path.startswith(tuple(run.writes.values()))}
    assert "try_it" not in json.dumps(list(embedded._sample_collection.find({})), default=str)


def test_compute_embeddings__no_object_inside_its_image(dataset: Any) -> None:
    box = fo.Detection(label="far", bounding_box=[1.2, 0.2, 0.3, 0.3])
    dataset.set_values("objects", [fo.Detections(detections=[box])] * len(dataset))
    with pytest.raises(ParamError, match="No object in 'objects' has a box inside its image; mend its boxes"):
        curate(dataset, "compute_embeddings", model="descriptor", patches_field="objects")


def test_compute_embeddings__one_vector_per_object_of_its_own_pixels(embedded: Any, tmp_path: Path) -> None:
    """The vectors of crops equal those of files that hold just these pixels."""
    run = get_run(embedded, "crops")
    assert (run.n, run.skipped) == (N, 2)
    assert run.facts["skipped"] == {"box outside the image": 1, "box without area": 1}
    assert run.headline == f"{N} objects embedded in 128 dimensions by descriptor"
    cut = fo.Dataset()
    for patch in embedded.to_patches("objects").exists("objects.crops"):
        x, y, w, h = patch.objects.bounding_box
        whole = Image.open(patch.filepath)
        sides = (
            np.floor(x * 90 + 1e-6),
            np.floor(y * 60 + 1e-6),
            np.ceil((x + w) * 90 - 1e-6),
            np.ceil((y + h) * 60 - 1e-6),
        )
        path = tmp_path / f"{patch.id}.png"
        whole.crop(sides).save(path)
        cut.add_sample(fo.Sample(filepath=str(path), expected=patch.objects.crops))
    curate(cut, "compute_embeddings", model="descriptor")
    assert np.array_equal(np.stack(cut.values("embeddings")), np.stack(cut.values("expected")))
    cut.delete()


def test_compute_embeddings__margin_shows_what_is_around(drawn: Any) -> None:
    curate(drawn, "compute_embeddings", model="descriptor", key="tight", patches_field="objects")
    curate(drawn, "compute_embeddings", model="descriptor", key="wide", patches_field="objects", margin=0.2)
    tight, wide = (
        np.stack(drawn.exists("objects").limit(4).values(f"{ROOT}.{key}", unwind=True)) for key in ("tight", "wide")
    )
    assert not np.allclose(tight, wide)
    with pytest.raises(ParamError, match="margin must be a number of at least 0; got"):
        curate(drawn, "compute_embeddings", model="descriptor", key="no", patches_field="objects", margin=-0.1)


def test_retag__tags_of_objects(embedded: Any) -> None:
    """Objects that are too doubtful lose their tag; the two that cannot be cut out never had one."""
    curate(embedded, "compute_embeddings", key="clip", model="tiny_clip", patches_field="objects")
    run = curate(embedded, "tag_zero_shot", embeddings="clip", classes=["zero", "one", "two"], label_field="objects")
    confidence = [one for one in embedded.values(f"{ROOT}.zero_shot_confidence", unwind=True) if one is not None]
    bar = float(np.median(confidence))
    retag = next(action for action in ACTIONS if action.name == "retag")
    summary = retag.run(embedded.view(), retag.params.from_dict({"key": run.key, "threshold": bar}), silent)
    assert summary["tagged"] == sum(one >= bar for one in confidence) < N
    assert summary["headline"].startswith(f"{summary['tagged']} of {N} objects tagged")
    assert embedded.count(f"{ROOT}.zero_shot_tag") == summary["tagged"]
    again = get_run(embedded, run.key)
    assert (again.patches_field, again.n, again.skipped) == ("objects", N, 2)
    assert stale_reason(embedded, again) is None


def test_label_issues__of_objects(embedded: Any) -> None:
    """Two objects get the wrong class; they are found, and the correction is suggested."""
    wrong = embedded.first().objects.detections[0]
    labels = embedded.values(f"{ROOT}.label")
    labels[0][0] = "blue"
    embedded.set_values(f"{ROOT}.label", labels)
    run = curate(embedded, "find_label_issues", embeddings="crops", label_field="objects")
    patches = embedded.to_patches("objects").sort_by("objects.label_issues_quality")
    found = patches.exists("objects.label_issues_quality").first()
    assert found.id == wrong.id
    assert found.objects.label_issues_suggested == "red"
    assert run.reads["labels"]["field"] == f"{ROOT}.label"


def test_find_neighbors__ids_of_objects(embedded: Any) -> None:
    curate(embedded, "find_neighbors", embeddings="crops", k=3)
    flat = [own for own in embedded.values(ROOT) if own is not None]
    of = {one.id: one.label for own in flat for one in own}
    assert all(
        {of[other] for other in one["neighbors_ids"]} == {one.label}
        for own in flat
        for one in own
        if "neighbors_ids" in one
    )


def test_compute_map__of_objects_is_known_to_the_embeddings_panel(embedded: Any) -> None:
    curate(embedded, "compute_map", embeddings="crops", method="pca")
    config = embedded.get_brain_info("map").config
    assert (config.patches_field, config.points_field) == ("objects", "map")
    results = embedded.load_brain_results("map")
    points = {one.id: one["map"] for own in embedded.values(ROOT) for one in own or () if "map" in one}
    assert len(results.label_ids) == N
    assert np.allclose(results.points, [points[one] for one in results.label_ids])
    forget(embedded, "map")
    assert embedded.list_brain_runs() == ["crops"]
    assert embedded.get_field(f"{ROOT}.map") is None


def test_labels__of_the_image_for_each_object(embedded: Any) -> None:
    run = curate(embedded, "find_label_issues", key="scenes", embeddings="crops", label_field="scene", overwrite=False)
    assert run.reads["labels"]["field"] == "scene.label"
    assert run.n == N


def test_target__views_of_objects(embedded: Any) -> None:
    """A filtered view and a patches view restrict a run to what they show."""
    red = embedded.filter_labels("objects", F("label") == "red")
    filtered = curate(red, "find_neighbors", embeddings="crops", key="filtered", k=2)
    patches = embedded.to_patches("objects").match(F("objects.label") == "red")
    opened = curate(patches, "find_neighbors", embeddings="crops", key="opened", k=2)
    assert (filtered.n, filtered.skipped, filtered.target) == (5, 2, "view")
    assert (opened.n, opened.skipped, opened.target) == (5, 2, "view")
    one, two = embedded.values([f"{ROOT}.filtered_distance", f"{ROOT}.opened_distance"])
    assert one == two
    given = curate(patches, "compute_embeddings", model="descriptor", key="these")
    assert (given.patches_field, given.params["patches_field"], given.n) == ("objects", "objects", 5)


def test_target__patches_of_images(drawn: Any) -> None:
    """A method on images takes the images that a patches view's objects lie in."""
    curate(drawn, "compute_embeddings", model="descriptor", key="whole")
    patches = drawn.to_patches("objects").match(F("objects.label") == "blue")
    run = curate(patches, "find_neighbors", embeddings="whole")
    assert (run.patches_field, run.n, run.target) == (None, 4, "view")


def test_target__objects_of_another_field(embedded: Any) -> None:
    embedded.clone_sample_field("objects", "others")
    with pytest.raises(ParamError, match="shows the objects of 'others', and the run is about those of 'objects'"):
        curate(embedded.to_patches("others"), "find_neighbors", embeddings="crops")
    embedded.evaluate_detections("objects", gt_field="others", eval_key="check", progress=False)
    hits = embedded.to_evaluation_patches("check").limit(3)
    assert curate(hits, "find_neighbors", embeddings="crops").n == 3


def test_stale__boxes_labels_and_objects(embedded: Any) -> None:
    curate(embedded, "find_label_issues", embeddings="crops", label_field="objects")
    view = embedded.filter_labels("objects", F("label") == "red")
    curate(view, "find_quality_issues", key="reds", patches_field="objects")

    def reasons() -> dict[str, str | None]:
        return {run.key: stale_reason(embedded, run) for run in list_runs(embedded)}

    assert reasons() == {"crops": None, "label_issues": None, "reds": None}
    labels = embedded.values(f"{ROOT}.label")
    embedded.set_values(f"{ROOT}.label", [["green", *own[1:]] if own else own for own in labels])
    assert reasons() == {
        "crops": None,
        "label_issues": "labels in 'objects.detections.label' have changed",
        "reds": None,
    }
    embedded.set_values(f"{ROOT}.label", labels)
    assert reasons()["label_issues"] is None
    boxes = embedded.values(f"{ROOT}.bounding_box")
    moved = [[own[0], [own[1][0] + 0.01, *own[1][1:]], *own[2:]] if own else own for own in boxes]
    embedded.set_values(f"{ROOT}.bounding_box", moved)
    assert reasons() == {
        "crops": "boxes in 'objects' have changed",
        "label_issues": "its embeddings came from 'crops': boxes in 'objects' have changed",
        "reds": None,  # which was about the first object of each image
    }
    embedded.set_values(f"{ROOT}.bounding_box", boxes)
    sample = embedded.first()
    sample.objects.detections.append(fo.Detection(label="red", bounding_box=[0, 0, 1, 1]))
    sample.save()
    assert reasons()["crops"] == "1 object was added"
    assert reasons()["reds"] is None
    embedded.delete_sample_field("objects")
    assert reasons()["crops"] == "its objects in 'objects' are gone"


def test_overwrite__replaces_attributes(embedded: Any) -> None:
    with pytest.raises(ParamError, match="holds a run of 'Compute embeddings' already"):
        curate(embedded, "compute_embeddings", model="descriptor", key="crops", patches_field="objects")
    curate(
        embedded,
        "compute_embeddings",
        model="descriptor",
        key="crops",
        patches_field="objects",
        margin=0.1,
        overwrite=True,
    )
    assert get_run(embedded, "crops").params["margin"] == 0.1
    assert len(embedded.exists("objects").first().objects.detections[0].crops) == 128
    assert rerun(embedded, "crops").params["margin"] == 0.1


def test_find_duplicates__of_objects_without_vectors(drawn: Any) -> None:
    """Two squares are equal to the pixel; lying in one file does not make objects equal."""
    run = curate(drawn, "find_duplicates", patches_field="objects", embeddings=None)
    groups = drawn.values(f"{ROOT}.duplicates_group")
    assert [group is not None for group in groups[0]] == [True, False, False]
    assert sum(group is not None for own in groups for group in own or ()) == 2
    assert groups[0][0] == groups[1][0]
    assert run.n == N


def test_move_threshold__of_objects(embedded: Any) -> None:
    """Attributes after the move are those of a new run."""
    given = {"embeddings": "crops", "exact": False, "confirm": False}
    for key, threshold in (("low", 0.5), ("high", 0.999)):
        curate(embedded, "find_duplicates", key=key, threshold=threshold, **given)
    names = ("group", "kind", "keep", "similarity", "copies")
    low, high = ([embedded.values(f"{ROOT}.{key}_{name}") for name in names] for key in ("low", "high"))
    assert low != high
    assert act(embedded, "move_threshold", key="low", threshold=0.999)["headline"].endswith(" objects changed")
    assert [embedded.values(f"{ROOT}.low_{name}") for name in names] == high


def test_find_spurious_cues__of_the_objects_labels(drawn: Any) -> None:
    run = curate(drawn, "find_spurious_cues", label_field="objects")
    assert (run.patches_field, run.params["patches_field"], run.n) == ("objects", None, N)


def test_polylines__boxes_around_their_points(drawn: Any) -> None:
    drawn.add_sample_field("lines", fo.EmbeddedDocumentField, embedded_doc_type=fo.Polylines)
    for sample in drawn.limit(3):
        points = [[(0.05, 0.2), (0.25, 0.2), (0.25, 0.7), (0.05, 0.7)]]
        sample["lines"] = fo.Polylines(
            polylines=[fo.Polyline(label="a", points=points), fo.Polyline(label="b", points=[])]
        )
        sample.save()
    run = curate(drawn, "compute_embeddings", model="descriptor", key="outlines", patches_field="lines")
    assert (run.n, run.facts["skipped"]) == (3, {"no box": 3})
    assert drawn.first().lines.polylines[0].outlines is not None


def test_vectors__of_fiftyones_own_patch_embeddings(drawn: Any) -> None:
    """Attributes that another tool wrote are embeddings of objects too."""
    vectors = [
        [np.eye(3, dtype=np.float32)[number % 3] for number in range(len(own or ()))]
        for own in drawn.values(f"{ROOT}.id")
    ]
    drawn.add_sample_field(f"{ROOT}.theirs", fo.VectorField)
    drawn.set_values(f"{ROOT}.theirs", vectors)
    assert vector_sources(drawn) == [f"{ROOT}.theirs"]
    run = curate(drawn, "find_neighbors", embeddings=f"{ROOT}.theirs", k=2)
    assert (run.n, run.patches_field) == (N + 2, "objects")


@pytest.mark.parametrize(
    ("method", "params", "sentence"),
    [
        ("compute_embeddings", {"patches_field": "scene"}, "Detections or Polylines; 'scene' holds Classification"),
        ("compute_embeddings", {"patches_field": "gone"}, "'gone' does not exist"),
        ("find_duplicates", {"patches_field": "other", "embeddings": "crops"}, "about the same things"),
        ("find_label_issues", {"embeddings": "whole", "label_field": "objects"}, "patches_field='objects'"),
        ("find_label_issues", {"embeddings": "crops", "label_field": "other"}, "patches_field='other'"),
        ("find_multilabel_issues", {"embeddings": "crops", "label_field": "sets"}, "compares what whole images hold"),
        ("compute_embeddings", {"patches_field": "other"}, "none of its images has any in 'other'"),
    ],
)
def test_refusals__say_what_to_name(method: str, params: dict[str, Any], sentence: str, embedded: Any) -> None:
    curate(embedded, "compute_embeddings", model="descriptor", key="whole")
    embedded.add_sample_field("other", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    with pytest.raises(ParamError, match=sentence):
        curate(embedded, method, key="refused", **params)


def test_unreadable_file__its_objects_say_so(drawn: Any) -> None:
    Path(drawn.first().filepath).write_text("no image")
    run = curate(drawn, "compute_embeddings", model="descriptor", patches_field="objects")
    assert run.n == N - 3
    assert drawn.first().objects.detections[0].embeddings_error == "0.png cannot be read: it is text, not an image"
    assert curate(drawn, "find_neighbors", embeddings="embeddings").n == N - 3


def test_images__are_as_before(embedded: Any) -> None:
    """Runs on images and on objects of one dataset live side by side."""
    whole = curate(embedded, "compute_embeddings", model="descriptor", key="whole")
    assert (whole.n, whole.patches_field, whole.writes) == (
        6,
        None,
        {"": "whole", "error": "whole_error"},
    )
    assert vector_sources(embedded)[:2] == ["whole", "crops"]


def test_save_slice__of_objects(embedded: Any) -> None:
    """By a condition, kept up to date; and of the patches in the grid, fixed."""
    curate(embedded, "find_neighbors", embeddings="crops", k=2)
    values = sorted(
        one for own in embedded.values(f"{ROOT}.neighbors_distance") for one in own or () if one is not None
    )
    summary = act(embedded, "save_slice", name="far", field="objects.neighbors_distance", at_least=values[-3])
    assert (summary["headline"], summary["frozen"]) == ("Slice 'far': 3 objects", False)
    view = embedded.load_saved_view("far")
    assert view.count(ROOT) == 3
    assert len(view) <= 3
    patches = embedded.to_patches("objects").match(F("objects.label") == "blue")
    assert act(patches, "save_slice", name="blues")["headline"] == "Slice 'blues': 4 objects"
    assert embedded.load_saved_view("blues").to_patches("objects").distinct("objects.label") == ["blue"]
    assert embedded.get_field(f"{ROOT}.slice_blues").info == {"slice": "blues"}
    with pytest.raises(ParamError, match="No object meets"):
        act(embedded, "save_slice", name="none", field=f"{ROOT}.neighbors_distance", at_least=99)


def test_export_list__a_row_per_object(embedded: Any, tmp_path: Path) -> None:
    curate(embedded, "find_neighbors", embeddings="crops", k=2)
    summary = act(embedded, "export_list", path=str(tmp_path / "a.csv"), fields=["objects.neighbors_distance", "scene"])
    assert summary["headline"].startswith(f"{N + 2} objects written to")
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["object"] == embedded.first().objects.detections[0].id
    assert (rows[0]["label"], rows[0]["scene"]) == ("red", "night")
    assert float(rows[0]["objects.neighbors_distance"]) >= 0
    patches = embedded.to_patches("objects").match(F("objects.label") == "blue")
    assert act(patches, "export_list", path=str(tmp_path / "a.txt"))["headline"].startswith("4 samples written")


def test_report__of_a_subset_of_objects(embedded: Any, tmp_path: Path) -> None:
    curate(embedded, "select_subset", embeddings="crops", n=4)
    run = curate(
        embedded,
        "report",
        embeddings="crops",
        subset="subset_selected",
        rank_field="subset_rank",
        label_field="objects",
    )
    assert (run.patches_field, run.facts["size"], run.facts["measured_on"]) == ("objects", 4, N)
    assert run.reads["subset"] == {
        "role": "members",
        "field": f"{ROOT}.subset_selected",
        "run": "subset",
        "made": get_run(embedded, "subset").finished,
    }
    assert f"{ROOT}.subset_selected" in fields_for(embedded, "members")
    assert f"{ROOT}.subset_rank" in fields_for(embedded, "values")
    act(embedded, "save_slice", name="Some reds", field="objects.label", equals="red")
    sliced = curate(embedded, "report", key="of_slice", embeddings="crops", subset="Some reds")
    assert sliced.facts["size"] == 5, "the red squares that can be cut out"
    pages = act(embedded, "export_report", run="of_slice", compared_with="report", path=str(tmp_path / "r.html"))
    assert "data:image/jpeg" in Path(pages["path"]).read_text()


def test_split_and_next_batch__groups_and_rounds_of_objects(embedded: Any) -> None:
    halves = {"fractions": ["a=0.5", "b=0.5"], "group_field": "scene", "near_duplicates": False}
    run = curate(embedded, "split_dataset", embeddings="crops", **halves)
    found = embedded.values(run.writes[""])
    sides = [{one for one in own or () if one} for own in found]
    assert all(len(side) <= 1 for side in sides), "objects of one scene are on one side"
    first = curate(embedded, "select_next_batch", embeddings="crops", label_field=None, n=2)
    second = curate(
        embedded,
        "select_next_batch",
        key="again",
        embeddings="crops",
        n=2,
        earlier_rounds="batch_round",
        exclude=["batch_selected"],
    )
    rounds = [one for own in embedded.values(second.writes["round"]) for one in own or ()]
    assert (first.facts["round"], second.facts["round"]) == (1, 2)
    assert sorted(one for one in rounds if one) == [1, 1, 2, 2]


def test_coreset_and_order__of_objects(embedded: Any) -> None:
    run = curate(embedded, "score_importance", embeddings="crops", label_field="objects", coreset_size=6)
    weights = [one for own in embedded.values(run.writes["weight"]) for one in own or () if one is not None]
    assert len(weights) == 6
    assert sum(weights) == pytest.approx(N, rel=0.2)
    order = curate(embedded, "order_by_similarity", embeddings="crops", within="objects")
    places = [one for own in embedded.values(order.writes["position"]) for one in own or () if one is not None]
    assert sorted(places) == list(range(1, N + 1))
