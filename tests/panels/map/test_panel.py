"""The Curation Map panel, event by event, on real maps in a real database."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate
from image_curation.panels.map import colors as map_colors
from image_curation.panels.map.panel import MapPanel

PANEL = "@image-curation/curator/map"
N = 60
NAMES = ("red", "green", "blue")
EVERYTHING = [[-0.1, -0.1], [1.1, -0.1], [1.1, 1.1], [-0.1, 1.1]]
STRAIGHT = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]  # a camera that looks along z: x, y are the screen's


@pytest.fixture(scope="module")
def mapped() -> Iterator[Any]:
    """Sixty samples of three classes with scores and tags; runs `map` in the plane and `space`."""
    rng = np.random.default_rng(1)
    made = fo.Dataset()
    made.add_sample_field("vectors", fo.VectorField)
    samples = []
    for number in range(N):
        code = number % 3
        vector = (np.eye(3)[code] + 0.1 * rng.standard_normal(3)).astype(np.float32)
        tags = (["first"] if number < 6 else []) + (["even"] if number % 2 == 0 else [])
        label = fo.Classification(label=NAMES[code]) if number else None
        sample = fo.Sample(filepath=f"/pictures/{number}.png", ground_truth=label, vectors=vector, tags=tags)
        sample["score"] = number / 10 if number > 4 else None
        sample["is_odd"] = number % 2 == 1
        sample["place"] = f"place {number % 30}"
        samples.append(sample)
    made.add_samples(samples, progress=False)
    curate(made, "compute_map", embeddings="vectors", method="pca")
    curate(made, "compute_map", key="space", embeddings="vectors", method="pca", dims=3)
    yield made
    made.delete()


@pytest.fixture
def copied(mapped: Any) -> Iterator[Any]:
    """A copy to act on."""
    copy = mapped.clone()
    yield copy
    copy.delete()


@pytest.fixture
def panel(copied: Any, on: Callable[..., Any]) -> Any:
    """The panel on it, showing the map in the plane."""
    return on(copied, uri=PANEL).send("on_load").send("choose_map", key="map")


def _bytes(text: str) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8)


def _lit(panel: Any) -> list[str]:
    """Ids of the samples that stand out."""
    ids = panel.dataset.values("id")
    if panel.data["lit"] is None:
        return list(ids)
    flags = np.unpackbits(_bytes(panel.data["lit"]), bitorder="little")[: len(ids)]
    return [sample_id for sample_id, flag in zip(ids, flags, strict=True) if flag]


def _places(panel: Any) -> Any:
    plot = panel.data["plot"]
    return np.frombuffer(base64.b64decode(plot["positions"]), dtype="<u2").reshape(plot["n"], plot["dims"]) / 65535


def _around(panel: Any, label: str) -> Any:
    """Corners of a box around a class, in the map's shares."""
    at = _places(panel)[[one == label for one in panel.dataset.values("ground_truth.label")]]
    (x0, y0), (x1, y1) = at.min(axis=0) - 0.01, at.max(axis=0) + 0.01
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def _of_the_app(name: str) -> Any:
    """The module as FiftyOne has loaded it, under a name of its own."""
    return next(
        module for own, module in sys.modules.items() if own.startswith("fiftyone.") and own.endswith(f".{name}")
    )


def _grid(panel: Any) -> list[str]:
    return sorted((panel.dataset if panel.view is None else panel.view).values("id"))


def test_load__sends_every_point_once_with_the_given_labels_as_colors(mapped: Any, on: Callable[..., Any]) -> None:
    panel = on(mapped, uri=PANEL).send("on_load")
    assert panel.data["advice"] is None
    assert [one["key"] for one in panel.data["maps"]] == ["space", "map"]
    assert panel.data["maps"][1]["label"] == "PCA of vectors, 2D · map"
    assert (panel.data["plot"]["n"], panel.data["plot"]["dims"]) == (N, 3)
    assert panel.data["scope"] == "60 samples"
    assert panel.data["color"]["path"] == "ground_truth.label"
    assert panel.data["lit"] is None
    assert {row["label"] for row in panel.data["quality"]} >= {"Trustworthy", "Neighbors kept"}
    assert panel.size < 20_000


def test_plot__places_are_those_of_the_field(panel: Any) -> None:
    points = np.array(panel.dataset.values("map"))
    middle, side = (points.min(axis=0) + points.max(axis=0)) / 2, np.ptp(points, axis=0).max()
    assert np.allclose(_places(panel), (points - middle) / side + 0.5, atol=1e-4)


