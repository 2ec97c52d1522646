"""A random walk through all that a curator does, in two processes: what must hold after every step.

Each step is done by this process or by another one on the same database. About a hundred are walked here, always
the same; for more: `CURATOR_WALK_STEPS=50000 pytest tests/journeys/test_random_walk.py`, each time on other paths.

What is compared is told by the samples themselves, read one by one, and by what the walk has done itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from image_curation.core.catalog import METHODS
from image_curation.dataset.actions.catalog import ACTIONS
from image_curation.dataset.decisions.questions import SAYS
from image_curation.dataset.fields.fiftyone_compat import reload
from image_curation.dataset.fields.rows import Rows
from image_curation.dataset.fields.working_set import EXCLUDED, Choice, labels
from image_curation.dataset.runs.freshness import Freshness
from image_curation.dataset.runs.record import Run, list_runs
from image_curation.panels.curation import check_page, dashboard, findings
from image_curation.panels.review import review_queue
from image_curation.panels.shared.scope import whole
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # the steps, which the other process runs as a program

import walker  # noqa: E402
from walker import CLASSES  # noqa: E402

LENGTH = 100  # steps of one walk at most: some have nothing to do
STALE_EVERY, SCREEN_EVERY = 3, 10  # steps
WANTED = int(os.environ.get("CURATOR_WALK_STEPS", "150"))
DECIDED = ("tags", "curation_reason", "curation_reviews", "curation_findings")
LABELLED = ("find_label_issues", "find_duplicates", "find_confusions", "find_spurious_cues", "find_annotation_issues")
MARKED: dict[str, tuple[str, Any]] = {  # method → the column by which it points at a sample, and the value
    "find_outliers": ("is_outlier", True),
    "find_label_issues": ("is_issue", True),
    "find_duplicates": ("keep", False),
    "find_confusions": ("is_confused", True),
}


class OtherProcess:
    """A second process that does steps."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", str(Path(walker.__file__))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step(self, name: str, **given: Any) -> Any:
        """What that process answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"dataset": name, **given}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Walk(RuleBasedStateMachine):
    """One dataset, from twelve samples on."""

    other: OtherProcess
    folder: Path
    steps = 0
    numbers = 0

    def __init__(self) -> None:
        super().__init__()
        self.dataset = fo.Dataset()
        self.dataset.persistent = True  # as two processes work on it
        self.dataset.add_sample_field("ground_truth", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
        self.dataset.add_sample_field("vectors", fo.VectorField)
        self.given: dict[str, str | None] = {}
        self.vectors: dict[str, list[float]] = {}
        self.made: dict[str, Any] = {}  # key and end of a run → what it read, as it was then
        self.taken = 0
        self.looked: dict[int, int] = {}
        self.corrected: dict[str, str] = {}  # what people have said the labels are, by decisions that stand
        self.before: list[tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = []  # of each decision

    def do(self, far: bool, **given: Any) -> Any:
        """One step, in the other process where it is to be far; the runs that it made read what is there now."""
        Walk.steps += 1
        self.taken += 1
        name = self.dataset.name
        done = self.other.step(name, **given) if far else walker.step(name, **given)
        reload(self.dataset)
        return done

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.put(False, [(CLASSES[place % 3], place % 3, int(rng.integers(0, 9))) for place in range(12)])

    def put(self, far: bool, some: list[tuple[str | None, int, int]]) -> None:
        samples = []
        for label, corner, shift in some:
            Walk.numbers += 1
            path = self.folder / f"{Walk.numbers}.png"
            Image.new("RGB", (8, 8), (20 * corner, 25 * shift, Walk.numbers % 256)).save(path)
            vector = np.eye(3)[corner] + 0.02 * shift
            samples.append({"path": str(path), "label": label, "vector": vector.tolist()})
        ids = self.do(far, do="add", samples=samples)
        for one, sample in zip(ids, samples, strict=True):
            self.given[one], self.vectors[one] = sample["label"], sample["vector"]

    # What people do

    @rule(far=st.booleans(), label=st.sampled_from((*CLASSES, None)), corner=st.integers(0, 2), shift=st.integers(0, 9))
    def add(self, far: bool, label: str | None, corner: int, shift: int) -> None:
        if len(self.given) < 24:
            self.put(far, [(label, corner, shift)])

    @rule(far=st.booleans(), at=st.integers(0, 23))
    @precondition(lambda self: len(self.given) > 8)
    def delete(self, far: bool, at: int) -> None:
        (one,) = self.some(at, 1)
        self.do(far, do="delete", ids=[one])
        del self.given[one], self.vectors[one]
        self.corrected.pop(one, None)

    @rule(far=st.booleans(), at=st.integers(0, 23), label=st.sampled_from((*CLASSES, None)))
    def edit(self, far: bool, at: int, label: str | None) -> None:
        (one,) = self.some(at, 1)
        self.do(far, do="edit", one=one, label=label)
        self.given[one] = label

    @rule(far=st.booleans(), at=st.integers(0, 23), corner=st.integers(0, 2), shift=st.integers(0, 9))
    def move(self, far: bool, at: int, corner: int, shift: int) -> None:
        (one,) = self.some(at, 1)
        self.vectors[one] = (np.eye(3)[corner] + 0.02 * shift).tolist()
        self.do(far, do="move", one=one, vector=self.vectors[one])

    @rule(far=st.booleans(), at=st.integers(0, 23), n=st.integers(1, 3), keep=st.booleans(), asks=st.integers(0, 5))
    def mark(self, far: bool, at: int, n: int, keep: bool, asks: int) -> None:
        self.decide(far, do="mark", ids=self.some(at, n), decision="keep" if keep else "exclude", run=self.review(asks))

    @rule(
        far=st.booleans(),
        at=st.integers(0, 23),
        n=st.integers(1, 3),
        label=st.sampled_from(CLASSES),
        asks=st.integers(0, 5),
    )
    def relabel(self, far: bool, at: int, n: int, label: str, asks: int) -> None:
        self.decide(far, do="relabel", ids=self.some(at, n), label=label, run=self.review(asks))

    def decide(self, far: bool, **given: Any) -> None:
        before = self.decided()
        done = self.do(far, **given)
        assert "refused" not in done, done
        after = self.decided()
        if done["count"]:
            self.before.append((before, after, dict(self.corrected)))
        if given["do"] == "relabel":
            for one in given["ids"]:
                self.corrected[one] = given["label"]

    @rule(far=st.booleans())
    def undo(self, far: bool) -> None:
        """What nobody has touched since is exactly what it was before the decision."""
        now = self.decided()
        done = self.do(far, do="undo")
        assert done["steps"] == (1 if self.before else 0), done
        if not self.before:
            return
        before, after, corrected = self.before.pop()
        then = self.decided()
        for one, was in before.items():
            if one in then and now[one] == after[one]:
                assert then[one] == was, (one, was, then[one])
        self.corrected = {one: label for one, label in corrected.items() if one in self.given}

    # What Curator does

    @rule(far=st.booleans(), method=st.sampled_from((None, None, *sorted(walker.METHODS))))
    def run(self, far: bool, method: str | None) -> None:
        if method is not None:
            self.compute(far, do="run", method=method)

    @rule(far=st.booleans(), at=st.integers(0, 15))
    def rerun(self, far: bool, at: int) -> None:
        keys = [run.key for run in list_runs(self.dataset) if run.key != "check" and run.status == "done"]
        if at < len(keys):
            self.compute(far, do="rerun", key=keys[at])

    @rule(far=st.booleans(), at=st.integers(0, 9))
    def forget(self, far: bool, at: int) -> None:
        keys = [run.key for run in list_runs(self.dataset)]
        if keys and at < len(keys):
            assert "refused" not in self.do(far, do="forget", key=keys[at])
            assert keys[at] not in {run.key for run in list_runs(self.dataset)}

    @rule(far=st.booleans(), at=st.integers(0, 40))
    def clear(self, far: bool, at: int) -> None:
        """Somebody deletes the field of a result."""
        fields = [path for run in list_runs(self.dataset) for path in run.writes.values()]
        fields = [path for path in fields if self.dataset.get_field(path) is not None]
        if at < len(fields):
            self.do(far, do="clear", field=fields[at])

    @rule(far=st.booleans(), really=st.integers(0, 4))
    def check(self, far: bool, really: int) -> None:
        if really != 4:
            return
        done = self.compute(far, do="check")
        if "refused" in done:
            return
        run = next(run for run in list_runs(self.dataset) if run.key == "check")
        by_title = {(one.finding.title if one.finding else ""): one.name for one in METHODS}
        rows = self.rows()
        used = [row for row in rows if EXCLUDED not in row["tags"]]
        assert run.n == len(used)
        made = {one.method: one for one in list_runs(self.dataset) if one.key in run.reads}
        for title in run.facts["fine"]:  # nothing is fine that was not looked at
            looked = made[by_title[title]]
            assert self.fresh().stale_reason(looked.key) is None
            plain = [path for name, path in looked.writes.items() if any(row.get(path) is not None for row in used)]
            assert plain
            assert any(all(row.get(path) is not None for row in used) for path in plain), title
            if by_title[title] in MARKED:
                assert not self.pointed_at(looked, used)
        for issue in run.facts["issues"]:
            if issue["method"] in MARKED:
                assert issue["count"] == len(self.pointed_at(made[issue["method"]], used))

    @rule(far=st.booleans())
    def rename(self, far: bool) -> None:
        Walk.numbers += 1
        to = f"walk {os.getpid()} {Walk.numbers}"
        self.do(far, do="rename", to=to)
        assert self.dataset.name == to

    @rule(really=st.integers(0, 4))
    def clone(self, really: int) -> None:
        """A clone shows what the dataset shows, and lives a life of its own."""
        if really != 4:
            return
        Walk.steps += 1
        shown = self.shown()
        clone = self.dataset.clone()
        mine, self.dataset = self.dataset, clone
        try:
            for key, counts in self.shown().items():
                assert counts == shown[key]
            before = self.decided(mine)
            walker.mark(clone, [str(next(iter(clone)).id)], "exclude", None)
            assert self.decided(mine) == before
        finally:
            self.dataset = mine
            clone.delete()

    def compute(self, far: bool, **given: Any) -> Any:
        before = {run.key: run.finished for run in list_runs(self.dataset)}
        done = self.do(far, **given)
        now = {run.key: run for run in list_runs(self.dataset)}
        if "refused" in done:
            assert {key: run.finished for key, run in now.items()} == before, "what is refused leaves nothing"
        for key, run in now.items():
            if before.get(key) != run.finished:
                self.made[f"{key} {run.finished}"] = self.read_by(run)
        assert not [run for run in now.values() if run.status != "done"]
        return done

    # What must hold

    @invariant()
    def given_labels_are_unchanged(self) -> None:
        assert dict(zip(*self.dataset.values(["id", "ground_truth.label"]), strict=True)) == self.given

    @invariant()
    def runs_are_stale_exactly_where_what_they_read_has_changed(self) -> None:
        if not self.is_time(STALE_EVERY):
            return
        fresh = self.fresh()
        for run in list_runs(self.dataset):
            if run.key == "check":
                continue
            reason, read = fresh.stale_reason(run.key), self.made[f"{run.key} {run.finished}"]
            assert (reason is None) == (read == self.read_by(run)), (run.key, reason, read, self.read_by(run))

    @invariant()
    def working_labels_are_the_given_ones_but_for_corrections(self) -> None:
        every = Rows(self.dataset.view(), None)
        working = dict(zip(every.ids, labels(every, "ground_truth.label", Choice())[0], strict=True))
        assert working == {**self.given, **self.corrected}

    @invariant()
    def counts_on_the_screen_are_those_of_the_samples(self) -> None:
        if not self.is_time(SCREEN_EVERY):
            return
        rows = self.rows()
        used = [row for row in rows if EXCLUDED not in row["tags"]]
        listed = {run.key: run for run in list_runs(self.dataset)}
        shown = self.shown()
        for key, counts in shown.items():
            run = listed[key]
            if run.method in MARKED and run.method != "find_duplicates":
                left = [row for row in self.pointed_at(run, used) if not self.is_answered(run, row)]
                assert counts == (len(left), len(left)), (key, counts, len(left))
            else:
                assert counts[0] == counts[1]
        summary = self.home()["summary"]
        out = len(rows) - len(used)
        assert summary.startswith(f"{len(used)} of {len(rows)} samples in use" if out else f"{len(rows)} samples")

    # How it is told

    def is_time(self, every: int) -> bool:
        """Of what costs more than a step itself, one look after so many steps; each step once."""
        due = self.taken // every > self.looked.get(every, 0)
        self.looked[every] = self.taken // every
        return due

    def some(self, at: int, n: int) -> list[str]:
        ids = list(self.given)
        return list(dict.fromkeys(ids[(at + step) % len(ids)] for step in range(n)))

    def review(self, at: int) -> str | None:
        keys = [run.key for run in list_runs(self.dataset) if run.method in MARKED]
        return keys[at] if at < len(keys) else None

    def fresh(self) -> Freshness:
        return Freshness(self.dataset)

    def rows(self) -> list[dict[str, Any]]:
        return list(self.dataset._sample_collection.find({}).sort("_id", 1))

    def decided(self, dataset: fo.Dataset | None = None) -> dict[str, Any]:
        """What decisions have left on each sample; no value and an empty list are the same. Labels: see `corrected`."""
        found: dict[str, Any] = {}
        for row in (dataset or self.dataset)._sample_collection.find({}):
            found[str(row["_id"])] = {name: row[name] for name in DECIDED if row.get(name)}
        return found

    def read_by(self, run: Run) -> Any:
        """What a run of the whole dataset reads, as it is now: who is there and in use, vectors, labels, fields."""
        rows = self.rows()
        read: dict[str, Any] = {
            "ids": [str(row["_id"]) for row in rows],
            "out": [str(row["_id"]) for row in rows if EXCLUDED in row["tags"]],
            "fields": all(self.dataset.get_field(path) is not None for path in run.writes.values()),
        }
        if "embeddings" in run.reads:
            read["vectors"] = dict(sorted(self.vectors.items()))
        if run.method in LABELLED and "labels" in run.reads or run.method == "find_annotation_issues":
            read["given"] = dict(sorted(self.given.items()))
            said = sorted(self.corrected.items())
            read["corrected"] = {one: label for one, label in said if label != self.given[one]}
        return read

    def pointed_at(self, run: Run, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        name, value = MARKED[run.method]
        return [row for row in rows if row.get(run.writes.get(name, "")) is value]

    def is_answered(self, run: Run, row: dict[str, Any]) -> bool:
        """Somebody has decided about what the run says of the sample."""
        suggested = row.get(run.writes.get("suggested") or run.writes.get("predicted") or "")
        said = suggested.get("label") if isinstance(suggested, dict) else suggested
        question = " ".join([run.method, *(["ground_truth"] if "labels" in run.reads else [])])
        return (f"{question}{SAYS}{said}" if said else question) in (row.get("curation_findings") or [])

    def kinds(self) -> list[findings.Found]:
        listed = list_runs(self.dataset)
        return findings.found_in(self.dataset.view(), listed, Freshness(self.dataset, listed), "ground_truth.label")

    def home(self) -> dict[str, Any]:
        listed = list_runs(self.dataset)
        fresh = Freshness(self.dataset, listed)
        has, labels = {"labels", "embeddings"}, "ground_truth.label"
        return dashboard.dashboard(self.dataset.view(), METHODS, ACTIONS, listed, fresh, has, labels)

    def shown(self) -> dict[str, tuple[int, int]]:
        """Key → what is left by the home page and by the review; the page of the check says what the home page does."""
        listed = list_runs(self.dataset)
        kinds = self.kinds()
        cards = {card["key"]: card["now"] for card in findings.cards(kinds, listed)}
        check = next((run for run in listed if run.key == "check" and run.status == "done"), None)
        if check is not None:
            for card in check_page.page(check, None, kinds, listed)["kinds"]:
                assert card["now"] == cards[card["key"]]
        queues = {one.source.key: review_queue.read(one.source, whole(self.dataset, None)) for one in kinds}
        about = {one.source.key for one in kinds if not one.finding.of_classes}
        return {key: (now, queues[key].done.count(False)) for key, now in cards.items() if key in about}

    def teardown(self) -> None:
        self.dataset.delete()


@pytest.fixture
def other() -> Iterator[OtherProcess]:
    started = OtherProcess()
    yield started
    started.end()


@pytest.mark.slow
@pytest.mark.timeout(max(600, WANTED))
def test_random_walk(other: OtherProcess, tmp_path: Path) -> None:
    Walk.other, Walk.folder, Walk.steps = other, tmp_path, 0
    asked = "CURATOR_WALK_STEPS" in os.environ
    walk = settings(
        max_examples=max(1, 2 * WANTED // LENGTH),
        stateful_step_count=LENGTH,
        deadline=None,
        derandomize=not asked,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(Walk, settings=walk)
    finally:
        print(f"{Walk.steps:,} steps walked")
