"""What the grid shows after a click on the Curation panel's page, event by event, on real runs in a real database."""

from __future__ import annotations

from typing import Any

import pytest
from fiftyone import ViewField as F
from image_curation.dataset.curate import curate
from PIL import Image


def test_show_range__every_bar_shows_what_it_counts(panel: Any, clustered: Any) -> None:
    histogram = panel.open("representatives")["score"]["histogram"]
    for i, count in enumerate(histogram["counts"]):
        panel.send("show_range", low=histogram["edges"][i], high=histogram["edges"][i + 1])
        assert panel.grid_count == count
        assert panel.data["showing"]["text"].startswith(f"The grid shows {count} sample")


def test_show_range__figures_stay_those_of_the_users_view(panel: Any, clustered: Any) -> None:
    panel.view = clustered.match(F("ground_truth.label") != "red")
    edges = panel.open("representatives")["score"]["histogram"]["edges"]
    panel.send("show_range", low=edges[0], high=edges[1])
    panel.send("show_range", low=edges[0], high=edges[-1])  # replaces the first, does not narrow it further
    assert panel.grid_count == 8
    page = panel.send("refresh").data["page"]
    assert sum(page["score"]["histogram"]["counts"]) == 8
    panel.send("show_all")
    assert panel.grid_count == 8
    assert panel.data["showing"] is None


def test_show_group__drives_the_grid(panel: Any, clustered: Any) -> None:
    page = panel.open("representatives")
    for row in page["lists"][1]["rows"]:
        panel.send("show_group", column="cluster", value=row["value"])
        assert panel.grid_count == row["n"]
        assert panel.data["showing"]["value"] == row["value"]


def test_show_group__samples_in_several_groups(panel: Any, dataset: Any) -> None:
    """Two of the twelve images are shaped and sized unlike the others, and flagged for both."""
    for sample in dataset.limit(2):
        Image.open(sample.filepath).resize((80, 16)).save(sample.filepath)
    curate(dataset, "find_quality_issues", checks=["odd_aspect", "odd_size"])
    page = panel.open("quality")
    issues = next(listing for listing in page["lists"] if listing["column"] == "issues")
    assert [(row["value"], row["n"]) for row in issues["rows"]] == [("odd_aspect", 2), ("odd_size", 2)]
    panel.send("show_group", column="issues", value="odd_size")
    assert panel.grid_count == 2
    panel.send("save_slice")
    assert panel.prompted[1] == {"name": "quality issues odd_size", "field": "quality_issues", "equals": "odd_size"}
    assert panel.execute("save_slice", panel.prompted[1])["count"] == 2


def test_show_group__given_label_shows_those_marked(panel: Any, scored: Any) -> None:
    page = panel.open("importance")
    given = next(listing for listing in page["lists"] if listing["title"] == "Given labels")
    for row in given["rows"]:
        panel.send("show_group", column=given["column"], value=row["value"])
        assert panel.grid_count == row["n"]


def test_show_range__of_one_class(panel: Any, clustered: Any) -> None:
    histogram = panel.open("representatives")["score"]["histogram"]
    assert sorted(one["name"] for one in histogram["classes"]) == ["blue", "green", "red"]
    assert [sum(column) for column in zip(*(one["counts"] for one in histogram["classes"]), strict=True)] == (
        histogram["counts"]
    )
    edges = histogram["edges"]
    for one in histogram["classes"]:
        panel.send("show_range", low=edges[0], high=edges[15], label=one["name"])
        assert panel.grid_count == sum(one["counts"][:15])
        assert panel.data["showing"]["text"].endswith(f", labelled {one['name']}")
    panel.send("save_slice")
    assert "field" not in panel.prompted[1]  # two conditions: the samples themselves are kept


@pytest.mark.parametrize("key", ["label_issues", "confusions"])
def test_show_cell__every_cell_shows_what_it_counts(panel: Any, judged: Any, key: str) -> None:
    matrix = panel.open(key)["matrix"]
    assert matrix["classes"] == ["blue", "green", "red"]
    assert matrix["cells"][1] == [0, 4, 1]  # one of the greens looks red
    assert sum(map(sum, matrix["cells"])) == 12
    for row, counts in zip(matrix["classes"], matrix["cells"], strict=True):
        for column, count in zip(matrix["classes"], counts, strict=True):
            panel.send("show_cell", row=row, column=column)
            assert panel.grid_count == count


def test_show_quadrant__wrong_apart_from_hard(panel: Any, judged: Any) -> None:
    for key in ("label_issues", "importance"):
        plot = panel.open(key)["quadrants"]
        assert sum(quadrant["n"] for quadrant in plot["quadrants"]) == 12
        assert sum(map(sum, plot["cells"])) == 12
        for quadrant in plot["quadrants"]:
            panel.send("show_quadrant", name=quadrant["name"])
            assert panel.grid_count == quadrant["n"]
        panel.send("show_quadrant", name="wrong")
        assert panel.view.values("id") == [judged.first().id]
    assert panel.open("confusions")["quadrants"] is None


