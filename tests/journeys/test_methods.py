"""Every method on real datasets, from ordinary to odd: it finishes with its columns, or refuses in one sentence."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.base.method import Method
from image_curation.core.base.params import ParamError, domains
from image_curation.core.catalog import METHODS
from image_curation.dataset.curate import curate
from image_curation.dataset.runs.record import get_run, list_runs

ROOT = Path(__file__).resolve().parents[2]

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def _params(method: Method, dataset: Any, tmp_path: Path) -> dict[str, Any]:
    """Parameters small enough for twelve samples."""
    names = domains(method.params)
    given: dict[str, Any] = {}
    if method.name == "import_embeddings":
        path = tmp_path / "vectors.npz"
        vectors = np.random.default_rng(0).standard_normal((len(dataset), 5)).astype(np.float32)
        np.savez(path, embeddings=vectors, image_paths=np.array(dataset.values("filepath"), dtype=str))
        given["path"] = str(path)
    if method.name == "tag_zero_shot":
        given |= {"embeddings": "clip", "classes": ["zero", "one"]}
    elif "embeddings" in names:
        given["embeddings"] = "vectors"
    if method.name == "fuse_embeddings":
        given |= {"sources": ["vectors", "clip"], "dim": 8}
    if "label_field" in names:
        given["label_field"] = "ground_truth"
    if method.name in ("find_multilabel_issues", "find_detection_issues"):
        given["label_field"] = "sets" if "embeddings" in names else "boxes"
    if "split_field" in names:
        given["split_field"] = "ground_truth"
    if method.name == "finetune_classifier":
        given |= {"model": "torchvision:mobilenet_v3_small", "pretrained": False, "epochs": 1, "side": 32}
        given["embeddings"] = None
    if method.name == "classify_images":
        given |= {"model": "torchvision:mobilenet_v3_small", "weights": _checkpoint(tmp_path)}
    if method.name == "explain":
        given |= {"model": "tiny_clip", "classes": ["zero", "one"]}
    if method.name == "find_representatives":
        given["k"] = 3
    if method.name == "select_coreset":
        given["size"] = 6
    if method.name == "report":
        given["subset"] = "part"
    if method.name == "audit_labels":
        given["run"] = "judged"
    if method.name == "find_consensus":
        given["annotators"] = ["ground_truth", "second"]
    if method.name == "find_regression_issues":
        given["target"] = "age"
    if method.name == "select_subset":
        given |= {"fraction": 0.5, "purpose": "edge_cases"}
    if method.name == "select_next_batch":
        given |= {"label_field": None, "n": 1}
    if method.name == "sweep_representatives":
        given |= {"k_min": 1, "k_max": 3, "step": 1}
    return given


def _checkpoint(tmp_path: Path) -> str:
    """A network with random weights and three classes."""
    import torch
    from image_curation.core.classifiers.networks import build

    path = tmp_path / "network.pth"
    if not path.exists():
        torch.save(build("torchvision:mobilenet_v3_small", 3).state_dict(), path)
    return str(path)


def _ready(method: Method, dataset: Any) -> None:
    if method.name in ("tag_zero_shot", "fuse_embeddings"):
        curate(dataset, "compute_embeddings", key="clip", model="tiny_clip")
    if method.name == "report":
        dataset.limit(5).tag_samples("part")
    if method.name == "find_multilabel_issues":
        labels = dataset.values("ground_truth.label")
        dataset.set_values(
            "sets", [fo.Classifications(classifications=[fo.Classification(label=label)]) for label in labels]
        )
    if method.name == "audit_labels":
        curate(dataset, "find_label_issues", embeddings="vectors", key="judged")
    if method.name == "find_regression_issues":
        dataset.set_values("age", [fo.Regression(value=float(row)) for row in range(len(dataset))])
    if method.name == "find_consensus":
        labels = dataset.values("ground_truth.label")
        dataset.set_values("second", [fo.Classification(label=label) for label in [*labels[1:], labels[0]]])
    if method.name == "find_detection_issues":
        for field in ("boxes", "predictions"):
            dataset.set_values(field, [fo.Detections(detections=[_box(row, field)]) for row in range(len(dataset))])


def _box(row: int, field: str) -> fo.Detection:
    """The same box in both fields, but for the third image's."""
    shift = 0.2 if row == 2 and field == "boxes" else 0.0
    return fo.Detection(label="a", bounding_box=[0.1 + shift, 0.2, 0.3, 0.4], confidence=0.9)


