"""Server-side time and payload of every event of the Curation and the Review panel, on 10,000 samples.

What a click costs before the browser draws: the event through FiftyOne's executor, the plugin loaded anew as FiftyOne
does for every call, to the last byte of the answer. A database and an App's registry of their own; no browser. Beside
the time on the clock, which the machine's other work makes longer, stands the processors' time of Python and the
database together, which is what the clock shows on a machine with nothing else to do.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common
import home
import numpy as np
import psutil

N = 10_000
ROUNDS = 7
CLASSES = 10
PLUGIN = "@image-curation/curator"
RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("find_neighbors", {}),
    ("compute_map", {"method": "pca"}),
    ("find_representatives", {"k": 40}),
    ("find_label_issues", {}),
    ("find_confusions", {}),
    ("find_outliers", {}),
    ("score_importance", {}),
)


@dataclass
class Events:
    """A panel as a browser would hold it, which times what it sends."""

    panel: str
    dataset: Any
    state: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)
    worked: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def send(self, event: str, said: str | None = None, **params: Any) -> None:
        """Send one event; `said` names it in the table where one event is sent in several ways."""
        import fiftyone.operators as foo

        given = {"panel_id": "panel", "__method__": event, "panel_state": dict(self.state), **params}
        began, busy = time.perf_counter(), _worked()
        result = foo.execute_operator(f"{PLUGIN}/{self.panel}", {"dataset": self.dataset}, params=given)
        requests = result.executor.to_json()["requests"]
        size = len(json.dumps(requests, allow_nan=False))
        name = said or event
        self.times.setdefault(name, []).append(time.perf_counter() - began)
        self.worked[name] = self.worked.get(name, 0.0) + _worked() - busy
        self.sizes[name] = max(size, self.sizes.get(name, 0))
        for request in requests:
            arguments = request["params"] or {}
            if request["operator_uri"] == "patch_panel_state":
                self.state.update(arguments["state"])
            elif request["operator_uri"] == "patch_panel_data":
                self.data.update({key: value for key, value in arguments["data"].items() if "." not in key})


def main() -> None:
    """Make the dataset, go through both panels some times, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        home.move_in(Path(folder))
        common.load_package()
        dataset = make()
        panels = [curation(dataset), review(dataset)]
        dataset.delete()  # while its database is there
    rows = [
        (panel.panel, name, statistics.median(times), max(times), panel.worked[name] / len(times), panel.sizes[name])
        for panel in panels
        for name, times in panel.times.items()
    ]
    print("| panel | event | median ms | worst ms | processor ms | payload kB |\n|---|---|---|---|---|---|")
    for panel, name, median, worst, worked, size in rows:
        cells = [1000 * median, 1000 * worst, 1000 * worked]
        print(f"| {panel} | {name} | " + " | ".join(f"{cell:.0f}" for cell in cells) + f" | {size / 1000:.1f} |")
    print(
        f"\nOver all events: median {1000 * statistics.median(row[2] for row in rows):.0f} ms, worst "
        f"{1000 * max(row[3] for row in rows):.0f} ms; processor time median "
        f"{1000 * statistics.median(row[4] for row in rows):.0f} ms, largest "
        f"{1000 * max(row[4] for row in rows):.0f} ms; largest payload {max(row[5] for row in rows) / 1000:.0f} kB."
    )


def _worked() -> float:
    """Processor seconds that this process and the database have used so far."""
    import fiftyone.core.odm as foo

    server = psutil.Process(foo.get_db_conn().command("serverStatus")["pid"]).cpu_times()
    return time.process_time() + server.user + server.system


def make() -> Any:
    """10,000 samples of ten classes with 128-dimensional vectors, 3 % of the labels wrong; one run of each kind."""
    import fiftyone as fo
    from image_curation import curate

    rng = np.random.default_rng(0)
    codes = np.arange(N) % CLASSES
    centres = rng.normal(size=(4 * CLASSES, 128))
    x = centres[codes + CLASSES * rng.integers(4, size=N)] + 1.2 * rng.normal(size=(N, 128))
    given = np.where(rng.random(N) < 0.03, rng.integers(CLASSES, size=N), codes)
    dataset = fo.Dataset()
    dataset.add_sample_field("vectors", fo.VectorField)
    dataset.add_samples(
        [
            fo.Sample(
                filepath=f"/pictures/{row}.png",
                ground_truth=fo.Classification(label=f"class {given[row]}"),
                vectors=x[row].astype(np.float32),
            )
            for row in range(N)
        ],
        progress=False,
    )
    for method, params in RUNS:
        curate(dataset, method, embeddings="vectors", **params)
    time.sleep(1.5)  # a dataset that changed a moment ago is read anew at every event
    return dataset


def curation(dataset: Any) -> Events:
    """Every event of the Curation panel."""
    panel = Events("curation", dataset)
    for _ in range(ROUNDS):
        panel.send("on_load", "on_load: home")
        for key in ("representatives", "outliers", "label_issues"):
            panel.send("open_run", f"open_run: {key}", key=key)
        page = panel.data["page"]
        edges = page["score"]["histogram"]["edges"]
        panel.send("show_range", low=edges[3], high=edges[9])
        panel.send("show_range", "show_range: one class", **{"low": edges[3], "high": edges[9], "class": "class 3"})
        panel.send("show_cell", row="class 3", column="class 4")
        panel.send("show_quadrant", name="hard")
        plot = page["quadrants"]
        panel.send("show_box", left=plot["across"][0], right=plot["across"][9], low=plot["up"][4], high=plot["up"][9])
        panel.send("show_group", column="suggested", value="class 3")
        panel.send("show_flag", value="is_issue")
        panel.send("show_sorted", which="worst")
        panel.send("turn_page", which="worst", page=3)
        panel.send("save_slice", "save_slice: form")
        panel.send("export", "export: form")
        panel.send("on_change_view", "on_change_view: own click")
        panel.send("open_sample", id=page["ends"][0]["pictures"][0]["id"])
        panel.send("show_all")
        panel.send("back")
    return panel


def review(dataset: Any) -> Events:
    """Every event of the Review panel."""
    panel = Events("review", dataset)
    for _ in range(ROUNDS):
        panel.send("on_load")
        for event in ("skip", "accept", "keep", "exclude", "back", "undo"):
            panel.send(event, id=(panel.data["card"] or {}).get("id"))
        panel.send("relabel", id=panel.data["card"]["id"], label="class 1")
        panel.send("choose_source", key="outliers")
        panel.send("choose_source", key="label_issues")
        panel.send("choose_mode", "choose_mode: side by side", mode="batch")
        pictures = panel.data["batch"]["pictures"]
        panel.send("decide_marked", "decide_marked: 5", verdict="keep", ids=[one["id"] for one in pictures[5:10]])
        if panel.data["batch"]["more"]:
            panel.send("turn_page", id=panel.data["batch"]["more"])
        panel.send("choose_mode", "choose_mode: one by one", mode="card")
    return panel


if __name__ == "__main__":
    main()
