"""What is made from declarations and results is up to date, and what a benchmark prints is kept."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    """The script `scripts/docs.py`, whatever else is called `docs`."""
    spec = importlib.util.spec_from_file_location("scripts_docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_docs__pages_follow_the_declarations(docs: ModuleType) -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in docs.pages().items() if _text(path) != text]
    assert not stale, "run `make docs`"
    made = {path for path in docs.pages() if path.parent == docs.METHOD_PAGES}
    assert made == set(docs.METHOD_PAGES.glob("*.md")), "a page of a method that is gone"


def test_docs__every_parameter_and_field_is_on_its_page(docs: ModuleType) -> None:
    from image_curation.core.base.params import domains
    from image_curation.core.catalog import METHODS

    for method in METHODS:
        page = docs.method_page(method)
        assert all(f"| `{name}` |" in page for name in domains(method.params))
        assert all(f"| `{column.field(method.key)}` |" in page for column in method.writes)


def test_benchmarks__tables_follow_the_results(benchmarks: None) -> None:
    import pages

    stale = [str(path.relative_to(ROOT)) for path, text in pages.pages().items() if path.read_text() != text]
    assert not stale, "run `make docs`"


def test_recorded__keeps_tables_and_leaves_others(
    benchmarks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import common

    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr(common, "version", lambda package: "1.0")
    monkeypatch.setattr(sys, "argv", ["toy.py", "seeds"])
    (tmp_path / "toy.json").write_text(json.dumps({"script": "benchmarks/toy.py", "tables": {"old": {"rows": []}}}))
    with common.recorded("benchmarks/toy.py", seeds=3):
        print("## Toys\n\na machine\n\n| | s |\n|---|---|\n| ours | 1 |")
        print("\n| | MB |\n|---|---|\n| ours | 2 |\n| theirs | 3 |\n\n### More, 10 %\n\nno table")
    tables = json.loads((tmp_path / "toy.json").read_text())["tables"]
    assert set(tables) == {"old", "toys", "toys-2", "more-10"}
    assert tables["toys"]["columns"] == ["", "s"]
    assert tables["toys-2"]["rows"] == [["ours", "2"], ["theirs", "3"]]
    assert tables["more-10"]["said"] == ["no table"]
    assert tables["toys"]["measured"]["seeds"] == 3
    assert tables["toys"]["measured"]["command"] == "python toy.py seeds"


def test_recorded__keeps_nothing_of_a_failure(
    benchmarks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import common

    monkeypatch.setattr(common, "RESULTS", tmp_path)

    def fails() -> None:
        with common.recorded("benchmarks/toy.py"):
            print("## Toys\n\n| | s |\n|---|---|\n| ours | 1 |")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert not list(tmp_path.iterdir())


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