_forks: list[int] = []
os.register_at_fork(before=lambda: _forks.append(1))


@every_method
def test_method__ordinary(method: Method, dataset: Any, tmp_path: Path) -> None:
    _ready(method, dataset)
    forked = len(_forks)
    run = curate(dataset, method.name, **_params(method, dataset, tmp_path))
    assert len(_forks) == forked, "a method must not fork the process it runs in, which may be the App's server"
    assert run.status == "done"
    held_out = 3  # which are all that a fine-tuned network predicts: it has seen the others
    assert run.n == (held_out if method.name == "finetune_classifier" else 12)
    assert run.facts["headline"]
    for name, path in run.writes.items():
        assert dataset.get_field(path) is not None
        assert dataset.get_field(path).description == method.column(name).said
        assert dataset.get_field(path).info["run"] == run.key
    required = {column.name for column in method.writes if not column.optional}
    assert required <= set(run.writes)


@every_method
def test_method__again_gives_the_same(method: Method, dataset: Any, tmp_path: Path) -> None:
    _ready(method, dataset)
    given = _params(method, dataset, tmp_path)
    first = curate(dataset, method.name, key="once", **given)
    second = curate(dataset, method.name, key="again", **given)
    for name, path in first.writes.items():
        one, two = dataset.values(path), dataset.values(second.writes[name])
        assert list(map(_plain, one)) == list(map(_plain, two)), name


@every_method
@pytest.mark.parametrize(
    "odd", ["one sample", "two samples", "one class", "labels missing", "no labels", "all the same"]
)
def test_method__odd_datasets_end_in_a_result_or_a_sentence(
    method: Method, odd: str, dataset: Any, tmp_path: Path
) -> None:
    _ready(method, dataset)
    if odd == "one class":
        dataset.set_values("ground_truth.label", ["red"] * 12)
    elif odd == "labels missing":
        dataset.set_values(
            "ground_truth", [None if i % 3 == 0 else fo.Classification(label=f"{i % 2}") for i in range(12)]
        )
    elif odd == "no labels":
        dataset.set_values("ground_truth", [None] * 12)
    elif odd == "all the same":
        dataset.set_values("vectors", [np.ones(3, np.float32)] * 12)
    view = dataset.limit({"one sample": 1, "two samples": 2}.get(odd, 12))
    before = set(dataset.get_field_schema())
    refusal = ""
    try:
        run = curate(view, method.name, key="odd", **_params(method, dataset, tmp_path))
    except ParamError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal) > 30
        assert "\n" not in refusal
        assert set(dataset.get_field_schema()) == before, "something half-written"
        return
    assert run.status == "done"
    for path in run.writes.values():
        values = [value for value in dataset.values(path) if isinstance(value, float)]
        assert np.isfinite(values).all(), path


def test_representatives__k_larger_than_n(dataset: Any) -> None:
    with pytest.raises(ParamError, match=r"k must be at most the number of samples \(12\); got 99"):
        curate(dataset, "find_representatives", embeddings="vectors", k=99)