def test_color__classes(panel: Any) -> None:
    legend = panel.data["color"]["legend"]
    rows = [(row["label"], row["n"]) for row in legend["rows"]]
    assert rows == [("blue", 20), ("green", 20), ("red", 19), ("no value", None)]
    slots = {row["label"]: row["slot"] for row in legend["rows"]}
    labels = panel.dataset.values("ground_truth.label")
    assert _bytes(panel.data["color"]["codes"]).tolist() == [slots[label or "no value"] for label in labels]


def test_color__numbers(panel: Any) -> None:
    panel.send("choose_color", path="score")
    color = panel.data["color"]
    codes = _bytes(color["codes"])
    assert (codes[:5] == map_colors.NO_NUMBER).all()
    assert (np.diff(codes[5:].astype(int)) >= 0).all()
    assert (codes[5], codes[-1]) == (0, map_colors.LAST)
    assert color["legend"] == {"low": "0.554 and less", "high": "5.85 and more", "missing": "5 without a value"}
    assert set(panel.data) >= {"plot", "color"}
    assert panel.size < 3_000  # the places are not sent again


def test_color__bool_tags_and_nothing(panel: Any) -> None:
    rows = panel.send("choose_color", path="is_odd").data["color"]["legend"]["rows"]
    assert [(row["label"], row["n"]) for row in rows] == [("no", 30), ("yes", 30)]
    color = panel.send("choose_color", path="tags").data["color"]
    rows = [(row["label"], row["n"]) for row in color["legend"]["rows"]]
    assert rows == [("even", 30), ("first", 6), ("several of these", None), ("no value", None)]
    assert _bytes(color["codes"])[:3].tolist() == [map_colors.SEVERAL, 1, map_colors.SEVERAL]
    assert panel.send("choose_color", path="").data["color"]["kind"] == "none"


def test_color__more_than_twenty_classes_are_folded_with_a_choice(panel: Any) -> None:
    color = panel.send("choose_color", path="place").data["color"]
    assert color["legend"]["rows"][-1] == {
        "slot": map_colors.OTHER,
        "label": "10 other classes",
        "value": None,
        "n": None,
    }
    assert len(color["legend"]["classes"]) == 30
    before = {row["label"]: row["slot"] for row in color["legend"]["rows"]}
    kept = [one["value"] for one in color["legend"]["classes"] if one["on"]]
    wanted = [*kept[1:], "place 29"]
    color = panel.send("choose_classes", classes=wanted).data["color"]
    after = {row["label"]: row["slot"] for row in color["legend"]["rows"]}
    assert "place 29" in after
    assert kept[0] not in after
    assert all(after[name] == before[name] for name in kept[1:])  # the others keep their colors
    assert panel.send("choose_classes", classes=[]).data["color"]["legend"]["rows"][0]["label"] == kept[0]


def test_color__is_the_same_in_every_view(panel: Any) -> None:
    codes = panel.data["color"]["codes"]
    panel.view = panel.dataset.match(F("ground_truth.label") == "red")
    panel.send("on_change_view").send("refresh")
    assert panel.data["color"]["codes"] == codes


def test_fields__labels_first_then_runs(panel: Any) -> None:
    fields = panel.data["fields"]
    assert [one["label"] for one in fields][:2] == ["tags", "ground_truth"]
    assert {"score", "is_odd", "place"} < {one["path"] for one in fields}
    assert not {"id", "filepath", "vectors", "map", "created_at"} & {one["path"] for one in fields}
    curate(panel.dataset, "find_representatives", embeddings="vectors", k=3)
    panel.send("refresh")
    of_run = [one["label"] for one in panel.data["fields"] if one["group"] == "Find representatives · representatives"]
    assert of_run == ["Cluster", "Medoid", "Distance", "Cluster size"]
    color = panel.send("choose_color", path="representatives_cluster").data["color"]
    assert color["kind"] == "classes"


def test_size__by_a_score(panel: Any) -> None:
    panel.send("choose_size", path="score")
    assert _bytes(panel.data["size"]["codes"])[-1] == map_colors.LAST
    assert panel.data["size"]["legend"]["low"] == "0.554 and less"
    assert panel.send("choose_size", path="").data["size"] is None


