"""What the README and the pages of `docs/` show runs: every Python block, page by page, on a set of digits.

The pages share one database; each gets a copy of the set as it is after the first steps, so that their order is free.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST = "docs/first-steps-python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.S | re.M)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PER_CLASS = 20


def _with_code() -> list[str]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in pages if BLOCK.search(page.read_text())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder `images` that pages import: some of the demo's digits, its damaged files and planted copies too."""
    from image_curation.dataset.demo import ensure_demo

    folder = tmp_path_factory.mktemp("pages")
    truth = ensure_demo(folder)
    kept = {one.path for one in truth if one.planted} | {one.copy_of for one in truth}
    for images in sorted((folder / "images").iterdir()):
        for path in sorted(images.iterdir())[PER_CLASS:]:
            if f"{images.name}/{path.name}" not in kept:
                path.unlink()
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def digits(folder: Path) -> Any:
    """The set after the first steps: imported and embedded."""
    import fiftyone as fo
    import image_curation

    image_curation.import_images("digits", directory="images")
    dataset = fo.load_dataset("digits")
    image_curation.curate(dataset, "compute_embeddings", model="descriptor")  # what auto chooses for digits
    dataset.name = "digits as they were"
    return dataset


@pytest.mark.parametrize("page", _with_code())
def test_page__code_runs(page: str, digits: Any) -> None:
    import fiftyone as fo

    if page != FIRST and page != "README.md":  # those two import it themselves
        digits.clone("digits")
    namespace: dict[str, Any] = {}
    try:
        for block in BLOCK.findall((ROOT / page).read_text()):
            exec(compile(block, page, "exec"), namespace)
    finally:
        if "digits" in fo.list_datasets():
            fo.delete_dataset("digits")
