"""Server-side time and payload of each panel event, on samples without images: what a click costs.

    python benchmarks/panels.py                              10,000 and 20,000 samples
    python benchmarks/panels.py --rows 100000 --panels map --repeats 3

Every event goes through `execute_operator`, as the App's server runs it: the plugin is loaded again, the method runs,
the panel is rendered, and the answer becomes JSON. State and data are kept between events, as the browser keeps them.
To add a panel, list its events in `PANELS`; to add a run that its events need, extend `prepare`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, load_package, machine, recorded

URI = "@image-curation/curator/"
CLASSES = 30


@dataclass
class Panel:
    """A panel as the browser has it.

    Attributes:
        view: stages of the grid's view, as the App would send them.
    """

    dataset: Any
    name: str
    state: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    view: Any = None
    selected: Sequence[str] = ()

    def send(self, event: str, **params: Any) -> tuple[float, float, int]:
        """Send one event; seconds until its answer is JSON, those of them computing here, and the answer's bytes."""
        import fiftyone.operators as foo
        from fiftyone.core.view import DatasetView

        given = {"panel_id": "panel", "__method__": event, "panel_state": dict(self.state), **params}
        samples = {"dataset": self.dataset} if self.view is None else {"view": self.view}
        began, worked = time.perf_counter(), time.process_time()
        result = foo.execute_operator(URI + self.name, {**samples, "selected": list(self.selected)}, params=given)
        requests = result.executor.to_json()["requests"]
        size = len(json.dumps(requests).encode())
        seconds, computing = time.perf_counter() - began, time.process_time() - worked
        for request in requests:
            name, arguments = request["operator_uri"], request["params"] or {}
            if name == "patch_panel_state":
                self.state.update(arguments["state"])
            elif name == "patch_panel_data":
                self.data.update({path: value for path, value in arguments["data"].items() if "." not in path})
            elif name == "set_view":
                self.view = DatasetView._build(self.dataset, arguments["view"])
            elif name == "clear_view":
                self.view = None
        return seconds, computing, size


Params = Callable[[Panel, int], dict[str, Any]]


def _nothing(panel: Panel, turn: int) -> dict[str, Any]:
    return {}


def _lasso(panel: Panel, turn: int) -> dict[str, Any]:
    """A ring of 200 corners around a tenth to a half of the map."""
    angle = np.arange(200) * 2 * np.pi / 200
    radius = 0.1 + 0.05 * (turn % 5)
    corners = 0.5 + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    matrix = np.eye(4).ravel().tolist()  # a camera that looks along the third axis
    return {"corners": corners.tolist(), "matrix": matrix, "token": panel.data["plot"]["token"]}


def _point(panel: Panel, turn: int) -> dict[str, Any]:
    plot = panel.data["plot"]
    return {"index": (turn * 7919) % plot["n"], "token": plot["token"]}


def _narrowed(panel: Panel, turn: int) -> dict[str, Any]:
    """The user has narrowed the view to a class."""
    panel.view = panel.dataset.match({"ground_truth.label": f"class {turn % CLASSES}"})
    return {}


def _selected(panel: Panel, turn: int) -> dict[str, Any]:
    panel.view = None
    panel.selected = panel.dataset.skip(100 * turn).limit(50).values("id")
    return {}


def _unselected(panel: Panel, turn: int) -> dict[str, Any]:
    panel.selected = ()
    return {}


def _value(**params: Any) -> Params:
    return lambda panel, turn: params


# panel → what is done → event, and what is sent with it; in an order that a user could do them
PANELS: dict[str, tuple[tuple[str, str, Params], ...]] = {
    "map": (
        ("open", "on_load", _nothing),
        ("another map, in space", "choose_map", _value(key="space")),
        ("lasso in space", "choose_shape", _lasso),
        ("back to the plane", "choose_map", _value(key="map")),
        ("color by 30 classes", "choose_color", _value(path="ground_truth.label")),
        ("color by a number", "choose_color", _value(path="score")),
        ("color by yes or no", "choose_color", _value(path="is_odd")),
        ("color by tags", "choose_color", _value(path="tags")),
        ("size by a number", "choose_size", _value(path="score")),
        ("point at a sample", "point_at", _point),
        ("click a sample", "open_point", _point),
        ("lasso", "choose_shape", _lasso),
        ("the grid has followed", "on_change_view", _nothing),
        ("clear", "clear_chosen", _nothing),
        ("the view was narrowed", "on_change_view", _narrowed),
        ("50 selected in the grid", "on_change_selected", _selected),
        ("none selected", "on_change_selected", _unselected),
        ("look again", "refresh", _nothing),
    ),
}