def test_point_at__shows_the_picture_with_its_label(panel: Any) -> None:
    panel.send("choose_color", path="score")
    panel.send("point_at", index=7, token=panel.data["plot"]["token"])
    pointed = panel.data["pointed"]
    assert pointed["path"].endswith("/pictures/7.png")
    assert (pointed["label"], pointed["facts"]) == ("green", [{"label": "score", "value": "0.700"}])
    assert panel.size < 3_000


def test_open_point__exclude_and_undo(panel: Any, copied: Any) -> None:
    panel.send("open_point", index=7, token=panel.data["plot"]["token"])
    point = panel.data["point"]
    assert (point["id"], point["decided"]) == (copied.values("id")[7], None)
    panel.send("exclude_point", id=point["id"], index=7, token=point["token"])
    assert copied.match_tags("excluded").values("id") == [point["id"]]
    assert panel.data["said"] == "1 sample excluded."
    assert panel.data["point"]["decided"] == "Excluded"
    assert panel.data["undo"] == "excluded"
    panel.send("undo", index=7, token=point["token"])
    assert copied.count_sample_tags() == {"first": 6, "even": 30}
    assert panel.data["point"]["decided"] is None
    assert panel.data["undo"] is None
    assert panel.send("undo").data["said"] == "There is no decision to take back."
    assert panel.send("close_point").data["point"] is None


def test_open_sample__in_the_app(panel: Any, copied: Any) -> None:
    ids = copied.values("id")
    assert panel.send("open_sample", id=ids[3]).calls == [("open_sample", {"id": ids[3], "group_id": None})]


def test_point_of_an_older_choice__brings_the_new_one(panel: Any, copied: Any) -> None:
    token = panel.data["plot"]["token"]
    curate(copied, "compute_map", key="map", embeddings="vectors", method="pca", overwrite=True)
    panel.send("refresh")
    assert panel.data["plot"]["token"] != token
    panel.send("point_at", index=7, token=token)
    assert panel.data.get("pointed") is None


def test_shape__chooses_in_the_grid_and_says_how_many(panel: Any, copied: Any) -> None:
    panel.send("choose_shape", corners=_around(panel, "green"), matrix=None, token=panel.data["plot"]["token"])
    green = copied.match(F("ground_truth.label") == "green").values("id")
    assert set(green) <= set(_grid(panel))
    assert panel.data["chosen"]["n"] == len(_grid(panel)) < 30
    assert panel.data["chosen"]["text"] == f"{len(_grid(panel))} samples chosen"
    assert sorted(_lit(panel)) == _grid(panel)
    assert panel.size < 5_000
    panel.send("on_change_view")
    assert panel.data["chosen"]["n"] == len(_grid(panel))
    panel.send("clear_chosen")
    assert panel.data["chosen"] is None
    assert panel.data["lit"] is None
    assert panel.view is None


def test_shape__in_space_by_what_is_seen(panel: Any, copied: Any) -> None:
    panel.send("choose_map", key="space")
    at = _places(panel)
    # the camera shows x and y as they are, so the left half of the cube fills x < .5
    left = [[-1, -1], [0.5, -1], [0.5, 2], [-1, 2]]
    panel.send("choose_shape", corners=left, matrix=STRAIGHT, token=panel.data["plot"]["token"])
    expected = [sample_id for sample_id, place in zip(copied.values("id"), at, strict=True) if place[0] < 0.5]
    assert panel.data["chosen"]["n"] == len(expected)
    assert _grid(panel) == sorted(expected)
    assert panel.data["chosen"]["corners"] is None


def test_shape__within_the_current_view(panel: Any, copied: Any) -> None:
    panel.view = copied.match(F("is_odd") == True)  # noqa: E712
    panel.send("on_change_view")
    assert panel.data["scope"] == "The current view: 30 of 60 samples"
    assert panel.data["narrowed"]
    assert panel.size < 3_000  # places and colors are not sent again
    assert len(_lit(panel)) == 30
    panel.send("choose_shape", corners=EVERYTHING, matrix=None)
    assert panel.data["chosen"]["n"] == 30


@pytest.mark.parametrize(
    ("corners", "text"),
    [
        ([[0, 0], [1, 1]], "A shape on the map has 3 to 400 corners; got 2: draw around some points"),
        ([[2, 2], [3, 2], [3, 3]], "Nothing lies inside; draw around some points."),
    ],
)
def test_shape__that_chooses_nothing(panel: Any, corners: Any, text: str) -> None:
    panel.send("choose_shape", corners=corners, matrix=None)
    assert panel.data["said"] == text
    assert panel.data["chosen"] is None
    assert panel.calls == []


