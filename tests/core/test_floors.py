"""The rule of direction: a folder imports from the floors below its own only, and no modules import in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each line is a floor, lowest first; a name is a folder, or a file that lies in none.
FLOORS = {
    ".": (
        ("core",),
        ("dataset",),
        ("operators", "panels", "cli"),
        ("sdk",),
    ),
    "core": (
        ("base",),
        ("images", "neighbors"),
        ("probes", "pages"),
        ("embeddings", "labels", "copies", "representatives", "maps"),
        ("zero_shot", "quality", "classifiers", "selection", "failures"),
        ("explanations", "importance"),
        ("catalog",),
        ("checking",),
    ),
    "dataset": (
        ("fields", "demo", "zoo_engine"),
        ("storage",),
        ("runs",),
        ("inputs",),
        ("outputs", "decisions", "pages"),
        ("curate", "searching"),
        ("actions", "zoo_entry"),
    ),
    "panels": (
        ("shared",),
        ("review", "report", "compare", "map"),
        ("curation",),
    ),
}


def _modules() -> dict[str, Path]:
    """Dotted name → file of every module of the package; a folder's name stands for its `__init__.py`."""
    layers = [layer for floor in FLOORS["."] for layer in floor if (ROOT / layer).is_dir()]
    files = [path for layer in layers for path in (ROOT / layer).rglob("*.py") if "node_modules" not in path.parts]
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in [*files, ROOT / "sdk.py"]}
    return {name.removesuffix(".__init__"): path for name, path in sorted(found.items())}


def _imports(name: str, path: Path) -> Iterator[tuple[str, ...]]:
    """Each name that a module imports, in parts: relative and absolute imports, inside functions and for types only."""
    parts = name.split(".") if name else []
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            start = ["image_curation", *package[: len(package) - node.level + 1]] if node.level else []
            for alias in node.names:
                yield (*start, *(node.module.split(".") if node.module else ()), alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))


def _ours(name: str, path: Path) -> set[str]:
    """The modules of this package that a module imports."""
    found = set()
    for first, *rest in _imports(name, path):
        if first == "image_curation":
            longest = (".".join(rest[:end]) for end in range(len(rest), 0, -1))
            found.add(next(target for target in longest if target in MODULES))
    return found - {name}


MODULES = _modules()
IMPORTS = {name: _ours(name, path) for name, path in MODULES.items()}


def _place(area: str, module: str) -> str:
    """The folder or file of an area in which a module lies; "" for what lies outside, and for the area's own file."""
    inside = module if area == "." else module.removeprefix(f"{area}.") if module.startswith(f"{area}.") else ""
    return inside.split(".")[0]


def test_imports__are_seen() -> None:
    """Relative ones, absolute ones, those inside functions and those for types: else the tests below prove nothing."""
    assert "core.base.params" in IMPORTS["core.labels.find_label_issues"]
    assert "dataset.searching" in IMPORTS["dataset.zoo_entry"]
    assert "core.copies" not in IMPORTS["core.copies.find_leaks"]
    assert len(MODULES) > 150
    assert sum(map(len, IMPORTS.values())) > 800


@pytest.mark.parametrize("area", FLOORS)
def test_floors__every_folder_has_one(area: str) -> None:
    places = {path.stem for path in (ROOT / area).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    named = [place for floor in FLOORS[area] for place in floor]
    assert len(set(named)) == len(named)
    assert set(named) == places - {"__init__", "setup"}


@pytest.mark.parametrize("area", FLOORS)
def test_floors__are_imported_downwards_only(area: str) -> None:
    """Never upwards, and never sideways to another folder of the same floor."""
    height = {place: number for number, floor in enumerate(FLOORS[area]) for place in floor}
    wrong = []
    for module, targets in IMPORTS.items():
        for target in targets:
            here, there = _place(area, module), _place(area, target)
            if here and there and here != there and height[there] >= height[here]:
                wrong.append(f"{module} imports {target}")
    assert not wrong


def test_imports__go_round_in_no_circle() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.slow
def test_core__knows_no_fiftyone() -> None:
    for name, path in MODULES.items():
        if name.startswith("core."):
            assert "fiftyone" not in {parts[0] for parts in _imports(name, path)}, name
