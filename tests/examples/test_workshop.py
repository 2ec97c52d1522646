"""The walk through runs from its first cell to its last, and the committed notebook is of the committed script."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("notebook", EXAMPLES / "notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_workshop__runs_on_free_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fiftyone as fo

    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before = set(fo.list_datasets())
    made = _module().notebook_of(EXAMPLES / "workshop.py", ["--free"], tmp_path)
    for name in set(fo.list_datasets()) - before:
        fo.delete_dataset(name)
    said = "".join("".join(o.get("text", [])) for cell in made["cells"] for o in cell.get("outputs", []))
    assert "parts of eight free ones are taken instead" in said
    assert "right (" in said
    assert "images explained by cam of timm:resnet10t" in said
    assert "report.html written" in said
    assert {"neighbors.jpg", "medoids.jpg", "heatmaps.jpg", "regions.jpg"} <= {
        path.name for path in tmp_path.glob("*.jpg")
    }


def test_notebook__is_of_the_script_and_small() -> None:
    path = EXAMPLES / "workshop.ipynb"
    made = json.loads(path.read_text())
    kept = ["".join(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code"]
    assert kept == [code for _, code in _module().cells_of((EXAMPLES / "workshop.py").read_text())]
    assert path.stat().st_size < 1_000_000
    assert any("outputs" in cell and cell["outputs"] for cell in made["cells"])