def test_shape__in_space_without_a_camera(panel: Any) -> None:
    panel.send("choose_map", key="space").send("choose_shape", corners=EVERYTHING, matrix=None)
    assert "comes with the 16 numbers of its camera; got 0" in panel.data["said"]


def test_chosen__exclude_all_and_undo(panel: Any, copied: Any) -> None:
    panel.send("choose_class", value="red")
    assert panel.data["chosen"]["n"] == 19
    panel.send("exclude_chosen")
    assert copied.count_sample_tags()["excluded"] == 19
    assert panel.data["said"] == "19 samples excluded."
    assert panel.send("exclude_chosen").data["said"] == "All of these are excluded already."
    panel.send("undo").send("undo")
    assert "excluded" not in copied.count_sample_tags()


def test_chosen__tag(panel: Any, copied: Any) -> None:
    panel.send("choose_color", path="tags").send("choose_class", value="first")
    panel.send("tag_chosen", tag=" look again ")
    assert copied.match_tags("look again").values("id") == copied.values("id")[:6]
    assert panel.data["said"] == "6 samples tagged “look again”."
    assert {row["label"] for row in panel.data["color"]["legend"]["rows"]} >= {"look again"}
    assert "is a decision" in panel.send("tag_chosen", tag="excluded").data["said"]
    assert "at least one letter" in panel.send("tag_chosen", tag=" ").data["said"]


def test_chosen__save_as_slice(panel: Any, copied: Any) -> None:
    panel.send("choose_class", value="blue").send("save_chosen", name="the blue ones")
    assert panel.data["said"] == "Slice 'the blue ones': 20 samples."
    copied.reload()
    assert copied.load_saved_view("the blue ones").count() == 20
    assert "exists already" in panel.send("save_chosen", name="the blue ones").data["said"]


def test_chosen__show_in_the_grid_again(panel: Any) -> None:
    panel.send("choose_class", value="blue")
    panel.view = None
    panel.send("on_change_view")
    assert panel.data["in_grid"] is False
    assert len(_grid(panel.send("show_chosen"))) == 20


def test_selected_in_the_grid__stands_out(panel: Any, copied: Any) -> None:
    panel.selected = tuple(copied.values("id")[:4])
    panel.send("on_change_selected")
    assert _lit(panel) == list(panel.selected)
    assert panel.data["scope"] == "4 samples selected in the grid"
    panel.selected = ()
    assert panel.send("on_change_selected").data["lit"] is None


def test_reload__finds_the_same_state(panel: Any, copied: Any, on: Callable[..., Any]) -> None:
    panel.send("choose_color", path="is_odd").send("choose_size", path="score").send("choose_class", value=True)
    again = on(copied, uri=PANEL).send("on_load")
    assert again.data["map"] == "map"
    assert (again.data["color"]["path"], again.data["size"]["path"]) == ("is_odd", "score")
    assert (again.data["chosen"]["n"], again.data["chosen"]["value"]) == (30, True)
    assert again.data["lit"] == panel.data["lit"]
    again.send("choose_map", key="space")
    assert on(copied, uri=PANEL).send("on_load").data["map"] == "space"


def test_opened_from_elsewhere__shows_that_map(panel: Any, copied: Any, on: Callable[..., Any]) -> None:
    other = on(copied, uri=PANEL, state={"open": "space"}).send("on_load")
    assert other.data["map"] == "space"
    assert other.state["open"] is None


def test_state__is_small(panel: Any) -> None:
    angle = np.linspace(0, 6, 200)
    corners = np.stack([0.5 + 0.4 * np.cos(angle), 0.5 + 0.4 * np.sin(angle)], axis=1).tolist()
    panel.send("choose_shape", corners=corners, matrix=None)
    assert len(str(panel.state)) < 6_000


