"""Operators as the App and Python call them: registration, forms, results, errors, streams, delegation."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from image_curation.core.base.params import REQUIRED, domains
from image_curation.core.catalog import METHODS
from image_curation.dataset.actions.catalog import ACTIONS
from image_curation.operators.activity import ASKED
from image_curation.operators.one_click import CLICKS
from image_curation.panels.curation.status import NAME as STATUS

PLUGIN = "@image-curation/curator"


@pytest.fixture(scope="module")
def registry() -> Any:
    from fiftyone.operators.registry import OperatorRegistry

    return OperatorRegistry()


def test_manifest__equals_what_is_registered(registry: Any) -> None:
    manifest = yaml.safe_load((Path(__file__).parents[2] / "fiftyone.yml").read_text())
    assert registry.list_errors() == []
    ours = [operator for operator in registry.list_operators(builtin=False) if operator.plugin_name == PLUGIN]
    panels = {operator.name for operator in ours if hasattr(operator, "render")}
    assert {operator.name for operator in ours} - panels == set(manifest["operators"])
    assert panels == set(manifest["panels"])
    assert set(manifest["operators"]) == {declared.name for declared in (*METHODS, *ACTIONS, *CLICKS)} | {
        *ASKED,
        STATUS,
    }


def test_every_operator__says_its_risk_and_runs_both_ways(registry: Any) -> None:
    for declared in (*METHODS, *ACTIONS):
        config = registry.get_operator(f"{PLUGIN}/{declared.name}").config
        assert config.risk_level != "dangerous"
        assert config.allow_immediate_execution
        assert config.allow_delegated_execution
        assert config.description == declared.help


def test_every_form__shows_every_parameter_with_its_default(registry: Any, dataset: Any) -> None:
    for method in METHODS:
        form = _form(registry, method.name, dataset, {"more_settings": True})
        properties = form["type"]["properties"]
        assert set(properties) >= {*domains(method.params), "key"}
        for name, domain in domains(method.params).items():
            if domain.reads is None and domain.default is not REQUIRED and domain.default is not None:
                default = list(domain.default) if domain.many else domain.default
                assert properties[name]["default"] == default
            assert properties[name]["view"]["description"] == domain.help
            if domain.many:
                assert isinstance(properties[name]["default"], list)  # also where it offers runs or fields by name


def test_form__shows_advanced_parameters_when_asked_or_set(registry: Any, dataset: Any) -> None:
    def shown(**given: Any) -> set[str]:
        return set(_form(registry, "find_label_issues", dataset, given)["type"]["properties"])

    assert shown(folds=5) == shown()
    assert not shown() & {"folds", "seed"}
    assert shown(more_settings=True) - shown() >= {"folds", "seed"}
    assert shown(folds=7) == shown(more_settings=True) - {"more_settings"}, "what is set is seen"
    assert _execute("find_neighbors", dataset, embeddings="vectors", more_settings=True).result["samples"] == 12


def test_form__offers_what_the_dataset_has(registry: Any, dataset: Any) -> None:
    properties = _form(registry, "find_neighbors", dataset, {})["type"]["properties"]
    assert properties["embeddings"]["default"] == "vectors"
    assert [choice["value"] for choice in properties["embeddings"]["view"]["choices"]] == ["vectors"]
    _execute("find_neighbors", dataset, embeddings="vectors")
    properties = _form(registry, "find_neighbors", dataset, {})["type"]["properties"]
    assert properties["key"]["default"] == "neighbors_2"
    assert "overwrite" not in properties
    assert "overwrite" in _form(registry, "find_neighbors", dataset, {"key": "neighbors"})["type"]["properties"]


def test_form__the_same_search_again_replaces_its_run(registry: Any, dataset: Any) -> None:
    _execute("find_duplicates", dataset, embeddings="vectors")
    properties = _form(registry, "find_duplicates", dataset, {})["type"]["properties"]
    assert (properties["key"]["default"], properties["overwrite"]["default"]) == ("duplicates", True)
    beside = _form(registry, "find_duplicates", dataset, {"key": "others"})["type"]["properties"]
    assert "overwrite" not in beside
    other = _form(registry, "find_duplicates", dataset, {"label_field": "another"})["type"]["properties"]
    assert other["key"]["default"] == "duplicates_2"


def test_form__says_what_is_wrong_while_it_is_typed(registry: Any, dataset: Any) -> None:
    def wrong(**given: Any) -> str | None:
        properties = _form(registry, "find_representatives", dataset, given)["type"]["properties"]
        return properties["wrong"]["view"]["label"] if "wrong" in properties else None

    assert wrong() is None
    assert wrong(k=3) is None
    assert wrong(k=0) == "k must be a whole number of at least 1; got 0"
    assert wrong(k=3, key="mine", overwrite=True) is None


def test_execute__returns_the_counts(dataset: Any) -> None:
    result = _execute("find_neighbors", dataset, embeddings="vectors", k=3).result
    assert result["key"] == "neighbors"
    assert (result["samples"], result["skipped"]) == (12, 0)
    assert result["fields"] == ["neighbors_ids", "neighbors_similarities", "neighbors_distance"]
    json.dumps(result)


def test_execute__on_a_view(dataset: Any) -> None:
    import fiftyone.operators as foo

    foo.execute_operator(
        f"{PLUGIN}/find_neighbors", {"view": dataset.limit(6)}, params={"embeddings": "vectors", "k": 2}
    )
    assert dataset.exists("neighbors_distance").count() == 6


def test_execute__error_is_the_sentence(dataset: Any) -> None:
    from fiftyone.operators.executor import ExecutionError

    with pytest.raises(ExecutionError, match=r"NeighborsParams.k must be a whole number of at least 1; got 0"):
        _execute("find_neighbors", dataset, embeddings="vectors", k=0)
    assert dataset.list_runs() == []


@pytest.fixture
def patient(registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The App waits for a call however busy the machine is."""
    ours = type(registry.get_operator(f"{PLUGIN}/activity")).__module__.rpartition(".")[0]
    monkeypatch.setattr(importlib.import_module(f"{ours}.base"), "SHORT", 60.0)


