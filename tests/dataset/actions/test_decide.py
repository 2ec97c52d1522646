"""Decisions on a real database: made, taken back exactly, by one process, two, and one that died."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F
from image_curation import act, curate, stale_reason
from image_curation.core.base.params import ParamError
from image_curation.dataset.decisions import decisions, journal
from image_curation.dataset.fields.curated_labels import corrections
from image_curation.dataset.runs import record as runs

ROOT = Path(__file__).resolve().parents[3]


def _raw(dataset: Any) -> list[dict[str, Any]]:
    """The samples as the database holds them, but for the time of their last change."""
    rows = list(dataset._sample_collection.find(sort=[("_id", 1)]))
    return [{name: value for name, value in row.items() if name != "last_modified_at"} for row in rows]


def test_mark__excludes_with_a_reason_and_the_curated_slice_leaves_them_out(dataset: Any) -> None:
    view = dataset.match(F("ground_truth.label") == "red").limit(2)
    summary = act(view, "mark", reason="blurred")
    assert summary == {"headline": "2 samples excluded (blurred)", "count": 2, "unchanged": 0}
    assert dataset.match_tags("excluded").values("id") == view.values("id")
    assert dataset.count_values("curation_reason") == {"blurred": 2, None: 10}
    assert len(dataset.load_saved_view("curated")) == 10
    assert act(view, "mark", reason="blurred")["unchanged"] == 2


def test_mark__keep_takes_the_exclusion_back(dataset: Any) -> None:
    view = dataset.limit(1)
    dataset.first().tags.append("mine")
    view.tag_samples("mine")
    act(view, "mark", reason="blurred")
    act(view, "mark", decision="keep")
    assert dataset.first().tags == ["mine", "kept"]
    assert dataset.first().curation_reason is None
    assert len(dataset.load_saved_view("curated")) == 12


@pytest.fixture
def objects(dataset: Any) -> Any:
    """Two objects in the first sample, one in the second."""
    boxes = [fo.Detection(label="thing", bounding_box=[0, 0, 1, 1]) for _ in range(3)]
    dataset.set_values(
        "objects", [fo.Detections(detections=boxes[:2]), fo.Detections(detections=boxes[2:]), *[None] * 10]
    )
    return dataset


def test_mark__objects_of_a_patches_view(objects: Any) -> None:
    before = _raw(objects)
    patches = objects.to_patches("objects")
    summary = act(patches.limit(1), "mark", reason="blurred")
    assert summary == {"headline": "1 object excluded (blurred)", "count": 1, "unchanged": 0}
    assert objects.values("objects.detections.tags")[:2] == [[["excluded"], []], [[]]]
    assert objects.values("objects.detections.curation_reason")[0] == ["blurred", None]
    assert objects.load_saved_view("curated objects").count("objects.detections") == 2
    assert objects.count_sample_tags() == {}
    assert act(objects, "undo")["headline"] == "Undid “excluded (blurred)” on 1 object"
    assert _raw(objects) == before


def test_relabel__objects_of_a_patches_view(objects: Any) -> None:
    objects.set_values("objects.detections.better", [["a", None], ["c"], *[None] * 10], dynamic=True)
    before = _raw(objects)
    summary = act(
        objects.to_patches("objects"), "relabel", label_field="objects", from_field="objects.better", new_class=True
    )
    assert (summary["headline"], summary["field"]) == ("2 objects relabelled", "objects.detections.label_curated")
    assert objects.values("objects.detections.label_curated")[:2] == [["a", "thing"], ["c"]]
    assert objects.values("objects.detections.label", unwind=True) == ["thing"] * 3
    assert len(corrections(objects, "objects.detections.label")) == 2
    act(objects.to_patches("objects").limit(1), "relabel", label_field="ground_truth", label="green")
    assert objects.values("ground_truth_curated.label")[:2] == ["green", "red"]
    assert act(objects, "undo", steps=2)["steps"] == 2
    curated = objects.values("objects.detections.label_curated", unwind=True)
    assert curated == ["thing"] * 3
    objects.delete_sample_fields(["ground_truth_curated", "objects.detections.label_curated"])
    assert _raw(objects) == before


def test_relabel__of_objects_marks_their_runs_stale(objects: Any) -> None:
    objects.add_sample_field("objects.detections.v", fo.VectorField)
    vectors = [[np.eye(2)[0], np.eye(2)[1]], [np.eye(2)[0]], *[None] * 10]
    objects.set_values("objects.detections.v", vectors)
    objects.set_values("objects.detections.label", [["a", "b"], ["a"], *[None] * 10])
    curate(objects, "find_outliers", embeddings="objects.detections.v", key="plain")
    run = curate(objects, "score_importance", embeddings="objects.detections.v", label_field="objects")
    act(objects.to_patches("objects").limit(1), "relabel", label_field="objects", label="b")
    assert stale_reason(objects, runs.get_run(objects, "plain")) is None
    reason = stale_reason(objects, run)
    assert reason is not None
    assert reason == "1 label in 'objects.detections' corrected since"


def test_mark__a_view_of_the_users_own_named_curated_stays(dataset: Any) -> None:
    dataset.save_view("Curated", dataset.limit(3))
    act(dataset.limit(1), "mark")
    assert dataset.list_saved_views() == ["Curated"]
    assert len(dataset.load_saved_view("Curated")) == 3


def test_relabel__writes_beside_the_given_labels(dataset: Any) -> None:
    given = dataset.values("ground_truth")
    view = dataset.limit(2)
    summary = act(view, "relabel", label="green")
    assert (summary["count"], summary["field"]) == (2, "ground_truth_curated")
    assert dataset.values("ground_truth") == given
    assert dataset.values("ground_truth_curated.label") == ["green"] * 2 + ["red"] * 2 + ["green"] * 4 + ["blue"] * 4
    assert len(dataset.match_tags("relabelled")) == 2
    curate(dataset, "find_neighbors", embeddings="vectors", k=2)  # other fields change nothing here


def test_relabel__each_to_its_own_suggestion(dataset: Any) -> None:
    dataset.set_values("suggested", ["blue", None, "green", *[None] * 9])
    assert act(dataset, "relabel", from_field="suggested")["count"] == 2
    assert dataset.values("ground_truth_curated.label")[:4] == ["blue", "red", "green", "red"]


def test_relabel__text_labels(dataset: Any) -> None:
    dataset.set_values("kind", ["a"] * 12)
    act(dataset.limit(1), "relabel", label_field="kind", label="b", new_class=True)
    assert dataset.values("kind_curated") == ["b"] + ["a"] * 11
    act(dataset, "undo")
    assert dataset.values("kind_curated") == ["a"] * 12


@pytest.mark.parametrize(
    ("action", "given", "sentence"),
    [
        ("relabel", {}, "takes either label, one for all samples, or from_field"),
        ("relabel", {"label": "a", "from_field": "b"}, "got label='a' and from_field='b'"),
        ("relabel", {"label": " "}, "must have at least one letter or digit; got ' '"),
        ("relabel", {"label": "a", "label_field": "nothing"}, "Label field 'nothing' does not exist"),
        ("mark", {"decision": "keep", "reason": "good"}, r"must be empty for samples that are kept; got 'good'"),
        ("mark", {"decision": "delete"}, "MarkParams.decision must be one of"),
        ("undo", {"steps": 0}, "UndoParams.steps must be"),
    ],
)
def test_acting__bad_input(dataset: Any, action: str, given: dict[str, Any], sentence: str) -> None:
    before = _raw(dataset)
    with pytest.raises(ParamError, match=sentence):
        act(dataset, action, **given)
    assert _raw(dataset) == before


def test_acting__nothing_in_the_target(dataset: Any) -> None:
    with pytest.raises(ParamError, match="The target has no samples"):
        act(dataset.match(F("ground_truth.label") == "none such"), "mark")


def test_undo__restores_every_step_exactly(dataset: Any) -> None:
    dataset.limit(5).tag_samples("mine")
    act(dataset.limit(1), "relabel", label="red")  # makes the fields
    states = [_raw(dataset)]
    view = dataset.limit(4)
    for action, given in (
        ("mark", {"reason": "blurred"}),
        ("relabel", {"label": "blue"}),
        ("mark", {"decision": "keep"}),
        ("relabel", {"label": "violet", "new_class": True}),
        ("mark", {}),
    ):
        act(view, action, **given)
        states.append(_raw(dataset))
    for state in states[-2::-1]:
        assert act(dataset, "undo")["left"] == 0
        assert _raw(dataset) == state
    assert act(dataset, "undo")["steps"] == 1
    assert act(dataset, "undo")["headline"] == "Nothing to undo"


def test_undo__many_steps_at_once(dataset: Any) -> None:
    act(dataset.limit(1), "mark")
    act(dataset.skip(1).limit(2), "mark", decision="keep")
    assert act(dataset, "undo", steps=9)["headline"] == "Undid 2 decisions on 3 samples"
    assert dataset.count_sample_tags() == {}


def test_undo__leaves_alone_what_was_changed_since(dataset: Any) -> None:
    act(dataset.limit(2), "mark")
    dataset.limit(1).tag_samples("mine")
    summary = act(dataset, "undo")
    assert (summary["samples"], summary["left"]) == (2, 0)
    assert dataset.limit(2).values("tags") == [["mine"], []], "other people's tags stay"
    act(dataset.limit(3), "mark", reason="blurred")
    dataset.limit(1).set_values("curation_reason", ["my own"])
    dataset.skip(1).limit(1).set_values("tags", [["kept"]])
    summary = act(dataset, "undo")
    assert (summary["samples"], summary["left"]) == (1, 2)
    assert dataset.limit(3).values("tags") == [["mine", "excluded"], ["kept"], []]


def test_undo__of_one_review_only(dataset: Any) -> None:
    decisions.exclude(dataset.limit(1), queue="issues")
    decisions.exclude(dataset.skip(1).limit(1), queue="leaks")
    assert [one.queue for one in decisions.undo(dataset, 5, queue="issues")] == ["issues"]
    assert dataset.match_tags("excluded").values("id") == [dataset.skip(1).first().id]
    assert dataset.match({decisions.REVIEWS: "leaks"}).count() == 1


def test_undo__decision_in_many_parts(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PART", 5)  # 12 samples: three entries, one decision
    act(dataset.limit(1), "mark", decision="keep")
    act(dataset, "mark", reason="all of them")
    assert act(dataset, "undo")["samples"] == 12
    assert dataset.count_sample_tags() == {"kept": 1}


def test_undo__samples_in_memory_are_read_again(dataset: Any) -> None:
    sample = dataset.first()
    act(dataset.limit(1), "mark")
    assert sample.tags == ["excluded"]
    act(dataset, "undo")
    assert sample.tags == []


def test_view_that_hides_fields__is_no_obstacle(dataset: Any) -> None:
    act(dataset.limit(1), "mark", reason="a")
    view = dataset.select_fields("ground_truth").filter_labels("ground_truth", F("label") == "none", only_matches=False)
    act(view, "relabel", label="violet", new_class=True)
    assert set(dataset.values("ground_truth_curated.label")) == {"violet"}
    act(dataset, "undo")
    assert dataset.first().curation_reason == "a"


def test_journal__finishes_what_a_dead_process_began(dataset: Any) -> None:
    decisions.exclude(dataset.limit(1))
    begun = _in_another_process(
        dataset,
        """
        import os
        from image_curation.dataset.decisions import decisions, journal
        journal.apply = lambda *_: os._exit(9)  # the journal is written, the samples are not
        decisions.exclude(dataset.skip(1).limit(1))
        """,
    )
    assert begun.returncode == 9
    assert len(dataset.match_tags("excluded")) == 1
    decisions.exclude(dataset.skip(2).limit(1))
    assert len(dataset.match_tags("excluded")) == 3
    assert act(dataset, "undo", steps=9)["samples"] == 3


def test_two_processes__decide_on_one_dataset(dataset: Any) -> None:
    act(dataset.limit(1), "relabel", label="violet", new_class=True)
    made = _in_another_process(
        dataset,
        """
        from image_curation import act
        act(dataset.skip(1).limit(1), "relabel", label="violet", new_class=True)
        act(dataset.skip(2).limit(1), "mark", reason="there")
        print(act(dataset, "undo", steps=1)["headline"])
        """,
    )
    assert made.stdout.strip().splitlines()[-1] == "Undid “excluded (there)” on 1 sample", made.stderr
    dataset.reload()
    assert dataset.values("ground_truth_curated.label")[:3] == ["violet", "violet", "red"]
    assert act(dataset, "undo", steps=9)["samples"] == 2
    assert dataset.values("ground_truth_curated.label") == dataset.values("ground_truth.label")


def test_corrections__make_runs_on_these_labels_stale_until_taken_back(dataset: Any) -> None:
    run = curate(dataset, "score_importance", embeddings="vectors", label_field="ground_truth", coreset_size=6)
    act(dataset.limit(1), "relabel", label="blue")
    assert stale_reason(dataset, run) == "1 label in 'ground_truth' corrected since"
    again = curate(
        dataset,
        "score_importance",
        embeddings="vectors",
        label_field="ground_truth_curated",
        coreset_size=6,
        key="again",
    )
    assert stale_reason(dataset, again) is None
    act(dataset, "undo")
    assert stale_reason(dataset, run) is None
    assert "have changed" in (stale_reason(dataset, again) or "")
    act(dataset.limit(1), "relabel", label="blue")
    anew = curate(
        dataset, "score_importance", embeddings="vectors", label_field="ground_truth", coreset_size=6, overwrite=True,
        key=run.key,
    )  # fmt: skip
    assert stale_reason(dataset, anew) is None
    assert stale_reason(dataset, runs.get_run(dataset, again.key)) is None


@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.json"])
def test_import_list__round_trip(dataset: Any, tmp_path: Path, name: str) -> None:
    view = dataset.skip(2).limit(3)
    act(view, "mark", reason="blurred")
    path = str(tmp_path / name)
    act(dataset.match_tags("excluded"), "export_list", path=path)
    act(dataset, "undo")
    summary = act(dataset, "import_list", path=path)
    assert summary == {"headline": "3 samples excluded", "count": 3, "unknown": []}
    assert dataset.match_tags("excluded").values("id") == view.values("id")
    assert dataset.count_values("curation_reason") == {name: 3, None: 9}


def test_import_list__relative_paths_unknown_ones_and_a_slice(dataset: Any, tmp_path: Path) -> None:
    listing = tmp_path / "mine.txt"
    listing.write_text("images/red/0.png\n\nimages/red/0.png\nimages/red/99.png\n")
    summary = act(dataset, "import_list", path=str(listing), use="slice")
    assert summary["unknown"] == ["images/red/99.png"]
    assert summary["headline"] == "Slice 'mine': 1 sample; no sample here has 1 path of it, such as 'images/red/99.png'"
    assert dataset.load_saved_view("mine").values("filepath") == [str(tmp_path / "images" / "red" / "0.png")]
    assert act(dataset, "import_list", path=str(listing), use="keep")["headline"].startswith("1 sample kept")


def test_import_list__bad_input(dataset: Any, tmp_path: Path) -> None:
    for name, text, sentence in (
        ("a.xlsx", "", "must end in .txt, .csv or .json"),
        ("a.csv", "path\nx.png\n", "is no list with a column 'filepath'"),
        ("a.json", "{", "is no list with a column 'filepath'"),
        ("a.txt", "\n", "lists no path"),
        ("b.txt", "x.png\n", "None of the 1 paths"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ParamError, match=sentence):
            act(dataset, "import_list", path=str(tmp_path / name))
    with pytest.raises(ParamError, match="cannot be read: No such file"):
        act(dataset, "import_list", path=str(tmp_path / "gone.txt"))
    assert dataset.count_sample_tags() == {}


def _in_another_process(dataset: Any, code: str) -> subprocess.CompletedProcess[str]:
    """Run code on this dataset in a process of its own, with the same database."""
    start = f"""
    import sys
    sys.path.insert(0, {str(ROOT / "scripts")!r})
    from checkout import load_package
    package = load_package()
    import fiftyone as fo
    dataset = fo.load_dataset({json.dumps(dataset.name)})
    """
    script = textwrap.dedent(start) + textwrap.dedent(code)
    env = {**os.environ, "FIFTYONE_DATABASE_URI": fo.config.database_uri or os.environ["FIFTYONE_DATABASE_URI"]}
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=90, check=False
    )


def test_settle__keeps_and_excludes_in_one_decision(dataset: Any) -> None:
    ids = dataset.values("id")
    dataset.select(ids[0]).tag_samples("excluded")
    made = decisions.settle(dataset.select(ids[0]), dataset.select(ids[1:3]), "duplicate", "duplicates")
    assert made.said == "kept 1 and excluded 2 of a group (duplicate)"
    assert set(made.ids) == set(ids[:3])
    assert dataset[ids[0]].tags == ["kept"]
    assert dataset.match_tags("excluded").values("curation_reason") == ["duplicate"] * 2
    assert dataset.match({decisions.REVIEWS: "duplicates"}).count() == 3
    (taken,) = decisions.undo(dataset, 5)
    assert taken.left == 0
    assert dataset.count_sample_tags() == {"excluded": 1}


def test_coreset__is_a_slice_with_weights(dataset: Any, tmp_path: Path) -> None:
    run = curate(dataset, "score_importance", embeddings="vectors", label_field="ground_truth", coreset_size=6)
    assert act(dataset, "save_slice", name="c", field="importance_in_coreset", equals="true")["count"] == 6
    view = dataset.load_saved_view("c")
    assert sum(view.values("importance_weight")) == pytest.approx(12, rel=0.1)
    act(view, "export_list", path=str(tmp_path / "c.csv"), fields=["importance_weight"])
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["filepath"] for row in rows] == view.values("filepath")
    assert [float(row["importance_weight"]) for row in rows] == view.values("importance_weight")
    assert run.facts["held_out_accuracy"].startswith("Accuracy trained on all")


def test_edge_cases__are_nested_slices(dataset: Any) -> None:
    curate(dataset, "select_subset", embeddings="vectors", purpose="edge_cases", n=4, unique=False)
    sizes = []
    for step in (1, 5):
        act(dataset, "save_slice", name=f"step {step}", field="subset_ladder", at_most=step)
        sizes.append(set(dataset.load_saved_view(f"step {step}").values("id")))
    assert sizes[0] < sizes[1]
    assert len(sizes[1]) == 4
