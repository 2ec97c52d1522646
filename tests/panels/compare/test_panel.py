"""The Compare panel: what it reads of the selection, driven as the App does."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation.dataset.curate import curate
from image_curation.panels.compare.panel import MOST, compared

from ..conftest import Driver

URI = "@image-curation/curator/comparison"


def test_comparison__selection_by_vectors(dataset: Any) -> None:
    driver = Driver(dataset, uri=URI).send("on_load")
    assert driver.data["advice"]["title"] == "No sample is selected"
    ids = dataset.values("id")
    driver.selected = (ids[0], ids[4], ids[1])
    data = driver.send("on_change_selected").data
    assert data["advice"] is None
    assert [picture["id"] for picture in data["pictures"]] == [ids[0], ids[4], ids[1]]
    vectors = np.stack(dataset.values("vectors"))[[0, 4, 1]]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(data["similarity"], unit @ unit.T, atol=1e-4)
    assert data["neighbors"][0] == {"id": ids[0], "path": dataset.first().filepath, "caption": "this one"}
    assert len(data["neighbors"]) == 9
    found = [float(one["caption"]) for one in data["neighbors"][1:]]
    assert found == sorted(found, reverse=True)
    assert data["says"] is None
    driver.send("show_neighbors", ids=[one["id"] for one in data["neighbors"]])
    assert driver.view.values("id") == [one["id"] for one in data["neighbors"]]
    driver.send("open_sample", id=ids[1])
    assert [name for name, _ in driver.calls] == ["open_sample"]


def test_comparison__of_the_sample_that_is_open(dataset: Any) -> None:
    """In the App's modal: with nothing selected the open sample, and what is selected before it."""
    ids = dataset.values("id")
    driver = Driver(dataset, uri=URI, current=ids[2]).send("on_load")
    assert [picture["id"] for picture in driver.data["pictures"]] == [ids[2]]
    assert driver.data["neighbors"][0]["id"] == ids[2]
    driver.current = ids[3]
    assert [picture["id"] for picture in driver.send("on_change_current_sample").data["pictures"]] == [ids[3]]
    driver.selected = (ids[0], ids[1])
    assert [picture["id"] for picture in driver.send("on_change_selected").data["pictures"]] == list(ids[:2])


def test_comparison__says_of_stored_logits(dataset: Any) -> None:
    curate(dataset, "train_classifier", embeddings="vectors")
    curate(dataset, "train_classifier", embeddings="vectors", key="other", classes=["red", "blue"])
    first = dataset.first()
    driver = Driver(dataset, uri=URI, selected=(first.id,)).send("on_load")
    assert driver.data["predictions"] == {"chosen": "other", "choices": ["other", "classifier"]}
    says = driver.send("choose_predictions", key="classifier").data["says"]
    assert driver.state["predictions"] == "classifier"
    assert says["classes"][0] == first.classifier_prediction.label, "the likeliest class first"
    order = [["blue", "green", "red"].index(name) for name in says["classes"]]
    np.testing.assert_allclose(says["logits"][0], np.asarray(first.classifier_prediction.logits)[order], atol=1e-3)
    assert says["many"] is False


def test_compared__gaps_and_many(dataset: Any) -> None:
    last = dataset.last()
    last["vectors"] = None
    last.save()
    found = compared(dataset, [last.id, dataset.first().id, "0" * 24])
    assert len(found["pictures"]) == 2, "an id that is no sample's"
    assert found["similarity"] == [[None, None], [None, 1.0]]
    assert [one["caption"] for one in found["neighbors"]] == ["this one"]
    dataset.add_samples([sample.copy() for sample in dataset.limit(3)], progress=False)
    found = compared(dataset, dataset.values("id"))
    assert len(found["pictures"]) == MOST
    assert found["hidden"].startswith("3 more are selected")


def test_comparison__without_vectors(dataset: Any) -> None:
    dataset.delete_sample_field("vectors")
    data = Driver(dataset, uri=URI, selected=(dataset.first().id,)).send("on_load").data
    assert data["embeddings"] == {"chosen": None, "choices": []}
    assert data["advice"]["action"]["params"] == {"method": "compute_embeddings"}
    assert data["similarity"] is None
    assert data["neighbors"] is None


def test_comparison__empty_dataset_says_what_to_do_first(dataset: Any) -> None:
    empty = fo.Dataset()
    try:
        driver = Driver(empty, uri=URI).send("on_load")
        assert driver.data["advice"]["title"] == "This dataset has no images yet"
        action = driver.data["advice"]["action"]
        assert driver.send(action["event"], **action["params"]).prompted == ("import_images", {})
    finally:
        empty.delete()


@pytest.mark.parametrize("event", ["on_load", "on_change_dataset"])
def test_comparison__answers_are_small(dataset: Any, event: str) -> None:
    assert Driver(dataset, uri=URI, selected=tuple(dataset.values("id"))).send(event).size < 20_000
