"""Drives a panel as the App does, without a browser: one event in, the App's instructions out."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from image_curation.dataset.curate import curate
from pymongo import monitoring

PANEL = "@image-curation/curator/curation"


class _Calls(monitoring.CommandListener):
    """Counts what is asked of the database, by whichever thread: command and collection → how often."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if threading.current_thread().name != "curator-leases":  # they are renewed beside
            self.counts[event.command_name, str(event.command.get(event.command_name))] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


CALLS = _Calls()
monitoring.register(CALLS)  # before FiftyOne connects, which it does when it is first used


@dataclass
class Driver:
    """The panel in the App: keeps its state and data between events, as the browser would.

    Attributes:
        calls: name and parameters of what the last event asked the App to do.
        size: characters of the last answer.
        view: the grid's view, as the App would send it with the next event.
        selected: ids of the samples selected in the grid.
        current: id of the sample that is open in the modal.
        spaces: the panels that are open in the App.
        elsewhere: id and data of other panels that the last event wrote to.
        uri: of the panel.
    """

    dataset: Any
    state: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    size: int = 0
    view: Any = None
    selected: tuple[str, ...] = ()
    current: str | None = None
    spaces: Any = None
    elsewhere: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    uri: str = PANEL

    def send(self, event: str, **params: Any) -> Driver:
        """Send one event and take over what it answers."""
        import fiftyone.operators as foo
        from fiftyone.core.view import DatasetView

        samples = {"dataset": self.dataset} if self.view is None else {"view": self.view}
        given = {"panel_id": "panel", "__method__": event, "panel_state": dict(self.state), **params}
        context = {**samples, "selected": list(self.selected), "current_sample": self.current}
        if self.spaces is not None:
            context["spaces"] = self.spaces.to_dict()
        result = foo.execute_operator(self.uri, context, params=given)
        self.calls, self.elsewhere = [], []
        requests = result.executor.to_json()["requests"]
        self.size = len(json.dumps(requests, allow_nan=False))
        for request in requests:
            name, arguments = request["operator_uri"], request["params"] or {}
            if arguments.get("panel_id", "panel") != "panel":
                self.elsewhere.append((arguments["panel_id"], arguments["data"]))
            elif name == "patch_panel_state":
                self.state.update(arguments["state"])
            elif name == "patch_panel_data":
                self._patch(arguments["data"])
            elif name == "set_view" and "view" in arguments:
                self.view = DatasetView._build(self.dataset, arguments["view"])
            elif name == "clear_view":
                self.view = None
            if name not in ("patch_panel_state", "patch_panel_data", "show_panel_output"):
                self.calls.append((name, arguments))
        return self

    def open(self, key: str) -> dict[str, Any]:
        """Open the page of a run."""
        return dict(self.send("open_run", key=key).data["page"])

    def act(self, label: str) -> tuple[str, dict[str, Any]]:
        """Press a button of the page; the form that it opens."""
        (action,) = [action for action in self.data["page"]["actions"] if action["label"] == label]
        return self.send(action["event"], **action.get("params", {})).prompted

    def execute(self, operator: str, params: dict[str, Any]) -> Any:
        """Confirm a form, as the App sends it from a panel: with the panel's id and state among the parameters."""
        import fiftyone.operators as foo

        given = {**params, "panel_id": "panel", "panel_state": dict(self.state)}
        samples = {"dataset": self.dataset} if self.view is None else {"view": self.view}
        return foo.execute_operator(f"@image-curation/curator/{operator}", samples, params=given).result

    @property
    def grid_count(self) -> int:
        """How many samples the grid shows."""
        return len(self.dataset if self.view is None else self.view)

    @property
    def prompted(self) -> tuple[str, dict[str, Any]]:
        """The operator whose form the last event opened, and what the form was filled with."""
        ((name, arguments),) = self.calls
        assert name == "prompt_user_for_operation"
        return arguments["operator_uri"].rsplit("/", 1)[1], arguments["params"]

    def _patch(self, given: dict[str, Any]) -> None:
        for path, value in given.items():
            *outer, last = path.split(".")
            place = self.data
            for name in outer:
                place = place[name]
            place[last] = value


@pytest.fixture
def calls() -> Counter[tuple[str, str]]:
    """Counts of what has been asked of the database; `clear` it before an event."""
    return CALLS.counts


@pytest.fixture
def panel(dataset: Any) -> Driver:
    """The panel on the data set of twelve samples."""
    return Driver(dataset)


@pytest.fixture
def on() -> Callable[[Any], Driver]:
    """The panel on any data set."""
    return Driver


@pytest.fixture
def clustered(dataset: Any) -> Any:
    """The twelve samples with three representatives, run `representatives`."""
    curate(dataset, "find_representatives", embeddings="vectors", k=3)
    return dataset


@pytest.fixture
def scored(dataset: Any) -> Any:
    """The twelve samples with importance per class, run `importance`."""
    curate(dataset, "score_importance", embeddings="vectors", label_field="ground_truth", coreset_size=6)
    return dataset


@pytest.fixture
def judged(dataset: Any) -> Any:
    """The twelve samples, one labelled wrongly, with runs `label_issues`, `confusions` and `importance`."""
    wrong = dataset.first()
    wrong.ground_truth.label = "green"
    wrong.save()
    for method in ("find_label_issues", "find_confusions", "score_importance"):
        curate(dataset, method, embeddings="vectors", label_field="ground_truth")
    return dataset
