"""A dataset that the first version wrote, before its folders were named by capability, is read and used by this one.

`scripts/keep_version.py` made it by that version's own code.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from bson import json_util
from image_curation import act, curate, get_run, list_runs, stale_reason

KEPT = Path(__file__).resolve().parents[1] / "data" / "version_0_1_0"
KEYS = {
    "embeddings", "filed", "representatives", "label_issues", "duplicates", "importance", "subset", "split"
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Any]:
    """The dataset `kept` in this run's database, its pictures in a folder of the test's."""
    from fiftyone.core.odm import get_db_conn

    datasets = Path(fo.config.default_dataset_dir)
    shutil.copytree(KEPT / "images", tmp_path / "images")
    shutil.copytree(KEPT / "datasets", datasets, dirs_exist_ok=True)
    text = (KEPT / "database.json").read_text().replace("@HOME@/datasets", str(datasets))
    for name, documents in json_util.loads(text.replace("@HOME@", str(tmp_path))).items():
        if name != "config":
            get_db_conn()[name].insert_many(documents)
    made = fo.load_dataset("kept")
    yield made
    made.delete()


def test_version_before__is_read_shown_and_used(old: Any, on: Callable[[Any], Any]) -> None:
    runs = {run.key: run for run in list_runs(old)}
    assert set(runs) == KEYS
    assert {run.status for run in runs.values()} == {"done"}
    for key, run in runs.items():
        stale_reason(old, run)
        page = on(old).open(key)
        assert page, key
    assert len(old.load_saved_view("typical")) == 3

    filed, stored = np.array(old.values("embeddings")), runs["filed"]
    assert filed.shape == (24, int(stored.facts["dim"]))
    for key in ("embeddings", "filed"):  # by image, in the field and in the file
        found = old.sort_by_similarity(old.skip(5).first().id, k=2, brain_key=key)
        assert {Path(path).name for path in found.values("filepath")} == {"5.png", "23.png"}

    first, second = old.first(), old.skip(1).first()
    assert first.ground_truth_curated.label == "red"
    assert "excluded" in second.tags
    assert act(old, "undo")["samples"] == 1
    assert "excluded" not in old[second.id].tags
    assert act(old, "undo")["samples"] == 1
    assert old[first.id].ground_truth_curated.label == "green"

    weights = old.values("importance_weight")
    act(old, "rerun", key="importance")
    again = get_run(old, "importance")
    assert again.params["class_size"] == ["red=4"]
    np.testing.assert_allclose(np.nan_to_num(old.values("importance_weight", missing_value=0)),
                               np.nan_to_num(np.array(weights, dtype=float)), rtol=1e-4)  # fmt: skip
    curate(old, "find_representatives", key="filed_representatives", embeddings="filed", k=3)
    for key in (*sorted(KEYS), "filed_representatives"):
        act(old, "forget_run", key=key, confirm=True)
    assert not list_runs(old)
    assert not [name for name in old.get_field_schema() if name.startswith(("importance", "embeddings", "filed"))]
