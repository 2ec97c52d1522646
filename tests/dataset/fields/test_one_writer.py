"""What runs share has one writer: nothing is lost when several write at once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from image_curation.core.base.params import ParamError
from image_curation.dataset.curate import curate
from image_curation.dataset.fields import leases
from image_curation.dataset.fields.declarations import declare_fields
from image_curation.dataset.fields.fiftyone_compat import database, undeclared
from image_curation.dataset.fields.one_writer import one_writer
from image_curation.dataset.runs.record import list_runs

ROOT = Path(__file__).resolve().parents[3]
TWO = (("find_outliers", "a"), ("find_neighbors", "b"))


def _whole(dataset: Any) -> None:
    """Every field of every run is declared, every sample can be read, every count is true."""
    dataset.reload()
    runs = list_runs(dataset)
    assert not undeclared(dataset, [path for run in runs for path in run.writes.values()])
    assert len(list(dataset)) == 12
    for run in runs:
        assert (run.status, run.n) == ("done", 12)
        assert dataset.exists(next(iter(run.writes.values()))).count() == 12
        assert [group.name for group in dataset.app_config.sidebar_groups].count(run.key) == 1


def test_two_threads__lose_nothing(dataset: Any) -> None:
    def go(method: str, key: str) -> None:
        curate(fo.load_dataset(dataset.name), method, key=key, embeddings="vectors", k=3)

    threads = [threading.Thread(target=go, args=one) for one in TWO]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.key for run in list_runs(dataset)) == ["a", "b"]
    _whole(dataset)


@pytest.mark.slow
def test_two_processes__lose_nothing_and_of_one_key_one_runs(dataset: Any) -> None:
    dataset.persistent = True
    code = f"""
        import sys
        sys.path.insert(0, {str(ROOT / "scripts")!r})
        from checkout import load_package
        package = load_package()
        import fiftyone as fo
        dataset = fo.load_dataset({dataset.name!r})
        package.list_runs(dataset)
        print("ready", flush=True)
        sys.stdin.readline()
        refused = []
        for method, key in ((sys.argv[1], sys.argv[1]), ("find_outliers", "same")):
            try:
                package.curate(dataset, method, key=key, embeddings="vectors", k=3)
            except package.ParamError as error:
                refused.append(str(error))
        print(refused, flush=True)
    """
    both = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for method, _ in TWO
    ]
    for process in both:
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in both]
    assert sum("'same'" in answer for answer in answers) == 1, answers
    assert sorted(run.key for run in list_runs(dataset)) == ["find_neighbors", "find_outliers", "same"]
    _whole(dataset)


def test_declare_fields__what_another_program_overwrites_is_declared_again(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, lost = type(dataset).add_sample_field, []

    def losing(self: Any, path: str, **options: Any) -> None:
        plain(self, path, **options)
        if not lost:  # as another process's save of an older list of fields does
            lost.append(path)
            database().datasets.update_one({"_id": self._doc.id}, {"$pull": {"sample_fields": {"name": path}}})

    monkeypatch.setattr(type(dataset), "add_sample_field", losing)
    declare_fields(dataset, {name: {"ftype": fo.FloatField} for name in ("one", "two")})
    assert lost == ["one"]
    assert not undeclared(dataset, ["one", "two"])
    assert {"one", "two"} <= set(dataset.get_field_schema())


def test_one_writer__is_freed_of_the_dead_and_may_be_nested(dataset: Any) -> None:
    name = f"{dataset._doc.id} writer"
    left = leases.take(name, {})
    assert left is not None
    left.leave()  # its process died
    with one_writer(dataset), one_writer(dataset):
        there = leases.look(name)
        assert there is not None
        assert there["alive"]
    assert leases.look(name) is None


@pytest.mark.parametrize("key", ["self", "field_names", "_x", "x" * 300, "save", "a b", ""])
def test_names__that_cannot_be_used_are_refused_before_anything_is_written(dataset: Any, key: str) -> None:
    before = set(dataset.get_field_schema())
    with pytest.raises(ParamError, match="^key must "):
        curate(dataset, "find_outliers", key=key, embeddings="vectors")
    assert (set(dataset.get_field_schema()), list_runs(dataset)) == (before, [])
    assert len(list(dataset)) == 12


def test_nested_vectors__stand_in_nobodys_way(dataset: Any) -> None:
    """FiftyOne cannot delete a field beside them."""
    dataset.add_sample_field("data", fo.EmbeddedDocumentField, embedded_doc_type=fo.DynamicEmbeddedDocument)
    dataset.add_sample_field("data.vector", fo.VectorField)
    curate(dataset, "compute_map", key="m", embeddings="vectors", method="pca")
    curate(dataset, "find_neighbors", key="m", embeddings="vectors", overwrite=True)
    assert dataset.get_field("m") is None


def test_one_writer__a_dataset_that_another_process_has_renamed(dataset: Any) -> None:
    """Its old name may even be another dataset's by now."""
    old, new = dataset.name, f"{dataset.name} renamed"
    database().datasets.update_one({"name": old}, {"$set": {"name": new, "slug": new.replace(" ", "-")}})
    stranger = fo.Dataset(old)
    try:
        curate(dataset, "find_outliers", embeddings="vectors")
        assert dataset.name == new
        assert [run.key for run in list_runs(dataset)] == ["outliers"]
        assert list_runs(stranger) == []
    finally:
        stranger.delete()