def test_app__a_short_call_ends_with_its_line(patient: None, dataset: Any) -> None:
    lines = _stream("find_neighbors", dataset, {"embeddings": "vectors", "k": 3})
    asked = [line["body"]["operator_uri"] for line in lines[:-1]]
    assert [uri.rpartition("/")[2] for uri in asked] == ["announce", "reload_dataset"]
    assert lines[-1]["body"]["key"] == "neighbors"
    assert dataset.count("neighbors_distance") == 12


def test_app__a_long_call_goes_on(registry: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = type(registry.get_operator(f"{PLUGIN}/activity")).__module__.rpartition(".")[0]
    monkeypatch.setattr(importlib.import_module(f"{ours}.base"), "SHORT", 0.0)
    lines = _stream("find_neighbors", dataset, {"embeddings": "vectors", "k": 3})
    key = lines[0]["body"]["params"]["job"]
    assert lines[-1]["body"] == {"headline": "Find neighbors is running", "job": key}
    job = importlib.import_module(f"{ours}.jobs")._jobs[key]
    assert job.over.wait(60)
    assert (job.state, dataset.count("neighbors_distance")) == ("done", 12)


def test_app__an_error_is_one_sentence_with_the_form_as_it_was(patient: None, registry: Any, dataset: Any) -> None:
    lines = _stream("find_neighbors", dataset, {"embeddings": "nothing", "k": 3})
    said = f"Dataset {dataset.name!r} has no embeddings run or vector field 'nothing'"
    assert lines[-1]["body"]["refused"].startswith(said)
    assert "Traceback" not in json.dumps(lines)
    does = lines[0]["body"]["params"]["does"]
    assert does["label"] == "Change and try again"
    form = _form(registry, "find_neighbors", dataset, does["params"])["type"]["properties"]
    assert form["wrong"]["view"]["label"].startswith(said)
    changed = {**does["params"], "embeddings": "vectors"}
    assert "wrong" not in _form(registry, "find_neighbors", dataset, changed)["type"]["properties"]
    assert _stream("find_neighbors", dataset, changed)[-1]["body"]["key"] == "neighbors"


def test_delegated__runs_and_reports(dataset: Any) -> None:
    import fiftyone.operators as foo
    from fiftyone.operators.delegated import DelegatedOperationService

    foo.execute_operator(
        f"{PLUGIN}/find_neighbors",
        {"dataset": dataset},
        params={"embeddings": "vectors", "k": 3},
        request_delegation=True,
    )
    service = DelegatedOperationService()
    operation = service.list_operations(dataset_name=dataset.name)[0]
    service.execute_operation(operation)
    done = service.get(operation.id)
    assert done.run_state == "completed"
    assert done.result.result["samples"] == 12
    assert dataset.get_run_info("neighbors").config.status == "done"


def test_forget_run__only_after_a_counted_yes(registry: Any, dataset: Any) -> None:
    from fiftyone.operators.executor import ExecutionError

    _execute("find_neighbors", dataset, embeddings="vectors")
    form = _form(registry, "forget_run", dataset, {"key": "neighbors"})
    assert "deletes 3 fields with values on 12 samples" in json.dumps(form)
    with pytest.raises(ExecutionError, match="deletes 3 fields with values on 12 samples. Pass confirm=True"):
        _execute("forget_run", dataset, key="neighbors")
    assert dataset.get_field("neighbors_ids") is not None
    _execute("forget_run", dataset, key="neighbors", confirm=True)
    assert dataset.get_field("neighbors_ids") is None


def test_form__import_embeddings_says_before_the_run_what_matches(registry: Any, dataset: Any, tmp_path: Path) -> None:
    import numpy as np

    paths = dataset.values("filepath")
    np.savez(tmp_path / "v.npz", features=np.ones((len(paths) - 1, 3)), key=np.array(paths[1:]))
    given = {"path": str(tmp_path / "v.npz")}
    notice = _form(registry, "import_embeddings", dataset, given)["type"]["properties"]["notice"]
    expected = f"{len(paths) - 1:,} of {len(paths):,} images match by path in 'key'; images without one: 1"
    assert notice["view"]["label"].startswith(expected)
    assert "notice" not in _form(registry, "import_embeddings", dataset, {})["type"]["properties"]


def _execute(name: str, dataset: Any, **params: Any) -> Any:
    import fiftyone.operators as foo

    return foo.execute_operator(f"{PLUGIN}/{name}", {"dataset": dataset}, params=params)


def _form(registry: Any, name: str, dataset: Any, params: dict[str, Any]) -> dict[str, Any]:
    from fiftyone.operators.executor import ExecutionContext

    ctx = ExecutionContext({"dataset_name": dataset.name, "params": params}, operator_uri=f"{PLUGIN}/{name}")
    return dict(registry.get_operator(f"{PLUGIN}/{name}").resolve_input(ctx).to_json())


def _stream(name: str, dataset: Any, params: dict[str, Any]) -> list[dict[str, Any]]:
    """What the App's server sends for an operator run from the App."""
    from fiftyone.server.app import app
    from starlette.testclient import TestClient

    request = {
        "operator_uri": f"{PLUGIN}/{name}",
        "dataset_name": dataset.name,
        "params": params,
        "filters": {},
        "view": [],
    }
    with TestClient(app) as client:
        response = client.post("/operators/execute/generator", json=request)
    return [json.loads(line) for line in response.text.splitlines()]