def main() -> None:
    """Make the datasets, send the events, print the tables."""
    parser = argparse.ArgumentParser(description="Time and payload of each panel event")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 20_000])
    parser.add_argument("--panels", nargs="+", choices=list(PANELS), default=list(PANELS))
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    from database import start_database

    with tempfile.TemporaryDirectory() as folder:
        _settings(Path(folder))
        start_database(Path(folder) / "database")
        load_package()
        print(f"## Panels\n\n{machine()}", flush=True)
        for rows in given.rows:
            dataset = prepare(rows)
            for name in given.panels:
                print(f"\n### {name}, {rows:,} samples, {given.repeats} times each\n", flush=True)
                print(_table(dataset, name, given.repeats), flush=True)
            dataset.delete()


def prepare(rows: int) -> Any:
    """Samples without images: labels of thirty classes, tags, a score, a mark, and maps in the plane and in space.

    The points are made up and filed as runs, since only their number matters to a panel.
    """
    import fiftyone as fo

    rng = np.random.default_rng(0)
    codes = rng.integers(CLASSES, size=rows)
    middles = rng.normal(size=(CLASSES, 3))
    dataset = fo.Dataset()
    samples = [
        fo.Sample(
            filepath=f"/nowhere/{row:07}.jpg",
            ground_truth=fo.Classification(label=f"class {codes[row]}"),
            tags=["train" if row % 5 else "test"],
            score=float(rng.random()),
            is_odd=row % 2 == 1,
            **{
                key: (middles[codes[row], :dims] + 0.2 * rng.normal(size=dims)).tolist()
                for key, dims in (("space", 3), ("map", 2))
            },
        )
        for row in range(rows)
    ]
    dataset.add_samples(samples, progress=False)
    for key, dims in (("space", 3), ("map", 2)):
        _file_map(dataset, key, dims)
    return dataset


def _file_map(dataset: Any, key: str, dims: int) -> None:
    """The record that `compute_map` leaves."""
    from image_curation.dataset.runs import record as runs
    from image_curation.dataset.runs.fingerprints import digest

    fingerprint = {"samples": digest(dataset.values("id"))}
    facts = {"method": "pca", "headline": "made up", "trustworthiness": 0.9, "neighbors_kept": 0.3}
    run = runs.Run(key, "compute_map", params={"dims": dims}, n=len(dataset), fingerprint=fingerprint, facts=facts)
    runs.finish(dataset, dataclasses.replace(runs.start(dataset, run), writes={"": key}))


def _table(dataset: Any, name: str, repeats: int) -> str:
    """The events in turn, all of them so many times; the first round, which warms the database, is not counted."""
    found: dict[str, list[tuple[float, float, int]]] = {}
    for turn in range(repeats + 1):
        panel = Panel(dataset, name)
        for title, event, params in PANELS[name]:
            measured = panel.send(event, **params(panel, turn))
            if turn:
                found.setdefault(title, []).append(measured)
    lines = ["| event | median, ms | worst, ms | median CPU, ms | largest answer, kB |", "|---|---|---|---|---|"]
    for title, measured in found.items():
        seconds, computing, sizes = zip(*measured, strict=True)
        times = (statistics.median(seconds), max(seconds), statistics.median(computing))
        cells = [title, *(f"{1000 * one:.0f}" for one in times), f"{max(sizes) / 1000:,.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _settings(folder: Path) -> None:
    """A FiftyOne of this run's own, with the checkout as its only plugin; before FiftyOne is imported."""
    import os

    for name in [name for name in os.environ if name.startswith("FIFTYONE_")]:
        del os.environ[name]
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "curator").symlink_to(ROOT, target_is_directory=True)
    os.environ.update(
        FIFTYONE_PLUGINS_DIR=str(plugins),
        FIFTYONE_DEFAULT_DATASET_DIR=str(folder / "datasets"),
        FIFTYONE_CONFIG_PATH=str(folder / "config.json"),
        FIFTYONE_APP_CONFIG_PATH=str(folder / "app_config.json"),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
        FIFTYONE_LOGGING_LEVEL="WARNING",
    )


if __name__ == "__main__":
    with recorded(__file__):
        main()