def test_show_box__every_cell_shows_what_it_counts(panel: Any, judged: Any) -> None:
    plot = panel.open("importance")["quadrants"]
    across, up = plot["across"], plot["up"]
    for y, row in enumerate(plot["cells"]):
        for x, count in enumerate(row):
            if count:
                panel.send("show_box", left=across[x], right=across[x + 1], low=up[y], high=up[y + 1])
                assert panel.grid_count == count
    panel.send("show_box", left=across[0], right=across[-1], low=up[0], high=up[-1])
    assert panel.grid_count == 12


def test_show_flag__drives_the_grid(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("show_flag", column="", value="is_medoid")
    assert panel.grid_count == 3
    assert panel.data["showing"]["text"] == "The grid shows 3 samples: marked “medoid”"


def test_show_sorted__worst_first(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("show_sorted", which="worst")
    values = panel.view.values("representatives_distance")
    assert values == sorted(values, reverse=True)
    assert len(values) == 12


def test_show_order__similar_ones_side_by_side(panel: Any, dataset: Any) -> None:
    curate(dataset, "order_by_similarity", embeddings="vectors")
    panel.open("order")
    assert {"label": "Show in this order", "event": "show_order"} in panel.data["page"]["actions"]
    panel.send("show_order")
    assert panel.view.values("order_position") == list(range(1, 13))
    assert panel.data["showing"]["text"] == "The grid shows 12 samples: similar ones side by side"


def test_show_sorted__leaves_out_what_has_no_value(panel: Any, clustered: Any) -> None:
    """MongoDB would put it before the lowest."""
    first = clustered.first()
    first["representatives_distance"] = None
    first.save()
    panel.open("representatives")
    panel.send("show_sorted", which="best")
    values = panel.view.values("representatives_distance")
    assert values == sorted(values)
    assert len(values) == 11
    assert panel.data["showing"]["text"] == "The grid shows 11 samples: distance: lowest first"


def test_show__unknown_names_change_nothing(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    for event, params in {
        "show_group": {"column": "no_such", "value": 1},
        "show_flag": {"value": "no_such"},
        "show_range": {"low": "a", "high": None},
        "show_sorted": {"which": "sideways"},
        "show_order": {},
        "show_cell": {"row": "red", "column": None},
        "show_quadrant": {"name": "no_such"},
        "show_box": {"left": 0, "right": 1, "low": 0, "high": None},
        "turn_page": {"which": "sideways", "page": 1},
    }.items():
        assert {name for name, _ in panel.send(event, **params).calls} <= {"notify"}


def test_on_change_view__own_click_costs_no_new_figures(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("show_flag", column="", value="is_medoid")
    panel.data["page"] = "untouched"
    panel.send("on_change_view")
    assert panel.data["page"] == "untouched"
    assert panel.data["showing"]["text"].startswith("The grid shows 3 samples")


def test_on_change_view__user_takes_the_stage_away(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("show_flag", column="", value="is_medoid")
    panel.view = None
    panel.send("on_change_view")
    assert panel.data["showing"] is None


def test_on_change_view__user_narrows_the_view(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("show_flag", column="", value="is_medoid")
    panel.view = panel.view.match(F("ground_truth.label") == "red")
    panel.send("on_change_view")
    assert sum(panel.data["page"]["score"]["histogram"]["counts"]) == 4
    assert panel.data["showing"]["text"].startswith("The grid shows 1 sample:")


def test_on_change_view__ends_the_advice_of_an_empty_view(panel: Any, clustered: Any) -> None:
    panel.view = clustered.match(F("ground_truth.label") == "nothing")
    panel.send("on_load")
    assert panel.data["advice"]["title"] == "The current view is empty"
    panel.view = clustered.limit(5)
    panel.send("on_change_view")
    assert panel.data["advice"] is None
    assert panel.data["scope"]["text"].endswith("5 of 12 samples")


def test_open_sample__opens_it(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    sample_id = clustered.first().id
    panel.send("open_sample", id=sample_id)
    assert panel.calls == [("open_sample", {"id": sample_id, "group_id": None})]


def test_open_sample__outside_what_the_grid_shows(panel: Any, clustered: Any) -> None:
    panel.open("representatives")
    panel.send("show_flag", column="", value="is_medoid")
    other = clustered.match(F("representatives_is_medoid") == False).first().id  # noqa: E712
    panel.send("open_sample", id=other)
    assert [name for name, _ in panel.calls] == ["clear_view", "open_sample"]
