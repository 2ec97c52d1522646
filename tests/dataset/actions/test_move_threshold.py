"""A threshold moved afterwards gives what a new run would have given, and only what changed is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation import act, curate, get_run
from image_curation.core.base.params import ParamError
from image_curation.dataset.fields.rows import Rows
from image_curation.dataset.storage import arrays as store


def _fields(dataset: Any, key: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: dataset.values(f"{key}_{name}") for name in names}


def test_move_threshold__equals_a_new_run(dataset: Any) -> None:
    given = {"embeddings": "vectors", "exact": False, "confirm": False}
    names = ("group", "kind", "keep", "similarity", "copies")
    low, high = 0.9, 0.9995
    curate(dataset, "find_duplicates", key="low", threshold=low, **given)
    curate(dataset, "find_duplicates", key="high", threshold=high, **given)
    assert _fields(dataset, "low", names) != _fields(dataset, "high", names)
    before = dataset.values("low_keep")
    stood = list(zip(*_fields(dataset, "low", names).values(), strict=True))
    summary = act(dataset, "move_threshold", key="low", threshold=high)
    assert _fields(dataset, "low", names) == _fields(dataset, "high", names)
    moved = list(zip(*_fields(dataset, "low", names).values(), strict=True))
    assert summary["changed"] == sum(one != other for one, other in zip(stood, moved, strict=True)) > 0
    run = get_run(dataset, "low")
    assert (run.params["threshold"], run.facts["threshold"], run.facts["moved_from"]) == (high, high, low)
    assert run.headline == get_run(dataset, "high").headline
    act(dataset, "move_threshold", key="low", threshold=low)
    assert dataset.values("low_keep") == before
    with pytest.raises(ParamError, match=r"it looked for pairs down to 0\.9"):
        act(dataset, "move_threshold", key="low", threshold=0.1)


def test_move_threshold__of_leaks(dataset: Any) -> None:
    given = {"embeddings": "vectors", "split_field": "split", "confirm": False}
    dataset.set_values("split", ["train", "test", None] * 4)
    for key, threshold in (("low", 0.5), ("high", 0.999)):
        curate(dataset, "find_leaks", key=key, threshold=threshold, **given)
    act(dataset, "move_threshold", key="low", threshold=0.999)
    names = ("is_leak", "leak_of", "similarity")
    assert _fields(dataset, "low", names) == _fields(dataset, "high", names)


def test_move_threshold__refuses_in_a_sentence(dataset: Any) -> None:
    curate(dataset, "find_outliers", embeddings="vectors")
    with pytest.raises(ParamError, match="must name a finished run of find_duplicates or find_leaks; 'outliers'"):
        act(dataset, "move_threshold", key="outliers", threshold=0.9)
    curate(dataset, "find_duplicates", embeddings="vectors")
    (path,) = store.folder(dataset).glob("run_duplicates.npz")
    path.write_bytes(b"damaged")
    with pytest.raises(ParamError, match=r"is not on this machine; run it again with threshold=0\.9"):
        act(dataset, "move_threshold", key="duplicates", threshold=0.9)
    act(dataset, "forget_run", key="duplicates", confirm=True)
    assert not path.exists()


def test_take__replaces_what_was_there(dataset: Any) -> None:
    rows = Rows(dataset.view(), None)
    store.stage(dataset, "some", {"a": np.arange(9)}, rows)  # of a run that does not live to take it
    staged = store.stage(dataset, "some", {"a": np.arange(3)}, rows)
    assert store.kept(dataset, "some", None) is None
    for _ in range(2):
        store.take(dataset, "some", staged)
    assert [path.name for path in store.folder(dataset).glob("run_some*")] == ["run_some.npz"]
    kept = store.kept(dataset, "some", None)
    assert kept is not None
    assert (kept[0]["a"].tolist(), kept[1].ids) == ([0, 1, 2], dataset.values("id"))
    store.take(dataset, "some", None)
    assert store.kept(dataset, "some", None) is None
