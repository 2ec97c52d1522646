"""FiftyOne's own similarity search over a run's vectors, by text and by image, also in a process without the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.core.images.digits import NAMES, load_digits, picture
from image_curation.dataset.curate import curate
from image_curation.dataset.runs.forget import forget

EACH = 8


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Eight pictures of each digit that the tiny CLIP never saw, the first of them twice."""
    folder, known = tmp_path_factory.mktemp("digits"), load_digits()
    made = fo.Dataset()
    for code, name in enumerate(NAMES):
        rows = np.flatnonzero((known.labels == code) & known.held_out)[:EACH]
        for row in rows:
            path = folder / f"{name}_{row}.png"
            picture(known.grids[row]).save(path)
            made.add_sample(fo.Sample(filepath=str(path), digit=name))
    copy = folder / "copy.png"
    picture(known.grids[np.flatnonzero((known.labels == 0) & known.held_out)[0]]).save(copy)
    made.add_sample(fo.Sample(filepath=str(copy), digit=NAMES[0]))
    made.persistent = True
    curate(made, "compute_embeddings", key="clip", model="tiny_clip")
    curate(made, "compute_embeddings", key="filed", model="tiny_clip", store="file")
    yield made
    made.delete()


def test_search__a_prompt_finds_its_digit(digits: Any) -> None:
    for name in ("seven", "three"):
        assert digits.sort_by_similarity(name, k=EACH, brain_key="clip").values("digit") == [name] * EACH
    assert (
        digits.match(fo.ViewField("digit") != "seven").sort_by_similarity("seven", k=3, brain_key="clip").count() == 3
    )


def test_search__an_image_finds_its_copy_and_prompts_work_after(digits: Any) -> None:
    """FiftyOne's index centres its vectors at the first query by image; the order of prompts must survive it."""
    found = digits.sort_by_similarity(digits.last().id, k=3, brain_key="clip")
    assert digits.first().id in found.values("id")[:2]
    assert set(found.values("digit")) == {NAMES[0]}
    after = digits.sort_by_similarity("seven", k=EACH, brain_key="clip").values("digit")
    assert after.count("seven") >= EACH - 1


def test_search__in_another_process_without_the_plugin(digits: Any) -> None:
    """As in the App's server after a restart: the zoo leads to the plugin's engine."""
    code = f"""
        import sys, fiftyone as fo
        dataset = fo.load_dataset({digits.name!r})
        assert "image_curation" not in sys.modules
        print(dataset.sort_by_similarity("seven", k={EACH}).values("digit"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.stdout.strip().endswith(str(["seven"] * EACH)), done.stderr


def test_search__what_the_app_asks_for(digits: Any) -> None:
    """The magnifier offers an index that says it takes prompts, and posts the words to the server's /sort."""
    from starlette.testclient import TestClient

    config = digits.get_brain_info("clip").config
    assert (config.type, config.supports_prompts, config.supports_least_similarity) == ("similarity", True, True)
    assert config.cls.startswith("fiftyone.brain.")
    from fiftyone.server.app import app

    with TestClient(app) as client:
        extended = {"query": "seven", "k": 3, "brain_key": "clip", "reverse": False, "dist_field": None}
        answer = client.post(
            "/sort",
            json={"dataset": digits.name, "view": [], "filters": {}, "extended": extended, "subscription": "none"},
        )
    assert answer.status_code == 200, answer.text
    assert "SortBySimilarity" in answer.text


def test_search__goes_with_the_run(dataset: Any, tmp_path: Path) -> None:
    curate(dataset, "compute_embeddings", model="descriptor", key="plain")
    config = dataset.get_brain_info("plain").config
    assert not config.supports_prompts
    assert config.model is None
    near = dataset.sort_by_similarity(dataset.first().id, k=4, brain_key="plain")
    assert near.values("id")[0] == dataset.first().id
    with pytest.raises(ValueError, match="does not support prompts"):
        dataset.sort_by_similarity("red", brain_key="plain")
    curate(dataset, "compute_embeddings", model="descriptor", key="plain", overwrite=True)
    forget(dataset, "plain")
    assert dataset.list_brain_runs() == []


