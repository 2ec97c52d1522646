"""Embeddings that go on where a killed run ended, take over what has not changed, and notice files that have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import act, stale_reason
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.models.base import Engine, Entry
from image_curation.core.embeddings.models.catalog import ENGINES
from image_curation.dataset.curate import curate, rerun
from image_curation.dataset.runs import freshness
from image_curation.dataset.runs import record as runs
from image_curation.dataset.runs.forget import forget
from image_curation.dataset.runs.record import get_run
from image_curation.dataset.storage import arrays as store
from image_curation.dataset.storage import vectors as vector_store
from image_curation.dataset.storage.embedding_cache import KeptVectors
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

# Embeds with a small engine that learns, embeds in batches and keeps what it has after every batch; killed on the way.
CHILD = f"""
    import os, signal, sys
    sys.path.insert(0, {str(ROOT / "scripts")!r})
    from checkout import load_package
    package = load_package()
    import fiftyone as fo
    from image_curation.core.embeddings import compute_embeddings
    compute_embeddings.KEPT_EVERY = 0.0
    name, when, field = sys.argv[1:]
    def stop(done, total, doing=""):
        if f"{{doing}} {{done}}" == when:
            os.kill(os.getpid(), signal.SIGKILL)
    package.curate(fo.load_dataset(name), "compute_embeddings", key="e", batch_size=4, progress=stop,
                   model="descriptor", patches_field=field or None)
