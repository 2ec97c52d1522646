"""What people bring that is odd: each case ends in a result or in one sentence, for every method that cleans.

Videos and groups are in `test_checkup.py`; a thousand classes of two samples in `tests/core/test_label_sources.py`;
objects with such boxes in `test_objects.py`.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from image_curation import act, curate, get_run
from image_curation.core.base.params import ParamError
from image_curation.core.catalog import METHODS
from PIL import Image

BY_LABELS = ("find_label_issues", "find_confusions", "find_spurious_cues")


@pytest.fixture
def pictures(tmp_path: Path) -> Any:
    """Twenty noise pictures with random vectors, none like another."""
    rng = np.random.default_rng(0)
    dataset = fo.Dataset()
    dataset.add_sample_field("vectors", fo.VectorField)
    samples = []
    for row in range(20):
        path = tmp_path / f"{row:02d}.png"
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        vector = rng.standard_normal(8).astype(np.float32)
        label = fo.Classification(label=f"{row % 2}")
        samples.append(fo.Sample(filepath=str(path), vectors=vector, ground_truth=label))
    dataset.add_samples(samples, progress=False)
    yield dataset
    dataset.delete()


def test_all_images_identical(pictures: Any) -> None:
    for path in pictures.values("filepath")[1:]:
        Path(path).write_bytes(Path(pictures.first().filepath).read_bytes())
    pictures.set_values("vectors", [np.ones(8, np.float32)] * 20)
    run = curate(pictures, "find_duplicates", embeddings="vectors")
    assert (run.facts["groups"], run.facts["surplus"], run.facts["in_groups"]["exact"]) == (1, 19, 20)
    assert curate(pictures, "find_outliers", embeddings="vectors").facts["outliers"] == 0
    assert curate(pictures, "find_quality_issues").status == "done"
    assert curate(pictures, "find_spurious_cues").facts["cues"] == []
    for method in BY_LABELS[:2]:
        with pytest.raises(ParamError, match=r"near-duplicates of each other|different samples"):
            curate(pictures, method, embeddings="vectors")
    pictures.limit(5).tag_samples("test")
    pictures.skip(5).tag_samples("train")
    run = curate(pictures, "find_leaks", embeddings="vectors")
    assert (run.facts["pairs"], run.facts["leaks_in"]) == (75, {"test": 5, "train": 15})


def test_no_two_similar(pictures: Any) -> None:
    assert curate(pictures, "find_duplicates", embeddings="vectors").facts["surplus"] == 0
    assert curate(pictures, "find_outliers", embeddings="vectors").facts["tiny_clusters"] == 0
    pictures.limit(10).tag_samples("train")
    pictures.skip(10).tag_samples("test")
    assert curate(pictures, "find_leaks", embeddings="vectors").facts["pairs"] == 0


def test_splits_with_one_sample(pictures: Any) -> None:
    pictures.limit(1).tag_samples("test")
    pictures.skip(1).tag_samples("train")
    assert curate(pictures, "find_leaks", embeddings="vectors").n == 20
    pictures.untag_samples("test")
    with pytest.raises(ParamError, match="at least two splits; got train only"):
        curate(pictures, "find_leaks", embeddings="vectors", overwrite=True)


def test_labels_with_one_class(pictures: Any) -> None:
    pictures.set_values("ground_truth.label", ["only"] * 20)
    for method in BY_LABELS:
        given = {} if method == "find_spurious_cues" else {"embeddings": "vectors"}
        with pytest.raises(ParamError, match="two classes"):
            curate(pictures, method, **given)


def test_unlabelled_among_labelled(pictures: Any) -> None:
    labels = [None if row in (3, 7) else fo.Classification(label=f"{row % 2}") for row in range(20)]
    pictures.set_values("ground_truth", labels)
    run = curate(pictures, "find_label_issues", embeddings="vectors")
    assert (run.n, run.skipped, run.facts["unlabelled"]) == (18, 2, 2)
    assert pictures.values("label_issues_quality")[3] is None
    assert curate(pictures, "find_confusions", embeddings="vectors").n == 18


def test_boxes_outside_the_image_or_of_no_area(pictures: Any) -> None:
    def boxes(*given: list[float]) -> fo.Detections:
        return fo.Detections(detections=[fo.Detection(label="a", bounding_box=box, confidence=0.9) for box in given])

    fine = [0.1, 0.1, 0.4, 0.4]
    pictures.set_values("boxes", [boxes(fine, [2.0, 2.0, 0.1, 0.1], [0.5, 0.5, 0.0, 0.2])] + [boxes(fine)] * 19)
    pictures.set_values("found", [boxes(fine)] * 20)
    run = curate(pictures, "find_detection_issues", label_field="boxes", predictions="found")
    assert run.facts["label_boxes_without_area"] == 2
    assert pictures.first().detection_issues_boxes[1:] == [0.0, 0.0]


def test_huge_picture_is_named_and_stops_nothing(pictures: Any, tmp_path: Path) -> None:
    """20,000 x 20,000 pixels would be 1.2 GB; the header says so, and nothing is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    huge = tmp_path / "huge.png"
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    huge.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b""))
    vector = np.ones(8, np.float32)
    pictures.add_sample(fo.Sample(filepath=str(huge), vectors=vector, ground_truth=fo.Classification(label="0")))
    curate(pictures, "find_quality_issues")
    last = pictures.last()
    assert "unreadable" in last.quality_issues
    assert "178,956,970 pixels that are safe to decode" in last.quality_error
    assert curate(pictures, "find_duplicates", embeddings="vectors").n == 21
    assert act(pictures, "check_dataset")["quality"] >= 1
    assert get_run(pictures, "check").status == "done"


def test_every_cleaning_method_names_its_field_when_it_is_not_there(pictures: Any) -> None:
    for method in METHODS:
        fields = method.params.__dataclass_fields__
        if (
            method.stage == "clean" and "label_field" in fields and "run" not in fields
        ):  # that has its labels from a run
            given = {"embeddings": "vectors"} if "embeddings" in method.params.__dataclass_fields__ else {}
            with pytest.raises(ParamError, match="nowhere"):
                curate(pictures, method.name, label_field="nowhere", key="none", **given)
