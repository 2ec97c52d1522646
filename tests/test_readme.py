"""The README is true: its code runs, its table is current, its pictures and files are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.timeout(900)  # every method on 1,800 images: two minutes of an idle core
def test_readme__code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fiftyone as fo
    from image_curation.dataset.demo import ensure_demo

    ensure_demo(tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert len(blocks) >= 8
    try:
        for block in blocks:
            exec(compile(block, "README.md", "exec"), namespace)
        assert (tmp_path / "wrong_labels.csv").read_text().count("\n") > 10
    finally:
        fo.delete_dataset("digits")


def test_readme__table_of_methods_is_current() -> None:
    import docs

    assert docs.written(README) == README, "run `make docs`"


def test_readme__links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_readme__make_words_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in set(re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.M)):
        assert re.search(rf"^{word}:", makefile, flags=re.M), word
