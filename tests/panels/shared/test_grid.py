"""The user's view and the panel's own stage, in requests as the App sends them."""

from __future__ import annotations

from typing import Any

import fiftyone.core.stages as fos
from fiftyone import ViewField as F
from fiftyone.operators.executor import ExecutionContext, Executor
from image_curation.panels.shared import grid


def _context(dataset: Any, **request: Any) -> ExecutionContext:
    return ExecutionContext(request_params={"dataset_name": dataset.name, **request})


def _shown(dataset: Any, stage: Any, **request: Any) -> list[dict[str, Any]]:
    """Stages of the view that the App is told to show; none where it is told to clear it."""
    ctx = ExecutionContext(request_params={"dataset_name": dataset.name, **request}, executor=Executor())
    grid.show(ctx, stage)
    (call,) = ctx.executor.to_json()["requests"]
    return list((call["params"] or {}).get("view", []))


def _red(dataset: Any) -> Any:
    return dataset.match(F("ground_truth.label") == "red")


def test_show__adds_one_marked_stage_to_the_users(dataset: Any) -> None:
    bar = _red(dataset)._serialize()
    stages = _shown(dataset, fos.Limit(2), view=bar)
    assert [stage["_cls"].rsplit(".", 1)[1] for stage in stages] == ["Match", "Limit"]
    assert stages[1]["_uuid"] == grid.MARK
    ctx = _context(dataset, view=stages)
    assert grid.is_shown(ctx)
    assert (ctx.view.count(), grid.base_view(ctx).count()) == (2, 4)


def test_show__replaces_and_takes_away(dataset: Any) -> None:
    stages = _shown(dataset, fos.Limit(2), view=_red(dataset)._serialize())
    again = _shown(dataset, fos.Skip(1), view=stages)
    assert [stage["_cls"].rsplit(".", 1)[1] for stage in again] == ["Match", "Skip"]
    assert [stage["_cls"].rsplit(".", 1)[1] for stage in _shown(dataset, None, view=again)] == ["Match"]
    assert _shown(dataset, None, view=_shown(dataset, fos.Limit(2))) == []


def test_base_view__keeps_what_the_user_adds_after_the_panel(dataset: Any) -> None:
    stages = _shown(dataset, fos.Limit(10))
    later = [*stages, *_red(dataset)._serialize()]
    ctx = _context(dataset, view=later)
    assert grid.base_view(ctx).count() == 4
    assert len(_shown(dataset, fos.Limit(3), view=later)) == 2


def test_show__saved_view_of_the_user(dataset: Any) -> None:
    dataset.save_view("red ones", _red(dataset))
    ctx = _context(dataset, view_name="red ones")
    assert grid.base_view(ctx).count() == 4
    stages = _shown(dataset, fos.Limit(2), view_name="red ones")
    assert [stage["_cls"].rsplit(".", 1)[1] for stage in stages] == ["Match", "Limit"]


def test_base_view__counts_with_the_sidebars_filters_and_leaves_them_there(dataset: Any) -> None:
    filters = {"ground_truth.label": {"values": ["red"], "exclude": False, "isMatching": True}}
    ctx = _context(dataset, filters=filters)
    assert grid.base_view(ctx).count() == 4
    stages = _shown(dataset, fos.Limit(2), filters=filters)
    assert [stage["_cls"].rsplit(".", 1)[1] for stage in stages] == ["Limit"]


def test_digest__tells_views_apart_but_not_their_marks(dataset: Any) -> None:
    one, other = dataset.limit(3), dataset.limit(4)
    assert grid.digest(one) == grid.digest(dataset.limit(3))
    assert grid.digest(one) != grid.digest(other)
    assert len(grid.digest(dataset.select(dataset.values("id")))) == 16
