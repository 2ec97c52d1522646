"""Server-side time and payload of every event of the panels on 10,000 samples; of Review and Map on 10,000 objects too.

    python benchmarks/panel_events.py [curation] [review] [report] [compare] [objects]

What a click costs before the browser draws: the event through FiftyOne's executor, the plugin loaded anew as FiftyOne
does for every call, to the last byte of the answer. A database and an App's registry of their own; no browser. Beside
the time on the clock, which the machine's other work makes longer, stands the processors' time of Python and the
database together, which is what the clock shows on a machine with nothing else to do. The Map on samples: `panels.py`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
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
    title: str
    selected: list[str] = field(default_factory=list)
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
        result = foo.execute_operator(f"{PLUGIN}/{self.panel}", self._context(), params=given)
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

    def _context(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "selected": self.selected}


def main() -> None:
    """Make the datasets, go through the panels some times, print the table."""
    wanted = sys.argv[1:] or [*PANELS, "objects"]
    panels: list[Events] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # the database still writes
        home.move_in(Path(folder))
        common.load_package()
        _open_app()
        if set(wanted) & set(PANELS):
            dataset = make()
            panels += [PANELS[name](dataset) for name in PANELS if name in wanted]
            dataset.delete()  # while its database is there
        if "objects" in wanted:
            dataset = make_objects()
            panels += [review_objects(dataset), map_objects(dataset)]
            dataset.delete()
    rows = [
        (panel.title, name, statistics.median(times), max(times), panel.worked[name] / len(times), panel.sizes[name])
        for panel in panels
        for name, times in panel.times.items()
    ]
    print("## Events of the panels\n")
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


def _open_app() -> None:
    """Ask for all operators, as the App does when its page is opened, before any panel is: plugins are imported."""
    import fiftyone.operators as foo

    foo.list_operators()


def _worked() -> float:
    """Processor seconds that this process and the database have used so far."""
    import fiftyone.core.odm as foo

    server = psutil.Process(foo.get_db_conn().command("serverStatus")["pid"]).cpu_times()
    return time.process_time() + server.user + server.system


def make() -> Any:
    """10,000 samples of ten classes with 128-dimensional vectors, 3 % of the labels wrong; one run of each kind."""
    import fiftyone as fo
    from image_curation import curate

    x, given = vectors_and_labels()
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


def make_objects() -> Any:
    """The same as objects, two in each of 5,000 images; with neighbors, a map and doubtful labels."""
    import fiftyone as fo
    from image_curation import curate

    x, given = vectors_and_labels()
    dataset = fo.Dataset()
    dataset.add_sample_field("objects", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    dataset.add_sample_field("objects.detections.vectors", fo.VectorField)
    boxes = ([0.1, 0.1, 0.3, 0.8], [0.6, 0.1, 0.3, 0.8])
    labels = [
        fo.Detection(label=f"class {given[row]}", bounding_box=boxes[row % 2], vectors=x[row].astype(np.float32))
        for row in range(N)
    ]
    dataset.add_samples(
        [
            fo.Sample(filepath=f"/pictures/{row}.png", objects=fo.Detections(detections=labels[row : row + 2]))
            for row in range(0, N, 2)
        ],
        progress=False,
    )
    for method, params in (("find_neighbors", {}), ("compute_map", {"method": "pca"}), ("find_label_issues", {})):
        named = {"label_field": "objects"} if method == "find_label_issues" else {}
        curate(dataset, method, embeddings="objects.detections.vectors", **named, **params)
    time.sleep(1.5)
    return dataset


def vectors_and_labels() -> tuple[Any, Any]:
    """(N, 128) vectors of ten classes of four groups each, and (N,) the numbers of the classes given, 3 % wrong."""
    rng = np.random.default_rng(0)
    codes = np.arange(N) % CLASSES
    centres = rng.normal(size=(4 * CLASSES, 128))
    x = centres[codes + CLASSES * rng.integers(4, size=N)] + 1.2 * rng.normal(size=(N, 128))
    return x, np.where(rng.random(N) < 0.03, rng.integers(CLASSES, size=N), codes)


def curation(dataset: Any) -> Events:
    """Every event of the Curation panel."""
    panel = Events("curation", dataset, "curation")
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
    panel = Events("review", dataset, "review")
    for _ in range(ROUNDS):
        panel.send("on_load")
        _decide(panel)
        panel.send("choose_source", key="outliers")
        panel.send("choose_source", key="label_issues")
        panel.send("choose_mode", "choose_mode: side by side", mode="batch")
        pictures = panel.data["batch"]["pictures"]
        panel.send("decide_marked", "decide_marked: 5", verdict="keep", ids=[one["id"] for one in pictures[5:10]])
        if panel.data["batch"]["more"]:
            panel.send("turn_page", id=panel.data["batch"]["more"])
        panel.send("choose_mode", "choose_mode: one by one", mode="card")
    return panel


def _decide(panel: Events) -> None:
    for event in ("skip", "accept", "keep", "exclude", "back", "undo"):
        panel.send(event, id=(panel.data["card"] or {}).get("id"))
    panel.send("relabel", id=panel.data["card"]["id"], label="class 1")


def report(dataset: Any) -> Events:
    """Every event of the Report panel, on 5 % of the samples."""
    from image_curation import curate

    curate(dataset, "select_subset", embeddings="vectors", n=N // 20, label_field="ground_truth")
    curate(dataset, "report", embeddings="vectors", label_field="ground_truth", rank_field="subset_rank")
    time.sleep(1.5)
    panel = Events("subset_report", dataset, "report")
    for _ in range(ROUNDS):
        panel.send("on_load")
        panel.send("show_subset")
        panel.send("show_cluster", cluster=3)
        panel.send("show_class", name="class 3")
        panel.send("show_far")
        panel.send("on_change_view", "on_change_view: own click")
        panel.send("compare_with", key=None)
        panel.send("open_report", key="report")
        panel.send("export", "export: form")
        panel.send("show_all")
    return panel


def compare(dataset: Any) -> Events:
    """Every event of the Compare panel, with twelve samples selected: as many as it shows."""
    from image_curation import curate

    curate(dataset, "train_classifier", embeddings="vectors", label_field="ground_truth")
    time.sleep(1.5)
    panel = Events("comparison", dataset, "compare")
    ids = dataset.take(12, seed=51).values("id")
    for _ in range(ROUNDS):
        panel.selected = []
        panel.send("on_load", "on_load: none selected")
        for n in (2, 12):
            panel.selected = ids[:n]
            panel.send("on_change_selected", f"on_change_selected: {n}")
        panel.send("choose_embeddings", key="vectors")
        panel.send("choose_predictions", key="classifier")
        panel.send("show_neighbors", ids=[one["id"] for one in panel.data["neighbors"]])
        panel.send("open_sample", id=ids[0])
    return panel


def review_objects(dataset: Any) -> Events:
    """Decisions about objects."""
    panel = Events("review", dataset, "review, objects")
    for _ in range(ROUNDS):
        panel.send("on_load")
        _decide(panel)
        panel.send("show_queue")
        panel.send("show_all")
        panel.send("choose_mode", "choose_mode: side by side", mode="batch")
        panel.send("choose_mode", "choose_mode: one by one", mode="card")
    return panel


def map_objects(dataset: Any) -> Events:
    """What is done most on a map of objects."""
    panel = Events("map", dataset, "map, objects")
    for _ in range(ROUNDS):
        panel.send("on_load")
        panel.send("choose_color", path="objects.label")
        panel.send("choose_color", "choose_color: a score", path="objects.label_issues_quality")
        token = panel.data["plot"]["token"]
        panel.send("point_at", index=9, token=token)
        panel.send("open_point", index=9, token=token)
        panel.send("exclude_point", id=panel.data["point"]["id"], index=9)
        panel.send("undo")
        panel.send("choose_shape", corners=[[0.3, 0.3], [0.6, 0.3], [0.6, 0.6], [0.3, 0.6]], token=token)
        panel.send("clear_chosen")
    return panel


PANELS: dict[str, Callable[[Any], Events]] = {
    "curation": curation,
    "review": review,
    "report": report,
    "compare": compare,
}


if __name__ == "__main__":
    with common.recorded(__file__):
        main()