"""


def _killed(dataset: Any, when: str, field: str = "") -> None:
    dataset.persistent = True
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), dataset.name, when, field],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    dataset.reload()


def _whole(dataset: Any, key: str = "whole", **params: Any) -> list[Any]:
    curate(dataset, "compute_embeddings", model="descriptor", key=key, batch_size=4, **params)
    path = get_run(dataset, key).writes[""]
    return [None if one is None else one.tobytes() for one in dataset.values(path, unwind="." in path)]


def _vectors(dataset: Any, path: str = "e") -> list[Any]:
    return [None if one is None else one.tobytes() for one in dataset.values(path, unwind="." in path)]


@pytest.mark.parametrize(
    ("when", "reused"),
    [("learning from images 12", 0), ("embedding images 4", 4), ("embedding images 12", 12), ("writing fields 12", 12)],
)
def test_killed__goes_on_and_ends_with_the_same_vectors(dataset: Any, when: str, reused: int) -> None:
    expected = _whole(dataset)
    _killed(dataset, when)
    assert get_run(dataset, "e").is_interrupted
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", batch_size=4)
    assert (run.facts["embedded"], run.facts["reused"]) == (12 - reused, reused)
    assert _vectors(dataset) == expected
    assert not list(store.folder(dataset).glob("parts_*"))
    assert stale_reason(dataset, run) is None


def test_killed__other_parameters_begin_anew(dataset: Any) -> None:
    _killed(dataset, "embedding images 8")
    assert list((store.folder(dataset) / "parts_e").glob("*.marks.npy"))
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", batch_size=4, seed=7)
    assert run.facts["reused"] == 0


def test_killed__objects_go_on_too(dataset: Any) -> None:
    boxes = [[0.1, 0.1, 0.4, 0.4], [0.5, 0.1, 0.4, 0.8], [0.0, 0.0, 1.0, 1.0]]
    found = [fo.Detections(detections=[fo.Detection(label="a", bounding_box=box) for box in boxes]) for _ in range(12)]
    dataset.set_values("objects", found)
    expected = _whole(dataset, patches_field="objects")
    _killed(dataset, "embedding images 12", "objects")
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", batch_size=4, patches_field="objects")
    assert (run.n, run.facts["reused"]) == (36, 12)
    assert _vectors(dataset, "objects.detections.e") == expected


def test_again__embeds_only_what_is_new(dataset: Any) -> None:
    first = curate(dataset, "compute_embeddings", model="descriptor", key="e")
    before = _vectors(dataset)
    assert (first.facts["embedded"], first.facts["reused"]) == (12, 0)
    path = Path(dataset.first().filepath).with_name("new.png")
    Image.new("RGB", (16, 16), "red").save(path)
    dataset.add_sample(fo.Sample(filepath=str(path)))
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", overwrite=True)
    assert (run.facts["embedded"], run.facts["reused"], run.n) == (1, 12, 13)
    assert run.headline == "13 images embedded in 128 dimensions by descriptor, 12 of them before"
    assert _vectors(dataset)[:12] == before
    assert (
        curate(dataset, "compute_embeddings", model="descriptor", key="e", overwrite=True, reuse=False).facts["reused"]
        == 0
    )


def test_again__a_set_that_has_more_than_doubled_is_learned_from_anew(dataset: Any) -> None:
    curate(dataset.limit(5), "compute_embeddings", model="descriptor", key="e")
    assert curate(dataset, "compute_embeddings", model="descriptor", key="e", overwrite=True).facts["reused"] == 0


def test_again__another_model_takes_nothing_over(dataset: Any) -> None:
    curate(dataset, "compute_embeddings", model="descriptor", key="e")
    assert curate(dataset, "compute_embeddings", key="e", model="tiny_clip", overwrite=True).facts["reused"] == 0


def test_older_version__of_the_descriptor_is_stale_and_nothing_of_it_is_taken_over(dataset: Any) -> None:
    for key, model in (("old", "descriptor"), ("clip", "tiny_clip")):
        run = curate(dataset, "compute_embeddings", key=key, model=model)
        runs._save(dataset, replace(run, method_version=2))
    sidecar = store.folder(dataset) / "made_old.npz"
    arrays = store.load_arrays(sidecar) or {}
    said = {**json.loads(str(arrays["identity"])), "version": 2}
    store.save_arrays(sidecar, {**arrays, "identity": np.array(json.dumps(said, sort_keys=True))})
    assert stale_reason(dataset, get_run(dataset, "clip")) is None
    reason = stale_reason(dataset, get_run(dataset, "old"))
    assert reason == "Compute embeddings computes something else since version 3"
    assert curate(dataset, "compute_embeddings", model="descriptor", key="old", overwrite=True).facts["reused"] == 0


def test_changed_files__are_told_and_embedded_again(dataset: Any) -> None:
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e")
    curate(dataset, "find_neighbors", embeddings="e")
    before = _vectors(dataset)
    files = dataset.limit(2).values("filepath")
    for path in files:
        Image.new("RGB", (20, 20), "white").save(path)
    assert stale_reason(dataset, run) == "2 files have changed on disk"
    reason = stale_reason(dataset, get_run(dataset, "neighbors"))
    assert reason == "its embeddings came from 'e': 2 files have changed on disk"
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", overwrite=True)
    assert (run.facts["embedded"], run.facts["reused"]) == (2, 10)
    after = _vectors(dataset)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False] * 2 + [True] * 10
    assert stale_reason(dataset, run) is None
    Path(files[0]).unlink()
    freshness._CHECKED.clear()  # on a busy machine the last look is believed for a while
    assert stale_reason(dataset, run) == "1 file has changed on disk"


def test_changed_boxes__are_embedded_again(dataset: Any) -> None:
    found = [fo.Detections(detections=[fo.Detection(label="a", bounding_box=[0, 0, 0.5, 0.5])]) for _ in range(12)]
    dataset.set_values("objects", found)
    curate(dataset, "compute_embeddings", model="descriptor", key="e", patches_field="objects")
    dataset.set_values("objects.detections.bounding_box", [[[0, 0, 1, 1]], *[[[0, 0, 0.5, 0.5]]] * 11])
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", patches_field="objects", overwrite=True)
    assert (run.facts["embedded"], run.facts["reused"]) == (1, 11)


def test_forget__takes_what_was_kept(dataset: Any) -> None:
    curate(dataset, "compute_embeddings", model="descriptor", key="e")
    assert list(store.folder(dataset).glob("*_e*"))
    act(dataset, "forget_run", key="e", confirm=True)
    assert not list(store.folder(dataset).glob("*_e*"))


def test_damaged_marks__cost_work_only(dataset: Any) -> None:
    first = curate(dataset, "compute_embeddings", model="descriptor", key="e")
    (store.folder(dataset) / "made_e.npz").write_bytes(b"damaged")
    assert stale_reason(dataset, first) is None, "nothing is known, so nothing is said"
    assert curate(dataset, "compute_embeddings", model="descriptor", key="e", overwrite=True).facts["reused"] == 0


# Vectors in a file


def test_store_file__every_reader_is_served(dataset: Any, tmp_path: Path) -> None:
    field = curate(dataset, "compute_embeddings", model="descriptor", key="field")
    filed = curate(dataset, "compute_embeddings", model="descriptor", key="filed", store="file")
    assert filed.facts["stored"]["dtype"] == "float32"
    assert dataset.values("filed") == list(range(12))
    ids = np.load(store.root() / filed.facts["stored"]["file"].replace(".npy", ".ids.npy"))
    assert ids.astype(str).tolist() == dataset.values("id")
    one = curate(dataset, "find_neighbors", embeddings="field", key="one")
    two = curate(dataset, "find_neighbors", embeddings="filed", key="two")
    assert one.n == two.n == 12
    assert dataset.values("one_ids") == dataset.values("two_ids")
    view = dataset.match(fo.ViewField("ground_truth.label") == "blue").sort_by("id", reverse=True)
    part = curate(view, "find_neighbors", embeddings="filed", key="part", k=2)
    assert (part.n, part.target) == (4, "view")
    for key in ("field", "filed"):
        act(dataset, "export_embeddings", path=str(tmp_path / f"{key}.npz"), embeddings=key)
    with np.load(tmp_path / "field.npz") as a, np.load(tmp_path / "filed.npz") as b:
        assert np.array_equal(a["embeddings"], b["embeddings"])
    assert field.facts.get("stored") is None


def test_store_file__of_imported_and_fused_vectors(dataset: Any, tmp_path: Path) -> None:
    curate(dataset, "compute_embeddings", model="descriptor", key="made")
    act(dataset.limit(11), "export_embeddings", path=str(tmp_path / "made.npz"), embeddings="made")
    filed = curate(
        dataset, "import_embeddings", key="filed", path=str(tmp_path / "made.npz"), store="file", dtype="float16"
    )
    assert (filed.facts["stored"]["n"], filed.facts["stored"]["dtype"]) == (11, "float16")
    assert dataset.values("filed") == [*range(11), None]
    assert isinstance(dataset.get_field("filed"), fo.IntField)
    fused = {
        place: curate(dataset, "fuse_embeddings", key=f"fused_{place}", sources=["made", "filed"], dim=4, store=place)
        for place in ("field", "file")
    }
    assert fused["field"].facts.get("stored") is None
    assert fused["file"].facts["stored"]["dim"] == 4
    found = [curate(dataset, "find_neighbors", embeddings=run.key, key=f"near_{run.key}") for run in fused.values()]
    assert found[0].n == 11
    assert dataset.values(found[0].writes["ids"]) == dataset.values(found[1].writes["ids"])


def test_store_file__float16_of_objects(dataset: Any) -> None:
    found = [
        fo.Detections(detections=[fo.Detection(label="a", bounding_box=[0, 0, 0.5, 0.5 + i / 24])]) for i in range(11)
    ]
    dataset.set_values("objects", [*found, None])
    run = curate(
        dataset,
        "compute_embeddings",
        model="descriptor",
        key="e",
        patches_field="objects",
        store="file",
        dtype="float16",
    )
    assert (run.n, run.facts["stored"]["dtype"], run.facts["stored"]["n"]) == (11, "float16", 11)
    assert curate(dataset, "find_neighbors", embeddings="e").n == 11
    dataset.set_values(
        "objects.detections.bounding_box",
        [[[0, 0, 1, 0.1]], *[own.detections and [own.detections[0].bounding_box] for own in found[1:]], None],
    )
    again = curate(
        dataset,
        "compute_embeddings",
        model="descriptor",
        key="e",
        patches_field="objects",
        store="file",
        dtype="float16",
        overwrite=True,
    )
    assert (again.facts["embedded"], again.facts["reused"]) == (1, 10)
    assert len(list(store.folder(dataset).glob("vectors_e_*.npy"))) == 2, "the replaced file and its ids are gone"


def test_store_file__unreadable_images_and_what_is_left_of_a_run(dataset: Any) -> None:
    broken = Path(dataset.first().filepath).with_name("broken.png")
    broken.write_text("no image")
    dataset.add_sample(fo.Sample(filepath=str(broken)))
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", store="file")
    assert (run.n, run.skipped, dataset.last().e) == (12, 1, None)
    assert curate(dataset, "find_neighbors", embeddings="e").skipped == 1
    copy = dataset.clone()
    try:
        assert curate(copy, "find_outliers", embeddings="e").n == 12
        act(copy, "forget_run", key="e", confirm=True)
        assert curate(dataset, "find_outliers", embeddings="e").n == 12, (
            "a clone's forgetting leaves the original's file"
        )
    finally:
        copy.delete()
    for file in store.folder(dataset).glob("vectors_e_*"):
        file.unlink()
    assert stale_reason(dataset, run) == "its file of vectors is gone"
    with pytest.raises(ParamError, match="compute them again with overwrite=True"):
        curate(dataset, "find_neighbors", embeddings="e", overwrite=True)
    run = curate(dataset, "compute_embeddings", model="descriptor", key="e", store="field", overwrite=True)
    assert len(dataset.first().e) == 128
    act(dataset, "forget_run", key="e", confirm=True)
    assert not list(store.folder(dataset).glob("vectors_*"))


class Wide(Engine):
    """Vectors of 100,000 numbers, so that a hundred images weigh as much as 20,000 usually do."""

    dim, enough, batch = 100_000, 1, 4

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((1, 1)))

    def embed(self, batch: np.ndarray) -> np.ndarray:
        return np.repeat(batch.reshape(len(batch), 3)[:, :1], self.dim, axis=1).astype(np.float32)

    def describe(self) -> dict[str, Any]:
        return {"model": "wide", "weights": None, "weights_hash": None, "text": False}


def test_store_file__memory_does_not_grow_with_the_images(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 MB of vectors and of 120 the same is held at once; the last image cannot be read."""
    entry = Entry("wide", ("wide",), lambda request: Wide(), "100,000", "none", "0", "this test")
    monkeypatch.setitem(ENGINES, "wide", entry)
    files = dataset.values("filepath")
    held = {}
    for n in (100, 300):
        many = fo.Dataset()
        many.add_samples([fo.Sample(filepath=files[row % 12]) for row in range(n - 1)], progress=False)
        many.add_sample(fo.Sample(filepath=f"{files[0]}_none.png"))
        tracemalloc.start()
        run = curate(many, "compute_embeddings", key="e", model="wide", store="file", workers=1)
        held[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        found = vector_store.open_vectors(run.facts["stored"], "e")
        assert found.shape == (n - 1, Wide.dim)
        assert (found[:, 0] == found[:, -1]).all()
        assert np.array_equal(found[:12, 0], found[12:24, 0])
        assert len(set(found[:12, 0].tolist())) > 3
        forget(many, "e")
        many.delete()
    assert held[300] < 1.2 * held[100] + 5e6
    assert held[300] < 120e6


def test_store_auto__takes_a_file_beyond_its_limit(dataset: Any) -> None:
    assert [vector_store.wanted("auto", n, 512) for n in (195_312, 195_313)] == [False, True]
    assert not vector_store.wanted("field", 10**9, 512)


def test_vector_file__opens_in_under_a_second(dataset: Any) -> None:
    """1,000,000 vectors of 512 in float16: a gigabyte that is not read until it is looked at."""
    path = store.folder(dataset) / "vectors_big_1.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (1_000_000, 512)
    with path.open("wb") as out:  # a sparse file: it takes no room
        np.lib.format.write_array_header_1_0(out, {"descr": "<f2", "fortran_order": False, "shape": shape})
        out.truncate(out.tell() + 2 * shape[0] * shape[1])
    stored = {"file": str(path.relative_to(store.root()))}
    began = time.perf_counter()
    vectors = vector_store.open_vectors(stored, "big")
    last, has = vector_store.read(stored, [999_999, None, 3], "big")
    assert time.perf_counter() - began < 1.0
    assert (vectors.shape, vectors.dtype) == (shape, np.float16)
    assert has.tolist() == [True, False, True]
    assert np.isnan(last[1]).all()
    path.unlink()


@pytest.mark.slow
def test_auto__a_set_that_grows_keeps_its_model(dataset: Any) -> None:
    """Six of twelve first, then all: the model that was chosen before is known to the run that replaces it."""
    part = fo.Dataset()
    files = dataset.values("filepath")
    part.add_samples([fo.Sample(filepath=file) for file in files[:6]], progress=False)
    first = curate(part, "compute_embeddings", key="e", device="cpu")
    assert first.params["model"] == "auto"
    part.add_samples([fo.Sample(filepath=file) for file in files[6:]], progress=False)
    kept = KeptVectors(part, "e", part.values("id"), None)
    assert kept.model() == first.facts["model"]
    assert rerun(part, "e").facts["model"] == first.facts["model"]
    assert KeptVectors(part, "other", [], None).model() is None
    part.delete()