def test_compute_embeddings__unreadable_files_are_named_and_skipped(dataset: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    dataset.add_sample(fo.Sample(filepath=str(broken)))
    run = curate(dataset, "compute_embeddings", model="descriptor")
    assert (run.n, run.skipped) == (12, 1)
    assert dataset.last().embeddings is None
    assert dataset.last().embeddings_error == "broken.jpg cannot be read: it is text, not an image"
    assert curate(dataset, "find_neighbors").skipped == 1


def test_find_leaks__splits_by_tags_and_names_the_other_sample(dataset: Any) -> None:
    shutil.copy(dataset.first().filepath, copy := Path(dataset.first().filepath).with_name("copy.png"))
    dataset.add_sample(fo.Sample(filepath=str(copy), vectors=dataset.first().vectors))
    dataset.limit(8).tag_samples("train")
    dataset.skip(8).tag_samples("test")
    run = curate(dataset, "find_leaks", embeddings="vectors")
    assert dataset.match(fo.ViewField("leaks_is_leak")).values("id") == [dataset.first().id, dataset.last().id]
    assert dataset.first().leaks_leak_of == [dataset.last().id]
    assert run.facts["pairs_between"] == {"test and train": 1}
    dataset.limit(1).tag_samples("test")
    with pytest.raises(ParamError, match="1 have more, such as train and test"):
        curate(dataset, "find_leaks", embeddings="vectors", overwrite=True)


def test_compute_map__is_known_to_the_embeddings_panel(dataset: Any) -> None:
    curate(dataset, "compute_map", embeddings="vectors", method="pca")
    assert "map" in dataset.list_brain_runs()
    assert dataset.get_brain_info("map").config.cls.startswith("fiftyone.brain.visualization.")
    assert dataset.get_field("map").description
    results = dataset.load_brain_results("map")
    assert np.allclose(results.points, np.stack(dataset.values("map")))
    curate(dataset, "compute_map", embeddings="vectors", method="pca", dims=3, key="solid")
    assert len(dataset.first().solid) == 3


def test_graph__is_built_once_for_all_methods(dataset: Any) -> None:
    from image_curation.dataset.storage import arrays as store

    curate(dataset, "find_neighbors", embeddings="vectors", k=3)
    (graph,) = store.folder(dataset).glob("graph_*.npz")
    made = graph.stat().st_ino
    curate(dataset, "find_neighbors", embeddings="vectors", k=5, key="more")
    curate(dataset, "find_label_issues", embeddings="vectors")
    assert [path.stat().st_ino for path in store.folder(dataset).glob("graph_*.npz")] == [made]
    graph.write_bytes(b"damaged")
    assert curate(dataset, "find_neighbors", embeddings="vectors", key="again").n == 12


def test_killed_run__is_told_and_can_be_started_again(dataset: Any) -> None:
    """A process killed in the middle leaves a record that says so, no fields, and the earlier result."""
    curate(dataset, "find_neighbors", embeddings="vectors", k=3)
    earlier = dataset.values("neighbors_distance")
    code = f"""
        import sys, time
        sys.path.insert(0, {str(ROOT / "scripts")!r})
        from checkout import load_package
        package = load_package()
        import fiftyone as fo
        def stop(done, total, doing=""):
            print("begun", flush=True); time.sleep(60)
        for key in ("fresh", "neighbors"):
            if sys.argv[1] == key:
                package.curate(fo.load_dataset({dataset.name!r}), "find_neighbors", embeddings="vectors", k=2,
                               metric="euclidean", key=key, overwrite=True, progress=stop)
    """
    dataset.persistent = True
    for key in ("fresh", "neighbors"):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), key], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        time.sleep(0.1)
    dataset.reload()
    found = {run.key: (run.status, run.params["metric"]) for run in list_runs(dataset)}
    assert found == {"fresh": ("interrupted", "euclidean"), "neighbors": ("done", "cosine")}
    assert dataset.values("neighbors_distance") == earlier
    assert curate(dataset, "find_neighbors", embeddings="vectors", k=2, key="fresh").status == "done"
    with pytest.raises(ParamError, match="overwrite=True"):
        curate(dataset, "find_neighbors", embeddings="vectors", k=2)
    assert curate(dataset, "find_neighbors", embeddings="vectors", k=2, overwrite=True).status == "done"
    assert get_run(dataset, "neighbors").previous is None


def _plain(value: Any) -> Any:
    """A value without the ids that FiftyOne gives each label."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, fo.Classification):
        return value.label, value.confidence, _plain(value.logits)
    if isinstance(value, fo.Heatmap):
        return value.map.tolist()
    if isinstance(value, fo.Classifications):
        return [_plain(label) for label in value.classifications]
    return value
