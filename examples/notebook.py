"""Runs the cells of a script and keeps what they print and draw as a notebook: `python examples/notebook.py`.

Needs nothing but what Curator needs; a notebook is a JSON file.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def cells_of(script: str) -> list[tuple[str, str]]:
    """Title and code of each cell; what comes before the first is the docstring."""
    parts = re.split(r"^# %% (.*)$", script, flags=re.MULTILINE)[1:]
    return [(title.strip(), code.strip("\n")) for title, code in zip(parts[::2], parts[1::2], strict=True)]


def notebook_of(script: Path, arguments: list[str], out: Path) -> dict[str, Any]:
    """Run the cells in one namespace; their output becomes the notebook's."""
    source = script.read_text()
    intro = source.split('"""')[1].strip()
    cells: list[dict[str, Any]] = [_text(f"# {intro.splitlines()[0]}")]
    namespace: dict[str, Any] = {"__name__": "workshop", "__doc__": intro}
    sys.argv = [str(script), *arguments, "--out", str(out)]
    for number, (title, code) in enumerate(cells_of(source), start=1):
        before = set(out.glob("*.jpg"))
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, f"cell {number}", "exec", dont_inherit=True), namespace)  # noqa: S102 - our own script
        pictures = sorted(set(out.glob("*.jpg")) - before)
        cells += [_text(f"## {title}"), _code(code, number, said.getvalue(), pictures)]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": cells}


def _text(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"t{abs(hash(text)) % 10**8}", "metadata": {}, "source": _lines(text)}


def _code(code: str, number: int, said: str, pictures: list[Path]) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = []
    if said:
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(said)})
    for path in pictures:
        data = {"image/jpeg": base64.b64encode(path.read_bytes()).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    return {
        "cell_type": "code",
        "id": f"c{number}",
        "metadata": {},
        "execution_count": number,
        "source": _lines(code),
        "outputs": outputs,
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent / "scripts"))
    from checkout import load_package

    load_package()
    with tempfile.TemporaryDirectory() as folder:
        made = notebook_of(HERE / "workshop.py", sys.argv[1:], Path(folder))
    (HERE / "workshop.ipynb").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
