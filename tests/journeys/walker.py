"""Steps of the random walk (`test_random_walk.py`), by name; as a program it takes them from its standard input.

A step is a dict of plain values: {"do": "exclude", "ids": [...]}. What Curator refuses is an answer, not a failure.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

# ruff: noqa: E402
from checkout import load_package

load_package()

import fiftyone as fo
import numpy as np
from image_curation import act, curate
from image_curation.core.base.params import ParamError
from image_curation.dataset.fields.rows import every

CLASSES = ("ant", "bee", "cat")
METHODS = {
    "find_outliers": {"embeddings": "vectors", "k": 3},
    "find_label_issues": {"embeddings": "vectors", "folds": 2},
    "find_duplicates": {"embeddings": "vectors", "label_field": "ground_truth"},
}


def step(name: str, **given: Any) -> Any:
    """Do one step on the dataset of that name; what it answers, or {"refused": sentence}."""
    do = given.pop("do")
    try:
        return STEPS[do](fo.load_dataset(name, reload=True), **given)  # as the App does
    except ParamError as error:
        return {"refused": str(error)}


def add(dataset: fo.Dataset, samples: list[dict[str, Any]]) -> list[str]:
    """Samples of {"path", "label", "vector"}; a label of None is none."""
    made = [
        fo.Sample(
            filepath=one["path"],
            ground_truth=None if one["label"] is None else fo.Classification(label=one["label"]),
            vectors=np.array(one["vector"], np.float32),
        )
        for one in samples
    ]
    return [str(one) for one in dataset.add_samples(made, progress=False)]


def delete(dataset: fo.Dataset, ids: list[str]) -> None:
    """As from the App's grid."""
    dataset.delete_samples(ids)


def edit(dataset: fo.Dataset, one: str, label: str | None) -> None:
    """Another given label, as an annotator writes it."""
    dataset.select(one).set_values("ground_truth", [None if label is None else fo.Classification(label=label)])


def move(dataset: fo.Dataset, one: str, vector: list[float]) -> None:
    """Another vector."""
    dataset.select(one).set_values("vectors", [np.array(vector, np.float32)])


def mark(dataset: fo.Dataset, ids: list[str], decision: str, run: str | None) -> Any:
    """Keep or exclude."""
    return act(every(dataset).select(ids), "mark", decision=decision, run=run)


def relabel(dataset: fo.Dataset, ids: list[str], label: str, run: str | None) -> Any:
    """Another working label."""
    return act(every(dataset).select(ids), "relabel", label_field="ground_truth", label=label, run=run, new_class=True)


def undo(dataset: fo.Dataset) -> Any:
    """The last decision."""
    return act(dataset, "undo")


def run(dataset: fo.Dataset, method: str) -> Any:
    """A method anew, under its own key."""
    made = curate(dataset, method, overwrite=True, **METHODS[method])
    return {"key": made.key, "n": made.n}


def rerun(dataset: fo.Dataset, key: str) -> Any:
    """As the button does."""
    return act(dataset, "rerun", key=key)


def forget(dataset: fo.Dataset, key: str) -> Any:
    """Forget a run."""
    return act(dataset, "forget_run", key=key, confirm=True)


def clear(dataset: fo.Dataset, field: str) -> None:
    """Delete a field, as anyone may."""
    dataset.delete_sample_field(field)


def check(dataset: fo.Dataset) -> Any:
    """The check of all that applies."""
    return act(dataset, "check_dataset", embeddings="vectors", label_field="ground_truth")


def rename(dataset: fo.Dataset, to: str) -> None:
    """Another name for the dataset."""
    dataset.name = to


STEPS = {
    known.__name__: known
    for known in (add, delete, edit, move, mark, relabel, undo, run, rerun, forget, clear, check, rename)
}


def main() -> None:
    """Answer each line, a name and a step as JSON, with a line."""
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    for line in sys.stdin:
        given = json.loads(line)
        print(json.dumps(step(given.pop("dataset"), **given), default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
