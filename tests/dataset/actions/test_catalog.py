"""Slices, lists and recipes on a real dataset."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
import yaml
from fiftyone import ViewField as F
from image_curation import act, curate, export_recipe, list_runs, run_recipe
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.recipes import FOLDER, load_recipe


@pytest.fixture
def scored(dataset: Any) -> Any:
    curate(dataset, "find_neighbors", embeddings="vectors", k=3)
    return dataset


def test_save_slice__live_threshold(scored: Any) -> None:
    values = sorted(scored.values("neighbors_distance"))
    summary = act(scored, "save_slice", name="Far away", field="neighbors_distance", at_least=values[-3])
    assert summary["count"] == 3
    view = scored.load_saved_view("Far away")
    assert len(view) == 3
    sample = scored.match(F("neighbors_distance") < values[-3]).first()
    sample["neighbors_distance"] = 9.0
    sample.save()
    assert len(scored.load_saved_view("Far away")) == 4
    assert "run neighbors" in scored.get_saved_view_info("Far away")["description"]


def test_save_slice__frozen_view_is_a_membership_field(scored: Any) -> None:
    summary = act(scored.match(F("ground_truth.label") == "red"), "save_slice", name="Reds & co")
    assert summary == {"headline": "Slice 'Reds & co': 4 samples", "name": "Reds & co", "count": 4, "frozen": True}
    assert scored.count_values("slice_reds_co") == {True: 4, None: 8}
    stages = json.dumps(scored.load_saved_view("Reds & co")._serialize())
    assert str(scored.first().id) not in stages


def test_save_slice__equals_on_a_label_and_on_a_flag(scored: Any) -> None:
    assert act(scored, "save_slice", name="greens", field="ground_truth", equals="green")["count"] == 4
    with pytest.raises(ParamError, match="No sample meets the condition"):
        act(scored, "save_slice", name="purple", field="ground_truth", equals="purple")
    assert scored.list_saved_views() == ["greens"]


def test_save_slice__never_overwrites_silently(scored: Any) -> None:
    act(scored, "save_slice", name="greens", field="ground_truth", equals="green")
    with pytest.raises(ParamError, match="A saved view 'greens' exists already"):
        act(scored, "save_slice", name="Greens", field="ground_truth", equals="red")
    assert act(scored, "save_slice", name="Greens", field="ground_truth", equals="red", overwrite=True)["count"] == 4
    assert scored.list_saved_views() == ["Greens"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "  "}, "must contain a letter from a to z or a digit, .*; got '  '"),
        ({"name": "a", "at_least": 1.0}, "field must name the field"),
        ({"name": "a", "field": "ground_truth"}, "needs equals, at_least or at_most"),
        ({"name": "a", "field": "nothing", "equals": "1"}, "has no field 'nothing'"),
        ({"name": "a", "field": "ground_truth", "at_least": 1.0}, "need a number field"),
        ({"name": "a", "field": "neighbors_distance", "equals": "far"}, "holds numbers; got equals='far'"),
    ],
)
def test_save_slice__bad_input(scored: Any, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        act(scored, "save_slice", **given)
    assert scored.list_saved_views() == []


def test_export_list__text_csv_and_json(scored: Any, tmp_path: Path) -> None:
    view = scored.limit(3)
    summary = act(view, "export_list", path=str(tmp_path))
    expected = tmp_path / f"images_to_exclude_from_training_{date.today():%Y_%m_%d}.txt"
    assert summary["path"] == str(expected)
    assert expected.read_text().splitlines() == view.values("filepath")
    act(view, "export_list", path=str(tmp_path / "a.csv"), fields=["ground_truth", "neighbors_distance"])
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["ground_truth"] for row in rows] == ["red"] * 3
    act(view, "export_list", path=str(tmp_path / "a.json"), fields=["neighbors_ids"])
    assert json.loads((tmp_path / "a.json").read_text())[0]["neighbors_ids"] == view.first().neighbors_ids


def test_export_list__bad_input(scored: Any, tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("mine")
    with pytest.raises(ParamError, match="exists already"):
        act(scored, "export_list", path=str(tmp_path / "there.txt"))
    assert (tmp_path / "there.txt").read_text() == "mine"
    with pytest.raises(ParamError, match="must end in .txt, .csv or .json"):
        act(scored, "export_list", path=str(tmp_path / "a.xlsx"))
    with pytest.raises(ParamError, match="does not exist; make it first"):
        act(scored, "export_list", path=str(tmp_path / "no" / "a.txt"))
    with pytest.raises(ParamError, match="holds VectorField, which a list cannot show"):
        act(scored, "export_list", path=str(tmp_path / "a.csv"), fields=["vectors"])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there.txt"]


def test_act__unknown_action(scored: Any) -> None:
    with pytest.raises(ParamError, match="There is no action 'delete'"):
        act(scored, "delete")


def test_run_recipe__keeps_what_holds(dataset: Any) -> None:
    recipe = {
        "steps": [
            {"method": "find_neighbors", "key": "a", "params": {"embeddings": "vectors", "k": 2}},
            {"method": "find_neighbors", "key": "b", "params": {"embeddings": "vectors", "k": 3}},
        ]
    }
    first = run_recipe(dataset, recipe)
    again = run_recipe(dataset, recipe)
    assert [run.finished for run in again] == [run.finished for run in first]
    recipe["steps"][1]["params"]["k"] = 4  # type: ignore[index]
    changed = run_recipe(dataset, recipe, overwrite=True)
    assert changed[0].finished == first[0].finished
    assert changed[1].params["k"] == 4


def test_export_recipe__round_trip(dataset: Any, tmp_path: Path) -> None:
    curate(dataset, "find_neighbors", embeddings="vectors", k=3)
    text = export_recipe(dataset, tmp_path / "mine.yml")
    assert yaml.safe_load(text)["steps"][0]["params"] == {"embeddings": "vectors", "k": 3, "metric": "cosine"}
    kept = list_runs(dataset)[0]
    assert run_recipe(dataset, tmp_path / "mine.yml")[0].finished == kept.finished
    with pytest.raises(ParamError, match="mine.yml' exists already; choose another name, or pass overwrite=True"):
        export_recipe(dataset, tmp_path / "mine.yml")
    with pytest.raises(ParamError, match="ExportRecipeParams.path must end in .yaml or .yml; got"):
        act(dataset, "export_recipe", path=str(tmp_path))


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({}, "holds a list under 'steps'"),
        ({"steps": [{"key": "a"}]}, "Step 1 of the recipe must be a mapping with 'method'"),
        ({"steps": [{"method": "find_it"}]}, "There is no method 'find_it'"),
        ({"steps": [{"method": "find_neighbors", "params": {"k": 0}}]}, "NeighborsParams.k must be"),
        ("nothing_here", "There is no recipe 'nothing_here'; name a YAML file, or one of:"),
    ],
)
def test_load_recipe__bad_input(recipe: Any, sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        load_recipe(recipe)


def test_shipped_recipes__are_valid() -> None:
    shipped = sorted(FOLDER.glob("*.yml"))
    assert shipped
    for path in shipped:
        assert load_recipe(path)


def test_package__names_what_the_sdk_offers() -> None:
    import image_curation
    from image_curation import sdk

    assert sorted(image_curation.SDK) == sorted(sdk.__all__)
    assert all(hasattr(image_curation, name) for name in image_curation.SDK)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        image_curation.nothing  # noqa: B018


def test_save_slice__values_in_a_list(dataset: Any) -> None:
    dataset.add_sample_field("issues", fo.ListField, subfield=fo.StringField)
    dataset.set_values("issues", [["dark"], ["dark", "blurry"], []] + [None] * 9)
    assert act(dataset, "save_slice", name="dark", field="issues", equals="dark")["count"] == 2
    assert act(dataset, "save_slice", name="blurry", field="issues", equals="blurry")["count"] == 1
    dataset.set_values("issues", {dataset.last().id: ["dark"]}, key_field="id")
    assert len(dataset.load_saved_view("dark")) == 3  # kept up to date
    dataset.set_values(
        "classes", [fo.Classifications(classifications=[fo.Classification(label="cat")])] * 2 + [None] * 10
    )
    assert act(dataset, "save_slice", name="cats", field="classes", equals="cat")["count"] == 2


def test_export_list__without_a_path_is_a_dated_list_at_home(
    scored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    summary = act(scored.limit(2), "export_list")
    assert Path(summary["path"]) == tmp_path / f"images_to_exclude_from_training_{date.today():%Y_%m_%d}.txt"
    assert Path(summary["path"]).read_text().splitlines() == scored.limit(2).values("filepath")