def test_search__of_objects(dataset: Any) -> None:
    boxes = [
        fo.Detections(detections=[fo.Detection(label=f"{i}", bounding_box=[0, 0, 1, 1]) for i in range(2)])
        for _ in range(12)
    ]
    dataset.set_values("objects", boxes)
    curate(dataset, "compute_embeddings", key="crops", model="tiny_clip", patches_field="objects")
    patches = dataset.to_patches("objects")
    assert len(patches.sort_by_similarity("seven", k=5, brain_key="crops")) == 5
    near = patches.sort_by_similarity(patches.first().id, k=2, brain_key="crops").values("sample_id")
    assert near == [dataset.first().id] * 2


def test_search__without_a_place_in_the_zoo(dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the zoo's folder may not be written, there is search by image, and the run is fine."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(fo.config, "model_zoo_dir", str(tmp_path / "file"))
    assert curate(dataset, "compute_embeddings", key="clip", model="tiny_clip").status == "done"
    assert not dataset.get_brain_info("clip").config.supports_prompts


# Vectors in a file


def test_search_of_a_file__prompts_and_images_find_what_is_alike(digits: Any) -> None:
    for name in ("seven", "three"):
        assert digits.sort_by_similarity(name, k=EACH, brain_key="filed").values("digit") == [name] * EACH
    found = digits.sort_by_similarity(digits.last().id, k=3, brain_key="filed")
    assert digits.first().id in found.values("id")[:2]
    assert set(found.values("digit")) == {NAMES[0]}
    part = digits.match(fo.ViewField("digit") != "seven")
    assert part.sort_by_similarity("seven", k=3, brain_key="filed").count() == 3
    index = digits.load_brain_results("filed")
    assert index.total_index_size == len(digits)
    index.use_view(digits.limit(9))
    index.reload()
    assert (index.total_index_size, index.index_size) == (len(digits), 9)
    assert digits.get_brain_info("filed").config.cls.startswith("fiftyone.brain.")


def test_search_of_a_file__where_the_app_has_loaded_the_plugin(digits: Any) -> None:
    """The App's server loads it under a name of its own; the index in the database finds it nevertheless."""
    root = Path(__file__).resolve().parents[3]
    code = f"""
        import sys, fiftyone as fo
        sys.path.insert(0, {str(root / "scripts")!r})
        from checkout import load_package
        class Plugin:
            register = staticmethod(lambda cls: None)
        load_package("plugin_of_another_name").register(Plugin)
        dataset = fo.load_dataset({digits.name!r})
        print(dataset.sort_by_similarity("seven", k={EACH}, brain_key="filed").values("digit"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.stdout.strip().endswith(str(["seven"] * EACH)), done.stderr


def test_search_of_a_file__goes_with_the_run_and_follows_it(dataset: Any) -> None:
    curate(dataset.limit(8), "compute_embeddings", model="descriptor", key="e", store="file", dtype="float16")
    assert dataset.sort_by_similarity(dataset.first().id, k=12, brain_key="e").count() == 8
    curate(dataset, "compute_embeddings", model="descriptor", key="e", store="file", overwrite=True)
    assert dataset.sort_by_similarity(dataset.first().id, k=12, brain_key="e").count() == 12
    forget(dataset, "e")
    assert dataset.list_brain_runs() == []


def test_search_of_a_file__of_objects(dataset: Any) -> None:
    boxes = [
        fo.Detections(detections=[fo.Detection(label=one, bounding_box=[0, 0, 1, 1]) for one in "ab"])
        for _ in range(11)
    ]
    dataset.set_values("objects", [*boxes, None])
    curate(dataset, "compute_embeddings", model="descriptor", key="crops", patches_field="objects", store="file")
    patches = dataset.to_patches("objects")
    near = patches.sort_by_similarity(patches.first().id, k=2, brain_key="crops").values("sample_id")
    assert near == [dataset.first().id] * 2