def test_many_points__are_thinned_and_the_rest_is_counted(
    panel: Any, copied: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_of_the_app("panels.map.points"), "MOST", 24)
    panel.send("refresh")
    plot = panel.data["plot"]
    assert plot["n"] == 24
    assert panel.data["drawn"] == "24 drawn, the shade shows where the others lie"
    assert len(_bytes(plot["hidden"]["strengths"])) * 4 == len(_bytes(plot["hidden"]["positions"]))
    assert len(_bytes(panel.data["color"]["codes"])) == 24
    # a shape takes those that are not drawn too, and colors count all
    assert panel.send("choose_shape", corners=EVERYTHING, matrix=None).data["chosen"]["n"] == N
    assert {row["label"]: row["n"] for row in panel.data["color"]["legend"]["rows"]}["red"] == 19
    # the current view comes first
    panel.send("clear_chosen")
    panel.view = copied.limit(15)
    panel.send("on_change_view")
    assert np.unpackbits(_bytes(panel.data["lit"]))[:24].sum() == 15


def test_samples_without_a_place__are_told(panel: Any, copied: Any) -> None:
    copied.add_sample(fo.Sample(filepath="/pictures/new.png"))
    panel.send("refresh")
    assert panel.data["drawn"] == "1 not on this map"
    assert panel.data["stale"] == "Out of date: 1 sample was added."
    panel.send("rerun")
    assert panel.prompted == ("rerun", {"key": "map"})


def test_sample_deleted_meanwhile(panel: Any, copied: Any) -> None:
    copied.delete_samples(copied.limit(1))
    panel.send("point_at", index=0, token=panel.data["plot"]["token"])
    assert panel.data["pointed"] is None
    assert panel.send("refresh").data["plot"]["n"] == N - 1


def test_nothing_yet__says_what_to_run(dataset: Any, on: Callable[..., Any]) -> None:
    panel = on(dataset, uri=PANEL).send("on_load")
    assert panel.data["advice"]["title"] == "There is no map yet"
    panel.send(panel.data["advice"]["action"]["event"], **panel.data["advice"]["action"]["params"])
    assert panel.prompted == ("compute_map", {})
    curate(dataset, "compute_map", embeddings="vectors", method="pca")
    panel.send("on_ran")
    assert panel.data["advice"] is None
    assert panel.data["map"] == "map"


def test_nothing_yet__embeddings_come_first(dataset: Any, on: Callable[..., Any]) -> None:
    dataset.delete_sample_field("vectors")
    advice = on(dataset, uri=PANEL).send("on_load").data["advice"]
    assert advice["action"]["params"] == {"method": "compute_embeddings"}


def test_empty_dataset__says_what_to_do_first(on: Callable[..., Any]) -> None:
    empty = fo.Dataset()
    try:
        assert on(empty, uri=PANEL).send("on_load").data["advice"]["title"] == "This dataset has no images yet"
    finally:
        empty.delete()


def test_empty_view__offers_the_whole_dataset(panel: Any, copied: Any) -> None:
    panel.view = copied.match(F("score") > 99)
    panel.send("on_change_view")
    assert panel.data["advice"]["title"] == "The current view is empty"
    panel.send("whole_dataset")
    assert [name for name, _ in panel.calls] == ["clear_sidebar_filters", "clear_view"]
    assert panel.send("on_change_view").data["advice"] is None
    assert panel.data["plot"]["n"] == N


def test_view__of_excluded_ones_after_undo(panel: Any, copied: Any) -> None:
    act(copied.limit(5), "mark")
    panel.view = copied.load_saved_view("curated")
    panel.send("on_change_view")
    assert len(_lit(panel)) == N - 5


def test_number_codes__degenerate() -> None:
    assert map_colors.number_codes([None, float("nan")])[1] is None
    codes, legend = map_colors.number_codes([3, 3, None])
    assert codes.tolist() == [125, 125, 255]
    assert legend == {"low": "3", "high": "3", "missing": "1 without a value"}
    assert map_colors.number_codes([])[1] is None


def test_slots__depend_on_names_only() -> None:
    few = {"a": 1, "b": 9}
    assert map_colors.slots_of(few) == {"a": 0, "b": 1}
    many = {str(number): 100 - number for number in range(50)}
    slots = map_colors.slots_of(many)
    assert set(slots) == {str(number) for number in range(20)}
    assert sorted(slots.values()) == list(range(20))
    assert map_colors.slots_of(many, ["7", "27", "47"]) == {"7": 7, "27": 8, "47": 9}
    assert map_colors.slots_of(many, ["gone"]) == slots
    assert map_colors.slots_of({}) == {}


def test_events__all_exist() -> None:
    assert all(callable(getattr(MapPanel, event)) for event in MapPanel.events())
