"""Links lead somewhere: to files and headings that are there, and words of `make` that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / "benchmarks").glob("*.md"),
    *(ROOT / "findings").glob("*.md"),
    *(ROOT / "panels").rglob("README.md"),
    *(ROOT / "docs").rglob("*.md"),
]
PAGES = [page for page in PAGES if "node_modules" not in page.parts]
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", flags=re.S | re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _anchors(page: Path) -> set[str]:
    """What the forge makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page__links_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            wrong.append(link)
    assert not wrong


def test_pages__can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        links = LINK.findall(CODE.sub("", page.read_text()))
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link]
    assert not [str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md") if page not in seen]


def test_pages__pictures_are_shown() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert not [path.name for path in (ROOT / "docs" / "images").iterdir() if f"images/{path.name}" not in text]


def test_pages__make_words_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    said = {word for page in PAGES for word in re.findall(r"(?:`|^ *)make ([a-z]+)\b", page.read_text(), flags=re.M)}
    assert said
    assert not [word for word in said if not re.search(rf"^{word}:", makefile, flags=re.M)]


def test_readme__is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= 6 * 1024
